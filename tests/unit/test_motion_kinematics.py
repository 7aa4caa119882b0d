"""Forward kinematics and resampling on the 55 joints."""

import numpy as np
import pytest

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import JOINT_COUNT, JOINT_INDEX, MIRROR, PARENTS, REST_OFFSETS, rest_positions
from solami_tokenizers.motion import Clip, forward, resample
from solami_tokenizers.motion.kinematics import local_rotations


def _random_clip(frames: int = 20, fps: float = 30.0) -> Clip:
    rng = np.random.default_rng(7)
    rotations = quat.normalise(rng.normal(size=(frames, JOINT_COUNT, 4))).astype(np.float32)
    return Clip(name="random", root_m=rng.normal(size=(frames, 3)).astype(np.float32), rotations=rotations, fps=fps)


def test_the_identity_pose_is_the_t_pose() -> None:
    rotations = np.tile(quat.IDENTITY, (2, JOINT_COUNT, 1))
    places, turns = forward(np.tile(REST_OFFSETS[0], (2, 1)), rotations)
    np.testing.assert_allclose(places[1], rest_positions(), atol=1e-6)
    np.testing.assert_array_equal(turns, rotations)


def test_it_is_the_chain_of_parents() -> None:
    clip = _random_clip()
    places, turns = forward(clip.root_m, clip.rotations)
    for j in range(1, JOINT_COUNT):
        parent = PARENTS[j]
        expected = places[:, parent] + quat.rotate(turns[:, parent], REST_OFFSETS[j])
        np.testing.assert_allclose(places[:, j], expected, atol=1e-5)
        expected = quat.multiply(turns[:, parent], clip.rotations[:, j])
        np.testing.assert_allclose(turns[:, j], expected, atol=1e-5)
    np.testing.assert_allclose(local_rotations(turns), clip.rotations, atol=1e-5)


def test_body_only_is_the_same_without_face_and_fingers() -> None:
    clip = _random_clip()
    whole, body = forward(clip.root_m, clip.rotations), forward(clip.root_m, clip.rotations, body_only=True)
    for a, b in zip(whole, body, strict=True):
        np.testing.assert_array_equal(a[:, :22], b)


def test_a_mirrored_pose_has_mirrored_places() -> None:
    clip = _random_clip()
    mirrored = clip.rotations[:, MIRROR] * np.array([1, -1, -1, 1], dtype=np.float32)
    flip = np.array([-1, 1, 1], dtype=np.float32)
    places, _ = forward(clip.root_m, clip.rotations)
    other, _ = forward(clip.root_m * flip, mirrored)
    np.testing.assert_allclose(other, places[:, MIRROR] * flip, atol=1e-5)


def test_a_raised_left_arm_goes_up_on_the_left() -> None:
    rotations = np.tile(quat.IDENTITY, (1, JOINT_COUNT, 1))
    rotations[0, JOINT_INDEX["left_shoulder"]] = quat.from_axis_angle((0, 0, 1), 90.0)
    places, _ = forward(REST_OFFSETS[:1], rotations)
    rise = places[0, JOINT_INDEX["left_wrist"]] - places[0, JOINT_INDEX["left_shoulder"]]
    np.testing.assert_allclose(rise, [0, 0.51, 0], atol=2e-3)


def test_resampling_shows_the_same_moments() -> None:
    angles = np.linspace(0, 90, 121)  # one second at 120 frames a second, steady turn
    rotations = np.tile(quat.IDENTITY, (121, JOINT_COUNT, 1))
    rotations[:, 0] = quat.from_axis_angle((0, 1, 0), angles)
    root = np.stack([angles / 90, angles * 0, angles * 0], axis=1).astype(np.float32)
    clip = resample(Clip(name="turn", root_m=root, rotations=rotations, fps=120.0))
    assert (clip.frames, clip.fps) == (31, 30.0)
    np.testing.assert_allclose(clip.root_m[:, 0], np.arange(31) / 30, atol=1e-6)
    np.testing.assert_allclose(np.degrees(quat.yaw_of(clip.rotations[:, 0])), np.arange(31) * 3.0, atol=1e-3)


@pytest.mark.parametrize("fps", [25.0, 59.94, 100.0, 119.88])
def test_resampling_takes_rates_that_do_not_divide(fps: float) -> None:
    frames = int(2 * fps) + 1
    t = np.arange(frames) / fps
    rotations = np.tile(quat.IDENTITY, (frames, JOINT_COUNT, 1))
    rotations[:, 5] = quat.from_axis_angle((1, 0, 0), 40 * np.sin(t))
    # a sign flip in the middle is the same rotation and must not show
    rotations[frames // 2 :, 5] *= -1
    clip = resample(Clip(name="x", root_m=np.zeros((frames, 3), np.float32), rotations=rotations, fps=fps))
    expected = quat.from_axis_angle((1, 0, 0), 40 * np.sin(np.arange(clip.frames) / 30))
    assert clip.frames == int(np.floor((frames - 1) / fps * 30 + 1e-6)) + 1
    assert np.degrees(quat.angle_between(clip.rotations[:, 5], expected).max()) < 0.05


@pytest.mark.parametrize(
    ("root", "rotations", "fps", "fault"),
    [
        (np.zeros((0, 3)), np.zeros((0, 55, 4)), 30.0, "0 frames"),
        (np.zeros((2, 3)), np.zeros((3, 55, 4)), 30.0, "do not fit"),
        (np.full((1, 3), np.nan), np.zeros((1, 55, 4)), 30.0, "not finite"),
        (np.zeros((1, 3)), np.zeros((1, 55, 4)), 0.0, "frames a second"),
    ],
)
def test_a_clip_that_cannot_be_is_refused(root: np.ndarray, rotations: np.ndarray, fps: float, fault: str) -> None:
    with pytest.raises(InputError, match=fault):
        Clip(name="bad", root_m=root, rotations=rotations, fps=fps)

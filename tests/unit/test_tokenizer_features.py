"""Features of motion: there and back, headings in deep bows, mirror images, contacts, statistics."""

from pathlib import Path

import numpy as np
import pytest

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS, MIRROR, REST_OFFSETS
from solami_tokenizers.motion.augment import TABLES, mirror_label
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.contacts import contacts_of, gated_path
from solami_tokenizers.motion.features import (
    BODY_WIDTH,
    HEIGHT,
    VELOCITY,
    YAW_RATE,
    RootState,
    body_features,
    hand_features,
    pose_of,
    root_path,
    to_clip,
)
from solami_tokenizers.motion.heading import heading, yaw_quaternion
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.motion_data import ClipEntry, MotionData
from solami_tokenizers.motion.normalise import Normaliser
from solami_tokenizers.motion.relative import RelativeBins, relative_features
from solami_tokenizers.motion.solami_features import from_solami_features, solami_features


def wandering(frames: int = 90, seed: int = 0) -> Clip:
    """A body that walks a curve and moves all joints smoothly."""
    rng = np.random.default_rng(seed)
    t = np.arange(frames)[:, None] / FPS
    swing = (
        rng.normal(0, 0.3, (1, 55, 3)) * np.sin(2 * np.pi * (t * rng.uniform(0.2, 1.5, 55) + rng.random(55)))[..., None]
    )
    rotations = quat.from_rotvec(swing)
    yaw = 0.4 + 0.8 * t[:, 0]
    rotations[:, 0] = quat.multiply(yaw_quaternion(yaw), rotations[:, 0])
    root = np.stack([np.sin(yaw), 0.95 + 0.03 * np.sin(5 * t[:, 0]), np.cos(yaw) + t[:, 0]], axis=-1)
    return Clip(name="wandering", root_m=root.astype(np.float32), rotations=rotations.astype(np.float32), fps=FPS)


def places(clip: Clip) -> np.ndarray:
    return forward(clip.root_m, clip.rotations)[0]


def test_a_clip_comes_back_from_its_features() -> None:
    clip = wandering()
    body, hands = body_features(clip), hand_features(clip)
    assert body.shape == (90, 136)
    assert hands.shape == (90, 180)
    back = to_clip(body, hands, start=RootState.of(clip, 0))
    kept = [j for j in range(55) if j not in (22, 23, 24)]
    np.testing.assert_allclose(places(back)[:, kept], places(clip)[:, kept], atol=2e-4)


def test_features_do_not_know_place_and_heading() -> None:
    clip = wandering()
    turn = yaw_quaternion(np.array(1.9))
    rotations = clip.rotations.copy()
    rotations[:, 0] = quat.multiply(turn, clip.rotations[:, 0])
    moved = Clip(
        name="moved",
        root_m=(quat.rotate(turn, clip.root_m) + np.array([3, 0, -2])).astype(np.float32),
        rotations=rotations.astype(np.float32),
        fps=FPS,
    )
    np.testing.assert_allclose(body_features(moved), body_features(clip), atol=2e-4)


def test_a_stream_of_frames_gives_the_features_of_the_whole() -> None:
    clip = wandering()
    whole = body_features(clip)
    yaw = heading(clip.rotations[:, 0])
    for t in range(1, 90):
        one = Clip(name="one", root_m=clip.root_m[t : t + 1], rotations=clip.rotations[t : t + 1], fps=FPS)
        before = RootState(x_m=clip.root_m[t - 1, 0], z_m=clip.root_m[t - 1, 2], yaw_rad=yaw[t - 1])
        np.testing.assert_allclose(body_features(one, before)[0], whole[t], atol=1e-4)


@pytest.mark.parametrize("bow_deg", [0, 60, 89, 91, 100, 130])
def test_heading_stays_in_deep_bows(bow_deg: float) -> None:
    """A bow down and up, facing 0.7 rad: the heading must not move, though the chest looks backwards at 100 degrees."""
    angles = np.concatenate([np.linspace(0, bow_deg, 30), np.linspace(bow_deg, 0, 30)])
    bow = quat.from_axis_angle((1.0, 0.0, 0.0), angles)
    pelvis = quat.multiply(yaw_quaternion(np.full(60, 0.7)), bow)
    np.testing.assert_allclose(heading(pelvis), 0.7, atol=1e-5)


def test_heading_is_held_where_the_hips_stand_upright() -> None:
    roll = quat.from_axis_angle((0.0, 0.0, 1.0), np.linspace(0, 180, 60))
    yaw = heading(roll)
    assert np.abs(np.diff(yaw)).max() <= np.radians(30) + 1e-9
    rotations = np.tile(quat.IDENTITY, (60, 55, 1))
    rotations[:, 0] = roll
    clip = Clip(name="roll", root_m=np.ones((60, 3), np.float32), rotations=rotations, fps=FPS)
    np.testing.assert_allclose(places(to_clip(body_features(clip)))[:, 1] - places(clip)[:, 1], 0, atol=2)
    back = to_clip(body_features(clip), start=RootState.of(clip, 0))
    np.testing.assert_allclose(places(back)[:, :22], places(clip)[:, :22], atol=1e-4)


def test_heading_passes_pi_without_a_jump() -> None:
    yaw = np.linspace(0, 7, 120)
    np.testing.assert_allclose(heading(yaw_quaternion(yaw)), yaw, atol=1e-6)


def test_features_continue_from_where_the_last_frame_stood() -> None:
    clip = wandering()
    body = body_features(clip)
    whole = root_path(body, RootState(x_m=1, z_m=2, yaw_rad=0.5))
    first = whole[39]
    rest = root_path(body[40:], RootState(x_m=first[0], z_m=first[1], yaw_rad=first[2]), continues=True)
    np.testing.assert_allclose(rest, whole[40:], atol=1e-9)


def test_other_rates_widths_and_nan_are_refused() -> None:
    clip = wandering()
    slow = Clip(name="slow", root_m=clip.root_m, rotations=clip.rotations, fps=20)
    with pytest.raises(InputError, match=r"slow: 20 frames a second.*resample"):
        body_features(slow)
    with pytest.raises(InputError, match=r"expected \(T, 136\)"):
        to_clip(np.zeros((5, 135), np.float32))
    broken = body_features(clip)
    broken[7, 3] = np.nan
    with pytest.raises(InputError, match="frame 7, feature 3"):
        to_clip(broken)


def test_the_mirror_image_of_features_is_that_of_the_body() -> None:
    clip = wandering()
    body = body_features(clip)
    mirrored = to_clip(TABLES["body"].mirror(body), TABLES["hand"].mirror(hand_features(clip)), start=RootState())
    plain = to_clip(body, hand_features(clip), start=RootState())
    expected = places(plain)[:, MIRROR] * [-1, 1, 1]
    assert np.allclose(REST_OFFSETS[MIRROR] * [-1, 1, 1], REST_OFFSETS)  # our skeleton is its own mirror image
    np.testing.assert_allclose(places(mirrored)[:, :22], expected[:, :22], atol=1e-4)
    np.testing.assert_allclose(places(mirrored)[:, 25:], expected[:, 25:], atol=1e-4)
    np.testing.assert_array_equal(TABLES["body"].mirror(TABLES["body"].mirror(body)), body)


def test_labels_are_mirrored_word_by_word() -> None:
    assert mirror_label("wave-left-hand") == "wave-right-hand"
    assert mirror_label("Right_turn to the left") == "Left_turn to the right"
    assert mirror_label("bright walk") == "bright walk"


def test_tempo_and_height_scale_what_they_should() -> None:
    body = body_features(wandering())
    fast = TABLES["body"].retime(body, np.full(90, 1.1, np.float32))
    np.testing.assert_allclose(fast[:, :3], body[:, :3] * 1.1, rtol=1e-5)
    np.testing.assert_array_equal(fast[:, 3:], body[:, 3:])
    tall = TABLES["body"].resize(body, np.full(90, 1.15, np.float32))
    np.testing.assert_allclose(tall[:, HEIGHT], body[:, HEIGHT] * 1.15, rtol=1e-5)
    np.testing.assert_allclose(tall[:, VELOCITY], body[:, VELOCITY] * 1.15, rtol=1e-5)
    np.testing.assert_array_equal(tall[:, YAW_RATE], body[:, YAW_RATE])


def test_solami_features_come_back() -> None:
    clip = wandering()
    features = solami_features(clip)
    assert features.shape == (89, 315)
    back = from_solami_features(features)
    turn = yaw_quaternion(-heading(clip.rotations[:, 0])[:1])
    expected = quat.rotate(turn[:, None], places(clip)[:-1] - clip.root_m[0] * [1, 0, 1])
    np.testing.assert_allclose(places(back)[:, :22], expected[:, :22], atol=1e-3)
    np.testing.assert_allclose(places(back)[:, 25:], expected[:, 25:], atol=1e-3)
    np.testing.assert_allclose(places(from_solami_features(features[:, :135]))[:, :22], expected[:, :22], atol=1e-3)


def standing_walk() -> Clip:
    """The left leg swings while the right foot stands: the root glides over it."""
    frames = 40
    lean = np.linspace(-0.3, 0.3, frames)
    rotations = np.tile(quat.IDENTITY, (frames, 55, 1))
    rotations[:, 2] = quat.from_rotvec(np.stack([lean, 0 * lean, 0 * lean], -1)).astype(np.float32)
    rotations[:, 8] = quat.conjugate(rotations[:, 2])
    still = forward(np.zeros((frames, 3), np.float32), rotations, body_only=True)[0]
    root = np.array([0, 0, 0]) - (still[:, 8] - [still[0, 8, 0], 0.07, 0])
    return Clip(name="stride", root_m=root.astype(np.float32), rotations=rotations, fps=FPS)


def test_contacts_are_the_feet_that_stand() -> None:
    clip = standing_walk()
    contacts = contacts_of(clip)
    assert contacts[:, 2:].all()  # the right ankle and its foot
    assert not contacts[10:30, :2].any()  # the left hangs beside it, and moves with the root


def test_standing_feet_hold_the_root() -> None:
    """Wrong velocities, right contacts: the foot stays; without contacts it slides."""
    clip = standing_walk()
    body, contacts = body_features(clip), contacts_of(clip).astype(float)
    body[:, VELOCITY] += 0.4
    start = RootState.of(clip, 0)
    for path, slides in ((root_path(body, start), True), (gated_path(body, contacts, start), False)):
        foot = forward(*pose_of(body, path), body_only=True)[0][:, 8]
        assert bool(np.ptp(foot[:, [0, 2]], axis=0).max() > 0.3) is slides
        assert bool(np.ptp(foot[:, [0, 2]], axis=0).max() < 1e-3) is not slides


def test_statistics_have_floors() -> None:
    features = np.zeros((500, BODY_WIDTH), np.float32)
    features[:, HEIGHT] = 0.95
    stats = Normaliser.fit(features)
    assert stats.deviation[3] == pytest.approx(0.08)
    assert stats.deviation.min() >= 0.05
    tall = features[:1].copy()
    tall[:, HEIGHT] = 1.15
    assert stats.apply(tall)[0, 3] == pytest.approx(2.5, rel=1e-3)
    np.testing.assert_allclose(stats.undo(stats.apply(tall)), tall, atol=1e-6)


def test_relative_places_in_bins() -> None:
    rng = np.random.default_rng(3)
    bins = RelativeBins()
    facing, bearing = rng.uniform(-3.1, 3.1, (2, 400))
    away, height = rng.uniform(0.5, 4, 400), rng.uniform(-0.5, 0.5, 400)
    place = [np.cos(facing), -np.sin(facing), away * np.sin(bearing), height, away * np.cos(bearing)]
    features = np.stack(place, axis=-1)
    back = bins.decode(bins.encode(features))
    error = np.arctan2(-back[:, 1], back[:, 0]) - facing
    assert np.abs((error + np.pi) % (2 * np.pi) - np.pi).max() < np.pi / 32 + 1e-6
    assert (np.hypot(back[:, 2] - features[:, 2], back[:, 4] - features[:, 4]) / away).max() < 0.13
    assert np.abs(back[:, 3] - height).max() <= 0.6 / 8 + 1e-6
    np.testing.assert_array_equal(bins.encode(back), bins.encode(features))
    with pytest.raises(InputError, match="below"):
        bins.decode(np.array([[0, 0, 24, 0]]))


def test_relative_features_of_a_partner_who_faces_the_character() -> None:
    rotations = np.tile(quat.IDENTITY, (2, 55, 1))
    own = Clip(name="own", root_m=np.array([[1, 0.95, 1]] * 2, np.float32), rotations=rotations, fps=FPS)
    facing = rotations.copy()
    facing[:, 0] = yaw_quaternion(np.full(2, np.pi))
    other = Clip(name="other", root_m=np.array([[1, 0.9, 2.5]] * 2, np.float32), rotations=facing, fps=FPS)
    np.testing.assert_allclose(relative_features(own, other)[0], [-1, 0, 0, -0.05, 1.5], atol=1e-6)


def test_motion_data_survives_a_file(tmp_path: Path) -> None:
    def describe(clip: Clip) -> ClipEntry:
        return ClipEntry(name=clip.name, split="validation", labels={"content": "walk"}, licence="own")

    data = MotionData.from_clips([wandering(40), wandering(50, seed=1)], describe)
    data.save(tmp_path / "motion.npz")
    back = MotionData.load(tmp_path / "motion.npz")
    assert back.clips == data.clips
    assert [(c.start, c.frames) for c in back.of("validation")] == [(0, 40), (40, 50)]
    np.testing.assert_array_equal(back.body, data.body)
    with pytest.raises(InputError, match="no clip in split 'train'; it has validation"):
        back.of("train")
    (tmp_path / "other.npz").write_bytes((tmp_path / "motion.npz").read_bytes()[:2000])
    with pytest.raises(InputError, match=r"other\.npz"):
        MotionData.load(tmp_path / "other.npz")


def test_solami_features_are_mirrored_as_ours() -> None:
    clip = to_clip(body_features(wandering()))
    ours = to_clip(TABLES["body"].mirror(body_features(clip)))
    theirs = from_solami_features(TABLES["solami_body"].mirror(solami_features(clip)[:, :135]))
    np.testing.assert_allclose(places(theirs)[:, :22], places(ours)[:-1, :22], atol=2e-3)

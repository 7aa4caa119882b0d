"""Looking at a point: eyes, then head, then chest, within limits, without jumps."""

import numpy as np
import pytest

from solami.behaviour import Performance, Style, gaze, stance
from solami_protocol import quaternions as q
from solami_protocol.skeleton import JOINT_INDEX as J
from solami_tokenizers.motion.kinematics import forward

CHEST = [J["spine1"], J["spine2"], J["spine3"]]


def looks(target_m: np.ndarray, yaw: float = 0.0) -> tuple[float, np.ndarray, np.ndarray]:
    """Return the angle between the eyes' way and the target in degrees, and the rotations before and after."""
    root, pose = stance(Style()).pose()
    pose = pose.astype(np.float64)
    pose[0] = q.multiply(q.from_rotvec(np.array([0.0, yaw, 0.0])), pose[0])
    after = gaze(pose[None], root[None].astype(np.float64), target_m)
    places, turns = forward(root[None].astype(np.float64), after)
    eye = places[0, [J["left_eye"], J["right_eye"]]].mean(axis=0)
    way = q.rotate(turns[0, J["left_eye"]], np.array([0.0, 0.0, 1.0]))
    want = (target_m - eye) / np.linalg.norm(target_m - eye)
    return float(np.degrees(np.arccos(np.clip(way @ want, -1, 1)))), pose, after[0]


def share_deg(before: np.ndarray, after: np.ndarray, joints: list[int]) -> float:
    return float(np.degrees(q.angle_between(before[joints], after[joints])).sum())


@pytest.mark.parametrize("yaw", [0.0, 1.2, -2.5])
@pytest.mark.parametrize(("side", "up"), [(0.0, 1.6), (0.5, 1.6), (-1.0, 1.4), (0.3, 1.9), (-2.0, 1.6)])
def test_the_eyes_end_on_the_target_whatever_the_heading(side: float, up: float, yaw: float) -> None:
    target = q.rotate(q.from_rotvec(np.array([0.0, yaw, 0.0])), np.array([side, up, 1.5]))
    error, _, _ = looks(target, yaw)
    assert error < 4


def test_eyes_serve_small_angles_the_head_larger_ones_the_chest_the_largest() -> None:
    def split(degrees: float) -> tuple[float, float, float]:
        angle = np.radians(degrees)
        _, before, after = looks(np.array([1.5 * np.sin(angle), 1.6, 1.5 * np.cos(angle)]))
        return tuple(share_deg(before, after, joints) for joints in ([J["left_eye"]], [J["neck"], J["head"]], CHEST))  # type: ignore[return-value]

    small, middle, large = split(6), split(30), split(85)
    assert small[0] > 2 * small[1]
    assert middle[1] > middle[0]
    assert middle[2] < 1.5
    assert large[2] > 4
    assert large[0] < 30
    assert large[1] < 60
    assert large[2] < 26


def test_nobody_turns_the_head_to_what_is_behind() -> None:
    _, before, after = looks(np.array([0.01, 1.6, -1.5]))
    assert np.degrees(q.angle_between(before, after)).max() < 0.5


def test_a_target_that_walks_around_never_makes_it_jump() -> None:
    angle = np.linspace(-np.pi, np.pi, 721)
    root, pose = stance(Style()).pose()
    targets = np.stack([1.5 * np.sin(angle), np.full_like(angle, 1.6), 1.5 * np.cos(angle)], axis=-1)
    turned = gaze(np.repeat(pose[None].astype(float), 721, 0), np.repeat(root[None].astype(float), 721, 0), targets)
    steps = np.degrees(q.angle_between(turned[1:], turned[:-1]))
    assert steps.max() < 2.5  # half a degree of target a step


def test_the_weight_scales_and_zero_leaves_the_pose() -> None:
    root, pose = stance(Style()).pose()
    target = np.array([1.0, 1.6, 1.5])
    none = gaze(pose[None], root[None], target, weight=0.0)
    np.testing.assert_allclose(none[0], pose, atol=1e-6)


def test_a_nod_stays_a_nod_under_gaze() -> None:
    def pitch(look: bool) -> np.ndarray:
        performance = Performance(Style(), None, 0)
        if look:
            performance.look_at(np.array([0.0, 1.6, 1.5]))
        performance.cue("nod", 800)
        root, rotations = performance.render(1500)
        turns = forward(root.astype(float), rotations.astype(float))[1]
        return np.degrees(np.arcsin(-q.rotate(turns[:, J["head"]], np.array([0.0, 0.0, 1.0]))[:, 1]))

    assert np.ptp(pitch(True)) > 0.75 * np.ptp(pitch(False)) > 5


def test_eyes_lead_and_the_head_follows_a_target_that_jumps() -> None:
    performance = Performance(Style(), None, 0)
    performance.look_at(np.array([0.0, 1.6, 1.5]))
    performance.render(2000)
    performance.look_at(np.array([0.9, 1.6, 1.5]))
    _, rotations = performance.render(4000)
    eye = np.degrees(q.angle_between(rotations[:, J["left_eye"]], rotations[:1, J["left_eye"]]))
    head = np.degrees(q.angle_between(rotations[:, J["head"]], rotations[:1, J["head"]]))
    assert eye.max() > 8
    assert np.argmax(eye) <= 6
    assert np.argmax(head > 0.9 * head.max()) > np.argmax(eye > 0.9 * eye.max())
    assert eye[-1] < eye.max()  # the eyes come back as the head arrives


def test_a_thinker_looks_away() -> None:
    def off_deg(gesture: str) -> float:
        performance = Performance(Style(), None, 0)
        target = np.array([0.0, 1.6, 1.5])
        performance.look_at(target)
        performance.cue(gesture, 1500)
        root, rotations = performance.render(2000)
        places, turns = forward(root[-16:].astype(float), rotations[-16:].astype(float))
        way = q.rotate(turns[:, J["left_eye"]], np.array([0.0, 0.0, 1.0]))
        want = target - places[:, J["left_eye"]]
        return float(np.degrees(np.arccos(np.sum(way * want, -1) / np.linalg.norm(want, axis=-1))).max())

    assert off_deg("look_away") > 12
    assert off_deg("nod") < 5

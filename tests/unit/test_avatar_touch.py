"""Hands and torso: the measure finds what is inside, and the authored gestures keep out."""

import numpy as np
import pytest

from solami.behaviour import GESTURES, stance
from solami.behaviour.arms import Arm, posture_rotations
from solami.behaviour.stance import ARM_INDICES, arm_posture
from solami.behaviour.style import Style
from solami.headset.avatar.touch import depth_in_torso, gesture_touch, hand_points, world_joints
from solami_protocol.quaternions import from_axis_angle, rotate

STILL = np.tile(np.array([0.0, 0.0, 0.0, 1.0]), (1, 55, 1))
ROOT = np.array([[0.0, 0.95, 0.0]])


def test_depth_is_that_of_the_torso_in_any_place_and_turn() -> None:
    points = np.array([[[0.0, 1.2, 0.0], [0.0, 1.2, 0.2], [0.3, 1.2, 0.0], [0.0, 1.7, 0.0], [0.0, 1.31, 0.10]]])
    depth = depth_in_torso(points, *world_joints(ROOT, STILL))[0]
    assert depth[0] == pytest.approx(0.105, abs=0.01)  # half of a chest 21 cm deep
    assert (depth[1:4] == 0).all()
    assert 0 < depth[4] < 0.02
    turn = from_axis_angle((0.3, 1, 0.2), 70.0)
    bent = STILL.copy()
    bent[0, 0] = turn
    moved = rotate(turn, points - ROOT) + np.array([1.0, 0.5, 2.0])
    np.testing.assert_allclose(
        depth_in_torso(moved, *world_joints(np.array([[1.0, 0.5, 2.0]]), bent))[0], depth, atol=1e-6
    )


def test_a_hand_pushed_through_the_chest_is_found() -> None:
    posture = stance(Style()).posture.copy()
    inside = Arm((0.08, 1.25, 0.05), (-0.1, 0.0, -1.0), (0.8, -1.0, 0.05), 20, hand="soft", touching=True)
    posture[ARM_INDICES["right"]] = arm_posture(inside, "right")
    places, turns = world_joints(ROOT, posture_rotations(posture)[None])
    assert (depth_in_torso(hand_points(places, turns), places, turns) > 0.01).sum() > 50
    places, turns = world_joints(ROOT, STILL)
    assert depth_in_torso(hand_points(places, turns), places, turns).max() == 0


TOUCHING = ("point_self", "apology", "think", "hands_together", "hands_on_hips", "bow", "clap", "listen")


@pytest.mark.parametrize(
    ("style", "names"),
    [
        (Style(), [name for name in GESTURES if not name.endswith("_left")]),
        (Style(energy=1.15, openness=1.25), TOUCHING),
        (Style(energy=0.8, openness=0.6, tempo=1.15), TOUCHING),
    ],
)
def test_no_authored_gesture_puts_a_hand_into_the_torso(style: Style, names: list[str]) -> None:
    touches = [gesture_touch(name, style, every=3) for name in names]
    assert all(touch.frames > 7 for touch in touches)
    worst = max(touches, key=lambda touch: touch.worst_inside)
    assert worst.worst_inside <= 0.01 * worst.vertices, worst
    assert np.mean([touch.mean_inside for touch in touches]) < 0.5

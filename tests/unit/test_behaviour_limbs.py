"""Arms reach what they are told, bend as human arms do, and legs keep feet where they stand."""

import numpy as np
import pytest

from solami.behaviour import Style, stance
from solami.behaviour.arms import Arm, mirror_posture, posture_rotations, solve_arm
from solami.behaviour.hands import HAND_SHAPES, hand_rotvecs
from solami.behaviour.legs import plant_legs
from solami_protocol import quaternions as q
from solami_protocol.errors import InputError
from solami_protocol.skeleton import JOINT_INDEX, MIRROR
from solami_tokenizers.motion.kinematics import forward

ARM = [JOINT_INDEX[f"left_{name}"] for name in ("collar", "shoulder", "elbow", "wrist")]


def pose_of(arm: Arm) -> tuple[np.ndarray, np.ndarray]:
    """Return joint positions (55, 3) and world rotations (55, 4) of the T-pose with this left arm."""
    posture = np.zeros((55, 3))
    posture[ARM] = solve_arm(arm)
    rotations = posture_rotations(posture)
    places, turns = forward(np.array([[0.0, 0.95, 0.0]]), rotations[None])
    return places[0], turns[0]


@pytest.mark.parametrize(
    "wrist", [(0.27, 0.93, 0.05), (0.4, 1.5, 0.2), (-0.1, 1.15, 0.22), (0.1, 1.3, 0.35), (0.34, 1.8, 0.1)]
)
def test_the_wrist_is_where_it_was_sent(wrist: tuple[float, float, float]) -> None:
    places, _ = pose_of(Arm(wrist))
    assert np.linalg.norm(places[JOINT_INDEX["left_wrist"]] - wrist) < 0.006  # forearm roll leaves a few millimetres


def test_a_target_out_of_reach_is_approached_with_an_unlocked_elbow() -> None:
    places, _ = pose_of(Arm((0.3, 1.4, 2.0)))
    shoulder, elbow, wrist = (places[JOINT_INDEX[f"left_{n}"]] for n in ("shoulder", "elbow", "wrist"))
    assert 0.48 < np.linalg.norm(wrist - shoulder) < 0.51
    upper, fore = elbow - shoulder, wrist - elbow
    assert np.degrees(np.arccos(upper @ fore / np.linalg.norm(upper) / np.linalg.norm(fore))) > 8


def test_the_palm_looks_where_it_is_told() -> None:
    _, turns = pose_of(Arm((0.38, 1.5, 0.17), palm=(0.0, 0.0, 1.0)))
    palm = q.rotate(turns[JOINT_INDEX["left_wrist"]], np.array([0.0, -1.0, 0.0]))
    assert palm[2] > 0.75  # square to the forearm, which leans forward


def test_wrist_angles_beyond_a_human_joint_are_limited() -> None:
    far = solve_arm(Arm((0.3, 1.3, 0.3), flex_deg=170))[3]
    limit = solve_arm(Arm((0.3, 1.3, 0.3), flex_deg=70))[3]
    np.testing.assert_allclose(far, limit)


@pytest.mark.parametrize("shape", sorted(HAND_SHAPES))
def test_fingers_curl_towards_the_palm(shape: str) -> None:
    curls = -hand_rotvecs(shape)[:12, 2]  # about -z, the left hand's palm being below
    assert np.degrees(curls).min() > -6
    assert np.degrees(curls).max() < 110


def test_the_stance_is_symmetric_with_flat_feet_and_hanging_loose_arms() -> None:
    root, rotations = stance(Style()).pose()
    mirrored = rotations[MIRROR] * np.array([1, -1, -1, 1])
    assert np.degrees(q.angle_between(mirrored, rotations)).max() < 0.1
    places, turns = forward(root[None], rotations[None])
    for side in ("left", "right"):
        shoulder, elbow, wrist = (places[0, JOINT_INDEX[f"{side}_{n}"]] for n in ("shoulder", "elbow", "wrist"))
        assert shoulder[1] - wrist[1] > 0.44
        bend = np.arccos(
            (elbow - shoulder) @ (wrist - elbow) / np.linalg.norm(elbow - shoulder) / np.linalg.norm(wrist - elbow)
        )
        assert 8 < np.degrees(bend) < 40
        assert places[0, JOINT_INDEX[f"{side}_ankle"], 1] == pytest.approx(0.07, abs=1e-4)
        assert q.rotate(turns[0, JOINT_INDEX[f"{side}_ankle"]], np.array([0.0, 1.0, 0.0]))[1] > 0.9999
        assert np.linalg.norm(q.to_rotvec(rotations[JOINT_INDEX[f"{side}_middle2"]])) > 0.3


def test_feet_stay_under_a_pelvis_that_moves_and_turns() -> None:
    rng = np.random.default_rng(0)
    here = stance(Style())
    pelvis_m = here.pelvis_m + rng.uniform([-0.03, -0.12, -0.03], [0.03, -0.03, 0.03], (50, 3))
    pelvis = q.from_rotvec(rng.uniform(-0.15, 0.15, (50, 3)))
    ankle_m, foot = np.tile(here.ankle_m, (50, 1, 1)), np.tile(here.foot, (50, 1, 1))
    rotations = np.tile([0.0, 0.0, 0.0, 1.0], (50, 55, 1))
    rotations[:, 0] = pelvis
    for name, turns in zip(("hip", "knee", "ankle"), plant_legs(pelvis_m, pelvis, ankle_m, foot), strict=True):
        for i, side in enumerate(("left", "right")):
            rotations[:, JOINT_INDEX[f"{side}_{name}"]] = turns[:, i]
    places, turns = forward(pelvis_m, rotations)
    for i, side in enumerate(("left", "right")):
        assert np.abs(places[:, JOINT_INDEX[f"{side}_ankle"]] - here.ankle_m[i]).max() < 1e-6
        assert q.angle_between(turns[:, JOINT_INDEX[f"{side}_ankle"]], foot[:, i]).max() < 1e-6
        knee = q.to_rotvec(rotations[:, JOINT_INDEX[f"{side}_knee"]])
        assert knee[:, 0].min() > 0  # forwards only
        assert np.abs(knee[:, 1:]).max() < 1e-9  # a hinge


def test_mirroring_twice_changes_nothing() -> None:
    rotvec = np.random.default_rng(1).normal(size=(4, 3))
    np.testing.assert_array_equal(mirror_posture(mirror_posture(rotvec)), rotvec)


@pytest.mark.parametrize("wrong", [{"energy": 1.6}, {"openness": -0.1}, {"tempo": 0.1}, {"energy": float("nan")}])
def test_a_style_outside_its_limits_names_the_number(wrong: dict[str, float]) -> None:
    with pytest.raises(InputError, match=next(iter(wrong))):
        Style(**wrong)

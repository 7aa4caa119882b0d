"""What the detectors look at: a few numbers a frame, taken from the pose by forward kinematics.

All lengths are on our body of fixed size, so users of any height look alike. Directions are those of the chest's
heading: `out` is away from the body on the hand's own side, `up`, and `ahead`.
"""

from dataclasses import dataclass

import numpy as np

from solami_protocol.skeleton import JOINT_INDEX
from solami_tokenizers.motion import forward
from solami_tokenizers.motion.rotations import to_matrix

__all__ = ["ABSENT", "INFERRED", "MEASURED", "BodyFrame", "HandFrame", "body_frames"]

ABSENT, INFERRED, MEASURED = 0, 1, 2
FINGERTIP_M = 0.16  # from the wrist along the hand: small waves turn the hand and leave the wrist where it is

_SIDES = ("left", "right")
_HANDS = [JOINT_INDEX[f"{s}_wrist"] for s in _SIDES]
_SHOULDERS = [JOINT_INDEX[f"{s}_shoulder"] for s in _SIDES]
_ARMS = [[JOINT_INDEX[f"{s}_{p}"] for p in ("shoulder", "elbow")] for s in _SIDES]
_PELVIS, _CHEST, _NECK, _HEAD = (JOINT_INDEX[n] for n in ("pelvis", "spine3", "neck", "head"))


@dataclass(frozen=True, slots=True)
class HandFrame:
    """One hand: the fingertips' place from the neck in metres, and how the hand is held."""

    out_m: float
    up_m: float
    ahead_m: float
    over_shoulder_m: float
    """Fingertips above the shoulder."""
    palm_ahead: float
    """-1 to 1: how much the palm faces where the chest faces."""
    seen: bool
    certain: bool
    """The arm was measured, not inferred."""
    reach_m: float
    """From the shoulder to the fingertips."""


@dataclass(frozen=True, slots=True)
class BodyFrame:
    """One frame for the detectors."""

    t_us: int
    left: HandFrame
    right: HandFrame
    head_yaw_rad: float
    """In the world, from +z; left is positive."""
    chest_yaw_rad: float
    head_pitch_rad: float
    """Down is positive."""
    lean_rad: float
    """The trunk (pelvis to neck) from upright, forward is positive."""
    root_m: tuple[float, float]
    """x and z."""
    head_seen: bool
    head_up_m: float
    """Height of the head joint in the world."""
    trunk_seen: bool
    """The trunk was measured, not inferred from the head."""


def body_frames(t_us: np.ndarray, root_m: np.ndarray, rotations: np.ndarray, validity: np.ndarray) -> list[BodyFrame]:
    """Return one BodyFrame a frame; arrays as in `Perception.feed`."""
    places, turns = forward(root_m, rotations, body_only=True)
    axes = to_matrix(turns[:, [_CHEST, _HEAD, *_HANDS]])  # (T, 4, 3, 3), columns are the joints' axes
    left = axes[:, 0, :, 0]
    level = np.maximum(np.hypot(left[:, 0], left[:, 2]), 1e-6)
    cos, sin = left[:, 0] / level, -left[:, 2] / level  # the chest's heading as a turn about y

    def in_heading(v: np.ndarray) -> np.ndarray:
        return np.stack([cos * v[:, 0] - sin * v[:, 2], v[:, 1], sin * v[:, 0] + cos * v[:, 2]], axis=-1)

    hands = []
    for i, sign in ((0, 1.0), (1, -1.0)):
        hand = axes[:, 2 + i]
        tip = places[:, _HANDS[i]] + sign * FINGERTIP_M * hand[:, :, 0]
        way = in_heading(tip - places[:, _NECK])
        palm = -in_heading(hand[:, :, 1])[:, 2]
        reach = tip - places[:, _SHOULDERS[i]]
        over_shoulder = reach[:, 1]
        seen = validity[:, _HANDS[i]] > ABSENT
        certain = (validity[:, _ARMS[i]] == MEASURED).all(axis=1)
        far = np.linalg.norm(reach, axis=-1)
        columns = (sign * way[:, 0], way[:, 1], way[:, 2], over_shoulder, palm, seen, certain, far)
        hands.append([HandFrame(*row) for row in zip(*(c.tolist() for c in columns), strict=True)])

    gaze = axes[:, 1, :, 2]
    trunk = in_heading(places[:, _NECK] - places[:, _PELVIS])
    body = (
        np.arctan2(gaze[:, 0], gaze[:, 2]),
        np.arctan2(sin, cos),
        np.arctan2(-gaze[:, 1], np.hypot(gaze[:, 0], gaze[:, 2])),
        np.arctan2(trunk[:, 2], trunk[:, 1]),
        root_m[:, 0],
        root_m[:, 2],
        validity[:, _HEAD] > ABSENT,
        places[:, _HEAD, 1],
        validity[:, _CHEST] == MEASURED,
    )
    return [
        BodyFrame(int(t), a, b, yaw, chest, pitch, lean, (x, z), *seen)
        for t, a, b, (yaw, chest, pitch, lean, x, z, *seen) in zip(
            t_us, hands[0], hands[1], zip(*(c.tolist() for c in body), strict=True), strict=True
        )
    ]

"""Rock, paper or scissors, from the angles of tracked fingers."""

from typing import Literal

import numpy as np

from solami.brain import Seen
from solami_protocol.skeleton import JOINT_INDEX

__all__ = ["Throw", "thrown"]

Throw = Literal["rock", "paper", "scissors"]
_FINGERS = ("index", "middle", "ring", "pinky")
_BENT_DEG, _STRAIGHT_DEG = 80.0, 60.0  # sum of the first two joints; a fist has 180, a flat hand 0 to 20


def thrown(seen: Seen | None) -> Throw | None:
    """Return what a hand shows; None where no fingers are tracked, or they show something else."""
    if seen is None:
        return None
    for side in ("right", "left"):
        bends = [_bend_deg(seen, side, finger) for finger in _FINGERS]
        if any(bend is None for bend in bends):
            continue
        index, middle, ring, pinky = (float(bend or 0.0) for bend in bends)
        if min(index, middle, ring, pinky) > _BENT_DEG:
            return "rock"
        if max(index, middle, ring, pinky) < _STRAIGHT_DEG:
            return "paper"
        if max(index, middle) < _STRAIGHT_DEG and min(ring, pinky) > _BENT_DEG:
            return "scissors"
    return None


def _bend_deg(seen: Seen, side: str, finger: str) -> float | None:
    joints = [JOINT_INDEX[f"{side}_{finger}{i}"] for i in (1, 2)]
    if (seen.validity[joints] < 2).any():
        return None
    cosine = np.clip(np.abs(seen.rotations[joints, 3]), 0, 1)
    return float(np.degrees(2 * np.arccos(cosine)).sum())

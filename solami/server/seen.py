"""What perception saw, in the words of the wire."""

import numpy as np

from solami.perception import Percept
from solami_protocol.live import ActSeen
from solami_protocol.skeleton import FPS

__all__ = ["describe", "pose_times_us"]


def pose_times_us(pts_us: int, count: int) -> np.ndarray:
    """Return the (T,) int64 capture times of the frames of one message: 30 a second from `pts_us` on."""
    return pts_us + (np.arange(count) * (1_000_000 / FPS)).astype(np.int64)


def describe(percepts: list[Percept]) -> tuple[list[ActSeen], bool | None]:
    """Return the acts, and whether tracking was lost (False), regained (True) or unchanged (None)."""
    tracking: bool | None = None
    acts: list[ActSeen] = []
    for percept in percepts:
        if percept.name in ("tracking_lost", "tracking_ok"):
            tracking = percept.name == "tracking_ok"
        else:
            acts.append(
                ActSeen(name=percept.name, side=percept.side, phase=percept.phase, confidence=percept.confidence)
            )
    return acts, tracking

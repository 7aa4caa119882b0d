"""Hand shapes: fifteen finger joints from a few angles, for the left hand, mirrored for the right.

Angles are degrees: curl of the three joints of a finger towards the palm, spread away from the middle finger (towards
the thumb positive for index, towards the little finger positive for ring and pinky).
"""

from dataclasses import dataclass, field
from functools import cache

import numpy as np

from solami_protocol import quaternions as q
from solami_protocol.skeleton import JOINT_INDEX, REST_OFFSETS

__all__ = ["FINGER_JOINTS", "HAND_SHAPES", "hand_rotvecs"]

Curl = tuple[float, float, float]

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
FINGER_JOINTS: tuple[str, ...] = tuple(f"{finger}{i}" for finger in _FINGERS for i in (1, 2, 3))


@dataclass(frozen=True, slots=True)
class Thumb:
    """`out_deg` spreads it from the hand's edge, `under_deg` opposes it below the palm, `curl` bends its joints."""

    out_deg: float = 0.0
    under_deg: float = 10.0
    curl: Curl = (0.0, 12.0, 12.0)


@dataclass(frozen=True, slots=True)
class HandShape:
    index: Curl
    middle: Curl
    ring: Curl
    pinky: Curl
    spread_deg: float = 2.0
    thumb: Thumb = field(default_factory=Thumb)


_FIST: Curl = (82.0, 98.0, 62.0)
_OPEN: Curl = (4.0, 6.0, 4.0)
_THUMB_IN = Thumb(out_deg=-4.0, under_deg=34.0, curl=(18.0, 38.0, 42.0))

HAND_SHAPES: dict[str, HandShape] = {
    "relaxed": HandShape((16, 24, 12), (22, 30, 16), (26, 34, 18), (28, 36, 20), 2.0, Thumb(-6, 14, (4, 14, 16))),
    "open": HandShape(_OPEN, _OPEN, (6, 8, 5), (7, 9, 6), 6.0, Thumb(8, 4, (0, 4, 4))),
    "spread": HandShape((-4, 2, 2), (-4, 2, 2), (-3, 3, 2), (-3, 3, 2), 13.0, Thumb(18, 0, (0, 0, 0))),
    "soft": HandShape((8, 14, 8), (13, 18, 10), (17, 22, 12), (20, 24, 14), 5.0, Thumb(4, 8, (2, 10, 10))),
    "flat": HandShape((1, 2, 1), (1, 2, 1), (1, 2, 1), (1, 2, 1), 0.0, Thumb(-16, 2, (0, 4, 4))),
    "fist": HandShape(_FIST, _FIST, _FIST, _FIST, 0.0, _THUMB_IN),
    "point": HandShape((2, 4, 3), (76, 92, 58), _FIST, _FIST, 0.0, _THUMB_IN),
    "thumb_up": HandShape(_FIST, _FIST, _FIST, _FIST, 0.0, Thumb(42, -6, (0, -8, -12))),
    "two": HandShape((2, 4, 3), (2, 4, 3), _FIST, _FIST, 9.0, _THUMB_IN),
    "three": HandShape((2, 4, 3), (2, 4, 3), (3, 5, 4), _FIST, 9.0, _THUMB_IN),
    "chin": HandShape((30, 42, 22), (44, 60, 34), (56, 70, 42), (60, 74, 44), 0.0, Thumb(10, 6, (0, 6, 8))),
    "pinch": HandShape((46, 44, 24), (34, 36, 20), (28, 30, 16), (24, 26, 14), 4.0, Thumb(0, 40, (10, 22, 24))),
    "beat": HandShape((12, 16, 9), (20, 26, 14), (26, 32, 18), (28, 34, 18), 4.0, Thumb(2, 14, (4, 14, 14))),
}


@cache
def hand_rotvecs(shape: str) -> np.ndarray:
    """Return rotation vectors (15, 3) in radians of the left hand's fingers, in `FINGER_JOINTS` order."""
    hand = HAND_SHAPES[shape]
    spread = {"index": -hand.spread_deg, "middle": 0.0, "ring": hand.spread_deg * 0.8, "pinky": hand.spread_deg * 1.6}
    rows: list[np.ndarray] = []
    for finger in _FINGERS[:-1]:
        for i, curl in enumerate(getattr(hand, finger)):
            bend = q.from_rotvec(np.array([0.0, 0.0, -np.radians(curl)]))
            side = q.from_rotvec(np.array([0.0, np.radians(spread[finger]) if i == 0 else 0.0, 0.0]))
            rows.append(q.to_rotvec(q.multiply(side, bend)))
    rows += _thumb(hand.thumb)
    out = np.stack(rows)
    out.setflags(write=False)
    return out


def _thumb(thumb: Thumb) -> list[np.ndarray]:
    """The thumb's saddle joint swings out (about y) and under (about the hand's long axis); then it curls inwards."""
    bone = REST_OFFSETS[JOINT_INDEX["left_thumb2"]].astype(np.float64)
    axis = np.cross(bone, np.array([-0.2, -0.55, -0.8]))
    axis /= np.linalg.norm(axis)
    saddle = q.multiply(
        q.from_rotvec(np.array([np.radians(thumb.under_deg), 0.0, 0.0])),
        q.from_rotvec(np.array([0.0, -np.radians(thumb.out_deg), 0.0])),
    )
    rows = [q.to_rotvec(q.multiply(saddle, q.from_rotvec(axis * np.radians(thumb.curl[0]))))]
    return rows + [axis * np.radians(curl) for curl in thumb.curl[1:]]

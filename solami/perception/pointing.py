"""A stretched arm that is held still, between hip and head: pointing."""

import math
from collections.abc import Iterator
from dataclasses import replace

from solami.perception.features import BodyFrame, HandFrame
from solami.perception.percept import Percept, Side

__all__ = ["PointDetector"]

_STRETCHED_M = 0.56  # shoulder to fingertips; all of our arm and hand are 0.67
_BETWEEN_M = (-0.35, 0.32)  # fingertips above the shoulder; higher is a raised hand
_LET_GO_M = 0.50
_HELD_S, _STILL_M = 0.35, 0.06


class PointDetector:
    """One hand that points; two stretched hands are something else (a welcome, a stretch)."""

    def __init__(self) -> None:
        self._held: dict[str, tuple[int, tuple[float, float, float]]] = {}
        self._point: Percept | None = None

    def feed(self, frame: BodyFrame, waving: bool) -> Iterator[Percept]:
        """Yield what this frame settled; a hand that waves (now) does not point."""
        hands: tuple[tuple[Side, HandFrame], ...] = (("left", frame.left), ("right", frame.right))
        if self._point is not None:
            hand = frame.left if self._point.side == "left" else frame.right
            if not hand.seen or hand.reach_m < _LET_GO_M or hand.over_shoulder_m < _BETWEEN_M[0] - 0.1:
                yield from self.stop(frame.t_us)
            return
        held = [side for side, hand in hands if self._is_held(side, hand, frame.t_us)]
        stretched = [side for side, hand in hands if _stretched(hand)]
        if held and len(stretched) == 1 and not waving:
            side = held[0]
            self._point = Percept("point", side, 0.7, frame.t_us, "began", self._held[side][0])
            yield self._point

    def stop(self, t_us: int) -> Iterator[Percept]:
        """Yield the end of what is going on, and forget what was."""
        if self._point is not None:
            yield replace(self._point, phase="ended", t_us=t_us)
        self._point = None
        self._held.clear()

    def _is_held(self, side: str, hand: HandFrame, t_us: int) -> bool:
        if not _stretched(hand):
            self._held.pop(side, None)
            return False
        tip = (hand.out_m, hand.up_m, hand.ahead_m)
        since, place = self._held.get(side, (t_us, tip))
        if math.dist(place, tip) > _STILL_M:
            since, place = t_us, tip
        self._held[side] = (since, place)
        return (t_us - since) / 1e6 >= _HELD_S


def _stretched(hand: HandFrame) -> bool:
    return (
        hand.seen
        and hand.reach_m > _STRETCHED_M
        and _BETWEEN_M[0] < hand.over_shoulder_m < _BETWEEN_M[1]
        and max(hand.ahead_m, hand.out_m) > 0.25
    )

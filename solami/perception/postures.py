"""A hand held up, and a bow: things that last."""

from collections.abc import Iterator
from dataclasses import replace

from solami.perception.features import BodyFrame, HandFrame
from solami.perception.percept import Percept, Side

__all__ = ["BowDetector", "RaisedHandDetector"]

_HELD_UP_M = 0.35  # fingertips above the shoulder: above the head
_HELD_DOWN_M = 0.0
_HELD_S = 0.5
_HELD_STILL_M = 0.05

_BOW_RAD = 0.42  # 24 degrees; standing people lean up to 10, walking ones up to 15
_UPRIGHT_RAD = 0.26
_BOW_S = (0.15, 2.5)  # from upright to bent
_BOW_WALK_M = 0.25  # a bow stands still: way of the root since it began
# from the head alone: it sinks and looks down; the hips, inferred below it, go along
_DIP_M, _DIP_RAD = 0.14, 0.45
_UP_M, _UP_RAD = 0.06, 0.30
_DIP_WALK_M = 0.6
_STANDING_SHARE = 0.05  # of the way, a frame, that the standing height follows a head that is higher


class RaisedHandDetector:
    """A hand that is held up and still for half a second."""

    def __init__(self) -> None:
        self._raised: Percept | None = None
        self._held: dict[str, tuple[int, float, float]] = {}  # since when and where: out and up

    def feed(self, frame: BodyFrame, waving: bool) -> Iterator[Percept]:
        """Yield what this frame settled; a hand that waves (now) is not one that is raised."""
        hands: tuple[tuple[Side, HandFrame], ...] = (("left", frame.left), ("right", frame.right))
        sides = [side for side, hand in hands if self._is_held(side, hand, frame.t_us)]
        up = any(h.seen and h.over_shoulder_m > _HELD_DOWN_M for h in (frame.left, frame.right))
        if self._raised is None and sides and not waving:
            since = min(self._held[s][0] for s in sides)
            side: Side = "both" if len(sides) == 2 else sides[0]
            self._raised = Percept("raise_hand", side, 0.8, frame.t_us, "began", since)
            yield self._raised
        elif self._raised is not None and not up:
            yield from self.stop(frame.t_us)

    def stop(self, t_us: int) -> Iterator[Percept]:
        """Yield the end of what is going on, and forget what was."""
        if self._raised is not None:
            yield replace(self._raised, phase="ended", t_us=t_us)
        self._raised = None
        self._held.clear()

    def _is_held(self, side: str, hand: HandFrame, t_us: int) -> bool:
        if not hand.seen or hand.over_shoulder_m < _HELD_UP_M:
            self._held.pop(side, None)
            return False
        since, out_m, up_m = self._held.get(side, (t_us, hand.out_m, hand.up_m))
        if abs(hand.out_m - out_m) > _HELD_STILL_M or abs(hand.up_m - up_m) > _HELD_STILL_M:
            since, out_m, up_m = t_us, hand.out_m, hand.up_m
        self._held[side] = (since, out_m, up_m)
        return (t_us - since) / 1e6 >= _HELD_S


class BowDetector:
    """The trunk bends forward on the spot, and comes up again; where no trunk is seen, the head dips."""

    def __init__(self) -> None:
        self._bow: Percept | None = None
        self._since: tuple[int, tuple[float, float]] | None = None
        self._standing_m: float | None = None

    def feed(self, frame: BodyFrame) -> Iterator[Percept]:
        """Yield what this frame settled."""
        upright, bent, walk_m = self._read(frame)
        if self._bow is not None:
            if upright:
                yield from self.stop(frame.t_us)
            return
        if upright:
            self._since = (frame.t_us, frame.root_m)
            return
        if self._since is None:
            return  # bent from the start: a runner, or a user who sits forward
        began_us, (x, z) = self._since
        walked = ((frame.root_m[0] - x) ** 2 + (frame.root_m[1] - z) ** 2) ** 0.5
        if walked > walk_m:
            return  # a run or a dash; waits until the trunk is up again
        if bent and _BOW_S[0] <= (frame.t_us - began_us) / 1e6 <= _BOW_S[1]:
            self._bow = Percept("bow", "", 0.8, frame.t_us, "began", began_us)
            yield self._bow

    def _read(self, frame: BodyFrame) -> tuple[bool, bool, float]:
        """Return whether the body is upright, whether it is bent, and how far its root may go in a bow."""
        if frame.trunk_seen:
            return frame.lean_rad < _UPRIGHT_RAD, frame.lean_rad > _BOW_RAD, _BOW_WALK_M
        standing = self._standing_m if self._standing_m is not None else frame.head_up_m
        self._standing_m = standing + (_STANDING_SHARE if frame.head_up_m > standing else 0.0) * (
            frame.head_up_m - standing
        )
        dip_m = standing - frame.head_up_m
        upright = dip_m < _UP_M or frame.head_pitch_rad < _UP_RAD
        return upright, dip_m > _DIP_M and frame.head_pitch_rad > _DIP_RAD, _DIP_WALK_M

    def stop(self, t_us: int) -> Iterator[Percept]:
        """Yield the end of what is going on, and forget what was."""
        if self._bow is not None:
            yield replace(self._bow, phase="ended", t_us=t_us)
        self._bow = None
        self._since = None

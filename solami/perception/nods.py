"""Nods and head shakes: quick swings of the head, up and down or from side to side.

A shake must show in the world and against the chest: a swaying body turns the head in the world, and a chest that
sways below a still head turns it against the chest.
"""

import math
from collections.abc import Iterator
from dataclasses import replace

from solami.perception.features import BodyFrame
from solami.perception.percept import Percept
from solami.perception.swings import Swing, SwingFinder

__all__ = ["HeadDetector"]

_TURN_BACK_RAD = 0.035  # 2 degrees
_NOD_RAD, _SHAKE_RAD = 0.12, 0.14  # 7 and 8 degrees a swing; steps shake the head by 3 to 5
_NEEDED = 3
_LONGEST_S = 0.6  # looking around is slower
_PAUSE_S = 0.9
_OVER_S = 0.6
_WALK_M_S = 0.4


class _Axis:
    """Swings about one axis in a row; `name` is what three of them mean."""

    def __init__(self, name: str, size_rad: float) -> None:
        self.name = name
        self._size = size_rad
        self._finder = SwingFinder(_TURN_BACK_RAD)
        self.row: list[Swing] = []

    def feed(self, t_us: int, angle: float) -> bool:
        """Return whether a swing was added to the row."""
        swing = self._finder.feed(t_us, angle)
        if swing is None:
            return False
        if self.row and (swing.to_us - self.row[-1].to_us) / 1e6 > _PAUSE_S:
            self.row.clear()
        if swing.size < self._size or swing.duration_s > _LONGEST_S:
            self.row.clear()
            return False
        self.row.append(swing)
        return True

    def mean_size(self) -> float:
        return sum(s.size for s in self.row) / max(len(self.row), 1)


class HeadDetector:
    """Nods and shakes; the axis that moves more wins, and a walking head does neither."""

    def __init__(self) -> None:
        self._reset()

    def _reset(self) -> None:
        self._nod = _Axis("nod", _NOD_RAD)
        self._shake = _Axis("shake", _SHAKE_RAD)
        self._on_chest = _Axis("shake", _SHAKE_RAD)
        self._now: Percept | None = None
        self._yaw: tuple[float, float] | None = None  # as it came, and unwrapped
        self._place: tuple[int, tuple[float, float]] | None = None
        self._walking = False

    def feed(self, frame: BodyFrame, waving: bool) -> Iterator[Percept]:
        """Yield what this frame settled; a body that waves (now) sways its head along."""
        if not frame.head_seen:
            yield from self.stop(frame.t_us)
            return
        self._watch_the_feet(frame)
        nodded = self._nod.feed(frame.t_us, frame.head_pitch_rad)
        shook = self._shake.feed(frame.t_us, self._unwrapped(frame.head_yaw_rad))
        shook |= self._on_chest.feed(frame.t_us, math.remainder(frame.head_yaw_rad - frame.chest_yaw_rad, math.tau))
        if self._now is not None:
            axis = self._nod if self._now.name == "nod" else self._shake
            if not axis.row or (frame.t_us - axis.row[-1].to_us) / 1e6 > _OVER_S:
                yield from self.stop(frame.t_us)
            return
        if waving or self._walking:
            return
        shook &= len(self._on_chest.row) >= _NEEDED
        for added, axis, other in ((nodded, self._nod, self._shake), (shook, self._shake, self._nod)):
            if added and len(axis.row) >= _NEEDED and axis.mean_size() > other.mean_size():
                confidence = 1 - 0.5 ** (len(axis.row) - 1)
                self._now = Percept(axis.name, "", confidence, frame.t_us, "began", axis.row[0].from_us)
                yield self._now
                return

    def stop(self, t_us: int) -> Iterator[Percept]:
        """Yield the end of what is going on, and forget what was."""
        if self._now is not None:
            yield replace(self._now, phase="ended", t_us=t_us)
        self._reset()

    def _unwrapped(self, yaw: float) -> float:
        """Return the yaw without jumps at half a turn."""
        came, whole = self._yaw or (yaw, yaw)
        whole += math.remainder(yaw - came, math.tau)
        self._yaw = (yaw, whole)
        return whole

    def _watch_the_feet(self, frame: BodyFrame) -> None:
        if self._place is None:
            self._place = (frame.t_us, frame.root_m)
            return
        t_us, (x, z) = self._place
        dt = (frame.t_us - t_us) / 1e6
        if dt >= 0.5:
            way = ((frame.root_m[0] - x) ** 2 + (frame.root_m[1] - z) ** 2) ** 0.5
            self._walking = way / dt > _WALK_M_S
            self._place = (frame.t_us, frame.root_m)

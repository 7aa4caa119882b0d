"""Where the user stands and looks, seen from the character: comes closer, steps back, looks away.

The character stands 1.5 m before the place where the user was first seen, as the relay puts it (DESIGN 3.2).
"""

import math
from collections.abc import Iterator
from dataclasses import replace

from solami.perception.features import BodyFrame
from solami.perception.percept import Percept

__all__ = ["LookDetector", "StepDetector"]

_AHEAD_M = 1.5
_STEP_M = 0.35  # a step; swaying and turning move the pelvis by less than 0.15
_STILL_M, _STILL_S = 0.06, 0.25  # who stops has arrived; who walks on goes somewhere else
_LONGEST_S = 4.0
_AWAY_RAD, _BACK_RAD = 0.96, 0.7  # 55 and 40 degrees from the character
_AWAY_S = 1.0
_STAND_M = 0.25  # who walks looks where the way goes


class _Opposite:
    """The place opposite the user, from the first frame on."""

    def __init__(self) -> None:
        self._place: tuple[float, float] | None = None

    def way(self, frame: BodyFrame) -> tuple[float, float]:
        """Return x and z from the user's root to the character."""
        x, z = frame.root_m
        if self._place is None:
            yaw = frame.chest_yaw_rad
            self._place = (x + _AHEAD_M * math.sin(yaw), z + _AHEAD_M * math.cos(yaw))
        return self._place[0] - x, self._place[1] - z


class StepDetector:
    """A user who has come closer, or gone back, and stands again. Both begin and end at once."""

    def __init__(self) -> None:
        self._opposite = _Opposite()
        self._stood: tuple[int, float] | None = None  # when and how far away
        self._still: tuple[int, tuple[float, float]] | None = None

    def feed(self, frame: BodyFrame) -> Iterator[Percept]:
        """Yield what this frame settled."""
        x, z = self._opposite.way(frame)
        distance = math.hypot(x, z)
        if self._still is None or math.dist(self._still[1], frame.root_m) > _STILL_M:
            self._still = (frame.t_us, frame.root_m)
        if (frame.t_us - self._still[0]) / 1e6 < _STILL_S:
            return
        stood, self._stood = self._stood, (frame.t_us, distance)
        if stood is None or abs(stood[1] - distance) < _STEP_M or (frame.t_us - stood[0]) / 1e6 > _LONGEST_S:
            return
        name = "approach" if distance < stood[1] else "step_back"
        step = Percept(name, "", 0.8, frame.t_us, "began", stood[0])
        yield step
        yield replace(step, phase="ended")

    def stop(self, _t_us: int) -> Iterator[Percept]:
        """Forget where the user stood last; the character stays where it is."""
        self._stood = self._still = None
        return iter(())


class LookDetector:
    """A user who stands and looks elsewhere for a second."""

    def __init__(self) -> None:
        self._opposite = _Opposite()
        self._since: tuple[int, tuple[float, float]] | None = None
        self._away: Percept | None = None

    def feed(self, frame: BodyFrame) -> Iterator[Percept]:
        """Yield what this frame settled."""
        if not frame.head_seen:
            yield from self.stop(frame.t_us)
            return
        x, z = self._opposite.way(frame)
        off = abs(math.remainder(frame.head_yaw_rad - math.atan2(x, z), math.tau))
        if off < _BACK_RAD:
            yield from self.stop(frame.t_us)
        elif off > _AWAY_RAD:
            if self._since is None or math.dist(self._since[1], frame.root_m) > _STAND_M:
                self._since = (frame.t_us, frame.root_m)
            if self._away is None and (frame.t_us - self._since[0]) / 1e6 >= _AWAY_S:
                self._away = Percept("look_away", "", 0.8, frame.t_us, "began", self._since[0])
                yield self._away

    def stop(self, t_us: int) -> Iterator[Percept]:
        """Yield the end of what is going on, and forget what was."""
        if self._away is not None:
            yield replace(self._away, phase="ended", t_us=t_us)
        self._away = self._since = None

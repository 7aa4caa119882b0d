"""Clock offset from four timestamps (DESIGN 3.7), as NTP does it; all times in microseconds."""

import time
from collections import deque
from dataclasses import dataclass

__all__ = ["ClockSync", "Probe", "now_us", "wall_us"]

WINDOW = 8
MAX_SLEW_PPM = 500


@dataclass(frozen=True, slots=True)
class Probe:
    """One ping: t0 sent and t3 received (own clock), t1 received and t2 sent (other clock)."""

    t0: int
    t1: int
    t2: int
    t3: int

    @property
    def round_trip_us(self) -> int:
        """Time on the way, without the other side's thinking."""
        return (self.t3 - self.t0) - (self.t2 - self.t1)

    @property
    def offset_us(self) -> float:
        """Other clock minus own clock."""
        return ((self.t1 - self.t0) + (self.t2 - self.t3)) / 2


class ClockSync:
    """Offset to the other clock: of the last eight probes the quickest counts; slewed, never stepped."""

    def __init__(self) -> None:
        self._probes: deque[Probe] = deque(maxlen=WINDOW)
        self._offset_us: float | None = None
        self._at_us = 0

    def add(self, probe: Probe) -> None:
        """Take in one probe. A negative round trip (a clock that was set back) is ignored."""
        if probe.round_trip_us < 0:
            return
        current = self.offset_us(probe.t3) if self._probes else None
        self._probes.append(probe)
        self._offset_us = self._target() if current is None else current
        self._at_us = probe.t3

    def _target(self) -> float:
        return min(self._probes, key=lambda p: p.round_trip_us).offset_us

    @property
    def round_trip_us(self) -> int | None:
        """Lowest round trip of the window, None before the first probe."""
        return min((p.round_trip_us for p in self._probes), default=None)

    def offset_us(self, now: int) -> float:
        """Other clock minus own clock at own time `now`; moves towards the best probe by at most 500 ppm."""
        if self._offset_us is None:
            return 0.0
        room = max(0, now - self._at_us) * MAX_SLEW_PPM / 1e6
        return self._offset_us + min(room, max(-room, self._target() - self._offset_us))


def now_us() -> int:
    """Monotonic time in microseconds."""
    return time.monotonic_ns() // 1000


def wall_us() -> int:
    """Wall-clock time in microseconds since 1970."""
    return time.time_ns() // 1000

"""Swings of a signal: the way from one turning point to the next, told as soon as the next one is sure.

A turning point counts once the signal has come back from it by `back`; smaller wiggles and noise pass unseen. A signal
that rests at a turning point turns when it leaves: a quarter of `back` counts as resting.
"""

from dataclasses import dataclass

__all__ = ["Swing", "SwingFinder"]


@dataclass(frozen=True, slots=True)
class Swing:
    """From the turning point at `from_us` to the one at `to_us`; `size` is the way between them, always positive."""

    from_us: int
    to_us: int
    start: float
    size: float

    @property
    def duration_s(self) -> float:
        """Return how long the swing took."""
        return (self.to_us - self.from_us) / 1e6


class SwingFinder:
    """Feed it samples in order of time; it answers a swing in the sample in which one is sure."""

    def __init__(self, back: float) -> None:
        self._back = back
        self.reset()

    def reset(self) -> None:
        """Forget what was."""
        self._rising: bool | None = None
        self._last: tuple[int, float] | None = None  # the turning point behind
        self._low: tuple[int, float] = (0, float("inf"))
        self._high: tuple[int, float] = (0, float("-inf"))

    def feed(self, t_us: int, value: float) -> Swing | None:
        """Return the swing whose end this sample settles, if it settles one."""
        if value < self._low[1] + self._back / 4:
            self._low = (t_us, min(value, self._low[1]))
        if value > self._high[1] - self._back / 4:
            self._high = (t_us, max(value, self._high[1]))
        turned_down = self._rising is not False and self._high[1] - value > self._back
        turned_up = self._rising is not True and value - self._low[1] > self._back
        if not turned_down and not turned_up:
            return None
        point = self._high if turned_down else self._low
        first, before = self._rising is None, self._last
        self._rising = not turned_down
        self._last = point
        self._low = self._high = (t_us, value)
        if first or before is None:
            return None
        return Swing(before[0], point[0], before[1], abs(point[1] - before[1]))

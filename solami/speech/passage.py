"""The sound of a turn that is decoded as one, and where its samples lay in the turn."""

from bisect import bisect_right

import numpy as np

from solami.speech.interfaces import LISTEN_RATE_HZ

__all__ = ["Passage"]


class Passage:
    """Sound without the long silences of the turn that it was taken from."""

    def __init__(self) -> None:
        self._pieces: list[np.ndarray] = []
        self._starts: list[int] = []  # of runs without a gap, in samples of the passage
        self._shifts: list[int] = []  # what to add to them for the turn's samples
        self.samples = 0

    def add(self, sound: np.ndarray, at: int) -> None:
        """Append `sound`, (N,) int16, which begins at sample `at` of the turn."""
        if len(sound) == 0:
            return
        shift = at - self.samples
        if not self._shifts or self._shifts[-1] != shift:
            self._starts.append(self.samples)
            self._shifts.append(shift)
        self._pieces.append(sound)
        self.samples += len(sound)

    def cut(self, start: int, stop: int) -> np.ndarray:
        """Return samples `start` to `stop` of the passage."""
        if len(self._pieces) > 1:
            self._pieces = [np.concatenate(self._pieces)]
        return self._pieces[0][start:stop] if self._pieces else np.zeros(0, np.int16)

    def since(self, start: int) -> "Passage":
        """Return a passage of the samples from `start` on, at their places in the turn."""
        later = Passage()
        for begin, end, shift in zip(self._starts, [*self._starts[1:], self.samples], self._shifts, strict=True):
            if end > start:
                begin = max(begin, start)
                later.add(self.cut(begin, end), begin + shift)
        return later

    def turn_ms(self, passage_ms: float) -> float:
        """Return the time in the turn of a time in the passage, at least 0."""
        run = max(0, bisect_right(self._starts, passage_ms * LISTEN_RATE_HZ / 1000) - 1)
        shift = self._shifts[run] if self._shifts else 0
        return max(0.0, passage_ms + shift * 1000.0 / LISTEN_RATE_HZ)

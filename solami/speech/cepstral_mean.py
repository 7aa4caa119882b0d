"""The mean cepstrum that a decoder subtracts, learned per user.

It stands for microphone, room and voice. pocketsphinx learns it slowly and forgets nothing: left alone, one user's
mean would be the next one's. Here every turn starts from what is known about its own user, or about people at large.
Source of the arithmetic: pocketsphinx' cmn_live: a mean that was set counts as 500 frames, and is shifted at 800.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

__all__ = ["CepstralMean", "Known"]

_SET_FRAMES = 500
_EVERY_FRAMES = 50
_PEOPLE_FRAMES = 100.0
_USER_FRAMES = 400.0
_REMEMBERED_FRAMES = 600
_MOST_FRAMES = 1500.0

PEOPLE = (58.7, 4.5, -4.2, 3.7, -6.3, -5.4, -7.7, -8.9, -4.0, -0.2, 0.1, 1.4, -0.3)
"""Over 33 speakers and their microphones (not the reader of the LJ recordings that the word error rate is measured
on), with the level and floor of `Conditioner`. Single LJ turns: 0.36 word errors with pocketsphinx' own start, 0.21
with this. Decoding the first second of a turn anew with its own mean was tried and did not help."""


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier turns taught about a user: the mean, and how many frames it counts."""

    mean: tuple[float, ...] = PEOPLE
    frames: float = _PEOPLE_FRAMES


class CepstralMean:
    """Keeps the mean of one decoder during one turn."""

    def __init__(self, decoder: Any, known: Known | None) -> None:
        self._decoder = decoder
        self._known = known or Known()
        self._weight = _PEOPLE_FRAMES if known is None else _USER_FRAMES
        self._sum = np.zeros(len(PEOPLE))
        self._frames = 0
        self._since = 0
        self.reset()

    def reset(self) -> None:
        """Put the mean into the decoder and count anew: before an utterance, and behind its lead of noise."""
        self._current = (self._weight * np.array(self._known.mean) + self._sum) / (self._weight + self._frames)
        self._decoder.set_cmn(",".join(f"{value:.4f}" for value in self._current))
        self._since = 0

    def decoded(self, frames: int) -> None:
        """Take note that `frames` more were decoded; now and then the mean follows them."""
        self._since += frames
        if self._since >= _EVERY_FRAMES:
            self.learn()
            self.reset()

    def learn(self) -> None:
        """Take in what was decoded since the last `reset`; before an utterance ends."""
        if self._since == 0:
            return
        seen = np.array([float(value) for value in self._decoder.get_cmn(update=True).split(",")])
        self._sum += (_SET_FRAMES + self._since) * seen - _SET_FRAMES * self._current
        self._frames += self._since
        self._since = 0

    def learned(self) -> Known | None:
        """Return what is known about the user after this turn; None when less than half a second was heard."""
        if self._frames < _EVERY_FRAMES:
            return None
        new = min(self._frames, _REMEMBERED_FRAMES)
        old = self._known.frames
        mean = (old * np.array(self._known.mean) + new * self._sum / self._frames) / (old + new)
        return Known(tuple(map(float, mean)), min(old + new, _MOST_FRAMES))

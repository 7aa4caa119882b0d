"""Sound as the recogniser likes it: one speech level for loud and quiet users, and an even noise floor.

The floor hides what differs between microphones where nobody speaks (digital silence, noise gates, codecs): on 24
recordings the word error rate fell from 0.19 to 0.18 with it, and from 0.21 to 0.19 where a pause cut the turn.
"""

import numpy as np

from solami.speech.interfaces import LISTEN_RATE_HZ
from solami.speech.loudness import frame_levels_db

__all__ = ["LEAD_MS", "Conditioner"]

_LEVEL_DBFS = -20.0
_FLOOR_DBFS = -60.0
_VOICED_DBFS = -50.0
_FRAME = LISTEN_RATE_HZ // 100
_ENOUGH_FRAMES = 15  # voiced frames that tell the level; sound is held back until then
_HELD_LIMIT = LISTEN_RATE_HZ * 2  # samples; longer without a voice, it goes on as it is
_GAIN_DB = (-15.0, 22.0)
LEAD_MS = 300.0
"""Length of `Conditioner.lead`."""
_NOISE = np.random.default_rng(0).normal(0, 10 ** (_FLOOR_DBFS / 20), LISTEN_RATE_HZ).astype(np.float32)


class Conditioner:
    """Conditions the sound of one turn. `gain_db` is what an earlier turn of the same user found, None at first."""

    def __init__(self, gain_db: float | None = None) -> None:
        self.gain_db = gain_db
        self._held: list[np.ndarray] = []
        self._held_samples = 0
        self._noise_at = 0

    def lead(self) -> np.ndarray:
        """Return the floor alone, int16: a decoder needs some silence before the first word."""
        return self._out(np.zeros(round(LEAD_MS * LISTEN_RATE_HZ / 1000), np.float32))

    def add(self, pcm: np.ndarray) -> np.ndarray:
        """Return what of the sound so far is ready, int16; none while the level of the voice is not known yet."""
        if self.gain_db is not None:
            return self._conditioned(pcm)
        self._held.append(pcm)
        self._held_samples += len(pcm)
        sound = np.concatenate(self._held)
        levels = frame_levels_db(sound, _FRAME)
        voiced = levels[levels > _VOICED_DBFS]
        if len(voiced) >= _ENOUGH_FRAMES:
            level_db = 10 * np.log10(np.mean(10 ** (voiced / 10)))
            self.gain_db = float(np.clip(_LEVEL_DBFS - level_db, *_GAIN_DB))
        elif len(sound) < _HELD_LIMIT:
            return np.zeros(0, np.int16)
        return self.rest()

    def rest(self) -> np.ndarray:
        """Return all that was held back, int16, at the gain known so far."""
        held = np.concatenate(self._held) if self._held else np.zeros(0, np.int16)
        self._held, self._held_samples = [], 0
        return self._conditioned(held)

    def _conditioned(self, pcm: np.ndarray) -> np.ndarray:
        gain = 10 ** ((self.gain_db or 0.0) / 20) / 32768
        return self._out(pcm.astype(np.float32) * np.float32(gain))

    def _out(self, sound: np.ndarray) -> np.ndarray:
        take = (self._noise_at + np.arange(len(sound))) % len(_NOISE)
        self._noise_at = (self._noise_at + len(sound)) % len(_NOISE)
        return np.round(np.clip(sound + _NOISE[take], -1, 1) * 32767).astype(np.int16)

"""How loud the voice is, ten milliseconds at a time: how far a jaw opens, and all there is when no phones come."""

import numpy as np

__all__ = ["HOP_S", "RATE_HZ", "Loudness"]

RATE_HZ = 24_000
HOP_S = 0.01
_HOP = int(RATE_HZ * HOP_S)  # 240
_RANGE_DB = 25.0  # below the running peak; quieter than that counts as silence
_FLOOR_DB = -50.0  # and so does anything below this, whatever the peak
_FIRST_PEAK_DB = -26.0  # a typical speech level, until the voice has shown its own
_PEAK_FALL_DB = 0.02  # a hop: 2 dB a second
_WINDOW = 5  # hops averaged for one level: 50 ms


def _stop_hop(time_s: float) -> int:
    return int(round(time_s / HOP_S, 6)) + 2  # two hops beyond: 20 ms


class Loudness:
    """Takes sound in pieces of any size; the levels are the same for any cutting, since hops lie on a fixed grid."""

    def __init__(self) -> None:
        self._rest = np.zeros(0, np.float32)
        self._level: list[float] = []
        self._hiss: list[float] = []
        self._peak_db = _FIRST_PEAK_DB
        self._samples = 0

    @property
    def heard_s(self) -> float:
        """Seconds of sound taken so far."""
        return self._samples / RATE_HZ

    def feed(self, pcm: np.ndarray) -> None:
        """Take `pcm` (N,) int16 at 24 kHz."""
        self._samples += len(pcm)
        sound = np.concatenate([self._rest, pcm.astype(np.float32) / 32768])
        hops = len(sound) // _HOP
        for hop in sound[: hops * _HOP].reshape(hops, _HOP):
            self._add(hop)
        self._rest = sound[hops * _HOP :]

    def _add(self, hop: np.ndarray) -> None:
        power = float(np.mean(hop * hop))
        level_db = 10 * np.log10(power + 1e-12)
        self._peak_db = max(level_db, self._peak_db - _PEAK_FALL_DB, _FLOOR_DB + _RANGE_DB)
        self._level.append(float(np.clip(1 + (level_db - self._peak_db) / _RANGE_DB, 0, 1)))
        # 2 (1 - rho_1): 0.02 for a 500 Hz tone, 2 for noise around 6 kHz; one pass instead of a spectrum
        change = float(np.mean(np.diff(hop) ** 2))
        self._hiss.append(float(np.clip((change / (power + 1e-9) - 0.3) / 0.7, 0, 1)))

    def knows(self, time_s: float) -> bool:
        """Return whether all the sound that `at(time_s)` listens to has come."""
        return len(self._level) >= _stop_hop(time_s)

    def at(self, time_s: float) -> tuple[float, float]:
        """Return (level, hiss), 0 to 1 each, over the 50 ms that end 20 ms after `time_s`.

        level is relative to the running peak of this voice (25 dB below it is 0); hiss tells /s/ from a vowel.
        Needs sound up to `time_s` + 20 ms (at the end of the sound, what there is).
        """
        stop = _stop_hop(time_s)
        window = slice(max(0, stop - _WINDOW), stop)
        level, hiss = self._level[window], self._hiss[window]
        if not level:
            return 0.0, 0.0
        return sum(level) / _WINDOW, sum(hiss) / len(hiss)

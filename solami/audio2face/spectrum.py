"""The sound's spectrum as the ear of the animator takes it: log mel bands every 10 ms, less this voice's own mean.

Source: mel scale of O'Shaughnessy (1987); the mean over speech so far removes voice level, microphone and room
(cepstral mean subtraction, Atal 1974, done on the log bands, causally).
"""

import numpy as np

from solami.audio2face.loudness import HOP_S, RATE_HZ

__all__ = ["BANDS", "WINDOW_S", "Spectrum"]

BANDS = 24
_HOP = int(RATE_HZ * HOP_S)  # 240
_WINDOW = 600
WINDOW_S = _WINDOW / RATE_HZ  # 25 ms
_FFT = 1024
_LOW_HZ, _HIGH_HZ = 80.0, 8_000.0
_FLOOR = 1e-7  # of full scale, in one band: -70 dB
_SPEECH_DB = 20.0  # below the loudest so far: what is quieter says nothing about the voice
_PRIOR_HOPS = 60  # the usual voice counts as 0.6 s of this one
_MEMORY_HOPS = 600  # older speech counts less
# the mean log10 band powers of the training voices, at their usual level
_USUAL = np.linspace(-1.2, -3.0, BANDS)


def _mel_bands() -> np.ndarray:
    """Return (513, 24) triangles of equal area on the mel scale."""

    def mel(hz: np.ndarray | float) -> np.ndarray:
        return np.asarray(2595 * np.log10(1 + np.asarray(hz) / 700))

    edges = 700 * (10 ** (np.linspace(mel(_LOW_HZ), mel(_HIGH_HZ), BANDS + 2) / 2595) - 1)
    hz = np.arange(_FFT // 2 + 1) * RATE_HZ / _FFT
    rise = (hz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hz[:, None]) / (edges[2:] - edges[1:-1])
    bands: np.ndarray = np.clip(np.minimum(rise, fall), 0, None)
    return bands / np.maximum(bands.sum(0), 1e-9)


_MEL = _mel_bands()
_TAPER = np.hanning(_WINDOW)
_SCALE = 4 / _TAPER.sum() ** 2 * 512  # a full-scale noise is about 1


class Spectrum:
    """Takes sound in pieces of any size; row k is the window that begins at k * 10 ms."""

    def __init__(self) -> None:
        self._rest = np.zeros(0)
        self._last = 0.0
        self._rows: list[np.ndarray] = []
        self._mean = _USUAL.copy()
        self._weight = float(_PRIOR_HOPS)
        self._loudest = -2.0

    def __len__(self) -> int:
        return len(self._rows)

    def feed(self, pcm: np.ndarray) -> None:
        """Take `pcm` (N,) int16 at 24 kHz."""
        sound = pcm.astype(np.float64) / 32768
        if len(sound) == 0:
            return
        # pre-emphasis: the high formants weigh as much as the low ones
        bright = np.diff(sound, prepend=self._last) + 0.05 * sound
        self._last = float(sound[-1])
        joined = np.concatenate([self._rest, bright])
        count = max(0, (len(joined) - _WINDOW) // _HOP + 1)
        if count:
            at = _HOP * np.arange(count)[:, None] + np.arange(_WINDOW)
            power = np.abs(np.fft.rfft(joined[at] * _TAPER, _FFT, axis=1)) ** 2 * _SCALE
            for row in np.log10(power @ _MEL + _FLOOR):
                self._add(row)
        self._rest = joined[count * _HOP :]

    def _add(self, row: np.ndarray) -> None:
        level = float(np.log10(np.sum(10**row)))
        self._loudest = max(level, self._loudest - 0.002)
        if level > self._loudest - _SPEECH_DB / 10:
            self._weight = min(self._weight + 1, _MEMORY_HOPS)
            self._mean += (row - self._mean) / self._weight
        self._rows.append(row - self._mean)

    def rows(self, first: int, stop: int) -> np.ndarray:
        """Return rows first to stop - 1, (stop - first, 24); before the beginning and after the end it is silent."""
        quiet = np.log10(_FLOOR) - self._mean
        return np.array([self._rows[i] if 0 <= i < len(self._rows) else quiet for i in range(first, stop)])

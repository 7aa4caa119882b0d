"""How the last words were said: does the voice sound as if it were done?

At an end people let their pitch fall and draw the last word out (Gravano and Hirschberg 2011, "Turn-taking cues in
task-oriented dialogue"); a pitch that stays level says that more is to come. A rise says nothing here: questions rise.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solami.speech.interfaces import LISTEN_RATE_HZ, Word
from solami.speech.loudness import VOICED_DBFS, frame_levels_db

__all__ = ["Cadence", "cadence", "pitch"]

_HOP = LISTEN_RATE_HZ // 100
_WINDOW = LISTEN_RATE_HZ // 25
_SPECTRUM = 2048
_LAGS = (LISTEN_RATE_HZ // 420, LISTEN_RATE_HZ // 65)  # of voices from bass to child
_PERIODIC = 0.55  # autocorrelation from which a frame has a pitch
_HEARD_S = 4
_LEAST_FRAMES = 9
_LAST_FRAMES = 6
_OCTAVE = 10.0  # semitones: farther from the middle it is an octave error
_MOST_FALL, _MOST_STRETCH = 6.0, 1.2


@dataclass(frozen=True, slots=True)
class Cadence:
    """fall: semitones that the pitch ended below the turn's middle, 0 to 6; stretch: natural log of the last word's
    time a letter over that of the usual word, -1 to 1.2. None where too little was heard to tell."""

    fall: float | None = None
    stretch: float | None = None


def cadence(pcm: np.ndarray, words: Sequence[Word]) -> Cadence:
    """Return how a turn so far sounds at its end. pcm: (N,) int16 at 16 kHz, silence behind it or not; words: all
    that were heard in it. Takes some 5 ms."""
    return Cadence(_fall(pcm), _stretch(words))


def _fall(pcm: np.ndarray) -> float | None:
    levels = frame_levels_db(pcm, _HOP)
    loud = np.flatnonzero(levels > VOICED_DBFS)
    if not len(loud):
        return None
    stop = int(loud[-1]) + 1
    start = max(0, stop - _HEARD_S * LISTEN_RATE_HZ // _HOP)
    hz = pitch(pcm[start * _HOP : stop * _HOP])
    voiced = np.isfinite(hz) & (levels[start : start + len(hz)] > VOICED_DBFS)
    if voiced.sum() < _LEAST_FRAMES:
        return None
    semitones = 12 * np.log2(hz[voiced])
    semitones = semitones - np.median(semitones)
    near = semitones[np.abs(semitones) < _OCTAVE]
    return float(np.clip(-np.median(near[-_LAST_FRAMES:]), 0.0, _MOST_FALL))


def _stretch(words: Sequence[Word]) -> float | None:
    if len(words) < 2:
        return None
    letter_ms = np.array([word.d_ms / max(2, len(word.w)) for word in words])
    usual_ms = float(np.median(letter_ms))
    if usual_ms <= 0 or letter_ms[-1] <= 0:
        return None
    return float(np.clip(np.log(letter_ms[-1] / usual_ms), -1.0, _MOST_STRETCH))


def pitch(pcm: np.ndarray) -> np.ndarray:
    """Return the pitch in Hz of each 40 ms window, every 10 ms; NaN where the sound has none.

    Autocorrelation over that of the window (Boersma 1993); of peaks that are nearly as high the shortest lag counts.
    """
    count = (len(pcm) - _WINDOW) // _HOP + 1
    if count < 1:
        return np.zeros(0)
    window = np.hanning(_WINDOW)
    frames = np.lib.stride_tricks.sliding_window_view(pcm, _WINDOW)[::_HOP].astype(np.float32)
    frames = (frames - frames.mean(axis=1, keepdims=True)) * window.astype(np.float32)
    first, last = _LAGS
    alike = _autocorrelation(frames)[:, first - 1 : last + 1] / _autocorrelation(window)[first - 1 : last + 1]
    inner = alike[:, 1:-1]
    peaks = (inner >= alike[:, :-2]) & (inner >= alike[:, 2:])
    height = np.where(peaks, inner, 0.0)
    best = height.max(axis=1, keepdims=True)
    lag = first + (height >= 0.9 * best).argmax(axis=1)
    return np.where(best[:, 0] > _PERIODIC, LISTEN_RATE_HZ / lag, np.nan)


def _autocorrelation(frames: np.ndarray) -> np.ndarray:
    """Return it along the last axis, 1 at lag 0."""
    power = np.abs(np.fft.rfft(frames, _SPECTRUM)) ** 2
    alike = np.fft.irfft(power)[..., : _LAGS[1] + 2]
    return np.asarray(alike / np.maximum(alike[..., :1], 1e-9))

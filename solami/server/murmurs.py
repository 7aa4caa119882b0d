"""Sounds of a character's own that are no words: a hum with closed lips while it listens, an "um" while it thinks.

A synthesiser spells "mm" letter by letter, so the hum is the last sound of a slowly spoken "um".
"""

from dataclasses import replace

import numpy as np

from solami.speech import Spoken, Synthesiser, Voice
from solami.speech.interfaces import SPEECH_RATE_HZ
from solami.speech.loudness import LEVEL_DBFS, voiced_level_db
from solami_protocol.phones import Phone

__all__ = ["hesitation", "hum"]

_SOFTER_DB = 12.0
"""A hum lies so much below speech: it does not take the floor."""
_SLOW = 0.5
_LEAD_MS, _TAIL_MS = 25.0, 60.0
_LONGEST_MS = 420.0


def hum(synthesiser: Synthesiser, voice: Voice) -> tuple[np.ndarray, list[Phone]]:
    """Return a soft "mm" (N,) int16 at 24 kHz in the character's voice, and its phones; empty where no m is found."""
    spoken = _spoken(synthesiser, replace(voice, rate=voice.rate * _SLOW))
    last = next((phone for phone in reversed(spoken.phones) if phone.p == "m"), None)
    if last is None:
        return np.zeros(0, np.int16), []
    begin_ms = max(0.0, last.t_ms - _LEAD_MS)
    end_ms = min(last.t_ms + last.d_ms + _TAIL_MS, begin_ms + _LONGEST_MS)
    pcm = spoken.pcm[round(begin_ms * SPEECH_RATE_HZ / 1000) : round(end_ms * SPEECH_RATE_HZ / 1000)]
    return _soft(pcm, _SOFTER_DB), [Phone("m", 0.0, len(pcm) * 1000 / SPEECH_RATE_HZ)]


def hesitation(synthesiser: Synthesiser, voice: Voice) -> tuple[np.ndarray, list[Phone]]:
    """Return an "um" in the character's voice, a little softer than speech, and its phones."""
    spoken = _spoken(synthesiser, replace(voice, rate=voice.rate * 0.8))
    return _soft(spoken.pcm, _SOFTER_DB / 3), list(spoken.phones)


def _spoken(synthesiser: Synthesiser, voice: Voice) -> Spoken:
    return next(iter(synthesiser.speak("Um.", voice)))


def _soft(pcm: np.ndarray, below_db: float) -> np.ndarray:
    """Return the sound so much below the level of speech, without a click at either end."""
    level_db = voiced_level_db(pcm)
    if level_db is None:
        return pcm
    fade = min(len(pcm) // 3, SPEECH_RATE_HZ // 16)
    shape = np.ones(len(pcm))
    shape[:fade] = np.sin(np.linspace(0, np.pi / 2, fade)) ** 2
    shape[len(pcm) - fade :] = shape[:fade][::-1]
    return np.round(pcm * shape * 10 ** ((LEVEL_DBFS - below_db - level_db) / 20)).astype(np.int16)

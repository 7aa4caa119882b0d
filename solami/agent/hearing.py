"""Questions spoken by the embedded synthesiser and heard by the embedded recogniser, to measure understanding."""

import zlib
from collections.abc import Callable

import numpy as np
import soxr

from solami.speech import Synthesiser, Transcript, Voice, open_recogniser, open_synthesiser
from solami.speech.interfaces import LISTEN_RATE_HZ, SPEECH_RATE_HZ

from .expected import Expected, choose

__all__ = ["spoken_ears"]

_RATE = 0.95
_BEFORE_S, _BEHIND_S = 0.3, 0.5
_NOISE = 0.001
"""Of full scale: -60 dBFS, a quiet room."""
_PIECE = LISTEN_RATE_HZ // 10


def spoken_ears(expected: Expected | None, speaker: str) -> Callable[[str], Transcript]:
    """Return a function from what is said to what is heard. speaker: a voice of the synthesiser.

    expected: what the recogniser listens for beside anything; None for the free decoder alone.
    """
    synthesiser = open_synthesiser()
    sentences = expected.sentences if expected is not None else ()

    def hear(text: str) -> Transcript:
        pcm = _said(synthesiser, text, speaker)
        recogniser = open_recogniser("pocketsphinx", "", sentences, choose)
        try:
            for at in range(0, len(pcm), _PIECE):
                recogniser.feed(pcm[at : at + _PIECE])
            return recogniser.pause()
        finally:
            recogniser.close()

    return hear


def _said(synthesiser: Synthesiser, text: str, speaker: str) -> np.ndarray:
    """Return the text as it comes from a microphone, (N,) int16 at 16 kHz."""
    pieces = [spoken.pcm for spoken in synthesiser.speak(text, Voice(speaker=speaker, rate=_RATE))]
    quiet = [np.zeros(round(s * SPEECH_RATE_HZ), np.int16) for s in (_BEFORE_S, _BEHIND_S)]
    sound = np.concatenate([quiet[0], *pieces, quiet[1]]).astype(np.float32) / 32768
    heard = soxr.resample(sound, SPEECH_RATE_HZ, LISTEN_RATE_HZ)
    heard = heard + np.random.default_rng(zlib.crc32(text.encode())).normal(0, _NOISE, len(heard))
    return np.asarray(np.round(np.clip(heard, -1, 1) * 32767), dtype=np.int16)

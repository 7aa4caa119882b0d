"""pocketsphinx: the embedded recogniser, streaming, with the English model of its wheel.

A turn is decoded in segments: a pause ends the utterance (best path over its word lattice), and what follows is a new
one; the texts are joined. Half a second of faint noise before each segment lets the decoder settle.
"""

import re
import threading
from typing import Any

import numpy as np

from solami.speech.completeness import completeness
from solami.speech.interfaces import Transcript, Word
from solami_protocol.errors import MissingExtra

__all__ = ["SphinxPool", "SphinxRecogniser"]

RATE_HZ = 16_000
FRAME_MS = 10.0
LEAD_SAMPLES, TAIL_SAMPLES = RATE_HZ // 2, RATE_HZ // 10
NOISE = 3.0  # of 32768
KEPT = 4
PARTIAL_SAMPLES = RATE_HZ // 5
_VARIANT = re.compile(r"\(\d+\)$")


class SphinxPool:
    """Decoders, opened when needed (0.3 s each) and used again."""

    def __init__(self) -> None:
        try:
            import pocketsphinx
        except ImportError:
            raise MissingExtra(
                "pocketsphinx is not installed: pip install 'solami[server]'; text works without it"
            ) from None
        self._decoder = pocketsphinx.Decoder
        self._free: list[Any] = []
        self._cmn = ""
        self._lock = threading.Lock()

    def take(self) -> Any:
        """Return a decoder, settled to its first state."""
        with self._lock:
            decoder = self._free.pop() if self._free else None
        if decoder is None:
            decoder = self._decoder(fwdflat=False, bestpath=True, loglevel="FATAL")
            self._cmn = decoder.get_cmn()
        return decoder

    def give(self, decoder: Any) -> None:
        """Take a decoder back, without its memory of the speaker; more than a few are let go."""
        decoder.set_cmn(self._cmn)
        with self._lock:
            if len(self._free) < KEPT:
                self._free.append(decoder)


class SphinxRecogniser:
    """One turn."""

    def __init__(self, pool: SphinxPool) -> None:
        self._pool = pool
        self._decoder = pool.take()
        self._noise = np.random.default_rng(0)
        self._open = False
        self._fed = 0
        self._segment_at = 0
        self._since_partial = 0
        self._said = ""
        self._words: list[Word] = []
        self._confidence: list[float] = []

    def feed(self, pcm: np.ndarray) -> str | None:
        """See `Recogniser`."""
        if not self._open:
            self._decoder.start_utt()
            self._decoder.process_raw(self._faint(LEAD_SAMPLES))
            self._segment_at = self._fed
            self._open = True
        self._decoder.process_raw(np.ascontiguousarray(pcm, dtype=np.int16).tobytes())
        self._fed += len(pcm)
        self._since_partial += len(pcm)
        if self._since_partial < PARTIAL_SAMPLES:
            return None
        self._since_partial = 0
        hypothesis = self._decoder.hyp()
        text = self._joined(_words_of(hypothesis.hypstr) if hypothesis else [])
        if text == self._said:
            return None
        self._said = text
        return text

    def _faint(self, samples: int) -> bytes:
        return (self._noise.normal(0, NOISE, samples)).astype(np.int16).tobytes()

    def _joined(self, more: list[str]) -> str:
        return " ".join([w.w for w in self._words] + more)

    def pause(self) -> Transcript:
        """See `Recogniser`."""
        if self._open:
            self._decoder.process_raw(self._faint(TAIL_SAMPLES))
            self._decoder.end_utt()
            self._open = False
            self._take_segment()
        text = self._joined([])
        self._said = text
        confidence = float(np.mean(self._confidence)) if self._confidence else 0.0
        return Transcript(text, tuple(self._words), completeness(text), confidence)

    def _take_segment(self) -> None:
        offset_ms = (self._segment_at - LEAD_SAMPLES) * 1000 / RATE_HZ
        for segment in self._decoder.seg() or ():
            word = _VARIANT.sub("", segment.word)
            if word.startswith(("<", "[", "+")):
                continue
            start_ms = offset_ms + segment.start_frame * FRAME_MS
            self._words.append(Word(word, max(0.0, start_ms), (segment.end_frame - segment.start_frame + 1) * FRAME_MS))
            self._confidence.append(min(1.0, max(0.0, float(np.exp(min(0.0, segment.prob))))))

    def close(self) -> None:
        """See `Recogniser`."""
        if self._decoder is None:
            return
        if self._open:
            self._decoder.end_utt()
            self._open = False
        self._pool.give(self._decoder)
        self._decoder = None


def _words_of(text: str) -> list[str]:
    return [_VARIANT.sub("", w) for w in text.split() if not w.startswith(("<", "[", "+"))]

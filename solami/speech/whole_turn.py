"""A recogniser that hears whole turns (an endpoint, whisper) behind the interface of a streaming one.

The embedded recogniser listens along: its partial texts are the ones that a character reacts to while the user speaks
(a "stop" over a reply), and its transcript stands in when the other fails. At a pause all of the turn so far is
transcribed, so that a turn that goes on is heard as one.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from solami.speech.breaker import Breaker
from solami.speech.completeness import completeness
from solami.speech.interfaces import LISTEN_RATE_HZ, Recogniser, Transcript
from solami.speech.wer import spoken_words
from solami_protocol.errors import Unavailable

__all__ = ["Heard", "Transcribe", "WholeTurnRecogniser"]

log = logging.getLogger(__name__)
_LONGEST = 60 * LISTEN_RATE_HZ


@dataclass(frozen=True, slots=True)
class Heard:
    """A text and how sure the engine is of it, 0 to 1; 1 where it does not say."""

    text: str
    confidence: float = 1.0


Transcribe = Callable[[np.ndarray], Heard]
"""From (N,) int16 at 16 kHz to what is said in it. Blocks; raises Unavailable."""


class WholeTurnRecogniser:
    """One turn; see `Recogniser`. `guide` is closed with it."""

    def __init__(self, guide: Recogniser, transcribe: Transcribe, breaker: Breaker) -> None:
        self._guide, self._transcribe, self._breaker = guide, transcribe, breaker
        self._pieces: list[np.ndarray] = []
        self._samples = 0

    def feed(self, pcm: np.ndarray) -> str | None:
        """See `Recogniser`. Beyond a minute the oldest sound is forgotten."""
        self._pieces.append(pcm)
        self._samples += len(pcm)
        while self._samples - len(self._pieces[0]) > _LONGEST:
            self._samples -= len(self._pieces.pop(0))
        return self._guide.feed(pcm)

    def pause(self) -> Transcript:
        """See `Recogniser`. Without the engine it is the guide's transcript, and `degraded` says why."""
        stand_in = self._guide.pause()
        if not self._pieces:
            return stand_in
        if self._breaker.open:
            return replace(stand_in, degraded="the recogniser failed lately and rests; the embedded one hears instead")
        try:
            heard = self._transcribe(np.concatenate(self._pieces))
        except Unavailable as exc:
            self._breaker.failed()
            log.warning("%s", exc)
            return replace(stand_in, degraded=f"{exc}; the embedded recogniser hears instead")
        self._breaker.worked()
        words = spoken_words(heard.text)
        complete = completeness(" ".join(words), said=stand_in.said)
        return Transcript(heard.text, (), complete, heard.confidence if words else 0.0, said=stand_in.said)

    def close(self) -> None:
        """See `Recogniser`."""
        self._guide.close()
        self._pieces.clear()

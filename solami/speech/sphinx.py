"""pocketsphinx: the embedded recogniser, streaming, with the English model of its wheel.

A pause ends the decoder's utterance, which gives the best path over its word lattice. When the user goes on, the turn
is decoded again from its start while more comes in, for a sentence that is cut at its pauses is heard worse (word
errors of 24 recordings of read prose: 0.22 cut, 0.20 whole). Where more than a few seconds would have to be repeated,
the words so far are settled and a new passage begins.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from solami.speech.cadence import cadence
from solami.speech.cepstral_mean import CepstralMean, Known
from solami.speech.completeness import completeness
from solami.speech.conditioning import LEAD_MS, Conditioner
from solami.speech.interfaces import LISTEN_RATE_HZ, Transcript, Word
from solami.speech.loudness import frame_levels_db
from solami.speech.passage import Passage
from solami_protocol.errors import MissingExtra

__all__ = ["SphinxPool", "SphinxRecogniser"]

_FRAME_MS = 10.0
_KEPT = 4
_PARTIAL_SAMPLES = LISTEN_RATE_HZ // 8
_STEP_SAMPLES = LISTEN_RATE_HZ // 10  # decoded at a time
_CATCH_UP = 5  # times real time, while sound that had to wait is decoded; a free core manages 6 to 8
_REPEAT_SAMPLES = LISTEN_RATE_HZ * 7  # longest passage that is decoded again
_CADENCE_SAMPLES = LISTEN_RATE_HZ * 7
_USERS_KEPT = 256
_FRAME = LISTEN_RATE_HZ // 100
_BEFORE_SAMPLES = LISTEN_RATE_HZ * 3 // 10  # kept before the first voiced frame of a segment
_VOICED_DBFS = -45.0
_VOICED_FRAMES = 4
_NOTHING = np.zeros(0, np.int16)
_FILLER = ("<", "[", "+")
_VARIANT = re.compile(r"\(\d+\)$")


@dataclass(frozen=True, slots=True)
class _Heard:
    w: str
    t_ms: float
    d_ms: float
    sureness: float


class SphinxPool:
    """Decoders (0.3 s to open), used again by later turns, and what is known about the users' voices."""

    def __init__(self) -> None:
        try:
            import pocketsphinx
        except ImportError:
            raise MissingExtra(
                "pocketsphinx is not installed: pip install 'solami[server]'; text works without it"
            ) from None
        self._open = pocketsphinx.Decoder
        self._free: list[Any] = []
        self._users: OrderedDict[str, tuple[Known, float | None]] = OrderedDict()
        self._lock = threading.Lock()

    def take(self) -> Any:
        """Return a decoder that nobody else uses."""
        with self._lock:
            if self._free:
                return self._free.pop()
        return self._open(fwdflat=False, bestpath=True, loglevel="FATAL")

    def give(self, decoder: Any) -> None:
        """Take a decoder back; more than a few are let go."""
        with self._lock:
            if len(self._free) < _KEPT:
                self._free.append(decoder)

    def known(self, user: str) -> tuple[Known | None, float | None]:
        """Return the mean and gain of a user's earlier turns, None where there was none."""
        with self._lock:
            return self._users.get(user, (None, None))

    def remember(self, user: str, known: Known, gain_db: float | None) -> None:
        """Keep them for the user's next turn; the least recent of many users is forgotten."""
        with self._lock:
            self._users[user] = (known, gain_db)
            self._users.move_to_end(user)
            while len(self._users) > _USERS_KEPT:
                self._users.popitem(last=False)


class SphinxRecogniser:
    """One turn; see `Recogniser`. With a `user`, turns of the same one teach each other about voice and microphone."""

    def __init__(self, pool: SphinxPool, user: str = "") -> None:
        self._pool = pool
        self._user = user
        self._decoder = pool.take()
        known, gain_db = pool.known(user) if user else (None, None)
        self._conditioner = Conditioner(gain_db)
        self._mean = CepstralMean(self._decoder, known)
        self._running = False
        self._passage = Passage()
        self._decoded = 0  # samples of the passage that the decoder has had
        self._resumed_at = 0  # where in the passage the words since the last pause begin
        self._ready = 0  # samples of the turn that the conditioner has given
        self._waiting = _NOTHING  # sound since the last pause, without a voice yet
        self._since_partial = 0
        self._said = ""
        self._settled: list[_Heard] = []  # words of earlier passages
        self._heard: list[_Heard] = []  # words of this one, as of the last pause

    def feed(self, pcm: np.ndarray) -> str | None:
        """See `Recogniser`."""
        self._take(self._conditioner.add(np.ascontiguousarray(pcm, dtype=np.int16)))
        if not self._running:
            return None
        self._decode(len(pcm) * _CATCH_UP)
        self._since_partial += len(pcm)
        if self._since_partial < _PARTIAL_SAMPLES or self._decoded < self._passage.samples:
            return None
        self._since_partial = 0
        hypothesis = self._decoder.hyp()
        words = [*(word.w for word in self._settled), *(_words_of(hypothesis.hypstr) if hypothesis else ())]
        text = " ".join(words)
        if text == self._said:
            return None
        self._said = text
        return text

    def pause(self) -> Transcript:
        """See `Recogniser`."""
        self._take(self._conditioner.rest())
        if self._running:
            if self._decoded < self._resumed_at:
                self._set_apart()
            self._decode(self._passage.samples)
            self._end()
            self._heard = list(self._words())
        heard = [*self._settled, *self._heard]
        self._said = " ".join(word.w for word in heard)
        words = tuple(Word(word.w, word.t_ms, word.d_ms) for word in heard)
        sureness = float(np.mean([word.sureness for word in heard])) if heard else 0.0
        said = cadence(
            self._passage.cut(max(0, self._passage.samples - _CADENCE_SAMPLES), self._passage.samples), words
        )
        complete = completeness(self._said, self._end_log10(heard), said)
        return Transcript(self._said, words, complete, sureness, said=said)

    def close(self) -> None:
        """See `Recogniser`."""
        if self._decoder is None:
            return
        if self._running:
            self._end()
        learned = self._mean.learned()
        if self._user and learned is not None:
            self._pool.remember(self._user, learned, self._conditioner.gain_db)
        self._pool.give(self._decoder)
        self._decoder = None

    def _take(self, sound: np.ndarray) -> None:
        """Append conditioned sound to the passage; between passages only once there is a voice in it."""
        self._ready += len(sound)
        if self._running:
            self._passage.add(sound, self._ready - len(sound))
            return
        self._waiting = np.concatenate([self._waiting, sound])
        voiced = np.flatnonzero(frame_levels_db(self._waiting, _FRAME) > _VOICED_DBFS)
        if len(voiced) < _VOICED_FRAMES:
            self._waiting = self._waiting[-_BEFORE_SAMPLES:]
            return
        sound = self._waiting[max(0, int(voiced[0]) * _FRAME - _BEFORE_SAMPLES) :]
        self._waiting = _NOTHING
        self._begin()
        self._passage.add(sound, self._ready - len(sound))

    def _begin(self) -> None:
        """Start the decoder: on the passage so far, again, or on a new one where that is too long to repeat."""
        if self._passage.samples > _REPEAT_SAMPLES:
            self._settle(Passage())
        self._resumed_at = self._passage.samples
        self._start()

    def _set_apart(self) -> None:
        """Hear what was said since the last pause alone: there was too little time to repeat what came before."""
        self._end()
        self._settle(self._passage.since(self._resumed_at))
        self._start()

    def _settle(self, passage: Passage) -> None:
        """Leave the words of the passage as they were heard last, and go on with another."""
        self._settled += self._heard
        self._heard = []
        self._passage = passage

    def _start(self) -> None:
        self._decoded = 0
        self._mean.reset()
        self._decoder.start_utt()
        self._decoder.process_raw(self._conditioner.lead().tobytes())
        self._mean.reset()  # what it learned from noise of our own making
        self._running = True

    def _decode(self, samples: int) -> None:
        """Decode so many samples more of the passage, or what there is."""
        stop = min(self._decoded + samples, self._passage.samples)
        for start in range(self._decoded, stop, _STEP_SAMPLES):
            frames = self._decoder.n_frames()
            self._decoder.process_raw(self._passage.cut(start, min(start + _STEP_SAMPLES, stop)).tobytes())
            self._mean.decoded(self._decoder.n_frames() - frames)
        self._decoded = stop

    def _end(self) -> None:
        self._mean.learn()
        self._decoder.end_utt()
        self._running = False

    def _end_log10(self, heard: list[_Heard]) -> float | None:
        """Return how likely a sentence ends after the last two words, by the language model."""
        if not heard:
            return None
        history = [word.w for word in heard[:-3:-1]]
        model = self._decoder.get_lm(self._decoder.current_search())
        if model is None:  # a grammar instead of a language model
            return None
        return float(self._decoder.get_logmath().log_to_log10(model.prob(["</s>", *history])))

    def _words(self) -> Iterator[_Heard]:
        """Yield the words of the passage, best path over its lattice."""
        for segment in self._decoder.seg() or ():
            if segment.word.startswith(_FILLER):
                continue
            start_ms = self._passage.turn_ms(segment.start_frame * _FRAME_MS - LEAD_MS)
            end_ms = self._passage.turn_ms((segment.end_frame + 1) * _FRAME_MS - LEAD_MS)
            sureness = min(1.0, max(0.0, segment.prob))  # posterior of the word in the lattice
            yield _Heard(_VARIANT.sub("", segment.word), start_ms, max(0.0, end_ms - start_ms), sureness)


def _words_of(text: str) -> list[str]:
    return [_VARIANT.sub("", w) for w in text.split() if not w.startswith(_FILLER)]

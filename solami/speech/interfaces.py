"""What a recogniser and a synthesiser are; engines live beside this module, `factory` opens them by name.

Both sides block: a recogniser is fed, and a synthesiser is iterated, in a worker thread.
Times are milliseconds; a recogniser's count from the first sample that it was fed, a synthesiser's from the first
sample of the piece that holds them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

import numpy as np

from solami_protocol.phones import Phone

if TYPE_CHECKING:
    from solami.speech.cadence import Cadence

__all__ = ["LISTEN_RATE_HZ", "SPEECH_RATE_HZ", "Recogniser", "Spoken", "Synthesiser", "Transcript", "Voice", "Word"]

LISTEN_RATE_HZ = 16_000
"""Rate of all sound that a recogniser is fed."""
SPEECH_RATE_HZ = 24_000
"""Rate of all sound that a synthesiser gives (DESIGN 3.3), whatever its voice's own rate is."""


@dataclass(frozen=True, slots=True)
class Word:
    """One word and its place in time."""

    w: str
    t_ms: float
    d_ms: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """What was heard in a turn so far.

    complete:   0 to 1, is this a finished sentence (`completeness.completeness`)
    other:      what a second decoder heard, where that is something else
    said:       how the last words were said, None where no engine listened for it
    confidence: 0 to 1, how sure the engine is of the words; 0 when nothing was heard
    degraded:   why another engine heard than the one that is set, for a person; empty where all is well
    """

    text: str
    words: tuple[Word, ...]
    complete: float
    confidence: float
    degraded: str = ""
    other: str = ""
    said: "Cadence | None" = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How a character speaks, as its card says (`voice` of DESIGN 3.15).

    engine:    the synthesiser that `speaker` belongs to: espeak (also ""), endpoint, xtts
    speaker:   the engine's own name of a speaker ("" for its default); for espeak one of `espeak_voices.PRESETS`
               or an espeak voice with its variant, such as "en-us+f3"
    rate:      tempo, 1.0 is the speaker's own, 0.5 to 2
    pitch:     semitones above the speaker's own, -12 to 12
    reference: recording of the voice for engines that copy one
    """

    engine: str = ""
    speaker: str = ""
    rate: float = 1.0
    pitch: float = 0.0
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One phrase, ready to play.

    text:   the part of the given text that is said here; the pieces joined by spaces give the text back
    pcm:    (N,) int16 mono at 24 kHz
    phones: gapless from 0 to the end of `pcm`, pauses as `sil`
    words:  the words of `text` in its order and spelling
    degraded: why another engine speaks than the one that is set, for a person; empty where all is well
    """

    text: str
    pcm: np.ndarray = field(repr=False)
    phones: tuple[Phone, ...]
    words: tuple[Word, ...]
    degraded: str = ""

    @property
    def d_ms(self) -> float:
        """Length of the sound."""
        return 1000.0 * len(self.pcm) / SPEECH_RATE_HZ


class Recogniser(Protocol):
    """Hears one turn. Not thread safe: one call at a time. After `close` it must not be used."""

    def feed(self, pcm: np.ndarray) -> str | None:
        """Take the next sound, (N,) int16 mono at 16 kHz; return the text of the whole turn so far when it changed."""
        ...

    def pause(self) -> Transcript:
        """Return the best text of the whole turn so far, because a silence was seen. `feed` may follow."""
        ...

    def close(self) -> None:
        """Give back what the turn held; safe to call twice."""
        ...


class Synthesiser(Protocol):
    """Says texts. One instance serves many sessions."""

    def speak(self, text: str, voice: Voice) -> Iterator[Spoken]:
        """Yield `text` phrase by phrase, a short one first; closing the iterator stops the work.

        Raises SettingsError for a voice that the engine does not have.
        """
        ...

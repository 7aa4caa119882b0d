"""What a recogniser and a synthesiser are. All calls block; the server makes them in threads."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from solami_protocol.phones import Phone

__all__ = ["Recogniser", "Spoken", "Synthesiser", "Transcript", "Voice", "Word"]


@dataclass(frozen=True, slots=True)
class Word:
    """A word and its place, milliseconds from the turn's (or piece's) first sample."""

    w: str
    t_ms: float
    d_ms: float


@dataclass(frozen=True, slots=True)
class Transcript:
    """Words of a turn. `complete`: is this a finished sentence; `confidence`: are these the words; both 0 to 1."""

    text: str
    words: tuple[Word, ...]
    complete: float
    confidence: float


class Recogniser(Protocol):
    """Hears one turn: 16 kHz mono int16."""

    def feed(self, pcm: np.ndarray) -> str | None:
        """Take in (N,) samples; return the words of the whole turn so far when they changed."""
        ...

    def pause(self) -> Transcript:
        """A silence was seen: return the best words of the whole turn so far. `feed` may follow."""
        ...

    def close(self) -> None:
        """Give back what the turn used."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """How a character sounds: rate 1 and pitch 0 (semitones) are the speaker's own."""

    engine: str = "espeak"
    speaker: str = ""
    rate: float = 1.0
    pitch: float = 0.0
    reference: str = ""


@dataclass(frozen=True, slots=True)
class Spoken:
    """One phrase: pcm (N,) int16 24 kHz, phones and words with times from its first sample."""

    text: str
    pcm: np.ndarray
    phones: tuple[Phone, ...]
    words: tuple[Word, ...]


class Synthesiser(Protocol):
    """Speaks."""

    def speak(self, text: str, voice: Voice) -> Iterator[Spoken]:
        """Yield the text phrase by phrase, a short one first; the pieces follow each other without gaps."""
        ...

"""Which gesture falls on which moment of a sentence: marks on their words, beats where no mark is near."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Protocol

from solami.behaviour import beats, carries_stress, resolve
from solami_protocol.phones import VOWELS, Phone

from .marks import Marked

__all__ = ["Piece", "SpokenWord", "Stroke", "allowed", "stroke_times", "strokes", "token_count"]

_TOKEN = re.compile(r"\S*\w\S*")
_CLEAR_MS = 1_000.0
"""No beat this near to a marked gesture."""

SpokenWord = tuple[str, float, float]
"""Text, start and duration in milliseconds."""


class Piece(Protocol):
    """A spoken phrase on the reply's timeline."""

    @property
    def text(self) -> str: ...
    @property
    def words(self) -> Sequence[SpokenWord]: ...
    @property
    def phones(self) -> Sequence[Phone]: ...


@dataclass(frozen=True, slots=True)
class Stroke:
    """A gesture that was asked for and the moments on which its stroke may fall, the wanted one first.

    `mark_ms`: the vowel of the very word behind its mark, None for a beat.
    """

    gesture: str
    times_ms: tuple[float, ...]
    mark_ms: float | None = None


def allowed(gesture: str, may_wave: bool) -> bool:
    """A wave answers a wave: unasked, the character waves only to greet and to say goodbye."""
    return may_wave or not gesture.startswith("wave")


def stroke_times(words: Sequence[SpokenWord], phones: Sequence[Phone]) -> list[float]:
    """Return for each word the middle of its longest full vowel, else a third into the word, in milliseconds."""
    times: list[float] = []
    for _, t_ms, d_ms in words:
        inside = [p for p in phones if p.p in VOWELS and t_ms - 1 <= p.t_ms < t_ms + d_ms]
        full = [p for p in inside if p.p != "ax"] or inside
        longest = max(full, key=lambda p: p.d_ms, default=None)
        times.append(longest.t_ms + longest.d_ms / 2 if longest is not None else t_ms + d_ms / 3)
    return times


def strokes(marked: Marked, pieces: Sequence[Piece], first_token: int, may_wave: bool, seed: int) -> list[Stroke]:
    """Return the strokes of some phrases of a sentence, in time order.

    A mark's stroke belongs on the first stressed word from the mark on: "[open_palms] I keep this light" on "keep".
    pieces: on the reply's timeline; first_token: how many words of the sentence's text lie before them.
    """
    words = [word for piece in pieces for word in piece.words]
    if not words:
        return []
    times = stroke_times(words, [phone for piece in pieces for phone in piece.phones])
    places = _places(pieces)
    ends = [match.end() for match in _TOKEN.finditer(marked.text)]
    out: list[Stroke] = []
    for mark in marked.marks:
        gesture = resolve(mark.name)
        token = sum(end <= mark.at for end in ends) - first_token
        if gesture is not None and allowed(gesture, may_wave) and 0 <= token < len(places):
            first = places[token]
            on = [at_ms for at_ms, word in zip(times[first:], words[first:], strict=True) if carries_stress(word[0])]
            out.append(Stroke(gesture, tuple(on or times[first:]), times[first]))
    taken = [stroke.times_ms[0] for stroke in out]
    for cue in beats(words, seed):
        nearest = min(times, key=lambda at_ms: abs(at_ms - cue.stroke_ms))
        if all(abs(nearest - other) >= _CLEAR_MS for other in taken):
            out.append(Stroke(cue.gesture, (nearest,)))
    return sorted(out, key=lambda stroke: stroke.times_ms[0])


def token_count(text: str) -> int:
    """Return how many words a text has, as it is written."""
    return len(_TOKEN.findall(text))


def _places(pieces: Sequence[Piece]) -> list[int]:
    """Return for each written word which spoken word it is.

    A synthesiser may report more words than are written ("41": forty-one) or fewer ("I am" as one); those that agree
    are found by their text, and what lies between takes the next spoken word, or shares the last one.
    """
    places: list[int] = []
    before = 0
    for piece in pieces:
        written = [_bare(word) for word in _TOKEN.findall(piece.text)]
        spoken = [_bare(word) for word, _, _ in piece.words]
        found: dict[int, int] = {}
        for block in SequenceMatcher(None, written, spoken, autojunk=False).get_matching_blocks():
            found.update({block.a + i: block.b + i for i in range(block.size)})
        last = -1
        for i in range(len(written)):
            following = min((found[j] for j in found if j > i), default=len(spoken))
            last = found.get(i, min(last + 1, following - 1))
            places.append(before + max(last, 0))
        before += len(spoken)
    return [min(place, before - 1) for place in places]


def _bare(word: str) -> str:
    return "".join(c for c in word.lower() if c.isalnum())

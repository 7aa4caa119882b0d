"""Which gesture falls on which moment of a sentence: marks on their words, beats where no mark is near."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from solami.behaviour import beats, resolve
from solami_protocol.phones import VOWELS, Phone

from .marks import Marked

__all__ = ["Stroke", "SpokenWord", "allowed", "stroke_times", "strokes"]

_TOKEN = re.compile(r"\S*\w\S*")
_CLEAR_MS = 1_000.0
"""No beat this near to a marked gesture."""

SpokenWord = tuple[str, float, float]
"""Text, start and duration in milliseconds."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """A gesture that was asked for and the moments on which its stroke may fall, the wanted one first."""

    gesture: str
    times_ms: tuple[float, ...]


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


def strokes(
    marked: Marked, words: Sequence[SpokenWord], phones: Sequence[Phone], first_word: int, may_wave: bool, seed: int
) -> list[Stroke]:
    """Return the strokes of a piece of a sentence, in time order.

    words, phones: of the piece, on the reply's timeline; first_word: how many of the sentence's words lie before it.
    """
    if not words:
        return []
    times = stroke_times(words, phones)
    tokens = [match.end() for match in _TOKEN.finditer(marked.text)]
    out: list[Stroke] = []
    for mark in marked.marks:
        gesture = resolve(mark.name)
        place = sum(end <= mark.at for end in tokens) - first_word
        if gesture is not None and allowed(gesture, may_wave) and 0 <= place < len(words):
            out.append(Stroke(gesture, tuple(times[place:])))
    taken = [stroke.times_ms[0] for stroke in out]
    for cue in beats(list(words), seed):
        nearest = min(range(len(times)), key=lambda i: abs(times[i] - cue.stroke_ms))
        if all(abs(times[nearest] - other) >= _CLEAR_MS for other in taken):
            out.append(Stroke(cue.gesture, (times[nearest],)))
    return sorted(out, key=lambda stroke: stroke.times_ms[0])

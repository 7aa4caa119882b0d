"""Where a speaker's hands and head beat: a few stressed words of an utterance, never the same beat three times."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Cue", "beats", "carries_stress"]

# Words without weight; a stroke on one looks wrong whatever its length.
_FUNCTION = frozenset(
    "a about after all am an and any are as at be because been before but by can could did do does for from had has "
    "have he her him his how i if in into is it its just like may me might more my of off on one or our out over shall "
    "she should so some than that the their them then there these they this those to under up upon us very was we were "
    "what when where which who whom why will with would you your".split()
)
_CALLS = frozenset("yes no oh well hello hi hey okay".split())
"""Stressed, but too short or too early for a beat."""
_APART_MS = 1_100.0
_AIM_PER_MS = 1 / 2_100.0  # beats per millisecond of speech that a lively speaker makes
_MENU: tuple[tuple[str, float], ...] = (
    ("beat_right", 0.32),
    ("beat_both", 0.22),
    ("beat_left", 0.18),
    ("nod_once", 0.16),
    ("open_palms", 0.07),
    ("tilt", 0.05),
)


@dataclass(frozen=True, slots=True)
class Cue:
    """A gesture's name and the time on which its stroke should fall."""

    gesture: str
    stroke_ms: float


def beats(words: Sequence[tuple[str, float, float]], seed: int) -> list[Cue]:
    """Return cues in time order for (text, t_ms, d_ms) words: at least 1.1 s apart, about one in 2 s of speech.

    The stroke falls a third into the word, near its stressed vowel (strokes come with the stressed syllable or just
    before it: McNeill, Hand and Mind, 1992). The same words and seed give the same cues.
    """
    if not words:
        return []
    rng = np.random.default_rng([seed, 0xBEA7])
    weight = np.array([_weight(*word) for word in words]) * rng.uniform(0.85, 1.15, len(words))
    spoken_ms = words[-1][1] + words[-1][2] - words[0][1]
    most = max(1, round(spoken_ms * _AIM_PER_MS))
    taken: list[float] = []
    for i in np.argsort(-weight, kind="stable"):
        stroke_ms = words[i][1] + words[i][2] / 3
        if weight[i] <= 0 or len(taken) >= most:
            break
        if all(abs(stroke_ms - other) >= _APART_MS for other in taken):
            taken.append(stroke_ms)
    cues: list[Cue] = []
    for stroke_ms in sorted(taken):
        cues.append(Cue(_choice(rng, [cue.gesture for cue in cues[-2:]]), float(stroke_ms)))
    return cues


def carries_stress(word: str) -> bool:
    """Return whether a word of an utterance is stressed, as far as its text tells: function words are not."""
    bare = "".join(c for c in word.lower() if c.isalpha())
    return bool(bare) and bare not in _FUNCTION


def _weight(text: str, t_ms: float, d_ms: float) -> float:
    """Stress as it can be guessed from a word: long in letters, long in time, not a function word, not the first."""
    word = "".join(c for c in text.lower() if c.isalpha())
    if word in _CALLS or not carries_stress(word):
        return 0.0
    return min(len(word), 9) / 9 + d_ms / 500.0 - (0.3 if t_ms < 250 else 0.0)


def _choice(rng: np.random.Generator, last: list[str]) -> str:
    names = [name for name, _ in _MENU]
    shares = np.array([share for _, share in _MENU])
    for i, name in enumerate(names):
        if name in last:
            # twice in a row happens; the rarer, larger gestures stay rare
            shares[i] *= 0.0 if last.count(name) == 2 or shares[i] < 0.1 else 0.35
    return names[int(rng.choice(len(names), p=shares / shares.sum()))]

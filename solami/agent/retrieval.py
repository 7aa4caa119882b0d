"""Which of a card's examples, facts or follow-ups a user's words mean.

Score of a line of the card = `MEANING` x cosine of sentence embeddings + `SOUND` x likeness of the words' sounds
(`sounds.py`); the second carries what a recogniser misheard. Lines that no card answers (`elsewhere.txt`) are scored in
the same way; a question that is nearer to those is not for the character. The constants were set on the card's own lines,
each left out in turn, and on sentences other than those of the tests.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal, Protocol

import numpy as np

from solami.characters import Card, Example
from solami_protocol.errors import InputError

from .sounds import SoundIndex, words_of

__all__ = ["ASK", "SURE", "Embedder", "Match", "Retrieval", "elsewhere"]

MEANING = 0.6
SOUND = 0.4
SURE = 0.6
"""From here on the best line is answered."""
ASK = 0.5
"""From here on the character asks whether it was meant; below, it says that it does not follow."""
FACT_MARGIN = 0.05
"""A fact answers only where it is this much nearer than any example: examples lead on, facts only tell."""
ELSEWHERE_MARGIN = 0.0
FOLLOW_UP_BONUS = 0.2
"""What was written as the answer to the character's last words is likely."""
OFFER_BONUS = 0.1
"""So is what the character has just offered."""


class Embedder(Protocol):
    """Turns sentences into unit vectors, (N, D) float32."""

    def embed(self, sentences: list[str]) -> np.ndarray:
        """Return one unit vector a sentence."""
        ...


@dataclass(frozen=True, slots=True)
class Match:
    """A line of the card that the words may mean. `score` is about 0 to 1."""

    kind: Literal["example", "follow_up", "fact"]
    score: float
    example: Example | None = None
    fact: str = ""

    @property
    def intent(self) -> str:
        """The example's id, or `fact`."""
        return self.example.id if self.example is not None else "fact"


@cache
def elsewhere() -> tuple[str, ...]:
    """Return sentences that belong to no character."""
    text = (files("solami.agent") / "elsewhere.txt").read_text(encoding="utf-8")
    return tuple(line for line in text.splitlines() if line and not line.startswith("#"))


class _Lines:
    """Sentences with their owners' numbers, scored together."""

    def __init__(self, embedder: Embedder, pairs: Sequence[tuple[str, int]]) -> None:
        sentences = [sentence for sentence, _ in pairs]
        self.owners = np.array([owner for _, owner in pairs], dtype=np.int64)
        self.vectors = embedder.embed([" ".join(words_of(sentence)) for sentence in sentences])
        self.sounds = SoundIndex(sentences)

    def scores(self, vectors: np.ndarray, words: str) -> np.ndarray:
        """vectors: (K, D) readings of the query. Returns (S,), the best reading of each line."""
        return MEANING * (vectors @ self.vectors.T).max(axis=0) + SOUND * self.sounds.scores(words)


class Retrieval:
    """The lines of one card, ready to be searched. Read-only after construction, so turns may share it."""

    def __init__(self, card: Card, embedder: Embedder) -> None:
        if not card.examples:
            raise InputError(
                f"{card.name}: the card has no examples, and the embedded brain answers from examples; "
                "add some, or configure a language model endpoint"
            )
        self._embedder = embedder
        self.examples = list(card.examples)
        pairs = [
            (line, i) for i, example in enumerate(card.examples) for line in (*example.user, example.topic) if line
        ]
        self._lines = _Lines(embedder, pairs)
        self._facts = card.facts
        self._fact_vectors = embedder.embed(list(card.facts)) if card.facts else None
        self._elsewhere = embedder.embed(list(elsewhere()))
        self._follow_ups: dict[int, _Lines] = {}
        for children in _children(card):
            pairs = [(line, i) for i, child in enumerate(children) for line in child.user]
            self._follow_ups[id(children)] = _Lines(embedder, pairs)
        # `id` above is a safe key only while the tuples live
        self._card = card

    def readings(self, words: str) -> np.ndarray:
        """Return the vectors of what the words may have been: as heard, and respelled by sound, (1 or 2, D)."""
        plain = " ".join(words_of(words))
        respelled = self._lines.sounds.respelled(plain)
        return self._embedder.embed([plain] if respelled == plain else [plain, respelled])

    def search(self, words: str, then: tuple[Example, ...] = (), offered: frozenset[str] = frozenset()) -> list[Match]:
        """Return what the words may mean, best first: at most one match an example, and the best fact.

        then: follow-ups that are possible now; offered: intents that the character's last words offered. The list is
        empty where the words are nearer to `elsewhere`.
        """
        vectors = self.readings(words)
        matches = self._among(self._lines, self.examples, vectors, words, offered)
        if then:
            follow_ups = self._among(self._follow_ups[id(then)], list(then), vectors, words, frozenset())
            matches += [
                Match("follow_up", m.score + FOLLOW_UP_BONUS, m.example)
                for m in follow_ups
                if m.score > ASK - FOLLOW_UP_BONUS
            ]
        matches.sort(key=lambda match: -match.score)
        away = float((vectors[:1] @ self._elsewhere.T).max())
        near = float((vectors @ self._lines.vectors.T).max())
        if matches[0].kind == "example" and away > near + ELSEWHERE_MARGIN:
            return []
        fact = self._fact(vectors)
        if fact is not None and fact.score > matches[0].score + FACT_MARGIN:
            matches.insert(0, fact)
        return matches

    def _among(
        self, lines: _Lines, owners: list[Example], vectors: np.ndarray, words: str, offered: frozenset[str]
    ) -> list[Match]:
        scores = lines.scores(vectors, words)
        best = np.full(len(owners), -1.0, dtype=np.float32)
        np.maximum.at(best, lines.owners, scores)
        return [
            Match("example", float(best[i]) + (OFFER_BONUS if example.id in offered else 0.0), example)
            for i, example in enumerate(owners)
        ]

    def _fact(self, vectors: np.ndarray) -> Match | None:
        if self._fact_vectors is None:
            return None
        scores = (vectors @ self._fact_vectors.T).max(axis=0)
        best = int(scores.argmax())
        return Match("fact", float(scores[best]), fact=self._facts[best])

    def nearest_facts(self, words: str) -> list[str]:
        """Return the card's facts, the one that is nearest to `words` first."""
        if self._fact_vectors is None:
            return []
        order = np.argsort(-(self._embedder.embed([words]) @ self._fact_vectors.T)[0])
        return [self._facts[int(i)] for i in order]

    def nearest_example(self, words: str, at_least: float) -> Example | None:
        """Return the example whose lines mean most nearly what `words` say, or None below `at_least` (cosine)."""
        scores = (self._embedder.embed([" ".join(words_of(words))]) @ self._lines.vectors.T)[0]
        best = int(scores.argmax())
        return self.examples[int(self._lines.owners[best])] if scores[best] >= at_least else None


def _children(card: Card) -> list[tuple[Example, ...]]:
    """Return every group of follow-ups in the card, at any depth."""
    groups: list[tuple[Example, ...]] = []
    todo = list(card.examples)
    while todo:
        example = todo.pop()
        for group in (example.then, *(answer.then for answer in example.character)):
            if group:
                groups.append(group)
                todo.extend(group)
    return groups

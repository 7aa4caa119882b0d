"""Which of a card's examples, facts or follow-ups a user's words mean.

The lines of a card are the training set of a small classifier: kernel ridge regression (Saunders et al. 1998) on
sentence embeddings, one class an example, and one class more for what no character answers (`elsewhere.txt`), which
makes the rejection part of the same decision. Likeness of the words' sounds (`sounds.py`) is added for text that a
recogniser misheard. On Copper's own lines, each left out in turn, the classifier found the example of 79 % and a wrong
one of 14 %, where the nearest line alone found 78 % and a wrong one of 21 %; at `SURE` it is 76 % and 12 %. The
constants were set there, and on off-topic sentences other than those of the tests.
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

WIDTH = 0.5
"""Of the kernel exp((cosine - 1) / WIDTH)."""
RIDGE = 0.1
SOUND = 0.1
SURE = 0.32
"""From here on the best example answers."""
ASK = 0.22
"""From here on the character asks whether it was meant; below, it says that it does not follow."""
FOLLOW_UP = 0.62
"""Cosine, sound added, from which an answer to the character's own question is taken for one."""
EXACT = 0.9
FACT = 0.62
"""Cosine from which a fact is the answer to a question that no example answers surely."""
OFFER_BONUS = 0.12
"""What the character has just offered is likely."""

_Array = np.ndarray


class Embedder(Protocol):
    """Turns sentences into unit vectors, (N, D) float32."""

    def embed(self, sentences: list[str]) -> np.ndarray:
        """Return one unit vector a sentence."""
        ...


@dataclass(frozen=True, slots=True)
class Match:
    """A line of the card that the words may mean. `score` is about 0 to 1 and comparable within one search."""

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


class _Once:
    """Embeds every sentence once: cards say "I do not know" in many places."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._vectors: dict[str, _Array] = {}

    def embed(self, sentences: list[str]) -> _Array:
        new = list(dict.fromkeys(s for s in sentences if s not in self._vectors))
        if new:
            self._vectors.update(zip(new, self._embedder.embed(new), strict=True))
        return np.stack([self._vectors[s] for s in sentences])


def _plain(text: str) -> str:
    return " ".join(words_of(text))


class _Lines:
    """Sentences, each with the number of the example that it belongs to, by vector and by sound."""

    def __init__(self, vectors: _Array, sentences: Sequence[str], owners: Sequence[int]) -> None:
        self.vectors, self.count = vectors, max(owners) + 1
        self.owners = np.array(owners, dtype=np.int64)
        self.sounds = SoundIndex(list(sentences))

    def best(self, scores: _Array) -> _Array:
        """Return the highest of the lines' scores for each owner, (count,)."""
        out = np.zeros(self.count, dtype=np.float32)
        np.maximum.at(out, self.owners, scores)
        return out


class Retrieval:
    """The lines of one card, ready to be searched. Read-only after construction, so turns may share it."""

    def __init__(self, card: Card, embedder: Embedder) -> None:
        """Embed the card (about 2 ms a line). Raises InputError for a card without examples."""
        if not card.examples:
            raise InputError(
                f"{card.name}: the card has no examples, and the embedded brain answers from examples; "
                "add some, or configure a language model endpoint"
            )
        self._embedder: Embedder = _Once(embedder)
        self.examples = card.examples
        self._lines = self._lines_of(card.examples)
        # keyed by identity: the card holds the tuples as long as this lives
        self._groups = {id(group): self._lines_of(group) for group in _groups(card.examples)}
        self.facts = card.facts
        self._fact_vectors = embedder.embed(list(card.facts)) if card.facts else np.zeros((0, 1), np.float32)
        self._known, self._weights = self._train()
        self._embedder = embedder

    def _lines_of(self, examples: tuple[Example, ...]) -> _Lines:
        pairs = [(line, i) for i, e in enumerate(examples) for line in (*e.user, e.topic) if line]
        vectors = self._embedder.embed([_plain(line) for line, _ in pairs])
        return _Lines(vectors, [line for line, _ in pairs], [i for _, i in pairs])

    def _train(self) -> tuple[_Array, _Array]:
        """Return the support vectors (N, D) and their weights (N, examples + 1); the last class is elsewhere."""
        others = self._embedder.embed([_plain(line) for line in elsewhere()])
        known = np.concatenate([self._lines.vectors, others])
        classes = np.concatenate([self._lines.owners, np.full(len(others), len(self.examples))])
        target = np.eye(len(self.examples) + 1, dtype=np.float32)[classes]
        kernel = _kernel(known, known)
        kernel[np.diag_indices_from(kernel)] += RIDGE
        return known, np.asarray(np.linalg.solve(kernel, target), dtype=np.float32)

    def readings(self, *hearings: str) -> _Array:
        """Return the vectors of what the words may have been, (N, D): each hearing as it is and respelled by sound."""
        plain = [_plain(words) for words in hearings]
        respelled = [self._lines.sounds.respelled(words) for words in plain]
        return self._embedder.embed(list(dict.fromkeys([*plain, *respelled])))

    def search(
        self, words: str, then: tuple[Example, ...] = (), offered: frozenset[str] = frozenset(), other: str = ""
    ) -> list[Match]:
        """Return what the words may mean, best first; examples below `ASK` are left out.

        then: follow-ups that the character's last words made possible; offered: ids of examples that it offered;
        other: what else may have been said. An empty list says that the words are none of the card's business.
        """
        hearings = [heard for heard in (words, other) if words_of(heard)]
        if not words_of(words):
            return []
        vectors = self.readings(*hearings)
        scores = (_kernel(vectors, self._known) @ self._weights).max(axis=0)  # (examples + 1,)
        scores[:-1] += SOUND * self._lines.best(_sounds(self._lines, hearings))
        scores[:-1] += [OFFER_BONUS if example.id in offered else 0.0 for example in self.examples]
        order = [int(i) for i in np.argsort(-scores)]
        away = order[0] == len(self.examples)
        matches = (
            []
            if away
            else [
                Match("example", float(scores[i]), self.examples[i])
                for i in order
                if scores[i] >= ASK and i < len(self.examples)
            ]
        )
        follow_up = self._follow_up(vectors, hearings, then)
        # a follow-up answers the question just asked: nearly its own words always win, other words unless they are
        # more surely something else
        if follow_up is not None and (follow_up.score > EXACT or not matches or matches[0].score < follow_up.score):
            return [follow_up, *matches]
        if not away and (not matches or matches[0].score < SURE):
            fact = self._fact(vectors)
            if fact is not None:
                return [fact, *matches]
        return matches

    def _follow_up(self, vectors: _Array, hearings: list[str], then: tuple[Example, ...]) -> Match | None:
        if not then:
            return None
        lines = self._groups[id(then)]
        cosine = (vectors @ lines.vectors.T).max(axis=0)
        scores = lines.best(np.maximum(cosine, _sounds(lines, hearings)))
        best = int(scores.argmax())
        return Match("follow_up", float(scores[best]), then[best]) if scores[best] >= FOLLOW_UP else None

    def _fact(self, vectors: _Array) -> Match | None:
        if not self.facts:
            return None
        scores = (vectors @ self._fact_vectors.T).max(axis=0)
        best = int(scores.argmax())
        return Match("fact", float(scores[best]), fact=self.facts[best]) if scores[best] >= FACT else None

    def nearest_facts(self, said: list[str]) -> list[tuple[str, float]]:
        """Return the card's facts, that nearest in meaning to the first of `said` first, with their highest likeness
        (cosine) to any of `said`."""
        if not self.facts or not said:
            return []
        scores = self._embedder.embed(said) @ self._fact_vectors.T  # (S, F)
        return [(self.facts[int(i)], float(scores[:, i].max())) for i in np.argsort(-scores[0])]

    def nearest_examples(self, sentences: list[str], at_least: float) -> list[Example | None]:
        """Return for each sentence the example that it is surely about (class score), or None below `at_least`."""
        scores = _kernel(self._embedder.embed([_plain(s) for s in sentences]), self._known) @ self._weights
        best = scores[:, :-1].argmax(axis=1)
        return [self.examples[int(i)] if row[i] >= at_least else None for i, row in zip(best, scores, strict=True)]


def _sounds(lines: _Lines, hearings: list[str]) -> _Array:
    """Return how much each line sounds like the hearing that is most like it."""
    return np.asarray(np.max([lines.sounds.scores(heard) for heard in hearings], axis=0), dtype=np.float32)


def _kernel(a: _Array, b: _Array) -> _Array:
    return np.asarray(np.exp((a @ b.T - 1.0) / WIDTH), dtype=np.float32)


def _groups(examples: tuple[Example, ...]) -> list[tuple[Example, ...]]:
    """Return every group of follow-ups below `examples`, at any depth."""
    groups: list[tuple[Example, ...]] = []
    for example in examples:
        for group in (example.then, *(answer.then for answer in example.character)):
            if group:
                groups += [group, *_groups(group)]
    return groups

"""Where strokes fall: every answer of a card, spoken and moved, and how far each gesture is from its word.

No sockets and no clock: a stroke lies on the reply's own timeline, and so does the middle of its word's stressed vowel.
"""

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from solami.behaviour import resolve
from solami.brain import Gesture, Turn
from solami.characters import Card
from solami.speech import Synthesiser

from .brain import AgentBrain
from .dialogue import Dialogue
from .marks import parse_marks
from .sentences import SentenceCutter
from .source import Sentence, WordSource

__all__ = ["EARLY_MS", "Answers", "Placed", "place_strokes", "stroke_figures"]

EARLY_MS = 700.0
"""A word that is spoken earlier leaves an arm little time."""


@dataclass(frozen=True, slots=True)
class Placed:
    """The gestures of one answer, and how many of its marks mean a gesture."""

    raw: str
    marks: int
    gestures: tuple[Gesture, ...]


class Answers(WordSource):
    """Says the answers that it is given, by the turn's number."""

    def __init__(self, card: Card, answers: Sequence[str]) -> None:
        super().__init__(card, Dialogue(card, None), None)
        self._answers = answers

    async def sentences(self, turn: Turn) -> AsyncGenerator[Sentence, None]:
        cutter = SentenceCutter()
        for raw in [*cutter.feed(self._answers[turn.number]), *cutter.flush()]:
            yield Sentence(raw, True)


async def place_strokes(card: Card, synthesiser: Synthesiser) -> list[Placed]:
    """Return where the gestures of the card's openings and example answers fall, each as a reply of its own."""
    answers = [*card.opening, *(answer.say for example in card.examples for answer in example.character)]
    brain = AgentBrain(card, Answers(card, answers), synthesiser, name="answers")
    placed = []
    for number, raw in enumerate(answers):
        marks = [mark for mark in parse_marks(raw).marks if resolve(mark.name) is not None]
        events = [event async for event in brain.reply(Turn(number=number, cause="text"))]
        placed.append(Placed(raw, len(marks), tuple(event for event in events if isinstance(event, Gesture))))
    return placed


def stroke_figures(placed: Iterable[Placed]) -> dict[str, dict[str, float]]:
    """Return rows of figures: how far strokes are from the middle of a stressed vowel, in ms.

    `p50_ms`, `p95_ms`, `within_100_ms`: from the word that the gesture was put on; for marks also from the first
    stressed word from the mark on (`word_...`), which is where it is put if an arm can be there in time, and from the
    very word behind the mark (`mark_p50_ms`), stressed or not. Rows: `marks` are gestures that the text asks for,
    parted into `early` and `later` at `EARLY_MS`, `beats` the character's own. A mark whose gesture was not made counts
    in `dropped` and in no distance.
    """
    placed = list(placed)
    every = [gesture for one in placed for gesture in one.gestures]
    marked = [gesture for gesture in every if gesture.mark_ms is not None]
    early = [gesture for gesture in marked if (gesture.mark_ms or 0.0) < EARLY_MS]
    rows = {
        "all": _row(every),
        "marks": _row(marked) | {"dropped": sum(one.marks for one in placed) - len(marked)},
        "early": _row(early),
        "later": _row([gesture for gesture in marked if gesture not in early]),
        "beats": _row([gesture for gesture in every if gesture.mark_ms is None]),
    }
    return {name: row for name, row in rows.items() if row["count"]}


def _row(gestures: Sequence[Gesture]) -> dict[str, float]:
    if not gestures:
        return {"count": 0}
    row = {"count": len(gestures), **_spread("", [abs(g.stroke_ms - g.aim_ms) for g in gestures])}
    row |= _spread("word_", [abs(g.stroke_ms - g.word_ms) for g in gestures if g.word_ms is not None])
    marked = [abs(g.stroke_ms - g.mark_ms) for g in gestures if g.mark_ms is not None]
    return row | ({"mark_p50_ms": round(float(np.median(marked)), 1)} if marked else {})


def _spread(prefix: str, off_ms: Sequence[float]) -> dict[str, float]:
    if not off_ms:
        return {}
    p50, p95 = np.percentile(off_ms, [50, 95])
    near = float((np.array(off_ms) <= 100).mean())
    names = (f"{prefix}p50_ms", f"{prefix}p95_ms", f"{prefix}within_100_ms")
    return dict(zip(names, (round(float(p50), 1), round(float(p95), 1), round(near, 3)), strict=True))

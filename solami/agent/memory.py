"""What the character's own words made possible: which answers, offers and follow-ups belong to a line it has said.

The server keeps the history as text, as it was heard. A line is found again by its words, so a reply needs no state of
its own, and a dropped speculative reply leaves nothing behind.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace

from solami.brain import Exchange
from solami.characters import Card, Example

from .marks import parse_marks
from .retrieval import Retrieval
from .sounds import words_of

__all__ = ["Line", "Lines", "spoken_key"]

_SENTENCE = re.compile(r"[^.!?]+[.!?]*")
_CHOICE = re.compile(r",? or |, |: ")
_ASKING = frozenset("what which who whom whose why how when where and".split())
OFFERED = 0.3
"""Class score from which a piece of a question is taken for the offer of an example."""


def spoken_key(text: str) -> str:
    """Return the words of a line as they are spoken, for comparison: no marks, no case, no punctuation."""
    return " ".join(words_of(parse_marks(text).text))


@dataclass(frozen=True, slots=True)
class Line:
    """A line that the character may have said. `example` is the id of the example it answers ("" for none)."""

    raw: str
    example: str = ""
    if_yes: tuple[str, ...] = ()
    if_no: tuple[str, ...] = ()
    then: tuple[Example, ...] = ()
    otherwise: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()
    """Ids of examples that the line offers, in the order in which it names them."""
    more: bool = False
    """It offers to go on."""

    @property
    def asks(self) -> bool:
        """Does the line end with a question?"""
        return self.raw.rstrip().endswith("?")


class Lines:
    """All lines of a card by the words that are spoken."""

    def __init__(self, card: Card, retrieval: Retrieval) -> None:
        lines = list(_lines(card))
        offers = _offers([line.raw for line in lines if not line.if_yes], retrieval)
        self._lines: dict[str, Line] = {}
        for line in lines:
            # "now, as friends: a secret or a riddle?" offers the secret before what it is said about
            offered = () if line.if_yes else tuple(sorted(offers[line.raw], key=lambda name: name == line.example))
            self._lines.setdefault(spoken_key(line.raw), replace(line, offers=offered))
        self._leads = [spoken_key(lead) for lead in card.lines.lead]
        self._topics = {spoken_key(e.topic): e.id for e in card.examples if e.topic}
        self._asks = [_ask_pattern(line) for line in card.lines.ask]

    def last(self, history: tuple[Exchange, ...]) -> Line | None:
        """Return the line that was said last, if it was heard to its end and is one of the card's."""
        if not history or not history[-1].character:
            return None
        key = spoken_key(history[-1].character)
        found = self._lines.get(key)
        if found is not None:
            return found
        for pattern in self._asks:
            match = pattern.fullmatch(key)
            if match:
                ids = [self._topics[topic] for topic in match.groups() if topic in self._topics]
                return Line(history[-1].character, offers=tuple(ids))
        if any(key.endswith(lead) for lead in self._leads):
            return Line(history[-1].character, more=True)
        # "as I said" lines and waves are put before a line of the card
        ends = [line for spoken, line in self._lines.items() if len(spoken) > 20 and key.endswith(spoken)]
        return max(ends, key=lambda line: len(line.raw), default=None)


def _ask_pattern(line: str) -> re.Pattern[str]:
    key = spoken_key(line.replace("{a}", "topica").replace("{b}", "topicb"))
    return re.compile(re.escape(key).replace("topica", "(.+)").replace("topicb", "(.+)"))


def _lines(card: Card) -> Iterable[Line]:
    yield from _of_examples(card.examples, "")
    for group in (
        card.opening,
        *card.acts.values(),
        card.lines.confused,
        card.lines.silence,
        card.lines.leaving,
        card.facts,
    ):
        for raw in group:
            yield Line(raw)


def _of_examples(examples: tuple[Example, ...], parent: str, open_group: tuple[Example, ...] = ()) -> Iterable[Line]:
    for example in examples:
        name = example.id or parent
        for answer in example.character:
            if_yes, if_no = answer.if_yes or example.if_yes, answer.if_no or example.if_no
            then = answer.then or example.then or (open_group if example.stays else ())
            yield Line(answer.say, name, if_yes, if_no, then, answer.otherwise or example.otherwise)
            # "do you know it?" "yes": the question is still open
            yield from (Line(raw, name, then=then) for raw in if_yes)
            yield from (Line(raw, name) for raw in (*if_no, *answer.otherwise, *example.otherwise))
            yield from _of_examples(answer.then, name, answer.then)
        yield from _of_examples(example.then, name, example.then)


def _question(raw: str) -> list[str]:
    """Return the choices in the last question of a line, or none if it asks nothing.

    A question of few words ("Shall I?") is read with the sentence before it.
    """
    sentences = [s.strip() for s in _SENTENCE.findall(parse_marks(raw).text) if s.strip()]
    if not sentences or not sentences[-1].endswith("?"):
        return []
    question = sentences[-1]
    if len(question.split()) <= 3 and len(sentences) > 1:
        question = f"{sentences[-2]} {question}"
    pieces = [piece.strip(" ?") for piece in _CHOICE.split(question) if piece.strip(" ?")]
    # "What do you like?" offers nothing; "What shall it be, the sea or the stars?" offers what follows
    return [piece for piece in pieces if piece.split()[0].lower() not in _ASKING]


def _offers(raws: list[str], retrieval: Retrieval) -> dict[str, tuple[str, ...]]:
    """Return for each line the ids of the examples that its last question offers."""
    choices = {raw: _question(raw) for raw in raws}
    flat = [choice for group in choices.values() for choice in group]
    found = iter(retrieval.nearest_examples(flat, OFFERED) if flat else [])
    out: dict[str, tuple[str, ...]] = {}
    for raw, group in choices.items():
        ids = [example.id for example in [next(found) for _ in group] if example is not None and example.topic]
        out[raw] = tuple(dict.fromkeys(ids))
    return out

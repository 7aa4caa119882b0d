"""What the user may well say next, for a recogniser that listens for it, and which of two hearings to believe.

A weak recogniser hears a sentence that it expects far better than any other. So beside the free decoder a second one
listens for what fits now: answers to the character's own last question first, then all that its card answers.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest

from solami.characters import Card, Example
from solami.speech import Transcript

from .memory import Line
from .sounds import words_of

__all__ = ["MOST", "Expected", "choose", "decide", "expected_now"]

MOST = 600
"""Sentences at most; more of them are heard no better, and cost time."""
SURER = 0.05
"""How much surer the free decoder must be. Set on one character's spoken questions; on those of two others it left 78 %
answered right, 11 % wrong and 93 % of what is off topic refused, where always the expecting one gave 75, 14 and 88, and
the free one alone 63, 9 and 100."""
LONGEST = 12
"""Words. Nobody says so many in one of the sentences that are expected; what is longer is something else. Of twelve
recordings of read prose (LJ001-0013 to 0024), decoded beside one card's sentences, 0.30 of the words were wrong without
this and 0.19 with it, beside another's 0.25 and 0.19; the free decoder alone has 0.18."""
_SHORT = (
    "yes", "no", "yes please", "no thank you", "yes I do", "no I do not", "of course", "sure", "okay", "all right",
    "maybe", "not really", "not now", "I do not know", "tell me more", "go on", "why", "another one", "one more",
    "say it again", "what did you say", "please", "thank you", "stop", "wait", "hello", "goodbye",
    "mirror me", "copy me", "follow me", "let us play simon says", "rock paper scissors", "what games can we play",
    "rock", "paper", "scissors",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Expected:
    """Sentences in lower case without punctuation, the likeliest first, each once.

    answers: to what the character has just said; always: whatever else may be said to it.
    """

    answers: tuple[str, ...]
    always: tuple[str, ...]

    @property
    def sentences(self) -> tuple[str, ...]:
        """All of them."""
        return self.answers + self.always


def expected_now(card: Card, line: Line | None = None) -> Expected:
    """Return what fits now, `MOST` sentences at most. line: what the character said last, where that is one of its own.

    Where the card has more, each example keeps its first ways of asking.
    """
    by_id = {example.id: example for example in card.examples if example.id}
    answers: list[str] = []
    if line is not None:
        for follow_up in line.then:
            answers += follow_up.user
        for offer in line.offers:
            if offer in by_id:
                answers += [by_id[offer].topic, *by_id[offer].user]
    seen: set[str] = set()
    near = _fresh(answers, seen)[: MOST // 2]
    rest = _fresh([*_SHORT, *card.expects, f"hello {card.name}", *_in_turn(card.examples)], seen)
    return Expected(tuple(near), tuple(rest[: MOST - len(near)]))


def _in_turn(examples: tuple[Example, ...]) -> Iterable[str]:
    """Yield the first way of asking of every example, then the second of every one, and so on."""
    for ways in zip_longest(*(example.user for example in examples)):
        yield from (way for way in ways if way is not None)


def _fresh(sentences: Iterable[str], seen: set[str]) -> list[str]:
    out: list[str] = []
    for sentence in sentences:
        plain = " ".join(words_of(sentence))
        if plain and plain not in seen:
            seen.add(plain)
            out.append(plain)
    return out


def decide(free_text: str, free_confidence: float, grammar_text: str, grammar_score: float) -> bool:
    """Return whether the hearing that expected something stands, not the free one.

    Both confidences are 0 to 1, of the words in their own decoder. The expecting decoder knows fewer words, so its own
    is the higher one by nature; where the free one is surer all the same, or heard more words than are expected
    (`LONGEST`), something else was said.
    """
    surer = free_confidence > grammar_score + SURER
    return bool(grammar_text) and not (free_text and (surer or len(free_text.split()) > LONGEST))


def choose(free: Transcript, expecting: Transcript) -> Transcript:
    """Return the transcript that stands (see `decide`)."""
    expects = decide(free.text, free.confidence, expecting.text, expecting.confidence)
    return expecting if expects else free

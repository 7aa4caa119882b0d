"""How well a card's own answers understand: questions whose meaning is known, as text or as a recogniser heard them.

Questions lie in one YAML file a character: `paraphrases` (`say`, and `intent`, the ids of the examples that answer it)
and `off_topic` (sentences that no example answers). They are written before the card is tuned, from the ids alone.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from solami.brain import Turn
from solami.characters import Card
from solami.speech import Transcript
from solami_protocol.errors import InputError

from .dialogue import Dialogue, Reply

__all__ = ["Figures", "Outcome", "Question", "Verdict", "as_text", "figures", "missed", "put_to", "read_questions"]

Verdict = Literal["right", "wrong", "refused", "asked"]
"""right: answered by an example that was meant; wrong: by another; refused: did not follow; asked: offered a choice."""

_VERDICTS: dict[str, Verdict] = {"confused": "refused", "otherwise": "refused", "ask": "asked"}


@dataclass(frozen=True, slots=True)
class Question:
    """Something that a user says. `intents` are the ids that answer it; none for what is off topic."""

    say: str
    intents: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a question. `offered`: it was asked back, and what was meant was among the choices."""

    question: Question
    heard: str
    verdict: Verdict
    intent: str
    score: float
    offered: bool = False


@dataclass(frozen=True, slots=True)
class Figures:
    """Shares of one character's questions, each 0 to 1. `offered` is a part of `asked`."""

    questions: int
    right: float
    wrong: float
    refused: float
    asked: float
    offered: float
    off_topic: int
    off_topic_refused: float
    """Refused or asked back."""

    def as_dict(self) -> dict[str, float]:
        """Return the figures for JSON, rounded to a tenth of a percent."""
        return {name: round(getattr(self, name), 3) for name in self.__dataclass_fields__}


def read_questions(path: Path, card: Card) -> list[Question]:
    """Return the questions in `path`. Raises InputError for a file that is none, or that names an unknown example."""
    try:
        data = yaml.safe_load(path.read_text(encoding="utf-8"))
        questions = [Question(item["say"], tuple(item["intent"])) for item in data["paraphrases"]]
        questions += [Question(text) for text in data["off_topic"]]
    except OSError as exc:
        raise InputError(f"{path}: cannot be read: {exc.strerror}; expected the questions for {card.name}") from exc
    except (yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError) as exc:
        raise InputError(
            f"{path}: expected `paraphrases` (a list of `intent` and `say`) and `off_topic`: {exc}"
        ) from exc
    known = {example.id for example in card.examples}
    unknown = sorted({name for question in questions for name in question.intents} - known)
    if unknown:
        raise InputError(f"{path}: {card.name} has no example {', '.join(unknown)}; correct the id")
    return questions


def as_text(text: str) -> Transcript:
    """Return what is heard of a text that is read, not spoken."""
    return Transcript(text, (), 1.0, 1.0)


def put_to(
    dialogue: Dialogue, card: Card, questions: Iterable[Question], hear: Callable[[str], Transcript] = as_text
) -> list[Outcome]:
    """Return what the character makes of each question, as the first turn of a talk.

    hear: what a question sounds like to the character.
    """
    outcomes: list[Outcome] = []
    for question in questions:
        heard = hear(question.say)
        reply = dialogue.answer(Turn(number=1, cause="voice", text=heard.text, other=heard.other))
        outcomes.append(_outcome(question, heard.text, reply, card))
    return outcomes


def _outcome(question: Question, heard: str, reply: Reply, card: Card) -> Outcome:
    verdict = _VERDICTS.get(reply.kind)
    if verdict is None:
        verdict = "right" if reply.intent in question.intents else "wrong"
    topics = [example.topic for example in card.examples if example.id in question.intents and example.topic]
    offered = verdict == "asked" and any(topic in reply.raw for topic in topics)
    return Outcome(question, heard, verdict, reply.intent, reply.score, offered)


def figures(outcomes: Sequence[Outcome]) -> Figures:
    """Return the shares. Raises InputError when there is nothing to share out."""
    meant = [outcome for outcome in outcomes if outcome.question.intents]
    away = [outcome for outcome in outcomes if not outcome.question.intents]
    if not meant or not away:
        raise InputError("nothing to evaluate: expected paraphrases and off-topic questions")
    share: dict[str, Any] = {
        name: sum(outcome.verdict == name for outcome in meant) / len(meant)
        for name in ("right", "wrong", "refused", "asked")
    }
    return Figures(
        questions=len(meant),
        **share,
        offered=sum(outcome.offered for outcome in meant) / len(meant),
        off_topic=len(away),
        off_topic_refused=sum(outcome.verdict in ("refused", "asked") for outcome in away) / len(away),
    )


def missed(outcomes: Sequence[Outcome]) -> list[str]:
    """Return a line for each question that did not get what it should: an answer that was meant, or none."""
    return [
        f"{o.verdict}: {o.question.say!r}"
        + (f" heard as {o.heard!r}" if o.heard != o.question.say else "")
        + f" got {o.intent or 'no answer'}, not {' or '.join(o.question.intents) or 'a refusal'}"
        for o in outcomes
        if (o.verdict != "right" if o.question.intents else o.verdict in ("right", "wrong"))
    ]

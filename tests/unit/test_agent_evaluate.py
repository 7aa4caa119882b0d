"""Evaluation of understanding, and the shipped characters by it: on questions written before the cards were tuned."""

from pathlib import Path

import pytest

from solami.agent.dialogue import Dialogue
from solami.agent.evaluate import Question, as_text, figures, missed, put_to, read_questions
from solami.agent.minilm import load_minilm
from solami.agent.retrieval import Retrieval
from solami.characters import Card, load_library, parse_card
from solami_protocol.errors import InputError

INTENTS = Path(__file__).parents[1] / "data" / "intents"
CARD = """
name: Bolt
opening: Hi!
examples:
  - {id: engine, topic: the engine, user: [tell me about the engine, how does the engine work], character: It hums.}
  - {id: rain, topic: the rain, user: [do you like the rain, tell me about the rain], character: It rusts me.}
"""


def dialogue(card: Card) -> Dialogue:
    return Dialogue(card, Retrieval(card, load_minilm()))


@pytest.mark.parametrize("card_id", load_library().ids())
def test_characters_understand(card_id: str) -> None:
    card = load_library()[card_id]
    questions = read_questions(INTENTS / f"{card_id}.yaml", card)
    found = figures(put_to(dialogue(card), card, questions))
    assert found.questions >= 60
    assert found.off_topic >= 30
    assert found.right >= 0.85
    assert found.wrong <= 0.08
    assert found.off_topic_refused >= 0.8


@pytest.mark.parametrize("card_id", load_library().ids())
def test_characters_hold_small_talk(card_id: str) -> None:
    card = load_library()[card_id]
    found = figures(put_to(dialogue(card), card, read_questions(INTENTS / "everyone.yaml", card)))
    assert found.right >= 0.8
    assert found.wrong <= 0.12
    assert found.off_topic_refused >= 0.8


@pytest.mark.parametrize("file", ["", "everyone"])
@pytest.mark.parametrize("card_id", load_library().ids())
def test_questions_are_not_in_the_card(card_id: str, file: str) -> None:
    card = load_library()[card_id]
    lines = {line.lower() for example in card.examples for line in (*example.user, example.topic)}
    lines |= {line.lower() for line in card.expects}
    asked = read_questions(INTENTS / f"{file or card_id}.yaml", card)
    assert not [q.say for q in asked if q.intents and q.say.lower() in lines]


def test_every_verdict_is_counted() -> None:
    card = parse_card(CARD, "bolt")
    questions = [
        Question("how does the engine work", ("engine",)),
        Question("do you like the rain", ("engine",)),
        Question("", ("rain",)),
        Question("what is the capital of Brazil"),
        Question("tell me about the rain"),
    ]
    outcomes = put_to(dialogue(card), card, questions)
    assert [outcome.verdict for outcome in outcomes] == ["right", "wrong", "refused", "refused", "wrong"]
    found = figures(outcomes)
    assert (found.right, found.wrong, found.refused) == pytest.approx((1 / 3, 1 / 3, 1 / 3))
    assert found.off_topic_refused == 0.5
    assert len(missed(outcomes)) == 3


def test_it_is_what_was_heard_that_counts() -> None:
    card = parse_card(CARD, "bolt")
    questions = [Question("do you like the rain", ("rain",)), Question("what is a stock market")]
    outcomes = put_to(dialogue(card), card, questions, lambda text: as_text("how does the engine work"))
    assert [outcome.verdict for outcome in outcomes] == ["wrong", "wrong"]
    assert "heard as 'how does the engine work'" in missed(outcomes)[0]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("paraphrases: [{intent: [nothing], say: hello}]\noff_topic: []", "no example nothing"),
        ("paraphrases: 3", "paraphrases"),
        ("a: [", "paraphrases"),
    ],
)
def test_faulty_questions_are_refused_with_words(tmp_path: Path, text: str, words: str) -> None:
    path = tmp_path / "bolt.yaml"
    path.write_text(text)
    with pytest.raises(InputError, match=words):
        read_questions(path, parse_card(CARD, "bolt"))
    with pytest.raises(InputError, match="cannot be read"):
        read_questions(tmp_path / "absent.yaml", parse_card(CARD, "bolt"))

"""What the user may well say next, and which of two hearings stands."""

import pytest

from solami.agent.dialogue import Dialogue
from solami.agent.expected import LONGEST, MOST, choose, decide, expected_now
from solami.agent.marks import parse_marks
from solami.agent.minilm import load_minilm
from solami.agent.retrieval import Retrieval
from solami.brain import Exchange, Turn
from solami.characters import load_library, parse_card
from solami.speech import Transcript
from solami.speech.expecting import ExpectingRecogniser

CARD = """
name: Bolt
opening: Hi!
expects: [how are you, "Who ARE you?"]
examples:
  - {id: a, topic: the engine, user: [tell me about the engine, "what's the engine"], character: It hums.}
  - id: b
    user: [ask me a riddle, "who are you"]
    character: What has teeth and no mouth?
    then: [{user: [a comb, the comb], character: A comb!}]
"""


def test_each_sentence_once_and_bare() -> None:
    sentences = expected_now(parse_card(CARD, "bolt")).sentences
    assert len(set(sentences)) == len(sentences)
    assert sentences.count("who are you") == 1
    assert {"what is the engine", "ask me a riddle", "hello bolt", "yes", "say it again"} <= set(sentences)
    # an answer to a riddle is expected when the riddle was asked
    assert "a comb" not in sentences


def test_answers_to_the_last_question_come_first() -> None:
    card = parse_card(CARD, "bolt")
    dialogue = Dialogue(card, Retrieval(card, load_minilm()))
    asked = dialogue.answer(Turn(number=1, cause="voice", text="ask me a riddle"))
    history = (Exchange("ask me a riddle", parse_marks(asked.raw).text),)
    expected = dialogue.expected(history)
    assert expected.answers == ("a comb", "the comb")
    assert expected.sentences[:2] == ("a comb", "the comb")
    assert not dialogue.expected(()).answers


@pytest.mark.parametrize("card_id", load_library().ids())
def test_no_more_than_can_be_listened_for(card_id: str) -> None:
    card = load_library()[card_id]
    sentences = expected_now(card).sentences
    assert len(sentences) <= MOST
    # every example keeps some of its ways
    kept = set(sentences)
    for example in card.examples:
        assert any(" ".join(way.lower().split()) in kept for way in example.user), example.id


def test_what_was_expected_stands_unless_the_free_hearing_is_surer() -> None:
    assert decide("do many books come by", 0.5, "do many boats come by", 0.5)
    assert not decide("what is the capital of brazil", 0.9, "what is the cabin of a gull", 0.4)
    assert decide("", 0.0, "yes", 0.4)
    assert not decide("yes", 0.4, "", 0.0)


def test_prose_is_not_bent_into_what_was_expected() -> None:
    prose = "now as all books not primarily intended as picture books consist principally of types"
    assert not decide(prose, 0.5, "now as all books not primary into and it is picture book", 0.5)


@pytest.mark.parametrize("card_id", load_library().ids())
def test_expected_sentences_are_shorter_than_what_is_taken_for_prose(card_id: str) -> None:
    assert max(len(sentence.split()) for sentence in expected_now(load_library()[card_id]).sentences) < LONGEST


def test_the_chosen_transcript_is_one_of_the_two() -> None:
    free, expecting = Transcript("to many books", (), 0.8, 0.5), Transcript("do many boats", (), 0.8, 0.6)
    assert choose(free, expecting) is expecting
    assert choose(free, Transcript("", (), 0.5, 0.0)) is free


class _Heard:
    """A recogniser that has heard something."""

    def __init__(self, text: str, confidence: float) -> None:
        self._heard = Transcript(text, (), 0.5, confidence)

    def pause(self) -> Transcript:
        return self._heard


@pytest.mark.parametrize(("free", "text", "other"), [
    (("to many books", 0.9), "to many books", "do many boats"),
    (("to many books", 0.1), "do many boats", "to many books"),
    (("do many boats", 0.9), "do many boats", ""),
])  # fmt: skip
def test_what_the_other_decoder_heard_is_kept(free: tuple[str, float], text: str, other: str) -> None:
    ear = ExpectingRecogniser(_Heard(*free), _Heard("do many boats", 0.6), choose)  # type: ignore[arg-type]
    heard = ear.pause()
    assert (heard.text, heard.other) == (text, other)

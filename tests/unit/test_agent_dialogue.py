"""What Copper answers: the questions that were written before its card was tuned, and talks over several turns."""

import itertools
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from solami.agent.dialogue import Dialogue, Reply
from solami.agent.marks import parse_marks
from solami.agent.minilm import load_minilm
from solami.agent.retrieval import Retrieval
from solami.brain import Act, Exchange, Turn
from solami.characters import load_library, parse_card
from solami_protocol.errors import InputError

INTENTS = Path(__file__).parents[1] / "data" / "intents"


@pytest.fixture(scope="module")
def copper() -> Dialogue:
    card = load_library()["copper"]
    return Dialogue(card, Retrieval(card, load_minilm()))


@pytest.fixture(scope="module")
def questions() -> dict[str, Any]:
    data = yaml.safe_load((INTENTS / "copper.yaml").read_text())
    assert len(data["paraphrases"]) >= 60
    assert len(data["off_topic"]) >= 30
    return data


class Talk:
    """A conversation: every answer is heard to its end."""

    def __init__(self, dialogue: Dialogue) -> None:
        self.dialogue = dialogue
        self.history: list[Exchange] = []

    def say(self, text: str, **turn: Any) -> Reply:
        cause = turn.pop("cause", "voice")
        reply = self.dialogue.answer(
            Turn(number=len(self.history) + 1, cause=cause, text=text, history=tuple(self.history), **turn)
        )
        self.history.append(Exchange(text, parse_marks(reply.raw).text))
        return reply


ANSWERED = ("example", "fact", "follow_up", "yes", "no", "more", "repeat")


def test_paraphrases_are_understood(copper: Dialogue, questions: dict[str, Any]) -> None:
    right = wrong = 0
    for item in questions["paraphrases"]:
        reply = copper.answer(Turn(number=1, cause="text", text=item["say"]))
        if reply.kind in ANSWERED:
            right += reply.intent in item["intent"]
            wrong += reply.intent not in item["intent"]
    total = len(questions["paraphrases"])
    assert right >= 0.85 * total
    assert wrong <= 0.08 * total


def test_off_topic_is_refused(copper: Dialogue, questions: dict[str, Any]) -> None:
    replies = [copper.answer(Turn(number=1, cause="text", text=text)) for text in questions["off_topic"]]
    assert sum(reply.kind in ("confused", "ask") for reply in replies) >= 0.8 * len(replies)


def test_questions_are_not_in_the_card(questions: dict[str, Any]) -> None:
    lines = {line.lower() for example in load_library()["copper"].examples for line in example.user}
    assert not [item["say"] for item in questions["paraphrases"] if item["say"].lower() in lines]


def test_yes_and_no_answer_the_last_question(copper: Dialogue) -> None:
    talk = Talk(copper)
    assert talk.say("tell me about the whale").intent == "whale"
    yes = talk.say("yes please")
    assert (yes.kind, yes.intent) == ("yes", "whale")
    assert "Sunday" in yes.raw
    talk.say("tell me about the storm")
    assert "Brave" in talk.say("no").raw
    # the answer to "no" offered the fog
    assert talk.say("okay").intent == "fog"


def test_nod_and_shake_answer_too(copper: Dialogue) -> None:
    talk = Talk(copper)
    talk.say("tell me about the whale")
    assert "Sunday" in talk.say("", cause="act", acts=(Act("nod"),)).raw
    talk.say("tell me about the storm")
    assert "Brave" in talk.say("", cause="act", acts=(Act("shake"),)).raw


def test_riddle_takes_guesses(copper: Dialogue) -> None:
    talk = Talk(copper)
    assert "face and two hands" in talk.say("tell me a riddle").raw
    assert "Once more" in talk.say("a person").raw
    assert "A clock it is" in talk.say("is it a clock").raw
    # "another riddle?" "yes": not the same one
    again = talk.say("yes")
    assert again.intent == "riddle"
    assert "face and two hands" not in again.raw


def test_no_idea_gets_the_solution_or_a_choice_made(copper: Dialogue) -> None:
    talk = Talk(copper)
    talk.say("tell me a riddle")
    assert "It is a clock" in talk.say("I don't know").raw
    assert "Can you guess" in talk.say("how old are you").raw
    assert "A gull stole my key" in talk.say("no idea").raw
    # nothing to solve: the character chooses, and goes on with it
    talk.say("hello")
    assert talk.say("I don't know").intent == "unsure"
    assert talk.say("yes").kind == "yes"


def test_an_offer_comes_before_what_it_is_said_about(copper: Dialogue) -> None:
    talk = Talk(copper)
    talk.say("do you have friends")
    assert "as friends: a secret" in talk.say("yes").raw
    assert talk.say("yes").intent == "secret"


def test_thanks_are_no_yes(copper: Dialogue) -> None:
    talk = Talk(copper)
    assert talk.say("tell me about the whale").intent == "whale"
    assert talk.say("thank you very much").intent == "thanks"


def test_open_question_takes_any_answer_but_no_question(copper: Dialogue) -> None:
    talk = Talk(copper)
    talk.say("do you dream")
    assert talk.say("mostly of flying over green hills").kind == "otherwise"
    talk.say("do you dream")
    assert talk.say("what is the capital of Brazil").kind == "confused"


def test_never_the_same_answer_twice_in_a_row(copper: Dialogue) -> None:
    talk = Talk(copper)
    for text in ["what is the capital of Brazil"] * 9 + ["do you dream"] * 3 + ["tell me a joke"] * 6:
        talk.say(text)
    said = [exchange.character for exchange in talk.history]
    assert all(a != b for a, b in itertools.pairwise(said))
    assert len(set(said[:7])) == 7


def test_more_brings_something_new(copper: Dialogue) -> None:
    talk = Talk(copper)
    talk.say("how does the lamp work")
    replies = [talk.say("tell me more") for _ in range(4)]
    assert {reply.kind for reply in replies} == {"more"}
    assert len({reply.raw for reply in replies}) == 4
    assert talk.say("yes").kind == "more"


def test_repeat_says_it_again(copper: Dialogue) -> None:
    talk = Talk(copper)
    first = talk.say("who made you")
    assert talk.say("what did you say").raw == first.raw


def test_unsure_asks_back_and_takes_the_choice(copper: Dialogue) -> None:
    talk = Talk(copper)
    asked = talk.say("it is kind of a thing")
    assert asked.kind == "ask"
    assert talk.say("yes").intent == asked.intent


def test_interrupted_answer_is_no_question(copper: Dialogue) -> None:
    whole = parse_marks(Talk(copper).say("tell me about the whale").raw).text
    cut = (Exchange("tell me about the whale", whole[:40], interrupted=True),)
    reply = copper.answer(Turn(number=2, cause="voice", text="yes", history=cut))
    assert "Sunday" not in reply.raw


def test_greeting_silence_leaving(copper: Dialogue) -> None:
    card = load_library()["copper"]
    talk = Talk(copper)
    assert talk.say("", cause="timer", occasion="greeting").raw in card.opening
    assert talk.say("", cause="timer", occasion="silence").raw in card.lines.silence
    assert talk.say("", cause="timer", occasion="leaving").raw in card.lines.leaving


@pytest.mark.parametrize("name", load_library().ids())
@pytest.mark.parametrize("words", ["bye", "goodbye then", "I have to go now, see you"])
def test_everybody_says_goodbye_to_who_goes(name: str, words: str) -> None:
    card = load_library()[name]
    reply = Dialogue(card, Retrieval(card, load_minilm())).answer(Turn(number=1, cause="voice", text=words))
    assert reply.intent == "goodbye"
    assert reply.waves


def test_same_turn_same_answer(copper: Dialogue) -> None:
    turn = Turn(number=3, cause="voice", text="tell me a joke", history=(Exchange("hello", "Hello."),))
    assert copper.answer(turn) == copper.answer(turn)


def test_card_without_lines_of_its_own_still_talks() -> None:
    card = parse_card("name: Bolt\nopening: Hi {{user}}!\nexamples: [{id: a, user: hello, character: Hi.}]", "bolt")
    talk = Talk(Dialogue(card, Retrieval(card, load_minilm())))
    assert talk.say("", cause="timer", occasion="greeting", user_name="Kim").raw == "Hi Kim!"
    assert talk.say("hello").intent == "a"
    assert talk.say("what is the tax on gold").kind == "confused"
    assert talk.say("", cause="act", acts=(Act("wave"),)).intent == "wave"
    assert talk.say("").kind == "confused"


def test_card_without_examples_is_refused_with_words() -> None:
    card = parse_card("name: Bolt\nopening: Hi!", "bolt")
    with pytest.raises(InputError, match="no examples"):
        Retrieval(card, load_minilm())


def test_the_other_hearing_counts_too(copper: Dialogue) -> None:
    heard = Turn(number=1, cause="voice", text="what the old really food")  # so the free decoder heard it once
    assert copper.answer(heard).intent != "eat"
    assert copper.answer(replace(heard, other="what is your favourite food")).intent == "eat"

"""Where texts are cut for speaking, and what is sent to the voice."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solami.speech.phrases import pause_after_ms, speakable, split_phrases


@pytest.mark.parametrize(
    ("text", "phrases"),
    [
        ("Hello there.", ["Hello there."]),
        ("Yes. No!", ["Yes.", "No!"]),
        ("It costs 3.50 today, I think so.", ["It costs 3.50 today,", "I think so."]),
        ("Dr. Smith is in.", ["Dr. Smith is in."]),
        ("We use it, e.g. on Monday.", ["We use it,", "e.g. on Monday."]),
        ("Well, I am not so sure.", ["Well, I am not so sure."]),
        ('"Come in," she said. "Sit!"', ['"Come in," she said.', '"Sit!"']),
        ("One — two", ["One — two"]),
        ("A great day — is it not?", ["A great day —", "is it not?"]),
        ("?!", []),
    ],
)
def test_cuts_at_clauses(text: str, phrases: list[str]) -> None:
    assert split_phrases(text) == phrases


def test_long_clause_without_marks_is_cut_before_a_joint() -> None:
    text = "I went all the way down to the old harbour with my brother and his dog " * 2
    phrases = split_phrases(text + "and then we came back")
    assert len(phrases) > 1
    assert all(phrase.split()[0] == "and" for phrase in phrases[1:])


@given(st.text(alphabet=st.sampled_from("ab1 .,;:!?—\"'()…\n😀"), max_size=60))
def test_no_word_is_lost_or_moved(text: str) -> None:
    phrases = split_phrases(text)
    assert " ".join(phrases).split() == text.split() or not any(c.isalnum() for c in text)
    assert all(any(c.isalnum() for c in phrase) for phrase in phrases)


@given(st.text(max_size=60))
def test_what_is_sent_has_the_same_length(phrase: str) -> None:
    assert len(speakable(phrase)) == len(phrase)


def test_pauses_grow_with_the_mark() -> None:
    comma, semicolon, stop = (pause_after_ms(f"so{mark}") for mark in (",", ";", "."))
    assert 0 == pause_after_ms("so") < comma < semicolon < stop
    assert pause_after_ms('so."') == stop

"""Finished sentences against their beginnings, from the words alone."""

import pytest

from solami.speech.completeness import HALF, completeness

FINISHED = (
    "hello",
    "yes please",
    "what is your name",
    "where are you from",
    "hey tell me what is the bell for",
    "what can you do",
    "where are we",
    "tell me a story",
    "i would like to hear a song",
    "yes i do",
    "the boy was there when the sun rose",
    "drop the two when you add the figures",
    "kids are talking by the door",
    "turn on the light",
    "i have no idea who you are",
)
OPEN = (
    "i would like to",
    "tell me about the",
    "what is your",
    "yesterday i went to the sea and",
    "i think that",
    "well um",
    "can you",
    "is the sea",
    "what do you",
    "it is because",
    "my favourite colour is",
    "when i was in",
)


@pytest.mark.parametrize("text", FINISHED)
def test_finished(text: str) -> None:
    assert completeness(text) >= HALF


@pytest.mark.parametrize("text", OPEN)
def test_more_is_to_come(text: str) -> None:
    assert completeness(text) < HALF


def test_language_model_moves_the_score() -> None:
    text = "we went down to the harbour"
    scores = [completeness(text, end_log10=end) for end in (-2.4, -1.1, -0.5)]
    assert scores == sorted(scores)
    assert scores[0] < HALF < scores[2]


def test_written_punctuation_decides() -> None:
    assert completeness("Give me the.") > 0.9
    assert completeness("A long walk,") < 0.2
    assert completeness("So...") < 0.2


def test_no_words_say_nothing() -> None:
    assert completeness("") == completeness("   ") == HALF


def test_a_wrong_word_inside_changes_little() -> None:
    """A transcript has wrong words: where they are not those that ask or end, the score stays."""
    for text in (*FINISHED, *OPEN):
        words = text.split()
        if len(words) > 5:
            words[1] = "blub"
            assert (completeness(" ".join(words)) >= HALF) == (completeness(text) >= HALF), words

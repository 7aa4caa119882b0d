"""Word error rate: edits counted, spelling not."""

import pytest

from solami.speech.wer import Errors, count_errors, spoken_words, word_error_rate


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("Hello, World!", "hello world"),
        ("about 1455,", "about fourteen fifty five"),
        ("in 1800 and 1906", "in eighteen hundred and nineteen oh six"),
        ("42 of 3000", "forty two of three thousand"),
        ("picture-books don’t", "picture books don't"),
        ("007", "zero zero seven"),
        ("250 & 12345", "two hundred fifty and twelve thousand three hundred forty five"),
    ],
)
def test_texts_are_compared_as_they_are_said(text: str, words: str) -> None:
    assert " ".join(spoken_words(text)) == words


def test_edits_are_counted_by_kind() -> None:
    assert count_errors("a b c d".split(), "a x c".split()) == Errors(1, 1, 0, 4)
    assert count_errors("a b".split(), "a b c".split()) == Errors(0, 0, 1, 2)
    assert count_errors([], ["a"]).rate == 1


def test_rate_is_over_all_words() -> None:
    assert word_error_rate([("one two three", "one two three"), ("four", "five")]) == pytest.approx(0.25)
    assert word_error_rate([]) == 0

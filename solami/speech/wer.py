"""Word error rate, with both sides brought to the same spelling first.

Recognisers write numbers, hyphens and case in their own way; a rate that counts those as errors measures spelling.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

__all__ = ["Errors", "count_errors", "spoken_words", "word_error_rate"]

_UNITS = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
_TENS = "zero ten twenty thirty forty fifty sixty seventy eighty ninety".split()
_ABBREVIATIONS = {"mr": "mister", "mrs": "missus", "dr": "doctor", "&": "and", "%": "percent", "ok": "okay"}
_TOKEN = re.compile(r"\d+|[^\W\d_]+(?:'[^\W\d_]+)*|[&%]")


@dataclass(frozen=True, slots=True)
class Errors:
    """Counted edits between what was said (`reference_words` of them) and what was heard."""

    substitutions: int
    deletions: int
    insertions: int
    reference_words: int

    @property
    def rate(self) -> float:
        """Word error rate: 0 is perfect, above 1 is possible when much was inserted."""
        edits = self.substitutions + self.deletions + self.insertions
        return edits / self.reference_words if self.reference_words else float(edits > 0)

    def __add__(self, other: "Errors") -> "Errors":
        return Errors(
            self.substitutions + other.substitutions,
            self.deletions + other.deletions,
            self.insertions + other.insertions,
            self.reference_words + other.reference_words,
        )


def spoken_words(text: str) -> tuple[str, ...]:
    """Return the words of `text` as they are said: lower case, no punctuation, numbers below a million spelled out.

    Four-digit numbers from 1100 to 1999 are read as years ("fourteen fifty five"), as people say them.
    """
    words: list[str] = []
    for token in _TOKEN.findall(text.lower().replace("’", "'")):
        words.extend(_number_words(token) if token.isdigit() else (_ABBREVIATIONS.get(token, token),))
    return tuple(words)


def count_errors(reference: Sequence[str], heard: Sequence[str]) -> Errors:
    """Return the smallest edits that turn `reference` into `heard` (Levenshtein over words)."""
    # a row holds (cost, substitutions, deletions, insertions) for each prefix of `heard`
    row = [(j, 0, 0, j) for j in range(len(heard) + 1)]
    for i, said in enumerate(reference, 1):
        above, row = row, [(i, 0, i, 0)]
        for j, word in enumerate(heard, 1):
            if said == word:
                row.append(above[j - 1])
                continue
            cost, subs, dels, ins = above[j - 1]
            best = (cost + 1, subs + 1, dels, ins)
            cost, subs, dels, ins = above[j]
            best = min(best, (cost + 1, subs, dels + 1, ins))
            cost, subs, dels, ins = row[j - 1]
            row.append(min(best, (cost + 1, subs, dels, ins + 1)))
    _, subs, dels, ins = row[-1]
    return Errors(subs, dels, ins, len(reference))


def word_error_rate(pairs: Iterable[tuple[str, str]]) -> float:
    """Return the rate over (said, heard) texts taken together: all edits by all words said. 0 for no pairs."""
    total = Errors(0, 0, 0, 0)
    for said, heard in pairs:
        total += count_errors(spoken_words(said), spoken_words(heard))
    return total.rate


def _number_words(digits: str) -> list[str]:
    number = int(digits)
    if len(digits) > 6 or (len(digits) > 1 and digits[0] == "0"):
        return [_UNITS[int(d)] for d in digits]  # a phone number, or "007"
    if 1100 <= number <= 1999 and number % 100:
        return [*_below_hundred(number // 100), *(["oh"] if number % 100 < 10 else []), *_below_hundred(number % 100)]
    if 1100 <= number <= 1999:
        return [*_below_hundred(number // 100), "hundred"]
    words: list[str] = []
    if number >= 1000:
        words += [*_below_thousand(number // 1000), "thousand"]
        number %= 1000
        if not number:
            return words
    return words + _below_thousand(number)


def _below_thousand(number: int) -> list[str]:
    if number < 100:
        return _below_hundred(number)
    rest = _below_hundred(number % 100) if number % 100 else []
    return [_UNITS[number // 100], "hundred", *rest]


def _below_hundred(number: int) -> list[str]:
    if number < 20:
        return [_UNITS[number]]
    return [_TENS[number // 10], *([_UNITS[number % 10]] if number % 10 else [])]

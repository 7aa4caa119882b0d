"""A language model of what may well be said now, for a second decoder that hears the same sound as the free one.

Trigrams of the expected sentences, interpolated with lower orders (Witten and Bell 1991), are mixed with common English
words and word pairs. So other wordings of the same question are heard, too, and what is far from all that is expected
comes out as what it is, or as odd words. With the expected sentences over single common words alone, one off-topic
sentence in five was bent into a question of the character's; with pairs it was one in ten, and fewer words were wrong.
"""

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from .english import common_pairs, known_words

__all__ = ["LanguageModel", "language_model", "spellings"]

_EXPECTED = 0.6
"""Share of the expected sentences behind a word that occurs in them; the rest is common English."""
_PAIRS_ALONE = 0.8
"""Share of the pairs behind a word that does not; the rest is single words."""
_SHORT = {
    "i am": "i'm", "you are": "you're", "he is": "he's", "she is": "she's", "it is": "it's", "that is": "that's",
    "what is": "what's", "who is": "who's", "where is": "where's", "how is": "how's", "there is": "there's",
    "we are": "we're", "i have": "i've", "you have": "you've", "i would": "i'd", "i will": "i'll", "let us": "let's",
    "do not": "don't", "does not": "doesn't", "did not": "didn't", "can not": "can't", "will not": "won't",
    "is not": "isn't", "are not": "aren't",
}  # fmt: skip
_Gram = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LanguageModel:
    """The texts of two files: a trigram model in ARPA format, and the dictionary of its words."""

    arpa: str
    dictionary: str


def spellings(sentence: str) -> list[str]:
    """Return the sentence and the short forms that people say for it: "how is it going", "how's it going"."""
    padded = f" {sentence} "
    short = [padded.replace(f" {long} ", f" {form} ").strip() for long, form in _SHORT.items() if f" {long} " in padded]
    return [sentence, *short]


def language_model(sentences: Sequence[tuple[str, float]]) -> LanguageModel:
    """Return the model of lower-case sentences with weights. One with a word that cannot be heard is left out."""
    counted = list(_counted(sentences, known_words()))
    single, pairs, triples = (_ngrams(counted, order) for order in (1, 2, 3))
    words = _Words(single)
    p2 = _pair_shares(pairs, words)
    rows2, backoff = _pair_rows(p2, words)
    p3: dict[_Gram, float] = {}
    left3: dict[_Gram, float] = {}
    for history, grams in _by_history(triples).items():
        seen, kinds = sum(grams.values()), len(grams)
        share = kinds / (seen + kinds)
        p3.update({g: (1 - share) * n / seen + share * p2[g[1:]] for g, n in grams.items()})
        reached = sum(p2[g[1:]] for g in grams)
        left3[history] = max(1 - sum(p3[g] for g in grams), 1e-6) / max(1 - reached, 1e-6)
    rows2 += [f"{_log(p)} {' '.join(gram)} {_log(left3.get(gram, 1.0))}" for gram, p in p2.items()]
    rows1 = [
        f"{'-99' if word == '<s>' else _log(p)} {word} {_log(b)}"
        for word, p, b in zip(words.names, words.p, backoff, strict=True)
    ]
    rows3 = [f"{_log(p)} {' '.join(gram)}" for gram, p in p3.items()]
    dictionary = "\n".join(line for word in words.names for line in known_words().get(word, ()))
    return LanguageModel(_arpa([rows1, rows2, rows3]), dictionary + "\n")


class _Words:
    """The vocabulary: common words first, in their order, and the share of each."""

    def __init__(self, single: Counter[_Gram]) -> None:
        common = common_pairs()
        more = sorted({word for (word,) in single} - set(common.words))
        self.names = [*common.words, *more]
        self.place = {word: i for i, word in enumerate(self.names)}
        p = np.concatenate([common.share, np.zeros(len(more))])
        p *= (1 - _EXPECTED) / p.sum()
        total = sum(single.values()) or 1.0
        for (word,), count in single.items():
            p[self.place[word]] += _EXPECTED * count / total
        self.p = np.maximum(p / p.sum(), 1e-8)


def _counted(sentences: Iterable[tuple[str, float]], known: Collection[str]) -> Iterable[tuple[_Gram, float]]:
    for sentence, weight in sentences:
        ways = [way.split() for way in spellings(sentence)]
        ways = [way for way in ways if way and all(word in known for word in way)]
        yield from ((("<s>", *way, "</s>"), weight / len(ways)) for way in ways)


def _ngrams(counted: Iterable[tuple[_Gram, float]], order: int) -> Counter[_Gram]:
    counts: Counter[_Gram] = Counter()
    for words, weight in counted:
        for end in range(max(order, 2), len(words) + 1):
            counts[words[end - order : end]] += weight  # type: ignore[assignment]
    return counts


def _by_history(counts: Counter[_Gram]) -> dict[_Gram, dict[_Gram, float]]:
    after: dict[_Gram, dict[_Gram, float]] = defaultdict(dict)
    for gram, count in counts.items():
        after[gram[:-1]][gram] = count
    return after


def _pair_shares(pairs: Counter[_Gram], words: _Words) -> dict[_Gram, float]:
    """Return the share of each expected pair behind its first word."""
    common = _common_shares()
    p2: dict[_Gram, float] = {}
    for grams in _by_history(pairs).values():
        seen, kinds = sum(grams.values()), len(grams)
        share = kinds / (seen + kinds)
        for gram, count in grams.items():
            alone = float(words.p[words.place[gram[1]]])
            expected = (1 - share) * count / seen + share * alone
            p2[gram] = _EXPECTED * expected + (1 - _EXPECTED) * common.get(gram, 0.5 * alone)
    return p2


def _pair_rows(p2: Mapping[_Gram, float], words: _Words) -> tuple[list[str], np.ndarray]:
    """Return the rows of the common pairs that are not in `p2`, and for each word what its unlisted pairs share.

    The latter is the factor on single words that makes all that may follow a word sum to one.
    """
    common, texts = common_pairs(), _common_texts()
    firsts = {gram[0] for gram in p2}
    count = len(words.names)
    expected = np.array([name in firsts for name in words.names])
    taken = np.array([words.place[a] * count + words.place[b] for a, b in p2], dtype=np.int64)
    free = ~np.isin(common.first * count + common.second, taken)
    p = common.given * np.where(expected[common.first], 1 - _EXPECTED, _PAIRS_ALONE)
    rows = [texts[bool(expected[a])][i] for i, a in zip(np.flatnonzero(free), common.first[free], strict=True)]
    listed = np.bincount(common.first[free], p[free], count)
    singles = np.bincount(common.first[free], words.p[common.second[free]], count)
    for (a, b), share in p2.items():
        listed[words.place[a]] += share
        singles[words.place[a]] += words.p[words.place[b]]
    return rows, np.maximum(1 - listed, 1e-4) / np.maximum(1 - singles, 1e-4)


@cache
def _common_shares() -> dict[_Gram, float]:
    common = common_pairs()
    names = [(common.words[a], common.words[b]) for a, b in zip(common.first, common.second, strict=True)]
    return dict(zip(names, common.given.tolist(), strict=True))


@cache
def _common_texts() -> tuple[list[str], list[str]]:
    """Return the pairs' rows for first words that are not expected, and for those that are."""
    shares = _common_shares().items()
    alone, beside = math.log10(_PAIRS_ALONE), math.log10(1 - _EXPECTED)
    return tuple([f"{math.log10(p) + by:.3f} {a} {b} 0" for (a, b), p in shares] for by in (alone, beside))  # type: ignore[return-value]


def _arpa(rows: Sequence[Sequence[str]]) -> str:
    head = "\n".join(f"ngram {order}={len(part)}" for order, part in enumerate(rows, 1))
    body = "\n\n".join(f"\\{order}-grams:\n" + "\n".join(part) for order, part in enumerate(rows, 1))
    return f"\\data\\\n{head}\n\n{body}\n\n\\end\\\n"


def _log(p: float) -> str:
    return f"{math.log10(max(p, 1e-9)):.4f}"

"""Words compared by their sound, for text that came from a recogniser which mishears.

A word becomes a rough key in which sounds that recognisers confuse fall together (voiced and voiceless stops, all
vowels); two keys are compared by the n-grams that they share. This is a similarity for ranking, not a transcription.
The idea of consonant classes is that of Soundex (Russell 1918) and Metaphone (Philips 1990); the rules are our own.
"""

import math
import re
from collections import Counter
from functools import lru_cache

import numpy as np

__all__ = ["LIKE", "SoundIndex", "sound_key", "words_of"]

LIKE = 0.4
"""Likeness from which what was heard is taken for one of a few sentences that are expected. On half of the speakers of
`solami eval hearing` no lower value finds more and a higher one rejects little more; it reports the other half."""

_WORD = re.compile(r"[a-z0-9']+")
_DIGRAPHS = (
    ("tch", "C"), ("ch", "C"), ("sh", "S"), ("ph", "f"), ("th", "T"), ("wh", "w"), ("ck", "k"), ("qu", "kw"),
    ("ght", "t"), ("gh", ""), ("dge", "C"), ("kn", "n"), ("wr", "r"), ("ng", "N"), ("tion", "San"), ("x", "ks"),
)  # fmt: skip
_CLASSES = str.maketrans(
    {"b": "p", "d": "t", "g": "k", "v": "f", "z": "s", "j": "C", "q": "k", "y": "i", "e": "i", "u": "o", "'": ""}
)
_CONTRACTIONS = {
    "i'm": "i am", "you're": "you are", "he's": "he is", "she's": "she is", "it's": "it is", "that's": "that is",
    "what's": "what is", "who's": "who is", "where's": "where is", "how's": "how is", "there's": "there is",
    "we're": "we are", "they're": "they are", "i've": "i have", "you've": "you have", "i'd": "i would",
    "i'll": "i will", "let's": "let us", "don't": "do not", "doesn't": "does not", "didn't": "did not",
    "can't": "can not", "cannot": "can not", "won't": "will not", "isn't": "is not", "aren't": "are not",
    "couldn't": "could not", "wouldn't": "would not", "shouldn't": "should not", "haven't": "have not",
    "wanna": "want to", "gonna": "going to", "gimme": "give me",
}  # fmt: skip


def words_of(text: str) -> list[str]:
    """Return the words of `text` in lower case, contractions written out, punctuation gone."""
    words: list[str] = []
    for word in _WORD.findall(text.lower().replace("’", "'")):
        words.extend(_CONTRACTIONS.get(word, word.replace("'", "")).split())
    return [word for word in words if word]


@lru_cache(maxsize=20_000)
def sound_key(word: str) -> str:
    """Return the rough sound of a lower-case word: `night` and `knight` give one key, `lamp` and `lamb` near ones."""
    key = re.sub(r"c(?=[eiy])", "s", word)
    for letters, sound in _DIGRAPHS:
        key = key.replace(letters, sound)
    if len(key) > 2 and key.endswith("e"):
        key = key[:-1]
    key = key.replace("c", "k").translate(_CLASSES)
    return re.sub(r"(.)\1+", r"\1", key)


def _grams(key: str) -> list[str]:
    """Consonant pairs beside plain pairs: vowels are what a recogniser gets wrong first."""
    padded = f"^{key}$"
    bones = "^" + re.sub(r"[aio]", "", key) + "$"
    return [padded[i : i + 2] for i in range(len(padded) - 1)] + ["=" + bones[i : i + 2] for i in range(len(bones) - 1)]


class SoundIndex:
    """Scores how much of a query's weight of words is found, by sound, in each of a fixed list of sentences."""

    def __init__(self, sentences: list[str]) -> None:
        self._sentences = [words_of(sentence) for sentence in sentences]
        self.vocabulary = sorted({word for words in self._sentences for word in words})
        self._word_index = {word: i for i, word in enumerate(self.vocabulary)}
        count = Counter(word for words in self._sentences for word in set(words))
        total = len(sentences)
        self._rarity = {word: math.log((total + 1) / (count[word] + 0.5)) for word in self.vocabulary}
        self._unseen = math.log((total + 1) / 0.5)
        self._gram_index: dict[str, int] = {}
        for word in self.vocabulary:
            for gram in _grams(sound_key(word)):
                self._gram_index.setdefault(gram, len(self._gram_index))
        self._grams = np.stack([self._vector(word) for word in self.vocabulary])  # (V, G)
        # (S, V): the weight of each word in each sentence
        self._weights = np.zeros((total, len(self.vocabulary)), dtype=np.float32)
        for row, words in enumerate(self._sentences):
            for word in set(words):
                self._weights[row, self._word_index[word]] = self._rarity[word]

    def _vector(self, word: str) -> np.ndarray:
        out = np.zeros(len(self._gram_index), dtype=np.float32)
        grams = Counter(_grams(sound_key(word)))
        for gram, n in grams.items():
            if gram in self._gram_index:
                out[self._gram_index[gram]] = n
        norm = math.sqrt(sum(n * n for n in grams.values()))
        return out / norm if norm else out

    def likeness(self, words: list[str]) -> np.ndarray:
        """Return how alike each query word sounds to each word of the vocabulary, (len(words), V), 0 to 1."""
        if not words:
            return np.zeros((0, len(self.vocabulary)), dtype=np.float32)
        alike = np.stack([self._vector(word) for word in words]) @ self._grams.T
        # below this two words merely share a letter or two
        alike = np.where(alike < 0.55, 0.0, 0.9 * alike)
        for row, word in enumerate(words):
            if word in self._word_index:
                alike[row, self._word_index[word]] = 1.0
        return np.asarray(alike, dtype=np.float32)

    def scores(self, query: str) -> np.ndarray:
        """Return for each sentence the harmonic mean of how much of it is in the query and how much of the query is in
        it, words weighted by rarity, (S,) float32, 0 to 1."""
        words = words_of(query)
        if not words:
            return np.zeros(len(self._sentences), dtype=np.float32)
        alike = self.likeness(words)  # (W, V)
        found = alike.max(axis=0)  # (V,) how well each known word was heard
        recall = (self._weights @ found) / np.maximum(self._weights.sum(axis=1), 1e-6)
        present = (self._weights > 0).astype(np.float32)  # (S, V)
        weight = np.array([self._weight(word, row) for word, row in zip(words, alike, strict=True)])
        heard = np.stack([(present * row).max(axis=1) for row in alike])  # (W, S)
        precision = (weight @ heard) / max(float(weight.sum()), 1e-6)
        return np.asarray(2 * recall * precision / np.maximum(recall + precision, 1e-6), dtype=np.float32)

    def _weight(self, word: str, alike: np.ndarray) -> float:
        """Rarity of a query word: its own where known, else that of what it sounds like, else the highest."""
        if word in self._rarity:
            return self._rarity[word]
        nearest = int(alike.argmax())
        return self._rarity[self.vocabulary[nearest]] if alike[nearest] > 0 else 0.6 * self._unseen

    def respelled(self, query: str, at_least: float = 0.7) -> str:
        """Return the query with unknown words replaced by the known word that sounds most like them, where one does."""
        words = words_of(query)
        alike = self.likeness(words)
        out = []
        for word, row in zip(words, alike, strict=True):
            nearest = int(row.argmax()) if row.size else 0
            known = word in self._word_index or len(word) < 3 or row[nearest] < at_least
            out.append(word if known else self.vocabulary[nearest])
        return " ".join(out)

"""Where a text may be cut into phrases that are spoken one after another.

A phrase is a clause: espeak's intonation spans a clause, so clauses said alone sound as they do in their sentence,
while words said alone sound like a list. A phrase depends on its own words only, so one that is said again is the same.
"""

import re
import unicodedata

__all__ = ["pause_after_ms", "speakable", "split_phrases"]

_ABBREVIATIONS = frozenset("dr mr mrs ms st prof sr jr vs etc approx no fig".split())
_END = re.compile(r"([.!?…]+|[,;:]+|—|–)[\"')\]”’]*$")
_INITIALS = re.compile(r"(?:[A-Za-z]\.)+")
_PAUSE_MS = {",": 130.0, ";": 180.0, ":": 180.0, "—": 150.0, "–": 150.0}
_SENTENCE_PAUSE_MS = 240.0
_RUN_ON_PAUSE_MS = 0.0
_SHORT_WORDS = 2  # "Well, ..." is not worth a phrase of its own
_LONG_WORDS = 16
_JOINTS = frozenset("and but or because so while when if which that who where then".split())


def split_phrases(text: str) -> list[str]:
    """Return the phrases of `text`; joined by single spaces they give its words back, nothing left out.

    Parts without any letter or digit stick to the phrase before them; a text without any gives no phrase.
    """
    phrases: list[list[str]] = [[]]
    for token in text.split():
        current = phrases[-1]
        if any(map(_spoken, current)) and _spoken(token) and (_ends(current) or _too_long(current, token)):
            phrases.append([token])
        else:
            current.append(token)
    return [" ".join(words) for words in phrases] if any(map(_spoken, phrases[0])) else []


def speakable(phrase: str) -> str:
    """Return `phrase` as the synthesiser should get it, character for character the same length.

    Symbols that it would name one by one (emoji, arrows, markup) become spaces, and so does the point of an
    abbreviation, which it would take for the end of a sentence.
    """
    cleaned = "".join(_plain(c) for c in phrase)
    return re.sub(r"\b([A-Za-z]+)\.(?=\s)", lambda m: f"{m[1]} " if m[1].lower() in _ABBREVIATIONS else m[0], cleaned)


def pause_after_ms(phrase: str) -> float:
    """Return the silence that belongs behind a phrase, by its last punctuation."""
    mark = _END.search(phrase)
    if mark is None:
        return _RUN_ON_PAUSE_MS
    return _PAUSE_MS.get(mark[1][-1], _SENTENCE_PAUSE_MS)


def _ends(words: list[str]) -> bool:
    """A clause ends here, and it is long enough, or a whole sentence."""
    last = words[-1]
    mark = _END.search(last)
    if mark is None or _is_abbreviation(last):
        return False
    return mark[1][0] in ".!?…" or sum(map(_spoken, words)) > _SHORT_WORDS


def _too_long(words: list[str], coming: str) -> bool:
    return len(words) >= _LONG_WORDS and coming.lower().strip("\"'(“‘") in _JOINTS


def _is_abbreviation(token: str) -> bool:
    bare = token.strip("\"'()[]“”‘’")
    return bare.endswith(".") and (bare[:-1].lower() in _ABBREVIATIONS or bool(_INITIALS.fullmatch(bare)))


def _spoken(token: str) -> bool:
    return any(c.isalnum() for c in token)


def _plain(char: str) -> str:
    if char in "<>[]{}|\\^~_*#`=":
        return " "
    return " " if unicodedata.category(char) in ("So", "Sk", "Cf", "Cc", "Co", "Cs") else char

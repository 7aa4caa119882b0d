"""Gesture marks in a text to be spoken: `[wave] Hello!` and, as chat models write them, `*nods* Yes.`

A mark stands before the word that its stroke falls on. Marks are never spoken, whether their gesture is known or not.
"""

import re
from dataclasses import dataclass

__all__ = ["Mark", "Marked", "affect_of_mark", "gesture_name", "parse_marks"]

_MARK = re.compile(r"\[([^\[\]\n]{1,60})\](\([^()\s]{1,200}\))?|(\*{1,3})(?!\s)([^*\n]{1,120}?)\3")
_SPACES = re.compile(r"\s+")
# what a person does rather than says, as chat models write it between asterisks; a lone word that is not here is emphasis
_ACTIONS = {
    "nod": "nod", "wave": "wave", "bow": "bow", "shrug": "shrug", "shake": "shake", "point": "point_you", "think": "think",
    "ponder": "think", "clap": "hands_together", "celebrate": "celebrate", "cheer": "celebrate", "welcome": "welcome",
    "gasp": "surprise", "startle": "surprise", "listen": "listen", "apologise": "apology", "apologize": "apology",
    "gesture": "open_palms", "spread": "open_palms", "beckon": "welcome", "greet": "wave", "sigh": "", "smile": "",
    "laugh": "", "grin": "", "chuckle": "", "giggle": "", "wink": "", "blink": "", "look": "", "lean": "", "turn": "",
    "step": "", "walk": "", "pause": "", "whisper": "", "beep": "", "whir": "", "tilt": "", "raise": "", "frown": "",
    "cry": "", "hum": "", "sit": "", "stand": "", "glance": "", "tick": "", "click": "",
}  # fmt: skip
_ALIASES = {
    "wave": "wave_right", "hello": "wave_right", "yes": "nod", "no": "shake", "head_shake": "shake", "beat": "beat_right",
    "thumbs_up": "thumbs_up", "thumb_up": "thumbs_up", "point": "point_you", "me": "point_self", "you": "point_you",
    "sorry": "apology", "clap": "hands_together", "cheer": "celebrate", "idea": "think", "open": "open_palms",
}  # fmt: skip
_FEELINGS = {
    "smile": {"joy": 0.6}, "laugh": {"joy": 0.9}, "grin": {"joy": 0.7}, "chuckle": {"joy": 0.7}, "giggle": {"joy": 0.8},
    "frown": {"anger": 0.3}, "sigh": {"sadness": 0.4}, "cry": {"sadness": 0.8}, "gasp": {"surprise": 0.8},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mark:
    """`name` as it was written, lower case with underscores; `at` is the place in the clean text of the word it is for."""

    name: str
    at: int


@dataclass(frozen=True, slots=True)
class Marked:
    """A text as it is spoken, and the marks that stood in it."""

    text: str
    marks: tuple[Mark, ...]


def parse_marks(raw: str) -> Marked:
    """Return the text without its marks, single spaces between words, and the marks with their places in it.

    A mark behind the last word belongs to the last word. `**very**` and `*very*` are emphasis and stay as words.
    """
    text = ""
    found: list[tuple[str, int]] = []
    position = 0
    for match in _MARK.finditer(raw):
        text = _join(text, raw[position : match.start()])
        position = match.end()
        bracket, link, stars, starred = match.groups()
        if bracket is not None and link is None:
            found.append((_slug(bracket), len(text)))
        elif bracket is not None:
            text = _join(text, bracket)  # a link: its words are spoken, its address is not
        elif len(stars) > 1 or _action(starred) is None:
            text = _join(text, starred)
        else:
            found.append((_slug(starred), len(text)))
    text = _join(text, raw[position:]).rstrip()
    return Marked(text, tuple(Mark(name, _word_at(text, at)) for name, at in found))


def _join(text: str, piece: str) -> str:
    """Append, with one space where there was any, and none before punctuation or at the start."""
    piece = _SPACES.sub(" ", piece)
    if piece.startswith(" ") and (not text or text.endswith(" ")):
        piece = piece[1:]
    if piece[:1] in ".,;:!?" and text.endswith(" "):
        text = text[:-1]
    return text + piece


def _word_at(text: str, at: int) -> int:
    """Return the start of the first word at or behind `at`, else of the last word."""
    for i in range(at, len(text)):
        if text[i].isalnum():
            return i
    end = len(text)
    while end and not text[end - 1].isalnum():
        end -= 1
    while end and (text[end - 1].isalnum() or text[end - 1] in "'’-"):
        end -= 1
    return end


def _slug(name: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")


def _stem(word: str) -> str | None:
    """Return the action that a word names (`nods`, `nodding`, `nod` -> `nod`), or None."""
    candidates = [
        word,
        word.removesuffix("s"),
        word.removesuffix("es"),
        word.removesuffix("ing"),
        word.removesuffix("ing") + "e",
    ]
    if word.endswith("ing") and len(word) > 5 and word[-4] == word[-5]:
        candidates.append(word[:-4])
    return next((candidate for candidate in candidates if candidate in _ACTIONS), None)


def _action(starred: str) -> str | None:
    """Return the slug's action verb, "" for some other description of several words, None for emphasis."""
    words = [word for word in _slug(starred).split("_") if word]
    for word in words[:4]:
        stem = _stem(word)
        if stem is not None:
            return stem
    return "" if len(words) > 1 else None


def gesture_name(mark: str, known: frozenset[str] | set[str]) -> str | None:
    """Return the gesture among `known` that a mark asks for, or None. `[wave]` is `wave_right`, `*nods slowly*` is `nod`."""
    for name in (mark, _ALIASES.get(mark, ""), *_by_words(mark)):
        if name in known:
            return name
    return None


def _by_words(mark: str) -> list[str]:
    words = mark.split("_")
    # "shakes head" and "bows head" begin with the verb; "head shake" ends with it
    names = [_ACTIONS.get(_stem(word) or "", "") for word in words]
    return [candidate for name in names if name for candidate in (name, _ALIASES.get(name, ""))]


def affect_of_mark(mark: str) -> dict[str, float]:
    """Return the feeling that a mark such as `*smiles*` shows, weights 0 to 1, or an empty mapping."""
    for word in mark.split("_"):
        feeling = _FEELINGS.get(_stem(word) or "")
        if feeling:
            return dict(feeling)
    return {}

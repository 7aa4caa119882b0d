"""Gesture marks in a text to be spoken: `[wave] Hello!` and, as chat models write them, `*nods* Yes.`

A mark stands before the words that its stroke belongs to: it falls on the first stressed one that a limb can be on time
for. Marks are never spoken, whether their gesture is known or not.
"""

import re
from dataclasses import dataclass

__all__ = ["Mark", "Marked", "affect_of_mark", "parse_marks"]

_MARK = re.compile(r"\[([^\[\]\n]{1,60})\](\([^()\s]{1,200}\))?|(\*{1,3})(?!\s)([^*\n]{1,120}?)\3")
_SPACES = re.compile(r"\s+")
# What a person does rather than says, as chat models write it between asterisks; a lone word not of these is emphasis.
_ACTIONS = frozenset(
    "nod wave bow shrug shake point think ponder wonder clap celebrate cheer welcome gasp startle listen apologise "
    "apologize gesture spread beckon greet sigh smile laugh grin chuckle giggle wink blink look lean turn step walk "
    "pause whisper beep whir tilt raise frown cry hum sit stand glance tick click salute applaud hug blush sway".split()
)
_FEELINGS = {
    "smile": {"joy": 0.6}, "laugh": {"joy": 0.9}, "grin": {"joy": 0.7}, "chuckle": {"joy": 0.7}, "giggle": {"joy": 0.8},
    "frown": {"anger": 0.3}, "sigh": {"sadness": 0.4}, "cry": {"sadness": 0.8}, "gasp": {"surprise": 0.8},
    "celebrate": {"joy": 0.8}, "surprise": {"surprise": 0.7}, "apology": {"sadness": 0.3}, "welcome": {"joy": 0.6},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Mark:
    """`name` as written, in lower case with underscores; `at` is where in the clean text its word begins."""

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
        elif len(stars) > 1 or not _is_action(starred):
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


def _stems(word: str) -> set[str]:
    """Return what a verb may be without its ending: nods -> nod, nodding -> nod, waving -> wave."""
    bare = word.removesuffix("ing")
    stems = {word, word.removesuffix("s"), word.removesuffix("es"), bare, bare + "e"}
    if bare != word and len(bare) > 2 and bare[-1] == bare[-2]:
        stems.add(bare[:-1])
    return stems


def _is_action(starred: str) -> bool:
    """Several words, or one that names an action; a lone other word is emphasis."""
    words = _slug(starred).split("_")
    return len(words) > 1 or bool(_stems(words[0]) & _ACTIONS)


def affect_of_mark(name: str) -> dict[str, float]:
    """Return the feeling that a mark such as `*smiles*` shows, weights 0 to 1, or an empty mapping."""
    for word in name.split("_"):
        for stem in _stems(word) & _FEELINGS.keys():
            return dict(_FEELINGS[stem])
    return {}

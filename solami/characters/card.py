"""A character card: who speaks, how they sound and move, and what they have to say (DESIGN 3.15).

A card is YAML. What is said in it is spoken aloud, so texts are short and bounded; a gesture mark in square brackets
(`[wave] Hello!`) stands before the word that the gesture's stroke belongs to. Every fault is reported with its line.
"""

from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    PrivateAttr,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from solami_protocol.errors import InputError

from .located import MAX_CARD_BYTES, line_of, read_located

__all__ = [
    "MAX_CARD_BYTES",
    "Answer",
    "Appearance",
    "Card",
    "Example",
    "Lines",
    "Motion",
    "Style",
    "Voice",
    "load_card",
    "parse_card",
    "unknown_keys",
]

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=80)]
Said = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=600)]
"""Something that is spoken in one go: at most about 40 seconds."""
Prose = Annotated[str, StringConstraints(strip_whitespace=True, max_length=8000)]
Weight = Annotated[float, Field(ge=0.0, le=1.0)]
Colour = Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


def _listed(value: object) -> object:
    """Let one text or mapping stand for a list of one."""
    return (value,) if isinstance(value, (str, dict)) else value


class Answer(_Part):
    """Something to say, and what to say next if it is answered with yes, no, or one of `then`."""

    say: Said
    if_yes: tuple[Said, ...] = ()
    if_no: tuple[Said, ...] = ()
    then: tuple["Example", ...] = ()
    otherwise: tuple[Said, ...] = ()
    """What to say when an open question ("What do you dream of?") was answered with anything else."""

    @model_validator(mode="before")
    @classmethod
    def _text_is_enough(cls, value: object) -> object:
        return {"say": value} if isinstance(value, str) else value

    _lists = field_validator("if_yes", "if_no", "otherwise", mode="before")(_listed)


class Example(_Part):
    """One exchange: ways in which a user may put it, and what the character answers.

    The answers in `character` are alternatives, each a text or an `Answer`. `if_yes`, `if_no`, `then` and `otherwise`
    hold for every alternative that has none of its own.
    """

    id: str = Field(default="", max_length=80)
    """Name of the intent, for reports and tests."""
    topic: str = Field(default="", max_length=80)
    """What it is about, as the end of "Did you ask about ...?"; empty: never offered."""
    user: Annotated[tuple[Said, ...], Field(min_length=1, max_length=64)]
    character: Annotated[tuple[Answer, ...], Field(min_length=1, max_length=16)]
    if_yes: tuple[Said, ...] = ()
    if_no: tuple[Said, ...] = ()
    then: tuple["Example", ...] = ()
    otherwise: tuple[Said, ...] = ()
    stays: bool = False
    """For a follow-up: the question stays open, and the same follow-ups may come again (a wrong guess)."""
    waves: bool = False
    """This answer may wave although the user did not (a goodbye)."""
    affect: dict[str, Weight] = {}

    _lists = field_validator("user", "character", "if_yes", "if_no", "otherwise", mode="before")(_listed)


class Lines(_Part):
    """What the character says when no example fits. Empty ones are made from the card's name by the brain."""

    confused: tuple[Said, ...] = ()
    """Did not follow; asks back or offers something."""
    ask: tuple[Said, ...] = ()
    """Was not sure; offers a choice. `{a}` and `{b}` stand for topics."""
    again: tuple[Said, ...] = ()
    """Put before an answer that was just given."""
    lead: tuple[Said, ...] = ()
    """Put behind a fact, so that the talk goes on; yes to it brings another fact."""
    silence: tuple[Said, ...] = ()
    leaving: tuple[Said, ...] = ()

    @field_validator("ask")
    @classmethod
    def _has_places(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for line in value:
            if "{a}" not in line or "{b}" not in line:
                raise ValueError("must hold {a} and {b}, the places of the two topics")
        return value

    _lists = field_validator("*", mode="before")(_listed)


class Voice(_Part):
    """The voice: `engine` names a synthesiser, `speaker` a voice of it."""

    engine: str = "espeak"
    speaker: str | None = None
    rate: Annotated[float, Field(ge=0.4, le=2.5)] = 1.0
    """1 is the engine's usual speed."""
    pitch: Annotated[float, Field(ge=-12.0, le=12.0)] = 0.0
    """Semitones above the speaker's usual pitch."""
    reference: str | None = None
    """A recording to speak like, for engines that can; a path beside the card."""


class Style(_Part):
    """How the character moves; 1 is an ordinary lively person."""

    energy: Annotated[float, Field(ge=0.0, le=1.5)] = 1.0
    """The size of strokes, sway and breath."""
    openness: Annotated[float, Field(ge=0.0, le=1.5)] = 1.0
    """0: arms close to the body."""
    tempo: Annotated[float, Field(ge=0.5, le=2.0)] = 1.0
    """2: gestures take half their time."""


class Motion(_Part):
    """Movement: the style, and gestures that the character likes to use."""

    style: Style = Style()
    gestures: tuple[str, ...] = ()


class Appearance(_Part):
    """The look: an avatar's name and colours by part, `#rrggbb`."""

    avatar: str = ""
    colours: dict[str, Colour] = {}


class Card(_Part):
    """A character. `id` is the name of its file; keys that we do not know are kept in `extensions`."""

    id: str = ""
    name: Name
    language: str = Field(default="en", max_length=16)
    description: Prose = ""
    personality: Prose = ""
    scenario: Prose = ""
    opening: Annotated[tuple[Said, ...], Field(min_length=1, max_length=16)]
    examples: Annotated[tuple[Example, ...], Field(max_length=1000)] = ()
    facts: Annotated[tuple[Said, ...], Field(max_length=1000)] = ()
    """True things about the character, in its own voice: each can be said as an answer."""
    expects: Annotated[tuple[Said, ...], Field(max_length=500)] = ()
    """What a user may well say at any time, for the recogniser."""
    acts: dict[
        Literal["wave", "bow", "nod", "shake", "point", "raise_hand", "approach", "step_back"], tuple[Said, ...]
    ] = {}
    """Answers to something that the user did without words."""
    lines: Lines = Lines()
    voice: Voice = Voice()
    motion: Motion = Motion()
    appearance: Appearance = Appearance()
    affect: dict[str, Weight] = {}
    """How the character feels when nothing else is known."""
    extensions: dict[str, Any] = {}
    _folder: Path | None = PrivateAttr(None)  # where the card's file lies; no part of what it says

    _lists = field_validator("opening", mode="before")(_listed)

    @property
    def reference(self) -> Path | None:
        """The recording to speak like, as a path to open: a relative one lies beside the card's file."""
        named = self.voice.reference
        return (self._folder or Path()) / named if named else None

    def found_in(self, folder: Path) -> Self:
        """Return the card as one whose file lies in `folder`; that matters only where it names files."""
        if self.voice.reference is None:
            return self
        card = self.model_copy()
        card._folder = folder
        return card

    @model_validator(mode="before")
    @classmethod
    def _keep_unknown_keys(cls, value: object) -> object:
        if not isinstance(value, dict):
            return value
        known = {key: item for key, item in value.items() if key in cls.model_fields}
        unknown = {key: item for key, item in value.items() if key not in cls.model_fields}
        if unknown and isinstance(known.get("extensions", {}), dict):
            known["extensions"] = {**known.get("extensions", {}), **unknown}
        return known

    @model_validator(mode="after")
    def _distinct_ids(self) -> Self:
        seen: set[str] = set()
        for example in self.examples:
            if example.id in seen:
                raise ValueError(f"two examples have the id {example.id!r}; ids must differ")
            if example.id:
                seen.add(example.id)
        return self


def unknown_keys(data: dict[str, Any]) -> list[tuple[str, str]]:
    """Return the top-level keys that are not ours, each with the nearest key of ours ("" if none is near)."""
    fields = list(Card.model_fields)
    unknown = [key for key in data if key not in Card.model_fields]
    return [(key, next(iter(get_close_matches(key, fields, 1, 0.75)), "")) for key in unknown]


def parse_card(text: str, source: str, card_id: str = "") -> Card:
    """Return the card written in `text`. `source` is its name in errors.

    Raises InputError with the source, the line, the key and what was expected.
    """
    data, node = read_located(text, source)
    if card_id:
        data = {**data, "id": card_id}
    try:
        return Card.model_validate(data)
    except ValidationError as exc:
        first = exc.errors()[0]
        more = f" ({exc.error_count() - 1} more faults)" if exc.error_count() > 1 else ""
        where = ".".join(str(part) for part in first["loc"]) or "card"
        raise InputError(f"{source}, line {line_of(node, first['loc'])}: {where}: {_sentence(first)}{more}") from exc


def _sentence(error: Any) -> str:
    if error["type"] == "missing":
        return "is missing; a card needs it"
    if error["type"] == "extra_forbidden":
        return "is not a key of this part"
    return str(error["msg"]).removeprefix("Value error, ")


def load_card(path: Path) -> Card:
    """Return the card in the YAML file `path`; its id is the file's name. Raises InputError (see `parse_card`)."""
    try:
        size = path.stat().st_size
        if size > MAX_CARD_BYTES:
            raise InputError(f"{path}: {size:,} bytes; a card has at most {MAX_CARD_BYTES:,}")
        text = path.read_text(encoding="utf-8")
    except OSError as exc:
        raise InputError(f"{path}: cannot be read: {exc.strerror}") from exc
    except UnicodeDecodeError as exc:
        raise InputError(f"{path}: not UTF-8 text (byte {exc.start}); save the card as UTF-8") from exc
    return parse_card(text, str(path), path.stem).found_in(path.parent)

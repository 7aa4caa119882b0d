"""What a character looks like: its kind of body and its colours, as a card gives them."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from solami_protocol.errors import InputError

__all__ = ["COLOURS", "MATERIALS", "SWATCHES", "Kind", "Look", "Material", "Swatch"]

Kind = Literal["person", "magician", "creature", "automaton"]

COLOURS: dict[Kind, dict[str, str]] = {
    "person": {
        "skin": "#eab793",
        "hair": "#4a2f27",
        "eyes": "#2f8087",
        "lips": "#c9796d",
        "cloth1": "#35577d",
        "cloth2": "#3a4150",
        "shoes": "#e9e4da",
        "accent": "#f0a04b",
    },
    "magician": {
        "skin": "#c79a7b",
        "hair": "#c9ccd6",
        "eyes": "#5b4a8a",
        "lips": "#9c5560",
        "cloth1": "#4a2347",
        "cloth2": "#1f1c2b",
        "shoes": "#14131a",
        "accent": "#d9b65c",
    },
    "creature": {
        "skin": "#a9c48a",
        "hair": "#4f7a3a",
        "eyes": "#d9a441",
        "lips": "#7f9a5e",
        "cloth1": "#7a5636",
        "cloth2": "#5b4632",
        "shoes": "#3f3326",
        "accent": "#d8748f",
    },
    "automaton": {
        "skin": "#b8733c",
        "hair": "#7a4a24",
        "eyes": "#6fd0c8",
        "lips": "#8f4f2c",
        "cloth1": "#2f5a57",
        "cloth2": "#e0b45a",
        "shoes": "#6b4426",
        "accent": "#4fae9b",
    },
}
"""Every colour a card may set (`cloth1` the top, `cloth2` the trousers or the trimmings), with each kind's own."""


@dataclass(frozen=True, slots=True)
class Material:
    """A glTF material: one draw call of the finished body."""

    roughness: float
    metallic: float = 0.0
    glow: float = 0.0
    """Share of the colour that shines by itself; the colour comes from the vertices."""


@dataclass(frozen=True, slots=True)
class Swatch:
    """A colour of the body: a card colour, how much lighter (>1) or darker (<1) it is, and its material."""

    colour: str
    tone: float = 1.0
    material: str = "cloth"


SWATCHES: dict[str, Swatch] = {
    "skin": Swatch("skin", 1.0, "skin"),
    "skin_deep": Swatch("skin", 0.72, "skin"),
    "jaw_plate": Swatch("skin", 1.0, "skin"),
    "neck": Swatch("skin", 1.0, "skin"),
    "lips": Swatch("lips", 1.0, "skin"),
    "mouth": Swatch("#6b2a2c", 1.0, "inside"),
    "throat": Swatch("#220b0d", 1.0, "inside"),
    "tongue": Swatch("#b05a5c", 1.0, "inside"),
    "teeth": Swatch("#f7f2e8", 1.0, "gloss"),
    "eye_white": Swatch("#f6f4f1", 1.0, "gloss"),
    "iris": Swatch("eyes", 1.0, "gloss"),
    "iris_light": Swatch("eyes", 1.55, "gloss"),
    "iris_dark": Swatch("eyes", 0.38, "gloss"),
    "pupil": Swatch("#0b0d10", 1.0, "gloss"),
    "glint": Swatch("#ffffff", 1.0, "glow"),
    "lash": Swatch("hair", 0.42, "hair"),
    "brow": Swatch("hair", 0.8, "hair"),
    "hair": Swatch("hair", 1.0, "hair"),
    "hair_light": Swatch("hair", 1.28, "hair"),
    "hair_deep": Swatch("hair", 0.7, "hair"),
    "top": Swatch("cloth1"),
    "top_deep": Swatch("cloth1", 0.66),
    "top_light": Swatch("cloth1", 1.35),
    "shirt": Swatch("#f1ece2"),
    "belt": Swatch("shoes", 0.8),
    "trousers": Swatch("cloth2"),
    "trousers_deep": Swatch("cloth2", 0.7),
    "shoes": Swatch("shoes", 1.0, "cloth"),
    "sole": Swatch("#f4f1ea", 1.0, "cloth"),
    "accent": Swatch("accent"),
    "finger_joint": Swatch("skin", 1.0, "skin"),
    "brass": Swatch("cloth2", 1.0, "brass"),
    "rivet": Swatch("cloth2", 0.75, "brass"),
    "dome": Swatch("skin", 1.1, "copper"),
    "seam": Swatch("accent", 0.75, "cloth"),
    "lamp": Swatch("#ffd98a", 1.0, "glow"),
    "hat": Swatch("cloth2", 1.25),
    "cape": Swatch("cloth2", 1.35),
    "lining": Swatch("cloth1", 1.7),
    "glove": Swatch("#efece6"),
    "ear_inner": Swatch("accent", 0.95, "skin"),
    "stem": Swatch("hair", 0.8, "hair"),
    "bud": Swatch("accent", 1.0, "hair"),
}
"""The names by which the modelling code paints. A colour that starts with # is the same for every character."""

_AUTOMATON: dict[str, Swatch] = {
    "brow": Swatch("cloth2", 0.8, "brass"),
    "lash": Swatch("#2a1a10", 1.0, "copper"),
    "top_deep": Swatch("cloth2", 1.0, "brass"),
    "trousers": Swatch("cloth1", 0.62),
    "sole": Swatch("cloth2", 0.9, "brass"),
    "finger_joint": Swatch("skin", 0.45, "copper"),
    "skin": Swatch("skin", 1.22, "copper"),
    "jaw_plate": Swatch("skin", 1.15, "copper"),
    "neck": Swatch("skin", 0.5, "copper"),
    "skin_deep": Swatch("skin", 0.4, "copper"),
    "iris": Swatch("eyes", 1.0, "lens"),
    "iris_light": Swatch("eyes", 1.35, "lens"),
    "iris_dark": Swatch("eyes", 0.45, "gloss"),
    "mouth": Swatch("#3a2016", 1.0, "inside"),
    "tongue": Swatch("#a5543f", 1.0, "inside"),
    "throat": Swatch("#160b08", 1.0, "inside"),
}
_MAGICIAN: dict[str, Swatch] = {
    "brass": Swatch("#c9ccd6", 1.0, "brass"),
    "top_deep": Swatch("cloth1", 0.6),
    "sole": Swatch("shoes", 1.4),
}
_CREATURE: dict[str, Swatch] = {
    "sole": Swatch("shoes", 1.35),
    "top_deep": Swatch("cloth1", 1.3),
    "brow": Swatch("hair", 0.75, "hair"),
}
_OWN: dict[Kind, dict[str, Swatch]] = {
    "person": {},
    "magician": _MAGICIAN,
    "creature": _CREATURE,
    "automaton": _AUTOMATON,
}
"""What each kind paints in another way than a person."""

MATERIALS: dict[str, Material] = {
    "skin": Material(0.62),
    "gloss": Material(0.12),
    "glow": Material(0.4, glow=0.9),
    "hair": Material(0.5),
    "cloth": Material(0.85),
    "copper": Material(0.38, metallic=0.72),
    "brass": Material(0.30, metallic=0.75),
    "lens": Material(0.3, glow=0.6),
    "inside": Material(0.8),
}

_METAL = {"skin": "copper", "hair": "copper"}
_HEX = re.compile(r"#[0-9a-fA-F]{6}")


@dataclass(frozen=True, slots=True)
class Look:
    """A kind of body with its colours; a colour that is not given is the kind's own."""

    kind: Kind = "person"
    colours: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in COLOURS:
            raise InputError(f"avatar {self.kind!r} is unknown; expected one of {', '.join(COLOURS)}")
        for name, value in self.colours.items():
            if name not in COLOURS[self.kind]:
                raise InputError(f"avatar colour {name!r} is unknown; expected one of {', '.join(COLOURS[self.kind])}")
            if not _HEX.fullmatch(value):
                raise InputError(f"avatar colour {name} is {value!r}; expected #rrggbb")

    @classmethod
    def of_card(cls, appearance: Mapping[str, Any]) -> "Look":
        """Return the look in a card's `appearance {avatar, colours}`; without an avatar it is a person."""
        return cls(cast(Kind, appearance.get("avatar") or "person"), dict(appearance.get("colours") or {}))

    def srgb(self, swatch: str) -> tuple[float, float, float]:
        """Return a swatch's colour, 0 to 1, sRGB encoded."""
        entry = self._swatch(swatch)
        own = COLOURS[self.kind]
        value = entry.colour if entry.colour.startswith("#") else self.colours.get(entry.colour, own[entry.colour])
        rgb = [int(value[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        return (min(rgb[0] * entry.tone, 1.0), min(rgb[1] * entry.tone, 1.0), min(rgb[2] * entry.tone, 1.0))

    def material(self, swatch: str) -> str:
        """Return the name of the material a swatch is made of; an automaton's skin is metal."""
        name = self._swatch(swatch).material
        return _METAL.get(name, name) if self.kind == "automaton" else name

    def _swatch(self, name: str) -> Swatch:
        return _OWN[self.kind].get(name, SWATCHES[name])

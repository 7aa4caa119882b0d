"""Who the characters are: cards, and the library that ships."""

from .card import Answer, Appearance, Card, Example, Lines, Motion, Style, Voice, load_card, parse_card
from .library import Library, load_library

__all__ = [
    "Answer",
    "Appearance",
    "Card",
    "Example",
    "Library",
    "Lines",
    "Motion",
    "Style",
    "Voice",
    "load_card",
    "load_library",
    "parse_card",
]

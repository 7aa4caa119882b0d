"""The characters that can be had: those that ship with the package, and those of a directory of the user's."""

from importlib.resources import files
from pathlib import Path

from solami_protocol.errors import InputError

from .card import Card, load_card

__all__ = ["Library", "load_library", "shipped_folder"]


def shipped_folder() -> Path:
    """Return the folder with the cards that ship (package data, `*.yaml` beside this module)."""
    return Path(str(files("solami.characters")))


class Library:
    """Cards by id. `faults` says, by file name, why a card of the user's directory was left out."""

    def __init__(self, cards: dict[str, Card], faults: dict[str, str] | None = None) -> None:
        self.cards = cards
        self.faults = faults or {}

    def __getitem__(self, card_id: str) -> Card:
        """Return the card. Raises InputError naming those that exist."""
        try:
            return self.cards[card_id]
        except KeyError:
            known = ", ".join(self.ids()) or "none"
            raise InputError(f"there is no character {card_id!r}; there are: {known}") from None

    def __contains__(self, card_id: object) -> bool:
        return card_id in self.cards

    def ids(self) -> list[str]:
        """Return the ids in order."""
        return sorted(self.cards)


def load_library(extra: Path | None = None) -> Library:
    """Return the shipped cards and those (`*.yaml`) of the directory `extra`, which win where ids are equal.

    A faulty shipped card raises InputError; a faulty one of `extra` is left out and stands in `faults`, so that one bad
    file does not take the others away. Raises InputError when `extra` is no directory.
    """
    cards = {path.stem: load_card(path) for path in sorted(shipped_folder().glob("*.yaml"))}
    faults: dict[str, str] = {}
    if extra is not None:
        if not extra.is_dir():
            raise InputError(f"{extra}: the directory of characters does not exist; create it, or set another")
        for path in sorted(extra.glob("*.yaml")):
            try:
                cards[path.stem] = load_card(path)
            except InputError as exc:
                faults[path.name] = str(exc)
    return Library(cards, faults)

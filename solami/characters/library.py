"""The characters that can be had: those that ship with the package, and those of a directory of the user's."""

from importlib.resources import files
from pathlib import Path

from solami_protocol.errors import InputError

from .card import Card, load_card

__all__ = ["Library", "shipped_folder"]


def shipped_folder() -> Path:
    """Return the folder with the cards that ship (package data, `*.yaml` beside this module)."""
    return Path(str(files("solami.characters")))


class Library:
    """The shipped cards and those (`*.yaml`) of `extra`, by id; the latter win where ids are equal.

    A faulty shipped card raises InputError; a faulty one of `extra` is left out and stands in `faults` (file name ->
    what is wrong), so that one bad file does not take the others away. Raises InputError when `extra` is no directory.
    """

    def __init__(self, extra: Path | None = None) -> None:
        self.cards: dict[str, Card] = {path.stem: load_card(path) for path in sorted(shipped_folder().glob("*.yaml"))}
        self.faults: dict[str, str] = {}
        if extra is None:
            return
        if not extra.is_dir():
            raise InputError(f"{extra}: the directory of characters does not exist; create it, or set another")
        for path in sorted(extra.glob("*.yaml")):
            try:
                self.cards[path.stem] = load_card(path)
            except InputError as exc:
                self.faults[path.name] = str(exc)

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

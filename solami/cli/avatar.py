"""`solami avatar`: the characters' bodies as files and as pictures."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from solami.headset.avatar import Look

__all__ = ["app"]

app = typer.Typer(
    no_args_is_help=True, add_completion=False, help="Avatars: build as GLB or VRM, draw a contact sheet."
)

Character = Annotated[str | None, typer.Option("--character", "-c", help="Take kind and colours from this card.")]
Folder = Annotated[Path | None, typer.Option("--dir", help="A directory of more cards.")]
Kind = Annotated[str | None, typer.Option(help="person, magician, creature or automaton, without a card.")]


@app.callback()
def _group() -> None:
    """Avatars: build as GLB or VRM, draw a contact sheet."""


@app.command()
def build(
    out: Annotated[Path, typer.Argument(help="OUT.glb for engines, OUT.vrm for programs that know VRM 1.0.")],
    character: Character = None,
    folder: Folder = None,
    kind: Kind = None,
) -> None:
    """Write an avatar: 55 joints, 52 face shapes, one file."""
    from solami.cli.console import console, fail_politely
    from solami.headset.avatar.__main__ import builder

    with fail_politely():
        make = builder(out)
        look, name = _look(character, folder, kind)
        data = make(look, name)
        out.write_bytes(data)
        console.print(f"{out}: {name}, {len(data) / 1000:.0f} kB", markup=False)


@app.command()
def sheet(
    out: Annotated[Path, typer.Argument(help="OUT.png or OUT.jpg.")] = Path("avatar-sheet.png"),
    character: Character = None,
    folder: Folder = None,
    kind: Kind = None,
) -> None:
    """Draw an avatar in 15 poses and faces, each from the front, the side and close by (needs Chromium)."""
    from solami.cli.console import console, fail_politely
    from solami.headset.avatar.sheet import draw_sheet

    with fail_politely():
        look, name = _look(character, folder, kind)
        width, height = draw_sheet(out, look, title=name)
        console.print(f"{out}: {name}, {width} x {height}, {out.stat().st_size / 1000:.0f} kB", markup=False)


def _look(character: str | None, folder: Path | None, kind: str | None) -> tuple["Look", str]:
    """Return the look that is asked for and its name. Raises InputError for both a card and a kind, or unknown ones."""
    from solami.characters import load_library
    from solami.headset.avatar import Look
    from solami_protocol.errors import InputError

    if character is None:
        return Look.of_card({"avatar": kind or ""}), kind or "person"
    if kind is not None:
        raise InputError("--character and --kind: a card names its own kind; give one of the two")
    library = load_library(folder)
    if character not in library.ids():
        raise InputError(f"character {character!r} is unknown; expected one of {', '.join(library.ids())}")
    return Look.of_card(library[character].appearance.model_dump()), character

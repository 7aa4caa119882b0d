"""`solami character`: character cards."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from solami.characters import Card

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Character cards: list, check, make, exchange.")

_NEW = """\
# A character. A word in square brackets is a gesture; its stroke falls on the next stressed word.
# `solami character check {file}` says what is wrong or missing.
name: {name}
description: Who {name} is, in a few sentences. A language model reads this.
personality: Curious, warm, a little shy.
scenario: Where {name} and the user meet.
opening: "[wave] Hello, I am {name}. What shall we talk about?"
voice: {{engine: espeak, speaker: en-us, rate: 1.0, pitch: 0.0}}
motion:
  style: {{energy: 1.0, openness: 1.0, tempo: 1.0}}
expects: [hello, who are you, "yes", "no", goodbye]
lines:
  confused:
    - "[think] I did not quite follow. Could you say it in other words?"
    - "[shrug] That one went past me. Ask me who I am!"
examples:
  - id: hello
    user: [hello, hi, hello there]
    character: "[nod] Hello! Would you like to know who I am?"
    if_yes: "[point_self] I am {name}, and I am glad that you ask."
    if_no: "[open_palms] Then tell me something about yourself."
  - id: name
    topic: my name
    user: [who are you, what is your name]
    character: "[point_self] I am {name}. And what brings you here?"
    otherwise: "[nod] I see. Tell me more!"
  - id: goodbye
    waves: true
    user: [goodbye, bye, see you later]
    character: "[wave] Goodbye! Come back soon."
facts:
  - "I was made only a moment ago."
"""


@app.callback()
def _group() -> None:
    """Character cards: list, check, make, exchange."""


@app.command("list")
def list_(
    folder: Annotated[Path | None, typer.Option("--dir", help="A directory of more cards.")] = None,
) -> None:
    """List the characters that ship, and those of a directory."""
    from rich.table import Table

    from solami.characters import load_library
    from solami.cli.console import console, fail_politely

    with fail_politely():
        library = load_library(folder)
        table = Table("id", "name", "examples", "facts", "voice", "who", title="characters")
        for card_id in library.ids():
            card = library[card_id]
            voice = f"{card.voice.engine} {card.voice.speaker or ''}".strip()
            about = card.description.split(".")[0][:80]
            table.add_row(card_id, card.name, str(len(card.examples)), str(len(card.facts)), voice, about)
        console.print(table)
        for name, why in library.faults.items():
            console.print(f"left out {name}: {why}", style="yellow", markup=False)


@app.command()
def check(file: Annotated[Path, typer.Argument(help="A card: YAML, or Character Card V2/V3 as JSON or PNG.")]) -> None:
    """Check a card: errors with their line, then advice on what would make it better company."""
    from solami.characters.advice import advice
    from solami.cli.console import console, fail_politely

    with fail_politely():
        card = _read(file)
        for line in advice(card, file):
            console.print(f"- {line}", style="yellow", markup=False)
        if card.voice.engine in ("", "espeak") and (why := _voice_fault(card.voice.speaker or "")):
            console.print(f"- {why}; until then the usual voice speaks", style="yellow", markup=False)
        parts = f"{len(card.examples)} examples, {len(card.facts)} facts, {len(card.expects)} expected sentences"
        console.print(f"{file}: {card.name} is a valid card ({parts}).", markup=False)


def _voice_fault(speaker: str) -> str:
    """Return what is wrong with a speaker of the embedded voice, empty when it has it."""
    from solami.speech import Voice, open_synthesiser
    from solami_protocol.errors import SettingsError

    try:
        next(iter(open_synthesiser().speak("hello", Voice(speaker=speaker))), None)
    except SettingsError as exc:
        return str(exc)
    return ""


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="The character's name.")],
    out: Annotated[Path | None, typer.Option(help="The file to write; NAME.yaml if not given.")] = None,
) -> None:
    """Write a small card to begin with. Never overwrites."""
    import json

    from solami.characters import parse_card
    from solami.cli.console import console, fail_politely
    from solami_protocol.errors import InputError

    with fail_politely():
        path = out or Path(re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") + ".yaml")
        plain = json.dumps(name, ensure_ascii=False)[1:-1]
        # only the value of `name` may need quotes; elsewhere the name stands inside quoted text
        text = _NEW.format(name=plain, file=path.name).replace(f"name: {plain}\n", f'name: "{plain}"\n', 1)
        text = re.sub(r"^(description|personality|scenario): (.*)$", r'\1: "\2"', text, flags=re.MULTILINE)
        parse_card(text, str(path))
        if path.exists():
            raise InputError(f"{path} exists already; choose another file with --out")
        path.write_text(text, encoding="utf-8")
        console.print(f"wrote {path}; try `solami character check {path}`", markup=False)


@app.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="Character Card V2 or V3: .json or .png.")],
    out: Annotated[Path | None, typer.Option(help="The YAML file to write; beside the source if not given.")] = None,
) -> None:
    """Turn a Character Card V2/V3 into a card of ours. Nothing is fetched, nothing is lost."""
    import yaml

    from solami.characters.exchange import read_foreign_card
    from solami.cli.console import console, fail_politely
    from solami_protocol.errors import InputError

    with fail_politely():
        card = read_foreign_card(file)
        path = out or file.with_suffix(".yaml")
        if path.exists():
            raise InputError(f"{path} exists already; choose another file with --out")
        tree = card.model_dump(mode="json", exclude_defaults=True, exclude={"id"})
        path.write_text(yaml.safe_dump(tree, sort_keys=False, allow_unicode=True, width=120), encoding="utf-8")
        console.print(
            f"wrote {path}: {card.name}, {len(card.examples)} examples, {len(card.facts)} facts", markup=False
        )


@app.command()
def export(
    character: Annotated[str, typer.Argument(help="The id of a character that ships, or a card's file.")],
    out: Annotated[Path, typer.Argument(help="The file to write: .json or .png.")],
    picture: Annotated[Path | None, typer.Option(help="A PNG to put the card into.")] = None,
) -> None:
    """Write a card as Character Card V2, as JSON or inside a PNG."""
    import json

    from solami.characters import load_library
    from solami.characters.exchange import card_to_json, png_with_card
    from solami.cli.console import console, fail_politely
    from solami_protocol.errors import InputError

    with fail_politely():
        card = _read(Path(character)) if Path(character).is_file() else load_library()[character]
        if out.suffix.lower() == ".png":
            out.write_bytes(png_with_card(card, picture.read_bytes() if picture else None))
        elif out.suffix.lower() == ".json":
            out.write_text(json.dumps(card_to_json(card), indent=1, ensure_ascii=False), encoding="utf-8")
        else:
            raise InputError(f"{out}: the name must end in .json or .png")
        console.print(f"wrote {out}", markup=False)


def _read(file: Path) -> "Card":
    from solami.characters import load_card
    from solami.characters.exchange import read_foreign_card

    return read_foreign_card(file) if file.suffix.lower() in (".json", ".png") else load_card(file)

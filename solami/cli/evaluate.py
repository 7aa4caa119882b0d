"""`solami eval ...`: how good the parts are, on material that they were not made from."""

from pathlib import Path
from typing import Annotated, Any

import typer

from solami.cli.eval_hearing import hearing
from solami.cli.eval_perception import perception
from solami.cli.eval_strokes import strokes

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
app.command()(perception)
app.command()(hearing)
app.command()(strokes)

VOICES = ("plain", "en-us+f2")
"""A man and a woman of the embedded synthesiser; both are harder for the recogniser than people are."""
EVERYONE = "everyone"
"""The file of questions that every character is asked, in rows of their own."""


@app.callback()
def group() -> None:
    """Evaluate: every command writes JSON and prints a table."""


@app.command()
def characters(
    who: Annotated[list[str] | None, typer.Argument(help="Characters; all that have questions if none.")] = None,
    spoken: Annotated[bool, typer.Option(help="Also speak the questions, in two voices, to the recogniser.")] = False,
    questions: Annotated[
        Path, typer.Option(help="Folder with CHARACTER.yaml, and everyone.yaml for all of them.")
    ] = Path("tests/data/intents"),
    out: Annotated[Path, typer.Option(help="JSON file.")] = Path("runs/eval-characters.json"),
    failures: Annotated[bool, typer.Option(help="Print every question that was not answered right.")] = False,
) -> None:
    """How well characters understand: right, wrong, refused, asked back; and what is off topic.

    \b
    solami eval characters --spoken
    solami eval characters copper --failures
    """
    import json

    from solami.cli.console import console, fail_politely

    with fail_politely():
        rows = _rows(who or [], questions, spoken)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps({"rows": rows}, indent=1) + "\n", encoding="utf-8")
    console.print(_table(rows))
    for row in rows if failures else ():
        for item in row["missed"]:
            console.print(f"{row['character']}, {row['by']}: {item}", markup=False)
    console.print(f"written: {out}", markup=False)


def _rows(who: list[str], folder: Path, spoken: bool) -> list[dict[str, Any]]:
    from functools import partial

    from solami.characters import load_library
    from solami.cli.console import console
    from solami.cli.cores import cores
    from solami_protocol.errors import InputError

    library = load_library()
    ids = who or [name for name in library.ids() if (folder / f"{name}.yaml").is_file()]
    if not ids:
        raise InputError(f"{folder}: no questions for any of {', '.join(library.ids())}; name the folder: --questions")
    rows = [(name, name, voice) for name in ids for voice in ("", *(VOICES if spoken else ()))]
    if (folder / f"{EVERYONE}.yaml").is_file():
        rows += [(name, EVERYONE, "") for name in ids]
    with cores() as pool, console.status(f"asking {', '.join(ids)}"):
        return list(pool.map(partial(_row, folder), *zip(*rows, strict=True)))


def _row(folder: Path, name: str, file: str, voice: str) -> dict[str, Any]:
    """Return how a character answers the questions of a file, spoken by a voice, or as text for none."""
    from solami.agent.dialogue import Dialogue
    from solami.agent.evaluate import as_text, figures, missed, put_to, read_questions
    from solami.agent.hearing import spoken_ears
    from solami.agent.minilm import load_minilm
    from solami.agent.retrieval import Retrieval
    from solami.characters import load_library

    card = load_library()[name]
    asked = read_questions(folder / f"{file}.yaml", card)
    dialogue = Dialogue(card, Retrieval(card, load_minilm()))
    outcomes = put_to(dialogue, card, asked, spoken_ears(dialogue.expected(()), voice) if voice else as_text)
    by = f"voice {voice}" if voice else "text" if file == name else "text, small talk"
    return {"character": name, "by": by, **figures(outcomes).as_dict(), "missed": missed(outcomes)}


def _table(rows: list[dict[str, Any]]) -> Any:
    from rich.table import Table

    table = Table(title="understanding, shares of the questions")
    columns = ("character", "by", "right", "wrong", "refused", "asked", "off_topic_refused")
    for column in columns:
        table.add_column(column.replace("_", " "), justify="left" if column in ("character", "by") else "right")
    for row in rows:
        table.add_row(*(f"{row[c]:.0%}" if isinstance(row[c], float) else str(row[c]) for c in columns))
    return table

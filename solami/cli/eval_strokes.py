"""`solami eval strokes`: how far gestures fall from the words that they belong to."""

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["strokes"]


def strokes(
    who: Annotated[list[str] | None, typer.Argument(help="Characters; all if none.")] = None,
    out: Annotated[Path, typer.Option(help="JSON file.")] = Path("runs/eval-strokes.json"),
) -> None:
    """Strokes against the stressed vowels of their words, over all that the characters' cards say.

    \b
    solami eval strokes
    """
    import asyncio
    import json

    from solami.agent.timing import place_strokes, stroke_figures
    from solami.characters import load_library
    from solami.cli.console import console, fail_politely
    from solami.speech import open_synthesiser

    with fail_politely():
        library, voice = load_library(), open_synthesiser()
        report: dict[str, Any] = {}
        placed = []
        for name in who or library.ids():
            with console.status(name):
                answers = asyncio.run(place_strokes(library[name], voice))
            report[name] = stroke_figures(answers)
            placed += answers
        report["together"] = stroke_figures(placed)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    console.print(_table(report))
    console.print(f"written: {out}", markup=False)


def _table(report: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(title="strokes from a stressed vowel, ms: of the word put on, of the mark's first stressed word")
    columns = {
        "count": "count", "p50": "p50_ms", "p95": "p95_ms", "within 100": "within_100_ms", "p50 first": "word_p50_ms",
        "p95 first": "word_p95_ms", "within 100 first": "word_within_100_ms", "p50 next word": "mark_p50_ms",
        "not made": "dropped",
    }  # fmt: skip
    for column in ("character", "gestures", *columns):
        table.add_column(column, justify="left" if column in ("character", "gestures") else "right")
    for character, rows in report.items():
        for name, row in rows.items():
            table.add_row(character, name, *(_cell(key, row.get(key)) for key in columns.values()))
    return table


def _cell(key: str, value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:.0%}" if "within" in key else f"{value:.0f}"

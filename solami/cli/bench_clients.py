"""`solami bench clients`: the live page in a browser."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["clients"]


def clients(
    out: Annotated[Path, typer.Option(help="JSON file.")] = Path("runs/bench-clients.json"),
    character: Annotated[str, typer.Option(help="Who to talk to.")] = "copper",
) -> None:
    """Weight and cost of the live page, and its lips against its sound, in a Chromium without a GPU.

    \b
    solami bench clients --out runs/bench-clients.json
    """
    import json

    from rich.table import Table

    from solami.cli.console import console, fail_politely, run
    from solami.headset.bench_page import bench_page

    with fail_politely():
        figures = run(bench_page(character))
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(figures, indent=1) + "\n")
    table = Table(title="the live page")
    table.add_column("figure")
    table.add_column("value", justify="right")
    for name, value in figures.items():
        if isinstance(value, int | float):
            table.add_row(name, f"{value:g}")
    console.print(table)
    console.print(f"written: {out}", markup=False)

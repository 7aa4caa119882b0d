"""`solami bench ...`: measurements."""

import os
from pathlib import Path
from typing import Annotated

import typer

from solami.cli.bench_clients import clients
from solami.cli.bench_endpoint import endpoint
from solami.cli.bench_tokenizer import tokenizer

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True)
app.command()(clients)
app.command()(endpoint)
app.command()(tokenizer)


@app.callback()
def group() -> None:
    """Measure: every bench writes JSON and prints a table."""


@app.command()
def turn(
    turns: Annotated[int, typer.Option(help="How many turns.", min=1)] = 20,
    out: Annotated[Path, typer.Option(help="JSON file.")] = Path("runs/bench-turn.json"),
    character: Annotated[str, typer.Option(help="Who to talk to.")] = "copper",
    relay: Annotated[str, typer.Option(help="A running relay; else own processes are started.")] = "",
) -> None:
    """Turns from recordings (SOLAMI_DATA, else synthesised) through the whole path in real time.

    \b
    solami bench turn --turns 20 --out runs/bench-turn.json
    """
    import json

    from solami.cli.console import console, fail_politely, run
    from solami.cli.tables import bench_table

    data = Path(os.environ["SOLAMI_DATA"]) if os.environ.get("SOLAMI_DATA") else None
    with fail_politely():
        figures = run(_turns(turns, data, character, relay))
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(figures, indent=1) + "\n")
    console.print(bench_table(figures, f"{figures['turns']} turns, {figures['failed']} failed"))
    for failure in figures["failures"]:
        console.print(f"failed: {failure}", markup=False)
    console.print(f"written: {out}", markup=False)


async def _turns(turns: int, data: Path | None, character: str, relay: str) -> dict:
    from rich.progress import Progress

    from solami.cli.console import console
    from solami.headset.bench import bench_inputs, bench_turns
    from solami.headset.stack import relay_url, running_stack

    inputs = bench_inputs(data, turns)
    with Progress(console=console) as bar:
        task = bar.add_task("starting", total=len(inputs))

        def progress(number: int, name: str) -> None:
            bar.update(task, completed=number, description=name[:40])

        if relay:
            async with relay_url(relay) as url:
                result = await bench_turns(url, None, inputs, character, progress)
        else:
            async with running_stack() as stack:
                result = await bench_turns(stack.relay_url, stack, inputs, character, progress)
        bar.update(task, completed=len(inputs))
    return result.figures()

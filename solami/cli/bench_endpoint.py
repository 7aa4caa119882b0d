"""`solami bench endpoint`: does the character wait while somebody pauses to think, and answer soon at the end?"""

from pathlib import Path
from typing import Annotated, Any

import typer

__all__ = ["endpoint"]


def endpoint(
    data: Annotated[Path, typer.Option(envvar="SOLAMI_DATA", help="Folder with speech/.")],
    items: Annotated[int, typer.Option(help="How many.", min=4)] = 200,
    out: Annotated[Path, typer.Option(help="JSON file.")] = Path("runs/bench-endpoint.json"),
) -> None:
    """Ends of turns: false cut-ins into pauses, and delay, beside a rule of silence alone at the same delay.

    \b
    solami bench endpoint --data data
    """
    import json

    from rich.progress import track

    from solami.cli.console import console, fail_politely
    from solami.cli.cores import cores
    from solami.cli.endpoint_trial import figures, items_of, run_item
    from solami.headset.talk import machine, versions

    with fail_politely(), cores() as pool:
        made = items_of(data, items, pool)
        heard = pool.map(run_item, made)
        outcomes = list(track(heard, "listening", total=len(made), console=console))
        rows = {"all": figures(outcomes)}
        for group in dict.fromkeys(item.group for item in made):
            rows[group] = figures([o for o in outcomes if o.item.group == group])
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(
            json.dumps({"machine": machine(), "versions": versions(), "rows": rows}, indent=1) + "\n", encoding="utf-8"
        )
    console.print(_table(rows))
    console.print(f"written: {out}", markup=False)


def _table(rows: dict[str, dict[str, float]]) -> Any:
    from rich.table import Table

    table = Table(title="ends of turns, recordings with a pause of 200 to 1,200 ms put in")
    for column in ("recordings", "items", "p50 ms", "p95 ms", "mean ms", "cut in", "silence alone", "at mean delay"):
        table.add_column(column, justify="left" if column == "recordings" else "right")
    for name, row in rows.items():
        numbers = [f"{row[f'delay_{k}_ms']:.0f}" for k in ("p50", "p95", "mean")]
        shares = [f"{row[k]:.0%}" for k in ("cut_ins", "silence_rule_cut_ins", "silence_rule_cut_ins_at_mean_delay")]
        table.add_row(name, str(row["items"]), *numbers, *shares)
    return table

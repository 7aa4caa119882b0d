"""The tables that commands print."""

from typing import Any

from rich.table import Table

__all__ = ["bench_table", "collection_table", "turn_table"]


def turn_table(numbers: dict[str, Any]) -> Table:
    """Return one turn as a table."""
    table = Table(title="one turn", show_header=False)
    table.add_column("what", style="bold")
    table.add_column("value", overflow="fold")
    table.add_row("heard", numbers.get("transcript") or "(nothing)")
    table.add_row("answered", numbers.get("reply_text") or "(nothing)")
    table.add_row("by", numbers.get("brain") or "nobody")
    for name, value in (numbers.get("latency_ms") or {}).items():
        table.add_row(f"{name.replace('_', ' ')} after the last voiced sample", _ms(value))
    table.add_row("endpoint to first audio", _ms(numbers.get("endpoint_to_first_audio_ms")))
    skew = numbers.get("skew_ms") or {}
    table.add_row("skew of body and face to sound, p50 / p95", f"{_ms(skew.get('p50'))} / {_ms(skew.get('p95'))}")
    table.add_row("lips against their sounds, median", _ms(numbers.get("content_skew_ms")))
    table.add_row("speech, frames of pose / face", f"{numbers.get('audio_s', 0)} s, {_frames(numbers)}")
    table.add_row("bytes a frame, kbit/s down", f"{numbers.get('bytes_per_frame')}, {numbers.get('kbit_s_down')}")
    table.add_row("degraded", ", ".join(numbers.get("degraded") or []) or "nothing")
    return table


def _frames(numbers: dict[str, Any]) -> str:
    return f"{numbers.get('pose_frames', 0)} / {numbers.get('face_frames', 0)}"


def _ms(value: float | None) -> str:
    return "-" if value is None else f"{value:.0f} ms"


def bench_table(figures: dict[str, Any], title: str) -> Table:
    """Return figures as a table; {p50, p95} get two columns."""
    table = Table(title=title)
    for column in ("figure", "p50", "p95"):
        table.add_column(column, justify="left" if column == "figure" else "right")
    for name, value in figures.items():
        if isinstance(value, dict) and set(value) == {"p50", "p95"}:
            table.add_row(name, *("-" if value[k] is None else f"{value[k]:g}" for k in ("p50", "p95")))
        elif isinstance(value, int | float):
            table.add_row(name, f"{value:g}", "")
    return table


def collection_table(info: dict[str, Any]) -> Table:
    """Return a prepared collection as a table: splits, then sources."""
    table = Table(title=f"{info['name']}: {info['clips']} clips, {info['minutes']:g} minutes")
    for column in ("split or source", "clips", "minutes"):
        table.add_column(column, justify="left" if column == "split or source" else "right")
    for name, part in info["splits"].items():
        table.add_row(name, str(part["clips"]), f"{part['minutes']:g}")
    table.add_section()
    for source in info["sources"]:
        table.add_row(f"{source['name']} ({source['licence']})", str(source["clips"]), f"{source['minutes']:g}")
    table.add_section()
    table.add_row("files left out", str(info["refused"]), "")
    return table

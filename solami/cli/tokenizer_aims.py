"""What the tokenizers that ship must hold, checked against the bench's rows."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Aim", "aims"]

_HELD_OUT = ("held_out_style", "held_out_content")
Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Aim:
    """One limit: what was measured, and what it must be."""

    what: str
    value: float
    limit: str
    held: bool


def aims(rows: Mapping[str, Row]) -> list[Aim]:
    """Return each limit whose rows were measured; ratios are between two rows of the same run."""
    found: list[Aim] = []

    def ratio(row: str, other: str, figure: str, most: float, where: Callable[[Row], Row], place: str) -> None:
        if row in rows and other in rows:
            a, b = where(rows[row]), where(rows[other])
            if figure in a and b.get(figure):
                value = a[figure] / b[figure]
                found.append(Aim(f"{row} / {other}: {figure}{place}", value, f"<= {most:g}", value <= most))

    def plain(row: str, figure: str, least: float, most: float) -> None:
        if figure in rows.get(row, {}):
            value, limit = float(rows[row][figure]), _limit(least, most)
            found.append(Aim(f"{row}: {figure}", value, limit, least <= value <= most))

    for where, place in ((_headline, ""), (_held_out, ", held-out style and content")):
        for how in ("", "_open"):
            ratio(f"ours_512{how}", "solami_mode", "mpjpe_mm", 0.8, where, place)
            ratio(f"ours_512{how}", "solami_mode", "pa_mpjpe_mm", 1.0, where, place)
            ratio(f"ours_512{how}", "solami_net_our_features", "mpjpe_mm", 1.0, where, place)
            ratio(f"ours_residual{how}", f"ours_512{how}", "mpjpe_mm", 0.85, where, place)
    ratio("ours_512", "solami_mode", "foot_skate_cm_s", 0.5, _headline, "")
    ratio("ours_512", "solami_net_our_features", "foot_skate_cm_s", 0.5, _headline, "")
    for row in ("ours_512", "ours_residual", "ours_512_search", "ours_residual_search"):
        ratio(row, "mean_pose", "mpjpe_mm", 0.5, _other_source, ", another source")
    for row in ("ours_512", "ours_largest", "ours_residual"):
        for encoded in (row, f"{row}_open", f"{row}_search"):
            plain(encoded, "jitter_ratio", 0.8, 1.2)
            plain(encoded, "energy_ratio", 0.8, 1.2)
            plain(encoded, "entropy", 0.85, 1.0)
        plain(row, "seam_pose_ratio", 0, 1.5)
        plain(row, "seam_velocity_ratio", 0, 1.5)
    plain("ours_512", "decode_fps", 20_000, float("inf"))
    plain("ours_512", "first_chunk_ms", 0, 5.0)
    plain("ours_512", "streams_64_load", 0, 1.0)
    plain("ours_512", "encode_64_load", 0, 1.0)
    if rows.get("ours_512", {}).get("recorded_border_step_mm"):
        value = rows["ours_512"]["border_step_mm"] / rows["ours_512"]["recorded_border_step_mm"]
        found.append(Aim("ours_512: step at chunk borders / the recording's", value, "<= 1.25", value <= 1.25))
    if {"ours_512", "solami_mode"} <= set(rows) and rows["solami_mode"].get("train_fps"):
        value = rows["ours_512"]["train_fps"] / rows["solami_mode"]["train_fps"]
        found.append(Aim("ours_512 / solami_mode: train_fps", value, ">= 1.5", value >= 1.5))
    return found


def _limit(least: float, most: float) -> str:
    if most == float("inf"):
        return f">= {least:,.0f}"
    return f"<= {most:g}" if least == 0 else f"{least:g} to {most:g}"


def _headline(row: Row) -> Row:
    return row


def _held_out(row: Row) -> Row:
    """Return the mean figures of the held-out style and content."""
    parts = [row["splits"][name] for name in _HELD_OUT if name in row["splits"]]
    shared = set.intersection(*(set(part) for part in parts)) if parts else set()
    return {name: sum(part[name] for part in parts) / len(parts) for name in shared}


def _other_source(row: Row) -> Row:
    return row["splits"].get("other_source", {})

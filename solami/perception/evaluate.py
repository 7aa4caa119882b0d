"""How well gestures are recognised on labelled clips: recall, false alarms, delays.

The clips come from the caller (`solami_datasets.bandai` names and finds them), so this module reads no files.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from solami.perception.features import MEASURED, body_frames
from solami.perception.perceive import Perception
from solami.perception.percept import Percept
from solami.perception.three_points import three_points
from solami_protocol.skeleton import JOINT_COUNT
from solami_tokenizers.motion import Clip, resample

__all__ = ["CHOSEN_ON", "Sample", "evaluate", "perceive_clip", "table"]

# thresholds were chosen on these styles; of the others only an overview was seen
CHOSEN_ON = frozenset(
    "active normal exhausted feminine youthful happy giant chimpira musical proud not-confident".split()
)
CHUNK_FRAMES = 3
# contents of the Bandai sets by what must come of them
GROUPS: dict[str, tuple[str, ...]] = {
    "wave": ("wave-left-hand", "wave-right-hand", "wave-both-hands", "bye", "byebye"),
    "walk": ("walk", "walk-back", "walk-left", "walk-right", "walk-turn-left", "walk-turn-right", "run", "dash"),
    "raise": ("raise-up-left-hand", "raise-up-right-hand", "raise-up-both-hands"),
    "talk": ("guide", "call", "respond", "bow"),
}
_SIDES = {"wave-left-hand": "left", "wave-right-hand": "right", "wave-both-hands": "both"}
_DOWN_M = -0.45  # fingertips this far below the shoulder: the arm hangs


@dataclass(frozen=True, slots=True)
class Sample:
    """One labelled clip: content and style as the data set calls them."""

    content: str
    style: str
    clip: Clip


def perceive_clip(clip: Clip, chunk_frames: int = CHUNK_FRAMES, *, only_three: bool = False) -> list[Percept]:
    """Return what is perceived of a clip that arrives in chunks at 30 frames a second.

    only_three: of the body the head and the wrists alone are measured; else everything is.
    """
    clip = resample(clip)
    validity = np.full((clip.frames, JOINT_COUNT), MEASURED, dtype=np.uint8)
    if only_three:
        clip, validity = three_points(clip)
    perception = Perception()
    t_us = np.arange(clip.frames, dtype=np.int64) * 1_000_000 // 30
    out: list[Percept] = []
    for at in range(0, clip.frames, chunk_frames):
        piece = slice(at, at + chunk_frames)
        out += perception.feed(t_us[piece], clip.root_m[piece], clip.rotations[piece], validity[piece])
    return out + perception.wait(int(t_us[-1]) + 1_000_000)


def evaluate(samples: Iterable[Sample], *, only_three: bool = False) -> dict[str, Any]:
    """Return a report for JSON: for the styles that thresholds were chosen on, and for the held-out ones, per content
    the clips, in how many each percept began, and for waves the side and the delays.

    only_three: of the bodies the head and the wrists alone are measured.
    """
    rows: dict[tuple[str, str], list[tuple[Sample, list[Percept]]]] = {}
    for sample in samples:
        part = "chosen_on" if sample.style in CHOSEN_ON else "held_out"
        rows.setdefault((part, sample.content), []).append((sample, perceive_clip(sample.clip, only_three=only_three)))
    report: dict[str, Any] = {}
    for part in ("chosen_on", "held_out"):
        contents = {c: _content(c, seen) for (p, c), seen in sorted(rows.items()) if p == part}
        groups = {name: _group(name, contents) for name in GROUPS}
        report[part] = {"groups": {n: g for n, g in groups.items() if g["clips"]}, "contents": contents}
    return report


def table(report: dict) -> str:
    """Return the report as text, a line for each group and content."""
    lines = [f"{'':22}{'':26}{'clips':>6}{'wave':>7}{'raise':>7}{'bow':>7}{'nod':>7}{'shake':>7}{'lost':>7}"]
    for part, content in report.items():
        for kind in ("groups", "contents"):
            for name, row in content[kind].items():
                shares = "".join(f"{100 * row[k]:6.1f}%" for k in _NAMES[:6])
                lines.append(f"{part + ' ' + kind:22}{name:26}{row['clips']:6}{shares}")
    for part, content in report.items():
        wave = content["groups"].get("wave")
        if wave:
            lines.append(
                f"{part}: side right {100 * wave['side_right']:.1f} %, {wave['times_a_clip']:.2f} a clip, "
                f"began {wave['began_s']} s, ended before the arm hung {wave['ended_before_down_s']} s"
            )
    return "\n".join(lines)


_NAMES = ("wave", "raise_hand", "bow", "nod", "shake", "tracking_lost", "point", "approach", "step_back", "look_away")


def _content(content: str, seen: list[tuple[Sample, list[Percept]]]) -> dict:
    began = [[p for p in percepts if p.phase == "began"] for _, percepts in seen]
    row: dict = {"clips": len(seen), "minutes": sum(s.clip.frames / s.clip.fps for s, _ in seen) / 60}
    row["wave_count"] = sum(p.name == "wave" for percepts in began for p in percepts)
    for name in _NAMES:
        row[name] = float(np.mean([any(p.name == name for p in percepts) for percepts in began]))
    if content in GROUPS["wave"]:
        waves = [[p for p in percepts if p.name == "wave"] for percepts in began]
        row["times"] = [len(w) for w in waves]
        row["began"] = [round(w[0].t_us / 1e6, 3) for w in waves if w]
        row["missed"] = [sample.clip.name for (sample, _), w in zip(seen, waves, strict=True) if not w]
        if content in _SIDES:
            ends = [[p for p in percepts if p.name == "wave" and p.phase == "ended"] for _, percepts in seen]
            row["sides"] = [e[0].side == _SIDES[content] for e in ends if e]
            row["before_down"] = [
                round(down - e[-1].t_us / 1e6, 3)
                for (sample, _), e in zip(seen, ends, strict=True)
                if e and (down := _hand_down_s(sample.clip)) is not None
            ]
    elif content not in GROUPS["wave"]:
        row["alarms"] = [
            sample.clip.name
            for (sample, _), percepts in zip(seen, began, strict=True)
            if any(p.name == "wave" for p in percepts)
        ]
    return row


def _group(name: str, contents: dict[str, dict]) -> dict:
    rows = [contents[c] for c in GROUPS[name] if c in contents]
    clips = sum(r["clips"] for r in rows)
    out: dict = {"clips": clips}
    out["wave_a_minute"] = sum(r["wave_count"] for r in rows) / max(sum(r["minutes"] for r in rows), 1e-9)
    for key in _NAMES:
        out[key] = sum(r[key] * r["clips"] for r in rows) / max(clips, 1)
    if name == "wave" and clips:
        out["times_a_clip"] = float(np.mean(np.concatenate([r["times"] for r in rows])))
        out["began_s"] = _spread([b for r in rows for b in r["began"]])
        out["side_right"] = float(np.mean([s for r in rows for s in r.get("sides", [])] or [np.nan]))
        out["ended_before_down_s"] = _spread([s for r in rows for s in r.get("before_down", [])])
    return out


def _spread(values: list[float]) -> dict[str, float]:
    if not values:
        return {}
    return {f"p{q}": round(float(np.percentile(values, q)), 2) for q in (5, 50, 95)}


def _hand_down_s(clip: Clip) -> float | None:
    """Return when the last hand that was up hangs again for good, or None when one stays up to the end."""
    clip = resample(clip)
    t_us = np.arange(clip.frames, dtype=np.int64) * 1_000_000 // 30
    validity = np.full((clip.frames, JOINT_COUNT), MEASURED, dtype=np.uint8)
    frames = body_frames(t_us, clip.root_m, clip.rotations, validity)
    up = [max(f.left.over_shoulder_m, f.right.over_shoulder_m) > _DOWN_M for f in frames]
    last = max((i for i, high in enumerate(up) if high), default=-1)
    return (last + 1) / 30 if -1 < last < clip.frames - 1 else None

"""`solami eval perception`: what is seen of labelled clips in styles that no threshold was chosen on."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from solami.perception.evaluate import Sample

__all__ = ["perception"]

_AIMS = (
    ("wave", "wave", "held-out waves", "at least 90 % (body), 80 % (three points)"),
    ("bow", "bow", "held-out bows", "at least 80 % (body)"),
    ("walk", "wave", "waves seen in walk, turn, run", "at most 5 %"),
    ("raise", "wave", "waves seen in raised hands", "at most 10 %"),
)
_TREMOR_RAD = 0.004


def perception(
    data: Annotated[Path, typer.Option(envvar="SOLAMI_DATA", help="Folder with motion/bandai*.tar.xz.")],
    each: Annotated[int, typer.Option(help="Clips of each content and style; 0 for all.", min=0)] = 3,
    out: Annotated[Path, typer.Option(help="JSON file.")] = Path("runs/eval-perception.json"),
) -> None:
    """How well movement is seen: waves, bows, false alarms; with the whole body and from head and wrists alone.

    \b
    solami eval perception --data data
    """
    import json

    from solami.cli.console import console, fail_politely
    from solami.perception.evaluate import evaluate

    with fail_politely():
        with console.status("reading clips"):
            samples = list(_held_out(data, each))
        report: dict[str, Any] = {}
        for name in ("body", "three points"):
            with console.status(f"{len(samples)} clips, {name}"):
                report[name] = evaluate(samples, only_three=name != "body")["held_out"]
        report["authored"] = _authored()
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(report, indent=1) + "\n", encoding="utf-8")
    console.print(_table(report))
    console.print(f"written: {out}", markup=False)


def _held_out(data: Path, each: int) -> Iterator["Sample"]:
    """Yield clips of the styles that perception was not tuned on."""
    import tarfile
    import tempfile

    from solami.perception.evaluate import CHOSEN_ON, Sample
    from solami_datasets.bandai import open_subset, parse_name
    from solami_protocol.errors import InputError
    from solami_tokenizers.motion import read_motion

    archives = [data / "motion" / name for name in ("bandai2_subset.tar.xz", "bandai1.tar.xz")]
    for path in archives:
        if not path.is_file():
            raise InputError(f"{path}: not found; point --data at the folder that holds motion/{path.name}")
    taken: dict[tuple[str, str], int] = {}

    def wanted(text: str) -> bool:
        name = parse_name(text)
        if name.style in CHOSEN_ON:
            return False
        key = (name.content, name.style)
        taken[key] = taken.get(key, 0) + 1
        return each == 0 or taken[key] <= each

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "clip.bvh"
        with open_subset(archives[0]) as subset:
            for text in filter(wanted, subset.names):
                path.write_text(subset.bvh(text))
                yield Sample(parse_name(text).content, parse_name(text).style, read_motion(path))
        with tarfile.open(archives[1]) as tar:
            for member in tar:
                stem = Path(member.name).stem
                if member.isfile() and member.name.endswith(".bvh") and wanted(stem):
                    file = tar.extractfile(member)
                    assert file is not None
                    path.write_bytes(file.read())
                    yield Sample(parse_name(stem).content, parse_name(stem).style, read_motion(path))


def _authored() -> dict[str, dict[str, float]]:
    """Return how many of the nods and shakes that our characters make are seen, and what else, under tremor."""
    import numpy as np

    from solami.behaviour import Performance, Style
    from solami.perception.evaluate import perceive_clip
    from solami_protocol import quaternions as q
    from solami_tokenizers.motion import Clip

    rows = {}
    for name in ("nod", "shake", "talk"):
        seen = []
        for seed in range(20):
            performance = Performance(Style(energy=0.7 + 0.03 * seed), seed=seed)
            if name == "talk":
                for k, beat in enumerate(("beat_right", "beat_left", "open_palms")):
                    performance.cue(beat, 1200.0 + 900 * k)
            else:
                performance.cue(name, 1500.0)
            root_m, rotations = performance.render(4500.0)
            tremor = np.random.default_rng(seed).normal(scale=_TREMOR_RAD, size=(*rotations.shape[:2], 3))
            shaken = q.multiply(rotations, q.from_rotvec(tremor)).astype(np.float32)
            seen.append({p.name for p in perceive_clip(Clip(name=name, root_m=root_m, rotations=shaken, fps=30.0))})
        rows[name] = {act: float(np.mean([act in s for s in seen])) for act in ("nod", "shake", "wave", "bow")}
    return rows


def _table(report: dict[str, Any]) -> Any:
    from rich.table import Table

    table = Table(title="movement seen, styles that no threshold was chosen on")
    for column in ("what", "clips", "whole body", "head and wrists", "aim"):
        table.add_column(column, justify="right" if column not in ("what", "aim") else "left")
    body, three = (report[name]["groups"] for name in ("body", "three points"))
    for group, act, text, aim in _AIMS:
        if group == "bow":
            rows = [report[name]["contents"].get("bow", {"clips": 0, "bow": 0.0}) for name in ("body", "three points")]
        else:
            rows = [side.get(group, {"clips": 0, act: 0.0}) for side in (body, three)]
        table.add_row(text, str(rows[0]["clips"]), f"{rows[0][act]:.0%}", f"{rows[1][act]:.0%}", aim)
    talk = [side["talk"]["wave_a_minute"] for side in (body, three)]
    clips = str(body["talk"]["clips"])
    table.add_row("waves a minute of talking clips", clips, f"{talk[0]:.2f}", f"{talk[1]:.2f}", "at most 1")
    for name, row in report["authored"].items():
        what = "authored talk: any of these" if name == "talk" else f"authored {name}s, with tremor"
        value = max(row.values()) if name == "talk" else row[name]
        table.add_row(what, "20", f"{value:.0%}", "", "")
    return table

"""`solami bench tokenizer`: tokenizers side by side, and against what needs no training."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from solami_tokenizers.encoding import Encoding

if TYPE_CHECKING:
    from rich.table import Table

    from solami.cli.tokenizer_aims import Aim
    from solami_tokenizers.motion.motion_data import MotionData

__all__ = ["tokenizer"]

ROWS = {
    "ours_512": "body-512",
    "ours_largest": "body-large",
    "ours_residual": "body-residual",
    "solami_mode": "body-solami",
    "solami_net_our_features": "body-solami-net",
    "solami_own_width": "body-solami-wide",
}
_OURS = ("ours_512", "ours_largest", "ours_residual")
_ALSO: tuple[Encoding, ...] = ("open", "search")
"""Other ways to encode than the one that is used when nothing is said; each ends the name of a row of its own."""
_SEEDS = ("body-512-seed0", "body-512-seed1", "body-512-seed2")
_SEAMS = 12
_HEADLINE = "unseen_takes"
_SHOWN = (
    "mpjpe_mm",
    "pa_mpjpe_mm",
    "wrist_mm",
    "jitter_ratio",
    "energy_ratio",
    "foot_skate_cm_s",
    "code_usage",
    "entropy",
    "bits_per_s",
    "encode_fps",
    "encode_64_load",
    "decode_fps",
    "first_chunk_ms",
    "stream_error_mm",
    "border_step_mm",
    "seam_pose_ratio",
    "seam_velocity_ratio",
    "drift_60s_m",
    "token_line",
    "train_fps",
    "train_memory_mb",
    "lookahead_frames",
    "params",
)


def tokenizer(
    out: Annotated[Path, typer.Option(help="JSON file.")] = Path("runs/bench-tokenizer.json"),
    data: Annotated[Path, typer.Option(help="A prepared collection, or a .npz.")] = Path("runs/data/motion"),
    runs: Annotated[Path, typer.Option(help="Folder of trainings; those that are not there ship.")] = Path(
        "runs/tokenizer"
    ),
    row: Annotated[
        list[str] | None,
        typer.Option(help="NAME=FOLDER: one more row, or another tokenizer for one; NAME_open: encoded so."),
    ] = None,
    only: Annotated[str, typer.Option(help="Rows, by commas; all that are found if not given.")] = "",
    baselines: Annotated[bool, typer.Option(help="Also the mean pose, held poses, nearest motion.")] = True,
    training_s: Annotated[float, typer.Option(help="Time each training for so long; 0: not.", min=0)] = 12.0,
    configs: Annotated[Path, typer.Option(help="Folder of the trainings' settings.")] = Path("configs/tokenizer"),
) -> None:
    """Motion tokenizers on clips that none was trained on: error, motion, codes, speed, streaming.

    Rows that end in _open are those of the encoder alone, in _search of the longer search; these take most of the time.
    Name the others with --only to leave them out.

    \b
    solami bench tokenizer --out runs/bench-tokenizer.json
    """
    import json
    from dataclasses import asdict

    from solami.cli.console import console, fail_politely
    from solami.cli.tokenizer import load_data
    from solami.cli.tokenizer_aims import aims
    from solami_protocol.errors import InputError

    with fail_politely():
        named = dict(part.partition("=")[::2] for part in row or ())
        wanted = [r.strip() for r in only.split(",") if r.strip()]
        folders = {k: v for k, v in _rows(runs, named).items() if not wanted or k in wanted}
        if not folders:
            raise InputError(f"no tokenizer of {', '.join(wanted or ROWS)} in {runs}, and none ships; train one first")
        motion = load_data(data)
        figures = _measure(folders, motion, baselines)
        if training_s:
            _time_training(figures["rows"], motion, configs, training_s)
        held = aims(figures["rows"])
        figures["aims"] = [asdict(aim) for aim in held]
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(figures, indent=1) + "\n")
        console.print(_table(figures))
        console.print(_aims_table(held))
        console.print(f"written: {out}", markup=False)


def _rows(runs: Path, named: dict[str, str]) -> dict[str, str]:
    """Return which tokenizer stands for each row: named by hand, trained here, or shipped."""
    from solami_tokenizers.motion.tokenizer_folder import shipped_names

    shipped = shipped_names()
    out: dict[str, str] = {}
    for row, name in {**ROWS, **{f"ours_512_{s.rsplit('-', 1)[1]}": s for s in _SEEDS}}.items():
        trained = runs / name / "best"
        if (trained / "config.json").exists():
            out[row] = str(trained)
        elif name in shipped:
            out[row] = name
    out |= named
    return out | {f"{row}_{how}": out[row] for row in _OURS if row in out for how in _ALSO} | named


def _measure(folders: dict[str, str], data: "MotionData", baselines: bool) -> dict[str, Any]:
    import numpy as np
    from rich.progress import track

    from solami.cli.console import errors
    from solami.headset.talk import machine, versions
    from solami_tokenizers.motion.baselines import BASELINES, evaluate_baseline
    from solami_tokenizers.motion.evaluation import clips_of, evaluate
    from solami_tokenizers.motion.speed import minute_figures, seam_figures, speed, stream_figures
    from solami_tokenizers.motion.tokenizer import MotionTokenizer

    splits = sorted({clip.split for clip in data.clips if not clip.split.endswith(("train", "validation"))})
    rows: dict[str, Any] = {}
    for row in track(folders, description="judging", console=errors):
        other = next((how for how in _ALSO if row.endswith(f"_{how}")), None)
        made = MotionTokenizer.from_pretrained(folders[row], encoding=other)
        by_split = {split: evaluate(made, data, split) for split in splits}
        clips = [clip for clip in clips_of(data, data.of(_HEADLINE)) if clip.frames > 8]
        features = [made.features_of(clip) for clip in clips]
        minutes = np.concatenate(features)
        minutes = np.tile(minutes, (-(-3600 // len(minutes)), 1))[:3600]
        rows[row] = {
            **by_split[_HEADLINE],
            "bits_per_s": 7.5 * made.quantiser.bits,
            "encoding": made.encoding,
            **speed(made, minutes),
            **minute_figures(made, minutes[:1800]),
            "lookahead_frames": made.look_ahead_frames,
            "params": made.parameters_count,
            "tokenizer": Path(folders[row]).parent.name if "/" in folders[row] else folders[row],
            "splits": by_split,
        }
        if other is None:  # what follows decodes, which is the same
            seams = seam_figures(made, clips[:: max(1, len(clips) // _SEAMS)])
            rows[row] |= seams | stream_figures(made, max(features, key=len))
    for name in BASELINES if baselines else ():
        found = evaluate_baseline(name, data, splits)
        rows[name] = {**found[_HEADLINE], "splits": found}
    return {
        "machine": machine() | {"threads": 1},
        "versions": versions("solami", "torch", "numpy", "vector-quantize-pytorch"),
        "rows": rows,
    }


def _time_training(rows: dict[str, Any], data: "MotionData", configs: Path, seconds: float) -> None:
    """Put the speed and memory of the trainings that the ratio is about into their rows."""
    import tempfile
    from dataclasses import replace

    from solami_protocol.settings import load_settings
    from solami_tokenizers.motion.trainer_config import TrainSettings
    from solami_tokenizers.motion.training_speed import compare_training

    files: dict[str, Path] = {row: configs / f"{ROWS[row]}.yaml" for row in ("ours_512", "solami_mode") if row in rows}
    plain = {"solami_mode": ("precision=fp32",)}  # as SOLAMI trains
    known = {
        row: load_settings(TrainSettings, "train", file, plain.get(row, ()))
        for row, file in files.items()
        if file.exists()
    }
    with tempfile.TemporaryDirectory(prefix="solami-bench-") as folder:
        path = Path(folder) / "motion.npz"
        replace(data, hands=None).save(path)
        for row, found in compare_training(known, path, seconds).items():
            rows[row] |= found


def _table(figures: dict[str, Any]) -> "Table":
    from rich.table import Table

    rows = figures["rows"]
    table = Table(title=f"motion tokenizers on '{_HEADLINE}'")
    table.add_column("figure")
    for name in rows:
        table.add_column(name, justify="right", overflow="fold")
    for figure in _SHOWN:
        table.add_row(figure, *(_number(row.get(figure)) for row in rows.values()))
    others = [s for s in next(iter(rows.values()))["splits"] if s != _HEADLINE]
    for split in others:
        table.add_row(f"mpjpe_mm, {split}", *(_number(row["splits"][split]["mpjpe_mm"]) for row in rows.values()))
    return table


def _aims_table(held: "list[Aim]") -> "Table":
    from rich.table import Table

    table = Table(title="what must hold")
    for column in ("what", "measured", "limit", ""):
        table.add_column(column, overflow="fold")
    for aim in held:
        table.add_row(aim.what, _number(aim.value), aim.limit, "held" if aim.held else "[red]missed[/red]")
    return table


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"

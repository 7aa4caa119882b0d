"""`solami tokenizer bank`: recorded gestures as codes, for characters."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from solami_tokenizers.encoding import Encoding

if TYPE_CHECKING:
    from collections.abc import Callable

    import numpy as np

    from solami_tokenizers.motion.gesture_bank import BankedGesture

__all__ = ["app"]

_FASTEST_DEG_S = 700.0  # of an arm's joint; the performance slows down what is faster than 620
_MOST_INSIDE = 0.01  # share of the hands' vertices, as for the authored gestures
_STROKE_AT_MS = 1500.0

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Recorded gestures as codes.")


@app.callback()
def _group() -> None:
    """Recorded gestures as codes."""


@app.command()
def build(
    name: Annotated[str, typer.Argument(help="A body tokenizer that ships, or a folder.")] = "body-residual",
    data: Annotated[Path, typer.Option(help="A prepared collection.")] = Path("runs/data/motion"),
    out: Annotated[Path | None, typer.Option(help="The file; default: where the one that ships lies.")] = None,
    called: Annotated[str, typer.Option(help="How the bank calls the tokenizer; default: its own name.")] = "",
    worst_mm: Annotated[float, typer.Option(help="Leave out gestures given back worse than this.")] = 30.0,
    encoding: Annotated[
        Encoding, typer.Option(help="How the chosen ones are encoded: open, closed or search (the nearest).")
    ] = "search",
) -> None:
    """Find gestures in recordings, choose calm to lively ones, and write their codes with their stroke times.

    \b
    solami tokenizer bank build body-residual --data runs/data/motion
    """
    from rich.progress import Progress

    from solami.cli.console import console, errors, fail_politely
    from solami.cli.tokenizer import load_data

    with fail_politely(), Progress(console=errors, transient=True) as bar:
        from solami_datasets.gesture_phrases import bank_gestures
        from solami_protocol.skeleton import FPS
        from solami_tokenizers.motion.gesture_bank import GestureBank, bank_file, weights_mark, write_bank
        from solami_tokenizers.motion.tokenizer import MotionTokenizer

        task = bar.add_task("encoding", total=None)
        motion = load_data(data)
        tokenizer = MotionTokenizer.from_pretrained(name, encoding=encoding)
        gestures = bank_gestures(
            tokenizer,
            motion,
            worst_mm,
            _fit_for_a_character(name),
            progress=lambda done, total: bar.update(task, completed=done, total=total),
        )
        clips = {g.clip for g in gestures}
        used = {(clip.source, clip.licence) for clip in motion.clips if clip.name in clips}
        bank = GestureBank(
            tokenizer=called or _plain(name),
            weights_sha256=weights_mark(name),
            licence="; ".join(sorted({licence for _, licence in used})),
            sources=tuple(sorted(source for source, _ in used)),
            gestures=gestures,
        )
        path = out or bank_file()
        write_bank(path, bank)
    for gesture in gestures:
        at_s, long_s = (gesture.stroke - gesture.first) / FPS, (gesture.last - gesture.first) / FPS
        console.print(
            f"{gesture.name:12s} {gesture.clip:52s} {long_s:4.1f} s, stroke at {at_s:.2f} s, "
            f"hands {gesture.speed_m_s:.2f} m/s, {gesture.error_mm:.1f} mm, reach {gesture.reach:.2f}",
            markup=False,
            soft_wrap=True,
        )
    console.print(f"{len(gestures)} gestures: {path} ({path.stat().st_size / 1024:.0f} kB)", markup=False)


def _plain(name: str) -> str:
    path = Path(name)
    return path.parent.name if path.name == "best" else path.name


def _fit_for_a_character(name: str) -> "Callable[[BankedGesture], bool]":
    """Return whether a gesture, as the avatar plays it, keeps its hands out of the torso and is not hectic."""
    import numpy as np

    from solami.behaviour.recorded import recorded_gesture
    from solami.headset.avatar.touch import recorded_touch
    from solami_tokenizers.motion.numpy_decoder import NumpyDecoder

    decoder = NumpyDecoder.from_pretrained(name)

    def fit(entry: "BankedGesture") -> bool:
        made = recorded_gesture(entry.name, entry.decode(decoder), entry.stroke - entry.first, entry.speed_m_s)
        if np.degrees(made.curve.fastest_rad_per_ms) * 1000 > _FASTEST_DEG_S:
            return False
        touch = recorded_touch(made, every=3)
        return touch.worst_inside <= _MOST_INSIDE * touch.vertices

    return fit


@app.command()
def show(
    out: Annotated[Path, typer.Option(help="PNG: each gesture as the avatar plays it, the authored one below.")] = Path(
        "runs/bank.png"
    ),
    bank: Annotated[Path | None, typer.Option(help="The file; default: the one that ships.")] = None,
    tokenizer: Annotated[str | None, typer.Option(help="Folder of its weights, if they do not ship.")] = None,
    only: Annotated[str, typer.Option(help="Gestures, by commas.")] = "",
) -> None:
    """Draw recorded gestures in the character's body, seen from the front, with the authored ones that they replace."""
    import numpy as np

    from solami.behaviour import GESTURES, Performance
    from solami.behaviour.recorded import load_recorded
    from solami.cli.console import console, fail_politely
    from solami_datasets.filmstrip import CELL_H, film_strip, write_png
    from solami_protocol.errors import InputError
    from solami_protocol.skeleton import FPS
    from solami_tokenizers.motion.clip import Clip
    from solami_tokenizers.motion.gesture_bank import bank_file

    def strip(performance: Performance, name: str, until_ms: float) -> "np.ndarray":
        performance.cue(name, _STROKE_AT_MS)
        root_m, rotations = performance.render(until_ms)
        return film_strip(Clip(name=name, root_m=root_m, rotations=rotations, fps=float(FPS)))[:CELL_H]

    with fail_politely():
        found = load_recorded(bank or bank_file(), tokenizer)
        wanted = [name.strip() for name in only.split(",") if name.strip()] or sorted(found)
        unknown = [name for name in wanted if name not in found]
        if unknown:
            raise InputError(f"no recorded gesture {', '.join(unknown)}; there are {', '.join(sorted(found))}")
        rows = []
        for name in wanted:
            until_ms = _STROKE_AT_MS + max(one.last_ms - one.stroke_ms for one in found[name]) + 700
            rows += [strip(Performance(seed=1, recorded={name: (one,)}), name, until_ms) for one in found[name]]
            if name in GESTURES:
                rows.append(strip(Performance(seed=1), name, until_ms))
            console.print(f"{name}: {len(found[name])} recorded{', then authored' if name in GESTURES else ''}")
        out.parent.mkdir(parents=True, exist_ok=True)
        write_png(out, np.concatenate(rows))
        console.print(f"written: {out}", markup=False)

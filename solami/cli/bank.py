"""`solami tokenizer bank`: recorded gestures as codes, for characters."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

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
        tokenizer = MotionTokenizer.from_pretrained(name)
        gestures = bank_gestures(
            tokenizer, motion, worst_mm, lambda done, total: bar.update(task, completed=done, total=total)
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
            f"hands {gesture.speed_m_s:.2f} m/s, {gesture.error_mm:.1f} mm",
            markup=False,
            soft_wrap=True,
        )
    console.print(f"{len(gestures)} gestures: {path} ({path.stat().st_size / 1024:.0f} kB)", markup=False)


def _plain(name: str) -> str:
    path = Path(name)
    return path.parent.name if path.name == "best" else path.name

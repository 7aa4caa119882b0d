"""`solami data`: author, prepare, diagnose and show motion."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from solami_tokenizers.motion.clip import Clip
    from solami_tokenizers.motion.smplx_npz import Up

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Prepare motion and dialogue data.")


@app.callback()
def _group() -> None:
    """Prepare motion and dialogue data."""


@app.command()
def unpack(
    source: Annotated[Path, typer.Argument(help="bandai2_subset.tar.xz, or the folder that it unpacks to.")],
    out: Annotated[Path, typer.Argument(help="Folder for the BVH files; made if missing.")],
    content: Annotated[str, typer.Option(help="Only clips of this content, e.g. wave-right-hand.")] = "",
    style: Annotated[str, typer.Option(help="Only clips of this style, e.g. normal.")] = "",
) -> None:
    """Write the packed Bandai subset as BVH files, one a clip."""
    from rich.progress import track

    from solami.cli.console import console, errors, fail_politely
    from solami_datasets.bandai import open_subset, parse_name
    from solami_protocol.errors import InputError

    with fail_politely(), open_subset(source) as subset:
        names = [
            name
            for name in subset.names
            if content in ("", parse_name(name).content) and style in ("", parse_name(name).style)
        ]
        if not names:
            raise InputError(f"{source}: no clip of content '{content}' and style '{style}'")
        try:
            out.mkdir(parents=True, exist_ok=True)
            for name in track(names, description="unpacking", console=errors):
                (out / f"{name}.bvh").write_text(subset.bvh(name))
        except OSError as exc:
            raise InputError(f"{out}: cannot be written: {exc.strerror}") from exc
        console.print(f"{len(names)} BVH files in {out}")


@app.command()
def author(
    out: Annotated[Path, typer.Argument(help="Folder for the takes (npz) and their clips.json.")],
    minutes: Annotated[float, typer.Option(help="How long they last together.", min=0.1)] = 32.0,
    seed: Annotated[int, typer.Option(help="Another seed gives other takes.")] = 0,
) -> None:
    """Make takes of idle life, beats and gestures from the authored set; `prepare` reads them as authored motion.

    \b
    solami data author runs/data/authored
    """
    import json
    import shutil

    from rich.progress import track

    from solami.behaviour.practice import TAKE_S, practice_takes
    from solami.cli.console import console, errors, fail_politely
    from solami_protocol.errors import InputError
    from solami_protocol.skeleton import FPS
    from solami_tokenizers.motion.clip import Clip
    from solami_tokenizers.motion.smplx_npz import write_smplx_npz

    with fail_politely():
        staging = out.with_name(out.name + ".part")
        if out.exists() and not (out / "clips.json").exists():
            raise InputError(f"{out}: exists and holds no clips.json, so it is not replaced; choose another folder")
        entries: list[dict[str, Any]] = []
        try:
            shutil.rmtree(staging, ignore_errors=True)
            staging.mkdir(parents=True)
            takes = practice_takes(minutes, seed)
            for take in track(takes, "authoring", minutes * 60 / TAKE_S, console=errors):
                clip = Clip(name=take.name, root_m=take.root_m, rotations=take.rotations, fps=float(FPS))
                write_smplx_npz(staging / f"{take.name}.npz", clip)
                labels = {"content": take.content, "style": take.style, "gestures": " ".join(take.gestures)}
                entries.append(
                    {"clip": take.name, "take": take.name, "fps": FPS, "frames": clip.frames, "labels": labels}
                )
            (staging / "clips.json").write_text(json.dumps(entries, indent=1) + "\n")
            shutil.rmtree(out, ignore_errors=True)
            staging.rename(out)
        except OSError as exc:
            raise InputError(f"{out}: cannot be written: {exc.strerror or exc}") from exc
    seconds = sum(int(entry["frames"]) for entry in entries) / FPS
    console.print(f"{len(entries)} authored takes, {seconds / 60:.1f} minutes, in {out}", markup=False)


@app.command()
def prepare(
    config: Annotated[Path, typer.Argument(help="Recipe, e.g. configs/data/motion.yaml.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, e.g. processes=1.")] = None,
    replace: Annotated[bool, typer.Option(help="Build anew and replace what stands there.")] = False,
) -> None:
    """Check recordings, bring them to 30 frames a second and write them as a collection that training reads.

    \b
    solami data prepare configs/data/motion.yaml
    solami data prepare configs/data/motion.yaml out=runs/data/mine processes=1
    """
    from rich.progress import Progress

    from solami.cli.console import console, errors, fail_politely
    from solami.cli.tables import collection_table
    from solami_datasets.recipe import Recipe
    from solami_protocol.settings import load_settings

    with fail_politely(), Progress(console=errors) as bar:
        from solami_datasets.prepare import prepare as prepare_collection

        task = bar.add_task("starting", total=None)

        def progress(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total or None, description=what[:48])

        recipe = load_settings(Recipe, "data", config, overrides or ())
        made = prepare_collection(recipe, replace=replace, progress=progress)
    console.print(collection_table(made.info))
    state = "was up to date" if made.already_done else "written"
    console.print(f"{state}: {made.out}; remarks on files: {made.out / 'report.txt'}", markup=False)


@app.command()
def doctor(
    path: Annotated[Path, typer.Argument(help="A motion file, a folder of them, or a prepared collection.")],
    picture: Annotated[Path | None, typer.Option(help="PNG film strip; default: NAME.doctor.png in runs/.")] = None,
    fps: Annotated[float | None, typer.Option(help="For files that state no frame rate (AMC).")] = None,
    up: Annotated[str | None, typer.Option(help="y or z; found from the body when left out.")] = None,
) -> None:
    """Say in plain words what is wrong with motion, and draw it. Exits with 1 when it cannot be used.

    \b
    solami data doctor clip.bvh
    solami data doctor runs/data/motion
    """
    from rich.progress import Progress

    from solami.cli.console import console, errors, fail_politely
    from solami_datasets.filmstrip import film_strip, stacked, write_png

    with fail_politely(), Progress(console=errors, transient=True) as bar:
        from solami_datasets.diagnosis import diagnose

        task = bar.add_task("reading", total=None)
        found = diagnose(path, fps, _up(up), lambda done, total: bar.update(task, completed=done, total=total))
        drawn = None
        if found.pictures:
            drawn = picture or Path("runs") / f"{path.resolve().stem}.doctor.png"
            _write(drawn, lambda: write_png(drawn, stacked([film_strip(clip, valid=v) for clip, v in found.pictures])))
    colours = {"good": "green", "note": "default", "warning": "yellow", "fault": "red"}
    for line in found.lines:
        console.print(f"{line.level:8s} {line.text}", style=colours[line.level], markup=False, soft_wrap=True)
    if drawn is not None:
        console.print(f"picture: {drawn} ({', '.join(clip.name for clip, _ in found.pictures)})", markup=False)
    if not found.healthy:
        raise typer.Exit(1)


@app.command()
def show(
    clip: Annotated[str, typer.Argument(help="A motion file, or a clip's name in a collection.")],
    collection: Annotated[Path, typer.Option(help="The collection of a name.")] = Path("runs/data/motion"),
    out: Annotated[
        Path | None, typer.Option(help="NAME.html (moving, on the avatar) or NAME.png (film strip).")
    ] = None,
    fps: Annotated[float | None, typer.Option(help="For files that state no frame rate (AMC).")] = None,
    up: Annotated[str | None, typer.Option(help="y or z; found from the body when left out.")] = None,
) -> None:
    """Show a clip: a self-contained page on the avatar, or a film strip.

    \b
    solami data show bandai1/dataset-1_bow_normal_001
    solami data show clip.bvh --out clip.png
    """
    from solami.cli.console import console, fail_politely
    from solami_datasets.filmstrip import film_strip, write_png
    from solami_datasets.reading import read_file
    from solami_protocol.errors import InputError
    from solami_tokenizers.motion.resample import resample

    with fail_politely():
        if Path(clip).is_file():
            moving, valid, about = resample(read_file(Path(clip), fps, _up(up))), None, clip
        else:
            from solami_datasets.collection import Collection
            from solami_datasets.diagnosis import clip_of_row

            row = Collection.open(collection).row(clip)
            moving, valid = clip_of_row(row)
            about = next(iter(row["captions"]), row["name"])
        target = out or Path("runs") / f"{Path(clip).stem}.html"
        match target.suffix.lower():
            case ".png":
                _write(target, lambda: write_png(target, film_strip(moving, valid=valid)))
            case ".html":
                _write(target, lambda: _page(target, moving, about))
            case other:
                raise InputError(f"{target}: '{other}' cannot be written; expected .html or .png")
    console.print(f"{moving.duration_s:.1f} s: {target}", markup=False)


def _up(up: str | None) -> "Up | None":
    from solami_protocol.errors import InputError

    match up:
        case None | "y" | "z":
            return up
    raise InputError(f"--up {up}: expected y or z")


def _write(path: Path, work: Callable[[], None]) -> None:
    from solami_protocol.errors import InputError

    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        work()
    except OSError as exc:
        raise InputError(f"{path}: cannot be written: {exc.strerror or exc}") from exc


def _page(path: Path, clip: "Clip", about: str) -> None:
    import numpy as np

    from solami.headset.avatar import build_glb
    from solami.headset.page import PageCaption, TurnPage, write_turn_page

    rate = 8000
    page = TurnPage(
        character=clip.name,
        audio=np.zeros(int(clip.duration_s * rate), dtype=np.int16),
        audio_rate=rate,
        root=clip.root_m,
        rotations=clip.rotations,
        face=np.zeros((clip.frames, 52), dtype=np.float32),
        avatar_glb=build_glb(),
        captions=(PageCaption(0.0, clip.duration_s * 1000, "character", about),),
        numbers={"seconds": round(clip.duration_s, 2), "frames": clip.frames},
    )
    write_turn_page(path, page)

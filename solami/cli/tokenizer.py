"""`solami tokenizer`: train, judge and use motion tokenizers."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from solami.cli import bank
from solami_tokenizers.encoding import Encoding

if TYPE_CHECKING:
    import numpy as np

    from solami_tokenizers.motion.motion_data import MotionData
    from solami_tokenizers.motion.tokenizer import MotionTokenizer

__all__ = ["app"]

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Motion tokenizers: train, eval, encode, decode.")
app.add_typer(bank.app, name="bank", help="Recorded gestures as codes, for characters.")
_Name = Annotated[str, typer.Argument(help="A tokenizer that ships (body-512) or the folder of one.")]
_Data = Annotated[Path, typer.Option(help="A prepared collection, or a .npz of motion data.")]
_HOW = (
    "open: the encoder alone, fastest; closed: of the codes near by, the one whose motion is nearest; search: look "
    "further, for motion unlike the recordings. Default: closed where the tokenizer can, else open."
)
_Encoding = Annotated[Encoding | None, typer.Option(help=_HOW)]
_COLLECTION = Path("runs/data/motion")
_PIECE = 60  # frames that are encoded before the bar moves on


@app.callback()
def _group() -> None:
    """Train, judge and use motion tokenizers."""


def load_data(path: Path, hands: bool = False) -> "MotionData":
    """Return the motion data of a prepared collection or a `.npz`; raises InputError that names the file."""
    from solami_datasets.collection import Collection
    from solami_tokenizers.motion.motion_data import MotionData

    if path.suffix == ".npz":
        return MotionData.load(path)
    return Collection.open(path).motion_data(hands=hands)


@app.command()
def train(
    config: Annotated[Path, typer.Argument(help="YAML file, e.g. configs/tokenizer/body-512.yaml.")],
    overrides: Annotated[
        list[str] | None, typer.Argument(help="key=value, e.g. steps=500 tokenizer.width=128.")
    ] = None,
    resume: Annotated[bool, typer.Option(help="Go on from the last checkpoint.")] = False,
    replace: Annotated[bool, typer.Option(help="Start anew where a checkpoint exists.")] = False,
    overfit_batch: Annotated[bool, typer.Option(help="Learn one batch by heart: does it learn at all?")] = False,
) -> None:
    """Train a tokenizer. Ctrl-C saves and ends; `--resume` goes on exactly there.

    \b
    solami tokenizer train configs/tokenizer/body-512.yaml minutes=60
    solami tokenizer train configs/tokenizer/tune.yaml start=body-residual data=runs/data/mine name=mine
    """
    import signal

    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from solami.cli.console import console, errors, fail_politely
    from solami_protocol.errors import InputError
    from solami_protocol.settings import load_settings
    from solami_tokenizers.motion.fine_tuning import begun_settings
    from solami_tokenizers.motion.model_card import write_card
    from solami_tokenizers.motion.trainer_config import TrainSettings
    from solami_tokenizers.motion.training import LAST, LOG, Trainer
    from solami_tokenizers.motion.training import Progress as Step

    stopping: list[int] = []
    with fail_politely():
        settings = begun_settings(load_settings(TrainSettings, "train", config, overrides or ()))
        last = settings.folder / LAST
        if last.exists() and not (resume or replace):
            raise InputError(f"{last} exists: go on with --resume, or start anew with --replace")
        data = load_data(settings.data, hands=settings.tokenizer.features == "hand")
        trainer = Trainer(settings, data, overfit=overfit_batch)
        if resume:
            trainer.resume()
        else:
            trainer.team.wait()  # each has seen that there is no checkpoint
            (settings.folder / LOG).unlink(missing_ok=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        # the first Ctrl-C ends after the step in hand, so that what is saved is whole
        before = signal.signal(signal.SIGINT, lambda number, _: stopping.append(number))
        try:
            with Progress(*columns, console=errors, disable=not trainer.team.is_first) as bar:
                task = bar.add_task(settings.name, total=1000, completed=round(1000 * trainer.share))

                def report(at: Step) -> None:
                    text = f"{settings.name} step {at.step} loss {at.figures['loss']:.3f}"
                    bar.update(
                        task, completed=round(1000 * at.share), description=f"{text} {at.figures['steps_per_s']:.1f}/s"
                    )

                done = trainer.run(report, stop=lambda: bool(stopping))
        finally:
            signal.signal(signal.SIGINT, before)
        if not trainer.team.is_first:
            return
        if not done:
            console.print(f"stopped at step {trainer.step} and saved; go on with --resume", markup=False)
            raise typer.Exit(130)
        folder = settings.folder / "best"
        figures = write_card(folder, settings, data, trainer.trained_s)
        console.print(f"done: {folder}, validation {figures['mpjpe_mm']:.1f} mm", markup=False)


@app.command("eval")
def evaluate_(
    name: _Name,
    data: _Data = _COLLECTION,
    splits: Annotated[str, typer.Option(help="Splits, by commas; all but those to train on if not given.")] = "",
    encoding: _Encoding = None,
    out: Annotated[Path | None, typer.Option(help="JSON file for the figures.")] = None,
) -> None:
    """Judge a tokenizer on clips that it was not trained on; one column a split."""
    import json

    from rich.progress import track
    from rich.table import Table

    from solami.cli.console import console, errors, fail_politely
    from solami_tokenizers.motion.evaluation import evaluate
    from solami_tokenizers.motion.hands import evaluate_hands
    from solami_tokenizers.motion.tokenizer import MotionTokenizer

    with fail_politely():
        tokenizer = MotionTokenizer.from_pretrained(name, encoding=encoding)
        hands = tokenizer.settings.features == "hand"
        motion = load_data(data, hands=hands)
        known = sorted({clip.split for clip in motion.clips if not clip.split.endswith("train")})
        wanted = [s.strip() for s in splits.split(",")] if splits else known
        rows = {
            split: (evaluate_hands if hands else evaluate)(tokenizer, motion, split)
            for split in track(wanted, description="judging", console=errors, transient=True)
        }
        table = Table(title=f"{name} ({tokenizer.encoding}): {tokenizer.parameters_count / 1e6:.2f} M parameters")
        table.add_column("figure")
        for split in rows:
            table.add_column(split, justify="right")
        for figure in next(iter(rows.values())):
            table.add_row(figure, *(f"{row[figure]:.3g}" if figure in row else "-" for row in rows.values()))
        console.print(table)
        if out is not None:
            out.parent.mkdir(parents=True, exist_ok=True)
            out.write_text(
                json.dumps({"tokenizer": name, "encoding": tokenizer.encoding, "rows": rows}, indent=1) + "\n"
            )
            console.print(f"written: {out}", markup=False)


@app.command()
def encode(
    name: _Name,
    motion: Annotated[Path, typer.Argument(help="A motion file: .bvh or .npz.")],
    out: Annotated[Path, typer.Argument(help="The .npz to write: codes, and where the motion begins.")],
    encoding: _Encoding = None,
) -> None:
    """Turn a motion file into codes.

    \b
    solami tokenizer encode body-residual dance.bvh codes.npz --encoding search
    """
    from solami.cli.console import console, fail_politely
    from solami_tokenizers.motion.code_files import Codes, write_codes
    from solami_tokenizers.motion.features import RootState
    from solami_tokenizers.motion.read import read_motion
    from solami_tokenizers.motion.resample import resample
    from solami_tokenizers.motion.tokenizer import MotionTokenizer

    with fail_politely():
        tokenizer = MotionTokenizer.from_pretrained(name, encoding=encoding)
        clip = resample(read_motion(motion))
        features = tokenizer.features_of(clip)
        codes = _encoded(tokenizer, features)
        made = Codes(codes=codes, frames=len(features), start=RootState.of(clip, 0), tokenizer=name)
        write_codes(out, made)
        bits = tokenizer.quantiser.bits * len(codes) / clip.duration_s
        console.print(f"{out}: {len(codes)} tokens x {codes.shape[1]} codes, {bits:.0f} bit/s", markup=False)


def _encoded(tokenizer: "MotionTokenizer", features: "np.ndarray") -> "np.ndarray":
    """Return the codes (T', Q) of features (T, D), with a bar where that takes a while: pieces give the same codes."""
    if tokenizer.encoding == "open":
        return tokenizer.encode(features)
    import numpy as np
    from rich.progress import track

    from solami.cli.console import errors
    from solami_tokenizers.motion.streams import encoded_in_pieces

    pieces = encoded_in_pieces(tokenizer, features, _PIECE)
    count = -(-len(features) // _PIECE) + 1
    return np.concatenate(list(track(pieces, "encoding", count, console=errors, transient=True)))


@app.command()
def decode(
    name: _Name,
    codes: Annotated[Path, typer.Argument(help="What `encode` wrote, or a .npz with `codes` (T, Q).")],
    out: Annotated[Path, typer.Argument(help="The SMPL-X .npz to write.")],
    mesh: Annotated[Path | None, typer.Option(help="Also a .glb: the built-in avatar, moving.")] = None,
    body_model: Annotated[
        Path | None, typer.Option(help="Licensed SMPL-X model (.npz) for --mesh: a mesh every half second.")
    ] = None,
) -> None:
    """Turn codes into motion.

    \b
    solami tokenizer decode body-512 codes.npz motion.npz --mesh motion.glb
    """
    from solami.cli.console import console, fail_politely
    from solami.cli.meshes import write_mesh
    from solami_protocol.errors import InputError
    from solami_tokenizers.motion.code_files import read_codes
    from solami_tokenizers.motion.smplx_npz import write_smplx_npz
    from solami_tokenizers.motion.tokenizer import MotionTokenizer

    with fail_politely():
        tokenizer = MotionTokenizer.from_pretrained(name)
        given = read_codes(codes)
        if given.tokenizer and given.tokenizer != name:
            raise InputError(f"{codes}: was encoded by '{given.tokenizer}'; decode it with that, not with '{name}'")
        features, contacts = tokenizer.decode_with_contacts(given.codes, given.frames)
        clip = tokenizer.clip_of(features, contacts, given.start, name=codes.stem)
        write_smplx_npz(out, clip)
        console.print(f"{out}: {clip.frames} frames, {clip.duration_s:.1f} s", markup=False)
        if mesh is not None:
            write_mesh(mesh, clip, body_model)
            console.print(f"{mesh}: {mesh.stat().st_size / 1e6:.1f} MB", markup=False)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(help="A tokenizer that ships, or the folder of one.")],
    b: Annotated[str, typer.Argument(help="Another one.")],
    data: _Data = _COLLECTION,
    split: Annotated[str, typer.Option(help="Which clips to judge on.")] = "unseen_takes",
    clips: Annotated[str, typer.Option(help="Clips to show, by commas; else those where A and B differ most.")] = "",
    out: Annotated[
        Path, typer.Option(help="NAME.html (moving, with figures) or NAME.png (film strips: recording, A, B).")
    ] = Path("runs/compare.html"),
    b_encoding: Annotated[Encoding | None, typer.Option(help=f"How B encodes; it may be A once more. {_HOW}")] = None,
) -> None:
    """Show recordings and both reconstructions side by side: a moving page with figures, or film strips.

    \b
    solami tokenizer compare body-512 body-residual
    solami tokenizer compare body-residual body-residual --b-encoding search --split other_source
    """
    from rich.progress import track

    from solami.cli.console import console, errors, fail_politely
    from solami_datasets.filmstrip import film_strip, stacked, write_png
    from solami_protocol.errors import InputError
    from solami_tokenizers.motion.compare import compare_page, most_different
    from solami_tokenizers.motion.evaluation import SHORTEST, long_enough, pairs_of
    from solami_tokenizers.motion.tokenizer import MotionTokenizer

    with fail_politely():
        first, second = (_label(a), _label(b)) if _label(a) != _label(b) else (a, b)
        second = f"{second}, {b_encoding}" if b_encoding else second
        tokenizers = {
            first: MotionTokenizer.from_pretrained(a),
            second: MotionTokenizer.from_pretrained(b, encoding=b_encoding),
        }
        motion = load_data(data)
        known = {entry.name: entry for entry in long_enough(motion, motion.of(split))}
        named = [c.strip() for c in clips.split(",") if c.strip()]
        unknown = [name for name in named if name not in known]
        if unknown or not known:
            lack = f"clip {', '.join(unknown)}" if unknown else "clip"
            raise InputError(f"{data}: no {lack} in split '{split}', {SHORTEST} undamaged frames or longer")
        strips = out.suffix == ".png"
        entries = [known[name] for name in named] if strips and named else list(known.values())
        steps = track(tokenizers.values(), description="encoding", console=errors, transient=True)
        made = [pairs_of(tokenizer, motion, entries) for tokenizer in steps]
        shown = named or most_different(made)
        out.parent.mkdir(parents=True, exist_ok=True)
        if strips:
            by_name = {pairs[0].true.name: pairs for pairs in zip(*made, strict=True)}
            rows = [[by_name[name][0].true, *(pair.made for pair in by_name[name])] for name in shown]
            write_png(out, stacked([film_strip(clip) for row in rows for clip in row]))
        else:
            out.write_text(compare_page(tokenizers, made, split, shown), encoding="utf-8")
        console.print(f"written: {out}", markup=False)


def _label(name: str) -> str:
    """Return what to call a tokenizer: its name, or that of the training whose `best` it is."""
    path = Path(name)
    return path.parent.name if path.name == "best" else path.name


@app.command()
def relative(
    data: _Data = _COLLECTION,
    out: Annotated[Path, typer.Option(help="Folder for the codebook.")] = Path("runs/tokenizer/relative"),
    steps: Annotated[int, typer.Option(help="Steps of training.", min=1)] = 3000,
) -> None:
    """Train SOLAMI's codebook for relative transforms (256 codes) and compare it with the scalar bins."""
    import numpy as np
    from rich.table import Table

    from solami.cli.console import console, fail_politely
    from solami_datasets.collection import Collection
    from solami_tokenizers.motion.relative import RelativeBins
    from solami_tokenizers.motion.relative_codebook import relative_errors, train_relative

    with fail_politely():
        collection = Collection.open(data)
        train, test = (collection.relative(splits) for splits in (("train",), ("unseen_takes",)))
        codebook, bins = train_relative(train, steps), RelativeBins()
        codebook.save_pretrained(out)
        table = Table(title=f"relative transforms of {len(test)} frames in unseen takes")
        rows = {
            f"codebook, {np.log2(codebook.sizes).sum():.1f} bits": codebook.decode(codebook.encode(test)),
            f"bins, {np.log2(bins.sizes).sum():.1f} bits": bins.decode(bins.encode(test)),
        }
        figures = {name: relative_errors(decoded, test) for name, decoded in rows.items()}
        table.add_column("mean error")
        for name in figures:
            table.add_column(name, justify="right")
        for key in next(iter(figures.values())):
            table.add_row(key, *(f"{f[key]:.3g}" for f in figures.values()))
        console.print(table)
        console.print(f"written: {out}", markup=False)


@app.command("import")
def import_(
    checkpoint: Annotated[Path, typer.Argument(help="A VQ-VAE of SOLAMI, MotionGPT or T2M-GPT (.pth, .ckpt, .tar).")],
    out: Annotated[Path, typer.Argument(help="Folder for the tokenizer.")],
    mean: Annotated[Path, typer.Option(help="The .npy of the features' means that it was trained with.")],
    std: Annotated[Path, typer.Option(help="The .npy of their deviations.")],
    prefix: Annotated[str | None, typer.Option(help="Which network, where the file holds several: vae_body.")] = None,
) -> None:
    """Make a foreign checkpoint a tokenizer of ours: 135 or 180 features of SOLAMI, 263 of HumanML3D."""
    from solami.cli.console import console, fail_politely
    from solami_tokenizers.motion.foreign import import_tokenizer, read_checkpoint, read_statistics

    with fail_politely():
        made = import_tokenizer(read_checkpoint(checkpoint), read_statistics(mean, std), prefix)
        made.save_pretrained(out)
        sizes = " x ".join(str(size) for size in made.quantiser.sizes)
        console.print(
            f"{out}: {made.settings.features}, {made.parameters_count / 1e6:.2f} M, {sizes} codes", markup=False
        )


@app.command()
def pack(
    name: _Name,
    out: Annotated[Path, typer.Argument(help="Folder to write, e.g. tokenizers/solami_tokenizers/weights/body-512.")],
    remark: Annotated[str, typer.Option(help="What was seen in its motion; goes into the card.")] = "",
) -> None:
    """Write a trained tokenizer for shipping: bfloat16 weights, config and model card, half the size."""
    from solami.cli.console import console, fail_politely
    from solami_tokenizers.motion import pretrained

    with fail_politely():
        console.print(f"{out}: {pretrained.pack(name, out, remark) / 1e6:.1f} MB", markup=False)

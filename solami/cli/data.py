"""`solami data`: preparing data sets."""

from pathlib import Path
from typing import Annotated

import typer

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
def prepare(
    config: Annotated[Path, typer.Argument(help="Recipe, e.g. configs/data/motion.yaml.")],
    overrides: Annotated[list[str] | None, typer.Argument(help="key=value, e.g. processes=1.")] = None,
    replace: Annotated[bool, typer.Option(help="Replace a collection that was made from something else.")] = False,
) -> None:
    """Check recordings, bring them to 30 frames a second and write them as a collection that training reads.

    \b
    solami data prepare configs/data/motion.yaml
    solami data prepare configs/data/motion.yaml out=runs/data/mine processes=1
    """
    from rich.progress import Progress

    from solami.cli.console import console, errors, fail_politely
    from solami.cli.tables import collection_table
    from solami_datasets.prepare import prepare as prepare_collection
    from solami_datasets.recipe import Recipe
    from solami_protocol.settings import load_settings

    with fail_politely(), Progress(console=errors) as bar:
        task = bar.add_task("starting", total=None)

        def progress(done: int, total: int, what: str) -> None:
            bar.update(task, completed=done, total=total or None, description=what[:48])

        recipe = load_settings(Recipe, "data", config, overrides or ())
        made = prepare_collection(recipe, replace=replace, progress=progress)
    console.print(collection_table(made.info))
    state = "was up to date" if made.already_done else "written"
    console.print(f"{state}: {made.out}; remarks on files: {made.out / 'report.txt'}", markup=False)

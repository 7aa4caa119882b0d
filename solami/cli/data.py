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

"""From recordings to a collection: find, split, read, check, write shards, then statistics and index.

Everything is built in `OUT.part` beside `OUT` and renamed at the end, so that `OUT` is whole or absent. A run that was
interrupted goes on where it stopped, as long as recipe and files are the same.
"""

import fcntl
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from solami_datasets.archives import unpack_archive
from solami_datasets.chunks import Chunk, make_chunks, work_chunk
from solami_datasets.items import Item, find_items
from solami_datasets.ray_engine import work_on_ray
from solami_datasets.recipe import Recipe, Source, expanded
from solami_datasets.summary import write_summary
from solami_datasets.takes import assign_splits
from solami_protocol.errors import InputError

__all__ = ["Prepared", "prepare"]

LAYOUT = 1  # of what a collection's folder holds
_SHOWN = 8
Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A finished collection."""

    out: Path
    info: dict[str, Any]
    reports: list[dict[str, Any]]
    already_done: bool = False


def prepare(recipe: Recipe, *, replace: bool = False, progress: Progress | None = None) -> Prepared:
    """Write the collection of a recipe into `recipe.out` and return what it holds.

    replace: an existing collection is built anew and replaced, after the new one is whole; without it, one of the same
        recipe and files is left as it is, and any other is an error.
    progress: called with (recordings done, all recordings, what is being done).
    Raises InputError that names every file at fault, SettingsError for paths that are not set.
    """
    out = expanded(recipe.out)
    staging = out.with_name(out.name + ".part")
    report = progress or (lambda done, total, what: None)
    inputs = {source.name: expanded(source.path) for source in recipe.sources}
    for source in recipe.sources:
        if not inputs[source.name].exists():
            hint = f"; make it with: {source.made_by}" if source.made_by else ""
            raise InputError(f"source '{source.name}': {inputs[source.name]} does not exist{hint}")
    mark = _fingerprint(recipe, inputs)
    if not replace and (out / "info.json").exists() and _mark_of(out / "info.json") == mark:
        info = json.loads((out / "info.json").read_text())
        return Prepared(out, info, json.loads((out / "report.json").read_text()), already_done=True)
    if out.exists() and not replace:
        raise InputError(
            f"{out}: exists and was made from another recipe or other files; say --replace, or another out"
        )
    with _staging(staging, mark):
        chunks, total = _plan(recipe, inputs, staging, report)
        workers = recipe.processes or os.cpu_count() or 1
        reports = _work(chunks, staging, total, workers, report, on_ray=recipe.engine == "ray")
        _refuse(reports, recipe)
        report(total, total, "index and statistics")
        info = write_summary(staging, recipe, chunks, reports, {"fingerprint": mark, "layout": LAYOUT})
        shutil.rmtree(staging / "unpacked", ignore_errors=True)
        for chunk in chunks:
            (staging / chunk.report).unlink()
        (staging / "lock").unlink()
        _swap(staging, out)
    return Prepared(out, info, reports)


def _fingerprint(recipe: Recipe, inputs: dict[str, Path]) -> str:
    """Return a hash of the recipe and of every input file's name, size and time of change."""
    digest = hashlib.blake2s(recipe.model_dump_json(exclude={"processes", "engine", "skip_refused", "out"}).encode())
    digest.update(str(LAYOUT).encode())
    extra = [expanded(recipe.fingers)] if recipe.fingers else []
    for path in [*inputs.values(), *extra]:
        for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
            if not file.exists():
                raise InputError(f"{file}: does not exist; the recipe names it")
            if file.is_file():
                stat = file.stat()
                digest.update(f"{file.relative_to(path)} {stat.st_size} {stat.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def _mark_of(path: Path) -> str:
    try:
        return str(json.loads(path.read_text()).get("fingerprint", ""))
    except (OSError, ValueError):
        return ""


@contextmanager
def _staging(staging: Path, mark: str) -> Iterator[None]:
    """Hold the staging folder for one run; what another recipe or other files left in it is deleted."""
    try:
        staging.mkdir(parents=True, exist_ok=True)
        with (staging / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InputError(f"{staging}: another `solami data prepare` is writing here; wait for it") from None
            if _mark_of(staging / "plan.json") != mark:
                for path in staging.iterdir():
                    if path.name != "lock":
                        shutil.rmtree(path) if path.is_dir() else path.unlink()
                (staging / "plan.json").write_text(json.dumps({"fingerprint": mark}))
            yield
    except OSError as exc:
        raise InputError(f"{exc.filename or staging}: cannot be written: {exc.strerror or exc}") from exc


def _plan(recipe: Recipe, inputs: dict[str, Path], staging: Path, report: Progress) -> tuple[list[Chunk], int]:
    items: list[Item] = []
    for source in recipe.sources:
        report(0, 0, f"looking through {source.name}")
        items += find_items(source, _folder(source, inputs[source.name], staging))
    splits = assign_splits(items, recipe.seed)
    fingers = expanded(recipe.fingers) if recipe.fingers else None
    common = {"seed": recipe.seed, "min_seconds": recipe.min_seconds, "partners": recipe.partners, "fingers": fingers}
    return make_chunks(items, splits, **common), len(items)


def _folder(source: Source, path: Path, staging: Path) -> Path:
    """Return the folder of a source's files; archives are unpacked once."""
    if path.is_dir():
        return path
    into = staging / "unpacked" / source.name
    if not into.exists():
        partial = into.with_name(into.name + ".part")
        shutil.rmtree(partial, ignore_errors=True)
        unpack_archive(path, partial)
        partial.replace(into)
    return into


def _work(
    chunks: list[Chunk], staging: Path, total: int, processes: int, report: Progress, *, on_ray: bool
) -> list[dict[str, Any]]:
    """Return the reports of all chunks in order."""
    done = 0
    reports: dict[int, list[dict[str, Any]]] = {}

    def finished(chunk: Chunk, found: list[dict[str, Any]]) -> None:
        nonlocal done
        done += len(chunk.items)
        reports[chunk.number] = found
        report(done, total, chunk.items[-1].name)

    if on_ray:
        for chunk, found in work_on_ray(chunks, staging, processes):
            finished(chunk, found)
    elif processes == 1 or len(chunks) == 1:
        for chunk in chunks:
            finished(chunk, work_chunk(chunk, staging))
    else:
        with ProcessPoolExecutor(min(processes, len(chunks)), get_context("spawn")) as pool:
            pending = {pool.submit(work_chunk, chunk, staging): chunk for chunk in chunks}
            try:
                for future in as_completed(pending):
                    finished(pending[future], future.result())
            except BaseException:
                pool.shutdown(wait=True, cancel_futures=True)
                raise
    return [said for chunk in chunks for said in reports[chunk.number]]


def _refuse(reports: list[dict[str, Any]], recipe: Recipe) -> None:
    """A file that cannot be read fails the run, after all files were looked at, unless the recipe leaves them out."""
    bad = [said for said in reports if said["refused"]]
    if len(bad) == len(reports):
        raise InputError(
            f"none of the {len(reports)} recordings can be used; the first: {bad[0]['name']}: {bad[0]['refused']}"
        )
    if bad and not recipe.skip_refused:
        lines = "\n".join(f"  {said['name']}: {said['refused']}" for said in bad[:_SHOWN])
        more = f"\n  and {len(bad) - _SHOWN} more" if len(bad) > _SHOWN else ""
        hint = "repair them, list them under leave_out, or say skip_refused=true; what is done is kept for the next run"
        raise InputError(f"{len(bad)} of {len(reports)} recordings cannot be used:\n{lines}{more}\n{hint}")


def _swap(staging: Path, out: Path) -> None:
    """Put the finished folder in place of what stood there."""
    old = out.with_name(out.name + ".old")
    shutil.rmtree(old, ignore_errors=True)
    if out.exists():
        out.rename(old)
    staging.rename(out)
    shutil.rmtree(old, ignore_errors=True)

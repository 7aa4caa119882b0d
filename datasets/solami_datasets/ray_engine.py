"""The chunks of a collection on Ray Data: many machines that share the folder of the collection.

A chunk is written by `work_chunk` as on one machine, so the bytes are the same; only small reports travel. Started
without `RAY_ADDRESS`, Ray runs on this machine alone.
"""

import json
import logging
import os
import pickle
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from solami_datasets.chunks import Chunk, work_chunk
from solami_protocol.errors import InputError, MissingExtra

__all__ = ["work_on_ray"]


def work_on_ray(chunks: Sequence[Chunk], folder: Path, workers: int) -> Iterator[tuple[Chunk, list[dict[str, Any]]]]:
    """Yield each chunk with its report as it is done, in any order; `workers` on a local Ray.

    Raises MissingExtra without the package, InputError when a worker or the cluster fails.
    """
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    try:
        import ray
    except ImportError as exc:
        raise MissingExtra(
            "ray is not installed: pip install 'solami[ray]'; engine=local prepares on this machine without it"
        ) from exc
    own = not ray.is_initialized()
    if own:
        size: dict[str, Any] = {} if os.environ.get("RAY_ADDRESS") else {"num_cpus": workers}
        ray.init(include_dashboard=False, log_to_driver=False, logging_level=logging.ERROR, **size)
    try:
        ray.data.DataContext.get_current().enable_progress_bars = False
        rows = [{"number": i, "chunk": pickle.dumps(chunk)} for i, chunk in enumerate(chunks)]
        shared = partial(_work, folder=str(folder.resolve()))
        work = ray.data.from_items(rows, override_num_blocks=len(rows)).map(shared, num_cpus=1)
        for row in work.iter_rows():
            yield chunks[row["number"]], json.loads(row["report"])
    except (ray.exceptions.RayError, OSError) as exc:
        raise InputError(
            f"{folder}: a Ray worker failed ({type(exc).__name__}: {str(exc).strip().splitlines()[-1]}); every machine "
            "must see this folder and the sources under the same paths. What is done is kept for the next run"
        ) from exc
    finally:
        if own:
            ray.shutdown()


def _work(row: dict[str, Any], folder: str) -> dict[str, Any]:
    return {"number": row["number"], "report": json.dumps(work_chunk(pickle.loads(row["chunk"]), Path(folder)))}

"""Bandai-Namco's motion data set: the packed subset of dataset-2, and names and labels of both data sets.

The subset stores first differences of thousandths (`index.json`, `delta_i32.npy`, `hierarchies/`); unpacked, each clip
is a BVH file as published, rounded to 3 decimals. The data are CC BY-NC 4.0: not for products, nor weights in them.
"""

import json
import re
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from solami_datasets.archives import unpack_archive
from solami_protocol.errors import InputError
from solami_tokenizers.motion.bvh import Bvh, parse_bvh

__all__ = ["ClipName", "PackedSubset", "clips_in", "open_subset", "parse_name", "wave_clip"]

_NAME = re.compile(r"dataset-(?P<dataset>[12])_(?P<content>[a-z-]+)_(?P<style>[a-z-]+)_(?P<number>\d+)$")
_UNPACKED_BYTES = 256 << 20  # the real subset unpacks to 38 MB


@dataclass(frozen=True, slots=True)
class ClipName:
    """What a file's name says: data set 1 or 2, content (`wave-left-hand`), style (`happy`), number."""

    dataset: int
    content: str
    style: str
    number: int

    def __str__(self) -> str:
        return f"dataset-{self.dataset}_{self.content}_{self.style}_{self.number:03d}"


def parse_name(name: str) -> ClipName:
    """Return the parts of a clip's name; raises InputError for a name of another pattern."""
    found = _NAME.match(name)
    if not found:
        raise InputError(f"'{name}' is no Bandai clip; expected dataset-<1|2>_<content>_<style>_<number>")
    return ClipName(int(found["dataset"]), found["content"], found["style"], int(found["number"]))


def clips_in(folder: Path) -> dict[ClipName, Path]:
    """Return the BVH files below a folder by their names, sorted; files of other names are left out."""
    found = {parse_name(p.stem): p for p in folder.rglob("*.bvh") if _NAME.match(p.stem)}
    return dict(sorted(found.items(), key=lambda item: str(item[0])))


def wave_clip(folder: Path, content: str = "wave-right-hand", style: str = "normal") -> Path:
    """Return the first BVH file of a content and style below a folder: a right-hand wave for tests and benches.

    Raises InputError when there is none; it says how to unpack.
    """
    for name, path in clips_in(folder).items():
        if (name.content, name.style) == (content, style):
            return path
    raise InputError(
        f"{folder}: no {content} clip of style {style}; run `solami data unpack bandai2_subset.tar.xz OUT`"
    )


@dataclass(frozen=True, slots=True)
class PackedSubset:
    """The packed subset on disk, unpacked clip by clip."""

    folder: Path
    index: dict[str, Any]
    deltas: np.ndarray
    headers: dict[str, str]

    @classmethod
    def load(cls, folder: Path) -> "PackedSubset":
        """Return the subset in `folder`; raises InputError that names what is missing or does not fit."""
        try:
            index = json.loads((folder / "index.json").read_text())
            deltas = np.load(folder / "delta_i32.npy", mmap_mode="r", allow_pickle=False)
            headers = {p.stem: p.read_text() for p in sorted((folder / "hierarchies").glob("*.txt"))}
            channels, last = len(index["var"]), max(c["start"] + c["frames"] for c in index["clips"])
            hierarchies = {c["hierarchy"] for c in index["clips"]}
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise InputError(f"{folder}: not the packed Bandai subset ({exc}); see data/motion/README.md") from exc
        if deltas.ndim != 2 or deltas.shape[0] != channels or deltas.shape[1] < last or hierarchies - set(headers):
            raise InputError(
                f"{folder}: delta_i32.npy has shape {deltas.shape}, hierarchies {sorted(headers)}; the index asks for "
                f"({channels}, {last}) and {sorted(hierarchies)}"
            )
        return cls(folder, index, deltas, headers)

    @property
    def names(self) -> list[str]:
        """Return the clips' names in the order of the index."""
        return [clip["name"] for clip in self.index["clips"]]

    def bvh(self, name: str) -> str:
        """Return the text of one clip's BVH file; raises InputError for a name that the index lacks."""
        return self._text(self._entry(name))

    def parsed(self, name: str) -> Bvh:
        """Return one clip as `parse_bvh` reads its file; raises InputError for a name that the index lacks."""
        clip = self._entry(name)
        with tempfile.TemporaryDirectory(prefix="solami-bandai-") as folder:
            path = Path(folder) / f"{name}.bvh"
            path.write_text(self._text(clip | {"frames": 1}))
            bvh = parse_bvh(path)
        return replace(bvh, path=self.folder / f"{name}.bvh", frames=self._rows(clip))

    def _entry(self, name: str) -> dict[str, Any]:
        clip = next((c for c in self.index["clips"] if c["name"] == name), None)
        if clip is None:
            raise InputError(f"{self.folder}: has no clip '{name}'")
        return clip

    def _rows(self, clip: dict[str, Any]) -> np.ndarray:
        start, frames, kind = clip["start"], clip["frames"], clip["hierarchy"]
        rows = np.tile(np.array(self.index["base"][kind], dtype=np.float64), (frames, 1))
        deltas = self.deltas[:, start : start + frames].astype(np.int64)
        rows[:, self.index["var"]] = np.cumsum(deltas, axis=1).T / self.index["scale"]
        return rows

    def _text(self, clip: dict[str, Any]) -> str:
        lines = "\n".join(" ".join(f"{v:.9g}" for v in row) for row in self._rows(clip))
        header = self.headers[clip["hierarchy"]].rstrip("\n")
        return f"{header}\nMOTION\nFrames: {clip['frames']}\nFrame Time: {self.index['frame_time']}\n{lines}\n"


@contextmanager
def open_subset(source: Path) -> Iterator[PackedSubset]:
    """Yield the subset of a folder or of a `.tar.xz` (unpacked to a temporary folder meanwhile).

    Raises InputError when the source is neither, or is damaged.
    """
    if source.is_dir():
        yield PackedSubset.load(source)
        return
    with tempfile.TemporaryDirectory(prefix="solami-bandai-") as folder:
        unpack_archive(source, Path(folder), _UNPACKED_BYTES)
        found = sorted(Path(folder).rglob("index.json"))
        if not found:
            raise InputError(f"{source}: holds no index.json; expected bandai2_subset.tar.xz")
        yield PackedSubset.load(found[0].parent)

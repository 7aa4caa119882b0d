"""The recordings of a source, found before any of them is read: files, labels, take groups, frame rates."""

import json
import re
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

from solami_datasets.bandai import PackedSubset
from solami_datasets.recipe import Kind, Source
from solami_protocol.errors import InputError

__all__ = ["BANDAI_NAMES", "Item", "find_items"]

BANDAI_NAMES = r"dataset-[12]_(?P<content>[a-z-]+)_(?P<style>[a-z-]+)_(?P<take>\d+)$"
_SUFFIXES: dict[Kind, str] = {
    "bvh": ".bvh",
    "bandai": ".bvh",
    "asf_amc": ".amc",
    "smplx": ".npz",
    "amass": ".npz",
    "humanml3d": ".npy",
}
_INDEX = "clips.json"
_TAKES_A_GROUP = 10  # of numbered takes of one content and style, those recorded side by side share a group


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """One recording of one or two people."""

    name: str
    """`source/file` without suffix, unique in a collection."""
    source: Source
    path: Path
    """The file; for `bandai_packed` the folder of the pack, for `interx` the folder with both people's files."""
    labels: dict[str, str] = field(default_factory=dict)
    take: str = ""
    """Recordings of one take group never part between splits."""
    fps: float | None = None
    bytes: int = 0

    @property
    def stem(self) -> str:
        """Return the name without its source."""
        return self.name.partition("/")[2]


def find_items(source: Source, folder: Path) -> list[Item]:
    """Return a source's recordings below its unpacked folder, sorted by name.

    Raises InputError when there are none, or when `clips.json` or the pack is damaged.
    """
    match source.kind:
        case "bandai_packed":
            found = _packed(source, folder)
        case "interx":
            found = _pairs(source, folder)
        case kind:
            found = _files(source, folder, _SUFFIXES[kind])
    kept = sorted((item for item in found if item.stem not in source.leave_out), key=lambda item: item.name)
    if not kept:
        raise InputError(f"source '{source.name}': no recording of kind {source.kind} below {folder}")
    for a, b in pairwise(kept):
        if a.name == b.name:
            raise InputError(f"source '{source.name}': two recordings named {a.stem}: {a.path} and {b.path}")
    return kept


def _files(source: Source, folder: Path, suffix: str) -> list[Item]:
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() == suffix and not p.name.startswith("."))
    index = _read_index(folder)
    flat = len({p.stem for p in paths}) == len(paths)  # else the folder belongs to the name
    items = []
    for path in paths:
        stem = path.stem if flat else path.relative_to(folder).with_suffix("").as_posix()
        entry = index.get(path.stem, {})
        labels = _labels(source, path.stem) | {k: str(v) for k, v in (entry.get("labels") or {}).items()}
        if entry.get("what"):
            labels["description"] = str(entry["what"])
        fps = float(entry["fps"]) if entry.get("fps") else source.fps
        items.append(_item(source, stem, path, labels, str(entry.get("take", "")), fps, path.stat().st_size))
    return items


def _read_index(folder: Path) -> dict[str, dict]:
    """Return the entries of every `clips.json` below a folder by clip name."""
    found: dict[str, dict] = {}
    for path in sorted(folder.rglob(_INDEX)):
        try:
            found |= {str(entry["clip"]): entry for entry in json.loads(path.read_text())}
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise InputError(f"{path}: expected a list of objects with 'clip' ({type(exc).__name__}: {exc})") from exc
    return found


def _packed(source: Source, folder: Path) -> list[Item]:
    roots = sorted(folder.rglob("index.json"))
    if not roots:
        raise InputError(f"source '{source.name}': {folder} holds no index.json; expected the packed Bandai subset")
    subset = PackedSubset.load(roots[0].parent)
    size = subset.deltas.nbytes // max(len(subset.names), 1)
    return [_item(source, n, subset.folder, _labels(source, n), "", source.fps, size) for n in subset.names]


def _pairs(source: Source, folder: Path) -> list[Item]:
    """Inter-X keeps a folder a sequence with `P1.npz` and `P2.npz` (in some copies in lower case)."""
    items = []
    for first in sorted(p for p in folder.rglob("*.npz") if p.stem.lower() == "p1"):
        second = [p for p in first.parent.glob("*.npz") if p.stem.lower() == "p2"]
        if not second:
            raise InputError(f"{first.parent}: holds {first.name} but no P2.npz; expected both people")
        size = first.stat().st_size + second[0].stat().st_size
        name = first.parent.name
        items.append(_item(source, name, first.parent, _labels(source, name), "", source.fps, size))
    return items


def _labels(source: Source, stem: str) -> dict[str, str]:
    pattern = source.labels or (BANDAI_NAMES if source.kind in ("bandai", "bandai_packed") else "")
    found = re.search(pattern, stem) if pattern else None
    return {k: v for k, v in found.groupdict().items() if v} if found else {}


def _item(
    source: Source, stem: str, path: Path, labels: dict[str, str], take: str, fps: float | None, size: int
) -> Item:
    number = labels.pop("take", "")
    if not take:
        group = [labels[k] for k in ("content", "style", "actor") if k in labels]
        if number.isdigit() and group:
            number = f"{int(number) // _TAKES_A_GROUP * _TAKES_A_GROUP}+"
        take = "_".join([*group, number]) if group else stem
    name = f"{source.name}/{stem}"
    return Item(name=name, source=source, path=path, labels=labels, take=take, fps=fps, bytes=size)

"""From an item to clips, by the kind of its source."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from solami_datasets.bandai import PackedSubset
from solami_datasets.items import Item
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.retarget import read_bvh, retarget
from solami_tokenizers.motion.smplx_npz import read_smplx_npz

__all__ = ["read_item"]


def read_item(item: Item) -> tuple[Clip, ...]:
    """Return the clip of a recording at its own frame rate, or the clips of both people of a pair.

    Raises InputError that names the file and the fault.
    """
    clips = _READERS[item.source.kind](item)
    names = [item.name] if len(clips) == 1 else [f"{item.name}/P{i}" for i in range(1, len(clips) + 1)]
    return tuple(replace(clip, name=name) for clip, name in zip(clips, names, strict=True))


def _bvh(item: Item) -> tuple[Clip, ...]:
    return (read_bvh(item.path, item.source.up),)


def _packed(item: Item) -> tuple[Clip, ...]:
    return (retarget(_pack(item.path).parsed(item.stem), item.source.up),)


@lru_cache(maxsize=2)
def _pack(folder: Path) -> PackedSubset:
    return PackedSubset.load(folder)


def _smplx(item: Item) -> tuple[Clip, ...]:
    return (read_smplx_npz(item.path, item.source.up),)


_READERS: dict[str, Callable[[Item], tuple[Clip, ...]]] = {
    "bvh": _bvh,
    "bandai": _bvh,
    "bandai_packed": _packed,
    "smplx": _smplx,
}

"""From an item to clips, by the kind of its source."""

from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

import numpy as np

from solami_datasets.bandai import PackedSubset
from solami_datasets.items import Item
from solami_protocol.errors import InputError
from solami_tokenizers.motion.amass import read_amass_npz
from solami_tokenizers.motion.asf_amc import read_asf_amc
from solami_tokenizers.motion.bvh import Bvh, parse_bvh
from solami_tokenizers.motion.bvh_names import map_joints
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.humanml3d import read_humanml3d
from solami_tokenizers.motion.retarget import retarget
from solami_tokenizers.motion.smplx_npz import Up

__all__ = ["read_file", "read_item"]


def read_item(item: Item) -> tuple[Clip, ...]:
    """Return the clip of a recording at its own frame rate, or the clips of both people of a pair.

    Raises InputError that names the file and the fault.
    """
    clips = _READERS[item.source.kind](item)
    names = [item.name] if len(clips) == 1 else [f"{item.name}/P{i}" for i in range(1, len(clips) + 1)]
    return tuple(replace(clip, name=name) for clip, name in zip(clips, names, strict=True))


def read_file(path: Path, fps: float | None = None, up: Up | None = None) -> Clip:
    """Return the clip of one file by its suffix: `.bvh`, `.amc` (with its `.asf`), `.npz` (SMPL), `.npy` (HumanML3D).

    fps: for files that state no frame rate. Raises InputError that names the file and the fault.
    """
    match path.suffix.lower():
        case ".bvh":
            return _right_handed(parse_bvh(path), up)
        case ".amc":
            if fps is None:
                raise InputError(f"{path}: AMC files state no frame rate; say which (fps)")
            return read_asf_amc(path, fps, up=up)
        case ".npz":
            return read_amass_npz(path, fps, up)
        case ".npy":
            return read_humanml3d(path)
        case other:
            raise InputError(f"{path}: '{other or 'no suffix'}' is no known motion; expected .bvh, .amc, .npz or .npy")


def _right_handed(bvh: Bvh, up: Up | None) -> Clip:
    """Return the clip; raises InputError when toes point backwards, seen from the hips: the file is a mirror image."""
    joints = map_joints(bvh)
    feet = [(f"{side}_ankle", f"{side}_foot") for side in ("left", "right") if f"{side}_foot" in joints]
    places = bvh.forward()[0]
    left = places[:, joints["left_hip"]] - places[:, joints["right_hip"]]
    upward = places[:, joints["head"]] - places[:, joints["pelvis"]]
    ahead = sum((places[:, joints[b]] - places[:, joints[a]] for a, b in feet), np.zeros_like(left))
    triple = np.sum(np.cross(upward, ahead) * left, axis=-1)
    sizes = np.prod([np.linalg.norm(v, axis=-1) for v in (upward, ahead, left)], axis=0)
    if feet and np.median(triple / np.maximum(sizes, 1e-9)) < -0.3:
        raise InputError(
            f"{bvh.path}: toes point backwards, seen from the hips: a left-handed file, or left and right swapped; "
            "export it right-handed"
        )
    return retarget(bvh, up)


def _file(item: Item) -> tuple[Clip, ...]:
    return (read_file(item.path, item.fps, item.source.up),)


def _packed(item: Item) -> tuple[Clip, ...]:
    return (retarget(_pack(item.path).parsed(item.stem), item.source.up),)


@lru_cache(maxsize=2)
def _pack(folder: Path) -> PackedSubset:
    return PackedSubset.load(folder)


def _pair(item: Item) -> tuple[Clip, ...]:
    """Both people, in one space: the axes are taken from the first."""
    paths = sorted((p for p in item.path.glob("*.npz") if p.stem.lower() in ("p1", "p2")), key=lambda p: p.stem.lower())
    if len(paths) != 2:
        raise InputError(f"{item.path}: holds {len(paths)} of P1.npz and P2.npz; expected both people")
    first, second = (read_amass_npz(path, item.fps, item.source.up) for path in paths)
    if first.fps != second.fps or first.notes[1] != second.notes[1]:
        raise InputError(
            f"{item.path}: P1 and P2 differ in frame rate or up axis ({first.notes}, {second.notes}); say up"
        )
    return first, second


_READERS: dict[str, Callable[[Item], tuple[Clip, ...]]] = {
    "bvh": _file,
    "bandai": _file,
    "bandai_packed": _packed,
    "asf_amc": _file,
    "smplx": _file,
    "amass": _file,
    "humanml3d": _file,
    "interx": _pair,
}

"""Reader for SMPL-X poses in npz files, as headsets of the SOLAMI kind and motion data sets write them.

`poses` (T, 165) holds 55 axis-angle rotations in SMPL-X's joint order, `trans` (T, 3) the pelvis joint's place.
SMPL-X's T-pose and ours face the same way with the same axes, so rotations pass unchanged; bone lengths are ours.
"""

from pathlib import Path
from typing import Literal

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS, JOINT_COUNT
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.npz_header import Limits, read_arrays
from solami_tokenizers.motion.rotations import short_arc

__all__ = ["RATE_NAMES", "Up", "checked_numbers", "clip_of_poses", "rate_of", "read_smplx_npz", "write_smplx_npz"]

Up = Literal["y", "z"]
RATE_NAMES = ("fps", "mocap_framerate", "mocap_frame_rate")
_LARGEST = 1e4  # radians or metres; beyond it the numbers are not a person
# x -> x, y -> z, z -> -y undone: a quarter turn about -x takes z-up to y-up
_Z_UP_TO_Y_UP = quat.from_axis_angle((1.0, 0.0, 0.0), -90.0).astype(np.float64)


def read_smplx_npz(path: Path, up: Up | None = None, limits: Limits | None = None) -> Clip:
    """Return the clip of an SMPL-X npz file, y up, facing as recorded.

    up: the axis that points up in the file; None finds it from how the pelvis stands.
    Raises InputError that names the file and the fault.
    """
    arrays = read_arrays(path, {"poses", "trans", *RATE_NAMES}, limits)
    for name in ("poses", "trans"):
        if name not in arrays:
            raise InputError(f"{path}: has no array '{name}'; expected poses (T, {JOINT_COUNT * 3}) and trans (T, 3)")
    poses = checked_numbers(path, "poses", arrays["poses"], JOINT_COUNT * 3)
    trans = checked_numbers(path, "trans", arrays["trans"], 3)
    if len(poses) != len(trans):
        raise InputError(f"{path}: poses hold {len(poses)} frames, trans {len(trans)}; expected as many")
    if len(poses) == 0:
        raise InputError(f"{path}: holds 0 frames; expected at least one")

    return clip_of_poses(path, poses.reshape(-1, JOINT_COUNT, 3), trans, rate_of(path, arrays), up)


def clip_of_poses(
    path: Path, poses: np.ndarray, trans: np.ndarray, rate: tuple[float, str], up: Up | None = None
) -> Clip:
    """Return the clip of rotation vectors (T, 55, 3) and places (T, 3), float64, turned to y up.

    rate: frames a second and a note on where they come from; up: as in `read_smplx_npz`, which raises the same errors.
    """
    rotations = short_arc(quat.from_rotvec(poses))  # (T, 55, 4)
    axis, how = (up, "as told") if up else (_find_up(path, rotations[:, 0]), "found from the pelvis")
    if axis == "z":
        rotations[:, 0] = short_arc(quat.multiply(_Z_UP_TO_Y_UP, rotations[:, 0]))
        trans = np.stack([trans[:, 0], trans[:, 2], -trans[:, 1]], axis=-1)
    fps, fps_note = rate
    notes = (f"{axis.upper()} up ({how}){', turned to Y up' if axis == 'z' else ''}", fps_note)
    return Clip(
        name=path.stem,
        root_m=trans.astype(np.float32),
        rotations=rotations.astype(np.float32),
        fps=fps,
        notes=notes,
    )


def write_smplx_npz(path: Path, clip: Clip) -> None:
    """Write the clip as an SMPL-X npz file (Y up, with `fps`), which `read_smplx_npz` reads back."""
    poses = quat.to_rotvec(clip.rotations).reshape(clip.frames, JOINT_COUNT * 3)
    np.savez_compressed(path, poses=poses, trans=clip.root_m, fps=np.float64(clip.fps))


def checked_numbers(path: Path, name: str, array: np.ndarray, width: int) -> np.ndarray:
    """Return an array of a file as (T, width) float64; raises InputError unless finite and within reason."""
    if array.ndim != 2 or array.shape[1] != width:
        raise InputError(f"{path}: {name} has shape {array.shape}; expected (T, {width})")
    if array.dtype.kind != "f":
        raise InputError(f"{path}: {name} holds {array.dtype}; expected floating point numbers")
    if not np.isfinite(array).all():
        frame = int(np.flatnonzero(~np.isfinite(array).all(axis=1))[0])
        raise InputError(f"{path}: {name} is not finite in frame {frame} (NaN or infinite)")
    if array.size and np.abs(array).max() > _LARGEST:
        raise InputError(f"{path}: {name} reaches {np.abs(array).max():g}; expected radians and metres")
    return array.astype(np.float64)


def _find_up(path: Path, pelvis: np.ndarray) -> Up:
    """Return the file's axis that the pelvis' own up direction is nearest to, over the whole clip."""
    mean = quat.rotate(pelvis, np.array([0.0, 1.0, 0.0])).mean(axis=0)
    # below 0.5 nobody stands: a lying or tumbling body says nothing about the axes
    if max(mean[1], mean[2]) < 0.5:
        raise InputError(f"{path}: cannot tell which axis is up (the body never stands upright); say up=y or up=z")
    return "z" if mean[2] > mean[1] else "y"


def rate_of(path: Path, arrays: dict[str, np.ndarray]) -> tuple[float, str]:
    """Return the frames a second that a file states (30 where it states none) and a note that says so."""
    for name in RATE_NAMES:
        if name in arrays:
            value = arrays[name]
            if value.size != 1 or value.dtype.kind not in "fiu" or not 0 < float(value.reshape(())) <= 1000:
                raise InputError(f"{path}: {name} is {value!r}; expected one number between 0 and 1000")
            return float(value.reshape(())), f"{float(value.reshape(())):g} frames a second, from '{name}'"
    return float(FPS), f"no frame rate in the file, taken as {FPS}"

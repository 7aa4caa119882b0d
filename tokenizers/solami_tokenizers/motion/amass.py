"""Reader for AMASS and Inter-X npz files: SMPL-H or SMPL-X parameters, whole or in parts.

`poses` (T, 156) is SMPL-H: 22 body joints, then 15 fingers of each hand; (T, 165) is SMPL-X with jaw and eyes between.
Some files hold `root_orient`, `pose_body` and the hands apart. Hands must be whole rotations from the flat hand, as
AMASS has them, not PCA weights. `trans` is not the pelvis: it lacks the constant place of the pelvis in the body
model, which is lost without a model file. Height comes from the floor (see `put_on_floor` of the data sets), and
across the ground a constant does not matter.
"""

from pathlib import Path

import numpy as np

from solami_protocol.errors import InputError
from solami_protocol.skeleton import JOINT_COUNT
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.npz_header import Limits, read_arrays
from solami_tokenizers.motion.smplx_npz import RATE_NAMES, Up, checked_numbers, clip_of_poses, rate_of

__all__ = ["read_amass_npz"]

_PARTS = ("pose_hand", "pose_lhand", "pose_rhand")
_BODY, _HANDS = 22, 30
_SMPL, _SMPL_H, _SMPL_X = 72, 156, 165
_LEFT_HAND = 25


def read_amass_npz(path: Path, fps: float | None = None, up: Up | None = None, limits: Limits | None = None) -> Clip:
    """Return the clip of an AMASS or Inter-X file, y up, hands included where the file has them.

    fps: for files that state no frame rate; up: None finds the axis from how the pelvis stands.
    Raises InputError that names the file and the fault, also when neither file nor `fps` says the frame rate.
    """
    names = {"poses", "trans", "root_orient", "pose_body", *_PARTS, *RATE_NAMES}
    arrays = read_arrays(path, names, limits)
    if "trans" not in arrays:
        raise InputError(f"{path}: has no array 'trans'; expected SMPL-H or SMPL-X parameters")
    poses, kind = _whole(path, arrays["poses"]) if "poses" in arrays else _parts(path, arrays)
    trans = checked_numbers(path, "trans", arrays["trans"], 3)
    if len(poses) != len(trans):
        raise InputError(f"{path}: the pose holds {len(poses)} frames, trans {len(trans)}; expected as many")
    if len(poses) == 0:
        raise InputError(f"{path}: holds 0 frames; expected at least one")
    rate = rate_of(path, arrays)
    if not any(name in arrays for name in RATE_NAMES):
        if fps is None:
            raise InputError(f"{path}: states no frame rate ({', '.join(RATE_NAMES)}); say fps in the recipe")
        rate = (fps, f"{fps:g} frames a second, as told")
    clip = clip_of_poses(path, poses, trans, rate, up)
    return Clip(name=clip.name, root_m=clip.root_m, rotations=clip.rotations, fps=clip.fps, notes=(kind, *clip.notes))


def _whole(path: Path, array: np.ndarray) -> tuple[np.ndarray, str]:
    """Return rotation vectors (T, 55, 3) of `poses`, and the model's name."""
    if array.ndim != 2 or array.shape[1] not in (_SMPL, _SMPL_H, _SMPL_X):
        raise InputError(f"{path}: poses has shape {array.shape}; expected (T, 72), (T, 156) or (T, 165)")
    width = array.shape[1]
    values = checked_numbers(path, "poses", array, width).reshape(len(array), width // 3, 3)
    if width == _SMPL_X:
        return values, "SMPL-X"
    out = np.zeros((len(array), JOINT_COUNT, 3))
    out[:, :_BODY] = values[:, :_BODY]
    if width == _SMPL_H:
        out[:, _LEFT_HAND:] = values[:, _BODY:]
    return out, "SMPL-H" if width == _SMPL_H else "SMPL, without fingers"


def _parts(path: Path, arrays: dict[str, np.ndarray]) -> tuple[np.ndarray, str]:
    lacking = [name for name in ("root_orient", "pose_body") if name not in arrays]
    if lacking:
        raise InputError(f"{path}: has neither 'poses' nor '{lacking[0]}'; expected SMPL-H or SMPL-X parameters")
    root = _flat(path, arrays, "root_orient", 3)
    out = np.zeros((len(root), JOINT_COUNT, 3))
    parts = [("pose_body", 1, _BODY - 1), ("pose_hand", _LEFT_HAND, _HANDS)]
    parts += [("pose_lhand", _LEFT_HAND, _HANDS // 2), ("pose_rhand", _LEFT_HAND + _HANDS // 2, _HANDS // 2)]
    out[:, 0] = root
    for name, first, count in parts:
        if name in arrays:
            values = _flat(path, arrays, name, 3 * count)
            if len(values) != len(root):
                raise InputError(f"{path}: {name} holds {len(values)} frames, root_orient {len(root)}")
            out[:, first : first + count] = values.reshape(len(values), count, 3)
    return out, "parameters in parts" + ("" if set(arrays) & set(_PARTS) else ", without fingers")


def _flat(path: Path, arrays: dict[str, np.ndarray], name: str, width: int) -> np.ndarray:
    """Return an array as (T, width); Inter-X keeps (T, joints, 3)."""
    array = arrays[name]
    if array.ndim == 3:
        array = array.reshape(len(array), -1)
    return checked_numbers(path, name, array, width)

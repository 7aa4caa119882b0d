"""Motion files of any kind that we read, by their suffix."""

from pathlib import Path

from solami_protocol.errors import InputError
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.retarget import read_bvh
from solami_tokenizers.motion.smplx_npz import Up, read_smplx_npz

__all__ = ["read_motion"]


def read_motion(path: Path | str, up: Up | None = None) -> Clip:
    """Return the clip of a motion file: `.npz` (SMPL-X) or `.bvh`, at its own frame rate (see `resample`).

    up: the axis that points up in the file, `y` or `z`; None finds it from how the body stands.
    Raises InputError that names the file and the fault.
    """
    path = Path(path)
    match path.suffix.lower():
        case ".npz":
            return read_smplx_npz(path, up)
        case ".bvh":
            return read_bvh(path, up)
        case other:
            raise InputError(f"{path}: '{other or 'no suffix'}' is no known kind of motion; expected .npz or .bvh")

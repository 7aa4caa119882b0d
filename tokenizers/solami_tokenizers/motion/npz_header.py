"""Reading npz files of strangers: every size is checked against a limit before memory is taken for it.

`numpy.load` trusts an array's header and allocates what it claims; a 1 kB file can claim 1 GB. Pickles are refused.
"""

import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.lib import format as npy

from solami_protocol.errors import InputError

__all__ = ["Limits", "read_arrays"]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a file may hold: bytes on disk, bytes of one array, arrays. The default is 27 minutes of f64 poses."""

    file_bytes: int = 64 << 20
    array_bytes: int = 64 << 20
    arrays: int = 64


def read_arrays(path: Path, names: set[str], limits: Limits | None = None) -> dict[str, np.ndarray]:
    """Return those of the arrays `names` that the npz file holds.

    Raises InputError that names the file and the fault: missing, not an npz, too large, pickled, damaged.
    """
    limits = limits or Limits()
    try:
        size = path.stat().st_size
        if not path.is_file():
            raise InputError(f"{path}: not a file")
        if size > limits.file_bytes:
            raise InputError(f"{path}: {size} bytes; at most {limits.file_bytes} are read. Cut the recording")
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            if len(members) > limits.arrays:
                raise InputError(f"{path}: holds {len(members)} arrays; at most {limits.arrays} are expected")
            wanted = {m.filename[:-4]: m for m in members if m.filename.endswith(".npy") and m.filename[:-4] in names}
            return {name: _read_member(path, archive, member, limits) for name, member in wanted.items()}
    except OSError as exc:
        raise InputError(f"{path}: cannot be read: {exc.strerror or exc}") from exc
    except (zipfile.BadZipFile, EOFError, NotImplementedError, RuntimeError) as exc:
        raise InputError(f"{path}: not a whole npz file ({exc}); expected what numpy.savez writes") from exc


def _read_member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo, limits: Limits) -> np.ndarray:
    where = f"{path}: array '{member.filename[:-4]}'"
    if member.file_size > limits.array_bytes + 4096:
        raise InputError(f"{where} unpacks to {member.file_size} bytes; at most {limits.array_bytes} are read")
    with archive.open(member) as stream:
        shape, fortran, dtype = _header(stream, where)
        if dtype.hasobject:
            raise InputError(f"{where} holds pickled objects, which can run code; save plain numbers instead")
        count = 1
        for n in shape:
            count *= n  # Python integers: no overflow
        claimed = count * dtype.itemsize
        if claimed > limits.array_bytes:
            raise InputError(f"{where} claims {claimed} bytes {shape}; at most {limits.array_bytes} are read")
        data = stream.read(claimed + 1)
    if len(data) != claimed:
        raise InputError(f"{where} claims {claimed} bytes but holds {'fewer' if len(data) < claimed else 'more'}")
    flat = np.frombuffer(data, dtype=dtype)
    return flat.reshape(shape, order="F" if fortran else "C")


def _header(stream: IO[bytes], where: str) -> tuple[tuple[int, ...], bool, np.dtype]:
    try:
        version = npy.read_magic(stream)
        if version == (1, 0):
            return npy.read_array_header_1_0(stream)
        if version == (2, 0):
            return npy.read_array_header_2_0(stream)
        raise ValueError(f"npy version {version}")
    except Exception as exc:  # numpy parses the header as Python text: ValueError, SyntaxError, TokenError and others
        raise InputError(f"{where} has no readable npy header ({exc})") from exc

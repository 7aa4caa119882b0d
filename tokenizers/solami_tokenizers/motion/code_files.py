"""Codes in `.npz` files, as `solami tokenizer encode` writes them."""

from dataclasses import dataclass, field
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from solami_protocol.errors import InputError
from solami_tokenizers.motion.features import RootState

__all__ = ["Codes", "read_codes", "write_codes"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """The tokens of one clip."""

    codes: np.ndarray
    """(T', Q) int64."""
    frames: int | None = None
    """How many frames the clip had; None: four a token."""
    start: RootState = field(default_factory=RootState)
    """Where it begins."""
    tokenizer: str = ""


def write_codes(path: Path, codes: Codes) -> None:
    """Write codes as `.npz`."""
    start = codes.start
    np.savez(
        path,
        codes=codes.codes,
        frames=np.int64(codes.frames or 4 * len(codes.codes)),
        start=np.array([start.x_m, start.z_m, start.yaw_rad], np.float32),
        tokenizer=np.array(codes.tokenizer),
    )


def read_codes(path: Path) -> Codes:
    """Return what `write_codes` wrote, or any `.npz` with `codes` (T, Q); InputError names the file and the fault."""
    try:
        with np.load(path, allow_pickle=False) as arrays:
            codes = arrays["codes"]
            frames = int(arrays["frames"]) if "frames" in arrays else None
            start = arrays["start"].astype(float) if "start" in arrays else np.zeros(3)
            tokenizer = str(arrays["tokenizer"]) if "tokenizer" in arrays else ""
    except (OSError, ValueError, KeyError, EOFError, BadZipFile) as exc:
        raise InputError(f"{path}: not a file of codes ({exc}); expected .npz with 'codes' (T, Q)") from exc
    if codes.ndim != 2 or codes.dtype.kind not in "iu" or start.shape != (3,):
        raise InputError(
            f"{path}: codes are {codes.shape} {codes.dtype}, start {start.shape}; expected (T, Q) integers, (3,)"
        )
    place = RootState(x_m=start[0], z_m=start[1], yaw_rad=start[2])
    return Codes(codes=codes.astype(np.int64), frames=frames, start=place, tokenizer=tokenizer)

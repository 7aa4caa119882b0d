"""Recorded gestures as token sequences: a JSON file beside the weights that decode it.

    bank = read_bank(shipped_bank())
    for gesture in bank.gestures: features = gesture.decode(decoder)

Each entry is one phrase of a recording, from the moment the body leaves its rest until it is back, with the frame in
which its stroke falls. The file follows the licence of the recordings, and says so.
"""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from solami_protocol.errors import InputError
from solami_tokenizers import weights
from solami_tokenizers.motion.numpy_decoder import NumpyDecoder
from solami_tokenizers.motion.tokenizer_folder import WEIGHTS, folder_of

__all__ = ["BankedGesture", "GestureBank", "bank_file", "read_bank", "weights_mark", "write_bank"]

FORMAT, VERSION = "solami-gesture-bank", 1
BANK_FOLDER, BANK = "gestures", "bank.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class BankedGesture:
    """One recorded phrase. Frames are at 30 a second and count from the first decoded one."""

    name: str
    """What it is called in the character's set: `wave_right`, `bow`, ..."""
    clip: str
    """The recording it comes from."""
    style: str
    codes: np.ndarray
    """(T, Q) int64."""
    begin: int
    """Frame of the recording with which the codes begin."""
    first: int
    """Where the body leaves its rest,"""
    stroke: int
    """where the stroke falls,"""
    last: int
    """and where the body is back."""
    speed_m_s: float
    """Mean speed of the hands between: how lively it is."""
    error_mm: float
    """Mean joint error of the decoded phrase against the recording, roots laid on one another."""
    reach: float
    """Farthest way of the hands (of the head, in a bow), decoded over recorded."""

    def decode(self, decoder: NumpyDecoder) -> np.ndarray:
        """Return body features (last + 1 - first, 136) of the phrase."""
        return decoder.decode(self.codes)[0][self.first : self.last + 1]


@dataclass(frozen=True, slots=True, kw_only=True)
class GestureBank:
    """All gestures of a file."""

    tokenizer: str
    """Name of the tokenizer whose codes these are,"""
    weights_sha256: str
    """and the checksum of its weights: other weights would decode to other motion."""
    licence: str
    sources: tuple[str, ...]
    gestures: tuple[BankedGesture, ...]


def bank_file() -> Path:
    """Return where the bank that ships lies, or would lie."""
    return Path(weights.__file__).parent / BANK_FOLDER / BANK


def weights_mark(tokenizer: Path | str) -> str:
    """Return the SHA-256 of a tokenizer's weights, by shipped name or folder."""
    path = folder_of(tokenizer) / WEIGHTS
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError as exc:
        raise InputError(f"{path}: cannot be read ({exc})") from exc


def write_bank(path: Path, bank: GestureBank) -> None:
    """Write a bank as JSON, whole or not at all."""
    gestures = [{**asdict(gesture), "codes": gesture.codes.tolist()} for gesture in bank.gestures]
    content = {"format": FORMAT, "version": VERSION, **asdict(bank), "gestures": gestures}
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".part")
    head = json.dumps({**content, "gestures": []}, indent=1).removesuffix("[]\n}")
    temporary.write_text(head + "[\n" + ",\n".join(json.dumps(g) for g in gestures) + "\n]}\n")
    temporary.replace(path)


def read_bank(path: Path) -> GestureBank:
    """Return the bank of a file; raises InputError that names the file, the gesture and the fault."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError) as exc:
        raise InputError(f"{path}: cannot be read ({exc})") from exc
    if not isinstance(content, dict) or (content.get("format"), content.get("version")) != (FORMAT, VERSION):
        raise InputError(f"{path}: not a gesture bank of version {VERSION}")
    try:
        gestures = tuple(_gesture(path, entry) for entry in content["gestures"])
        return GestureBank(
            tokenizer=str(content["tokenizer"]),
            weights_sha256=str(content["weights_sha256"]),
            licence=str(content["licence"]),
            sources=tuple(str(s) for s in content["sources"]),
            gestures=gestures,
        )
    except (KeyError, TypeError, ValueError) as exc:
        raise InputError(f"{path}: lacks or misstates {exc}; build it anew") from exc


def _gesture(path: Path, entry: dict[str, Any]) -> BankedGesture:
    codes = np.array(entry["codes"], dtype=np.int64)
    made = BankedGesture(**{**entry, "codes": codes})
    if codes.ndim != 2 or not 0 <= made.first <= made.stroke <= made.last < 4 * len(codes):
        raise InputError(
            f"{path}: {made.name} of {made.clip}: codes {codes.shape}, frames {made.first} <= {made.stroke} <= "
            f"{made.last} do not fit"
        )
    return made

"""The folder of a tokenizer, without torch: where it lies, what `config.json` says, and its tensors as arrays."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from solami_protocol.errors import InputError
from solami_protocol.skeleton import JOINTS, REST_OFFSETS
from solami_tokenizers import weights

__all__ = ["CARD", "CONFIG", "WEIGHTS", "config_of", "folder_of", "read_tensors", "read_settings", "shipped_names"]

FORMAT = "solami-motion-tokenizer"
VERSION = 1
CONFIG, WEIGHTS, CARD = "config.json", "model.safetensors", "README.md"
_MAX_HEADER = 4 << 20
_TYPES: dict[str, Any] = {"F32": np.float32, "F16": np.float16, "BF16": np.uint16, "F64": np.float64}


def shipped_names() -> list[str]:
    """Return the names of the tokenizers that ship."""
    folder = Path(weights.__file__).parent
    return sorted(p.parent.name for p in folder.glob(f"*/{CONFIG}") if f'"{FORMAT}"' in p.read_text())


def folder_of(name: Path | str) -> Path:
    """Return the folder of a shipped name, or the folder itself; raises InputError when there is neither."""
    folder = Path(name)
    if not folder.is_dir():
        folder = Path(weights.__file__).parent / str(name)
    if not folder.is_dir():
        known = ", ".join(shipped_names()) or "none"
        raise InputError(f"'{name}' is neither a folder nor a tokenizer that ships (there are: {known})")
    return folder


def config_of(settings: dict[str, Any]) -> dict[str, Any]:
    """Return the content of `config.json` for a tokenizer's settings."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "settings": settings,
        "skeleton": {"joints": JOINTS, "rest_offsets_m": np.round(REST_OFFSETS.astype(float), 6).tolist()},
    }


def read_settings(path: Path) -> dict[str, Any]:
    """Return the settings in `config.json`; raises InputError that names the file and the fault."""
    try:
        config = json.loads(path.read_text())
    except (OSError, ValueError) as exc:
        raise InputError(f"{path}: cannot be read ({exc})") from exc
    found = config.get("format") if isinstance(config, dict) else type(config).__name__
    if found != FORMAT:
        raise InputError(f"{path}: format is {found!r}; expected '{FORMAT}'")
    if config.get("version") != VERSION:
        raise InputError(f"{path}: version {config.get('version')!r}; this program reads {VERSION}")
    if list(config.get("skeleton", {}).get("joints", [])) != list(JOINTS):
        raise InputError(f"{path}: skeleton.joints are not the {len(JOINTS)} of the wire format")
    settings = config.get("settings")
    if not isinstance(settings, dict):
        raise InputError(f"{path}: settings: expected an object")
    return settings


def read_tensors(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a safetensors file as float32 arrays; numpy itself knows no bfloat16.

    Source of the layout: the format's own description (u64 length, JSON header, bytes). Raises InputError that names
    the file when it is cut short, or holds other types than floating point.
    """
    try:
        data = path.read_bytes()
        length = int.from_bytes(data[:8], "little")
        if len(data) < 8 or length > min(_MAX_HEADER, len(data) - 8):
            raise ValueError(f"its header claims {length} bytes of {len(data)}")
        header = json.loads(data[8 : 8 + length])
        body = memoryview(data)[8 + length :]
        return {name: _array(body, entry) for name, entry in header.items() if name != "__metadata__"}
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as exc:
        raise InputError(f"{path}: not a whole safetensors file ({exc})") from exc


def _array(body: memoryview, entry: dict[str, Any]) -> np.ndarray:
    first, end = entry["data_offsets"]
    if not 0 <= first <= end <= len(body):
        raise ValueError(f"a tensor lies at {first} to {end} of {len(body)} bytes")
    raw = np.frombuffer(body[first:end], _TYPES[entry["dtype"]]).reshape(entry["shape"])
    if entry["dtype"] == "BF16":
        return (raw.astype(np.uint32) << 16).view(np.float32)
    return raw.astype(np.float32)

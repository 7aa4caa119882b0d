"""A clip as an animation inside a GLB of ours: every engine and viewer of glTF plays it.

Source: glTF 2.0 specification (Khronos), 3.11 (animations): one sampler a joint, linear, seconds from 0.
"""

import json
import struct
from typing import Any

import numpy as np

from solami_protocol.errors import InputError
from solami_protocol.skeleton import JOINT_COUNT, JOINTS

__all__ = ["animated"]

_FLOAT = 5126
_STILL = 1e-5


def animated(glb: bytes, root_m: np.ndarray, rotations: np.ndarray, fps: float, name: str = "motion") -> bytes:
    """Return a GLB whose 55 joint nodes move: root (T, 3) metres, rotations (T, 55, 4) x y z w.

    Joints that never leave their place in the T-pose get no channel. Raises InputError when a joint is missing.
    """
    document, data = _parted(glb)
    nodes = {node.get("name"): i for i, node in enumerate(document["nodes"])}
    missing = [joint for joint in JOINTS if joint not in nodes]
    if missing:
        raise InputError(f"GLB: has no node '{missing[0]}'; expected one for each of the {JOINT_COUNT} joints")
    buffer = bytearray(data)
    times = _add(document, buffer, (np.arange(len(root_m)) / fps).astype("<f4"), "SCALAR", bounds=True)
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []

    def channel(joint: str, path: str, values: np.ndarray) -> None:
        kind = "VEC3" if path == "translation" else "VEC4"
        output = _add(document, buffer, values.astype("<f4"), kind)
        channels.append({"sampler": len(samplers), "target": {"node": nodes[joint], "path": path}})
        samplers.append({"input": times, "output": output, "interpolation": "LINEAR"})

    channel("pelvis", "translation", root_m)
    for j, joint in enumerate(JOINTS):
        if np.abs(rotations[:, j, :3]).max() > _STILL:
            channel(joint, "rotation", rotations[:, j])
    document["animations"] = [{"name": name, "samplers": samplers, "channels": channels}]
    buffer.extend(b"\0" * (-len(buffer) % 4))
    document["buffers"] = [{"byteLength": len(buffer)}]
    text = json.dumps(document, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    head = struct.pack("<4sII", b"glTF", 2, 12 + 8 + len(text) + 8 + len(buffer))
    parts = struct.pack("<I4s", len(text), b"JSON") + text, struct.pack("<I4s", len(buffer), b"BIN\0") + bytes(buffer)
    return head + b"".join(parts)


def _parted(glb: bytes) -> tuple[dict[str, Any], bytes]:
    try:
        magic, version, total = struct.unpack_from("<4sII", glb)
        length, kind = struct.unpack_from("<I4s", glb, 12)
        if (magic, version, kind) != (b"glTF", 2, b"JSON") or total != len(glb):
            raise ValueError("not a whole glTF 2.0 file")
        size, _ = struct.unpack_from("<I4s", glb, 20 + length)
        return json.loads(glb[20 : 20 + length]), glb[28 + length : 28 + length + size]
    except (struct.error, ValueError) as exc:
        raise InputError(f"GLB: {exc}; expected a binary glTF 2.0 file") from exc


def _add(document: dict[str, Any], buffer: bytearray, values: np.ndarray, kind: str, *, bounds: bool = False) -> int:
    """Append an array to the file; return its accessor."""
    buffer.extend(b"\0" * (-len(buffer) % 4))
    raw = np.ascontiguousarray(values).tobytes()
    document["bufferViews"].append({"buffer": 0, "byteOffset": len(buffer), "byteLength": len(raw)})
    buffer.extend(raw)
    entry: dict[str, Any] = {
        "bufferView": len(document["bufferViews"]) - 1,
        "componentType": _FLOAT,
        "count": len(values),
        "type": kind,
    }
    if bounds:
        entry |= {"min": [float(values.min())], "max": [float(values.max())]}
    document["accessors"].append(entry)
    return len(document["accessors"]) - 1

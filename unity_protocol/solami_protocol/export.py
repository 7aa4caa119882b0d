"""Writes `unity_protocol/schema/` and `unity_protocol/vectors/` from the code: `python -m solami_protocol.export DIR`.

Clients in other languages decode and re-encode the vectors byte for byte. A test fails when the files are stale.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import TypeAdapter

from solami_protocol import control, face, live
from solami_protocol.arkit import FACE_NAMES
from solami_protocol.behaviours import BehaviourPack
from solami_protocol.errors import CLOSE_CODES
from solami_protocol.media import MediaFrame, PoseCodec, audio_frame, face_frame, pose_frame
from solami_protocol.messages import Message
from solami_protocol.phones import PHONES
from solami_protocol.quaternions import from_rotvec
from solami_protocol.skeleton import FPS, JOINT_COUNT, JOINTS, PARENTS, REST_OFFSETS

__all__ = ["exported", "main"]

UNIONS: dict[str, Any] = {
    "control_up": control.UpMessage,
    "control_down": control.DownMessage,
    "live_client": live.LiveClientMessage,
    "live_server": live.LiveServerMessage,
    "face_client": face.FaceClientMessage,
    "face_server": face.FaceServerMessage,
    "behaviour_pack": BehaviourPack,
}


def _schemas() -> dict[str, str]:
    out = {}
    for name, kind in UNIONS.items():
        schema = TypeAdapter(kind).json_schema()
        out[f"schema/{name}.json"] = _text({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    return out


def _constants() -> dict[str, Any]:
    return {
        "fps": FPS,
        "joints": list(JOINTS),
        "parents": PARENTS.tolist(),
        "rest_offsets": [[round(float(v), 4) for v in row] for row in REST_OFFSETS],
        "face_names": list(FACE_NAMES),
        "phones": list(PHONES),
        "close_codes": [
            {"code": c.code, "name": c.name, "reason": c.reason, "reconnect": c.reconnect} for c in CLOSE_CODES.values()
        ],
    }


def _rotations(frames: int, seed: int) -> np.ndarray:
    return from_rotvec(np.random.default_rng(seed).normal(scale=1.2, size=(frames, JOINT_COUNT, 3))).astype(np.float32)


def _media() -> dict[str, tuple[MediaFrame, dict[str, Any]]]:
    """Return the golden frames with the numbers that they stand for."""
    root = np.array([[0.1, 0.95, -0.2], [0.125, 0.9375, -0.25]], np.float32)
    pcm = np.array([0, 1, -1, 32767, -32768, 256], np.int16)
    weights = np.round(np.linspace(0, 1, 104).reshape(2, 52) * 255) / 255
    validity = np.tile(np.arange(JOINT_COUNT, dtype=np.uint8) % 3, (2, 1))
    out: dict[str, tuple[MediaFrame, dict[str, Any]]] = {
        "audio_pcm16": (audio_frame(pcm, pts_us=1_000_000, epoch=7, seq=42, last=True), {"samples": pcm.tolist()}),
        "face_u8": (face_frame(weights, pts_us=33_333, epoch=7, seq=43), {"weights": weights.tolist()}),
        "empty_audio": (audio_frame(pcm[:0], pts_us=0, epoch=1, seq=1, last=True), {"samples": []}),
    }
    for seed, codec in enumerate(PoseCodec):
        rotations = _rotations(2, seed)
        frame = pose_frame(root, rotations, codec=codec, pts_us=66_667, epoch=3, seq=9 + seed)
        out[f"pose_{codec.name.lower()}"] = (frame, {"root": root.tolist(), "rotations": rotations.tolist()})
    up = pose_frame(root, _rotations(2, 9), codec=PoseCodec.S48, pts_us=5, epoch=1, seq=2, validity=validity)
    out["pose_s48_up"] = (up, {"root": root.tolist(), "validity": validity.tolist()})
    return out


def _vectors() -> dict[str, str]:
    rows = []
    for name, (frame, meaning) in _media().items():
        header = {k: int(getattr(frame, k)) for k in ("kind", "codec", "flags", "seq", "epoch", "count", "pts_us")}
        rows.append({"name": name, "hex": frame.encode().hex(), "header": header, **meaning})
    messages = [m.encode() for m in _messages()]
    return {
        "vectors/media.json": _text(rows),
        "vectors/control.json": _text([json.loads(m) for m in messages]),
        "vectors/constants.json": _text(_constants()),
    }


def _messages() -> list[Message]:
    return [  # one of each shape that a client must read or write
        control.Hello(token="t", client=control.ClientInfo(engine="unity", version="1"), up_seq=1),
        control.Ping(t0=1_000_000, up_seq=2),
        control.Playback(epoch=3, state="playing", audio_ms=233.5, up_seq=3),
        control.TextInput(text="hello", up_seq=4),
        control.State(state="thinking", seq=1),
        control.Transcript(turn=1, text="hello there", final=True, seq=2),
        control.EpochStart(epoch=3, turn=1, kind="reply", brain="retrieval", seq=3),
        control.Caption(epoch=3, text="Hello!", at_ms=0, d_ms=420, seq=4),
        control.Hold(epoch=3, seq=5),
        control.Release(epoch=3, seq=6),
        control.Cancel(epoch=3, seq=7),
        control.EpochEnd(epoch=3, audio_ms=420, seq=8),
        control.TurnFailed(turn=1, code="unavailable", message="The model server does not answer.", seq=9),
        control.Gap.model_validate({"type": "gap", "from": 10, "to": 12}),
    ]


def _text(value: Any) -> str:
    return json.dumps(value, indent=1, sort_keys=False) + "\n"


def exported() -> dict[str, str]:
    """Return the content of every exported file by its path under `unity_protocol/`."""
    return _schemas() | _vectors()


def main(argv: list[str]) -> int:
    """Write the files into the folder `argv[0]`."""
    base = Path(argv[0]) if argv else Path("unity_protocol")
    for name, text in exported().items():
        path = base / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

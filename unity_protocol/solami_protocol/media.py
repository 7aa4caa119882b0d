"""Media frames: a 24-byte header and its payload (DESIGN 3.12), little endian, the same bytes in every language.

| at | type | field                                                          |
| 0  | u8   | version = 1                                                    |
| 1  | u8   | kind: 1 audio, 2 pose, 3 face                                  |
| 2  | u8   | codec (see `AudioCodec`, `PoseCodec`, `FaceCodec`)             |
| 3  | u8   | flags: 1 last of its epoch, 2 tracking lost                    |
| 4  | u32  | seq (down) or up_seq                                           |
| 8  | u32  | epoch (down), space epoch (up), turn (model server's socket)   |
| 12 | u16  | count: samples or frames in the payload                        |
| 14 | u16  | reserved, 0                                                    |
| 16 | i64  | pts_us of the first sample or frame                            |
"""

import struct
from dataclasses import dataclass
from enum import IntEnum, IntFlag

import numpy as np

from solami_protocol import posecodec
from solami_protocol.errors import ProtocolError
from solami_protocol.skeleton import JOINT_COUNT

__all__ = [
    "FACE_SHAPES",
    "HEADER",
    "HEADER_BYTES",
    "MAX_AUDIO_SAMPLES",
    "MAX_FRAMES",
    "AudioCodec",
    "FaceCodec",
    "Flag",
    "Kind",
    "MediaFrame",
    "PoseCodec",
    "audio_frame",
    "audio_samples",
    "decode_media",
    "face_frame",
    "face_weights",
    "pose_frame",
    "pose_frames",
    "pose_validity",
    "stamp_seq",
]

VERSION = 1
HEADER = struct.Struct("<BBBBIIHHq")
HEADER_BYTES = HEADER.size  # 24
FACE_SHAPES = 52
MAX_AUDIO_SAMPLES = 24_000  # one second at the highest rate
MAX_FRAMES = 60  # two seconds of pose or face
MAX_OPUS_BYTES = 4_000


class Kind(IntEnum):
    """What a frame carries."""

    AUDIO = 1
    POSE = 2
    FACE = 3


class AudioCodec(IntEnum):
    """How audio is packed: 16-bit PCM mono, or one Opus packet of `count` samples."""

    PCM16 = 0
    OPUS = 1


class PoseCodec(IntEnum):
    """How rotations are packed; 12 bytes of root come before them in every codec."""

    F32 = 0
    S48 = 1
    S32 = 2


class FaceCodec(IntEnum):
    """How weights are packed: one byte each, 255 = 1."""

    U8 = 0


class Flag(IntFlag):
    """Bits of the header's flags."""

    LAST = 1
    TRACKING_LOST = 2


KNOWN_FLAGS = 0b11  # an IntFlag inverted would forget the unknown bits

_ROTATION_BYTES = {PoseCodec.F32: 16, PoseCodec.S48: 6, PoseCodec.S32: 4}


@dataclass(frozen=True, slots=True, kw_only=True)
class MediaFrame:
    """One media frame. `payload` is packed; `audio_samples`, `pose_frames` and `face_weights` read it."""

    kind: Kind
    codec: int
    payload: bytes
    count: int
    pts_us: int
    epoch: int = 0
    seq: int = 0
    flags: int = 0

    def encode(self, seq: int | None = None) -> bytes:
        """Return header and payload as they travel, with `seq` in place of the frame's own where given."""
        number = self.seq if seq is None else seq
        head = HEADER.pack(VERSION, self.kind, self.codec, self.flags, number, self.epoch, self.count, 0, self.pts_us)
        return head + self.payload

    @property
    def last(self) -> bool:
        """True for the last frame of its kind in the epoch."""
        return bool(self.flags & Flag.LAST)


def decode_media(data: bytes, *, validity: bool = False) -> MediaFrame:
    """Return the checked frame of `data`.

    validity: True for upward pose, which has 55 more bytes a frame.
    Raises ProtocolError that names the field: a short header, an unknown version, kind, codec, a count above the
    limits, a payload of another length, a non-finite number.
    """
    if len(data) < HEADER_BYTES:
        raise ProtocolError("header", f"{len(data)} bytes, expected at least {HEADER_BYTES}")
    version, kind, codec, flags, seq, epoch, count, reserved, pts_us = HEADER.unpack_from(data)
    if version != VERSION:
        raise ProtocolError("version", f"{version}, expected {VERSION}")
    if reserved:
        raise ProtocolError("reserved", f"{reserved}, expected 0")
    if flags & ~KNOWN_FLAGS:
        raise ProtocolError("flags", f"{flags:#x}, expected bits 1 and 2 only")
    payload = data[HEADER_BYTES:]
    try:
        kind = Kind(kind)
    except ValueError:
        raise ProtocolError("kind", f"{kind}, expected 1 audio, 2 pose or 3 face") from None
    _CHECKS[kind](codec, count, payload, validity)
    return MediaFrame(
        kind=kind, codec=codec, payload=payload, count=count, pts_us=pts_us, epoch=epoch, seq=seq, flags=flags
    )


def _check_length(payload: bytes, expected: int) -> None:
    if len(payload) != expected:
        raise ProtocolError("payload", f"{len(payload)} bytes, expected {expected}")


def _check_count(count: int, limit: int) -> None:
    if not 0 <= count <= limit:
        raise ProtocolError("count", f"{count}, expected at most {limit}")


def _check_audio(codec: int, count: int, payload: bytes, _validity: bool) -> None:
    _check_count(count, MAX_AUDIO_SAMPLES)
    if codec == AudioCodec.PCM16:
        _check_length(payload, 2 * count)
    elif codec == AudioCodec.OPUS:
        if len(payload) > MAX_OPUS_BYTES:
            raise ProtocolError("payload", f"{len(payload)} bytes of Opus, expected at most {MAX_OPUS_BYTES}")
    else:
        raise ProtocolError("codec", f"{codec}, expected 0 PCM16 or 1 Opus for audio")


def _pose_stride(codec: int, validity: bool) -> int:
    return 12 + JOINT_COUNT * _ROTATION_BYTES[PoseCodec(codec)] + (JOINT_COUNT if validity else 0)


def _check_pose(codec: int, count: int, payload: bytes, validity: bool) -> None:
    _check_count(count, MAX_FRAMES)
    if codec not in _ROTATION_BYTES:
        raise ProtocolError("codec", f"{codec}, expected 0 float32, 1 48 bit or 2 32 bit for pose")
    stride = _pose_stride(codec, validity)
    _check_length(payload, count * stride)
    rows = np.frombuffer(payload, np.uint8).reshape(count, stride)
    floats = 12 + (16 * JOINT_COUNT if codec == PoseCodec.F32 else 0)
    numbers = np.ascontiguousarray(rows[:, :floats]).view("<f4")
    if not np.isfinite(numbers).all():
        raise ProtocolError("pose", "a root position or rotation is not a finite number")


def _check_face(codec: int, count: int, payload: bytes, _validity: bool) -> None:
    _check_count(count, MAX_FRAMES)
    if codec != FaceCodec.U8:
        raise ProtocolError("codec", f"{codec}, expected 0 for face")
    _check_length(payload, FACE_SHAPES * count)


_CHECKS = {Kind.AUDIO: _check_audio, Kind.POSE: _check_pose, Kind.FACE: _check_face}


def audio_frame(pcm: np.ndarray, *, pts_us: int, epoch: int = 0, seq: int = 0, last: bool = False) -> MediaFrame:
    """Return a PCM16 frame of `pcm` (N,) int16."""
    return MediaFrame(
        kind=Kind.AUDIO, codec=AudioCodec.PCM16, payload=np.ascontiguousarray(pcm, dtype="<i2").tobytes(),
        count=len(pcm), pts_us=pts_us, epoch=epoch, seq=seq, flags=Flag.LAST if last else 0,
    )  # fmt: skip


def audio_samples(frame: MediaFrame) -> np.ndarray:
    """Return the (N,) int16 samples of a PCM16 frame."""
    return np.frombuffer(frame.payload, dtype="<i2")


def pose_frame(
    root_m: np.ndarray,
    rotations: np.ndarray,
    *,
    codec: PoseCodec,
    pts_us: int,
    epoch: int = 0,
    seq: int = 0,
    last: bool = False,
    validity: np.ndarray | None = None,
    tracking_lost: bool = False,
) -> MediaFrame:
    """Return a pose frame of root_m (T, 3) metres and rotations (T, 55, 4) x y z w.

    validity: (T, 55) uint8 for upward pose (0 absent, 1 inferred, 2 measured), None downwards.
    """
    count = len(root_m)
    root = np.ascontiguousarray(root_m, dtype="<f4").reshape(count, 3).view(np.uint8).reshape(count, 12)
    if codec == PoseCodec.F32:
        packed = np.ascontiguousarray(rotations, dtype="<f4").reshape(count, -1).view(np.uint8)
    elif codec == PoseCodec.S48:
        packed = posecodec.pack48(rotations).reshape(count, -1)
    else:
        packed = posecodec.pack32(rotations).reshape(count, -1)
    columns = [root, packed.reshape(count, JOINT_COUNT * _ROTATION_BYTES[codec])]
    if validity is not None:
        columns.append(np.ascontiguousarray(validity, dtype=np.uint8).reshape(count, JOINT_COUNT))
    flags = (Flag.LAST if last else 0) | (Flag.TRACKING_LOST if tracking_lost else 0)
    return MediaFrame(
        kind=Kind.POSE, codec=codec, payload=np.concatenate(columns, axis=1).tobytes(),
        count=count, pts_us=pts_us, epoch=epoch, seq=seq, flags=flags,
    )  # fmt: skip


def _pose_rows(frame: MediaFrame) -> np.ndarray:
    return np.frombuffer(frame.payload, np.uint8).reshape(frame.count, -1 if frame.count else 0)


def pose_frames(frame: MediaFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return root_m (T, 3) float32 and rotations (T, 55, 4) float32 of a pose frame, any codec, up or down."""
    if not frame.count:
        return np.zeros((0, 3), np.float32), np.zeros((0, JOINT_COUNT, 4), np.float32)
    rows = _pose_rows(frame)
    root = np.ascontiguousarray(rows[:, :12]).view("<f4").astype(np.float32)
    size = _ROTATION_BYTES[PoseCodec(frame.codec)]
    packed = np.ascontiguousarray(rows[:, 12 : 12 + size * JOINT_COUNT]).reshape(frame.count, JOINT_COUNT, size)
    if frame.codec == PoseCodec.F32:
        return root, packed.view("<f4").astype(np.float32)
    return root, posecodec.unpack48(packed) if frame.codec == PoseCodec.S48 else posecodec.unpack32(packed)


def pose_validity(frame: MediaFrame) -> np.ndarray:
    """Return the (T, 55) uint8 validity of an upward pose frame."""
    if not frame.count:
        return np.zeros((0, JOINT_COUNT), np.uint8)
    return _pose_rows(frame)[:, -JOINT_COUNT:]


def face_frame(weights: np.ndarray, *, pts_us: int, epoch: int = 0, seq: int = 0, last: bool = False) -> MediaFrame:
    """Return a face frame of weights (T, 52), clipped to 0 to 1."""
    packed = np.round(np.clip(weights, 0, 1) * 255).astype(np.uint8)
    return MediaFrame(
        kind=Kind.FACE, codec=FaceCodec.U8, payload=packed.tobytes(), count=len(packed),
        pts_us=pts_us, epoch=epoch, seq=seq, flags=Flag.LAST if last else 0,
    )  # fmt: skip


def face_weights(frame: MediaFrame) -> np.ndarray:
    """Return the (T, 52) float32 weights of a face frame."""
    return np.frombuffer(frame.payload, np.uint8).reshape(frame.count, FACE_SHAPES).astype(np.float32) / 255


def stamp_seq(data: bytes, seq: int) -> bytes:
    """Return an encoded frame with `seq` in its header (the gateway does this with the stream's id)."""
    return data[:4] + struct.pack("<I", seq) + data[8:]

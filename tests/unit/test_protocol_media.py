"""Media frames: golden bytes, round trips, errors that name the field, garbage."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solami_protocol import media
from solami_protocol.errors import ProtocolError
from solami_protocol.export import exported
from solami_protocol.quaternions import angle_between, from_rotvec

ROOT = Path(__file__).resolve().parents[2] / "unity_protocol"
VECTORS = json.loads((ROOT / "vectors/media.json").read_text())
FRAME = media.audio_frame(np.arange(5, dtype=np.int16), pts_us=-7, epoch=2, seq=3).encode()


def test_exported_files_are_up_to_date() -> None:
    stale = [name for name, text in exported().items() if (ROOT / name).read_text() != text]
    assert stale == [], "run `python -m solami_protocol.export unity_protocol`"


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_golden_frames_decode_and_encode_again(vector: dict) -> None:
    data = bytes.fromhex(vector["hex"])
    frame = media.decode_media(data, validity="validity" in vector)
    assert {k: int(getattr(frame, k)) for k in vector["header"]} == vector["header"]
    assert frame.encode() == data
    if "samples" in vector:
        assert media.audio_samples(frame).tolist() == vector["samples"]
    if "weights" in vector:
        np.testing.assert_allclose(media.face_weights(frame), vector["weights"], atol=1e-6)
    if "rotations" in vector:
        root, rotations = media.pose_frames(frame)
        np.testing.assert_allclose(root, vector["root"], atol=1e-7)
        limit_deg = {0: 1e-3, 1: 0.01, 2: 0.25}[frame.codec]
        assert np.degrees(angle_between(rotations, np.array(vector["rotations"]))).max() < limit_deg
    if "validity" in vector:
        assert media.pose_validity(frame).tolist() == vector["validity"]


@pytest.mark.parametrize(("codec", "limit_deg"), [(media.PoseCodec.S48, 0.008), (media.PoseCodec.S32, 0.25)])
def test_pose_error_over_many_rotations(codec: media.PoseCodec, limit_deg: float) -> None:
    rotvecs = np.random.default_rng(0).normal(scale=2.0, size=(60, 55, 3))
    rotations = from_rotvec(rotvecs)
    frame = media.pose_frame(np.zeros((60, 3)), rotations, codec=codec, pts_us=0)
    _, back = media.pose_frames(media.decode_media(frame.encode()))
    assert np.degrees(angle_between(rotations, back.astype(np.float64))).max() < limit_deg


def test_bytes_per_frame_of_the_design() -> None:
    for frames, size in ((5, 404), (3, 410)):
        pose = media.pose_frame(
            np.zeros((frames, 3)), np.tile([0.0, 0, 0, 1], (frames, 55, 1)), codec=media.PoseCodec.S48, pts_us=0
        )
        face = media.face_frame(np.zeros((frames, 52)), pts_us=0)
        assert round((len(pose.encode()) + len(face.encode())) / frames) == size


def altered(at: int, value: int) -> bytes:
    return FRAME[:at] + bytes([value]) + FRAME[at + 1 :]


@pytest.mark.parametrize(
    ("data", "field"),
    [
        (FRAME[:20], "header"),
        (altered(0, 2), "version"),
        (altered(1, 9), "kind"),
        (altered(2, 7), "codec"),
        (altered(3, 0x80), "flags"),
        (altered(14, 1), "reserved"),
        (FRAME + b"x", "payload"),
        (altered(12, 200), "payload"),
        (altered(13, 255), "count"),
        (
            media.pose_frame(
                np.full((1, 3), np.nan), np.zeros((1, 55, 4)), codec=media.PoseCodec.S48, pts_us=0
            ).encode(),
            "pose",
        ),
        (
            media.pose_frame(
                np.zeros((1, 3)), np.full((1, 55, 4), np.inf), codec=media.PoseCodec.F32, pts_us=0
            ).encode(),
            "pose",
        ),
    ],
)
def test_a_broken_frame_names_its_field(data: bytes, field: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        media.decode_media(data)
    assert caught.value.field == field


@settings(max_examples=400)
@given(st.binary(max_size=600), st.booleans())
def test_garbage_is_a_protocol_error_or_a_frame(data: bytes, validity: bool) -> None:
    try:
        frame = media.decode_media(data, validity=validity)
    except ProtocolError:
        return
    assert frame.encode() == data


@settings(max_examples=300)
@given(st.integers(0, len(FRAME) - 1), st.integers(0, 255))
def test_one_wrong_byte_never_escapes_as_another_error(at: int, value: int) -> None:
    try:
        media.decode_media(altered(at, value))
    except ProtocolError as exc:
        assert exc.field in {"header", "version", "kind", "codec", "flags", "reserved", "payload", "count", "pose"}


def test_seq_is_stamped_in_place() -> None:
    stamped = media.decode_media(media.stamp_seq(FRAME, 4_000_000_000))
    assert stamped.seq == 4_000_000_000
    assert stamped.encode(seq=3) == FRAME

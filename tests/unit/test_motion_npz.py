"""SMPL-X npz files: axes, rates, and files that must be refused without taking memory for them."""

import io
import os
import tracemalloc
import zipfile
from pathlib import Path

import numpy as np
import pytest

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import JOINT_INDEX
from solami_tokenizers.motion import Clip, forward, read_motion
from solami_tokenizers.motion.smplx_npz import write_smplx_npz

ANIM = Path(os.environ["SOLAMI_DATA"]) / "solami/anim_data" if "SOLAMI_DATA" in os.environ else None
needs_data = pytest.mark.skipif(ANIM is None, reason="SOLAMI_DATA is not set")


def _poses(frames: int = 4) -> np.ndarray:
    return np.random.default_rng(0).normal(scale=0.3, size=(frames, 165))


def _stand(path: Path, **arrays: object) -> Path:
    np.savez(path, **{"poses": np.zeros((4, 165)), "trans": np.tile([0.0, 0.95, 0.0], (4, 1)), **arrays})
    return path


def test_rotations_and_places_pass_unchanged(tmp_path: Path) -> None:
    poses = _poses()
    clip = read_motion(_stand(tmp_path / "a.npz", poses=poses), up="y")
    assert quat.angle_between(clip.rotations, quat.from_rotvec(poses.reshape(-1, 55, 3))).max() < 1e-5
    assert (clip.rotations[..., 3] >= 0).all()
    np.testing.assert_allclose(clip.root_m[:, 1], 0.95)
    assert clip.fps == 30.0
    assert any("no frame rate" in note for note in clip.notes)


def test_z_up_is_found_and_turned(tmp_path: Path) -> None:
    """The same body once Y up and once as a Z-up file would hold it."""
    poses = np.zeros((4, 165))
    poses[:, 2 * 3] = 0.5
    y_up = read_motion(_stand(tmp_path / "y.npz", poses=poses))
    turned = poses.copy()
    turned[:, 0] = np.pi / 2  # standing up from y to z
    z_up = read_motion(_stand(tmp_path / "z.npz", poses=turned, trans=np.tile([0.0, 0.0, 0.95], (4, 1))))
    assert "Z up" in z_up.notes[0]
    np.testing.assert_allclose(z_up.root_m, y_up.root_m, atol=1e-6)
    assert quat.angle_between(z_up.rotations, y_up.rotations).max() < 1e-6


def test_angles_beyond_half_a_turn_are_the_short_arc(tmp_path: Path) -> None:
    poses = np.zeros((4, 165))
    poses[:, 4] = np.radians(354)
    clip = read_motion(_stand(tmp_path / "a.npz", poses=poses))
    assert np.degrees(quat.angle_between(clip.rotations[:, 1], quat.IDENTITY)).max() == pytest.approx(6, abs=1e-3)


@pytest.mark.parametrize("name", ["fps", "mocap_framerate", "mocap_frame_rate"])
def test_the_rate_of_the_file_counts(tmp_path: Path, name: str) -> None:
    assert read_motion(_stand(tmp_path / "a.npz", **{name: 120.0})).fps == 120.0


def test_what_we_write_we_read(tmp_path: Path) -> None:
    clip = read_motion(_stand(tmp_path / "a.npz", poses=_poses()), up="y")
    write_smplx_npz(tmp_path / "b.npz", Clip(name="b", root_m=clip.root_m, rotations=clip.rotations, fps=60.0))
    back = read_motion(tmp_path / "b.npz", up="y")
    assert back.fps == 60.0
    assert quat.angle_between(back.rotations, clip.rotations).max() < 1e-5


@pytest.mark.parametrize(
    ("arrays", "fault"),
    [
        ({"poses": np.zeros((4, 164))}, r"poses has shape \(4, 164\); expected \(T, 165\)"),
        ({"poses": np.zeros((5, 165))}, "poses hold 5 frames, trans 4"),
        ({"trans": np.zeros(3)}, r"trans has shape \(3,\)"),
        ({"poses": np.zeros((0, 165)), "trans": np.zeros((0, 3))}, "0 frames"),
        ({"poses": np.full((4, 165), np.nan)}, "not finite in frame 0"),
        ({"trans": np.array([[0, 0.9, 0]] * 3 + [[0, np.inf, 0]])}, "trans is not finite in frame 3"),
        ({"poses": np.zeros((4, 165), dtype=np.int32)}, "int32"),
        ({"poses": np.array([[{}] * 165] * 4, dtype=object)}, "pickled objects"),
        ({"fps": np.float64(-3)}, "fps is"),
        ({"trans": np.full((4, 3), 1e300)}, "trans reaches 1e\\+300"),
    ],
)
def test_a_bad_file_is_refused_by_name_and_fault(tmp_path: Path, arrays: dict[str, object], fault: str) -> None:
    with pytest.raises(InputError, match=fault) as caught:
        read_motion(_stand(tmp_path / "broken.npz", **arrays))
    assert "broken.npz" in str(caught.value)


def test_a_body_that_never_stands_needs_the_axis(tmp_path: Path) -> None:
    poses = np.zeros((4, 165))
    poses[:, 2] = np.pi / 2  # lying on the side
    path = _stand(tmp_path / "lying.npz", poses=poses)
    with pytest.raises(InputError, match="up=y or up=z"):
        read_motion(path)
    assert read_motion(path, up="y").frames == 4


def _npz_with_header(path: Path, shape: tuple[int, ...], payload: bytes = b"\0" * 64) -> Path:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": shape})
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("poses.npy", header.getvalue() + payload)
        archive.writestr("trans.npy", header.getvalue() + payload)
    return path


@pytest.mark.parametrize("shape", [(813_450, 165), (2**62, 165), (1 << 40, 1 << 40), (2, 165)])
def test_a_header_that_claims_more_than_it_holds_takes_no_memory(tmp_path: Path, shape: tuple[int, ...]) -> None:
    path = _npz_with_header(tmp_path / "liar.npz", shape)
    tracemalloc.start()
    with pytest.raises(InputError, match=r"liar.npz: array 'poses' claims \d+ bytes"):
        read_motion(path)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_a_header_that_is_no_python_is_refused(tmp_path: Path) -> None:
    path = _npz_with_header(tmp_path / "text.npz", (4, 165))
    for text in (b"{'descr': (((", b"{'shape': '\\", b"import os", b"{'descr': '<f8', 'fortran_order': 0, 'shape': 4}"):
        header = b"\x93NUMPY\x01\x00" + len(text).to_bytes(2, "little") + text
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("poses.npy", header)
        with pytest.raises(InputError, match=r"text\.npz: array 'poses' has no readable npy header"):
            read_motion(path)


def test_a_bomb_is_refused_by_its_unpacked_size(tmp_path: Path) -> None:
    path = tmp_path / "bomb.npz"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("poses.npy", bytes(80 << 20))
    assert path.stat().st_size < 1 << 20
    with pytest.raises(InputError, match="unpacks to"):
        read_motion(path)


@pytest.mark.parametrize("content", [b"", b"RIFF", b"PK\x03\x04 not a zip", b"\x93NUMPY\x01\x00"])
def test_what_is_no_npz_is_refused(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.npz"
    path.write_bytes(content)
    with pytest.raises(InputError, match=r"x\.npz: not a whole npz"):
        read_motion(path)


def test_a_damaged_npz_is_refused(tmp_path: Path) -> None:
    path = _stand(tmp_path / "cut.npz", poses=_poses(50), trans=np.ones((50, 3)))
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match="not a whole npz"):
        read_motion(path)
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 0xFF
    path.write_bytes(bytes(flipped))
    with pytest.raises(InputError, match=r"cut\.npz"):
        read_motion(path)


def test_missing_file_folder_and_foreign_suffix_are_input_errors(tmp_path: Path) -> None:
    (tmp_path / "folder.npz").mkdir()
    for path, fault in ((tmp_path / "no.npz", "cannot be read"), (tmp_path / "folder.npz", "not a file")):
        with pytest.raises(InputError, match=fault):
            read_motion(path)
    with pytest.raises(InputError, match=r"expected \.npz or \.bvh"):
        read_motion(tmp_path / "a.fbx")
    np.savez(tmp_path / "other.npz", motion=np.zeros(3))
    with pytest.raises(InputError, match="no array 'poses'"):
        read_motion(tmp_path / "other.npz")


@needs_data
def test_the_real_headset_file_stands_upright() -> None:
    assert ANIM is not None
    clip = read_motion(ANIM / "Smplx_user.npz")
    assert clip.frames == 30
    assert "Z up" in clip.notes[0]
    places, _ = forward(clip.root_m, clip.rotations)
    assert 1.4 < places[:, JOINT_INDEX["head"], 1].mean() < 1.6
    assert abs(places[:, [10, 11], 1].min()) < 0.05


@needs_data
def test_the_real_reply_file_is_y_up_and_faces_forward() -> None:
    assert ANIM is not None
    clip = read_motion(ANIM / "Smplx_ai.npz")
    assert clip.frames == 236
    assert "Y up" in clip.notes[0]
    assert abs(np.degrees(quat.yaw_of(clip.rotations[0, 0]))) < 10

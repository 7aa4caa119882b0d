"""Readers of other people's files: ASF/AMC, AMASS, Inter-X pairs, HumanML3D; and what a wrong file is told."""

import os
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from solami_datasets.checks import check_clip, put_on_floor
from solami_datasets.items import find_items
from solami_datasets.reading import read_file, read_item
from solami_datasets.recipe import Source
from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import JOINT_COUNT, JOINT_INDEX, PELVIS_HEIGHT_M
from solami_tokenizers.motion import forward, read_motion
from solami_tokenizers.motion.amass import read_amass_npz
from solami_tokenizers.motion.asf_amc import find_asf, parse_asf_amc, read_asf_amc
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.humanml3d import clip_of_positions, positions_of, read_humanml3d
from solami_tokenizers.motion.relative import relative_features

DATA = Path(os.environ["SOLAMI_DATA"]) / "motion" if os.environ.get("SOLAMI_DATA") else None
needs_data = pytest.mark.skipif(DATA is None, reason="SOLAMI_DATA is not set")

BONES = {  # name: parent, direction, length, axis, dof
    "lfemur": ("root", "0 -1 0", 7, "0 0 20", "rx ry rz"),
    "ltibia": ("lfemur", "0 -1 0", 7, "0 0 20", "rx"),
    "lfoot": ("ltibia", "0 0 1", 2, "-90 0 20", "rx rz"),
    "lowerback": ("root", "0 1 0", 4, "30 0 0", "rx ry rz"),
}


def asf(angle: str = "deg", dof: str = "rx ry rz") -> str:
    lines = [":version 1.10", ":units", "  mass 1.0", "  length 0.45", f"  angle {angle}", ":root"]
    lines += ["  order TX TY TZ RX RY RZ", "  axis XYZ", "  position 0 1 0", "  orientation 0 0 0", ":bonedata"]
    for name, (_, direction, length, axis, own) in BONES.items():
        own = dof if name == "lowerback" else own
        turn = " ".join(str(np.radians(float(a)) if angle == "rad" else float(a)) for a in axis.split())
        lines += ["begin", f"name {name}", f"direction {direction}", f"length {length}", f"axis {turn} XYZ"]
        lines += [f"dof {own}", "limits (-1 1)", "       (-2 2)", "end"]
    lines += [":hierarchy", "begin"] + [f"{parent} {name}" for name, (parent, *_) in BONES.items()] + ["end"]
    return "\n".join(lines) + "\n"


AMC = """#!OML
:FULLY-SPECIFIED
:DEGREES
1
root 1 2 3 10 20 30
lfemur 40 50 60
ltibia 70
lfoot 5 6
lowerback 1 2 3
2
root 1 2 3 0 0 0
lfemur 0 0 0
"""


def rotation(x: float, y: float, z: float) -> np.ndarray:
    """Rz Ry Rx by its definition, in degrees."""
    out = np.eye(3)
    for axis, angle in enumerate(np.radians([x, y, z])):
        c, s = np.cos(angle), np.sin(angle)
        m = np.eye(3)
        i, j = [(1, 2), (2, 0), (0, 1)][axis]
        m[i, i] = m[j, j] = c
        m[i, j], m[j, i] = -s, s
        out = m @ out
    return out


def test_bones_turn_about_their_axes(tmp_path: Path) -> None:
    (tmp_path / "05.asf").write_text(asf())
    (tmp_path / "05_01.amc").write_text(AMC)
    bvh = parse_asf_amc(tmp_path / "05_01.amc", fps=120.0)
    assert (len(bvh.frames), bvh.frame_s) == (2, 1 / 120)
    names = [joint.name for joint in bvh.joints]
    places, _ = bvh.forward()
    # the rule of the format: end = start + G * direction * length, G the product of C R C^-1
    c = rotation(0, 0, 20)
    root = rotation(10, 20, 30)
    femur = root @ c @ rotation(40, 50, 60) @ c.T
    knee = np.array([1, 3, 3]) + femur @ [0, -7, 0]
    tibia = femur @ c @ rotation(70, 0, 0) @ c.T
    np.testing.assert_allclose(places[0, names.index("ltibia")], knee, atol=1e-9)
    np.testing.assert_allclose(places[0, names.index("lfoot")], knee + tibia @ [0, -7, 0], atol=1e-9)
    np.testing.assert_allclose(places[1, names.index("lfoot")], [1, 3 - 14, 3], atol=1e-9)  # left out: zero


def test_radians_are_read_as_the_skeleton_says(tmp_path: Path) -> None:
    (tmp_path / "d.asf").write_text(asf())
    (tmp_path / "r.asf").write_text(asf("rad"))
    (tmp_path / "d.amc").write_text(AMC)
    lines = []
    for line in AMC.replace(":DEGREES\n", "").splitlines():
        words = line.split()
        fixed = 4 if words[0] == "root" else 1
        lines.append(" ".join([*words[:fixed], *(str(np.radians(float(w))) for w in words[fixed:])]))
    (tmp_path / "r.amc").write_text("\n".join(lines))
    degrees, radians = (parse_asf_amc(tmp_path / f"{n}.amc", 60.0).forward()[0] for n in "dr")
    np.testing.assert_allclose(degrees, radians, atol=1e-9)


@pytest.mark.parametrize(
    ("text", "skeleton", "message"),
    [
        (AMC.replace("ltibia 70", "ltibia 70 1"), asf(), "line 7: 'ltibia 70 1'; expected a frame's number, then 1"),
        (AMC.replace("ltibia 70", "ltibja 70"), asf(), "expected a frame's number, then a bone of the skeleton"),
        (AMC.replace("ltibia 70", "ltibia x"), asf(), "'ltibia' holds something that is no number"),
        (AMC.replace("ltibia 70", "ltibia nan"), asf(), "'ltibia' is not finite in frame 0"),
        (AMC.rpartition("root")[0], asf(), "the last frame has no root; the file is truncated"),
        (":DEGREES\n", asf(), "holds 0 frames"),
        (AMC, asf(dof="tx ry rz"), "bone 'lowerback' has dof tx ry rz"),
        (AMC, asf().replace(":hierarchy", ":nothing"), "has no section :hierarchy"),
        (AMC, asf().replace("length 7\n", "length x\n"), "a bone is damaged"),
        (AMC, asf().replace("lfemur ltibia", "lfemur ltoes"), "hangs 'ltoes' from 'lfemur'"),
    ],
)
def test_damaged_amc_files_are_refused(tmp_path: Path, text: str, skeleton: str, message: str) -> None:
    (tmp_path / "a.asf").write_text(skeleton)
    (tmp_path / "a.amc").write_text(text)
    with pytest.raises(InputError, match=r"a\.a(sf|mc)") as caught:
        parse_asf_amc(tmp_path / "a.amc", 120.0)
    assert message in str(caught.value)


def test_skeletons_are_found_by_name_and_rates_must_be_told(tmp_path: Path) -> None:
    for name in ("05.asf", "07.asf"):
        (tmp_path / name).write_text(asf())
    (tmp_path / "05_01.amc").write_text(AMC)
    assert find_asf(tmp_path / "05_01.amc").name == "05.asf"
    with pytest.raises(InputError, match="which skeleton"):
        find_asf(tmp_path / "other.amc")
    with pytest.raises(InputError, match="state no frame rate"):
        read_file(tmp_path / "05_01.amc")


CMU = ("05_01", "09_06", "backflip")


@pytest.fixture(scope="module")
def cmu(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert DATA is not None
    folder = tmp_path_factory.mktemp("cmu")
    for archive in ("cmu_asfamc", "cmu_bvh"):
        with tarfile.open(DATA / f"{archive}.tar.xz") as tar:
            kept = [m for m in tar.getmembers() if m.name.endswith(".asf") or Path(m.name).stem in CMU]
            tar.extractall(folder, kept, filter="data")
    return folder


@needs_data
@pytest.mark.parametrize("name", CMU)
def test_the_same_clip_as_asf_amc_and_as_bvh(name: str, cmu: Path) -> None:
    fps = 60.0 if name == "backflip" else 120.0
    ours = read_asf_amc(next(cmu.rglob(f"{name}.amc")), fps)
    theirs = read_motion(cmu / f"cmu_bvh/{name}.bvh")
    assert (ours.frames, ours.fps) == (theirs.frames, theirs.fps)
    angle = np.degrees(quat.angle_between(ours.rotations.astype(float), theirs.rotations.astype(float)))
    assert angle.max() < 0.01  # 1.5 is asked for; the BVH files are rounded to 3 decimals
    np.testing.assert_allclose(ours.root_m, theirs.root_m, atol=1e-3)
    for side, sign in (("left", -1), ("right", 1)):  # CMU's own hinges are 30 degrees off
        bends = quat.to_rotvec(ours.rotations[:, JOINT_INDEX[f"{side}_elbow"]].astype(float)).sum(axis=0)
        assert sign * bends[1] / np.linalg.norm(bends) > 0.995


def random_pose(frames: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    poses = np.cumsum(rng.normal(0, 0.02, (frames, JOINT_COUNT, 3)), axis=0) + rng.normal(0, 0.1, (JOINT_COUNT, 3))
    poses[:, 22:25] = 0
    return poses, np.stack([np.zeros(frames), np.full(frames, PELVIS_HEIGHT_M), np.arange(frames) / 100], axis=-1)


def test_all_forms_of_smpl_parameters_give_one_clip(tmp_path: Path) -> None:
    poses, trans = random_pose(20)
    body, left, right = poses[:, 1:22], poses[:, 25:40], poses[:, 40:]
    forms: dict[str, dict[str, Any]] = {
        "x": {"poses": poses.reshape(20, 165), "mocap_frame_rate": 100},
        "h": {"poses": np.concatenate([poses[:, :22], left, right], axis=1).reshape(20, 156), "mocap_framerate": 100.0},
        "parts": {
            "root_orient": poses[:, 0],
            "pose_body": body.reshape(20, 63),
            "pose_hand": poses[:, 25:].reshape(20, 90),
        },
        "interx": {"root_orient": poses[:, 0], "pose_body": body, "pose_lhand": left, "pose_rhand": right},
    }
    clips = []
    for name, arrays in forms.items():
        np.savez(tmp_path / f"{name}.npz", trans=trans, gender="neutral", **arrays)
        clips.append(read_amass_npz(tmp_path / f"{name}.npz", fps=100.0))
    for clip in clips:
        assert clip.fps == 100.0
        np.testing.assert_allclose(np.abs(np.sum(clip.rotations * clips[0].rotations, axis=-1)), 1, atol=1e-6)
        np.testing.assert_allclose(clip.root_m, trans, atol=1e-6)
    np.savez(tmp_path / "smpl.npz", poses=np.zeros((9, 72)), trans=trans[:9], fps=30)
    assert "without fingers" in read_amass_npz(tmp_path / "smpl.npz").notes[0]


def test_z_up_files_are_turned(tmp_path: Path) -> None:
    quarter = np.array([np.pi / 2, 0, 0])  # y up to z up
    poses = np.zeros((5, 165))
    poses[:, :3] = quarter
    trans = np.tile([1.0, -2.0, PELVIS_HEIGHT_M], (5, 1))  # 2 m ahead
    np.savez(tmp_path / "z.npz", poses=poses, trans=trans, mocap_framerate=120)
    clip = read_amass_npz(tmp_path / "z.npz")
    np.testing.assert_allclose(clip.root_m[0], [1, PELVIS_HEIGHT_M, 2], atol=1e-6)
    np.testing.assert_allclose(np.abs(clip.rotations[:, 0, 3]), 1, atol=1e-6)


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"poses": np.zeros((5, 165))}, "no array 'trans'"),
        ({"poses": np.zeros((5, 165)), "trans": np.zeros((5, 3))}, "states no frame rate"),
        ({"poses": np.zeros((5, 100)), "trans": np.zeros((5, 3)), "fps": 30}, r"shape \(5, 100\)"),
        ({"poses": np.zeros((5, 156)), "trans": np.zeros((4, 3)), "fps": 30}, "5 frames, trans 4"),
        ({"poses": np.zeros((0, 156)), "trans": np.zeros((0, 3)), "fps": 30}, "holds 0 frames"),
        ({"poses": np.full((5, 156), np.nan), "trans": np.zeros((5, 3)), "fps": 30}, "not finite in frame 0"),
        ({"poses": np.zeros((5, 156)), "trans": np.zeros((5, 3)), "fps": 0}, "fps is"),
        ({"root_orient": np.zeros((5, 3)), "trans": np.zeros((5, 3)), "fps": 30}, "nor 'pose_body'"),
    ],
)
def test_damaged_smpl_files_are_refused(tmp_path: Path, arrays: dict[str, np.ndarray], message: str) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        read_amass_npz(tmp_path / "a.npz", up="y")


def test_pairs_keep_their_places_towards_each_other(tmp_path: Path) -> None:
    for person, (x, yaw) in {"P1": (0.0, 0.0), "P2": (0.5, np.pi)}.items():
        poses = np.zeros((60, JOINT_COUNT, 3))
        poses[:, 0, 1] = yaw
        folder = tmp_path / "in/G001T000A000R000"
        folder.mkdir(parents=True, exist_ok=True)
        trans = np.tile([x, 1.3, 0.9 if person == "P2" else 0.0], (60, 1))
        np.savez(folder / f"{person}.npz", root_orient=poses[:, 0], pose_body=poses[:, 1:22], trans=trans)
    source = Source(name="pairs", kind="interx", path="x", licence="y", fps=120.0)
    (item,) = find_items(source, tmp_path / "in")
    assert item.stem == "G001T000A000R000"
    clips = put_on_floor(*read_item(item))
    assert [clip.name for clip in clips] == ["pairs/G001T000A000R000/P1", "pairs/G001T000A000R000/P2"]
    np.testing.assert_allclose(clips[0].root_m[:, 1], PELVIS_HEIGHT_M, atol=1e-3)
    seen = relative_features(*clips)[0]
    np.testing.assert_allclose(seen, [-1, 0, 0.5, 0, 0.9], atol=1e-5)  # faces me, to my left and ahead
    (tmp_path / "in/G001T000A000R000/P2.npz").unlink()
    with pytest.raises(InputError, match=r"holds P1\.npz but no P2"):
        find_items(source, tmp_path / "in")


def encode_humanml3d(places: np.ndarray, yaw: np.ndarray) -> np.ndarray:
    """The layout's definition for joint places (T, 22, 3) and headings (T,); the parts that are not read stay 0."""
    out = np.zeros((len(places) - 1, 263))
    cos, sin = np.cos(yaw), np.sin(yaw)
    for t in range(len(out)):
        out[t, 0] = -(yaw[t + 1] - yaw[t]) / 2
        step = places[t + 1, 0] - places[t, 0]
        out[t, 1] = cos[t + 1] * step[0] - sin[t + 1] * step[2]
        out[t, 2] = sin[t + 1] * step[0] + cos[t + 1] * step[2]
        out[t, 3] = places[t, 0, 1]
        way = places[t, 1:] - places[t, :1] * [1, 0, 1]
        x, z = cos[t] * way[:, 0] - sin[t] * way[:, 2], sin[t] * way[:, 0] + cos[t] * way[:, 2]
        out[t, 4:67] = np.stack([x, way[:, 1], z], axis=-1).reshape(-1)
    return out


def test_humanml3d_positions_and_rotations(tmp_path: Path) -> None:
    frames = 40
    yaw = np.linspace(0, 1.2, frames)
    turns = np.zeros((frames, JOINT_COUNT, 3))
    turns[:, 0, 1] = yaw
    turns[:, JOINT_INDEX["left_elbow"], 1] = -np.linspace(0.5, 1.6, frames)  # bent arms and knees show their twist
    turns[:, JOINT_INDEX["left_shoulder"]] = [0.3, 0.2, -0.8]
    turns[:, JOINT_INDEX["right_elbow"], 1] = 0.9
    turns[:, JOINT_INDEX["left_knee"], 0] = turns[:, JOINT_INDEX["right_knee"], 0] = 0.7
    turns[:, JOINT_INDEX["left_hip"], 0] = -0.4
    rotations = quat.from_rotvec(turns).astype(np.float32)
    root = np.stack([0.3 * np.sin(yaw), np.full(frames, 0.9), yaw], axis=-1)
    root[:, [0, 2]] -= root[0, [0, 2]]
    places = forward(root.astype(np.float32), rotations, body_only=True)[0].astype(np.float64)
    features = encode_humanml3d(places, yaw)
    np.testing.assert_allclose(positions_of(features), places[:-1], atol=1e-5)
    np.save(tmp_path / "a.npy", features)
    clip = read_humanml3d(tmp_path / "a.npy")
    assert clip.fps == 20.0
    assert "approximate" in clip.notes[0]
    back = forward(clip.root_m, clip.rotations, body_only=True)[0]
    np.testing.assert_allclose(back, places[:-1], atol=2e-4)  # our own bone lengths: the same places
    shown = [JOINT_INDEX[n] for n in ("pelvis", "left_shoulder", "left_elbow", "right_elbow", "left_hip", "left_knee")]
    angle = np.degrees(quat.angle_between(clip.rotations[:, shown], rotations[:-1, shown]))
    assert angle.max() < 2  # our thigh and shin do not lie quite in one line at rest


def test_straight_limbs_do_not_spin() -> None:
    frames = 60
    turns = np.zeros((frames, JOINT_COUNT, 3))
    turns[:, JOINT_INDEX["left_elbow"], 1] = -0.05 * np.sin(np.arange(frames))  # a straight arm that trembles
    rotations = quat.from_rotvec(turns).astype(np.float32)
    root = np.tile(np.float32([0, PELVIS_HEIGHT_M, 0]), (frames, 1))
    clip = clip_of_positions(forward(root, rotations, body_only=True)[0].astype(float), 20.0, "straight")
    steps = np.degrees(quat.angle_between(clip.rotations[1:], clip.rotations[:-1]))
    assert steps.max() < 6


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.zeros((5, 262)), r"holds \(5, 262\)"),
        (np.zeros((0, 263)), r"holds \(0, 263\)"),
        (np.full((5, 263), np.nan), "frame 0"),
        (np.zeros((5, 263)), "normalised features"),
    ],
)
def test_damaged_humanml3d_files_are_refused(tmp_path: Path, array: np.ndarray, message: str) -> None:
    np.save(tmp_path / "a.npy", array)
    with pytest.raises(InputError, match=message):
        read_humanml3d(tmp_path / "a.npy")
    (tmp_path / "b.npy").write_bytes(b"nothing")
    with pytest.raises(InputError, match="not a numpy file"):
        read_humanml3d(tmp_path / "b.npy")


@needs_data
def test_the_humanml3d_sample_comes_out_where_its_joints_are() -> None:
    assert DATA is not None
    folder = DATA / "humanml3d_sample"
    features, joints = (np.load(folder / f"012314_{n}.npy").astype(float) for n in ("vec263", "joints22"))
    np.testing.assert_allclose(positions_of(features), joints, atol=1e-5)
    clip = read_humanml3d(folder / "012314_vec263.npy")
    back = forward(clip.root_m, clip.rotations, body_only=True)[0]
    error = np.linalg.norm((back - back[:, :1]) - (joints - joints[:, :1]), axis=-1)
    assert error.mean() < 0.045  # another body's bones; the directions are exact
    assert not [f for f in check_clip(put_on_floor(clip)[0]).findings if f.code in ("knees", "units", "up")]


@needs_data
def test_a_mirror_image_is_told_from_a_right_handed_file(tmp_path: Path, cmu: Path) -> None:
    text = (cmu / "cmu_bvh/09_06.bvh").read_text()
    path = tmp_path / "a.bvh"
    path.write_text(text)
    assert read_file(path).frames == 141
    # left and right exchanged in the names: what a left-handed export looks like
    head, motion, body = text.partition("MOTION")
    swapped = [
        line.replace(" l", " #").replace(" r", " l").replace(" #", " r") if "JOINT" in line else line
        for line in head.splitlines()
    ]
    path.write_text("\n".join(swapped) + "\n" + motion + body)
    with pytest.raises(InputError, match="left-handed file, or left and right swapped"):
        read_file(path)


def test_forward_bending_knees_are_remarked() -> None:
    turns = np.zeros((60, JOINT_COUNT, 3))
    for bend, expected in ((0.8, set()), (-0.8, {"knees"})):
        turns[:, [JOINT_INDEX["left_knee"], JOINT_INDEX["right_knee"]], 0] = bend + np.linspace(0, 0.1, 60)[:, None]
        root = np.tile(np.float32([0, PELVIS_HEIGHT_M, 0]), (60, 1))
        clip = Clip(name="k", root_m=root, rotations=quat.from_rotvec(turns).astype(np.float32), fps=30.0)
        found = {f.code for f in check_clip(put_on_floor(clip)[0]).findings}
        assert found == expected

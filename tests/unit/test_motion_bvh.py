"""BVH files of any rig: what the parser takes and refuses, and whether bodies keep their directions."""

import os
import tarfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import JOINT_INDEX, rest_positions
from solami_tokenizers.motion import Clip, forward, read_motion
from solami_tokenizers.motion.bvh import BvhLimits, parse_bvh
from solami_tokenizers.motion.bvh_names import JointName, map_joints, split_name

MOTION = Path(os.environ["SOLAMI_DATA"]) / "motion" if "SOLAMI_DATA" in os.environ else None

# a small upright rig in cm with names of our own body, Z X Y
_RIG = {
    "Hips": (None, (0, 95, 0)),
    "Spine": ("Hips", (0, 20, 0)),
    "Chest": ("Spine", (0, 15, 0)),
    "Neck": ("Chest", (0, 20, 0)),
    "Head": ("Neck", (0, 10, 0)),
}
for _side, _x in (("Left", 1), ("Right", -1)):
    _RIG |= {
        f"{_side}Shoulder": ("Chest", (6 * _x, 15, 0)),
        f"{_side}Arm": (f"{_side}Shoulder", (11 * _x, 2, 0)),
        f"{_side}ForeArm": (f"{_side}Arm", (26 * _x, 0, 0)),
        f"{_side}Hand": (f"{_side}ForeArm", (25 * _x, 0, 0)),
        f"{_side}UpLeg": ("Hips", (9 * _x, -5, 0)),
        f"{_side}Leg": (f"{_side}UpLeg", (0, -42, 0)),
        f"{_side}Foot": (f"{_side}Leg", (0, -40, 0)),
        f"{_side}ToeBase": (f"{_side}Foot", (0, -6, 13)),
    }


def _bvh(
    path: Path,
    rows: list[dict[str, tuple[float, float, float]]],
    *,
    rig: dict = _RIG,
    swap: bool = False,
    scale: float = 1.0,
    head: str = "",
) -> Path:
    """Write a rig; `rows` hold Z X Y degrees by joint. `swap` writes it Z up (x, -z, y), `scale` changes the unit."""
    order: list[str] = []

    def vector(v: tuple[float, float, float]) -> str:
        x, y, z = (c * scale for c in v)
        return f"{x} {-z} {y}" if swap else f"{x} {y} {z}"

    def joint(name: str, depth: int) -> str:
        order.append(name)
        pad = "  " * depth
        channels = "CHANNELS 3 Zrotation Xrotation Yrotation"
        if swap:  # the same turns in the turned axes: y' = -z, z' = y
            channels = "CHANNELS 3 Yrotation Xrotation Zrotation"
        if rig[name][0] is None:
            channels = channels.replace("3", "6 Xposition Yposition Zposition")
        text = f"{pad}{'ROOT' if depth == 0 else 'JOINT'} {name}\n{pad}{{\n{pad}  OFFSET {vector(rig[name][1])}\n"
        text += f"{pad}  {channels}\n"
        children = [n for n, (parent, _) in rig.items() if parent == name]
        text += "".join(joint(c, depth + 1) for c in children)
        if not children:
            text += f"{pad}  End Site\n{pad}  {{\n{pad}    OFFSET 0 0 0\n{pad}  }}\n"
        return text + f"{pad}}}\n"

    text = "HIERARCHY\n" + joint("Hips", 0)
    lines = []
    for row in rows:
        numbers = [vector((0, 95, 0))]
        for name in order:
            z, x, y = row.get(name, (0, 0, 0))
            numbers.append(f"{-z} {x} {y}" if swap else f"{z} {x} {y}")
        lines.append(" ".join(numbers))
    text += f"MOTION\nFrames: {len(rows)}\nFrame Time: 0.0083333\n" + "\n".join(lines) + "\n"
    path.write_text(head + text)
    return path


def _place(clip: Clip, joint: str) -> np.ndarray:
    return forward(clip.root_m, clip.rotations)[0][:, JOINT_INDEX[joint]]


def test_the_t_pose_of_a_rig_is_our_t_pose(tmp_path: Path) -> None:
    clip = read_motion(_bvh(tmp_path / "t.bvh", [{}] * 3))
    assert np.degrees(quat.angle_between(clip.rotations, quat.IDENTITY)).max() < 12  # bones of slightly other slope
    places, _ = forward(clip.root_m, clip.rotations)
    assert np.abs(places[:, :22] - rest_positions()[:22]).max() < 0.05
    assert clip.fps == 120.0


def test_turns_reach_the_right_joint(tmp_path: Path) -> None:
    """A raised and bent left arm, a knee and a look to the left, in the axes that the file names."""
    row = {
        "LeftArm": (80.0, 0.0, 0.0),
        "LeftForeArm": (0.0, 0.0, -40.0),
        "RightLeg": (0.0, 60.0, 0.0),
        "Head": (0.0, 0.0, 50.0),
    }
    clip = read_motion(_bvh(tmp_path / "a.bvh", [row]))
    shoulder, elbow, wrist = (_place(clip, f"left_{p}")[0] for p in ("shoulder", "elbow", "wrist"))
    assert elbow[1] - shoulder[1] > 0.24  # up
    # the forearm turned by -40 about y, then with the arm by 80 about z: forward by sin 40
    np.testing.assert_allclose((wrist - elbow)[2] / 0.25, np.sin(np.radians(40)), atol=0.03)
    knee, ankle = _place(clip, "right_knee")[0], _place(clip, "right_ankle")[0]
    assert (ankle - knee)[2] < -0.3  # a knee bends backwards
    _, turns = forward(clip.root_m, clip.rotations)
    assert np.degrees(quat.yaw_of(turns[0, JOINT_INDEX["head"]])) == pytest.approx(50, abs=0.5)


def test_axes_and_units_of_the_file_do_not_matter(tmp_path: Path) -> None:
    rows = [{"LeftArm": (30.0, 10.0, 20.0), "RightUpLeg": (5.0, -40.0, 0.0), "Hips": (0.0, 10.0, 30.0)}] * 2
    plain = read_motion(_bvh(tmp_path / "plain.bvh", rows))
    other = read_motion(_bvh(tmp_path / "z_up_in_inches.bvh", rows, swap=True, scale=1 / 2.54))
    assert "Z up" in other.notes[0]
    assert np.degrees(quat.angle_between(plain.rotations, other.rotations)).max() < 0.05
    np.testing.assert_allclose(plain.root_m, other.root_m, atol=1e-4)


def test_a_root_above_the_hips_and_moving_positions_count(tmp_path: Path) -> None:
    rig = {"Reference": (None, (0, 0, 0))} | {n: ("Reference" if p is None else p, o) for n, (p, o) in _RIG.items()}
    path = _bvh(tmp_path / "plain.bvh", [{}] * 2)
    base = read_motion(path)
    text = path.read_text().replace(
        "ROOT Hips", "ROOT Reference\n{\nOFFSET 0 0 0\nCHANNELS 3 Xposition Zposition Yrotation\nJOINT Hips", 1
    )
    head, body = text.split("MOTION")
    lines = body.strip().split("\n")
    lines[2:] = ["100 50 90 " + line for line in lines[2:]]
    moved = tmp_path / "moved.bvh"
    moved.write_text(head + "}\nMOTION\n" + "\n".join(lines) + "\n")
    clip = read_motion(moved)
    assert len(rig) == len(parse_bvh(moved).joints)
    shift = clip.root_m[0] - base.root_m[0]
    scale = (_place(clip, "left_hip") - _place(clip, "left_ankle"))[0, 1] / 82
    np.testing.assert_allclose(shift[[0, 2]], np.array([100, 50]) * scale, rtol=0.02)
    assert np.degrees(quat.yaw_of(clip.rotations[0, 0])) == pytest.approx(90, abs=0.1)


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Bip01 L UpperArm", JointName("left", "upperarm")),
        ("mixamorig:LeftForeArm", JointName("left", "forearm")),
        ("Hand_R", JointName("right", "hand")),
        ("lfemur", JointName("left", "femur")),
        ("J_Bip_L_UpperArm", JointName("left", "upperarm")),
        ("RightHandIndex2", JointName("right", "handindex", 2)),
        ("left_hip", JointName("left", "hip")),
        ("Spine1", JointName("", "spine", 1)),
        ("ring", JointName("", "ring")),
        ("lowerback", JointName("", "lowerback")),
    ],
)
def test_names_come_apart(name: str, parts: JointName) -> None:
    assert split_name(name) == parts


def _edited(path: Path, old: str, new: str) -> Path:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))
    return path


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("HIERARCHY", "HIERARCH", "does not start with HIERARCHY"),
        ("MOTION", "MOVE", "no MOTION section"),
        ("Frames: 3", "Frames: 4", r"claims 4 frames of \d+ numbers but holds 3 frames; the file is truncated"),
        ("Frames: 3", "Frames: 2", "the header does not fit the data"),
        ("Frames: 3", "Frames: 900000000", "claims 900000000 frames"),
        ("Frames: 3", "Frames: 0", "claims 0 frames"),
        ("Frames: 3", "Frames: many", "after MOTION stands"),
        ("Frame Time: 0.0083333", "Frame Time: 0", "after MOTION stands"),
        ("0.0083333\n0.0", "0.0083333\nnan", "not finite in frame 0"),
        ("0.0083333\n0.0", "0.0083333\nleft", "no number"),
        ("CHANNELS 3 Zrotation", "CHANNELS 3 Wrotation", "channels 3 Wrotation"),
        ("CHANNELS 3", "CHANNELS 4000000", "channels 4000000"),
        ("OFFSET 0.0 20", "OFFSET 0.0 high", "'high.0' in joint 'Spine'; expected a number"),
        ("OFFSET 0.0 20", "OFFSET 0.0 1e300", "expected a number"),
        ("0.0083333\n0.0", "0.0083333\n1e300", "the frames reach 1e\\+300"),
        ("OFFSET 25.0 0.0", "OFFSET 0.0 0.0", r"joint 'LeftForeArm' \(left_elbow\) has no bone"),
        ("JOINT Spine", "JOIN Spine", "unexpected 'JOIN'"),
        ("LeftUpLeg", "Tentacle", "no joint found for left_hip"),
        ("JOINT Head", "JOINT Antenna", "no joint found for head"),
    ],
)
def test_a_bad_file_is_refused_by_name_and_fault(tmp_path: Path, old: str, new: str, fault: str) -> None:
    path = _edited(_bvh(tmp_path / "broken.bvh", [{}] * 3), old, new)
    with pytest.raises(InputError, match=fault) as caught:
        read_motion(path)
    assert "broken.bvh" in str(caught.value)


def test_every_cut_of_a_file_is_refused(tmp_path: Path) -> None:
    path = _bvh(tmp_path / "cut.bvh", [{}] * 3)
    text = path.read_text()
    for end in range(0, len(text) - 8, 97):
        path.write_text(text[:end])
        with pytest.raises(InputError, match=r"cut\.bvh"):
            read_motion(path)


def test_limits_hold(tmp_path: Path) -> None:
    path = _bvh(tmp_path / "big.bvh", [{}] * 3)
    for limits, fault in (
        (BvhLimits(file_bytes=100), "at most 100 are read"),
        (BvhLimits(joints=5), "more than 5 joints"),
        (BvhLimits(frames=2), "expected 1 to 2"),
    ):
        with pytest.raises(InputError, match=fault):
            parse_bvh(path, limits)
    path.write_bytes(b"\xff\xfe\x00binary")
    with pytest.raises(InputError, match="not a text file"):
        read_motion(path)


# ---- real rigs -----------------------------------------------------------------------------------------------------

_REAL = {
    "bandai1.tar.xz": ("bvh/dataset-1_bye_normal_001.bvh", "bvh/dataset-1_run_normal_001.bvh"),
    "cmu_bvh.tar.xz": ("05_01.bvh", "09_06.bvh"),
    "animated_drawings_bvh.tar.xz": ("cmu1/jumping_jacks.bvh", "fair1/wave_hello.bvh", "rokoko/jesse_dance.bvh"),
}


@pytest.fixture(scope="module")
def real(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    if MOTION is None:
        pytest.skip("SOLAMI_DATA is not set")
    out = tmp_path_factory.mktemp("rigs")
    for archive, names in _REAL.items():
        with tarfile.open(MOTION / archive) as tar:
            stem = archive.split(".")[0]
            for member in tar:
                if member.name.removeprefix(f"{stem}/") in names:
                    tar.extract(member, out, filter="data")
    return {p.stem: p for p in out.rglob("*.bvh")}


@pytest.mark.parametrize("name", [Path(n).stem for names in _REAL.values() for n in names])
def test_limbs_point_where_the_file_points(real: dict[str, Path], name: str) -> None:
    bvh = parse_bvh(real[name])
    joints = map_joints(bvh)
    theirs, _ = bvh.forward()
    clip = read_motion(real[name])
    if "Z up" in clip.notes[0]:
        theirs = np.stack([theirs[..., 0], theirs[..., 2], -theirs[..., 1]], axis=-1)
    ours, _ = forward(clip.root_m, clip.rotations)
    chains = (("collar", "shoulder", "elbow", "wrist"), ("hip", "knee", "ankle"))
    bones = [(f"{s}_{a}", f"{s}_{b}") for s in ("left", "right") for c in chains for a, b in pairwise(c)]
    for a, b in bones:
        u = theirs[:, joints[b]] - theirs[:, joints[a]]
        v = ours[:, JOINT_INDEX[b]] - ours[:, JOINT_INDEX[a]]
        cosine = np.sum(u * v, axis=1) / np.linalg.norm(u, axis=1) / np.linalg.norm(v, axis=1)
        assert np.degrees(np.arccos(np.clip(cosine, -1, 1))).max() < 0.5, (a, b)
    trunk = ours[:, JOINT_INDEX["neck"]] - ours[:, 0]
    other = theirs[:, joints["neck"]] - theirs[:, joints["pelvis"]]
    cosine = np.sum(trunk * other, axis=1) / np.linalg.norm(trunk, axis=1) / np.linalg.norm(other, axis=1)
    assert np.degrees(np.arccos(cosine)).mean() < 10
    lowest = ours[:, [7, 8, 10, 11], 1].min(axis=1)
    assert -0.05 < np.quantile(lowest, 0.02) < 0.05


def _palm(clip: Clip, side: str) -> np.ndarray:
    """Where the palm looks, in the pelvis' frame: down in the T-pose."""
    _, turns = forward(clip.root_m, clip.rotations)
    world = quat.rotate(turns[:, JOINT_INDEX[f"{side}_wrist"]], np.array([0, -1, 0], dtype=np.float32))
    return quat.rotate(quat.conjugate(turns[:, 0]), world)


@pytest.mark.parametrize("name", ["dataset-1_bye_normal_001", "wave_hello"])
def test_the_palm_of_a_waving_hand_looks_forward(real: dict[str, Path], name: str) -> None:
    clip = read_motion(real[name])
    places, _ = forward(clip.root_m, clip.rotations)
    raised = places[:, JOINT_INDEX["right_wrist"], 1] > places[:, JOINT_INDEX["right_elbow"], 1] + 0.1
    assert raised.sum() > 30
    assert _palm(clip, "right")[raised].mean(axis=0)[2] > 0.7
    # and a hanging hand looks at the thigh: the right one to the left, the left one to the right
    assert _palm(clip, "right")[-1][0] > 0.3
    assert _palm(clip, "left")[-1][0] < -0.3


def test_the_way_in_the_root_joint_is_walked(real: dict[str, Path]) -> None:
    """In this looped run the way lies in joint_Root's Z position and the hips stay in place (200 cm)."""
    clip = read_motion(real["dataset-1_run_normal_001"])
    assert clip.root_m[-1, 2] - clip.root_m[0, 2] > 1.5

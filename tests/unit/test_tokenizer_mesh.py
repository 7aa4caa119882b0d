"""Meshes of decoded motion: the avatar's animation holds the clip; an SMPL-X model stands where its joints are."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest

from solami.headset.avatar import build_glb
from solami.headset.avatar.animate import animated
from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS, JOINT_COUNT, JOINTS, PARENTS, rest_positions
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.kinematics import forward


def clip(frames: int = 40) -> Clip:
    rng = np.random.default_rng(0)
    swing = np.sin(np.arange(frames) / 7)[:, None, None] * rng.normal(0, 0.4, (1, JOINT_COUNT, 3))
    swing[:, 22:25] = 0  # the face does not move
    root = np.stack([np.linspace(0, 1, frames), np.full(frames, 0.95), np.linspace(2, 3, frames)], axis=-1)
    turns = quat.from_rotvec(swing).astype(np.float32)
    return Clip(name="swing", root_m=root.astype(np.float32), rotations=turns, fps=float(FPS))


def test_the_avatar_moves_as_the_clip_does() -> None:
    made = clip()
    glb = animated(build_glb(), made.root_m, made.rotations, made.fps)
    length = struct.unpack_from("<I", glb, 12)[0]
    document, data = json.loads(glb[20 : 20 + length]), glb[28 + length :]
    assert struct.unpack_from("<I", glb, 8)[0] == len(glb)

    def array(accessor: int) -> np.ndarray:
        entry = document["accessors"][accessor]
        first = document["bufferViews"][entry["bufferView"]]["byteOffset"]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[entry["type"]]
        return np.frombuffer(data, "<f4", entry["count"] * width, first).reshape(entry["count"], width)

    animation = document["animations"][0]
    root, turns = np.zeros((40, 3)), np.tile(quat.IDENTITY, (40, JOINT_COUNT, 1))
    for channel in animation["channels"]:
        sampler, target = animation["samplers"][channel["sampler"]], channel["target"]
        np.testing.assert_allclose(array(sampler["input"])[:, 0], np.arange(40) / FPS, atol=1e-6)
        joint = JOINTS.index(document["nodes"][target["node"]]["name"])
        if target["path"] == "translation":
            root = array(sampler["output"])
        else:
            turns[:, joint] = array(sampler["output"])
    assert len(animation["channels"]) == 1 + JOINT_COUNT - 3
    np.testing.assert_allclose(forward(root, turns)[0], forward(made.root_m, made.rotations)[0], atol=1e-5)


def test_what_is_no_glb_is_refused() -> None:
    made = clip(4)
    for data in (b"", b"glTF", build_glb()[:-5]):
        with pytest.raises(InputError, match="binary glTF"):
            animated(data, made.root_m, made.rotations, made.fps)


def write_model(path: Path) -> None:
    """An SMPL-X model whose vertices lie on our joints at rest, as often as needed: posed they are posed joints."""
    vertices = 10_475  # the package picks landmarks by their number
    joint = np.arange(vertices) % JOINT_COUNT
    parents = PARENTS.astype(np.int64).copy()
    parents[0] = -1
    np.savez(
        path,
        v_template=rest_positions().astype(np.float64)[joint],
        f=np.random.default_rng(1).integers(0, vertices, (80, 3)).astype(np.uint32),
        J_regressor=np.eye(JOINT_COUNT, vertices),
        weights=np.eye(JOINT_COUNT)[joint],
        posedirs=np.zeros((vertices, 3, 9 * (JOINT_COUNT - 1))),
        shapedirs=np.zeros((vertices, 3, 400)),
        kintree_table=np.stack([parents, np.arange(JOINT_COUNT)]),
        hands_componentsl=np.eye(45),
        hands_componentsr=np.eye(45),
        hands_meanl=np.ones(45),
        hands_meanr=np.ones(45),
        lmk_faces_idx=np.zeros(51, np.int64),
        lmk_bary_coords=np.full((51, 3), 1 / 3),
        dynamic_lmk_faces_idx=np.zeros((79, 17), np.int64),
        dynamic_lmk_bary_coords=np.full((79, 17, 3), 1 / 3),
    )


def test_an_smplx_body_stands_where_its_joints_are(tmp_path: Path) -> None:
    trimesh = pytest.importorskip("trimesh", reason="extra smplx is not installed")
    pytest.importorskip("smplx", reason="extra smplx is not installed")
    from solami_tokenizers.motion.body_mesh import smplx_glb

    write_model(tmp_path / "SMPLX_NEUTRAL.npz")
    made = clip(33)
    (tmp_path / "out.glb").write_bytes(smplx_glb(made, tmp_path, every=10))
    scene = trimesh.load_scene(tmp_path / "out.glb")
    assert sorted(scene.geometry) == ["frame_00000", "frame_00010", "frame_00020", "frame_00030"]
    places = forward(made.root_m, made.rotations)[0]
    for at in (0, 10, 30):
        vertices = np.asarray(scene.geometry[f"frame_{at:05d}"].vertices)
        np.testing.assert_allclose(vertices[:JOINT_COUNT], places[at], atol=1e-4)
    (tmp_path / "broken.npz").write_bytes(b"no model")
    with pytest.raises(InputError, match=r"broken\.npz: not an SMPL-X model"):
        smplx_glb(made, tmp_path / "broken.npz")
    with pytest.raises(InputError, match="not an SMPL-X model"):
        smplx_glb(made, tmp_path / "nothing")

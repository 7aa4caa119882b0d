"""Meshes of a licensed SMPL-X body in the poses of a clip, as one GLB: packages `smplx` and `trimesh`, extra `smplx`.

The model file (`SMPLX_NEUTRAL.npz`) is licensed by its makers and does not come with this project; without it,
`solami tokenizer decode --mesh` takes the built-in avatar, which also moves. The package unpickles parts of the file:
load none from strangers.
"""

import zipfile
from pathlib import Path

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError, MissingExtra
from solami_tokenizers.motion.clip import Clip

__all__ = ["smplx_glb"]

_BODY, _JAW, _LEFT, _RIGHT = slice(1, 22), slice(22, 25), slice(25, 40), slice(40, 55)
_BATCH = 64


def smplx_glb(clip: Clip, model: Path, every: int = 15) -> bytes:
    """Return a GLB with the body's mesh in every `every`-th frame, each where it stood, named `frame_00015`.

    model: an SMPL-X model file, or the folder that holds `SMPLX_NEUTRAL.npz`. Raises InputError when it is none,
    MissingExtra without the packages.
    """
    try:
        import smplx
        import torch
        import trimesh
    except ImportError as exc:
        raise MissingExtra(
            f"{exc.name} is not installed: pip install 'solami[smplx]'; without it --mesh writes the built-in avatar"
        ) from exc
    file = model / "SMPLX_NEUTRAL.npz" if model.is_dir() else model
    if not zipfile.is_zipfile(file):
        raise InputError(f"{file}: not an SMPL-X model; expected SMPLX_NEUTRAL.npz as its makers give it out")
    frames = np.arange(0, clip.frames, every)
    turns = quat.to_rotvec(clip.rotations[frames].astype(np.float64)).astype(np.float32)
    try:
        # mocap poses: all finger joints, zero is a flat hand (see the package's issues 150 and 192)
        body = smplx.SMPLX(str(file), ext="npz", use_pca=False, flat_hand_mean=True, batch_size=1)
        pelvis = body().joints[0, 0].detach().numpy()
        scene = trimesh.Scene()
        for part in np.array_split(np.arange(len(frames)), -(-len(frames) // _BATCH)):
            posed = body(**_parameters(torch, turns[part], clip.root_m[frames[part]] - pelvis))
            for at, vertices in zip(frames[part], posed.vertices.detach().numpy(), strict=True):
                mesh = trimesh.Trimesh(vertices, body.faces, process=False)
                scene.add_geometry(mesh, node_name=f"frame_{at:05d}", geom_name=f"frame_{at:05d}")
    except (OSError, AssertionError, KeyError, ValueError, RuntimeError) as exc:
        raise InputError(f"{file}: not an SMPL-X model that smplx reads ({type(exc).__name__}: {exc})") from exc
    return scene.export(file_type="glb")


def _parameters(torch: object, turns: np.ndarray, transl: np.ndarray) -> dict[str, object]:
    """Return what smplx takes for rotation vectors (N, 55, 3); every parameter needs the batch's size."""
    count = len(turns)

    def flat(part: slice) -> object:
        return torch.from_numpy(turns[:, part].reshape(count, -1))  # type: ignore[attr-defined]

    zeros = torch.zeros(count, 10)  # type: ignore[attr-defined]
    face = torch.from_numpy(turns[:, _JAW])  # type: ignore[attr-defined]
    return {
        "global_orient": flat(slice(0, 1)),
        "body_pose": flat(_BODY),
        "jaw_pose": face[:, 0],
        "leye_pose": face[:, 1],
        "reye_pose": face[:, 2],
        "left_hand_pose": flat(_LEFT),
        "right_hand_pose": flat(_RIGHT),
        "transl": torch.from_numpy(transl.astype(np.float32)),  # type: ignore[attr-defined]
        "betas": zeros,
        "expression": zeros,
    }

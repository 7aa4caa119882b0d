"""A clip as a mesh file: the built-in avatar, moving, or a licensed SMPL-X body."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from solami_tokenizers.motion.clip import Clip

__all__ = ["write_mesh"]


def write_mesh(path: Path, clip: "Clip", body_model: Path | None) -> None:
    """Write a `.glb`; raises InputError for another suffix or a model that is none."""
    from solami_protocol.errors import InputError

    if path.suffix.lower() != ".glb":
        raise InputError(f"{path}: '{path.suffix}' cannot be written; expected .glb")
    if body_model is not None:
        from solami_tokenizers.motion.body_mesh import smplx_glb

        data = smplx_glb(clip, body_model)
    else:
        from solami.headset.avatar import build_glb
        from solami.headset.avatar.animate import animated

        data = animated(build_glb(), clip.root_m, clip.rotations, clip.fps, clip.name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)

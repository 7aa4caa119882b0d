"""The avatar that ships: a stylised character, modelled by this package and written as GLB or VRM 1.0."""

from solami.headset.avatar.build import build_glb, build_vrm
from solami.headset.avatar.look import Look

__all__ = ["Look", "build_glb", "build_vrm"]

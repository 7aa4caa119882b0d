"""The avatar that ships: a stylised character, modelled by this package and written as one GLB file."""

from solami.headset.avatar.build import build_glb
from solami.headset.avatar.look import Look

__all__ = ["Look", "build_glb"]

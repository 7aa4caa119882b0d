"""All parts of a character put together."""

from solami.headset.avatar.body import shoes, top, trousers
from solami.headset.avatar.glb import write_glb
from solami.headset.avatar.hands import hands
from solami.headset.avatar.head import head_parts
from solami.headset.avatar.look import Look
from solami.headset.avatar.mesh import Part

__all__ = ["build_glb", "build_parts"]


def build_parts(look: Look) -> list[Part]:
    """Return the character's surfaces in the T-pose."""
    return [top(), trousers(), *shoes(), *hands(), *head_parts(look)]


def build_glb(look: Look | None = None, name: str = "avatar") -> bytes:
    """Return the character as glTF 2.0 binary: 55 joints, 52 face shapes; the same bytes for the same look."""
    look = look or Look()
    return write_glb(build_parts(look), look, name)

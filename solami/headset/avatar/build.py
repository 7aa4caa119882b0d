"""All parts of a character put together."""

from dataclasses import replace

import numpy as np

from solami.headset.avatar.automaton import body_fittings, head_fittings
from solami.headset.avatar.body import shoes, top, trousers
from solami.headset.avatar.glb import write_glb
from solami.headset.avatar.hair import hair
from solami.headset.avatar.hands import hands
from solami.headset.avatar.head import head_parts
from solami.headset.avatar.headform import HEAD
from solami.headset.avatar.look import Look
from solami.headset.avatar.mesh import Part

__all__ = ["HEAD_SCALE", "build_glb", "build_parts", "build_vrm"]

HEAD_SCALE = 1.10
NAPE = HEAD + np.array([0.0, -0.055, -0.012])


def build_parts(look: Look) -> list[Part]:
    """Return the character's surfaces in the T-pose."""
    automaton = look.kind == "automaton"
    head = [*head_parts(look), *(head_fittings() if automaton else hair())]
    body = [top(belt=automaton), trousers(), *shoes(), *hands(), *(body_fittings() if automaton else [])]
    return [*body, *(_enlarged(p) for p in head)]


def _enlarged(part: Part) -> Part:
    """Return a part of the head at its drawn size: the skeleton's head is a grown-up's, ours is a little bigger."""
    return replace(
        part,
        positions=NAPE + (part.positions - NAPE) * HEAD_SCALE,
        morphs={name: way * HEAD_SCALE for name, way in part.morphs.items()},
    )


def build_glb(look: Look | None = None, name: str = "avatar") -> bytes:
    """Return the character as glTF 2.0 binary: 55 joints, 52 face shapes; the same bytes for the same look."""
    look = look or Look()
    return write_glb(build_parts(look), look, name)


def build_vrm(look: Look | None = None, name: str = "avatar") -> bytes:
    """Return the same character as VRM 1.0, for programs that know avatars by that standard."""
    look = look or Look()
    return write_glb(build_parts(look), look, name, vrm=True)

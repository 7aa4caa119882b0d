"""All parts of a character put together."""

from dataclasses import replace

import numpy as np

from solami.headset.avatar.automaton import body_fittings, buttons, head_fittings
from solami.headset.avatar.body import shoes, top, trousers
from solami.headset.avatar.creature import leaf_collar, leaves, long_ears, tail
from solami.headset.avatar.glb import write_glb
from solami.headset.avatar.hair import hair, hair_cap, slick_hair
from solami.headset.avatar.hands import hands
from solami.headset.avatar.head import head_parts
from solami.headset.avatar.headform import HEAD
from solami.headset.avatar.look import Kind, Look
from solami.headset.avatar.magician import bow_tie, cape, gloved, hat
from solami.headset.avatar.mesh import Part

__all__ = ["HEAD_SCALE", "build_glb", "build_parts", "build_vrm"]

HEAD_SCALE: dict[Kind, float] = {"person": 1.10, "magician": 1.10, "creature": 1.20, "automaton": 1.10}
"""How much bigger than a grown-up's each head is drawn."""
NAPE = HEAD + np.array([0.0, -0.055, -0.012])


def build_parts(look: Look) -> list[Part]:
    """Return the character's surfaces in the T-pose."""
    head = [_enlarged(part, HEAD_SCALE[look.kind]) for part in [*head_parts(look), *_on_head(look.kind)]]
    body = [top(belt=look.kind == "automaton"), trousers(), *shoes(), *hands(), *_on_body(look.kind)]
    return [*(gloved(body) if look.kind == "magician" else body), *head]


def _on_head(kind: Kind) -> list[Part]:
    match kind:
        case "person":
            return hair()
        case "magician":
            return [*slick_hair(), *hat()]
        case "creature":
            return [hair_cap(), *leaves(), *long_ears()]
        case "automaton":
            return head_fittings()


def _on_body(kind: Kind) -> list[Part]:
    match kind:
        case "person":
            return []
        case "magician":
            return [cape(), *bow_tie(), *buttons()]
        case "creature":
            return [*leaf_collar(), *tail()]
        case "automaton":
            return body_fittings()


def _enlarged(part: Part, scale: float) -> Part:
    """Return a part of the head at its drawn size: the skeleton's head is a grown-up's, ours are a little bigger."""
    return replace(
        part,
        positions=NAPE + (part.positions - NAPE) * scale,
        morphs={name: way * scale for name, way in part.morphs.items()},
    )


def build_glb(look: Look | None = None, name: str = "avatar") -> bytes:
    """Return the character as glTF 2.0 binary: 55 joints, 52 face shapes; the same bytes for the same look."""
    look = look or Look()
    return write_glb(build_parts(look), look, name)


def build_vrm(look: Look | None = None, name: str = "avatar") -> bytes:
    """Return the same character as VRM 1.0, for programs that know avatars by that standard."""
    look = look or Look()
    return write_glb(build_parts(look), look, name, vrm=True)

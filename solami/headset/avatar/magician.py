"""What makes the body a stage magician: a tall hat, a cape with a bright lining, a bow tie, white gloves."""

from dataclasses import replace

import numpy as np

from solami.headset.avatar.headform import HEAD
from solami.headset.avatar.mesh import Part, outside_out, smoothstep, tube
from solami.headset.avatar.skinning import chain, rigid, trunk
from solami.headset.avatar.solids import lathe, wire
from solami_protocol.skeleton import JOINT_INDEX

__all__ = ["bow_tie", "cape", "gloved", "hat"]

_HAT = HEAD + np.array([0.0, 0.146, -0.016])
_HAT_AXIS = np.array([0.06, 1.0, -0.10])
_WIDE = (1.0, 1.14)
_ACROSS = 17  # points from the left edge of the cape to the right
# y, half width, depth behind the spine at the middle and at the edges, depth of the folds
_CAPE = np.array(
    [
        (1.555, 0.112, -0.118, -0.030, 0.000),
        (1.515, 0.096, -0.106, -0.012, 0.000),
        (1.478, 0.100, -0.100, 0.010, 0.000),
        (1.450, 0.140, -0.118, 0.000, 0.000),
        (1.410, 0.176, -0.138, -0.040, 0.001),
        (1.340, 0.190, -0.148, -0.085, 0.003),
        (1.200, 0.198, -0.152, -0.105, 0.006),
        (1.000, 0.214, -0.172, -0.120, 0.011),
        (0.780, 0.236, -0.196, -0.138, 0.016),
        (0.560, 0.256, -0.216, -0.152, 0.021),
        (0.380, 0.270, -0.230, -0.160, 0.024),
    ]
)
_THICK_M = 0.007


def hat() -> list[Part]:
    """Return the hat, set a little askew, with its band."""
    crown = np.array(
        [(0.000, 0.090), (0.002, 0.1065), (0.060, 0.1050), (0.165, 0.1150), (0.172, 0.1120), (0.172, 0.04)]
    )
    brim = np.array([(0.004, 0.100), (0.000, 0.128), (0.005, 0.150), (0.010, 0.1525), (0.009, 0.128), (0.010, 0.100)])
    band = np.array([(0.008, 0.105), (0.009, 0.1085), (0.034, 0.1078), (0.035, 0.104)])
    shapes = (("hat", crown, "hat"), ("brim", brim, "hat"), ("band", band, "accent"))
    return [_plain(name, lathe(profile, _HAT, _HAT_AXIS, 28, _WIDE), swatch) for name, profile, swatch in shapes]


def _plain(name: str, shape: tuple[np.ndarray, np.ndarray], swatch: str, joint: str = "head") -> Part:
    positions, triangles = shape
    return Part(
        name=name,
        positions=positions,
        triangles=triangles,
        swatches=[swatch] * len(triangles),
        weights=rigid(len(positions), joint),
    )


def cape() -> Part:
    """Return the cape: a sheet with two sides that hangs from the shoulders and stands up behind the neck."""
    u = np.linspace(1, -1, _ACROSS)
    rings = []
    for y, half, middle, edge, fold in _CAPE:
        z = edge + (middle - edge) * np.sqrt(np.clip(1 - u**2, 0, 1)) + fold * np.cos(7 * np.pi * u)
        outer = np.stack([half * np.sin(u * np.pi / 2), np.full(_ACROSS, y), z], 1)
        inner = outer + np.array([0.0, 0.0, _THICK_M])
        rings.append(np.concatenate([outer, inner[::-1]]))
    positions, triangles = tube(np.stack(rings), closed_start=True, closed_end=True)
    triangles = outside_out(positions, triangles)
    column = np.max(triangles % (2 * _ACROSS), axis=1)
    inside = (np.min(triangles % (2 * _ACROSS), axis=1) >= _ACROSS) & (column < 2 * _ACROSS)
    weights = chain(positions, ("pelvis", "spine1", "spine2", "spine3"), (0.06, 0.05, 0.05))
    # below the hips it follows the thighs, which stay upright in a bow: so it hangs instead of sticking out
    hanging = smoothstep(1.06, 0.70, positions[:, 1])
    weights *= (1 - hanging)[:, None]
    left = smoothstep(-0.12, 0.12, positions[:, 0])
    weights[:, JOINT_INDEX["left_hip"]] += hanging * left
    weights[:, JOINT_INDEX["right_hip"]] += hanging * (1 - left)
    return Part(
        name="cape",
        positions=positions,
        triangles=triangles,
        swatches=["lining" if here else "cape" for here in inside],
        weights=weights,
    )


def bow_tie() -> list[Part]:
    """Return a bow tie at the collar."""
    parts = []
    for sign in (1.0, -1.0):
        line = np.array([(sign * x, 1.458, 0.047 - 0.10 * x) for x in (0.002, 0.012, 0.026, 0.040)])
        half = np.array([0.006, 0.012, 0.019, 0.020])
        parts.append(_plain("bow", wire(line, half, 8, flat=0.35, up=np.tile((0.0, 0.0, 1.0), (4, 1))), "accent"))
    knot = np.array([(0.0, 1.448, 0.048), (0.0, 1.458, 0.052), (0.0, 1.468, 0.048)])
    parts.append(_plain("knot", wire(knot, 0.009, 8, flat=0.6, up=np.tile((0.0, 0.0, 1.0), (3, 1))), "accent"))
    for part in parts:
        part.weights = np.tile(trunk(np.array([[0.0, 1.44, 0.05]])), (len(part.positions), 1))
    return parts


def gloved(parts: list[Part]) -> list[Part]:
    """Return the parts with gloves on the hands."""
    return [replace(p, swatches=["glove"] * len(p.swatches)) if p.name.endswith("hand") else p for p in parts]

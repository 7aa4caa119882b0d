"""What makes the body a small creature of the bog: leaves for hair, a bud, long ears, a collar of leaves, a tail."""

import numpy as np

from solami.headset.avatar.hair import over_head
from solami.headset.avatar.headform import HEAD
from solami.headset.avatar.mesh import Part
from solami.headset.avatar.skinning import mirrored, rigid, trunk
from solami.headset.avatar.solids import lathe, wire

__all__ = ["leaf_collar", "leaves", "long_ears", "tail"]

# azimuths (0 the front, 90 the left) of each ring of leaves; angle from the crown; length (degrees), width and lift (m)
_RINGS = (
    ((15, 75, 135, 195, 255, 315), 10, 40, 0.020, 0.030),
    ((0, 42, 84, 126, 168, 210, 252, 294, 336), 30, 42, 0.023, 0.024),
    ((24, 64, 100, 136, 172, 208, 244, 280, 318, 352), 52, 40, 0.022, 0.016),
    ((96, 124, 152, 180, 208, 236, 264), 80, 46, 0.022, 0.012),
)


def _leaf(line: np.ndarray, width: float, away: np.ndarray, swatch: str, joint: str = "head") -> Part:
    """Return a pointed leaf along points (K, 3), flat across `away`, widest at a third of its way."""
    t = np.linspace(0, 1, len(line))
    half = width * np.clip(np.sin(np.pi * t**0.75), 0.06, 1)
    positions, triangles = wire(line, half, 6, flat=0.24, up=away)
    return Part(
        name="leaf",
        positions=positions,
        triangles=triangles,
        swatches=[swatch] * len(triangles),
        weights=rigid(len(positions), joint),
    )


def leaves() -> list[Part]:
    """Return the leaves of the head, and a bud on a bent stem that rises from the crown."""
    out = []
    t = np.linspace(0, 1, 6)
    for ring, (azimuths, angle, length, width, lift) in enumerate(_RINGS):
        for k, azimuth in enumerate(azimuths):
            sway = 8 * np.sin(2.4 * k + ring)
            front = 0.72 if ring == 2 and abs((azimuth + 180) % 360 - 180) < 40 else 1.0
            along = angle + front * length * t
            # it rises from the head and its tip stands off a little
            height = 0.010 + lift * (np.sin(np.pi * 0.62 * t) + 0.35 * t**3)
            line = over_head(azimuth + sway * t, along, height) + HEAD
            away = over_head(azimuth + sway * t, along, height + 0.01) + HEAD - line
            out.append(_leaf(line, width, away, ("hair", "hair_light", "hair", "hair_deep")[(k + ring) % 4]))
    return [*out, *_bud()]


def _bud() -> list[Part]:
    root = over_head(np.zeros(1), np.zeros(1), np.zeros(1))[0] + HEAD
    t = np.linspace(0, 1, 7)[:, None]
    stem = root + np.concatenate([0.010 * np.sin(3 * t), 0.078 * t, 0.050 * t**2], 1)
    shape = wire(stem, np.linspace(0.0052, 0.0034, 7), 6)
    tip = stem[-1]
    profile = np.array(
        [(-0.004, 0.005), (0.000, 0.0125), (0.010, 0.0190), (0.022, 0.0175), (0.034, 0.0100), (0.043, 0.0020)]
    )
    bud = lathe(profile, tip, np.array([0.05, 0.85, 0.5]), 10)
    cup = lathe(profile[:3] * np.array([1.0, 1.12]), tip, np.array([0.05, 0.85, 0.5]), 10)
    return [_plain("stem", shape, "stem"), _plain("bud", bud, "bud"), _plain("cup", cup, "hair")]


def _plain(name: str, shape: tuple[np.ndarray, np.ndarray], swatch: str, joint: str = "head") -> Part:
    positions, triangles = shape
    return Part(
        name=name,
        positions=positions,
        triangles=triangles,
        swatches=[swatch] * len(triangles),
        weights=rigid(len(positions), joint),
    )


def long_ears() -> list[Part]:
    """Return both ears: long, level, a little drooping, with a rosy inside."""
    knots = np.array([(0.070, 0.046, -0.012), (0.105, 0.062, -0.016), (0.150, 0.068, -0.030), (0.198, 0.050, -0.048)])
    t = np.linspace(0, 3, 9)
    line = np.stack([np.interp(t, np.arange(4), knots[:, k]) for k in range(3)], 1) + HEAD
    line[1:-1] = (line[:-2] + 2 * line[1:-1] + line[2:]) / 4
    away = np.tile((0.25, -0.18, 1.0), (9, 1))
    share = np.linspace(0, 1, 9)
    half = np.interp(share, (0, 0.3, 0.55, 0.85, 1), (0.015, 0.030, 0.031, 0.015, 0.002))
    outer = _plain("left_ear", wire(line, half, 10, flat=0.34, up=away), "skin")
    inside = line[1:-1] + away[1:-1] / np.linalg.norm(away[0]) * (0.34 * half[1:-1, None] - 0.001)
    inner = _plain("left_ear_inner", wire(inside, half[1:-1] * 0.66, 6, flat=0.16, up=away[1:-1]), "ear_inner")
    return [outer, inner, mirrored(outer), mirrored(inner)]


def leaf_collar() -> list[Part]:
    """Return the leaves that lie around the neck of the coat."""
    out = []
    t = np.linspace(0, 1, 5)
    for k in range(11):
        a = 2 * np.pi * (k + 0.5) / 11
        reach = 0.070 + 0.062 * t
        wide = 1.0 + 0.30 * abs(np.sin(a))
        y = 1.480 - 0.040 * t - 0.018 * t**2 - 0.014 * np.cos(a) * t
        line = np.stack([reach * wide * np.sin(a), y, -0.022 + reach * np.cos(a) * 0.95], 1)
        away = np.tile((0.5 * np.sin(a), 1.0, 0.5 * np.cos(a)), (5, 1))
        leaf = _leaf(line, 0.027, away, "hair" if k % 2 else "hair_light")
        leaf.weights = trunk(leaf.positions)
        out.append(leaf)
    return out


def tail() -> list[Part]:
    """Return a thin tail that bends up again, with a tuft of three leaves."""
    knots = np.array(
        [(0, 0.93, -0.09), (0, 0.86, -0.20), (0.02, 0.72, -0.28), (0.05, 0.60, -0.40), (0.08, 0.66, -0.52)]
    )
    t = np.linspace(0, 4, 15)
    line = np.stack([np.interp(t, np.arange(5), knots[:, k]) for k in range(3)], 1)
    for _ in range(3):
        line[1:-1] = (line[:-2] + 2 * line[1:-1] + line[2:]) / 4
    parts = [_plain("tail", wire(line, np.linspace(0.026, 0.010, 15), 8), "skin", "pelvis")]
    for turn in (-0.5, 0.0, 0.5):
        way = np.array([turn * 0.6, 0.85 - abs(turn) * 0.3, -0.55])
        leaf = line[-1] + np.linspace(0, 0.13, 5)[:, None] * way / np.linalg.norm(way)
        parts.append(_leaf(leaf, 0.026, np.tile((0.8, 0.3, 0.5), (5, 1)), "hair_light" if turn else "hair", "pelvis"))
    return parts

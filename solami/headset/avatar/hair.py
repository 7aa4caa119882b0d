"""Hair as a sculpted cap with a hairline of its own and locks that sweep over it."""

import numpy as np

from solami.headset.avatar.headform import CENTRE, HEAD, onto
from solami.headset.avatar.mesh import Part, outside_out, smoothstep, tube
from solami.headset.avatar.skinning import chain

__all__ = ["hair", "hair_cap", "over_head", "slick_hair", "under_hair"]

POLE = np.array([0.0, 0.968, -0.25])  # the crown, a little behind the top
COLUMNS, ROWS = 56, 12
# azimuth from the front (degrees), angle from the crown at which the hair ends (degrees); the same on both sides
_HAIRLINE = np.array(
    [
        (0, 64),
        (28, 66),
        (46, 74),
        (58, 95),
        (70, 100),
        (80, 88),
        (92, 82),
        (106, 84),
        (118, 108),
        (140, 131),
        (180, 138),
    ]
)
# start (azimuth, angle), bend, end, width at the widest, lift at the middle: metres and degrees
_FRINGE = (
    ((24, 22), (44, 52), (58, 92), 0.017, 0.017),
    ((24, 18), (34, 50), (44, 84), 0.019, 0.020),
    ((22, 16), (20, 50), (28, 80), 0.020, 0.023),
    ((20, 15), (4, 50), (10, 78), 0.021, 0.025),
    ((18, 15), (-12, 50), (-10, 77), 0.022, 0.026),
    ((16, 16), (-26, 48), (-27, 80), 0.022, 0.025),
    ((14, 18), (-40, 50), (-42, 86), 0.021, 0.022),
    ((12, 20), (-54, 56), (-57, 95), 0.019, 0.018),
)
_SIDES = (
    ((60, 30), (70, 62), (66, 106), 0.017, 0.011),
    ((95, 35), (98, 62), (112, 96), 0.020, 0.009),
    ((115, 35), (120, 75), (128, 124), 0.021, 0.008),
    ((140, 30), (142, 80), (147, 134), 0.022, 0.008),
    ((165, 25), (164, 80), (164, 139), 0.023, 0.009),
)


def hair() -> list[Part]:
    """Return the cap and its locks."""
    locks = [_lock(*spec, swatch="hair_light" if k % 3 == 1 else "hair") for k, spec in enumerate(_FRINGE)]
    for k, spec in enumerate(_SIDES):
        (a0, t0), (a1, t1), (a2, t2), width, lift = spec
        for sign in (1, -1):
            swatch = "hair_light" if k % 2 else "hair"
            locks.append(_lock((sign * a0, t0), (sign * a1, t1), (sign * a2, t2), width, lift, swatch=swatch))
    locks.append(_lock((180, 24), (182, 84), (181, 139), 0.023, 0.010, swatch="hair"))
    locks.append(_lock((60, 16), (-60, 8), (-150, 30), 0.022, 0.008, swatch="hair"))
    return [hair_cap(), *locks]


def slick_hair() -> list[Part]:
    """Return hair combed straight back, flat enough for a hat."""
    locks = []
    for k, azimuth in enumerate((14, 40, 66)):
        for sign in (1, -1):
            path = ((sign * azimuth, 60 + 4 * k), (sign * (azimuth + 8), 34), (sign * (150 - 6 * k), 30))
            locks.append(_lock(*path, 0.019, 0.009, swatch="hair"))
    for start, bend, end, width, _ in _SIDES[2:]:
        for sign in (1, -1):
            first, middle, last = ((sign * a, t) for a, t in (start, bend, end))
            locks.append(_lock(first, middle, last, width, 0.008, swatch="hair"))
    return [hair_cap(), *locks]


def _ways(azimuth_deg: np.ndarray, angle_deg: np.ndarray) -> np.ndarray:
    """Return unit directions (V, 3) by azimuth (0 the front, 90 the left) and angle from the crown."""
    pole = POLE / np.linalg.norm(POLE)
    front = np.array([0.0, 0.0, 1.0]) - pole[2] * pole
    front /= np.linalg.norm(front)
    left = np.cross(pole, front)
    a, t = np.radians(azimuth_deg), np.radians(angle_deg)
    flat = np.cos(a)[:, None] * front + np.sin(a)[:, None] * left
    return np.cos(t)[:, None] * pole + np.sin(t)[:, None] * flat


def over_head(azimuth_deg: np.ndarray, angle_deg: np.ndarray, lift_m: np.ndarray) -> np.ndarray:
    """Return points `lift_m` outside the head along those directions."""
    way = _ways(azimuth_deg, angle_deg)
    return onto(way) + lift_m[:, None] * way


def _hairline(azimuth_deg: np.ndarray) -> np.ndarray:
    folded = np.abs((azimuth_deg + 180) % 360 - 180)
    return np.interp(folded, _HAIRLINE[:, 0], _HAIRLINE[:, 1])


def under_hair(p: np.ndarray) -> np.ndarray:
    """Return which points (V, 3) of the head, its own coordinates, the hair hides from every side."""
    pole = POLE / np.linalg.norm(POLE)
    front = np.array([0.0, 0.0, 1.0]) - pole[2] * pole
    way = (p - CENTRE) / np.linalg.norm(p - CENTRE, axis=1, keepdims=True)
    azimuth = np.degrees(np.arctan2(way @ np.cross(pole, front), way @ front))
    return np.degrees(np.arccos(np.clip(way @ pole, -1, 1))) < _hairline(azimuth) - 14


def hair_cap() -> Part:
    """Return the closed shell of hair that everything else lies on."""
    azimuth = 360 * np.arange(COLUMNS) / COLUMNS
    end = _hairline(azimuth)
    rings = []
    shares = np.linspace(0.06, 1, ROWS)
    for s in shares:
        clumps = (
            0.0022 * np.sin(np.radians(azimuth) * 11 + 0.8 * np.sin(np.radians(azimuth) * 3)) * smoothstep(0.2, 0.9, s)
        )
        thick = 0.0115 + 0.004 * np.sin(np.pi * s) - 0.0075 * smoothstep(0.75, 1.0, s)
        rings.append(over_head(azimuth, end * s, thick + clumps))
    # the edge turns in to the skin
    rings.append(over_head(azimuth, end * 1.015, np.full(COLUMNS, 0.0015)))
    rings.append(over_head(azimuth, end * 0.96, np.full(COLUMNS, -0.002)))
    positions, triangles = tube(np.stack(rings)[::-1], closed_end=True)
    triangles = outside_out(positions, triangles)
    return _part("hair_cap", positions, triangles, "hair_deep")


def _lock(
    start: tuple[float, float],
    bend: tuple[float, float],
    end: tuple[float, float],
    width: float,
    lift: float,
    swatch: str,
) -> Part:
    """Return a lock from start over bend to end, a tapered flat tube that follows the head."""
    n = 10
    t = np.linspace(0, 1, n)
    a, b, c = np.array(start), np.array(bend), np.array(end)
    path = ((1 - t) ** 2)[:, None] * a + (2 * t * (1 - t))[:, None] * b + (t**2)[:, None] * c
    middle = 2 * b - (a + c) / 2  # the curve passes through the bend
    path = ((1 - t) ** 2)[:, None] * a + (2 * t * (1 - t))[:, None] * middle + (t**2)[:, None] * c
    rise = 0.010 + (lift - 0.010) * np.sin(np.pi * np.clip(t * 0.85 + 0.12, 0, 1)) - 0.004 * t**3
    line = over_head(path[:, 0], path[:, 1], rise)
    away = line - CENTRE
    away /= np.linalg.norm(away, axis=1, keepdims=True)
    ahead = np.gradient(line, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    side = np.cross(ahead, away)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    away = np.cross(side, ahead)
    half = width * np.clip(np.sin(np.pi * (0.06 + 0.92 * t) ** 0.8), 0.03, 1) * (0.55 + 0.45 * (1 - t))
    angle = 2 * np.pi * np.arange(8) / 8
    # a lens in section, its back flatter than its front
    up = np.where(np.sin(angle) > 0, 0.46, 0.22) * np.sin(angle)
    rings = line[:, None] + half[:, None, None] * (
        np.cos(angle)[None, :, None] * side[:, None] + up[None, :, None] * away[:, None]
    )
    positions, triangles = tube(rings, closed_start=True, closed_end=True)
    return _part("lock", positions, outside_out(positions, triangles), swatch)


def _part(name: str, p: np.ndarray, triangles: np.ndarray, swatch: str) -> Part:
    return Part(
        name=name,
        positions=p + HEAD,
        triangles=triangles,
        swatches=[swatch] * len(triangles),
        weights=chain(p + HEAD, ("spine3", "neck", "head"), (0.02, 0.03)),
    )

"""The form of the head as a distance field: blended ellipsoids in metres from the head joint, and rays onto it."""

import numpy as np

from solami.headset.avatar.mesh import smoothstep
from solami.headset.avatar.skinning import REST

__all__ = [
    "CENTRE",
    "EYE",
    "EYE_RADIUS_M",
    "HEAD",
    "JAW_HINGE",
    "MOUTH_HALF_M",
    "MOUTH_Y",
    "distance",
    "jaw_plate_edge",
    "onto",
    "onto_front",
    "outwards",
    "seam",
]

HEAD: np.ndarray = REST["head"]
"""Origin of the head's own coordinates."""
CENTRE = np.array([0.0, 0.060, 0.0])
"""From here every point of head and neck is visible."""
EYE = np.array([0.0350, 0.060, 0.0735])
"""Centre of the left eyeball, just beside its joint: a little wider apart than the skeleton has it."""
EYE_RADIUS_M = 0.0280
CLOSE_M = 1e-6  # rays stop when their last step was shorter
LID_M = 0.0016  # the lids lie this far over the eyeball
MOUTH_Y = -0.0125
MOUTH_HALF_M = 0.0245
JAW_HINGE = np.array([0.0, 0.030, -0.008])


def _ellipsoid(p: np.ndarray, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> np.ndarray:
    """Distance by the first-order formula of I. Quilez: exact on the surface, smooth around it."""
    r = np.array(radii)
    q = (p - centre) / r
    k0 = np.linalg.norm(q, axis=-1)
    k1 = np.linalg.norm(q / r, axis=-1)
    return k0 * (k0 - 1.0) / np.maximum(k1, 1e-9)


def _capsule(
    p: np.ndarray, a: tuple[float, float, float], b: tuple[float, float, float], ra: float, rb: float
) -> np.ndarray:
    ab = np.subtract(b, a)
    t = np.clip((p - a) @ ab / (ab @ ab), 0, 1)
    return np.linalg.norm(p - a - t[..., None] * ab, axis=-1) - (ra + (rb - ra) * t)


def _union(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    """Union with a rounded seam of about `blend` metres (polynomial smooth minimum)."""
    h = np.clip(0.5 + 0.5 * (b - a) / blend, 0, 1)
    return b + (a - b) * h - blend * h * (1 - h)


def _minus(a: np.ndarray, b: np.ndarray, blend: float) -> np.ndarray:
    return -_union(-a, b, blend)


def distance(points: np.ndarray) -> np.ndarray:
    """Return the distance (V,) of points (V, 3), head coordinates, to the skin of head and neck; inside is negative."""
    p = points.copy()
    p[:, 0] = np.abs(p[:, 0])
    d = _ellipsoid(p, (0, 0.100, -0.012), (0.092, 0.104, 0.108))
    d = _union(d, _ellipsoid(p, (0, 0.062, 0.020), (0.083, 0.095, 0.078)), 0.03)
    d = _union(d, _ellipsoid(p, (0, 0.004, 0.034), (0.058, 0.052, 0.054)), 0.030)
    d = _union(d, _capsule(p, (0.052, -0.004, 0.010), (0.012, -0.037, 0.066), 0.015, 0.016), 0.022)
    d = _union(d, _ellipsoid(p, (0, -0.037, 0.072), (0.019, 0.0165, 0.016)), 0.022)
    d = _union(d, _ellipsoid(p, (0.043, 0.014, 0.055), (0.030, 0.027, 0.030)), 0.030)
    d = _union(d, _ellipsoid(p, (0, -0.012, 0.078), (0.027, 0.023, 0.017)), 0.020)
    d = _union(d, _capsule(p, (0, -0.01, -0.020), (0, -0.20, -0.036), 0.042, 0.050), 0.022)
    d = _minus(d, _ellipsoid(p, (0.036, 0.064, 0.124), (0.026, 0.018, 0.026)), 0.020)
    d = _union(d, np.linalg.norm(p - EYE, axis=-1) - (EYE_RADIUS_M + LID_M), 0.013)
    d = _union(d, _capsule(p, (0, 0.070, 0.085), (0, 0.024, 0.100), 0.0055, 0.0075), 0.014)
    d = _union(d, _ellipsoid(p, (0, 0.0205, 0.1035), (0.0088, 0.0080, 0.0092)), 0.010)
    return _union(d, _ellipsoid(p, (0.0095, 0.0180, 0.0965), (0.0056, 0.0052, 0.0070)), 0.007)


def onto(directions: np.ndarray) -> np.ndarray:
    """Return the points (V, 3) where rays from CENTRE along unit directions leave the head."""
    reach = np.full(len(directions), 0.30)
    for _ in range(90):
        step = 0.6 * distance(CENTRE + reach[:, None] * directions)
        reach -= step
        if np.abs(step).max(initial=0) < CLOSE_M:
            break
    return CENTRE + reach[:, None] * directions


def onto_front(xy: np.ndarray, lift: float = 0.0) -> np.ndarray:
    """Return the points (V, 3) of the face, `lift` metres over it, that lie behind (x, y) as seen from the front."""
    z = np.full(len(xy), 0.13)
    for _ in range(70):
        step = 0.7 * (distance(np.column_stack([xy, z])) - lift)
        z -= step
        if np.abs(step).max(initial=0) < CLOSE_M:
            break
    return np.column_stack([xy, z])


def outwards(points: np.ndarray, step: float = 2e-4) -> np.ndarray:
    """Return the unit gradient (V, 3) of the distance: the direction away from the skin."""
    out = np.empty_like(points)
    for k in range(3):
        e = np.zeros(3)
        e[k] = step
        out[:, k] = distance(points + e) - distance(points - e)
    return out / np.maximum(np.linalg.norm(out, axis=1, keepdims=True), 1e-12)


def jaw_plate_edge(below: np.ndarray) -> np.ndarray:
    """Return half the width (V,) of an automaton's lower jaw plate, `below` (negative) metres under the mouth."""
    t = np.clip(-below / 0.037, 0, 1)
    return MOUTH_HALF_M + 0.0035 + 0.003 * np.sin(np.pi * t) - 0.006 * t


def seam(x: np.ndarray) -> np.ndarray:
    """Return the height (V,) of the line between the closed lips: a soft bow with a dip in the middle."""
    t = np.clip(np.abs(x) / MOUTH_HALF_M, 0, 1)
    return MOUTH_Y + 0.0012 * t**2 + 0.0011 * smoothstep(0.75, 1.0, t) - 0.0008 * np.exp(-((t / 0.22) ** 2))

"""The 52 face shapes as displacements of points: how far each bit of a face goes when a shape is 1.

Fields are in head coordinates and metres, drawn by eye after Apple's pictures of the ARKit shapes.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from solami.headset.avatar.headform import EYE, EYE_RADIUS_M, JAW_HINGE, MOUTH_HALF_M, MOUTH_Y, onto_front, seam
from solami.headset.avatar.mesh import smoothstep
from solami_protocol.arkit import FACE_NAMES

__all__ = ["JAW_OPEN_DEG", "Points", "displacement", "jaw_share", "moved_by_shapes", "skin_points"]

JAW_OPEN_DEG = 25.0
LOOK_DEG = {"Down": 26.0, "Up": 24.0, "In": 30.0, "Out": 30.0}
MM = 0.001
STILL_M = 2e-5


@dataclass(slots=True)
class Points:
    """Points of the face with their parts in it. Arrays are (V,), or (V, 3) for `p`."""

    p: np.ndarray
    jaw: np.ndarray
    """Share of the jaw's movement."""
    upper: np.ndarray
    """+1 what belongs to the upper lip's side of the mouth, -1 the lower's, 0 at the corners."""
    soft: np.ndarray
    """1 skin and lips, 0 bone and teeth: these follow the jaw only."""
    lid_ring: np.ndarray
    lid_angle: np.ndarray
    eyeball: np.ndarray
    """+1 the left eyeball, -1 the right, 0 none."""
    tongue: np.ndarray
    """0 to 1 from the tongue's root to its tip."""


def jaw_share(p: np.ndarray, upper: np.ndarray) -> np.ndarray:
    """Return how much of the jaw's rotation the skin at p takes: a step at the lips, soft over cheeks and throat."""
    line = JAW_HINGE[1] + (MOUTH_Y - JAW_HINGE[1]) * (p[:, 2] - JAW_HINGE[2]) / (0.092 - JAW_HINGE[2])
    broad = smoothstep(0.030, -0.030, p[:, 1] - line)
    t = np.abs(p[:, 0]) / MOUTH_HALF_M
    at_side = smoothstep(0.75, 1.0, t)
    # an oval opening: full way in the middle, half at the corners
    arch = 0.5 * np.clip(1 - t**2, 0, 1) ** 0.6
    step = 0.5 - arch * np.sign(upper)
    near = np.exp(-(((p[:, 1] - MOUTH_Y) / 0.022) ** 2)) * smoothstep(1.9, 1.0, t) * (p[:, 2] > 0.03)
    lips = step * (1 - at_side) + 0.5 * at_side
    share = broad * (1 - near) + (lips * (1 - 0.25 * at_side) + broad * 0.25 * at_side) * near
    return share * smoothstep(-0.010, 0.040, p[:, 2]) * smoothstep(-0.105, -0.052, p[:, 1])


def skin_points(p: np.ndarray, **known: np.ndarray) -> Points:
    """Return points p (V, 3) as plain skin, which belongs to neither lid nor eyeball; `known` overrides fields."""
    none = np.zeros(len(p))
    upper = known.get("upper", np.where(p[:, 1] >= seam(p[:, 0]), 1.0, -1.0))
    q = Points(p, jaw_share(p, upper), upper, none + 1, none - 1, none, none, none)
    for name, value in known.items():
        setattr(q, name, value)
    q.lid_ring = q.lid_ring.astype(int)
    return q


def moved_by_shapes(q: Points) -> dict[str, np.ndarray]:
    """Return the displacement (V, 3) for each of the 52 shapes that moves these points at all."""
    ways = {name: displacement(name, q) for name in FACE_NAMES}
    return {name: way for name, way in ways.items() if np.abs(way).max() > STILL_M}


def displacement(shape: str, q: Points) -> np.ndarray:
    """Return (V, 3) the way of each point when `shape` goes from 0 to 1."""
    if shape.endswith("Left"):
        return _SIDED[shape[:-4]](q)
    if shape.endswith("Right") and shape[:-5] in _SIDED:
        flip = np.array([-1.0, 1, 1])
        turned = Points(q.p * flip, q.jaw, q.upper, q.soft, q.lid_ring, q.lid_angle, -q.eyeball, q.tongue)
        return _SIDED[shape[:-5]](turned) * flip
    return _WHOLE[shape](q)


def _bell(q: Points, x: float, y: float, sx: float, sy: float) -> np.ndarray:
    """Return a soft hill on the face around (x, y), nothing on the back of the head, teeth or eyeballs."""
    p = q.p
    hill = np.exp(-(((p[:, 0] - x) / sx) ** 2) - (((p[:, 1] - y) / sy) ** 2))
    return hill * smoothstep(0.0, 0.05, p[:, 2]) * q.soft * (q.eyeball == 0)


def _move(share: np.ndarray, x: float, y: float, z: float) -> np.ndarray:
    return share[:, None] * np.array([x, y, z]) * MM


def _turned(p: np.ndarray, centre: np.ndarray, degrees: float, axis: int) -> np.ndarray:
    """Return the way of points turned about a coordinate axis through `centre`."""
    a = np.radians(degrees)
    d = p - centre
    u, v = ((1, 2), (2, 0), (0, 1))[axis]
    out = np.zeros_like(p)
    out[:, u] = d[:, u] * (np.cos(a) - 1) - d[:, v] * np.sin(a)
    out[:, v] = d[:, u] * np.sin(a) + d[:, v] * (np.cos(a) - 1)
    return out


def _side(q: Points, width: float = 0.012) -> np.ndarray:
    """Return 1 on the left half, 0 on the right, soft over the middle."""
    return smoothstep(-width, width, q.p[:, 0])


def _lips(q: Points, spread: float = 1.0) -> np.ndarray:
    """Return 1 on the lips, falling to 0 over `spread` times a lip's width around them."""
    y = q.p[:, 1] - seam(q.p[:, 0])
    x = np.abs(q.p[:, 0]) / MOUTH_HALF_M
    over = np.maximum(np.abs(y) - 0.006, 0) / (0.009 * spread)
    beyond = np.maximum(x - 0.85, 0) / (0.45 * spread)
    return np.exp(-(over**2) - beyond**2) * q.soft * (q.p[:, 2] > 0.02)


def _upper(q: Points) -> np.ndarray:
    return np.where(q.upper > 0, 1.0, np.where(q.upper < 0, 0.0, 0.5))


# --- jaw and mouth


def _jaw_open(q: Points) -> np.ndarray:
    return q.jaw[:, None] * (_turned(q.p, JAW_HINGE, JAW_OPEN_DEG, 0) + np.array([0, -1.0, -2.0]) * MM)


def _mouth_close(q: Points) -> np.ndarray:
    """Bring the lips together again over a jaw that is open by as much: the gap at this x, shared by both lips."""
    x = np.clip(q.p[:, 0], -MOUTH_HALF_M, MOUTH_HALF_M)
    at = onto_front(np.column_stack([x, seam(x)]))
    none = np.zeros(len(x))
    top, bottom = (
        Points(at, jaw_share(at, none + s), none + s, none + 1, none - 1, none, none, none) for s in (1.0, -1.0)
    )
    gap = _jaw_open(bottom) - _jaw_open(top)
    # the upper lip comes down a little but never back into the teeth; the lower one makes the rest of the way
    down = np.where(q.upper > 0, 0.22, np.where(q.upper < 0, -0.78, -0.28))
    back = np.where(q.upper > 0, 0.0, np.where(q.upper < 0, -1.0, -0.5))
    return gap * np.stack([down, down, back], 1) * _lips(q, 1.6)[:, None]


def _funnel(q: Points) -> np.ndarray:
    lips = _lips(q, 1.3)
    up = _upper(q)
    out = _move(lips, 0, 0, 6.5)
    out[:, 0] -= 0.30 * q.p[:, 0] * lips
    middle = np.sqrt(np.clip(1 - (q.p[:, 0] / MOUTH_HALF_M) ** 2, 0, 1))
    out[:, 1] += lips * middle * np.where(up > 0.5, 4.2, -5.0) * MM * (up != 0.5)
    return out


def _pucker(q: Points) -> np.ndarray:
    lips = _lips(q, 1.7)
    out = _move(lips, 0, 0, 8.0)
    out[:, 0] -= 0.46 * q.p[:, 0] * lips
    away = q.p[:, 1] - seam(q.p[:, 0])
    out[:, 1] += 0.30 * away * _lips(q, 0.6)
    return out


def _corner(q: Points, x: float, y: float, z: float, reach: float = 1.0) -> np.ndarray:
    """Move the left corner of the mouth, the lips along with it towards the middle."""
    at = _bell(q, MOUTH_HALF_M, MOUTH_Y, 0.019 * reach, 0.017 * reach)
    along = _lips(q, 1.2) * smoothstep(-0.1, 1.0, q.p[:, 0] / MOUTH_HALF_M)
    return _move(np.maximum(at, along), x, y, z)


def _smile(q: Points) -> np.ndarray:
    cheek = _bell(q, 0.044, 0.020, 0.020, 0.018)
    return _corner(q, 7.5, 8.5, -5.0) + _move(cheek, 1.5, 3.6, 2.6)


def _frown(q: Points) -> np.ndarray:
    return _corner(q, 1.0, -8.0, -1.5)


def _dimple(q: Points) -> np.ndarray:
    return _corner(q, 3.5, 1.2, -4.5, 0.8)


def _stretch(q: Points) -> np.ndarray:
    return _corner(q, 7.5, -2.5, -4.0, 1.1)


def _roll(q: Points, upper: bool) -> np.ndarray:
    share = _lips(q, 0.5) * (q.upper > 0 if upper else q.upper < 0)
    away = np.clip(np.abs(q.p[:, 1] - seam(q.p[:, 0])) / 0.007, 0, 1)
    return _move(share * (0.35 + 0.65 * away), 0, -1.8 if upper else 2.2, -3.6)


def _shrug_lower(q: Points) -> np.ndarray:
    lower = _lips(q, 1.2) * (1 - _upper(q))
    chin = _bell(q, 0, -0.036, 0.022, 0.014)
    return _move(lower, 0, 3.0, 2.4) + _move(chin, 0, 2.6, 0.8) + _move(_lips(q) * _upper(q), 0, 2.6, 0.8)


def _shrug_upper(q: Points) -> np.ndarray:
    return _move(_lips(q, 1.2) * _upper(q), 0, 2.8, 2.0) + _move(_lips(q) * (1 - _upper(q)), 0, 1.2, 0.6)


def _press(q: Points) -> np.ndarray:
    lips = _lips(q, 0.7) * _side(q)
    away = np.clip((q.p[:, 1] - seam(q.p[:, 0])) / 0.006, -1, 1)
    out = _move(lips, 0, 0, -1.6)
    out[:, 1] -= lips * away * 1.9 * MM
    return out


def _lower_down(q: Points) -> np.ndarray:
    middle = np.sqrt(np.clip(1.05 - (q.p[:, 0] / MOUTH_HALF_M) ** 2, 0, 1))
    return _move(_lips(q, 1.3) * (q.upper < 0) * _side(q) * middle, 1.0, -6.5, -0.5)


def _upper_up(q: Points) -> np.ndarray:
    middle = np.sqrt(np.clip(1.05 - (q.p[:, 0] / MOUTH_HALF_M) ** 2, 0, 1))
    lip = _move(_lips(q, 1.3) * (q.upper > 0) * _side(q) * middle, 0.6, 5.6, 0.2)
    return lip + _move(_bell(q, 0.020, 0.010, 0.012, 0.012), 0.3, 1.8, 0.6)


# --- eyes and brows


def _lid_slide(q: Points, top: float, bottom: float) -> np.ndarray:
    """Slide the lids over the eyeball: 1 closes them, negative opens them wider. `top` and `bottom` are shares."""
    out = np.zeros_like(q.p)
    here = (q.lid_ring != -1) & (q.p[:, 0] > 0)
    if not here.any():
        return out
    p, ring, angle = q.p[here], q.lid_ring[here], q.lid_angle[here]
    s = np.sin(angle)
    half = np.abs(np.cos(angle))
    meet = EYE[1] - 0.0058 + 0.0034 * half + 0.0012 * np.cos(angle)  # the line where the closed lids meet
    fade = np.array([1.0, 0.86, 0.46, 0.12])[np.clip(ring, 0, 3)]
    edge = np.where(ring <= 0, 0.0, np.array([0.0, 0.0022, 0.0052, 0.0090])[np.clip(ring, 0, 3)] * np.sign(s))
    goal = meet + np.where(s > 0, 0.75 * edge - 0.0007, edge)
    share = np.where(s > 1e-6, top, np.where(s < -1e-6, bottom, 0.0)) * fade
    xy = p[:, :2] + np.stack([np.zeros(len(p)), (goal - p[:, 1]) * share], 1)
    moved = onto_front(xy, 0.0007)
    start = onto_front(p[:, :2])
    way = moved - start
    inner = ring == -2
    if inner.any():  # the turned-in edge stays on the eyeball
        target = np.column_stack([xy[inner], moved[inner, 2]]) - EYE
        target *= (EYE_RADIUS_M + 0.0006) / np.linalg.norm(target, axis=1, keepdims=True)
        way[inner] = EYE + target - p[inner]
    out[here] = way
    return out


def _blink(q: Points) -> np.ndarray:
    return _lid_slide(q, 1.0, 0.85) + _move(_bell(q, 0.036, 0.088, 0.02, 0.006) * (q.lid_ring < 0), 0, -0.8, 0)


def _squint(q: Points) -> np.ndarray:
    return _lid_slide(q, 0.14, 0.95) + _move(_bell(q, 0.038, 0.030, 0.02, 0.010) * (q.lid_ring < 0), 0, 2.2, 0.8)


def _wide(q: Points) -> np.ndarray:
    return _lid_slide(q, -0.20, -0.16) + _brow(q, 1.0, 1.5, 1.5)


def _look(q: Points, way: str) -> np.ndarray:
    degrees = LOOK_DEG[way]
    turn = {"Down": (0, degrees), "Up": (0, -degrees), "In": (1, -degrees), "Out": (1, degrees)}[way]
    out = (q.eyeball > 0)[:, None] * _turned(q.p, EYE, turn[1], turn[0])
    if way == "Down":
        out += _lid_slide(q, 0.42, -0.10)
    elif way == "Up":
        out += _lid_slide(q, -0.16, 0.10)
    return out


def _brow(q: Points, inner: float, middle: float, outer: float, inward: float = 0.0) -> np.ndarray:
    """Raise the left brow by millimetres at its inner end, middle and outer end; the forehead follows."""
    x = q.p[:, 0]
    up = np.interp(x, (0.002, 0.016, 0.034, 0.052, 0.068), (inner * 0.6, inner, middle, outer, outer * 0.4))
    gate = smoothstep(-0.012, 0.008, x) * (q.eyeball == 0) * q.soft
    # everything from the crease of the lid up to the middle of the forehead
    height = (
        smoothstep(0.074, 0.086, q.p[:, 1]) * smoothstep(0.140, 0.100, q.p[:, 1]) * smoothstep(0.0, 0.05, q.p[:, 2])
    )
    lid = np.where(q.lid_ring >= 0, np.array([0, 0.05, 0.2, 0.5])[np.clip(q.lid_ring, 0, 3)], 1.0)
    share = gate * height * lid
    return np.stack([-inward * MM * share, up * MM * share, 0.15 * np.abs(up) * MM * share], 1)


def _inner_up(q: Points) -> np.ndarray:
    flip = np.array([-1.0, 1, 1])
    other = Points(q.p * flip, q.jaw, q.upper, q.soft, q.lid_ring, q.lid_angle, -q.eyeball, q.tongue)
    left, right = _brow(q, 7.5, 2.6, 0.0), _brow(other, 7.5, 2.6, 0.0) * flip
    x = smoothstep(-0.012, 0.012, q.p[:, 0])[:, None]
    return left * x + right * (1 - x)


# --- cheeks, nose, tongue


def _puff(q: Points) -> np.ndarray:
    right = _bell(q, -0.046, -0.004, 0.022, 0.024)
    left = _bell(q, 0.046, -0.004, 0.022, 0.024)
    return _move(left, 7.5, 0, 5) + _move(right, -7.5, 0, 5) + _move(_lips(q, 1.0), 0, 0, 1.5)


def _cheek_squint(q: Points) -> np.ndarray:
    return _move(_bell(q, 0.042, 0.026, 0.018, 0.014), 0.5, 3.6, 1.6) + _lid_slide(q, 0.0, 0.35)


def _sneer(q: Points) -> np.ndarray:
    return _move(_bell(q, 0.013, 0.018, 0.009, 0.011), 0.6, 3.2, 0.6) + _brow(q, -1.8, -0.4, 0.0, 0.8)


def _tongue_out(q: Points) -> np.ndarray:
    t = q.tongue
    return np.stack([np.zeros(len(t)), (-3.5 * t**2 + 3.0 * t * (1 - t)) * MM, 24 * t**1.2 * MM], 1)


_WHOLE: dict[str, Callable[[Points], np.ndarray]] = {
    "jawForward": lambda q: _move(q.jaw, 0, 0, 7.0),
    "jawOpen": _jaw_open,
    "mouthClose": _mouth_close,
    "mouthFunnel": _funnel,
    "mouthPucker": _pucker,
    "mouthRollLower": lambda q: _roll(q, False),
    "mouthRollUpper": lambda q: _roll(q, True),
    "mouthShrugLower": _shrug_lower,
    "mouthShrugUpper": _shrug_upper,
    "browInnerUp": _inner_up,
    "cheekPuff": _puff,
    "tongueOut": _tongue_out,
}
_SIDED: dict[str, Callable[[Points], np.ndarray]] = {
    "jaw": lambda q: _move(q.jaw, 7.0, 0, 0),
    "mouth": lambda q: _move(_lips(q, 2.0), 7.0, 0, -0.5),
    "eyeBlink": _blink,
    "eyeLookDown": lambda q: _look(q, "Down"),
    "eyeLookUp": lambda q: _look(q, "Up"),
    "eyeLookIn": lambda q: _look(q, "In"),
    "eyeLookOut": lambda q: _look(q, "Out"),
    "eyeSquint": _squint,
    "eyeWide": _wide,
    "mouthSmile": _smile,
    "mouthFrown": _frown,
    "mouthDimple": _dimple,
    "mouthStretch": _stretch,
    "mouthPress": _press,
    "mouthLowerDown": _lower_down,
    "mouthUpperUp": _upper_up,
    "browDown": lambda q: _brow(q, -5.5, -4.2, -2.0, 1.6),
    "browOuterUp": lambda q: _brow(q, 0.0, 3.4, 6.0),
    "cheekSquint": _cheek_squint,
    "noseSneer": _sneer,
}
assert all(n in _WHOLE or n.removesuffix("Left").removesuffix("Right") in _SIDED for n in FACE_NAMES)

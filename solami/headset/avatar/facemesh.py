"""The skin of head and neck: loops around eyes and mouth, a net over the rest, triangles between them."""

from dataclasses import dataclass

import numpy as np

from solami.headset.avatar.delaunay import plane, triangulate
from solami.headset.avatar.headform import (
    CENTRE,
    EYE,
    EYE_RADIUS_M,
    MOUTH_HALF_M,
    MOUTH_Y,
    distance,
    onto,
    onto_front,
    seam,
)

__all__ = ["NECK_Y", "FaceMesh", "build_face_mesh", "eye_loop"]

EYE_POINTS = 24
MOUTH_COLUMNS = 13  # from corner to corner; the loop has 24 points
MOUTH_POINTS = 2 * MOUTH_COLUMNS - 2
LID_RINGS_M = (0.0, 0.0022, 0.0052, 0.0090)
LIP_UP_M = (0.0, 0.0034, 0.0062, 0.0100)
LIP_DOWN_M = (0.0, 0.0040, 0.0076, 0.0120)
LIP_OUT_M = (0.0, 0.0010, 0.0020, 0.0055)
EYE_HALF_M, EYE_UP_M, EYE_DOWN_M = 0.0208, 0.0122, 0.0122
NECK_Y = (-0.062, -0.074, -0.088, -0.104, -0.122, -0.140)


@dataclass(slots=True)
class FaceMesh:
    """The skin in head coordinates with what the face shapes need to know about each vertex."""

    points: np.ndarray
    """(V, 3) metres."""
    triangles: np.ndarray
    """(F, 3)."""
    lip_ring: np.ndarray
    """(V,) 0 at the seam to 3 outside the lips, -1 elsewhere, -2 and below inside the mouth."""
    lip_side: np.ndarray
    """(V,) +1 upper lip, -1 lower lip, 0 corner or elsewhere."""
    lid_ring: np.ndarray
    """(V,) 0 at the lid's edge to 3, -1 elsewhere, -2 where the lid turns in to the eyeball."""
    lid_angle: np.ndarray
    """(V,) radians around the eye: 0 the outer corner, pi / 2 the top."""
    mouth_loop: np.ndarray
    """(24,) the seam: left corner, upper lip, right corner, lower lip."""


def eye_loop(grow: float, points: int = EYE_POINTS) -> tuple[np.ndarray, np.ndarray]:
    """Return (n, 2) the left eye's opening grown by metres, from the outer corner over the top; and the angles (n,)."""
    angle = 2 * np.pi * np.arange(points) / points
    c, s = np.cos(angle), np.sin(angle)
    high = np.where(s > 0, EYE_UP_M, EYE_DOWN_M) + grow
    # fuller towards the nose above, towards the temple below: an eye, not an ellipse
    y = high * np.sign(s) * np.abs(s) ** 0.9 * (1 - 0.10 * c * np.sign(s)) + 0.0012 * c
    x = (EYE_HALF_M + grow) * c
    return np.stack([EYE[0] + 0.0006 + x, EYE[1] + y], 1), angle


def _mouth_loop(ring: int) -> np.ndarray:
    """Return (24, 2): one loop around the mouth, slightly open for the innermost, so that it has an inside."""
    t = np.linspace(1, -1, MOUTH_COLUMNS)
    x = np.sin(t * np.pi / 2) * (MOUTH_HALF_M + LIP_OUT_M[ring])
    u = np.sin(t * np.pi / 2)
    arch = np.sqrt(np.clip(1 - u**2, 0, 1))
    bow = 1 - 0.22 * np.exp(-((u / 0.16) ** 2)) * (0 < ring < 3)
    up = (LIP_UP_M[ring] if ring else 0.0010) * arch**0.75 * bow
    down = (LIP_DOWN_M[ring] if ring else 0.0010) * arch**0.85
    base = seam(np.clip(x, -MOUTH_HALF_M, MOUTH_HALF_M))
    upper = np.stack([x, base + up], 1)
    lower = np.stack([x, base - down], 1)[::-1][1:-1]
    return np.concatenate([upper, lower])


class _Cloud:
    """Points so far with their tags; a new point too near to one of them is not taken."""

    def __init__(self) -> None:
        self.points: list[np.ndarray] = []
        self.lip: list[tuple[int, int]] = []
        self.lid: list[tuple[int, float]] = []

    def add(self, points: np.ndarray) -> np.ndarray:
        start = len(self.points)
        self.points.extend(points)
        self.lip.extend([(-1, 0)] * len(points))
        self.lid.extend([(-1, 0.0)] * len(points))
        return np.arange(start, start + len(points))

    def fill(self, points: np.ndarray, apart: float) -> None:
        """Add what stays `apart` metres from all, with its mirror image; x >= 0 is given."""
        for p in points:
            if p[0] < apart * 0.5:
                if p[0] > apart * 0.2:
                    continue
                p = p * np.array([0.0, 1, 1])
            if _in_opening(p):
                continue
            near = np.asarray(self.points) - p
            if (near**2).sum(1).min() < apart**2:
                continue
            self.add(p[None] if p[0] == 0 else np.stack([p, p * np.array([-1.0, 1, 1])]))


def build_face_mesh() -> FaceMesh:
    """Return the skin; the same on every machine."""
    cloud = _Cloud()
    for sign in (1.0, -1.0):
        for ring, grow in enumerate(LID_RINGS_M):
            xy, angle = eye_loop(grow)
            ids = cloud.add(onto_front(xy * np.array([sign, 1.0])))
            for i, a in zip(ids, angle, strict=True):
                cloud.lid[i] = (ring, float(a))
    loops = []
    for ring in range(4):
        ids = cloud.add(onto_front(_mouth_loop(ring)))
        loops.append(ids)
        for k, i in enumerate(ids):
            side = 0 if k in (0, MOUTH_COLUMNS - 1) else (1 if k < MOUTH_COLUMNS else -1)
            cloud.lip[i] = (ring, side)
    for ring_points in _neck_rings():
        cloud.add(ring_points)
    neck_start = len(cloud.points) - 24
    cloud.fill(_front_net(0.0042, 0.019, 0.004, 0.082), 0.0036)
    cloud.fill(_front_net(0.0066, 0.070, -0.052, 0.118), 0.0050)
    cloud.fill(_round_net(2600), 0.0125)
    points = np.array(cloud.points)
    directions = points - CENTRE
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    triangles = triangulate(plane(directions, np.array([0.0, -1.0, -0.12])))
    lip, lid = np.array([r for r, _ in cloud.lip]), np.array([r for r, _ in cloud.lid])
    triangles = _open(triangles, lip, lid, neck_start, points)
    mesh = FaceMesh(
        points=points,
        triangles=triangles,
        lip_ring=lip,
        lip_side=np.array([s for _, s in cloud.lip]),
        lid_ring=lid,
        lid_angle=np.array([a for _, a in cloud.lid]),
        mouth_loop=loops[0],
    )
    _outside(mesh)
    _shape_lips(mesh)
    _turn_in_lids(mesh)
    _line_mouth(mesh)
    return mesh


def _in_opening(p: np.ndarray) -> bool:
    """Return whether a point lies in the opening of an eye or on the lips, where the loops alone make the mesh."""
    x, y = abs(p[0]) - EYE[0], p[1] - EYE[1]
    eye = (x / (EYE_HALF_M + 0.004)) ** 2 + (y / (EYE_UP_M + 0.004)) ** 2 < 1
    mouth = (p[0] / (MOUTH_HALF_M + 0.003)) ** 2 + ((p[1] - MOUTH_Y) / 0.009) ** 2 < 1
    return bool(p[2] > 0.03 and (eye or mouth))


def _neck_rings() -> list[np.ndarray]:
    """Return rings of 24 points around the neck, downwards."""
    out = []
    for y in NECK_Y:
        angle = 2 * np.pi * np.arange(24) / 24
        axis = np.array([0.0, y, -0.018 + (y + 0.06) * 0.12])
        way = np.stack([np.sin(angle), np.zeros(24), np.cos(angle)], 1)
        reach = np.full(24, 0.02)
        for _ in range(60):
            reach -= 0.7 * distance(axis + reach[:, None] * way)
        out.append(axis + reach[:, None] * way)
    return out


def _front_net(step: float, half: float, low: float, high: float) -> np.ndarray:
    rows = []
    for k, y in enumerate(np.arange(low, high, step * 0.87)):
        x = np.arange(0, half, step) + (step / 2 if k % 2 else 0)
        rows.append(np.stack([x, np.full(len(x), y)], 1))
    points = onto_front(np.concatenate(rows))
    return points[points[:, 2] > 0.035]


def _round_net(count: int) -> np.ndarray:
    """Return points all over the head at even spacing (Fibonacci lattice), x >= 0, above the neck."""
    i = np.arange(count) + 0.5
    y = 1 - 2 * i / count
    angle = np.pi * (1 + 5**0.5) * i
    r = np.sqrt(1 - y * y)
    directions = np.stack([r * np.cos(angle), y, r * np.sin(angle)], 1)
    points = onto(directions[(directions[:, 0] >= 0) & (directions[:, 1] > -0.93)])
    return points[points[:, 1] > -0.056]


def _open(triangles: np.ndarray, lip: np.ndarray, lid: np.ndarray, neck_start: int, points: np.ndarray) -> np.ndarray:
    """Remove what covers the eyes, the mouth and the end of the neck."""
    eye = (lid[triangles] == 0).all(1) & (np.ptp(np.sign(points[triangles][:, :, 0]), axis=1) == 0)
    mouth = (lip[triangles] == 0).all(1)
    neck = ((triangles >= neck_start) & (triangles < neck_start + 24)).all(1)
    return triangles[~(eye | mouth | neck)]


def _outside(mesh: FaceMesh) -> None:
    """Turn every face outwards."""
    a, b, c = (mesh.points[mesh.triangles[:, k]] for k in range(3))
    inside = np.einsum("ij,ij->i", np.cross(b - a, c - a), (a + b + c) / 3 - CENTRE) < 0
    mesh.triangles[inside] = mesh.triangles[inside][:, ::-1]


def _shape_lips(mesh: FaceMesh) -> None:
    """Close the seam and give the lips their fullness."""
    p = mesh.points
    x = np.clip(p[:, 0] / MOUTH_HALF_M, -1, 1)
    body = np.sqrt(np.clip(1 - x**2, 0, 1))
    seam_ring = mesh.lip_ring == 0
    p[seam_ring, 1] = seam(p[seam_ring, 0])
    for ring, upper, lower in ((0, -0.0006, -0.0006), (1, 0.0030, 0.0034), (2, 0.0006, 0.0004), (3, -0.0004, -0.0014)):
        here = mesh.lip_ring == ring
        full = np.where(mesh.lip_side > 0, upper, np.where(mesh.lip_side < 0, lower, 0.0))
        p[here, 2] += (full * body**0.7)[here] - 0.0016 * (1 - body[here]) * (ring < 2)
    # the groove under the nose
    groove = np.exp(-((p[:, 0] / 0.0035) ** 2) - (((p[:, 1] - 0.003) / 0.006) ** 2)) * (p[:, 2] > 0.06)
    p[:, 2] -= 0.0009 * groove
    nostril = np.exp(-(((np.abs(p[:, 0]) - 0.0062) / 0.003) ** 2) - (((p[:, 1] - 0.0125) / 0.003) ** 2)) * (
        p[:, 2] > 0.08
    )
    p[:, 1] += 0.0016 * nostril


def _append(mesh: FaceMesh, points: np.ndarray, lip: tuple[int, np.ndarray], lid: tuple[int, np.ndarray]) -> np.ndarray:
    start = len(mesh.points)
    count = len(points)
    mesh.points = np.concatenate([mesh.points, points])
    mesh.lip_ring = np.concatenate([mesh.lip_ring, np.full(count, lip[0])])
    mesh.lip_side = np.concatenate([mesh.lip_side, lip[1]])
    mesh.lid_ring = np.concatenate([mesh.lid_ring, np.full(count, lid[0])])
    mesh.lid_angle = np.concatenate([mesh.lid_angle, lid[1]])
    return np.arange(start, start + count)


def _strip(outer: np.ndarray, inner: np.ndarray) -> np.ndarray:
    o2, i2 = np.roll(outer, -1), np.roll(inner, -1)
    return np.concatenate([np.stack([outer, o2, inner], 1), np.stack([o2, i2, inner], 1)])


def _turn_in_lids(mesh: FaceMesh) -> None:
    """Give the lids their thickness: a ring from their edge in to the eyeball."""
    for sign in (1.0, -1.0):
        edge = np.flatnonzero((mesh.lid_ring == 0) & (np.sign(mesh.points[:, 0]) == sign))
        eye = EYE * np.array([sign, 1, 1])
        away = mesh.points[edge] - eye
        inner = eye + away / np.linalg.norm(away, axis=1, keepdims=True) * (EYE_RADIUS_M - 0.0006)
        none = np.zeros(len(edge), dtype=int)
        ring = _append(mesh, inner, (-1, none), (-2, mesh.lid_angle[edge]))
        faces = _strip(edge, ring)
        mesh.triangles = np.concatenate([mesh.triangles, faces if sign > 0 else faces[:, ::-1]])


def _line_mouth(mesh: FaceMesh) -> None:
    """Line the inside of the mouth: behind the seam both walls touch, further in there is room for teeth and tongue."""
    loop = mesh.mouth_loop
    rest = mesh.points[loop]
    side = mesh.lip_side[loop]
    u = np.clip(rest[:, 0] / MOUTH_HALF_M, -1, 1)
    arch = np.sqrt(np.clip(1 - u**2, 0, 1))
    previous = loop
    for ring, (wide, high, back) in enumerate(
        ((0.97, 0.0003, 0.0045), (1.0, 0.010, 0.0125), (0.95, 0.015, 0.027), (0.7, 0.012, 0.045))
    ):
        z = rest[:, 2] - back - (0.006 * u**2 if ring else 0)
        points = np.stack([rest[:, 0] * wide, seam(rest[:, 0]) + side * high * arch, z], 1)
        inner = _append(mesh, points, (-2 - ring, side), (-1, np.zeros(len(loop))))
        mesh.triangles = np.concatenate([mesh.triangles, _strip(previous, inner)])
        previous = inner
    end = _append(mesh, mesh.points[previous].mean(0, keepdims=True), (-6, np.zeros(1, dtype=int)), (-1, np.zeros(1)))
    fan = np.stack([previous, np.roll(previous, -1), np.full(len(previous), end[0])], 1)
    mesh.triangles = np.concatenate([mesh.triangles, fan])

"""Meshes as arrays: rings joined to tubes, smoothing over the surface, normals, and the painted part they end up in."""

from dataclasses import dataclass, field, replace

import numpy as np

from solami_protocol.skeleton import JOINT_COUNT

__all__ = [
    "Part",
    "cap",
    "join_rings",
    "neighbours",
    "normals",
    "outside_out",
    "smooth",
    "smoothstep",
    "subdivide",
    "tube",
    "without",
]


@dataclass(slots=True, kw_only=True)
class Part:
    """A closed or open surface of the avatar in the T-pose.

    Each face names its swatch, so a border between two colours follows edges and stays crisp under smooth normals.
    """

    name: str
    positions: np.ndarray
    """(V, 3) metres."""
    triangles: np.ndarray
    """(F, 3) int, counter-clockwise seen from outside."""
    swatches: list[str]
    """F names of `look.SWATCHES`."""
    weights: np.ndarray
    """(V, 55) shares of the joints, each row sums to 1."""
    shade: np.ndarray | None = None
    """(V,) 0 to 1, multiplies the colour; what lies in a fold is darker."""
    morphs: dict[str, np.ndarray] = field(default_factory=dict)
    """Displacement (V, 3) for each face shape that moves this part."""

    def __post_init__(self) -> None:
        assert self.weights.shape == (len(self.positions), JOINT_COUNT), (self.name, self.weights.shape)
        assert len(self.swatches) == len(self.triangles), self.name


def smoothstep(low: float, high: float, x: np.ndarray | float) -> np.ndarray:
    """Return 0 below `low`, 1 above `high`, and the cubic with flat ends between. low > high turns it round."""
    t = np.clip((np.asarray(x, dtype=np.float64) - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def join_rings(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the (2N, 3) triangles between two closed rings of N vertex indices, outside to the left of a -> b."""
    a2, b2 = np.roll(a, -1), np.roll(b, -1)
    return np.concatenate([np.stack([a, a2, b], 1), np.stack([a2, b2, b], 1)])


def cap(ring: np.ndarray, centre: int) -> np.ndarray:
    """Return the (N, 3) fan that closes a ring at the end of a tube."""
    return np.stack([ring, np.roll(ring, -1), np.full(len(ring), centre)], 1)


def tube(rings: np.ndarray, closed_start: bool = False, closed_end: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and triangles of a tube through rings (R, N, 3).

    Seen along the tube's direction the rings turn counter-clockwise from behind; else the surface is inside out.
    Vertex r * N + i is point i of ring r; the centres of the caps follow.
    """
    count, n = rings.shape[:2]
    index = np.arange(count * n).reshape(count, n)
    positions = [rings.reshape(-1, 3)]
    faces = [join_rings(index[r], index[r + 1]) for r in range(count - 1)]
    top = count * n
    if closed_start:
        positions.append(rings[0].mean(0, keepdims=True))
        faces.append(cap(index[0], top)[:, ::-1])
        top += 1
    if closed_end:
        positions.append(rings[-1].mean(0, keepdims=True))
        faces.append(cap(index[-1], top))
    return np.concatenate(positions), np.concatenate(faces)


def outside_out(positions: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return the triangles of a closed surface, all turned round if it was inside out."""
    a, b, c = (positions[triangles[:, k]] - positions.mean(0) for k in range(3))
    return triangles if np.einsum("ij,ij->", a, np.cross(b, c)) >= 0 else triangles[:, ::-1]


def neighbours(vertex_count: int, triangles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the directed edges (from, to) of a mesh, each once."""
    edges = np.concatenate([triangles[:, [0, 1]], triangles[:, [1, 2]], triangles[:, [2, 0]]])
    both = np.unique(np.concatenate([edges, edges[:, ::-1]]), axis=0)
    return both[:, 0], both[:, 1]


def smooth(
    values: np.ndarray, triangles: np.ndarray, share: np.ndarray | float, rounds: int, grow: float = 0.0
) -> np.ndarray:
    """Return values (V, C) moved `share` (V,) of the way to the mean of their neighbours, `rounds` times.

    With grow > 0 each round is followed by one in the other direction, which keeps the volume
    (Taubin, A signal processing approach to fair surface design, 1995).
    """
    source, target = neighbours(len(values), triangles)
    degree = np.maximum(np.bincount(source, minlength=len(values)), 1)[:, None]
    part = np.broadcast_to(np.asarray(share, dtype=np.float64), (len(values),))[:, None]
    out = values.astype(np.float64)
    for i in range(rounds * (2 if grow else 1)):
        total = np.zeros_like(out)
        np.add.at(total, source, out[target])
        out = out + (total / degree - out) * part * (-grow if grow and i % 2 else 1.0)
    return out


def normals(positions: np.ndarray, triangles: np.ndarray) -> np.ndarray:
    """Return unit vertex normals (V, 3), faces weighted by their area."""
    a, b, c = (positions[triangles[:, i]] for i in range(3))
    face = np.cross(b - a, c - a)
    out = np.zeros_like(positions, dtype=np.float64)
    for i in range(3):
        np.add.at(out, triangles[:, i], face)
    length = np.linalg.norm(out, axis=1, keepdims=True)
    return np.where(length > 1e-14, out / np.maximum(length, 1e-14), (0.0, 0.0, 1.0))


def subdivide(curve: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return points of the Catmull-Rom curve through (K, C) knots at parameters 0 to K - 1, (len(at), C)."""
    knots = np.concatenate([2 * curve[:1] - curve[1:2], curve, 2 * curve[-1:] - curve[-2:-1]])
    i = np.clip(np.floor(at).astype(int), 0, len(curve) - 2)
    t = (at - i)[:, None]
    p0, p1, p2, p3 = (knots[i + k] for k in range(4))
    return 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t**2 + (3 * p1 - p0 - 3 * p2 + p3) * t**3)


def without(part: Part, hidden: np.ndarray) -> Part:
    """Return the part without the faces all of whose vertices are `hidden` (V,), and without vertices of no face."""
    keep = ~hidden[part.triangles].all(1)
    used, renumbered = np.unique(part.triangles[keep], return_inverse=True)
    return replace(
        part,
        triangles=renumbered.reshape(-1, 3),
        positions=part.positions[used],
        weights=part.weights[used],
        swatches=[s for s, kept in zip(part.swatches, keep, strict=True) if kept],
        shade=None if part.shade is None else part.shade[used],
        morphs={name: way[used] for name, way in part.morphs.items()},
    )

"""Triangles over points on a sphere: Delaunay in the stereographic plane, which keeps circles and so the result."""

import numpy as np

__all__ = ["plane", "triangulate"]


def plane(directions: np.ndarray, pole: np.ndarray) -> np.ndarray:
    """Return (V, 2): unit directions projected from `pole`, which itself lies at infinity."""
    pole = pole / np.linalg.norm(pole)
    first = np.cross(pole, (1.0, 0.0, 0.0))
    first /= np.linalg.norm(first)
    second = np.cross(pole, first)
    below = 1 - directions @ pole
    return np.stack([directions @ first, directions @ second], 1) / below[:, None]


def triangulate(points: np.ndarray) -> np.ndarray:
    """Return the Delaunay triangles (F, 3) of points (V, 2), counter-clockwise.

    Incremental insertion (Bowyer 1981, Watson 1981); the search over all circles is one numpy expression a point.
    """
    count = len(points)
    middle, size = points.mean(0), np.ptp(points, axis=0).max() * 40
    outer = middle + size * np.array([(-1.0, -1.0), (1.0, -1.0), (0.0, 1.0)])
    xy = np.concatenate([points, outer])
    capacity = 2 * count + 16
    triangles = np.zeros((capacity, 3), dtype=np.int64)
    centre, radius2 = np.zeros((capacity, 2)), np.full(capacity, -1.0)
    triangles[0] = (count, count + 1, count + 2)
    centre[:1], radius2[:1] = _circle(xy[triangles[:1]])
    used, free = 1, []
    # points far apart in order keep the holes small at first and spread the work evenly
    for p in np.argsort(np.sin(np.arange(count) * 12.9898) * 43758.5453 % 1.0, kind="stable"):
        d = centre[:used] - xy[p]
        bad = np.flatnonzero(d[:, 0] ** 2 + d[:, 1] ** 2 < radius2[:used])
        edges = np.concatenate([triangles[bad][:, [0, 1]], triangles[bad][:, [1, 2]], triangles[bad][:, [2, 0]]])
        key = edges[:, 0] * (count + 3) + edges[:, 1]
        back = edges[:, 1] * (count + 3) + edges[:, 0]
        rim = edges[~np.isin(key, back)]
        radius2[bad] = -1
        free.extend(bad.tolist())
        slots = [free.pop() if free else (used := used + 1) - 1 for _ in rim]
        new = np.concatenate([rim, np.full((len(rim), 1), p)], 1)
        triangles[slots] = new
        centre[slots], radius2[slots] = _circle(xy[new])
    live = (radius2[:used] >= 0) & (triangles[:used] < count).all(1)
    return triangles[:used][live]


def _circle(corners: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return centres (F, 2) and squared radii (F,) of the circles through triangles (F, 3, 2)."""
    a = corners[:, 0]
    b, c = corners[:, 1] - a, corners[:, 2] - a
    d = 2 * (b[:, 0] * c[:, 1] - b[:, 1] * c[:, 0])
    d = np.where(np.abs(d) < 1e-18, 1e-18, d)
    b2, c2 = (b**2).sum(1), (c**2).sum(1)
    u = np.stack([(c[:, 1] * b2 - b[:, 1] * c2) / d, (b[:, 0] * c2 - c[:, 0] * b2) / d], 1)
    return a + u, (u**2).sum(1)

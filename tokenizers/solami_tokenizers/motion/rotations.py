"""Rotations between their notations, on numpy arrays of any leading shape; the quaternion `x y z w` is the hub.

Complements `solami_protocol.quaternions` (product, slerp, rotation vectors) with what files and networks use:
3x3 matrices, rot6d, Euler angles in any order, the turn between two directions, and sign continuity in time.
"""

import numpy as np

from solami_protocol import quaternions as quat

__all__ = [
    "between",
    "continuous",
    "frame_of",
    "from_euler",
    "from_matrix",
    "from_rot6d",
    "matrix_to_rot6d",
    "rot6d_to_matrix",
    "short_arc",
    "to_matrix",
    "to_rot6d",
]

_AXES = {"X": (1.0, 0.0, 0.0), "Y": (0.0, 1.0, 0.0), "Z": (0.0, 0.0, 1.0)}


def short_arc(q: np.ndarray) -> np.ndarray:
    """Return the same rotations (..., 4) with w >= 0: of the two signs, the one that turns by at most pi."""
    return np.where(q[..., 3:] < 0, -q, q)


def continuous(q: np.ndarray) -> np.ndarray:
    """Return the same rotations (T, ..., 4) with signs chosen so that neighbours in time lie on one hemisphere."""
    if len(q) < 2:
        return q.copy()
    flips = np.sum(q[1:] * q[:-1], axis=-1) < 0  # (T-1, ...)
    sign = np.where(np.cumsum(flips, axis=0) % 2 == 1, -1, 1).astype(q.dtype)
    out = q.copy()
    out[1:] *= sign[..., None]
    return out


def to_matrix(q: np.ndarray) -> np.ndarray:
    """Return rotation matrices (..., 3, 3) of unit quaternions (..., 4); columns are the turned axes."""
    x, y, z, w = np.moveaxis(q, -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
        [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
        [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


def from_matrix(m: np.ndarray) -> np.ndarray:
    """Return unit quaternions (..., 4), w >= 0, of rotation matrices (..., 3, 3).

    Of the four ways to start (which component is divided by), each element takes the one with the largest divisor,
    so that no half turn loses digits (Shepperd's method, 1978).
    """
    m00, m11, m22 = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    a = m[..., 2, 1] - m[..., 1, 2]
    b = m[..., 0, 2] - m[..., 2, 0]
    c = m[..., 1, 0] - m[..., 0, 1]
    d = m[..., 1, 0] + m[..., 0, 1]
    e = m[..., 0, 2] + m[..., 2, 0]
    f = m[..., 2, 1] + m[..., 1, 2]
    candidates = np.stack(
        [
            np.stack([1 + m00 - m11 - m22, d, e, a], axis=-1),
            np.stack([d, 1 - m00 + m11 - m22, f, b], axis=-1),
            np.stack([e, f, 1 - m00 - m11 + m22, c], axis=-1),
            np.stack([a, b, c, 1 + m00 + m11 + m22], axis=-1),
        ],
        axis=-2,
    )  # (..., 4 starts, 4)
    best = np.argmax(np.stack([m00, m11, m22, m00 + m11 + m22], axis=-1), axis=-1)
    picked = np.take_along_axis(candidates, best[..., None, None], axis=-2)[..., 0, :]
    return short_arc(quat.normalise(picked))


def matrix_to_rot6d(m: np.ndarray) -> np.ndarray:
    """Return the first two columns of (..., 3, 3), one after the other: (..., 6)."""
    return np.concatenate([m[..., :, 0], m[..., :, 1]], axis=-1)


def rot6d_to_matrix(r: np.ndarray) -> np.ndarray:
    """Return rotation matrices of any six numbers (..., 6) that hold two independent columns.

    Gram-Schmidt on the two columns, the third is their cross product. Source: Zhou et al. 2019, "On the Continuity of
    Rotation Representations in Neural Networks".
    """
    x = r[..., :3] / np.maximum(np.linalg.norm(r[..., :3], axis=-1, keepdims=True), 1e-8)
    y = r[..., 3:] - np.sum(x * r[..., 3:], axis=-1, keepdims=True) * x
    y = y / np.maximum(np.linalg.norm(y, axis=-1, keepdims=True), 1e-8)
    return np.stack([x, y, np.cross(x, y)], axis=-1)


def to_rot6d(q: np.ndarray) -> np.ndarray:
    """Return rot6d by columns (..., 6) of unit quaternions (..., 4)."""
    return matrix_to_rot6d(to_matrix(q))


def from_rot6d(r: np.ndarray) -> np.ndarray:
    """Return unit quaternions (..., 4), w >= 0, of rot6d (..., 6)."""
    return from_matrix(rot6d_to_matrix(r))


def from_euler(order: str, degrees: np.ndarray) -> np.ndarray:
    """Return quaternions of Euler angles (..., len(order)) in degrees, in the order in which a BVH file lists them.

    `order` names the axes, e.g. `ZXY`: the matrix is Rz Rx Ry, so the last axis turns first (BVH's convention).
    Raises ValueError for another axis letter.
    """
    if degrees.shape[-1] != len(order) or set(order) - set(_AXES):
        raise ValueError(f"Euler order {order!r} does not fit angles of shape {degrees.shape}; use letters of XYZ")
    q = np.broadcast_to(quat.IDENTITY.astype(np.float64), (*degrees.shape[:-1], 4))
    for i, axis in enumerate(order):
        half = np.radians(degrees[..., i].astype(np.float64)) / 2
        step = np.concatenate([np.sin(half)[..., None] * np.array(_AXES[axis]), np.cos(half)[..., None]], axis=-1)
        q = quat.multiply(q, step)
    return q


def between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the shortest turn (..., 4) that takes direction a (..., 3) to direction b (..., 3), any lengths.

    Opposite directions turn half round about an axis across a; a zero vector gives the identity.
    """
    a = a / np.maximum(np.linalg.norm(a, axis=-1, keepdims=True), 1e-12)
    b = b / np.maximum(np.linalg.norm(b, axis=-1, keepdims=True), 1e-12)
    dot = np.sum(a * b, axis=-1, keepdims=True)
    across = np.cross(a, np.where(np.abs(a[..., :1]) < 0.9, [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]))
    opposite = np.concatenate([across, np.zeros_like(dot)], axis=-1)
    return quat.normalise(np.where(dot < -1 + 1e-9, opposite, np.concatenate([np.cross(a, b), 1 + dot], axis=-1)))


def frame_of(primary: np.ndarray, secondary: np.ndarray) -> np.ndarray:
    """Return the right-handed frame (..., 3, 3) whose first column is `primary` and second the part of `secondary`
    across it; both (..., 3), independent."""
    return rot6d_to_matrix(np.concatenate([primary, secondary], axis=-1))

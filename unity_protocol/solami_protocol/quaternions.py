"""Unit quaternions `x y z w` on numpy arrays; every function works on any leading shape (..., 4).

Right-handed; `multiply(a, b)` rotates by b first, then by a (as matrices do). Float32 in, float32 out.
"""

import numpy as np

__all__ = [
    "IDENTITY",
    "angle_between",
    "conjugate",
    "from_axis_angle",
    "from_rotvec",
    "multiply",
    "normalise",
    "rotate",
    "slerp",
    "to_rotvec",
    "yaw_of",
]

IDENTITY: np.ndarray = np.array([0.0, 0.0, 0.0, 1.0], dtype=np.float32)


def normalise(q: np.ndarray) -> np.ndarray:
    """Return q with unit length; a zero quaternion becomes the identity."""
    norm = np.linalg.norm(q, axis=-1, keepdims=True)
    return np.where(norm > 1e-8, q / np.maximum(norm, 1e-8), IDENTITY.astype(q.dtype))


def conjugate(q: np.ndarray) -> np.ndarray:
    """Return the inverse rotation of unit quaternions."""
    return q * np.array([-1, -1, -1, 1], dtype=q.dtype)


def multiply(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the rotation that applies b, then a. Shapes broadcast."""
    ax, ay, az, aw = np.moveaxis(a, -1, 0)
    bx, by, bz, bw = np.moveaxis(b, -1, 0)
    return np.stack(
        [
            aw * bx + ax * bw + ay * bz - az * by,
            aw * by - ax * bz + ay * bw + az * bx,
            aw * bz + ax * by - ay * bx + az * bw,
            aw * bw - ax * bx - ay * by - az * bz,
        ],
        axis=-1,
    )


def rotate(q: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Return vectors v (..., 3) turned by q (..., 4). Shapes broadcast."""
    u, w = q[..., :3], q[..., 3:]
    t = 2.0 * np.cross(u, v)
    return v + w * t + np.cross(u, t)


def from_rotvec(r: np.ndarray) -> np.ndarray:
    """Return unit quaternions of rotation vectors (..., 3) in radians."""
    angle = np.linalg.norm(r, axis=-1, keepdims=True)
    # sin(a/2)/a by its series near 0, where the division loses its digits
    scale = np.where(angle > 1e-4, np.sin(angle / 2) / np.maximum(angle, 1e-12), 0.5 - angle**2 / 48)
    return np.concatenate([r * scale, np.cos(angle / 2)], axis=-1).astype(r.dtype, copy=False)


def to_rotvec(q: np.ndarray) -> np.ndarray:
    """Return rotation vectors (..., 3) in radians by the short arc, length 0 to pi."""
    q = np.where(q[..., 3:] < 0, -q, q)
    sin = np.linalg.norm(q[..., :3], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sin, q[..., 3:])
    return q[..., :3] * np.where(sin > 1e-7, angle / np.maximum(sin, 1e-12), 2.0)


def from_axis_angle(axis: tuple[float, float, float] | np.ndarray, degrees: float | np.ndarray) -> np.ndarray:
    """Return float32 quaternions for turns about one axis (any length) by `degrees` (any shape)."""
    unit = np.asarray(axis, dtype=np.float64)
    unit = unit / np.linalg.norm(unit)
    half = np.radians(np.asarray(degrees, dtype=np.float64)) / 2
    return np.concatenate([unit * np.sin(half)[..., None], np.cos(half)[..., None]], axis=-1).astype(np.float32)


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """Return the rotation at share t (0 gives a, 1 gives b) of the short arc. t broadcasts over (...)."""
    t = np.asarray(t, dtype=a.dtype)
    dot = np.sum(a * b, axis=-1)
    b = np.where(dot[..., None] < 0, -b, b)
    theta = np.arccos(np.clip(np.abs(dot), 0, 1))
    sin = np.sin(theta)
    near = sin < 1e-5
    safe = np.where(near, 1, sin)
    wa = np.where(near, 1 - t, np.sin((1 - t) * theta) / safe)
    wb = np.where(near, t, np.sin(t * theta) / safe)
    return normalise(wa[..., None] * a + wb[..., None] * b)


def angle_between(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the angle in radians (0 to pi) between two rotations, exact near 0."""
    d = multiply(conjugate(a), b)
    return 2 * np.arctan2(np.linalg.norm(d[..., :3], axis=-1), np.abs(d[..., 3]))


def yaw_of(q: np.ndarray) -> np.ndarray:
    """Return the turn about +y in radians by swing-twist decomposition; 0 faces +z, positive turns to +x."""
    return 2 * np.arctan2(q[..., 1], q[..., 3])

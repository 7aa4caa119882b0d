"""Small solids for fittings: bodies of revolution, wires along a curve, ribbons on a surface."""

import numpy as np

__all__ = ["lathe", "loose_frame", "ribbon", "wire"]

from solami.headset.avatar.mesh import outside_out, tube


def loose_frame(axis: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return two unit vectors that stand upright on `axis` and on each other."""
    axis = axis / np.linalg.norm(axis)
    other = np.array([0.0, 1.0, 0.0]) if abs(axis[1]) < 0.9 else np.array([0.0, 0.0, 1.0])
    first = np.cross(other, axis)
    first /= np.linalg.norm(first)
    return first, np.cross(axis, first)


def lathe(
    profile: np.ndarray, origin: np.ndarray, axis: np.ndarray, sides: int = 20, wide: tuple[float, float] = (1.0, 1.0)
) -> tuple[np.ndarray, np.ndarray]:
    """Return positions and triangles of a profile (R, 2: along the axis, radius) turned around an axis.

    wide stretches the two directions across the axis. Both ends are closed.
    """
    axis = np.asarray(axis, dtype=np.float64) / np.linalg.norm(axis)
    first, second = loose_frame(axis)
    angle = 2 * np.pi * np.arange(sides) / sides
    circle = wide[0] * np.cos(angle)[:, None] * first + wide[1] * np.sin(angle)[:, None] * second
    rings = np.stack([origin + a * axis + r * circle for a, r in profile])
    positions, triangles = tube(rings, closed_start=True, closed_end=True)
    return positions, outside_out(positions, triangles)


def wire(
    line: np.ndarray,
    radius: np.ndarray | float,
    sides: int = 8,
    closed: bool = False,
    flat: float = 1.0,
    up: np.ndarray | None = None,
) -> tuple[np.ndarray, np.ndarray]:
    """Return a round or flat tube along points (K, 3).

    radius: metres, one or one a point, across `up`; `flat` times that along `up` (K, 3), by default any direction.
    """  # fmt: skip
    count = len(line)
    if closed:
        ahead = np.roll(line, -1, 0) - np.roll(line, 1, 0)
    else:
        ahead = np.gradient(line, axis=0)
    ahead /= np.linalg.norm(ahead, axis=1, keepdims=True)
    above = np.tile(loose_frame(ahead[0])[1], (count, 1)) if up is None else up
    side = np.cross(ahead, above)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    above = np.cross(side, ahead)
    angle = 2 * np.pi * np.arange(sides) / sides
    size = np.broadcast_to(radius, (count,))[:, None, None]
    rings = line[:, None] + size * (
        np.cos(angle)[None, :, None] * above[:, None] * flat - np.sin(angle)[None, :, None] * side[:, None]
    )
    if closed:
        positions, triangles = tube(np.concatenate([rings, rings[:1]]))
        positions, triangles = positions[: count * sides], triangles % (count * sides)
    else:
        positions, triangles = tube(rings, closed_start=True, closed_end=True)
    return positions, outside_out(positions, triangles)


def ribbon(line: np.ndarray, away: np.ndarray, half_m: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a flat strip along points (K, 3) that faces along `away` (K, 3)."""
    ahead = np.gradient(line, axis=0)
    side = np.cross(ahead, away)
    side /= np.linalg.norm(side, axis=1, keepdims=True)
    positions = np.concatenate([line - half_m * side, line + half_m * side])
    i, n = np.arange(len(line) - 1), len(line)
    triangles = np.concatenate([np.stack([i, i + n, i + 1], 1), np.stack([i + 1, i + n, i + n + 1], 1)])
    return positions, triangles

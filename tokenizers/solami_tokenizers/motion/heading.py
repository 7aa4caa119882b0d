"""Which way a body faces, from the axis across its hips.

The forward axis of the pelvis turns upside down in a bow of more than 90 degrees; the axis from the right to the left
hip stays where it is. It fails only when it stands nearly upright (lying on a side, a cartwheel): there the heading is
held, and afterwards it catches up at a bounded rate. What the heading leaves over stays in the pelvis' own rotation, so
no choice of it loses anything.
"""

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.skeleton import FPS

__all__ = ["MAX_YAW_STEP_RAD", "heading", "turn_xz", "yaw_quaternion"]

MAX_YAW_STEP_RAD = np.radians(900.0) / FPS  # faster than a pirouette (two turns a second)
_MIN_ACROSS = 0.2  # horizontal length of the unit hip axis below which it says nothing
_LEFT = np.array([1.0, 0.0, 0.0])


def heading(pelvis: np.ndarray, before_rad: float | None = None) -> np.ndarray:
    """Return the heading (T,) float64 in radians of pelvis rotations (T, 4): 0 faces +z, positive turns to +x.

    Continuous in time (it may pass pi); `before_rad` is the heading of the frame before, None at the start.
    """
    left = quat.rotate(pelvis.astype(np.float64), _LEFT)  # (T, 3)
    raw = np.arctan2(-left[:, 2], left[:, 0])
    steady = np.hypot(left[:, 0], left[:, 2]) >= _MIN_ACROSS
    first = before_rad if before_rad is not None else (raw[0] if steady[0] else _first_steady(raw, steady))
    unwrapped = np.unwrap(np.concatenate([[first], raw]))
    if steady.all() and np.abs(np.diff(unwrapped)).max() <= MAX_YAW_STEP_RAD:
        return unwrapped[1:]
    out = np.empty(len(raw))
    yaw = first
    for t in range(len(raw)):
        step = (raw[t] - yaw + np.pi) % (2 * np.pi) - np.pi if steady[t] else 0.0
        yaw += np.clip(step, -MAX_YAW_STEP_RAD, MAX_YAW_STEP_RAD)
        out[t] = yaw
    return out


def _first_steady(raw: np.ndarray, steady: np.ndarray) -> float:
    return float(raw[np.argmax(steady)]) if steady.any() else 0.0


def turn_xz(yaw_rad: np.ndarray, xz: np.ndarray) -> np.ndarray:
    """Return horizontal vectors xz (..., 2) turned about +y by yaw_rad (...)."""
    sin, cos = np.sin(yaw_rad), np.cos(yaw_rad)
    return np.stack([cos * xz[..., 0] + sin * xz[..., 1], cos * xz[..., 1] - sin * xz[..., 0]], axis=-1)


def yaw_quaternion(yaw_rad: np.ndarray) -> np.ndarray:
    """Return quaternions (..., 4) of turns about +y by yaw_rad (...)."""
    zero = np.zeros_like(yaw_rad)
    return np.stack([zero, np.sin(yaw_rad / 2), zero, np.cos(yaw_rad / 2)], axis=-1)

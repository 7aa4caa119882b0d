"""Inertialisation: what is shown starts where the last motion was, position and velocity, and runs into the new one.

The difference between old and new at the seam (offset and its velocity) fades along a quintic that ends with zero
velocity and acceleration; the new motion plays unchanged below it. Source: D. Bollo, "Inertialization", GDC 2018.
"""

from collections.abc import Callable

import numpy as np

from solami_protocol import quaternions as q
from solami_protocol.skeleton import FPS

__all__ = ["BLEND_MS", "Seam", "join"]

BLEND_MS = 250.0
_FRAME_MS = 1000.0 / FPS


class Seam:
    """The fading difference between what was shown and what comes.

    shown_root_m (P, 3), shown (P, 55, 4): the last frames shown, one or more; two or more give a velocity.
    next_root_m (N, 3), next_ (N, 55, 4): the first frames of what comes; frame 0 takes the time of the last shown
    frame (so it equals it), or the one after it with `after=True`.
    """

    def __init__(
        self,
        shown_root_m: np.ndarray,
        shown: np.ndarray,
        next_root_m: np.ndarray,
        next_: np.ndarray,
        *,
        duration_ms: float = BLEND_MS,
        after: bool = False,
    ) -> None:
        if after and len(next_) > 1:
            # the new motion as it would have been a frame earlier, at the time of the last frame shown
            next_root_m = np.stack([2 * next_root_m[0] - next_root_m[1], next_root_m[0]])
            next_ = np.stack([q.multiply(next_[0], q.multiply(q.conjugate(next_[1]), next_[0])), next_[0]])
        root0, root_v = _offset_and_velocity(shown_root_m, next_root_m, _plain_difference)
        turn0, turn_v = _offset_and_velocity(shown, next_, _turn_difference)
        self._root = _Decay(root0, root_v, duration_ms)
        self._turn = _Decay(turn0, turn_v, duration_ms)
        self._lead_ms = _FRAME_MS if after else 0.0
        self.duration_ms = duration_ms

    def apply(self, t_ms: np.ndarray, root_m: np.ndarray, rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return root (T, 3) and rotations (T, 55, 4) with the fading difference; t_ms counts from the new frame 0."""
        t = t_ms + self._lead_ms
        if t[0] >= self.duration_ms:
            return root_m, rotations
        return root_m + self._root.at(t), q.multiply(rotations, q.from_rotvec(self._turn.at(t)))


class _Decay:
    """Quintics from (x0, v0) with zero acceleration to rest at 0; time as a share of the duration."""

    def __init__(self, offset: np.ndarray, velocity_per_ms: np.ndarray, duration_ms: float) -> None:
        self._offset, self._slope, self._duration_ms = offset, velocity_per_ms * duration_ms, duration_ms

    def at(self, t_ms: np.ndarray) -> np.ndarray:
        s = np.clip(t_ms / self._duration_ms, 0.0, 1.0).reshape(-1, *[1] * self._offset.ndim)
        s3 = s * s * s
        fall = 1 - s3 * (10 - 15 * s + 6 * s * s)
        return self._offset * fall + self._slope * (s - 6 * s3 + 8 * s3 * s - 3 * s3 * s * s)


def join(
    root_a_m: np.ndarray, a: np.ndarray, root_b_m: np.ndarray, b: np.ndarray, duration_ms: float = BLEND_MS
) -> tuple[np.ndarray, np.ndarray]:
    """Return b (root (N, 3), rotations (N, 55, 4)) so that it follows a without a jump of pose or velocity."""
    seam = Seam(root_a_m, a, root_b_m, b, duration_ms=duration_ms, after=True)
    return seam.apply(np.arange(len(b)) * _FRAME_MS, root_b_m, b)


def _plain_difference(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    return old - new


def _turn_difference(new: np.ndarray, old: np.ndarray) -> np.ndarray:
    return q.to_rotvec(q.multiply(q.conjugate(new), old))


def _offset_and_velocity(
    shown: np.ndarray, new: np.ndarray, difference: Callable[[np.ndarray, np.ndarray], np.ndarray]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the offset at the seam and how fast it changes per ms: the shown velocity minus the new one."""
    shown, new = shown.astype(np.float64), new.astype(np.float64)
    offset = difference(new[0], shown[-1])
    if len(shown) < 2 or len(new) < 2:
        return offset, np.zeros_like(offset)
    velocity = difference(shown[-2], shown[-1]) - difference(new[0], new[1])
    return offset, velocity / _FRAME_MS

"""What the character attends to, eased: the eyes are on a new target first, the head follows."""

import numpy as np

from solami.behaviour.gaze import gaze

__all__ = ["Attention"]

_EYES_MS, _HEAD_MS, _GAZE_MS = 45.0, 170.0, 150.0  # time constants of eyes, head, and of the gaze coming and going


class Attention:
    """A point to look at that may jump from call to call, and the eased gaze that follows."""

    def __init__(self) -> None:
        self._on = _Follower(np.zeros(1), _GAZE_MS)
        self._eyes: _Follower | None = None
        self._head: _Follower | None = None

    def aim(self, target_m: np.ndarray | None, now_ms: float) -> None:
        """From `now_ms` on look at a point (3,) of the world, or at nothing."""
        if target_m is None:
            self._on.aim(np.zeros(1), now_ms)
            return
        point = np.asarray(target_m, dtype=np.float64)
        if self._eyes is None or self._head is None:
            self._eyes, self._head = _Follower(point, _EYES_MS), _Follower(point, _HEAD_MS)
        if now_ms == 0:
            self._on = _Follower(np.ones(1), _GAZE_MS)  # nothing is shown yet: no ease of its own
        self._eyes.aim(point, now_ms)
        self._head.aim(point, now_ms)
        self._on.aim(np.ones(1), now_ms)

    def apply(self, t_ms: np.ndarray, rotations: np.ndarray, root_m: np.ndarray, free: np.ndarray) -> np.ndarray:
        """Return rotations (T, 55, 4) that look; `free` (T,) 0 to 1 is how far gestures leave the gaze free."""
        if self._eyes is None or self._head is None:
            return rotations
        weight = self._on.at(t_ms)[:, 0] * free
        if weight.max() < 1e-4:
            return rotations
        head_m, eyes_m = self._head.at(t_ms), self._eyes.at(t_ms)
        return gaze(rotations, root_m, head_m, weight=weight, eyes_target_m=eyes_m)


class _Follower:
    """A critically damped spring in closed form towards a target that changes by steps."""

    def __init__(self, value: np.ndarray, constant_ms: float) -> None:
        self._value, self._speed, self._target = value, np.zeros_like(value), value
        self._since_ms, self._rate = 0.0, 2.0 / constant_ms

    def at(self, t_ms: np.ndarray) -> np.ndarray:
        """Return (T, D) values."""
        return self._state(t_ms)[0]

    def aim(self, target: np.ndarray, now_ms: float) -> None:
        value, speed = self._state(np.array([now_ms]))
        self._value, self._speed, self._target, self._since_ms = value[0], speed[0], target, now_ms

    def _state(self, t_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        t = (t_ms - self._since_ms)[:, None]
        off = self._value - self._target
        push = self._speed + self._rate * off
        fade = np.exp(-self._rate * t)
        return self._target + (off + push * t) * fade, (push - self._rate * (off + push * t)) * fade

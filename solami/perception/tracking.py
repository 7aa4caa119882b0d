"""Whether the headset still tracks: a body that lives never sends the same frame twice for long."""

from collections.abc import Iterator

import numpy as np

from solami.perception.percept import Percept

__all__ = ["TrackingWatch"]

# the reference headset sends one constant pose when it loses the body; 0.4 s are 12 of its frames
_FROZEN_US = 400_000


class TrackingWatch:
    """Says once that tracking was lost and once that it is back.

    Lost: for 0.4 s every frame is the same as the one before, or holds no pose (zero rotations, nothing valid).
    """

    def __init__(self) -> None:
        self._before: bytes = b""
        self._dead_since_us: int | None = None
        self._lost_us: int | None = None

    def feed(self, t_us: int, root_m: np.ndarray, rotations: np.ndarray, validity: np.ndarray) -> Iterator[Percept]:
        """Yield what this one frame settled: root_m (3,), rotations (55, 4), validity (55,)."""
        now = root_m.tobytes() + rotations.tobytes()
        dead = now == self._before or not usable(rotations[None], validity[None])[0]
        self._before = now
        if not dead:
            if self._lost_us is not None:
                yield Percept("tracking_ok", "", 1.0, t_us, "began", t_us)
            self._dead_since_us = self._lost_us = None
            return
        if self._dead_since_us is None:
            self._dead_since_us = t_us
        if self._lost_us is None and t_us - self._dead_since_us >= _FROZEN_US:
            self._lost_us = t_us
            yield Percept("tracking_lost", "", 1.0, t_us, "began", self._dead_since_us)

    @property
    def lost(self) -> bool:
        """Return whether tracking is lost now."""
        return self._lost_us is not None


def usable(rotations: np.ndarray, validity: np.ndarray) -> np.ndarray:
    """Return which frames (T,) hold a pose: unit rotations, and at least one joint that is not absent."""
    norm = np.einsum("tjc,tjc->tj", rotations, rotations)
    return (np.abs(norm - 1) < 0.1).all(axis=1) & (validity > 0).any(axis=1)

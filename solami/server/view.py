"""What the character sees of the user while it answers: the newest pose, and the acts of the last seconds."""

import time
from collections import deque

import numpy as np

from solami.brain import Act, Seen

__all__ = ["UserView"]

_FRESH_S = 1.0
_KEPT = 32


class UserView:
    """See `solami.brain.View`; one a session."""

    def __init__(self) -> None:
        self._seen: tuple[float, Seen] | None = None
        self._acts: deque[tuple[float, str]] = deque(maxlen=_KEPT)

    def saw(self, root_m: np.ndarray, rotations: np.ndarray, validity: np.ndarray) -> None:
        """Take in the newest frame: (3,), (55, 4), (55,)."""
        self._seen = (time.monotonic(), Seen(root_m, rotations, validity))

    def did(self, act: Act) -> None:
        """Take in an act that began."""
        self._acts.append((time.monotonic(), act.name))

    def latest(self) -> Seen | None:
        """See `View`: None a second after the last frame."""
        return self._seen[1] if self._seen is not None and time.monotonic() - self._seen[0] < _FRESH_S else None

    def acts_since(self, since_s: float) -> list[str]:
        """See `View`."""
        return [name for at_s, name in self._acts if at_s >= since_s]

"""What the character sees of the user: the newest pose, and the acts of the last seconds."""

import time
from collections import deque

import numpy as np

from solami.brain import Act, Seen
from solami_protocol import quaternions as q
from solami_protocol.control import Place
from solami_protocol.skeleton import JOINT_INDEX
from solami_tokenizers.motion import forward

__all__ = ["UserView"]

_FRESH_S = 1.0
_KEPT = 32
_HEAD = JOINT_INDEX["head"]
_EYES_M = np.array([0.0, 0.07, 0.0])
"""Above the joint on which the head turns."""


class UserView:
    """See `solami.brain.View`; one a session."""

    def __init__(self) -> None:
        self.place: Place | None = None
        """Where the character stands, in the space of the user's poses."""
        self._seen: tuple[float, Seen] | None = None
        self._acts: deque[tuple[float, Act]] = deque(maxlen=_KEPT)

    def saw(self, root_m: np.ndarray, rotations: np.ndarray, validity: np.ndarray) -> None:
        """Take in the newest frame: (3,), (55, 4), (55,)."""
        self._seen = (time.monotonic(), Seen(root_m, rotations, validity))

    def did(self, act: Act) -> None:
        """Take in an act that began."""
        self._acts.append((time.monotonic(), act))

    def answered(self) -> None:
        """What was seen so far has its answer: it belongs to no later turn."""
        self._acts.clear()

    def latest(self) -> Seen | None:
        """See `View`: None a second after the last frame."""
        return self._seen[1] if self._seen is not None and time.monotonic() - self._seen[0] < _FRESH_S else None

    def head_m(self) -> np.ndarray | None:
        """See `View`."""
        seen, place = self.latest(), self.place
        if seen is None or place is None or not seen.validity[_HEAD]:
            return None
        head_m = forward(seen.root_m[None], seen.rotations[None], body_only=True)[0][0, _HEAD] + _EYES_M
        turn = q.from_axis_angle((0.0, 1.0, 0.0), -np.degrees(place.yaw_rad))
        return q.rotate(turn, head_m - np.array([place.x, place.y, place.z]))

    def acts_since(self, since_s: float) -> list[str]:
        """See `View`."""
        return [act.name for act in self.seen_since(since_s)]

    def seen_since(self, since_s: float) -> list[Act]:
        """Return the acts that began from `since_s` on, by `time.monotonic`, in order."""
        return [act for at_s, act in self._acts if at_s >= since_s]

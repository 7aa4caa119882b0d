"""Whether the user is with the character or has walked away."""

import math
import struct

from solami_protocol.control import Place
from solami_protocol.media import MediaFrame

__all__ = ["Presence"]

_ROOT = struct.Struct("<fff")


class Presence:
    """Watches the user's distance. Leaving and coming back have different limits, so that nobody flickers."""

    def __init__(self, leave_m: float, near_m: float, for_s: float) -> None:
        self._leave_m = leave_m
        self._near_m = near_m
        self._for_us = for_s * 1e6
        self._far_since_us: int | None = None
        self._away = False

    def left(self, frame: MediaFrame, character: Place) -> bool:
        """Return True once when the user of this upward pose frame has been far from `character` for long enough."""
        if not frame.count:
            return False
        x_m, _, z_m = _ROOT.unpack_from(frame.payload)  # the root comes first, in every codec
        distance_m = math.hypot(x_m - character.x, z_m - character.z)
        if distance_m < self._near_m:
            self._away, self._far_since_us = False, None
        elif distance_m <= self._leave_m:
            self._far_since_us = None
        elif self._far_since_us is None:
            self._far_since_us = frame.pts_us
        elif not self._away and frame.pts_us - self._far_since_us >= self._for_us:
            self._away = True
            return True
        return False

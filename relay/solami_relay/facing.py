"""Whether the user has walked around the character, which then has to turn, and by how much."""

import math
import struct

from solami_protocol.control import Place
from solami_protocol.media import MediaFrame

__all__ = ["Facing"]

_ROOT = struct.Struct("<fff")
_NEAR_M = 0.35
"""Nearer than this, where the user is does not tell a direction."""
_WALKS_RAD = math.radians(12.0)
"""Who has gone so much further round meanwhile still walks, and is only looked at ..."""
_FAR_RAD = math.radians(80.0)
"""... up to here: a neck goes no further."""


class Facing:
    """Watches the way from the character to the user. Times are those of the user's pose frames."""

    def __init__(self, from_rad: float, after_s: float, again_s: float) -> None:
        """Turn when the user has stood more than `from_rad` aside for `after_s`, and not within `again_s` of a turn."""
        self._from_rad = from_rad
        self._after_us, self._again_us = after_s * 1e6, again_s * 1e6
        self._aside_since: tuple[int, float] | None = None
        self._turned_us: int | None = None

    def aside_rad(self, frame: MediaFrame, character: Place) -> float | None:
        """Return how far to turn (left is positive) when it is time, by this upward pose frame of the user."""
        if not frame.count:
            return None
        x_m, _, z_m = _ROOT.unpack_from(frame.payload)  # the root comes first, in every codec
        dx_m, dz_m = x_m - character.x, z_m - character.z
        aside_rad = math.remainder(math.atan2(dx_m, dz_m) - character.yaw_rad, math.tau)
        if abs(aside_rad) < self._from_rad or math.hypot(dx_m, dz_m) < _NEAR_M:
            self._aside_since = None
            return None
        now_us = frame.pts_us
        if self._aside_since is None or self._walks(aside_rad, self._aside_since[1]):
            self._aside_since = (now_us, aside_rad)
        waited = now_us - self._aside_since[0] >= self._after_us
        rested = self._turned_us is None or now_us - self._turned_us >= self._again_us
        return aside_rad if waited and rested else None

    def _walks(self, aside_rad: float, before_rad: float) -> bool:
        gone_rad = abs(math.remainder(aside_rad - before_rad, math.tau))
        return gone_rad > _WALKS_RAD and min(abs(aside_rad), abs(before_rad)) < _FAR_RAD

    def turned(self, frame: MediaFrame) -> None:
        """The character has begun to turn because of this frame."""
        self._aside_since, self._turned_us = None, frame.pts_us

"""How much may pass in how much time: a token bucket, and the three that guard one socket."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from solami_protocol.errors import SolamiError
from solami_protocol.media import Kind, MediaFrame
from solami_protocol.skeleton import FPS
from solami_relay.settings import Limits

__all__ = ["SocketRates", "TokenBucket", "TooFast"]

AUDIO_RATE_HZ = 16_000
BAD_WINDOW_S = 60.0
RESEND_S = 10.0  # a client keeps ten seconds to resend (DESIGN 3.2)


class TooFast(SolamiError):
    """The client sends more than it may."""

    code = "too_fast"


@dataclass(slots=True)
class TokenBucket:
    """Lets `per_s` units a second pass on average and `burst` at once. `clock` gives seconds.

    `extra` units more are there at the start and do not come back.
    """

    per_s: float
    burst: float
    extra: float = 0.0
    clock: Callable[[], float] = time.monotonic
    _level: float = field(init=False)
    _at_s: float = field(init=False)

    def __post_init__(self) -> None:
        self._level = self.burst
        self._at_s = self.clock()

    def take(self, units: float) -> bool:
        """Return True and take the units, or False and take none."""
        now_s = self.clock()
        self._level = min(self.burst, self._level + (now_s - self._at_s) * self.per_s)
        self._at_s = now_s
        if units > self._level + self.extra:
            return False
        from_level = min(units, self._level)
        self._level -= from_level
        self.extra -= units - from_level
        return True


class SocketRates:
    """What one socket may send. A socket that resumes has ten seconds more, for what it sends again."""

    def __init__(self, limits: Limits, *, resumed: bool, clock: Callable[[], float] = time.monotonic) -> None:
        extra_s = RESEND_S if resumed else 0.0
        burst_s, speed = limits.media_burst_s, limits.media_speed
        self._limits = limits
        self._media = {
            Kind.AUDIO: TokenBucket(AUDIO_RATE_HZ * speed, AUDIO_RATE_HZ * burst_s, AUDIO_RATE_HZ * extra_s, clock),
            Kind.POSE: TokenBucket(FPS * speed, FPS * burst_s, FPS * extra_s, clock),
        }
        per_s = limits.messages_per_s
        self._messages = TokenBucket(per_s, per_s * burst_s, per_s * extra_s, clock)
        self._bad = TokenBucket(limits.bad_messages / BAD_WINDOW_S, limits.bad_messages, 0, clock)

    def message(self) -> None:
        """Count a message of any kind. Raises TooFast."""
        if not self._messages.take(1):
            raise TooFast(f"more than {self._limits.messages_per_s:g} messages a second")

    def media(self, frame: MediaFrame) -> None:
        """Count the samples or frames of an audio or pose frame. Raises TooFast."""
        if not self._media[frame.kind].take(frame.count):
            what = frame.kind.name.lower()
            raise TooFast(f"{what} comes faster than {self._limits.media_speed:g} times real time")

    def bad(self) -> bool:
        """Count a broken message; return False when there were too many."""
        return self._bad.take(1)

"""When a failing endpoint is worth a try again."""

import time
from collections.abc import Callable

__all__ = ["Breaker"]


class Breaker:
    """Says whether a failing endpoint is worth a try: after `limit` failures in a row it rests for `rest_s`."""

    def __init__(self, limit: int = 2, rest_s: float = 15.0, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._rest_s, self._clock = limit, rest_s, clock
        self._failures, self._until = 0, 0.0

    @property
    def open(self) -> bool:
        """True: do not try now."""
        return self._failures >= self._limit and self._clock() < self._until

    def failed(self) -> None:
        """Count a failure."""
        self._failures += 1
        self._until = self._clock() + self._rest_s

    def worked(self) -> None:
        """Forget the failures."""
        self._failures = 0

"""When a listener nods: in a pause of somebody who has spoken for a while and is not done."""

from solami_relay.turn_events import Words

__all__ = ["Assent"]

FROM_MS, UNTIL_MS = 250.0, 500.0
"""Silence in which a nod is fitting. Source: listeners answer pauses of 200 ms and more (Ward and Tsukahara, 2000)."""
VOICED_MS = 1_000.0
AGAIN_MS = 4_000.0


class Assent:
    """Remembers the last nod; one a session. Times are the worker's."""

    def __init__(self, complete_at: float) -> None:
        """`complete_at`: completeness from which words are a finished sentence, which is answered instead."""
        self._complete_at = complete_at
        self._last_ms = -1e9

    def due(self, now_ms: float, silence_ms: float, voiced_ms: float, words: Words | None) -> bool:
        """Return whether to nod now; True at most once in `AGAIN_MS`."""
        if words is None or not words.text.strip() or words.complete >= self._complete_at:
            return False
        if not FROM_MS <= silence_ms <= UNTIL_MS or voiced_ms < VOICED_MS or now_ms - self._last_ms < AGAIN_MS:
            return False
        self._last_ms = now_ms
        return True

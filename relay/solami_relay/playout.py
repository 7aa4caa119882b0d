"""Where the client's play head is, as far as its reports and our clock tell."""

from solami_protocol.control import PlaybackState

__all__ = ["PlayHead"]

REPORT_TRUST_MS = 1000  # reports come every 200 ms; after a second without one the head is taken to stand still
START_DELAY_MS = 150
SILENT_CLIENT_MS = 1000


class PlayHead:
    """The play head of one epoch, milliseconds of its timeline."""

    def __init__(self, opened_ms: float) -> None:
        self._opened_ms = opened_ms
        self._head_ms = 0.0
        self._at_ms = opened_ms
        self._playing = False
        self._reported = False

    def report(self, state: PlaybackState, audio_ms: float, now_ms: float) -> None:
        """Take in a playback report."""
        self._reported = True
        self._head_ms, self._at_ms = audio_ms, now_ms
        self._playing = state in ("started", "playing")

    def stop(self, now_ms: float) -> None:
        """The client was told to hold."""
        self._head_ms, self._at_ms, self._playing = self.at(now_ms), now_ms, False

    def go_on(self, now_ms: float) -> None:
        """The client was told to go on."""
        self._at_ms, self._playing = now_ms, True

    def at(self, now_ms: float) -> float:
        """Return the play head at worker time `now_ms`, never ahead of what the reports allow."""
        if not self._reported:  # a client that never reports is taken to play from the first chunk on
            waited_ms = now_ms - self._opened_ms
            return max(0.0, waited_ms - START_DELAY_MS) if waited_ms > SILENT_CLIENT_MS else 0.0
        return self._head_ms + (min(now_ms - self._at_ms, REPORT_TRUST_MS) if self._playing else 0.0)

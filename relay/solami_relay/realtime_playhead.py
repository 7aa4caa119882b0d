"""The play head of a client that reports none: it plays from its first sound on, in real time, what it was handed.

Pure; times are the caller's clock in milliseconds. Every order of the relay (hold, release, cancel) is answered, as the
protocol asks of a client.
"""

from solami_protocol.control import Cancel, EpochEnd, EpochStart, Hold, Playback, PlaybackState, Release
from solami_protocol.messages import Message

__all__ = ["RealtimePlayhead"]

REPORT_MS = 200.0


class RealtimePlayhead:
    """Where the newest reply is heard. Methods return the reports that are due."""

    def __init__(self) -> None:
        self._epoch = 0
        self._handed_ms = 0.0
        self._head_ms = 0.0
        self._at_ms: float | None = None  # None: nothing plays
        self._ended = False
        self._reported_ms = 0.0

    def on_message(self, message: Message, told: bool, now_ms: float) -> list[Playback]:
        """Take in a control message; `told`: the client hears of it."""
        match message:
            case EpochStart(epoch=epoch) if told:
                self._epoch, self._handed_ms, self._head_ms, self._at_ms, self._ended = epoch, 0.0, 0.0, None, False
            case EpochEnd(epoch=epoch) if epoch == self._epoch:
                self._ended = True
            case Hold(epoch=epoch) if epoch == self._epoch:
                return self._report("held", now_ms)
            case Release(epoch=epoch) if epoch == self._epoch:
                return self._report("playing", now_ms)
            case Cancel(epoch=epoch) if epoch == self._epoch:
                return self.cut(None, now_ms)
        return []

    def handed_on(self, handed_ms: float, now_ms: float) -> list[Playback]:
        """So much of the epoch's sound was handed on."""
        self._advance(now_ms)
        self._handed_ms = handed_ms
        if self._at_ms is None and self._epoch:
            self._at_ms = now_ms
            return self._report("started", now_ms)
        return []

    def _advance(self, now_ms: float) -> None:
        if self._at_ms is not None:
            self._head_ms = min(self._handed_ms, self._head_ms + now_ms - self._at_ms)
            self._at_ms = now_ms

    def cut(self, heard_ms: float | None, now_ms: float) -> list[Playback]:
        """The client stops playing, at `heard_ms` where it says so."""
        if not self._epoch:
            return []
        self._advance(now_ms)
        if heard_ms is not None:
            self._head_ms = min(heard_ms, self._handed_ms)
        report = self._report("cut", now_ms)
        self._epoch, self._at_ms = 0, None
        return report

    def tick(self, now_ms: float) -> list[Playback]:
        """Return what is to be reported now."""
        self._advance(now_ms)
        if self._at_ms is None or not self._epoch:
            return []
        if self._ended and self._head_ms >= self._handed_ms:
            report = self._report("finished", now_ms)
            self._epoch, self._at_ms = 0, None
            return report
        return self._report("playing", now_ms) if now_ms - self._reported_ms >= REPORT_MS else []

    def _report(self, state: PlaybackState, now_ms: float) -> list[Playback]:
        self._advance(now_ms)
        self._reported_ms = now_ms
        return [Playback(epoch=self._epoch, state=state, audio_ms=round(self._head_ms, 1))]

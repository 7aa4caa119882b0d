"""From voiced and unvoiced frames to the turns of a voice: stir, speech, pause, going on. No words, no I/O.

Silence counts from the last voiced sample in microphone time, so jitter of the network does not move an endpoint; where
no audio comes at all, the worker's clock stands in.
"""

from enum import Enum

from solami_relay.turn_settings import TurnSettings

__all__ = ["Endpointer", "Signal", "VoicePhase"]

FRAME_MS = 10


class VoicePhase(Enum):
    """Where the voice is."""

    QUIET = "quiet"
    ONSET = "onset"
    SPEAKING = "speaking"
    PAUSED = "paused"


class Signal(Enum):
    """What changed with a frame."""

    STIR = "stir"
    """Enough voice to hold a reply."""
    SPEECH = "speech"
    """Enough voice for a turn."""
    PAUSE = "pause"
    """Enough silence to begin the reply speculatively."""
    GO_ON = "go_on"
    """The voice is back after a pause."""
    DIED = "died"
    """A burst ended without becoming speech."""


class Endpointer:
    """Follows one microphone."""

    def __init__(self, settings: TurnSettings) -> None:
        self._settings = settings
        self.phase = VoicePhase.QUIET
        self.onset_ms = 0.0
        """Microphone time of the first voiced sample."""
        self.last_voiced_ms = 0.0
        self.voiced_ms = 0.0
        self._audio_ms = 0.0
        self._arrival_ms = 0.0
        self._stirred = False
        self._back_ms = 0.0
        self._back_last_ms = 0.0

    def reset(self) -> None:
        """Wait for the next voice."""
        self.phase = VoicePhase.QUIET

    def force_pause(self) -> None:
        """Take the turn as ended here although the voice goes on."""
        self.phase = VoicePhase.PAUSED
        self._back_ms = 0.0

    def silence_ms(self, now_ms: float) -> float:
        """Return how long nothing was voiced."""
        return self._audio_ms + self._stalled_ms(now_ms) - self.last_voiced_ms

    def _stalled_ms(self, now_ms: float) -> float:
        gap = now_ms - self._arrival_ms
        return gap if gap >= self._settings.stall_ms else 0.0

    def push(self, end_ms: float, voiced: bool, now_ms: float) -> Signal | None:
        """Take in the 10 ms that end at microphone time `end_ms`; return what changed."""
        self._audio_ms, self._arrival_ms = end_ms, now_ms
        return self._voiced(end_ms) if voiced else self._unvoiced(end_ms)

    def tick(self, now_ms: float) -> Signal | None:
        """Return what changed because no audio came."""
        stalled = self._stalled_ms(now_ms)
        return self._unvoiced(self._audio_ms + stalled) if stalled else None

    def _voiced(self, end_ms: float) -> Signal | None:
        s = self._settings
        match self.phase:
            case VoicePhase.QUIET:
                self.phase = VoicePhase.ONSET
                self.onset_ms, self.last_voiced_ms = end_ms - FRAME_MS, end_ms
                self.voiced_ms, self._stirred = float(FRAME_MS), False
            case VoicePhase.ONSET:
                self.last_voiced_ms = end_ms
                self.voiced_ms += FRAME_MS
                if self.voiced_ms >= s.turn_after_voiced_ms:
                    self.phase = VoicePhase.SPEAKING
                    return Signal.SPEECH
                if self.voiced_ms >= s.hold_after_voiced_ms and not self._stirred:
                    self._stirred = True
                    return Signal.STIR
            case VoicePhase.SPEAKING:
                self.last_voiced_ms = end_ms
                self.voiced_ms += FRAME_MS
            case VoicePhase.PAUSED:
                self._back_ms += FRAME_MS
                self._back_last_ms = end_ms
                if self._back_ms >= s.resume_after_voiced_ms:
                    self.phase = VoicePhase.SPEAKING
                    self.last_voiced_ms = end_ms
                    return Signal.GO_ON
        return None

    def _unvoiced(self, end_ms: float) -> Signal | None:
        silence = end_ms - self.last_voiced_ms
        match self.phase:
            case VoicePhase.ONSET if silence >= self._settings.burst_gap_ms:
                self.phase = VoicePhase.QUIET
                return Signal.DIED
            case VoicePhase.SPEAKING if silence >= self._settings.eager_ms:
                self.phase = VoicePhase.PAUSED
                self._back_ms = 0.0
                return Signal.PAUSE
            case VoicePhase.PAUSED if end_ms - self._back_last_ms > 100:
                self._back_ms = 0.0
        return None

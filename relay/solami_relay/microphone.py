"""One session's microphone: checked sound in, voice frames out, with a memory for what came before a turn."""

from collections import deque

import numpy as np

from solami_protocol.errors import ProtocolError
from solami_protocol.media import AudioCodec, MediaFrame, audio_frame, audio_samples
from solami_relay.vad import RATE_HZ, FrameHeard, SpeechNetwork, VoiceActivity
from solami_relay.vad_settings import VadSettings

__all__ = ["Microphone"]

MEMORY_MS = 3_000  # pre-roll and the longest stretch between a voice's onset and the decision that it is a turn
PIECE_SAMPLES = 640  # 40 ms a frame to the model server


class Microphone:
    """Microphone time counts samples from the session's first one; `from_ms` of turns is on it."""

    def __init__(self, settings: VadSettings, network: SpeechNetwork | None = None) -> None:
        self.ear = VoiceActivity(settings, network)
        self._pieces: deque[tuple[int, np.ndarray, int]] = deque()
        self._samples = 0
        self._sent = 0

    @property
    def time_ms(self) -> float:
        """Microphone time of the newest sample."""
        return self._samples * 1000 / RATE_HZ

    def push(self, frame: MediaFrame) -> list[FrameHeard]:
        """Take in a frame; return the 10 ms frames that are decided by it. Raises ProtocolError for another codec."""
        if frame.codec != AudioCodec.PCM16:
            raise ProtocolError("codec", f"{frame.codec}, expected 0 PCM16: what is packed is unpacked before")
        pcm = audio_samples(frame)
        self._pieces.append((self._samples, pcm, frame.pts_us))
        self._samples += len(pcm)
        oldest = self._samples - MEMORY_MS * RATE_HZ // 1000
        while self._pieces and self._pieces[0][0] + len(self._pieces[0][1]) <= oldest:
            self._pieces.popleft()
        return self.ear.push(pcm)

    def rewind(self, from_ms: float) -> None:
        """Let `take` begin at microphone time `from_ms`, at the oldest remembered sample or behind what was taken."""
        self._sent = max(self._sent, round(from_ms * RATE_HZ / 1000), self._pieces[0][0] if self._pieces else 0)

    def skip(self) -> None:
        """What has come so far is not taken."""
        self._sent = self._samples

    def take(self, turn: int) -> list[MediaFrame]:
        """Return all sound since the last take as frames of `turn`, with the client's times."""
        frames: list[MediaFrame] = []
        for at, pcm, pts_us in self._pieces:
            begin = max(0, self._sent - at)
            for i in range(begin, len(pcm), PIECE_SAMPLES):
                part = pcm[i : i + PIECE_SAMPLES]
                frames.append(audio_frame(part, pts_us=pts_us + round(i * 1e6 / RATE_HZ), epoch=turn))
        self._sent = self._samples
        return frames

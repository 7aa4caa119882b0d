"""The microphone of a `/v1/realtime` client: 24 kHz in pieces of any size in, 16 kHz in real time out.

A client may send a recording at once, or nothing between two sentences; turn taking wants a microphone that runs. So
pieces of 20 ms leave by the clock, and where there is nothing for 300 ms, silence does.
"""

from collections import deque

import numpy as np
import soxr

from solami_protocol.media import MediaFrame, audio_frame
from solami_relay.realtime_events import RATE_HZ, EventError

__all__ = ["RealtimeEar"]

UP_HZ = 16_000
PIECE = UP_HZ // 50  # 20 ms
PIECE_MS = 20.0
PATIENCE_MS = 300.0
LONGEST_S = 60  # as long as a turn may be
END_MS = 1_000  # silence behind committed sound: its end is heard by it


class RealtimeEar:
    """What the client put in and what of it has left. `manual`: nothing leaves before it is committed and asked for."""

    def __init__(self) -> None:
        self.manual = False
        self._resampler = soxr.ResampleStream(RATE_HZ, UP_HZ, 1, dtype="int16")
        self._buffer: list[np.ndarray] = []
        self._committed: list[np.ndarray] = []
        self._queue: deque[np.ndarray] = deque()
        self._rest = np.zeros(0, np.int16)
        self._samples_in = 0
        self._began_ms: float | None = None
        self._pieces = 0
        self._starved_ms = 0.0

    @property
    def input_ms(self) -> float:
        """How much sound was put in."""
        return self._samples_in * 1000 / RATE_HZ

    @property
    def busy(self) -> bool:
        """Whether sound of the client's waits to leave."""
        return bool(self._queue)

    def append(self, data: bytes) -> None:
        """Take in PCM16 at 24 kHz. Raises EventError when more than a minute waits."""
        pcm = np.frombuffer(data, "<i2")
        self._check(len(pcm))
        self._samples_in += len(pcm)
        if self.manual:
            self._buffer.append(pcm)
        else:
            self._enqueue(self._resampler.resample_chunk(pcm))

    def _check(self, samples: int) -> None:
        waiting = sum(len(p) for p in [*self._buffer, *self._committed]) / RATE_HZ + len(self._queue) * PIECE / UP_HZ
        if waiting + samples / RATE_HZ > LONGEST_S:
            raise EventError("input_audio_buffer_full", f"audio: more than {LONGEST_S} s wait to be heard", "audio")

    def _enqueue(self, pcm: np.ndarray) -> None:
        self._rest = np.concatenate([self._rest, pcm])
        while len(self._rest) >= PIECE:
            self._queue.append(self._rest[:PIECE])
            self._rest = self._rest[PIECE:]

    def clear(self) -> None:
        """Forget what was not committed."""
        self._buffer.clear()

    def commit(self) -> None:
        """What was appended is a message. Raises EventError when that is nothing."""
        if not self._buffer:
            raise EventError("input_audio_buffer_commit_empty", "the buffer is empty: append sound before you commit")
        self._committed += self._buffer
        self._buffer = []

    def add(self, data: bytes) -> None:
        """Take in a whole spoken message. Raises EventError as `append` does."""
        pcm = np.frombuffer(data, "<i2")
        self._check(len(pcm))
        self._committed.append(pcm)

    def speak(self) -> bool:
        """Let what was committed be heard; return whether there was any."""
        if not self._committed:
            return False
        said = np.concatenate([*self._committed, np.zeros(RATE_HZ * END_MS // 1000, np.int16)])
        self._committed = []
        self._enqueue(soxr.resample(said, RATE_HZ, UP_HZ).astype(np.int16))
        return True

    def due(self, now_ms: float) -> list[MediaFrame]:
        """Return the pieces whose time has come by `now_ms`."""
        if self._began_ms is None:
            self._began_ms = now_ms
        out = []
        while self._began_ms + self._pieces * PIECE_MS <= now_ms:
            if self._queue:
                piece = self._queue.popleft()
                self._starved_ms = now_ms
            elif self.manual or now_ms - self._starved_ms > PATIENCE_MS:
                piece = np.zeros(PIECE, np.int16)
            else:
                break
            pts_us = round((self._began_ms + self._pieces * PIECE_MS) * 1000)
            out.append(audio_frame(piece, pts_us=pts_us))
            self._pieces += 1
        return out

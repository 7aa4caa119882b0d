"""The user of a simulated headset: sound and movement on a timeline, sent in real time as a headset captures them."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from solami.headset.client import HeadsetClient
from solami_protocol.media import PoseCodec, audio_frame, pose_frame
from solami_protocol.skeleton import FPS, JOINT_COUNT

__all__ = ["CHUNK_SAMPLES", "Movement", "User", "last_voiced_sample"]

RATE_HZ = 16_000
CHUNK_SAMPLES = 320  # 20 ms
FRAME_SAMPLES = 160  # 10 ms
VOICED_DBFS = -45.0
PACE_SLACK_S = 0.002


def last_voiced_sample(pcm: np.ndarray) -> int:
    """Return the end of the last 10 ms frame of (N,) int16 above -45 dBFS (DESIGN 1), 0 when there is none."""
    frames = pcm[: len(pcm) // FRAME_SAMPLES * FRAME_SAMPLES].reshape(-1, FRAME_SAMPLES).astype(np.float64) / 32768
    level = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    voiced = np.flatnonzero(level > VOICED_DBFS)
    return 0 if len(voiced) == 0 else int(voiced[-1] + 1) * FRAME_SAMPLES


@dataclass(frozen=True, slots=True)
class Movement:
    """A clip at 30 fps that begins at sample `at` of the microphone's timeline."""

    at: int
    root_m: np.ndarray
    rotations: np.ndarray


class User:
    """Speaks and moves. The microphone runs from `run` on; what nobody says is silence."""

    def __init__(self, client: HeadsetClient, clock_ms: Callable[[], float]) -> None:
        self._client = client
        self._clock_ms = clock_ms
        self._speech: list[tuple[int, np.ndarray]] = []
        self._moves: list[tuple[Movement, int]] = []
        self._sent = 0
        self._began_ms = 0.0
        self.said: list[np.ndarray] = []
        self.moved: list[Movement] = []

    @property
    def now_sample(self) -> int:
        """The next sample that the microphone will capture."""
        return self._sent

    def sample_ms(self, sample: int) -> float:
        """Return the session time of a microphone sample."""
        return self._began_ms + sample * 1000 / RATE_HZ

    def say(self, pcm: np.ndarray, delay_s: float = 0.0) -> int:
        """Speak (N,) int16 16 kHz after `delay_s`; returns its first sample on the microphone's timeline."""
        at = self._sent + int(delay_s * RATE_HZ)
        self._speech.append((at, pcm))
        return at

    def move(self, root_m: np.ndarray, rotations: np.ndarray, delay_s: float = 0.0) -> int:
        """Move; returns the first sample's place on the microphone's timeline. After the end no pose is sent."""
        at = self._sent + int(delay_s * RATE_HZ)
        movement = Movement(at, root_m, rotations)
        self.moved.append(movement)
        self._moves.append((movement, 0))
        return at

    @property
    def busy(self) -> bool:
        """Something is still being said or moved."""
        return any(at + len(pcm) > self._sent for at, pcm in self._speech) or bool(self._moves)

    async def run(self) -> None:
        """Capture in real time until cancelled."""
        began = time.monotonic()
        self._began_ms = self._clock_ms()
        while True:
            due = began + (self._sent + CHUNK_SAMPLES) / RATE_HZ
            wait = due - time.monotonic()
            if wait > PACE_SLACK_S:
                await asyncio.sleep(wait)
            await self._capture()

    async def _capture(self) -> None:
        chunk = np.zeros(CHUNK_SAMPLES, np.int16)
        start, end = self._sent, self._sent + CHUNK_SAMPLES
        for at, pcm in self._speech:
            low, high = max(start, at), min(end, at + len(pcm))
            if low < high:
                chunk[low - start : high - start] = pcm[low - at : high - at]
        self._speech = [(at, pcm) for at, pcm in self._speech if at + len(pcm) > end]
        self._sent = end
        self.said.append(chunk)
        pts_us = start * 1_000_000 // RATE_HZ
        await self._send_poses(end)
        await self._client.send_media(audio_frame(chunk, pts_us=pts_us))

    async def _send_poses(self, until: int) -> None:
        still = []
        for move, sent in self._moves:
            due = min(len(move.root_m), max(0, (until - move.at) * FPS // RATE_HZ))
            if due > sent:
                part = slice(sent, due)
                measured = np.full((due - sent, JOINT_COUNT), 2, np.uint8)
                pts_us = (move.at * 1_000_000) // RATE_HZ + sent * 1_000_000 // FPS
                await self._client.send_media(
                    pose_frame(
                        move.root_m[part], move.rotations[part], codec=PoseCodec.S48, pts_us=pts_us, validity=measured
                    )
                )
            if due < len(move.root_m):
                still.append((move, due))
        self._moves = still

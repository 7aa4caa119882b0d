"""The ears of one turn: audio goes to the recogniser in a thread, in order; pauses give transcripts."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor

import numpy as np

from solami.speech import Recogniser, Transcript

__all__ = ["Hearing"]

QUEUE_PIECES = 4_000  # 80 s of 20 ms pieces: more than the longest turn
MERGE_SAMPLES = 3_200  # pieces that waited are decoded together, at most 200 ms at a time


class Hearing:
    """Feeds one turn's audio to one recogniser. `run` is the owning task; the recogniser is opened when audio comes."""

    def __init__(
        self,
        open_recogniser: Callable[[], Recogniser],
        threads: Executor,
        on_partial: Callable[[str], Awaitable[None]],
        on_pause: Callable[[Transcript], Awaitable[None]],
    ) -> None:
        self._open = open_recogniser
        self._threads = threads
        self._on_partial = on_partial
        self._on_pause = on_pause
        self._queue: deque[np.ndarray | None] = deque()
        self._grown = asyncio.Event()
        self.dropped = 0

    def feed(self, pcm: np.ndarray) -> None:
        """Take in (N,) int16 at 16 kHz. A full queue drops the piece and counts it."""
        if len(self._queue) >= QUEUE_PIECES:
            self.dropped += 1
            return
        self._queue.append(pcm)
        self._grown.set()

    def pause(self) -> None:
        """The user paused: `on_pause` gets the transcript of all that was fed before."""
        self._queue.append(None)
        self._grown.set()

    async def run(self) -> None:
        """Work until cancelled."""
        loop = asyncio.get_running_loop()
        recogniser: Recogniser | None = None
        try:
            while True:
                while not self._queue:
                    self._grown.clear()
                    await self._grown.wait()
                piece = self._queue.popleft()
                if recogniser is None:
                    recogniser = await loop.run_in_executor(self._threads, self._open)
                if piece is None:
                    await self._on_pause(await loop.run_in_executor(self._threads, recogniser.pause))
                    continue
                partial = await loop.run_in_executor(self._threads, recogniser.feed, self._merged(piece))
                if partial is not None:
                    await self._on_partial(partial)
        finally:
            if recogniser is not None:
                recogniser.close()

    def _merged(self, first: np.ndarray) -> np.ndarray:
        pieces, total = [first], len(first)
        while total < MERGE_SAMPLES and self._queue and (ahead := self._queue[0]) is not None:
            self._queue.popleft()
            pieces.append(ahead)
            total += len(ahead)
        return np.concatenate(pieces) if len(pieces) > 1 else first

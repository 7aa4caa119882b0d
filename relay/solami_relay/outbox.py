"""What waits to be sent on one socket, bounded in bytes."""

import asyncio
from collections import deque
from collections.abc import Callable

from solami_relay.goodbye import Goodbye

__all__ = ["Outbox"]


class Outbox:
    """Messages in order. Overflow rule: nothing is dropped, the client is sent away with 4408 and resumes.

    unsent_bytes: how many bytes the transport still holds; they count, because they are ours until the kernel has them.
    """

    def __init__(self, limit_bytes: int, unsent_bytes: Callable[[], int]) -> None:
        self._limit_bytes = limit_bytes
        self._unsent_bytes = unsent_bytes
        self._waiting: deque[str | bytes] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()

    @property
    def queued_bytes(self) -> int:
        """All that is on our side."""
        return self._bytes + self._unsent_bytes()

    def put(self, message: str | bytes) -> None:
        """Add a message (str: text, bytes: binary). Raises Goodbye(too_slow) when the bound is reached."""
        self._waiting.append(message)
        self._bytes += len(message)
        self._filled.set()
        if self.queued_bytes > self._limit_bytes:
            raise Goodbye("too_slow", f"{self.queued_bytes} bytes wait to be read; resume after a pause")

    async def get(self) -> str | bytes:
        """Return the next message, waiting for one."""
        while not self._waiting:
            self._filled.clear()
            await self._filled.wait()
        message = self._waiting.popleft()
        self._bytes -= len(message)
        return message

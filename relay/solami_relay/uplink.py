"""From one socket to its up stream: what arrives while an append is on its way goes with the next one."""

import asyncio
import time
from collections import deque

from solami_relay.bus import Bus, BusDown, EntryKind, NoSession, Replaced
from solami_relay.goodbye import Goodbye
from solami_relay.metrics import RelayMetrics

__all__ = ["Uplink"]

MAX_WAITING_BYTES = 1_000_000
MAX_BATCH = 128


class Uplink:
    """Appends in order and once. Overflow rule: `put` waits, so that the client's own TCP window fills up.

    last_up_seq: the highest number that was taken in; what comes again with a lower one is dropped.
    """

    def __init__(self, bus: Bus, metrics: RelayMetrics, sid: str, socket: int, last_up_seq: int) -> None:
        self._bus = bus
        self._metrics = metrics
        self._sid = sid
        self._socket = socket
        self._last_up_seq = last_up_seq
        self._waiting: deque[tuple[EntryKind, bytes, int]] = deque()
        self._bytes = 0
        self._filled = asyncio.Event()
        self._emptied = asyncio.Event()
        self._appending = asyncio.Lock()

    async def put(self, kind: EntryKind, data: bytes, up_seq: int = 0) -> bool:
        """Queue an entry; return False when its number (0 = it has none) was taken in before."""
        if up_seq:
            if up_seq <= self._last_up_seq:
                return False
            self._last_up_seq = up_seq
        while self._bytes > MAX_WAITING_BYTES:
            self._emptied.clear()
            await self._emptied.wait()
        self._waiting.append((kind, data, up_seq))
        self._bytes += len(data)
        self._filled.set()
        return True

    async def run(self) -> None:
        """Append until cancelled. Raises Goodbye when the session is gone, was taken over, or Redis is away."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            await self.flush()

    async def flush(self) -> None:
        """Append all that waits; returns when it, and what was on its way before, is in the store."""
        async with self._appending:
            while self._waiting:
                await self._append(self._next_batch())

    def _next_batch(self) -> list[tuple[EntryKind, bytes, int]]:
        batch = [self._waiting.popleft() for _ in range(min(MAX_BATCH, len(self._waiting)))]
        self._bytes -= sum(len(data) for _, data, _ in batch)
        self._emptied.set()
        return batch

    async def _append(self, batch: list[tuple[EntryKind, bytes, int]]) -> None:
        up_seq = max(number for _, _, number in batch)
        started_s = time.perf_counter()
        try:
            entries = [(kind, data) for kind, data, _ in batch]
            await self._bus.append_up(self._sid, entries, up_seq or None, self._socket)
        except Replaced:
            raise Goodbye("replaced") from None
        except NoSession:
            raise Goodbye("ended") from None
        except BusDown:
            self._metrics.store_errors.inc()
            raise Goodbye("draining", "the store does not answer; come back in a few seconds") from None
        self._metrics.append_s.observe(time.perf_counter() - started_s)

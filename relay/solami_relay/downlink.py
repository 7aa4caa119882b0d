"""From a session to its down stream: in order, in batches, and nothing of a cancelled epoch behind its cancel.

Overflow rule: pacing keeps the queue short; a queue that grows beyond its bound means that the store does not take what
we write, and ends the session's work here.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from solami_protocol.control import EpochEnd
from solami_protocol.media import Kind, MediaFrame
from solami_protocol.messages import Message
from solami_relay.bus import Bus, EntryKind, EpochCancelled, Lease
from solami_relay.entries import BusDown
from solami_relay.opus import OpusVoice

__all__ = ["Downlink"]

MAX_QUEUED = 4096
MAX_BATCH = 64

Item = tuple[EntryKind, bytes, int]
Deed = Callable[[], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Sound:
    """Sound of an epoch that is packed when its turn comes, in a thread: encoding takes 0.2 ms for each 20 ms."""

    pack: Callable[[], list[MediaFrame]]
    epoch: int


class Downlink:
    """Writes for one session. `run` is the owning task; it raises Fenced and BusDown."""

    def __init__(self, bus: Bus, lease: Lease) -> None:
        self._bus = bus
        self._lease = lease
        self._queue: deque[Item | Sound | Deed] = deque()
        self._opus: OpusVoice | None = None
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    def pack_sound(self, on: bool) -> None:
        """Send sound from now on as Opus, or as it is."""
        if on != (self._opus is not None):
            self._opus = OpusVoice() if on else None

    def put(self, content: Message | MediaFrame, epoch: int = 0) -> None:
        """Queue a message or a frame. `epoch`: the epoch that a message belongs to, 0 for none."""
        opus = self._opus
        if isinstance(content, MediaFrame):
            if opus is not None and content.kind is Kind.AUDIO:
                self._push(Sound(lambda: opus.pack(content), content.epoch))
            else:
                self._push(("media", content.encode(), content.epoch))
            return
        if opus is not None and isinstance(content, EpochEnd):
            self._push(Sound(lambda: opus.finish(content.epoch), content.epoch))
        self._push(("json", content.encode().encode(), epoch))

    def cancel(self, epoch: int) -> None:
        """Nothing of epochs up to this one is written any more, neither by us nor by whoever held the lease."""
        self._queue = deque(item for item in self._queue if _media_epoch(item) > epoch)
        self.do(lambda: self._bus.cancel_epoch(self._lease, epoch))

    def do(self, deed: Deed) -> None:
        """Queue something else for the bus, in its place between the messages."""
        self._push(deed)

    def _push(self, item: Item | Sound | Deed) -> None:
        if len(self._queue) >= MAX_QUEUED:
            raise BusDown(f"{MAX_QUEUED} messages wait to be written; is Redis overloaded?")
        self._queue.append(item)
        self._idle.clear()
        self._filled.set()

    async def flush(self) -> None:
        """Return when all that was queued is written."""
        await self._idle.wait()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._queue:
                await self._write_some()
            self._idle.set()

    async def _write_some(self) -> None:
        first = self._queue.popleft()
        if isinstance(first, Sound):
            packets = await asyncio.to_thread(first.pack)
            self._queue.extendleft(("media", each.encode(), each.epoch) for each in reversed(packets))
            return
        if not isinstance(first, tuple):
            await first()
            return
        batch = [first]
        while self._queue and len(batch) < MAX_BATCH and isinstance(self._queue[0], tuple):
            batch.append(self._queue.popleft())  # type: ignore[arg-type]
        try:
            await self._bus.append_down(self._lease, batch)
        except EpochCancelled:
            return


def _media_epoch(item: Item | Sound | Deed) -> float:
    """Return the epoch of media, infinity for everything else."""
    if isinstance(item, Sound):
        return item.epoch
    return item[2] if isinstance(item, tuple) and item[0] == "media" else math.inf

"""A WebSocket to a service (model server, audio2face) that is kept up: connect, open, read, write, come back.

Failures in a row wait longer each time; from `breaker_failures` on the breaker is open and one try is made every
`breaker_s`. Overflow rule: a service that lets the queue fill is dropped and connected again.
"""

import asyncio
import json
import logging
import random
from collections.abc import Callable
from dataclasses import dataclass

import aiohttp

from solami_protocol.errors import ProtocolError
from solami_protocol.media import MediaFrame, decode_media
from solami_protocol.messages import Message
from solami_relay.worker_settings import LinkSettings

__all__ = ["Link", "LinkDown", "LinkEvent", "LinkMessage", "LinkUp"]

log = logging.getLogger(__name__)
MAX_MESSAGE_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class LinkUp:
    """The service answered `open`."""

    opened: Message


@dataclass(frozen=True, slots=True)
class LinkDown:
    """The connection was lost, or could not be made at the first try."""

    why: str


@dataclass(frozen=True, slots=True)
class LinkMessage:
    """Something that the service sent."""

    content: Message | MediaFrame


LinkEvent = LinkUp | LinkDown | LinkMessage


class _Reopen(Exception):
    """The connection is to be made again, with another hello."""


class _Lost(Exception):
    """The connection ended; the text says why."""


class Link:
    """Keeps one connection to `url` up. `run` is the owning task; `tell` gets every event, in order, in the loop."""

    def __init__(
        self,
        name: str,
        url: str,
        settings: LinkSettings,
        http: aiohttp.ClientSession,
        *,
        hello: Callable[[], Message],
        read: Callable[[str], Message | None],
        tell: Callable[[LinkEvent], None],
    ) -> None:
        self._name = name
        self._url = url
        self._settings = settings
        self._http = http
        self._hello = hello
        self._read = read
        self._tell = tell
        self._queue: asyncio.Queue[str | bytes] = asyncio.Queue(settings.queued_messages)
        self._overflowed: asyncio.Event = asyncio.Event()
        self._again = asyncio.Event()
        self.up = False

    def send(self, content: Message | MediaFrame | bytes) -> bool:
        """Queue a message; False (and nothing sent) while the service is away."""
        if not self.up:
            return False
        try:
            self._queue.put_nowait(content if isinstance(content, bytes) else content.encode())
        except asyncio.QueueFull:
            self._overflowed.set()
            return False
        return True

    def reopen(self) -> None:
        """Close the connection and open it again with a new hello; nothing is sent until then."""
        self.up = False
        self._again.set()

    async def run(self) -> None:
        """Keep the connection up until cancelled."""
        failures = 0
        said = False
        while True:
            try:
                await self._connect_once()
            except _Reopen:
                continue
            except _Lost as lost:
                failures = 1 if self.up else failures + 1
                if self.up or not said:
                    said = True
                    log.warning("%s is away: %s", self._name, lost)
                    self._tell(LinkDown(str(lost)))
                self.up = False
            await asyncio.sleep(self._pause_s(failures))

    def _pause_s(self, failures: int) -> float:
        s = self._settings
        if failures >= s.breaker_failures:
            return s.breaker_s
        return min(s.backoff_most_s, s.backoff_first_s * 2 ** max(0, failures - 1)) * random.uniform(0.8, 1.2)

    async def _connect_once(self) -> None:
        s = self._settings
        try:
            async with asyncio.timeout(s.connect_s):
                ws = await self._http.ws_connect(
                    self._url, max_msg_size=MAX_MESSAGE_BYTES, heartbeat=s.heartbeat_s, compress=0
                )
        except TimeoutError:
            raise _Lost(f"no connection to {self._url} within {s.connect_s:g} s") from None
        except (aiohttp.ClientError, OSError) as exc:
            raise _Lost(f"{self._url}: {exc}") from None
        try:
            await self._talk(ws)
        finally:
            await _close_soon(ws)

    async def _talk(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        await ws.send_str(self._hello().encode())
        try:
            async with asyncio.timeout(self._settings.opened_s):
                opened = self._parse(await ws.receive())
        except TimeoutError:
            raise _Lost(f"{self._url}: no answer to open within {self._settings.opened_s:g} s") from None
        if not isinstance(opened, Message) or opened.type != "opened":
            raise _Lost(f"{self._url}: expected opened, got {opened}")
        self._queue = asyncio.Queue(self._settings.queued_messages)
        self._overflowed.clear()
        self._again.clear()
        self.up = True
        self._tell(LinkUp(opened))
        tasks = [
            asyncio.create_task(coroutine, name=f"{self._name} {what}")
            for what, coroutine in (
                ("reads", self._receive(ws)),
                ("writes", self._write(ws)),
                ("overflow", self._raise_on(self._overflowed, _Lost("it does not read what is sent"))),
                ("reopen", self._raise_on(self._again, _Reopen())),
            )
        ]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await next(iter(done))

    @staticmethod
    async def _raise_on(event: asyncio.Event, error: Exception) -> None:
        await event.wait()
        raise error

    async def _receive(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        while True:
            content = self._parse(await ws.receive())
            if content is not None:
                self._tell(LinkMessage(content))

    def _parse(self, raw: aiohttp.WSMessage) -> Message | MediaFrame | None:
        try:
            if raw.type is aiohttp.WSMsgType.BINARY:
                return decode_media(raw.data)
            if raw.type is aiohttp.WSMsgType.TEXT:
                return self._read(raw.data)
        except ProtocolError as exc:
            raise _Lost(f"{self._url} breaks the protocol: {exc}") from None
        raise _Lost(f"{self._url} closed the connection ({json.dumps(str(raw.extra or raw.data or ''))})")

    async def _write(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        queue = self._queue
        while True:
            content = await queue.get()
            try:
                await (ws.send_bytes(content) if isinstance(content, bytes) else ws.send_str(content))
            except (ConnectionError, aiohttp.ClientError) as exc:
                raise _Lost(f"{self._url}: {exc}") from None


async def _close_soon(ws: aiohttp.ClientWebSocketResponse) -> None:
    try:
        async with asyncio.timeout(0.5):
            await ws.close()
    except (TimeoutError, aiohttp.ClientError, ConnectionError):
        log.debug("a connection was not closed in time")

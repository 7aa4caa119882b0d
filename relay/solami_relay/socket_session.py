"""One connected client: the tasks between a socket and the bus, and how they end."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from aiohttp import WebSocketError, WSMsgType, web

from solami_protocol import control, media
from solami_protocol.clock import wall_us
from solami_protocol.errors import ProtocolError
from solami_protocol.messages import Message
from solami_relay.bus import Bus, BusDown, DownEntry
from solami_relay.goodbye import Goodbye, PeerLeft
from solami_relay.handshake import Opened
from solami_relay.metrics import RelayMetrics
from solami_relay.outbox import Outbox
from solami_relay.rates import SocketRates, TooFast
from solami_relay.replay import numbered
from solami_relay.settings import RelaySettings
from solami_relay.tokens import Tokens
from solami_relay.uplink import Uplink

__all__ = ["ClientSocket", "GatewayParts", "SocketSession"]

log = logging.getLogger(__name__)
LAST_WORDS_S = 1.0
TRANSPORT_FULL_BYTES = 64 * 1024  # what a pong has to wait for with a client that reads slowly
FULL_POLL_S = 0.005
_OUR_CODES = {1009: "too_large", 1002: "bad_message", 1007: "bad_message"}  # codes of RFC 6455, 7.4.1


class ClientSocket(web.WebSocketResponse):
    """A WebSocket that closes with our codes where aiohttp would use those of the protocol."""

    async def close(self, *, code: int = 1000, message: bytes = b"", drain: bool = True) -> bool:
        """Close; 1009 (too big) becomes 4413, 1002 and 1007 (broken frame, broken text) become 4400."""
        why = _OUR_CODES.get(int(code))
        if why is not None:
            goodbye = Goodbye(why)
            code, message = goodbye.close.code, goodbye.reason
        return await super().close(code=code, message=message, drain=drain)


@dataclass(frozen=True, slots=True)
class GatewayParts:
    """What the sockets of a gateway share. `end_session(sid)` ends a session for good."""

    bus: Bus
    settings: RelaySettings
    tokens: Tokens
    metrics: RelayMetrics
    end_session: Callable[[str], Awaitable[None]]


class SocketSession:
    """A socket after its handshake. `serve` runs it; `deliver` and `dismiss` are for the gateway's loops.

    sid, number: whose socket it is, and which; seq: the last one taken from the bus.
    """

    def __init__(self, parts: GatewayParts, ws: ClientSocket, opened: Opened, transport: asyncio.Transport) -> None:
        self.sid = opened.sid
        self.number = opened.socket
        self.seq = opened.seq
        self._parts = parts
        self._ws = ws
        self._opened = opened
        limits = parts.settings.limits
        self._transport = transport
        # aiohttp's own wait for a full transport is one future for all that send; cancelling one of them breaks the
        # others and the close frame. So the transport never reports itself full, and `_send_one` looks at it instead.
        transport.set_write_buffer_limits(high=2 * limits.queued_bytes)
        self._rates = SocketRates(limits, resumed=opened.hello.resume is not None)
        self._outbox = Outbox(limits.queued_bytes, transport.get_write_buffer_size)
        self._uplink = Uplink(parts.bus, parts.metrics, self.sid, self.number, opened.ready.up_seq)
        self._dismissed: asyncio.Future[Goodbye] = asyncio.get_running_loop().create_future()

    # -- for the gateway ----------------------------------------------------------------------------------------------

    def deliver(self, entries: Sequence[DownEntry]) -> None:
        """Queue entries of the down stream. A full queue or a hole in the numbers sends the client away."""
        metrics = self._parts.metrics
        try:
            for entry in entries:
                if entry.seq != self.seq + 1:
                    raise Goodbye("too_slow", f"messages after {self.seq} are no longer held; resume")
                self.seq = entry.seq
                self._outbox.put(numbered(entry))
                metrics.down.labels(entry.kind).inc()
                metrics.down_bytes.inc(len(entry.data))
        except Goodbye as goodbye:
            self.dismiss(goodbye)

    @property
    def leaving(self) -> bool:
        """True when it was dismissed: nothing more is read for it."""
        return self._dismissed.done()

    def dismiss(self, goodbye: Goodbye) -> None:
        """Let `serve` end with this goodbye. Only the first one counts."""
        if not self._dismissed.done():
            self._dismissed.set_result(goodbye)

    async def say(self, message: Message) -> None:
        """Send a message of the gateway now, ahead of what is queued."""
        try:
            await self._ws.send_str(message.encode())
        except (ConnectionError, RuntimeError) as exc:
            raise PeerLeft(str(exc)) from None

    # -- life ---------------------------------------------------------------------------------------------------------

    async def serve(self) -> Goodbye | None:
        """Run until either side ends it; return the goodbye to close with, None when the client left."""
        goodbye: Goodbye | None = None
        await self._note_connected()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._send(), name=f"send {self.sid}")
                group.create_task(self._receive(), name=f"receive {self.sid}")
                group.create_task(self._uplink.run(), name=f"uplink {self.sid}")
                group.create_task(self._until_dismissed(), name=f"dismissal {self.sid}")
        except* Goodbye as several:
            goodbye = _first(several)
        except* BusDown:
            goodbye = Goodbye("draining", "the store does not answer; come back in a few seconds")
        except* PeerLeft:
            pass
        if goodbye is None or goodbye.close.name not in ("replaced", "ended"):
            await self._note_disconnected()
        return goodbye

    async def _note_connected(self) -> None:
        opened = self._opened
        note = {
            "type": "client.connected",
            "capabilities": opened.hello.capabilities.model_dump(exclude={"type"}),
            "client": opened.hello.client.model_dump(exclude={"type"}),
            "pose_codec": opened.ready.pose_codec,
            "audio_codec": opened.ready.audio.down.codec,
            "recovered": opened.ready.recovered,
            "last_seq": opened.hello.resume.seq if opened.hello.resume else 0,
        }
        await self._put_note(note)

    async def _note_disconnected(self) -> None:
        try:
            async with asyncio.timeout(LAST_WORDS_S):
                await self._put_note({"type": "client.disconnected", "at_us": wall_us()})
                await self._uplink.flush()
        except (Goodbye, TimeoutError) as exc:
            log.info("nobody was told that the client left", extra={"sid": self.sid, "why": str(exc)})

    async def _put_note(self, note: dict[str, Any]) -> None:
        await self._uplink.put("note", json.dumps(note).encode())

    async def _until_dismissed(self) -> None:
        raise await self._dismissed

    # -- down ---------------------------------------------------------------------------------------------------------

    async def _send(self) -> None:
        try:
            await self._ws.send_str(self._opened.ready.encode())
            for message in self._opened.missed:
                await self._send_one(message)
            while True:
                await self._send_one(await self._outbox.get())
        except (ConnectionError, RuntimeError) as exc:
            raise PeerLeft(str(exc)) from None

    async def _send_one(self, message: str | bytes) -> None:
        while self._transport.get_write_buffer_size() > TRANSPORT_FULL_BYTES:  # noqa: ASYNC110  it tells aiohttp only
            await asyncio.sleep(FULL_POLL_S)
        if isinstance(message, str):
            await self._ws.send_str(message)
        else:
            await self._ws.send_bytes(message)

    # -- up -----------------------------------------------------------------------------------------------------------

    async def _receive(self) -> None:
        while True:
            message = await self._ws.receive()
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                await self._uplink.flush()
                raise self._why_it_ended(message.data)
            self._parts.metrics.up_bytes.inc(len(message.data))
            try:
                self._rates.message()
                if message.type is WSMsgType.TEXT:
                    await self._on_text(message.data)
                else:
                    await self._on_media(message.data)
            except ProtocolError as exc:
                self._on_broken(exc)
            except TooFast as exc:
                raise Goodbye("too_fast", f"{exc}; resume after a pause") from None

    def _why_it_ended(self, fault: Any) -> Exception:
        if not isinstance(fault, WebSocketError):
            return PeerLeft(f"closed with {self._ws.close_code}")
        return Goodbye(_OUR_CODES.get(fault.code, "bad_message"))  # ClientSocket has closed it with the same

    async def _on_text(self, text: str) -> None:
        received_us = wall_us()
        message = control.read_up(text)
        match message:
            case None:
                self._parts.metrics.dropped.labels("unknown_type").inc()
            case control.Ping(t0=t0):
                await self.say(control.Pong(t0=t0, t1=received_us, t2=wall_us()))
            case control.TokenRefresh():
                fresh = self._parts.tokens.issue(self.sid)
                await self.say(control.TokenNew(token=fresh.token, expires_at=fresh.expires_at))
            case control.Hello():
                raise ProtocolError("hello", "was said already on this socket")
            case control.Bye():
                await self._uplink.flush()
                await self._parts.end_session(self.sid)
                raise Goodbye("ended", "goodbye")
            case _:
                await self._take("json", text.encode(), message.up_seq)

    async def _on_media(self, data: bytes) -> None:
        frame = media.decode_media(data, validity=len(data) > 1 and data[1] == media.Kind.POSE)
        if frame.kind is media.Kind.FACE:
            raise ProtocolError("kind", "3 face, expected 1 audio or 2 pose from a client")
        agreed = self._opened.ready.audio.up.codec
        if frame.kind is media.Kind.AUDIO and frame.codec != media.AudioCodec.PCM16 and agreed != "opus":
            raise ProtocolError("codec", f"{frame.codec}, expected the codec of `ready`: 0 PCM16")
        self._rates.media(frame)
        await self._take("media", data, frame.seq)

    async def _take(self, kind: Any, data: bytes, up_seq: int) -> None:
        if await self._uplink.put(kind, data, up_seq):
            self._parts.metrics.up.labels(kind).inc()
        else:
            self._parts.metrics.dropped.labels("sent_again").inc()

    def _on_broken(self, exc: ProtocolError) -> None:
        self._parts.metrics.dropped.labels("broken").inc()
        if not self._rates.bad():
            raise Goodbye("bad_message", f"too many broken messages; the last: {exc}")
        self._outbox.put(control.ErrorMessage(code=exc.code, message=str(exc)).encode())


def _first(group: BaseExceptionGroup[Goodbye]) -> Goodbye:
    first: BaseException = group
    while isinstance(first, BaseExceptionGroup):
        first = first.exceptions[0]
    assert isinstance(first, Goodbye)
    return first

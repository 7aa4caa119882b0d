"""The gateway: holds the sockets of clients, and copies between them and the bus (DESIGN 3.1).

Its loops: one XREAD over all sessions that are connected here, the news of the bus, a look at the store each second,
and the prolonging of the sessions that are in use.
"""

import asyncio
import contextlib
import logging

from aiohttp import web

from solami_protocol.control import GoAway
from solami_relay.bus import Bus, BusDown, NoSession
from solami_relay.goodbye import Goodbye, PeerLeft
from solami_relay.handshake import read_hello, shake_hands
from solami_relay.metrics import RelayMetrics
from solami_relay.origins import origin_allowed
from solami_relay.settings import RelaySettings
from solami_relay.socket_session import ClientSocket, GatewayParts, SocketSession
from solami_relay.tokens import Tokens

__all__ = ["Gateway"]

log = logging.getLogger(__name__)
READ_BLOCK_MS = 2_000
RETRY_S = 0.2
STORE_LOOK_S = 1.0
TOUCH_S = 60.0
CLOSE_S = 4.0  # how long a client that does not read has to find its close frame
DRAIN_CLOSE_S = 1.0
END_GRACE_S = 0.1  # the worker reads `session.end` before the stream goes
HEARTBEAT_S = 15.0


class Gateway:
    """All sockets of one relay process. Queues: see `Outbox` and `Uplink`; both are bounded."""

    def __init__(self, bus: Bus, settings: RelaySettings, tokens: Tokens, metrics: RelayMetrics) -> None:
        self._parts = GatewayParts(bus, settings, tokens, metrics, self.end_session)
        self._bus = bus
        self._sockets: dict[str, SocketSession] = {}
        self._open = 0
        self._all_closed = asyncio.Event()
        self._changed = asyncio.Event()
        self._draining = False
        self.store_ok = True

    @property
    def draining(self) -> bool:
        """True when no new sockets are taken."""
        return self._draining

    @property
    def socket_count(self) -> int:
        """Sockets past their handshake."""
        return len(self._sockets)

    # -- one socket ---------------------------------------------------------------------------------------------------

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve `WS /v1/ws`."""
        settings = self._parts.settings
        ws = ClientSocket(
            timeout=CLOSE_S, heartbeat=HEARTBEAT_S, max_msg_size=settings.limits.message_bytes, compress=False
        )  # fmt: skip
        await ws.prepare(request)
        transport = request.transport
        if not isinstance(transport, asyncio.Transport):
            return ws  # it went away in the meantime
        self._open += 1
        self._all_closed.clear()
        try:
            goodbye = await self._until_goodbye(request, ws, transport)
            await self._close(ws, transport, goodbye)
        finally:
            self._open -= 1
            if not self._open:
                self._all_closed.set()
        return ws

    async def _until_goodbye(
        self, request: web.Request, ws: ClientSocket, transport: asyncio.Transport
    ) -> Goodbye | None:
        try:
            self._admit(request)
            return await self._serve(ws, transport)
        except Goodbye as goodbye:
            return goodbye
        except BusDown:
            self._parts.metrics.store_errors.inc()
            return Goodbye("draining", "the store does not answer; come back in a few seconds")
        except PeerLeft:
            return None

    def _admit(self, request: web.Request) -> None:
        settings = self._parts.settings
        origin = request.headers.get("Origin")
        if not origin_allowed(origin, request.host, settings.allowed_origins):
            raise Goodbye("origin", f"pages from {origin} may not connect; see allowed_origins")
        if self._draining:
            raise Goodbye("draining")
        if self._open > settings.limits.sockets:
            raise Goodbye("draining", "the relay is full; come back in 30 s")

    async def _serve(self, ws: ClientSocket, transport: asyncio.Transport) -> Goodbye | None:
        parts = self._parts
        hello = await read_hello(ws, parts.settings.limits.hello_s)
        with parts.metrics.ready_s.time():
            opened = await shake_hands(hello, self._bus, parts.tokens, parts.settings)
            session = SocketSession(parts, ws, opened, transport)
            self._add(session)
        if hello.resume is not None:
            parts.metrics.resumes.labels("recovered" if opened.ready.recovered else "lost").inc()
        try:
            return await session.serve()
        finally:
            self._remove(session)

    def _add(self, session: SocketSession) -> None:
        older = self._sockets.get(session.sid)
        if older is not None:
            older.dismiss(Goodbye("replaced"))
        self._sockets[session.sid] = session
        self._changed.set()
        self._parts.metrics.sockets.set(len(self._sockets))

    def _remove(self, session: SocketSession) -> None:
        if self._sockets.get(session.sid) is session:
            del self._sockets[session.sid]
        self._changed.set()
        self._parts.metrics.sockets.set(len(self._sockets))

    async def _close(self, ws: ClientSocket, transport: asyncio.Transport, goodbye: Goodbye | None) -> None:
        why = goodbye.close.name if goodbye else "left"
        self._parts.metrics.closes.labels(why).inc()
        log.info("socket closed", extra={"close": why, "why": goodbye.sentence if goodbye else ""})
        code, reason = (goodbye.close.code, goodbye.reason) if goodbye else (1000, b"")
        try:
            async with asyncio.timeout(DRAIN_CLOSE_S if self._draining else CLOSE_S):
                await ws.close(code=code, message=reason)
        except TimeoutError:
            pass
        finally:
            # whoever still has not read it does not read at all
            transport.abort()

    # -- sessions -----------------------------------------------------------------------------------------------------

    async def end_session(self, sid: str) -> None:
        """End a session for good: its worker is told, every key goes, its socket closes with 4410."""
        try:
            await self._bus.append_up(sid, [("note", b'{"type": "session.end"}')], None)
            await asyncio.sleep(END_GRACE_S)
        except NoSession:
            pass
        await self._bus.delete_session(sid)

    async def drain(self, in_s: float) -> None:
        """Take no more sockets, and send those that are here away with 4503; returns within about 2 s."""
        self._draining = True
        goodbye = GoAway(in_s=in_s, message="the relay is going down; come back shortly")
        sessions = list(self._sockets.values())
        await asyncio.gather(*(self._send_away(session, goodbye) for session in sessions))
        if self._open:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_CLOSE_S):
                    await self._all_closed.wait()

    async def _send_away(self, session: SocketSession, goodbye: GoAway) -> None:
        try:
            async with asyncio.timeout(DRAIN_CLOSE_S / 2):
                await session.say(goodbye)
        except (PeerLeft, TimeoutError):
            pass
        session.dismiss(Goodbye("draining", f"{goodbye.message} ({goodbye.in_s:g} s)"))

    # -- loops --------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Run the loops until cancelled."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read_loop(), name="gateway reads")
            group.create_task(self._news_loop(), name="gateway news")
            group.create_task(self._store_loop(), name="gateway looks at the store")
            group.create_task(self._touch_loop(), name="gateway touches sessions")

    async def _read_loop(self) -> None:
        while True:
            self._changed.clear()
            try:
                await self._read_until_changed()
            except BusDown:
                self._parts.metrics.store_errors.inc()
                await asyncio.sleep(RETRY_S)

    async def _read_until_changed(self) -> None:
        """Read and hand out until the sockets change: a blocked read knows only those it began with."""
        changed = asyncio.ensure_future(self._changed.wait())
        try:
            while not changed.done():
                cursors = {sid: each.seq for sid, each in self._sockets.items() if not each.leaving}
                if not cursors:
                    await changed
                    break
                read = asyncio.ensure_future(self._bus.read_down(cursors, READ_BLOCK_MS))
                try:
                    await asyncio.wait({read, changed}, return_when=asyncio.FIRST_COMPLETED)
                    if read.done():
                        self._hand_out(read.result(), cursors)
                finally:
                    read.cancel()
                    await asyncio.gather(read, return_exceptions=True)
        finally:
            changed.cancel()

    def _hand_out(self, found: dict, cursors: dict[str, int]) -> None:
        for sid, entries in found.items():
            session = self._sockets.get(sid)
            if session is not None and session.seq == cursors[sid]:  # else: another socket than the one we read for
                session.deliver(entries)

    async def _news_loop(self) -> None:
        while True:
            try:
                async for item in self._bus.news("gateways"):
                    session = self._sockets.get(item.get("sid", ""))
                    if session is None:
                        continue
                    if item.get("ended"):
                        session.dismiss(Goodbye("ended"))
                    elif item.get("socket", 0) > session.number:
                        session.dismiss(Goodbye("replaced"))
            except BusDown:
                await asyncio.sleep(RETRY_S)

    async def _store_loop(self) -> None:
        while True:
            await asyncio.sleep(STORE_LOOK_S)
            try:
                changed = await self._bus.refresh_incarnation()
                self.store_ok = True
            except BusDown as exc:
                if self.store_ok:
                    log.error("the store is away: %s", exc)
                self.store_ok = False
                continue
            if changed:
                log.warning("the store is another incarnation; clients start afresh")
                for session in list(self._sockets.values()):
                    session.dismiss(Goodbye("draining", "the store was restarted; come back now"))

    async def _touch_loop(self) -> None:
        while True:
            await asyncio.sleep(TOUCH_S)
            for sid in list(self._sockets):
                try:
                    await self._bus.touch(sid, self._parts.settings.session_ttl_s)
                except BusDown:
                    self._parts.metrics.store_errors.inc()
                    break

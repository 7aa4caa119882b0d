"""The socket of a simulated headset: session, hello, media both ways, clock, reconnect with resume."""

import asyncio
import contextlib
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from solami_protocol.clock import ClockSync, Probe, now_us
from solami_protocol.control import (
    Bye,
    Capabilities,
    ClientInfo,
    DownMessage,
    Gap,
    Hello,
    Ping,
    Pong,
    Ready,
    Resume,
    Up,
    read_down,
)
from solami_protocol.errors import CLOSE_CODES, SolamiError, Unavailable
from solami_protocol.media import MediaFrame, decode_media, stamp_seq

__all__ = ["HeadsetClient", "SessionTicket", "create_session", "fetch_json"]

ENGINE, VERSION = "headset-sim", "1"
REQUEST_S = 5.0
PING_S = 5.0
KEPT_UP = 1200  # messages kept for a resume: 10 s of sound and pose
RECONNECT_S = 30.0
RECONNECT_BY_CODE = {c.code: c.reconnect for c in CLOSE_CODES.values()}


@dataclass(frozen=True, slots=True)
class SessionTicket:
    """What `POST /v1/sessions` gives."""

    sid: str
    token: str
    ws_url: str


async def _json(response: aiohttp.ClientResponse) -> dict:
    text = await response.text()
    if response.status >= 400:
        raise SolamiError(f"{response.method} {response.url.path} answered {response.status}: {text.strip()[:300]}")
    return await response.json(content_type=None)


async def fetch_json(http: aiohttp.ClientSession, url: str) -> dict:
    """Return the JSON object at `url`. Raises Unavailable or SolamiError with the server's words."""
    try:
        async with asyncio.timeout(REQUEST_S), http.get(url) as response:
            return await _json(response)
    except (aiohttp.ClientConnectionError, TimeoutError) as exc:
        raise Unavailable(f"nothing answers at {url} ({type(exc).__name__}); is the relay running?") from None


async def create_session(
    http: aiohttp.ClientSession, relay_url: str, character: str, user_name: str = ""
) -> SessionTicket:
    """Open a session at the relay (http://host:port)."""
    body = {"character": character, "user_name": user_name, "consent": {"recording": False}}
    try:
        async with asyncio.timeout(REQUEST_S), http.post(f"{relay_url}/v1/sessions", json=body) as response:
            raw = await _json(response)
    except (aiohttp.ClientConnectionError, TimeoutError) as exc:
        raise Unavailable(f"nothing answers at {relay_url} ({type(exc).__name__}); is the relay running?") from None
    return SessionTicket(raw["sid"], raw["token"], raw["ws_url"])


@dataclass
class HeadsetClient:
    """One connection that comes back by itself. Callbacks run on the event loop as messages arrive."""

    http: aiohttp.ClientSession
    ticket: SessionTicket
    on_message: Callable[[DownMessage], None]
    on_media: Callable[[MediaFrame, int], None]
    clock: ClockSync = field(default_factory=ClockSync)
    ready: asyncio.Event = field(default_factory=asyncio.Event)
    last_ready: Ready | None = None
    reconnects: int = 0
    replay_holes: int = 0
    bytes_down: int = 0
    _ws: aiohttp.ClientWebSocketResponse | None = None
    _seq: int = 0
    _up_seq: int = 0
    _sent: "deque[tuple[int, str | bytes]]" = field(default_factory=lambda: deque(maxlen=KEPT_UP))
    _ending: bool = False
    _resender: "asyncio.Task[None] | None" = None

    async def run(self) -> None:
        """Stay connected until `close`; raises SolamiError when the relay says not to come back."""
        lost_s: float | None = None
        while not self._ending:
            try:
                await self._connected()
                lost_s = None
            except (aiohttp.ClientError, ConnectionError, TimeoutError) as exc:
                lost_s = lost_s or time.monotonic()
                if time.monotonic() - lost_s > RECONNECT_S:
                    raise Unavailable(f"the relay did not come back within {RECONNECT_S:.0f} s: {exc}") from None
            self.ready.clear()
            if not self._ending:
                self.reconnects += 1
                await asyncio.sleep(0.2)

    async def _connected(self) -> None:
        async with self.http.ws_connect(self.ticket.ws_url, max_msg_size=4 * 2**20, compress=0) as ws:
            resume = Resume(seq=self._seq, incarnation=self.last_ready.incarnation) if self.last_ready else None
            hello = Hello(
                token=self.ticket.token,
                client=ClientInfo(engine=ENGINE, version=VERSION),
                capabilities=Capabilities(pose_codecs=["s32", "s48"], echo_cancelled=True),
                resume=resume,
            )
            await ws.send_str(hello.encode())
            self._ws = ws
            pinger = asyncio.create_task(self._ping(ws), name="ping")
            try:
                async for raw in ws:
                    self._receive(raw)
                    if raw.type in (aiohttp.WSMsgType.TEXT, aiohttp.WSMsgType.BINARY):
                        self.bytes_down += len(raw.data)
            finally:
                self._ws = None
                pinger.cancel()
                await asyncio.gather(pinger, return_exceptions=True)
            code = ws.close_code or 1006
            if not self._ending and not RECONNECT_BY_CODE.get(code, code < 4000):
                reason = next((c.reason for c in CLOSE_CODES.values() if c.code == code), "closed")
                raise SolamiError(f"the relay closed the connection: {code}, {reason}")

    def _receive(self, raw: aiohttp.WSMessage) -> None:
        if raw.type == aiohttp.WSMsgType.BINARY:
            frame = decode_media(raw.data)
            self._saw(frame.seq)
            self.on_media(frame, len(raw.data))
            return
        if raw.type != aiohttp.WSMsgType.TEXT:
            return
        message = read_down(raw.data)
        match message:
            case None:
                return
            case Ready():
                self._became_ready(message)
            case Pong(t0=t0, t1=t1, t2=t2):
                self.clock.add(Probe(t0, t1, t2, now_us()))
            case Gap(to_seq=to_seq):
                self._seq = max(self._seq, to_seq)
            case _:
                seq = getattr(message, "seq", None)
                if seq is not None:
                    self._saw(seq)
        self.on_message(message)

    def _saw(self, seq: int) -> None:
        if self._seq and seq != self._seq + 1:
            self.replay_holes += 1
        self._seq = seq

    def _became_ready(self, ready: Ready) -> None:
        if not ready.recovered:
            self._seq = 0
        self.last_ready = ready
        missing = [data for number, data in self._sent if number > ready.up_seq]
        self.ready.set()
        if missing and self._ws is not None:
            self._resender = asyncio.create_task(self._resend(missing), name="resend")

    async def _resend(self, messages: list[str | bytes]) -> None:
        for data in messages:
            await self._write(data)

    async def _ping(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        await self.ready.wait()
        while True:
            await self._write(Ping(t0=now_us()).encode())
            await asyncio.sleep(PING_S)

    async def send(self, message: Up) -> None:
        """Send a control message; it is kept for a resume."""
        self._up_seq += 1
        await self._keep_and_write(message.model_copy(update={"up_seq": self._up_seq}).encode())

    async def send_media(self, frame: MediaFrame) -> None:
        """Send a media frame; it is kept for a resume."""
        self._up_seq += 1
        await self._keep_and_write(stamp_seq(frame.encode(), self._up_seq))

    async def _keep_and_write(self, data: str | bytes) -> None:
        self._sent.append((self._up_seq, data))
        if self.ready.is_set():
            await self._write(data)

    async def _write(self, data: str | bytes) -> None:
        ws = self._ws
        if ws is None or ws.closed:
            return
        with contextlib.suppress(ConnectionError):  # `run` sees the same loss and reconnects
            await (ws.send_str(data) if isinstance(data, str) else ws.send_bytes(data))

    async def cut(self) -> None:
        """Lose the socket without a word, as a network does (for tests of resume)."""
        connection = None if self._ws is None else self._ws._response.connection
        if connection is not None and connection.transport is not None:
            connection.transport.abort()

    async def close(self) -> None:
        """Say goodbye and stop."""
        self._ending = True
        if self._ws is not None:
            await self._write(Bye(up_seq=self._up_seq + 1).encode())
            await self._ws.close()

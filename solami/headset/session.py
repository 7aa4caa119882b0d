"""A simulated headset in a session: socket, playout and user together, and a log of all that happened."""

import asyncio
import contextlib
import functools
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import aiohttp

from solami.headset.client import HeadsetClient, SessionTicket, create_session, fetch_json
from solami.headset.idle_layer import IdleLayer
from solami.headset.playout import Playout, Report
from solami.headset.user import User
from solami_protocol.behaviours import BehaviourPack
from solami_protocol.control import Degraded, DownMessage, EpochStart, Playback, TurnDone, TurnFailed
from solami_protocol.errors import SolamiError
from solami_protocol.media import Kind, MediaFrame

__all__ = ["Arrival", "HeadsetSession", "headset_session"]

ADVANCE_S = 0.004
READY_S = 10.0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A control message and when it came (session time)."""

    t_ms: float
    message: DownMessage


@dataclass
class HeadsetSession:
    """One headset in one session. Session time is milliseconds since it was made."""

    http: aiohttp.ClientSession
    ticket: SessionTicket
    idle: IdleLayer
    log: list[Arrival] = field(default_factory=list)
    reports: list[tuple[float, Report]] = field(default_factory=list)
    last_media_ms: dict[int, float] = field(default_factory=dict)
    began_s: float = field(default_factory=time.monotonic)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _unsent: "asyncio.Queue[Report]" = field(default_factory=lambda: asyncio.Queue(1000))

    def __post_init__(self) -> None:
        self.client = HeadsetClient(self.http, self.ticket, self.on_message, self.on_media)
        self.playout = Playout(self.idle, self.on_report)
        self.user = User(self.client, self.now_ms)

    def now_ms(self) -> float:
        """Session time."""
        return (time.monotonic() - self.began_s) * 1000

    def on_message(self, message: DownMessage) -> None:
        """Log a message and hand it to the playout."""
        self.playout.advance(self.now_ms())
        self.log.append(Arrival(self.now_ms(), message))
        self.playout.on_message(message)
        self._changed.set()

    def on_media(self, frame: MediaFrame, size: int) -> None:
        """Hand a media frame to the playout."""
        self.playout.advance(self.now_ms())
        self.last_media_ms[frame.epoch] = self.now_ms()
        self.playout.on_media(frame, size)
        if frame.kind == Kind.AUDIO:
            self._changed.set()

    def on_report(self, report: Report) -> None:
        """Queue a playback report; when 1,000 wait, the oldest is dropped (the newest says it all)."""
        self.reports.append((self.now_ms(), report))
        if self._unsent.full():
            self._unsent.get_nowait()
        self._unsent.put_nowait(report)
        self._changed.set()

    async def report_loop(self) -> None:
        """Send playback reports as they come."""
        while True:
            report = await self._unsent.get()
            await self.client.send(Playback(epoch=report.epoch, state=report.state, audio_ms=report.audio_ms))

    async def play_loop(self) -> None:
        """Move the playout in real time."""
        while True:
            self.playout.advance(self.now_ms())
            await asyncio.sleep(ADVANCE_S)

    async def until(self, true: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait until `true()`; raises SolamiError that says what did not happen in time."""
        try:
            async with asyncio.timeout(timeout_s):
                while not true():
                    self._changed.clear()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(0.05):
                            await self._changed.wait()
        except TimeoutError:
            raise SolamiError(f"{what} did not happen within {timeout_s:g} s; last: {self._last_words()}") from None

    def _last_words(self) -> str:
        return "; ".join(a.message.encode()[:100] for a in self.log[-3:]) or "nothing was received"

    def messages(self, kind: type, since_ms: float = -1.0) -> list[Arrival]:
        """Return the logged messages of one type from `since_ms` on."""
        return [a for a in self.log if isinstance(a.message, kind) and a.t_ms >= since_ms]

    def epochs(self, kind: str, since_ms: float = -1.0) -> list[Arrival]:
        """Return the `epoch.start` messages of one kind."""
        return [a for a in self.messages(EpochStart, since_ms) if a.message.kind == kind]  # type: ignore[union-attr]

    def ended(self, epoch: int) -> bool:
        """True when the playout has finished or cut the epoch."""
        return any(r.epoch == epoch and r.state in ("finished", "cut") for _, r in self.reports)

    def last_turn(self) -> int:
        """Return the highest turn number that was spoken of."""
        return max((getattr(a.message, "turn", None) or 0 for a in self.log), default=0)

    def turn_over(self, after: int) -> bool:
        """True when a turn with a higher number than `after` was answered and heard, or failed."""
        over = [*self.messages(TurnDone), *self.messages(TurnFailed)]
        return any((a.message.turn or 0) > after for a in over) and self.playout.current is None  # type: ignore[union-attr]

    def degraded(self) -> list[str]:
        """Parts that were reported as degraded, each with why."""
        return [f"{a.message.part}: {a.message.why}" for a in self.messages(Degraded)]  # type: ignore[union-attr]

    async def greeting(self, wait_s: float = 2.5) -> None:
        """Wait until the character has greeted; go on when it does not."""
        with contextlib.suppress(SolamiError):
            await self.until(lambda: bool(self.epochs("greeting")), wait_s, "a greeting")
        for arrival in self.epochs("greeting"):
            start = arrival.message
            assert isinstance(start, EpochStart)
            before = (start.turn or 1) - 1
            await self.until(functools.partial(self.ended, start.epoch), 30.0, "the end of the greeting")
            await self.until(functools.partial(self.turn_over, before), 5.0, "the end of the greeting's turn")


@contextlib.asynccontextmanager
async def headset_session(relay_url: str, character: str, seed: int = 0) -> AsyncIterator[HeadsetSession]:
    """Open a session at the relay and keep it running inside the block; says goodbye at the end."""
    async with aiohttp.ClientSession() as http:
        ticket = await create_session(http, relay_url, character)
        raw = await fetch_json(http, f"{relay_url}/v1/characters/{character}/behaviours")
        idle = IdleLayer([clip.unpack() for clip in BehaviourPack.model_validate(raw).clips], seed)
        session = HeadsetSession(http, ticket, idle)
        client = session.client
        async with asyncio.TaskGroup() as tasks:
            socket = tasks.create_task(client.run(), name="socket")
            loops = [tasks.create_task(session.play_loop()), tasks.create_task(session.report_loop())]
            try:
                await session.until(lambda: client.ready.is_set() or socket.done(), READY_S, "`ready` from the relay")
                loops.append(tasks.create_task(session.user.run(), name="user"))
                yield session
            finally:
                for task in loops:
                    task.cancel()
                await client.close()
                socket.cancel()

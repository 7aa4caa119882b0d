"""The worker: leases sessions, reads what comes up for all of them at once, and runs each (DESIGN 3.6).

Leases are renewed from a thread of their own, so that a busy loop does not lose them. Waiting sessions are found by
news (within milliseconds) and by a slow look at the store (news can be missed).
"""

import asyncio
import contextlib
import logging
import os
import socket
import threading
from collections.abc import Callable

import aiohttp

from solami_protocol.control import TurnFailed
from solami_relay.bus import Bus, BusDown, Entry, Fenced, Lease
from solami_relay.session_worker import SessionWorker
from solami_relay.settings import RelaySettings
from solami_relay.worker_metrics import WorkerMetrics

__all__ = ["Worker"]

log = logging.getLogger(__name__)
RENEW_S = 1.0
READ_BLOCK_MS = 500
STORE_PAUSE_S = 0.25
GOODBYE_S = 1.0


class LeaseKeeper:
    """Renews leases once a second in a thread with a loop and a connection of its own."""

    def __init__(self, url: str, tenant: str, lost: Callable[[set[str]], None]) -> None:
        self._url = url
        self._tenant = tenant
        self._lost = lost
        self._leases: dict[str, Lease] = {}
        self._lock = threading.Lock()
        self._stop: asyncio.Event | None = None
        self._own_loop: asyncio.AbstractEventLoop | None = None
        self._ready = threading.Event()
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._main, name="leases", daemon=True)

    def start(self) -> None:
        """Begin; returns when the thread has its loop."""
        self._thread.start()
        self._ready.wait()

    async def stop(self) -> None:
        """End; returns when the thread has ended."""
        if self._own_loop is not None and self._stop is not None:
            self._own_loop.call_soon_threadsafe(self._stop.set)
        await asyncio.to_thread(self._thread.join, GOODBYE_S)

    def add(self, lease: Lease) -> None:
        """Keep this lease."""
        with self._lock:
            self._leases[lease.sid] = lease

    def remove(self, lease: Lease) -> None:
        """Keep it no longer."""
        with self._lock:
            self._leases.pop(lease.sid, None)

    def _main(self) -> None:
        asyncio.run(self._renew_forever())

    async def _renew_forever(self) -> None:
        self._own_loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        self._ready.set()
        bus: Bus | None = None
        while not self._stop.is_set():
            try:
                bus = bus or await Bus.connect(self._url, self._tenant)
                await self._renew(bus)
            except BusDown as exc:
                log.warning("leases are not renewed: %s", exc)
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(RENEW_S):
                    await self._stop.wait()
        if bus is not None:
            await bus.close()

    async def _renew(self, bus: Bus) -> None:
        with self._lock:
            leases = list(self._leases.values())
        lost = await bus.renew(leases)
        if lost and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._lost, lost)


class Worker:
    """Runs sessions until `run` is cancelled; then it gives its leases back."""

    def __init__(self, bus: Bus, settings: RelaySettings, metrics: WorkerMetrics | None = None) -> None:
        self.name = f"{socket.gethostname()}-{os.getpid()}-{os.urandom(3).hex()}"
        self.metrics = metrics or WorkerMetrics()
        self._bus = bus
        self._settings = settings
        self._sessions: dict[str, SessionWorker] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._cursors: dict[str, str] = {}
        self._changed = asyncio.Event()
        self._keeper: LeaseKeeper | None = None

    async def run(self) -> None:
        """Work until cancelled."""
        token = os.environ.get("SOLAMI_SERVICE_TOKEN", "")
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        self._keeper = LeaseKeeper(self._settings.redis_url, self._settings.tenant, self._drop)
        self._keeper.start()
        try:
            async with aiohttp.ClientSession(headers=headers) as http, asyncio.TaskGroup() as group:
                group.create_task(self._look(http), name="worker looks")
                group.create_task(self._listen(http), name="worker listens")
                group.create_task(self._read(), name="worker reads")
        finally:
            await self._give_back()
            await self._keeper.stop()

    async def _give_back(self) -> None:
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks, timeout=GOODBYE_S)

    # -- leases -------------------------------------------------------------------------------------------------------

    async def _look(self, http: aiohttp.ClientSession) -> None:
        while True:
            try:
                for sid in await self._bus.unleased():
                    await self._take(sid, http)
            except BusDown as exc:
                log.warning("cannot look for sessions: %s", exc)
            await asyncio.sleep(self._settings.worker.lease_poll_s)

    async def _listen(self, http: aiohttp.ClientSession) -> None:
        while True:
            try:
                async for news in self._bus.news("workers"):
                    if "sid" in news:
                        await self._take(news["sid"], http)
            except BusDown as exc:
                log.warning("no news of sessions: %s", exc)
            await asyncio.sleep(STORE_PAUSE_S)

    async def _take(self, sid: str, http: aiohttp.ClientSession) -> None:
        if sid in self._tasks:
            return
        lease = await self._bus.acquire(sid, self.name)
        if lease is None:
            return
        task = asyncio.create_task(self._serve(lease, http), name=f"session {sid}")
        self._tasks[sid] = task

    def _drop(self, sids: set[str]) -> None:
        for sid in sids:
            if (task := self._tasks.get(sid)) is not None:
                log.warning("lease lost", extra={"sid": sid, "worker": self.name})
                task.cancel()

    async def _serve(self, lease: Lease, http: aiohttp.ClientSession) -> None:
        assert self._keeper is not None
        sid = lease.sid
        self._keeper.add(lease)
        self.metrics.sessions.inc()
        try:
            session = await self._open(lease, http)
            if session is not None:
                self._sessions[sid] = session
                self._changed.set()
                await session.run()
        except* Fenced:
            log.info("lease gone", extra={"sid": sid, "worker": self.name})
        except* BusDown as several:
            log.warning("session dropped: %s", several.exceptions[0], extra={"sid": sid})
        except* Exception:
            log.exception("session failed", extra={"sid": sid, "worker": self.name})
        finally:
            self._sessions.pop(sid, None)
            self._cursors.pop(sid, None)
            self._changed.set()
            self._keeper.remove(lease)
            self.metrics.sessions.dec()
            self._tasks.pop(sid, None)
            await self._release(lease)

    async def _release(self, lease: Lease) -> None:
        try:
            async with asyncio.timeout(GOODBYE_S):
                await self._bus.release(lease)
        except (BusDown, TimeoutError) as exc:
            log.warning("lease not given back: %s", exc, extra={"sid": lease.sid})

    async def _open(self, lease: Lease, http: aiohttp.ClientSession) -> SessionWorker | None:
        """Return the session ready to run. Turns that another worker left open fail with words."""
        meta = await self._bus.session(lease.sid)
        if meta is None:
            return None
        turns = await self._bus.turns(lease.sid)
        for turn in await self._bus.open_turns(lease.sid):
            failed = TurnFailed(turn=turn.turn, code="worker_lost", message="I lost my thread; please say it again")
            await self._bus.append_down(lease, [("json", failed.encode().encode(), 0)])
            await self._bus.put_turn(lease, turn.turn, start_id=turn.start_id, cause=turn.cause, state="failed")
        session = SessionWorker(
            self._bus, lease, meta, self._settings.worker, self._settings.model_server_url, http, self.metrics,
            next_turn=max((t.turn for t in turns), default=0) + 1,
        )  # fmt: skip
        cursor = "0"
        if lease.fence > 1:  # somebody served it before: of what has come so far only the client's presence counts
            entries = await self._bus.up_range(lease.sid, "-")
            notes = [entry for entry in entries if entry.kind == "note"]
            session.feed(notes[-1:])
            cursor = entries[-1].id if entries else "0"
        self._cursors[lease.sid] = cursor
        return session

    # -- the up streams -----------------------------------------------------------------------------------------------

    async def _read(self) -> None:
        """Read all sessions with one call; a session that comes or goes interrupts the wait."""
        while True:
            self._changed.clear()
            if not self._sessions:
                await self._changed.wait()
                continue
            cursors = {sid: self._cursors[sid] for sid in self._sessions}
            reading = asyncio.ensure_future(self._bus.read_up(cursors, READ_BLOCK_MS))
            changed = asyncio.ensure_future(self._changed.wait())
            try:
                await asyncio.wait((reading, changed), return_when=asyncio.FIRST_COMPLETED)
                if not reading.done():
                    continue
                self._hand_out(reading.result())
            except BusDown as exc:
                log.warning("cannot read: %s", exc)
                await asyncio.sleep(STORE_PAUSE_S)
            finally:
                reading.cancel()
                changed.cancel()
                await asyncio.gather(reading, changed, return_exceptions=True)

    def _hand_out(self, found: dict[str, list[Entry]]) -> None:
        for sid, entries in found.items():
            if (session := self._sessions.get(sid)) is not None and entries:
                self._cursors[sid] = entries[-1].id
                session.feed(entries)

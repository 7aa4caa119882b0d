"""The seam between gateway and worker: two Redis streams a session, leases with fencing, turns (DESIGN 3.6).

Keys are `solami:<tenant>:{<shard>}:<sid>:meta|up|down|lease|turns`, the braces literal, so that all keys of a session
(and of all sessions of a shard) lie in one slot. Whatever must be atomic is one script in `scripts/`.
Guarantees: down entries of a session are numbered 1, 2, 3, ... without a hole; a worker whose lease is gone writes
nothing; nothing is written for a session that was deleted. Reads may be cancelled at any time: they change nothing.
"""

import json
import zlib
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import fields
from typing import Any, cast

from solami_protocol.clock import wall_us
from solami_relay.entries import (
    BusDown,
    DownEntry,
    Entry,
    EntryKind,
    EpochCancelled,
    Fenced,
    Lease,
    NoSession,
    Replaced,
    SessionMeta,
    TurnRecord,
)
from solami_relay.store import Store

__all__ = [
    "Bus",
    "BusDown",
    "DownEntry",
    "Entry",
    "EntryKind",
    "EpochCancelled",
    "Fenced",
    "Lease",
    "NoSession",
    "Replaced",
    "SessionMeta",
    "TurnRecord",
]

SHARDS = 64
LEASE_MS = 6_000
UP_KEEP_MS = 90_000
DOWN_KEEP_MS = 30_000
DOWN_EXPIRE_MS = 150_000  # nobody appended for that long: what is left is of no use to a resuming client
DOWN_MAX_ENTRIES = 8_192  # four minutes of the densest media; guards the memory when an epoch never ends
READ_COUNT = 256
OPEN_STATES_END = frozenset({"done", "failed"})

_KIND_TO_WIRE = {"json": b"j", "media": b"m", "note": b"n"}
_WIRE_TO_KIND = {wire: kind for kind, wire in _KIND_TO_WIRE.items()}
_META_TYPES = {f.name: f.type for f in fields(SessionMeta)}


class Bus:
    """The bus of one tenant. Make it by `await Bus.connect(url)`; every method raises BusDown when Redis is away."""

    def __init__(self, store: Store, tenant: str) -> None:
        self._store = store
        self._prefix = f"solami:{tenant}"
        self.incarnation = ""
        """run_id of the Redis server: it changes when the store was restarted or failed over."""

    @classmethod
    async def connect(cls, url: str, tenant: str = "default") -> "Bus":
        """Return a bus on `url` (`redis://host:port/0`, `unix:///path/redis.sock`). Raises SettingsError, BusDown."""
        bus = cls(await Store.connect(url), tenant)
        try:
            await bus.refresh_incarnation()
        except BusDown:
            await bus.close()
            raise
        return bus

    async def close(self) -> None:
        """Close every connection. What is in the store stays."""
        await self._store.close()

    async def refresh_incarnation(self) -> bool:
        """Return True when the store is another incarnation than at the last look."""
        info = await self._store.run("INFO", "server")
        before, self.incarnation = self.incarnation, str(info["run_id"])
        return before not in ("", self.incarnation)

    # -- sessions ---------------------------------------------------------------------------------------------------

    async def create_session(
        self,
        sid: str,
        *,
        character: str,
        brain: str = "",
        user_name: str = "",
        locale: str = "en",
        recording: bool = False,
        ttl_s: float = 3600.0,
    ) -> None:
        """Write the session's meta, offer it to the workers, and wake them."""
        meta: dict[str, Any] = {
            "sid": sid, "character": character, "brain": brain, "user_name": user_name, "locale": locale,
            "recording": int(recording), "created_us": wall_us(), "ttl_s": ttl_s, "socket": 0, "seq": 0, "epoch": 0,
        }  # fmt: skip
        key = self._key(sid, "meta")
        async with self._store.transaction() as pipe:
            pipe.hset(key, mapping=cast("Any", meta))
            pipe.pexpire(key, int(ttl_s * 1000))
            await pipe.execute()
        await self._offer(sid)

    async def session(self, sid: str) -> SessionMeta | None:
        """Return the session's meta, None when there is no such session."""
        raw = await self._store.run("HGETALL", self._key(sid, "meta"))
        return _meta(raw) if b"sid" in raw else None

    async def session_count(self) -> int:
        """Return how many sessions there are, at most a lease's time behind for those that expired."""
        return int(await self._store.run("ZCARD", self._sessions))

    async def touch(self, sid: str, ttl_s: float) -> None:
        """Let the session live for another `ttl_s`."""
        ttl_ms = int(ttl_s * 1000)
        async with self._store.transaction() as pipe:
            pipe.pexpire(self._key(sid, "meta"), ttl_ms)
            pipe.pexpire(self._key(sid, "turns"), ttl_ms)
            await pipe.execute()

    async def delete_session(self, sid: str) -> None:
        """Remove every key of the session. Its worker is fenced from then on, its sockets are told."""
        names = ("meta", "up", "down", "lease", "turns")
        await self._store.run("DEL", *(self._key(sid, name) for name in names))
        await self._store.run("ZREM", self._sessions, sid)
        await self._publish("gateways", {"sid": sid, "ended": True})

    async def claim_socket(self, sid: str, *, resumes: bool) -> int:
        """Return the number of a new socket; older sockets of the session, in any gateway, are told by `news`.

        A socket that does not resume belongs to a new client, which numbers its messages from 1 again.
        Raises NoSession.
        """
        number = await self._store.script("claim_socket", (self._key(sid, "meta"),), [int(resumes)])
        if number == -1:
            raise NoSession(f"there is no session {sid}")
        await self._publish("gateways", {"sid": sid, "socket": number})
        return int(number)

    # -- up: gateway to worker ----------------------------------------------------------------------------------------

    async def append_up(
        self, sid: str, entries: Sequence[tuple[EntryKind, bytes]], up_seq: int | None, socket: int = 0
    ) -> None:
        """Append (kind, data) entries in one round trip.

        up_seq: the highest number among them, kept in meta; socket: number from `claim_socket`, 0 for entries that
        come from no socket. Raises NoSession, and Replaced when a newer socket took over.
        """
        args: list[Any] = [socket, "" if up_seq is None else up_seq, wall_us(), UP_KEEP_MS]
        for kind, data in entries:
            args += (_KIND_TO_WIRE[kind], data)
        done = await self._store.script("append_up", (self._key(sid, "meta"), self._key(sid, "up")), args)
        if done == -1:
            raise NoSession(f"session {sid} has ended")
        if done == -2:
            raise Replaced(f"session {sid}: a newer connection took over")

    async def read_up(self, cursors: Mapping[str, str], block_ms: int) -> dict[str, list[Entry]]:
        """Return the entries after each session's cursor (an entry's id; "0" from the start), oldest first.

        Waits up to block_ms for the first entry, 0 does not wait; sessions without entries are left out.
        """
        found = await self._read("up", cursors, block_ms)
        return {sid: [_up_entry(i, f) for i, f in rows] for sid, rows in found.items()}

    async def up_range(self, sid: str, start_id: str, end_id: str = "+") -> list[Entry]:
        """Return the up entries from start_id to end_id, both included: to run an open turn again."""
        rows = await self._store.run("XRANGE", self._key(sid, "up"), start_id, end_id)
        return [_up_entry(i, f) for i, f in rows]

    # -- down: worker to gateway --------------------------------------------------------------------------------------

    async def append_down(self, lease: Lease, items: Sequence[tuple[EntryKind, bytes, int]]) -> list[int]:
        """Append (kind, data, epoch; 0 = of no epoch) items; return their seqs, 0 for media of a cancelled epoch.

        Such media is not written. Raises EpochCancelled when that leaves nothing of the batch, and Fenced.
        """
        if not items:
            return []
        args: list[Any] = [lease.holder, lease.fence, DOWN_KEEP_MS, DOWN_EXPIRE_MS, DOWN_MAX_ENTRIES]
        for kind, data, epoch in items:
            args += (_KIND_TO_WIRE[kind], data, epoch)
        seqs = await self._fenced("append_down", lease, args, ("meta", "lease", "down"))
        if not any(seqs):
            raise EpochCancelled(f"session {lease.sid}: epoch {items[-1][2]} was cancelled")
        return cast("list[int]", seqs)

    async def cancel_epoch(self, lease: Lease, epoch: int) -> None:
        """From now on `append_down` writes no media of epochs up to this one. Raises Fenced."""
        await self._fenced("cancel_epoch", lease, [lease.holder, lease.fence, epoch], ("meta", "lease"))

    async def read_down(self, cursors: Mapping[str, int], block_ms: int) -> dict[str, list[DownEntry]]:
        """Return the entries after each session's seq, as `read_up` does."""
        found = await self._read("down", {sid: f"{seq}-0" for sid, seq in cursors.items()}, block_ms)
        return {sid: [_down_entry(i, f) for i, f in rows] for sid, rows in found.items()}

    async def down_range(self, sid: str, after_seq: int) -> list[DownEntry] | None:
        """Return all entries after `after_seq`, None when some of them are no longer (or not yet) in the store."""
        async with self._store.transaction() as pipe:
            pipe.execute_command("XRANGE", self._key(sid, "down"), f"{after_seq + 1}-0", "+")
            pipe.hget(self._key(sid, "meta"), "seq")
            rows, seq = await pipe.execute()
        if seq is None or int(seq) < after_seq:
            return None
        entries = [_down_entry(i, f) for i, f in rows]
        if int(seq) > after_seq and (not entries or entries[0].seq != after_seq + 1):
            return None
        return entries

    # -- leases: worker -----------------------------------------------------------------------------------------------

    async def acquire(self, sid: str, worker: str) -> Lease | None:
        """Return the session's lease for 6 s, None when it is taken or the session is gone."""
        found = await self._store.script(
            "acquire", (self._key(sid, "meta"), self._key(sid, "lease")), [worker, LEASE_MS]
        )
        if found == -1:
            await self._store.run("ZREM", self._sessions, sid)
        if not isinstance(found, list):
            return None
        await self._store.run("ZADD", self._sessions, "XX", found[1], sid)
        return Lease(sid, worker, found[0])

    async def renew(self, leases: Iterable[Lease]) -> set[str]:
        """Prolong the leases by 6 s from now (Redis' clock); return the sids of those that are lost.

        Two round trips, however many leases there are.
        """
        held = list(leases)
        if not held:
            return set()
        calls = [
            ((self._key(each.sid, "meta"), self._key(each.sid, "lease")), (each.holder, LEASE_MS)) for each in held
        ]  # fmt: skip
        ends_ms = await self._store.scripts("renew", calls)
        scores = [x for each, end_ms in zip(held, ends_ms, strict=True) if end_ms for x in (end_ms, each.sid)]
        if scores:
            await self._store.run("ZADD", self._sessions, "XX", *scores)
        return {each.sid for each, end_ms in zip(held, ends_ms, strict=True) if not end_ms}

    async def release(self, lease: Lease) -> None:
        """Give the lease back and offer the session to other workers. Nothing happens when it was lost."""
        if await self._store.script("release", (self._key(lease.sid, "lease"),), [lease.holder]):
            await self._offer(lease.sid, only_known=True)

    async def unleased(self, limit: int = 64) -> list[str]:
        """Return sessions that wait for a worker; `acquire` decides who gets one."""
        found = await self._store.script("unleased", (self._sessions,), [limit])
        return [sid.decode() for sid in found]

    # -- turns and meta: worker ---------------------------------------------------------------------------------------

    async def put_meta(self, lease: Lease, **fields: str | int | float) -> None:
        """Set fields of the session's meta: `state`, `done_epoch`, `play_epoch`, `play_ms`, ... Raises Fenced."""
        unknown = set(fields) - _META_TYPES.keys()
        if unknown:
            raise ValueError(f"put_meta: unknown field {sorted(unknown)}; SessionMeta has {sorted(_META_TYPES)}")
        pairs = [x for pair in fields.items() for x in pair]
        await self._fenced("fenced_set", lease, [lease.holder, lease.fence, *pairs], ("meta", "lease", "meta"))

    async def put_turn(self, lease: Lease, turn: int, *, start_id: str, cause: str, state: str) -> None:
        """Record a turn. States `done` and `failed` close it. Raises Fenced."""
        record = json.dumps({"start_id": start_id, "cause": cause, "state": state})
        await self._fenced(
            "fenced_set", lease, [lease.holder, lease.fence, turn, record], ("meta", "lease", "turns")
        )  # fmt: skip

    async def turns(self, sid: str) -> list[TurnRecord]:
        """Return all turns of the session by number."""
        raw = await self._store.run("HGETALL", self._key(sid, "turns"))
        return sorted((TurnRecord(int(k), **json.loads(v)) for k, v in raw.items()), key=lambda t: t.turn)

    async def open_turns(self, sid: str) -> list[TurnRecord]:
        """Return the turns that were begun and neither done nor failed."""
        return [t for t in await self.turns(sid) if t.state not in OPEN_STATES_END]

    # -- wake-ups -----------------------------------------------------------------------------------------------------

    def news(self, channel: str) -> AsyncGenerator[dict[str, Any], None]:
        """Return an iterator over what is published.

        On "workers": {"sid"} when a session waits for a worker. On "gateways": {"sid", "socket"} when a newer socket
        was claimed, {"sid", "ended": true} when a session was deleted.

        The first item is {} once the subscription stands. News are hints and can be missed: look at the store too.
        """
        return self._store.news(f"{self._prefix}:{channel}")

    # -- within -------------------------------------------------------------------------------------------------------

    @property
    def _sessions(self) -> str:
        return f"{self._prefix}:sessions"

    def _key(self, sid: str, name: str) -> str:
        return f"{self._prefix}:{{{zlib.crc32(sid.encode()) % SHARDS}}}:{sid}:{name}"

    async def _offer(self, sid: str, *, only_known: bool = False) -> None:
        await self._store.run("ZADD", self._sessions, *(("XX",) if only_known else ()), 0, sid)
        await self._publish("workers", {"sid": sid})

    async def _publish(self, channel: str, message: dict[str, Any]) -> None:
        await self._store.publish(f"{self._prefix}:{channel}", message)

    async def _read(self, name: str, cursors: Mapping[str, str], block_ms: int) -> dict[str, list[tuple[bytes, list]]]:
        if not cursors:
            raise ValueError("no sessions to read; wait until there is one")
        by_key = {self._key(sid, name).encode(): sid for sid in cursors}
        block = ("BLOCK", block_ms) if block_ms > 0 else ()
        # A key appears once per call, so COUNT bounds each session's share of a reply.
        command = ("XREAD", "COUNT", READ_COUNT, *block, "STREAMS", *by_key, *cursors.values())
        found = await self._store.blocking(block_ms / 1000, *command)
        return {by_key[key]: rows for key, rows in found or ()}

    async def _fenced(self, script: str, lease: Lease, args: list[Any], names: Sequence[str]) -> Any:
        done = await self._store.script(script, tuple(self._key(lease.sid, name) for name in names), args)
        if done == -1:
            raise Fenced(
                f"session {lease.sid}: the lease of {lease.worker} (fence {lease.fence}) is not valid any more"
            )
        return done


def _pairs(flat: list[bytes]) -> dict[bytes, bytes]:
    return dict(zip(flat[::2], flat[1::2], strict=True))


def _up_entry(entry_id: bytes, flat: list[bytes]) -> Entry:
    f = _pairs(flat)
    return Entry(entry_id.decode(), cast("EntryKind", _WIRE_TO_KIND[f[b"k"]]), f[b"d"], int(f[b"t"]))


def _down_entry(entry_id: bytes, flat: list[bytes]) -> DownEntry:
    f = _pairs(flat)
    seq = int(entry_id.partition(b"-")[0])
    return DownEntry(seq, cast("EntryKind", _WIRE_TO_KIND[f[b"k"]]), f[b"d"], int(f[b"e"]))


def _meta(raw: Mapping[bytes, bytes]) -> SessionMeta:
    values: dict[str, Any] = {}
    for name, kind in _META_TYPES.items():
        text = raw.get(name.encode())
        if text is None:
            continue
        if kind is bool:
            values[name] = text == b"1"
        else:
            values[name] = text.decode() if kind is str else kind(text)  # type: ignore[operator]
    return SessionMeta(**values)

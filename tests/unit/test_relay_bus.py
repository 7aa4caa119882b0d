"""The contract of the bus, over a real Redis."""

import asyncio
import json
import time

import pytest
import redis

from solami_relay.bus import Bus, BusDown, EpochCancelled, Fenced, NoSession, Replaced
from solami_relay.embedded_redis import EmbeddedRedis


@pytest.fixture(scope="module")
def store():
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture
async def bus(store):
    bus = await Bus.connect(store.url)
    yield bus
    await bus._store._client.flushall()
    await bus.close()


def keys_of(store: EmbeddedRedis) -> set[str]:
    client = redis.Redis(unix_socket_path=store.url.removeprefix("unix://"))
    try:
        return {key.decode() for key in client.keys("*")}
    finally:
        client.close()


async def leased(bus: Bus, sid: str = "s1", worker: str = "w1"):
    await bus.create_session(sid, character="copper")
    lease = await bus.acquire(sid, worker)
    assert lease is not None
    return lease


async def test_a_session_is_what_was_created(bus):
    await bus.create_session("s1", character="copper", user_name="Mara", locale="de", recording=True, ttl_s=60)
    meta = await bus.session("s1")
    assert (meta.character, meta.user_name, meta.locale, meta.recording) == ("copper", "Mara", "de", True)
    assert (meta.seq, meta.up_seq, meta.fence, meta.state) == (0, 0, 0, "idle")
    assert await bus.session("nobody") is None


async def test_up_entries_arrive_in_order_with_kind_and_bytes(bus):
    await bus.create_session("s1", character="copper")
    sent = [("json", b'{"type":"bye"}'), ("media", bytes(range(256))), ("note", b"{}")]
    await bus.append_up("s1", sent, up_seq=7)
    found = (await bus.read_up({"s1": "0"}, 0))["s1"]
    assert [(e.kind, e.data) for e in found] == sent
    assert abs(found[0].at_us / 1e6 - time.time()) < 5
    assert (await bus.session("s1")).up_seq == 7
    assert await bus.read_up({"s1": found[-1].id}, 0) == {}
    assert [e.id for e in await bus.up_range("s1", found[1].id)] == [found[1].id, found[2].id]


async def test_up_seq_never_goes_back(bus):
    await bus.create_session("s1", character="copper")
    await bus.append_up("s1", [("media", b"a")], up_seq=9)
    await bus.append_up("s1", [("media", b"b")], up_seq=3)
    await bus.append_up("s1", [("note", b"c")], up_seq=None)
    assert (await bus.session("s1")).up_seq == 9


async def test_one_read_serves_many_sessions_of_many_shards(bus):
    sids = [f"s{i}" for i in range(40)]
    for sid in sids:
        await bus.create_session(sid, character="copper")
        await bus.append_up(sid, [("json", sid.encode())], None)
    found = await bus.read_up(dict.fromkeys(sids, "0"), 0)
    assert {sid: entries[0].data.decode() for sid, entries in found.items()} == {sid: sid for sid in sids}


async def test_a_blocked_read_returns_with_the_first_entry(bus):
    lease = await leased(bus)
    reading = asyncio.create_task(bus.read_down({"s1": 0, "other": 0}, 5_000))
    await asyncio.sleep(0.05)
    assert not reading.done()
    await bus.append_down(lease, [("json", b"{}", 0)])
    async with asyncio.timeout(1):
        assert [e.seq for e in (await reading)["s1"]] == [1]


async def test_a_cancelled_read_takes_nothing_away(bus):
    lease = await leased(bus)
    reading = asyncio.create_task(bus.read_down({"s1": 0}, 5_000))
    await asyncio.sleep(0.02)
    reading.cancel()
    await asyncio.wait({reading})
    await bus.append_down(lease, [("json", b"{}", 0)])
    assert [e.seq for e in (await bus.read_down({"s1": 0}, 0))["s1"]] == [1]


async def test_a_loop_over_the_bus_ends_when_it_is_cancelled(bus):
    """A client library that swallows a cancellation (asyncio.wait_for does in 3.11) would leave tasks behind."""
    await bus.create_session("s1", character="copper")

    async def loop() -> None:
        while True:
            await bus.append_up("s1", [("json", b"{}")], None)
            await bus.unleased()
            await bus.read_up({"s1": "0"}, 0)

    for n in range(300):
        task = asyncio.create_task(loop())
        await asyncio.sleep(n * 1e-5)
        task.cancel()
        done, _ = await asyncio.wait({task}, timeout=1)
        assert done
        assert task.cancelled()


async def test_seqs_are_contiguous_over_batches_writers_and_refused_media(bus):
    lease = await leased(bus)
    assert await bus.append_down(lease, [("json", b"{}", 0), ("media", b"m", 1)]) == [1, 2]
    await bus.cancel_epoch(lease, 1)
    assert await bus.append_down(lease, [("media", b"m", 1), ("json", b"{}", 1), ("media", b"n", 2)]) == [0, 3, 4]
    await bus.release(lease)
    second = await bus.acquire("s1", "w2")
    assert await bus.append_down(second, [("json", b"{}", 0)]) == [5]
    entries = await bus.down_range("s1", 0)
    assert [e.seq for e in entries] == [1, 2, 3, 4, 5]
    assert [e.data for e in entries if e.kind == "media"] == [b"m", b"n"]


async def test_concurrent_appends_leave_no_hole(bus):
    lease = await leased(bus)
    given = await asyncio.gather(*(bus.append_down(lease, [("media", b"x", 1)] * 3) for _ in range(50)))
    assert sorted(seq for seqs in given for seq in seqs) == list(range(1, 151))


async def test_media_of_a_cancelled_epoch_is_refused_control_is_not(bus):
    lease = await leased(bus)
    await bus.cancel_epoch(lease, 3)
    await bus.cancel_epoch(lease, 2)
    for epoch in (1, 2, 3):
        with pytest.raises(EpochCancelled):
            await bus.append_down(lease, [("media", b"m", epoch)])
    assert await bus.append_down(lease, [("json", b"{}", 3)]) == [1]
    assert await bus.append_down(lease, [("media", b"m", 4)]) == [2]
    meta = await bus.session("s1")
    assert (meta.cancelled_epoch, meta.epoch, meta.over_epoch) == (3, 4, 3)


async def test_a_stale_lease_writes_nothing(bus, store):
    old = await leased(bus)
    await bus.put_turn(old, 1, start_id="1-0", cause="voice", state="open")
    # the lease runs out on Redis' clock while its holder does not look
    await bus._store._client.delete(bus._key("s1", "lease"))
    new = await bus.acquire("s1", "w2")
    assert new.fence > old.fence
    before = await bus.session("s1")
    for write in (
        bus.append_down(old, [("json", b"{}", 0)]),
        bus.cancel_epoch(old, 5),
        bus.put_meta(old, state="speaking"),
        bus.put_turn(old, 1, start_id="1-0", cause="voice", state="done"),
    ):
        with pytest.raises(Fenced):
            await write
    assert await bus.renew([old, new]) == {"s1"}
    await bus.release(old)
    assert await bus.session("s1") == before
    assert await bus.down_range("s1", 0) == []
    assert [t.state for t in await bus.open_turns("s1")] == ["open"]
    assert await bus.append_down(new, [("json", b"{}", 0)]) == [1]


async def test_the_same_worker_is_fenced_by_its_own_later_lease(bus):
    old = await leased(bus)
    await bus.release(old)
    new = await bus.acquire("s1", "w1")
    with pytest.raises(Fenced):
        await bus.append_down(old, [("json", b"{}", 0)])
    assert await bus.append_down(new, [("json", b"{}", 0)]) == [1]


async def test_one_worker_gets_the_lease(bus):
    await bus.create_session("s1", character="copper")
    assert await bus.unleased() == ["s1"]
    got = await asyncio.gather(*(bus.acquire("s1", f"w{i}") for i in range(8)))
    assert len([lease for lease in got if lease]) == 1
    assert await bus.unleased() == []


async def test_a_lost_lease_offers_the_session_again(bus, monkeypatch):
    monkeypatch.setattr("solami_relay.bus.LEASE_MS", 60)
    lease = await leased(bus)
    assert await bus.unleased() == []
    await asyncio.sleep(0.04)
    assert await bus.renew([lease]) == set()
    await asyncio.sleep(0.04)
    assert await bus.unleased() == []  # 60 ms from the renewal, not from the start
    await asyncio.sleep(0.05)
    assert await bus.unleased() == ["s1"]
    assert await bus.renew([lease]) == {"s1"}


async def test_many_leases_are_renewed_at_once_and_the_lost_ones_named(bus):
    leases = [await leased(bus, f"s{n}") for n in range(50)]
    await bus._store._client.execute_command("SCRIPT FLUSH")  # a restarted store has none
    for n in (3, 30):
        await bus.release(leases[n])
    await bus.acquire("s30", "w2")
    await bus.delete_session("s44")
    assert await bus.renew(leases) == {"s3", "s30", "s44"}
    assert await bus.renew([]) == set()
    assert await bus.unleased() == ["s3"]


async def test_workers_hear_of_new_and_released_sessions(bus):
    news = bus.news("workers")
    async with asyncio.timeout(1):
        assert await anext(news) == {}
        lease = await leased(bus)
        assert await anext(news) == {"sid": "s1"}
        await bus.release(lease)
        assert await anext(news) == {"sid": "s1"}
    await news.aclose()


async def test_down_range_knows_what_it_no_longer_has(bus):
    lease = await leased(bus)
    await bus.append_down(lease, [("json", b"{}", 0)] * 10)
    assert [e.seq for e in await bus.down_range("s1", 7)] == [8, 9, 10]
    assert await bus.down_range("s1", 10) == []
    assert await bus.down_range("s1", 11) is None  # the client knows more than the store: it was rewound
    await bus._store._client.xtrim(bus._key("s1", "down"), minid="5-0", approximate=False)
    assert [e.seq for e in await bus.down_range("s1", 4)] == [5, 6, 7, 8, 9, 10]
    assert await bus.down_range("s1", 3) is None
    await bus._store._client.delete(bus._key("s1", "down"))
    assert await bus.down_range("s1", 9) is None
    assert await bus.down_range("nobody", 0) is None


async def test_down_keeps_thirty_seconds_and_the_running_epoch(bus, monkeypatch):
    monkeypatch.setattr("solami_relay.bus.DOWN_KEEP_MS", 40)
    lease = await leased(bus)

    async def first_kept() -> int:
        return (await bus._store._client.execute_command("XRANGE", bus._key("s1", "down"), "-", "+"))[0][0]

    for _ in range(6):
        await bus.append_down(lease, [("json", b"{}", 0)])
        await asyncio.sleep(0.025)
    assert int((await first_kept()).split(b"-")[0]) > 1
    (start,) = await bus.append_down(lease, [("media", b"m", 1)])
    for _ in range(6):
        await bus.append_down(lease, [("media", b"m", 1)])
        await asyncio.sleep(0.025)
    assert int((await first_kept()).split(b"-")[0]) == start


async def test_turns_open_and_close(bus):
    lease = await leased(bus)
    await bus.put_turn(lease, 2, start_id="5-0", cause="act", state="heard")
    await bus.put_turn(lease, 1, start_id="1-0", cause="voice", state="open")
    assert [(t.turn, t.start_id, t.cause) for t in await bus.open_turns("s1")] == [
        (1, "1-0", "voice"),
        (2, "5-0", "act"),
    ]
    await bus.put_turn(lease, 1, start_id="1-0", cause="voice", state="done")
    await bus.put_turn(lease, 2, start_id="5-0", cause="act", state="failed")
    assert await bus.open_turns("s1") == []
    assert [t.state for t in await bus.turns("s1")] == ["done", "failed"]


async def test_put_meta_takes_known_fields_only(bus):
    lease = await leased(bus)
    await bus.put_meta(lease, state="speaking", play_epoch=4, play_ms=120.5)
    meta = await bus.session("s1")
    assert (meta.state, meta.play_epoch, meta.play_ms) == ("speaking", 4, 120.5)
    with pytest.raises(ValueError, match="mood"):
        await bus.put_meta(lease, mood="good")


async def test_deleting_a_session_removes_every_key(bus, store):
    lease = await leased(bus)
    await bus.claim_socket("s1", resumes=False)
    await bus.append_up("s1", [("json", b"{}")], 1)
    await bus.append_down(lease, [("media", b"m", 1)])
    await bus.put_turn(lease, 1, start_id="1-0", cause="voice", state="open")
    assert len(keys_of(store)) == 6
    await bus.delete_session("s1")
    assert keys_of(store) == set()


async def test_nothing_brings_a_deleted_session_back(bus, store):
    lease = await leased(bus)
    await bus.delete_session("s1")
    with pytest.raises(NoSession):
        await bus.append_up("s1", [("json", b"{}")], 1)
    with pytest.raises(NoSession):
        await bus.claim_socket("s1", resumes=True)
    with pytest.raises(Fenced):
        await bus.append_down(lease, [("json", b"{}", 0)])
    assert await bus.renew([lease]) == {"s1"}
    await bus.release(lease)
    assert await bus.acquire("s1", "w1") is None
    assert keys_of(store) == set()


async def test_a_session_that_expired_is_lost_to_its_worker_and_forgotten(bus, store):
    await bus.create_session("s1", character="copper", ttl_s=0.03)
    lease = await bus.acquire("s1", "w1")
    await asyncio.sleep(0.05)
    assert await bus.renew([lease]) == {"s1"}
    assert await bus.acquire("s1", "w1") is None
    assert keys_of(store) == set()


async def test_the_newest_socket_wins(bus):
    await bus.create_session("s1", character="copper")
    first = await bus.claim_socket("s1", resumes=False)
    await bus.append_up("s1", [("media", b"a")], 5, first)
    second = await bus.claim_socket("s1", resumes=True)
    assert second > first
    with pytest.raises(Replaced):
        await bus.append_up("s1", [("media", b"b")], 6, first)
    assert (await bus.session("s1")).up_seq == 5  # the same client came back: it goes on numbering
    await bus.append_up("s1", [("media", b"c")], 6, second)
    assert [e.data for e in (await bus.read_up({"s1": "0"}, 0))["s1"]] == [b"a", b"c"]
    await bus.claim_socket("s1", resumes=False)
    assert (await bus.session("s1")).up_seq == 0  # a new client begins at 1


async def test_keys_lie_in_one_slot_a_shard(bus, store):
    lease = await leased(bus)
    await bus.append_up("s1", [("json", b"{}")], 1)
    await bus.append_down(lease, [("json", b"{}", 0)])
    keys = {key for key in keys_of(store) if ":s1:" in key}
    assert len(keys) == 4
    tags = {key[key.index("{") : key.index("}") + 1] for key in keys}
    assert len(tags) == 1
    assert 0 <= int(tags.pop()[1:-1]) < 64
    assert all(key.startswith("solami:default:{") for key in keys)


async def test_tenants_do_not_meet(bus, store):
    other = await Bus.connect(store.url, tenant="other")
    await bus.create_session("s1", character="copper")
    assert await other.session("s1") is None
    assert await other.unleased() == []
    await other.close()


async def test_no_redis_is_said_in_words():
    with pytest.raises(BusDown, match="Redis does not answer"):
        await Bus.connect("unix:///nowhere/redis.sock")


async def test_a_crash_of_the_store_changes_the_incarnation_and_loses_no_acknowledged_second():
    with EmbeddedRedis() as server:
        bus = await Bus.connect(server.url)
        lease = await leased(bus)
        await bus.append_down(lease, [("json", json.dumps({"type": "state"}).encode(), 0)])
        before = bus.incarnation
        assert not await bus.refresh_incarnation()
        await asyncio.sleep(1.1)  # appendfsync everysec
        server.restart()
        with pytest.raises(BusDown):
            await bus.session("s1")  # the connection was cut; nothing is tried twice behind the caller's back
        assert await bus.refresh_incarnation()
        assert bus.incarnation != before
        # scripts are gone with the old process; the bus loads them again by itself
        assert await bus.append_down(lease, [("json", b"{}", 0)]) == [2]
        await bus.close()

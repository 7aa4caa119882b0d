"""The gateway over real sockets and a real Redis, with a worker that echoes what it hears."""

import asyncio
import contextlib
import json
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import aiohttp
import numpy as np
import pytest
from aiohttp import WSMsgType, web

from solami_protocol import control, media
from solami_relay.app import run_relay
from solami_relay.bus import Bus, Fenced, Lease
from solami_relay.embedded_redis import EmbeddedRedis
from solami_relay.settings import RelaySettings
from solami_relay.tokens import Tokens

KEY = "a key that is long enough for HS256, for tests only"


# -- a relay with a worker and a model server --


class EchoWorker:
    """Leases every session; sends media back as media of `epoch`, and control as a caption that holds it."""

    def __init__(self, bus: Bus) -> None:
        self.bus = bus
        self.epoch = 1
        self.leases: dict[str, Lease] = {}
        self.heard: dict[str, list] = {}

    async def run(self) -> None:
        cursors: dict[str, str] = {}
        while True:
            for sid in await self.bus.unleased():
                lease = await self.bus.acquire(sid, "echo")
                if lease:
                    self.leases[sid], cursors[sid], self.heard[sid] = lease, "0", []
            if not cursors:
                await asyncio.sleep(0.005)
                continue
            for sid, entries in (await self.bus.read_up(cursors, 20)).items():
                cursors[sid] = entries[-1].id
                self.heard[sid] += entries
                with contextlib.suppress(Fenced):
                    await self._answer(sid, entries)

    async def _answer(self, sid: str, entries: list) -> None:
        items = [self._echo(entry) for entry in entries if entry.kind != "note"]
        if items:
            await self.bus.append_down(self.leases[sid], items)

    def _echo(self, entry) -> tuple:
        if entry.kind == "media":
            frame = media.decode_media(entry.data, validity=entry.data[1] == media.Kind.POSE)
            again = media.MediaFrame(
                kind=frame.kind, codec=frame.codec, payload=frame.payload, count=frame.count, pts_us=frame.pts_us,
                epoch=self.epoch,
            )  # fmt: skip
            return ("media", again.encode(), self.epoch)
        text = entry.data.decode()
        return ("json", control.Caption(epoch=self.epoch, text=text, at_ms=0, d_ms=1).encode().encode(), self.epoch)

    def notes(self, sid: str) -> list[dict]:
        return [json.loads(e.data) for e in self.heard.get(sid, []) if e.kind == "note"]


@dataclass
class House:
    """Everything that runs for one test."""

    url: str
    bus: Bus
    worker: EchoWorker
    http: aiohttp.ClientSession
    model_server: "ModelServer"
    stop: asyncio.Event
    task: asyncio.Task

    async def new_session(self, **more) -> dict:
        async with self.http.post(f"{self.url}/v1/sessions", json={"character": "copper", **more}) as reply:
            assert reply.status == 201, await reply.text()
            return await reply.json()

    async def connect(self, token: str, **more) -> "Client":
        ws = await self.http.ws_connect(f"{self.url}/v1/ws", headers=more.pop("headers", None), max_msg_size=0)
        client = Client(ws, token)
        await client.hello(**more)
        return client


@dataclass
class ModelServer:
    """Answers the character routes as the model server does."""

    up: bool = True
    asked: int = 0
    names: list[str] = field(default_factory=lambda: ["copper", "moss"])
    url: str = ""

    async def handle(self, request: web.Request) -> web.Response:
        self.asked += 1
        if not self.up:
            raise web.HTTPBadGateway
        if request.path == "/v1/characters":
            return web.json_response({"characters": [{"id": n, "name": n.title()} for n in self.names]})
        card_id = request.path.split("/")[3]
        if card_id not in self.names:
            return web.json_response({"error": {"code": "no_character", "message": "no such"}}, status=404)
        return web.json_response({"id": card_id, "path": request.path})


class Client:
    """A headset's side of the socket."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse, token: str) -> None:
        self.ws = ws
        self.token = token
        self.ready: control.Ready | None = None
        self.up_seq = 0

    async def hello(self, resume: dict | None = None, **more) -> None:
        first = {"type": "hello", "token": self.token, "client": {"engine": "test"}, **more}
        if resume is not None:
            first["resume"] = resume
        await self.ws.send_str(json.dumps(first))

    async def get_ready(self) -> control.Ready:
        message = await self.get()
        assert isinstance(message, control.Ready), message
        self.ready = message
        return message

    async def get(self, timeout_s: float = 3.0):
        """Return the next message: a control message or a media frame."""
        raw = await self.ws.receive(timeout_s)
        if raw.type is WSMsgType.TEXT:
            return control.read_down(raw.data)
        assert raw.type is WSMsgType.BINARY, (raw, self.ws.close_code)
        return media.decode_media(raw.data)

    async def get_many(self, count: int) -> list:
        return [await self.get() for _ in range(count)]

    async def say(self, **message) -> None:
        self.up_seq += 1
        await self.ws.send_str(json.dumps({"up_seq": self.up_seq, **message}))

    async def speak(self, samples: int = 320, value: int = 5, pts_us: int = 0) -> None:
        self.up_seq += 1
        frame = media.audio_frame(np.full(samples, value, np.int16), pts_us=pts_us, seq=self.up_seq)
        await self.ws.send_bytes(frame.encode())

    async def closed(self, timeout_s: float = 5.0) -> tuple[int, str]:
        """Return code and sentence of the close, whatever comes before it."""
        async with asyncio.timeout(timeout_s):
            while True:
                raw = await self.ws.receive()
                if raw.type is WSMsgType.CLOSE:
                    return raw.data, raw.extra or ""
                if raw.type in (WSMsgType.CLOSED, WSMsgType.ERROR, WSMsgType.CLOSING):
                    return self.ws.close_code or 0, ""


@pytest.fixture(scope="module")
def store():
    with EmbeddedRedis() as server:
        yield server


@pytest.fixture
async def house(store) -> AsyncIterator[House]:
    async with running_house(store) as house:
        yield house


@contextlib.asynccontextmanager
async def running_house(store: EmbeddedRedis, **settings) -> AsyncIterator[House]:
    model_server = ModelServer()
    app = web.Application()
    app.router.add_get("/{rest:.*}", model_server.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    model_server.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    values = {
        "port": 0, "roles": ["gateway"], "redis_url": store.url, "model_server_url": model_server.url,
        "token": {"key": KEY}, "characters_timeout_s": 0.5, **settings,
    }  # fmt: skip
    stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    relay = asyncio.create_task(run_relay(RelaySettings.model_validate(values), stop, listening.set_result))
    await asyncio.wait({relay, listening}, return_when=asyncio.FIRST_COMPLETED)
    bus = await Bus.connect(store.url)
    worker = EchoWorker(bus)
    echo = asyncio.create_task(worker.run())
    async with aiohttp.ClientSession() as http:
        yield House(listening.result(), bus, worker, http, model_server, stop, relay)
    echo.cancel()
    await asyncio.wait({echo})
    stop.set()
    await relay
    await bus._store._client.flushall()
    await bus.close()
    await runner.cleanup()


async def until(true: Callable[[], bool | Awaitable[bool]], within_s: float = 2.0) -> None:
    """Wait until `true()` is true."""
    async with asyncio.timeout(within_s):
        while True:
            answer = true()
            if await answer if isinstance(answer, Awaitable) else answer:
                return
            await asyncio.sleep(0.005)


# -- one frame, all the way --


async def test_a_frame_goes_through_gateway_redis_worker_and_back(house):
    session = await house.new_session()
    client = await house.connect(session["token"])
    ready = await client.get_ready()
    assert ready.sid == session["sid"]
    assert ready.character == "copper"
    assert (len(ready.joints), len(ready.parents), len(ready.rest_offsets), len(ready.face_names)) == (55, 55, 55, 52)
    assert (ready.audio.up.rate, ready.audio.down.rate, ready.fps, ready.up_seq) == (16000, 24000, 30, 0)
    assert ready.incarnation == house.bus.incarnation
    assert not ready.recovered
    assert "AI" in ready.ai_disclosure
    assert abs(ready.server_time_us / 1e6 - time.time()) < 5
    pcm = np.arange(640, dtype=np.int16)
    await client.ws.send_bytes(media.audio_frame(pcm, pts_us=-7, seq=1, epoch=3).encode())
    back = await client.get()
    assert np.array_equal(media.audio_samples(back), pcm)
    assert (back.seq, back.epoch, back.pts_us) == (1, 1, -7)
    await client.ws.close()


async def test_pose_text_and_audio_keep_their_order_and_get_contiguous_numbers(house):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    rest = np.tile([0, 0, 0, 1.0], (2, 55, 1))
    for n in range(20):
        await client.speak(value=n)
        client.up_seq += 1
        pose = media.pose_frame(
            np.zeros((2, 3)), rest, codec=media.PoseCodec.S48, pts_us=n, seq=client.up_seq,
            validity=np.full((2, 55), 2, np.uint8),
        )  # fmt: skip
        await client.ws.send_bytes(pose.encode())
        await client.say(type="text", text=f"word {n}")
    # the echo sends pose with its validity bytes; this client reads headers only
    got = [await client.ws.receive(3) for _ in range(60)]
    seqs = [
        json.loads(m.data)["seq"] if m.type is WSMsgType.TEXT else media.HEADER.unpack_from(m.data)[4] for m in got
    ]  # fmt: skip
    assert seqs == list(range(1, 61))
    texts = [json.loads(json.loads(m.data)["text"])["text"] for m in got if m.type is WSMsgType.TEXT]
    assert texts == [f"word {n}" for n in range(20)]
    await until(lambda: _up_seq_is(house, session["sid"], 60))


async def _up_seq_is(house: House, sid: str, number: int) -> bool:
    meta = await house.bus.session(sid)
    return meta is not None and meta.up_seq == number


async def test_the_worker_is_told_who_came_and_went(house):
    session = await house.new_session()
    client = await house.connect(
        session["token"], capabilities={"pose_codecs": ["s32", "s48"], "echo_cancelled": True}
    )  # fmt: skip
    assert (await client.get_ready()).pose_codec == "s32"
    await until(lambda: bool(house.worker.notes(session["sid"])))
    note = house.worker.notes(session["sid"])[0]
    assert note["type"] == "client.connected"
    assert note["capabilities"]["echo_cancelled"] is True
    assert (note["pose_codec"], note["recovered"], note["last_seq"]) == ("s32", False, 0)
    await client.say(type="text", text="a last word")
    await client.ws.close()
    await until(lambda: len(house.worker.notes(session["sid"])) == 2)
    assert house.worker.notes(session["sid"])[1]["type"] == "client.disconnected"
    heard = [e.kind for e in house.worker.heard[session["sid"]]]
    assert heard == ["note", "json", "note"]  # the last word was not lost


async def test_ping_is_answered_with_four_timestamps_and_never_reaches_the_worker(house):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    await client.say(type="ping", t0=123)
    pong = await client.get()
    assert isinstance(pong, control.Pong)
    assert pong.t0 == 123
    assert pong.t1 <= pong.t2 < pong.t1 + 1_000_000
    await client.say(type="text", text="a mark")
    await client.get()
    assert [e.kind for e in house.worker.heard[session["sid"]]] == ["note", "json"]


async def test_ready_comes_within_50_ms(house):
    session = await house.new_session()
    took_ms = []
    for _ in range(9):
        ws = await house.http.ws_connect(f"{house.url}/v1/ws")
        client = Client(ws, session["token"])
        started = time.perf_counter()
        await client.hello()
        await client.get_ready()
        took_ms.append((time.perf_counter() - started) * 1000)
        await ws.close()
    assert min(took_ms) < 50, took_ms  # the others say how busy the machine is


async def test_sessions_do_not_hear_each_other(house):
    clients = []
    for _ in range(5):
        session = await house.new_session()
        client = await house.connect(session["token"])
        await client.get_ready()
        clients.append(client)
    for n, client in enumerate(clients):
        await client.say(type="text", text=f"I am {n}")
    for n, client in enumerate(clients):
        assert f"I am {n}" in (await client.get()).text
    for client in clients:
        with pytest.raises(TimeoutError):
            await client.get(0.05)


# -- resume --


def cut(client: Client) -> None:
    """Break the connection as a lost network does: no close frame."""
    connection = client.ws._response.connection
    if connection is not None and connection.transport is not None:  # else: the other side was faster
        connection.transport.abort()


def write_raw(client: Client, rubbish: bytes) -> None:
    """Write bytes that are no WebSocket frame, if the connection still stands."""
    connection = client.ws._response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.write(rubbish)


async def test_a_cut_client_gets_what_it_missed_in_order_and_then_live(house):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    for n in range(5):
        await client.say(type="text", text=str(n))
    assert [m.seq for m in await client.get_many(5)] == [1, 2, 3, 4, 5]
    cut(client)
    await until(lambda: house.worker.notes(session["sid"])[-1]["type"] == "client.disconnected")
    lease = house.worker.leases[session["sid"]]
    await house.bus.append_down(lease, [("json", b'{"type":"state","state":"idle"}', 0)] * 4)
    again = await house.connect(session["token"], resume={"seq": 3, "incarnation": house.bus.incarnation})
    ready = await again.get_ready()
    assert ready.recovered
    assert ready.up_seq == 5
    assert [m.seq for m in await again.get_many(6)] == [4, 5, 6, 7, 8, 9]
    again.up_seq = 5
    await again.say(type="text", text="live")
    live = await again.get()
    assert live.seq == 10
    assert house.worker.notes(session["sid"])[-1] | {"client": 0, "capabilities": 0} == {
        "type": "client.connected", "recovered": True, "last_seq": 3, "pose_codec": "s48", "audio_codec": "pcm16",
        "client": 0, "capabilities": 0,
    }  # fmt: skip


async def test_opus_is_agreed_when_the_client_likes_it_best_and_refused_when_not(house):
    session = await house.new_session()
    packet = media.MediaFrame(
        kind=media.Kind.AUDIO, codec=media.AudioCodec.OPUS, payload=b"\x08", count=320, pts_us=0, seq=1
    ).encode()  # fmt: skip
    client = await house.connect(session["token"], capabilities={"audio_codecs": ["opus", "pcm16"]})
    audio = (await client.get_ready()).audio
    assert (audio.up.codec, audio.down.codec, audio.up.rate, audio.down.rate) == ("opus", "opus", 16_000, 24_000)
    await client.ws.send_bytes(packet)
    assert (await client.get()).codec == media.AudioCodec.OPUS
    assert house.worker.notes(session["sid"])[-1]["audio_codec"] == "opus"
    client = await house.connect(session["token"], capabilities={"audio_codecs": ["pcm16", "opus"]})
    assert (await client.get_ready()).audio.up.codec == "pcm16"
    await client.get()  # the snapshot
    await client.ws.send_bytes(packet)
    refused = await client.get()
    assert isinstance(refused, control.ErrorMessage)
    assert "PCM16" in refused.message


async def test_a_cut_in_the_middle_of_a_stream_loses_and_repeats_nothing(house):
    """Audio flows both ways while the socket is cut five times; both sides end with every frame once."""
    session = await house.new_session()
    seen: list[int] = []
    sent = 0
    resume = None
    for _ in range(6):
        client = await house.connect(session["token"], resume=resume)
        ready = await client.get_ready()
        assert ready.recovered is (resume is not None)
        client.up_seq = ready.up_seq  # a client resends what comes after this
        for _ in range(8):
            await client.speak(value=client.up_seq)
        sent = client.up_seq
        for _ in range(random.Random(len(seen)).randrange(1, 6)):
            frame = await client.get()
            seen.append(frame.seq)
            last = frame.seq
        resume = {"seq": last, "incarnation": ready.incarnation}
        cut(client)
    client = await house.connect(session["token"], resume=resume)
    ready = await client.get_ready()
    while len(seen) < ready.up_seq:
        seen.append((await client.get()).seq)
    assert seen == list(range(1, len(seen) + 1))
    assert ready.up_seq <= sent
    values = [
        media.audio_samples(media.decode_media(e.data))[0]
        for e in house.worker.heard[session["sid"]]
        if e.kind == "media"
    ]
    assert values == list(range(ready.up_seq))


async def test_what_is_sent_again_is_taken_once(house):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    for text in ("a", "b"):
        await client.say(type="text", text=text)
    await client.get_many(2)
    cut(client)
    again = await house.connect(session["token"], resume={"seq": 2})
    assert (await again.get_ready()).up_seq == 2
    for text in ("a", "b", "c"):  # a client that did not look at up_seq
        await again.say(type="text", text=text)
    assert json.loads((await again.get()).text)["text"] == "c"
    with pytest.raises(TimeoutError):
        await again.get(0.05)


async def test_a_new_client_of_the_same_session_numbers_from_one(house):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    for text in "abc":
        await client.say(type="text", text=text)
    await client.get_many(3)
    page = await house.connect(session["token"])  # the page was reloaded
    assert (await page.get_ready()).up_seq == 0
    assert isinstance(await page.get(), control.Snapshot)
    await page.say(type="text", text="d")
    echo = await page.get()
    assert (echo.seq, json.loads(echo.text)["text"]) == (4, "d")


async def test_media_of_an_epoch_that_is_over_is_one_gap(house):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    await client.say(type="text", text="start")
    await client.get()
    cut(client)
    lease = house.worker.leases[session["sid"]]
    frame = media.audio_frame(np.zeros(10, np.int16), pts_us=0, epoch=1).encode()
    say = ("json", b'{"type":"state","state":"idle"}', 0)
    await house.bus.append_down(lease, [("media", frame, 1)] * 5 + [say])
    await house.bus.cancel_epoch(lease, 1)
    new = media.audio_frame(np.zeros(10, np.int16), pts_us=0, epoch=2).encode()
    await house.bus.append_down(lease, [("media", new, 2), say])
    again = await house.connect(session["token"], resume={"seq": 1})
    assert (await again.get_ready()).recovered
    gap, state, live, state2 = await again.get_many(4)
    assert isinstance(gap, control.Gap)
    assert (gap.from_seq, gap.to_seq) == (2, 6)
    assert (state.seq, live.seq, live.epoch, state2.seq) == (7, 8, 2, 9)


@pytest.mark.parametrize("why", ["incarnation", "beyond the buffer", "rewound"])
async def test_what_cannot_be_recovered_is_said_and_shown(house, why):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    for _ in range(5):
        await client.say(type="text", text="x")
    await client.get_many(5)
    cut(client)
    lease = house.worker.leases[session["sid"]]
    await house.bus.put_meta(lease, state="speaking")
    resume = {"seq": 2, "incarnation": house.bus.incarnation}
    if why == "incarnation":
        resume["incarnation"] = "0" * 40
    elif why == "rewound":
        resume["seq"] = 9
    else:
        await house.bus._store._client.xtrim(house.bus._key(session["sid"], "down"), minid="4-0", approximate=False)
    again = await house.connect(session["token"], resume=resume)
    ready = await again.get_ready()
    assert not ready.recovered
    assert ready.up_seq == 5
    snapshot = await again.get()
    assert isinstance(snapshot, control.Snapshot)
    assert (snapshot.state, snapshot.epoch, snapshot.character) == ("speaking", 1, "copper")
    again.up_seq = 5
    await again.say(type="text", text="y")
    assert (await again.get()).seq == 6  # nothing older


async def test_a_restarted_store_sends_clients_back_to_begin_afresh(tmp_path):
    with EmbeddedRedis() as store:
        async with running_house(store) as house:
            session = await house.new_session()
            client = await house.connect(session["token"])
            before = (await client.get_ready()).incarnation
            await asyncio.sleep(1.1)  # the store writes its file every second
            house.worker.leases.clear()
            store.restart()
            started = time.perf_counter()
            code, sentence = await client.closed(4)
            assert (code, time.perf_counter() - started < 2.5) == (4503, True), sentence
            again = await _connect_when_ready(house, session["token"], {"seq": 0, "incarnation": before})
            assert not again.ready.recovered
            assert again.ready.incarnation != before


async def _connect_when_ready(house: House, token: str, resume: dict) -> Client:
    async with asyncio.timeout(4):
        while True:
            client = await house.connect(token, resume=resume)
            raw = await client.ws.receive()
            if raw.type is WSMsgType.TEXT:
                client.ready = control.read_down(raw.data)
                return client
            await asyncio.sleep(0.1)


# -- who may, and how much --


async def test_tokens(house):
    session = await house.new_session()
    late = Tokens(KEY, 1, clock=lambda: time.time() - 60).issue(session["sid"]).token
    forged = Tokens("another key that is long enough for HS256", 60).issue(session["sid"]).token
    for token, words in ((late, "expired"), (forged, "not signed"), ("rubbish", "not signed"), ("", "missing")):
        code, sentence = await (await house.connect(token)).closed()
        assert code == 4401
        assert words in sentence
    stranger = Tokens(KEY, 60).issue("nobody").token
    assert (await (await house.connect(stranger)).closed())[0] == 4404


async def test_a_token_is_refreshed_in_band(house):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    await client.say(type="token.refresh")
    fresh = await client.get()
    assert fresh.expires_at > time.time() + 500
    again = await house.connect(fresh.token)
    assert (await again.get_ready()).sid == session["sid"]


@pytest.mark.parametrize(
    ("origin", "ok"),
    [
        (None, True),
        ("same", True),
        ("https://play.example.org", True),
        ("https://evil.example", False),
        ("null", False),
    ],
)
async def test_pages_from_elsewhere_may_not_connect(store, origin, ok):
    async with running_house(store, allowed_origins=["https://play.example.org"]) as house:
        session = await house.new_session()
        headers = {} if origin is None else {"Origin": house.url if origin == "same" else origin}
        client = await house.connect(session["token"], headers=headers)
        if ok:
            await client.get_ready()
        else:
            code, sentence = await client.closed()
            assert (code, origin in sentence) == (4403, True)
        async with house.http.post(f"{house.url}/v1/sessions", json={"character": "moss"}, headers=headers) as reply:
            assert reply.status == (201 if ok else 403)
            assert ("Access-Control-Allow-Origin" in reply.headers) == (origin == "https://play.example.org")


@pytest.mark.parametrize(
    "first",
    ["not json", '{"type": "ping", "t0": 1}', '{"type": "hello"}', "[]", b"\x01\x01", '{"no": "type"}',
     '{"type": "hello", "token": "x", "client": {"engine": "t"}, "protocol": [7]}'],
)  # fmt: skip
async def test_a_first_message_that_is_no_hello_closes_with_4400(house, first):
    ws = await house.http.ws_connect(f"{house.url}/v1/ws")
    await (ws.send_bytes(first) if isinstance(first, bytes) else ws.send_str(first))
    code, sentence = await Client(ws, "").closed()
    assert code == 4400
    assert sentence


async def test_silence_instead_of_hello_closes(store):
    async with running_house(store, limits={"hello_s": 0.1}) as house:
        ws = await house.http.ws_connect(f"{house.url}/v1/ws")
        assert await Client(ws, "").closed(2) == (4400, "no hello within 0.1 s")


async def test_a_broken_message_is_answered_and_dropped_too_many_close(house):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    broken = [
        b"", b"\x01", b"\x02" + bytes(23), media.audio_frame(np.zeros(4, np.int16), pts_us=0).encode()[:-1],
        media.face_frame(np.zeros((1, 52)), pts_us=0).encode(), '{"type": "playback", "epoch": -1}', "{",
    ]  # fmt: skip
    for message in broken:
        await (client.ws.send_bytes(message) if isinstance(message, bytes) else client.ws.send_str(message))
        error = await client.get()
        assert isinstance(error, control.ErrorMessage)
        assert error.code == "protocol"
        assert error.message
    await client.ws.send_str('{"type": "from.the.future", "x": 1}')  # ignored, not an error
    await client.say(type="text", text="still here")
    assert "still here" in (await client.get()).text
    for _ in range(3):
        await client.ws.send_bytes(b"rubbish")
    code, sentence = await client.closed()
    assert code == 4400
    assert "too many" in sentence


@pytest.mark.parametrize("kind", ["text", "binary"])
@pytest.mark.parametrize("size", [64 * 1024 + 1, 3_000_000])
async def test_a_message_that_is_too_large_closes_with_4413(house, kind, size):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    with contextlib.suppress(ConnectionError):
        await (client.ws.send_str("x" * size) if kind == "text" else client.ws.send_bytes(b"x" * size))
    assert (await client.closed())[0] == 4413


@pytest.mark.parametrize("what", ["audio", "pose", "messages"])
async def test_twice_real_time_is_allowed_more_is_4429(house, what):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    rest = np.tile([0, 0, 0, 1.0], (30, 55, 1))
    pose = media.pose_frame(
        np.zeros((30, 3)), rest, codec=media.PoseCodec.S32, pts_us=0, validity=np.zeros((30, 55), np.uint8)
    ).encode()  # fmt: skip

    async def a_second() -> None:
        if what == "audio":
            await client.speak(samples=16_000)
        elif what == "pose":
            await client.ws.send_bytes(pose)
        else:
            for _ in range(200):
                await client.ws.send_str('{"type": "playback", "epoch": 1, "state": "playing", "audio_ms": 0}')

    async def read() -> tuple[int, str]:
        return await client.closed(10)

    reading = asyncio.create_task(read())
    for _ in range(10):  # ten seconds at once, as after a stall of the network
        await a_second()
    await asyncio.sleep(0.1)
    assert not reading.done()
    with contextlib.suppress(ConnectionError):
        for _ in range(12):
            await a_second()
    code, sentence = await reading
    assert code == 4429
    assert "resume" in sentence


async def test_the_newest_socket_wins(house):
    session = await house.new_session()
    old = await house.connect(session["token"])
    await old.get_ready()
    new = await house.connect(session["token"])
    await new.get_ready()
    code, sentence = await old.closed()
    assert (code, bool(sentence)) == (4409, True)
    await new.say(type="text", text="mine")
    assert "mine" in (await new.get()).text


async def test_the_newest_socket_wins_across_gateways(store):
    async with running_house(store) as one, running_house(store) as two:
        session = await one.new_session()
        old = await one.connect(session["token"])
        await old.get_ready()
        new = await two.connect(session["token"])
        await new.get_ready()
        assert (await old.closed())[0] == 4409
        notes = [n["type"] for w in (one.worker, two.worker) for n in w.notes(session["sid"])]
        assert "client.disconnected" not in notes  # the client is there: with the other gateway


async def test_a_client_that_does_not_read_is_sent_away_with_4408(house):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    # stop reading: the client's window fills, then the kernel's, then ours
    transport = client.ws._response.connection.transport
    transport.pause_reading()
    await until(lambda: session["sid"] in house.worker.leases)
    lease = house.worker.leases[session["sid"]]
    frame = media.audio_frame(np.zeros(12_000, np.int16), pts_us=0, epoch=1).encode()
    for _ in range(600):  # 14 MB
        await house.bus.append_down(lease, [("media", frame, 1)])
        async with house.http.get(f"{house.url}/metrics") as reply:
            if 'socket_closes_total{reason="too_slow"} 1.0' in await reply.text():
                break
    else:
        pytest.fail("14 MB were taken in for a client that reads nothing")
    transport.resume_reading()
    seqs = []
    while (raw := await client.ws.receive(5)).type is WSMsgType.BINARY:
        seqs.append(media.decode_media(raw.data).seq)
    assert raw.type is WSMsgType.CLOSE
    assert (raw.data, "resume" in raw.extra) == (4408, True)
    assert seqs == list(range(1, len(seqs) + 1))
    again = await house.connect(session["token"], resume={"seq": seqs[-1]})
    assert (await again.get_ready()).recovered
    assert (await again.get()).seq == seqs[-1] + 1


# -- the end of a session --


async def test_delete_removes_every_key_closes_the_socket_and_tells_the_worker(house):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    await client.speak()
    await client.get()
    url = f"{house.url}/v1/sessions/{session['sid']}"
    for bearer, status in (("", 401), (Tokens(KEY, 60).issue("other").token, 403), (session["token"], 204)):
        async with house.http.delete(url, headers={"Authorization": f"Bearer {bearer}"}) as reply:
            assert reply.status == status
    assert (await client.closed())[0] == 4410
    assert house.worker.notes(session["sid"])[-1] == {"type": "session.end"}
    await asyncio.sleep(0.05)
    assert await house.bus._store._client.keys("*") == []
    assert (await (await house.connect(session["token"])).closed())[0] == 4404
    async with house.http.delete(url, headers={"Authorization": f"Bearer {session['token']}"}) as reply:
        assert reply.status == 404


async def test_bye_ends_the_session(house):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    await client.say(type="bye")
    assert (await client.closed())[0] == 4410
    assert await house.bus.session(session["sid"]) is None


# -- characters --


async def test_an_unknown_character_is_refused_with_the_known_names(house):
    async with house.http.post(f"{house.url}/v1/sessions", json={"character": "nobody"}) as reply:
        assert reply.status == 404
        error = (await reply.json())["error"]
    assert error["code"] == "no_character"
    assert "copper, moss" in error["message"]
    house.model_server.names.append("nobody")
    await asyncio.sleep(1.1)  # a list in which one is missing is asked for again, at most once a second
    await house.new_session(character="nobody")


async def test_characters_are_passed_on_and_remembered(house):
    for path in ("/v1/characters", "/v1/characters/copper", "/v1/characters/copper/behaviours"):
        for _ in range(3):
            async with house.http.get(house.url + path) as reply:
                assert reply.status == 200
                assert await reply.json()
    assert house.model_server.asked == 3
    async with house.http.get(f"{house.url}/v1/characters/nobody") as reply:
        assert reply.status == 404
    async with house.http.get(f"{house.url}/v1/characters/a%2F..%2Fb") as reply:
        assert reply.status == 404


async def test_without_the_model_server_known_characters_still_work(store):
    async with running_house(store, characters_cache_s=0) as house:
        house.model_server.up = False
        async with house.http.post(f"{house.url}/v1/sessions", json={"character": "copper"}) as reply:
            assert reply.status == 503
            assert "model server" in (await reply.json())["error"]["message"]
        house.model_server.up = True
        await house.new_session()
        house.model_server.up = False
        await house.new_session()
        async with house.http.post(f"{house.url}/v1/sessions", json={"character": "nobody"}) as reply:
            assert reply.status == 404


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"character": 5}', b'{"character": ""}', b"\xff\xfe", b"9" * 70_000]
)
async def test_bad_bodies_are_4xx_json_with_words(house, body):
    async with house.http.post(f"{house.url}/v1/sessions", data=body) as reply:
        assert 400 <= reply.status < 500
        assert (await reply.json())["error"]["message"]


async def test_health_metrics_and_the_absent_page(house):
    await house.new_session()
    for path, status, words in (
        ("/livez", 200, "ok"),
        ("/readyz", 200, "ready"),
        ("/metrics", 200, "solami_relay_sessions_created_total 1.0"),
        ("/", 404, "web_root"),
        ("/nothing", 404, "not_found"),
    ):
        async with house.http.get(house.url + path) as reply:
            assert reply.status == status
            assert words in await reply.text()


async def test_a_built_page_is_served(store, tmp_path):
    (tmp_path / "index.html").write_text("<p>the page</p>")
    (tmp_path / "app.js").write_text("1")
    async with running_house(store, web_root=str(tmp_path)) as house:
        for path, status in (("/", 200), ("/app.js", 200), ("/../../etc/passwd", 404), ("/%2e%2e/etc/passwd", 404)):
            async with house.http.get(house.url + path) as reply:
                assert reply.status == status, path


# -- rubbish --


async def test_rubbish_does_not_end_the_process(store):
    """Random bytes on the port, on sockets before and after hello; then everything still works."""
    rng = random.Random(8)
    async with running_house(store, limits={"bad_messages": 10_000, "messages_per_s": 100_000}) as house:
        port = int(house.url.rsplit(":", 1)[1])
        for _ in range(30):
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.write(rng.randbytes(rng.randrange(1, 3000)))
            with contextlib.suppress(TimeoutError, ConnectionError):
                await asyncio.wait_for(reader.read(100), 0.02)
            writer.close()
        session = await house.new_session()
        good = media.audio_frame(np.zeros(320, np.int16), pts_us=0).encode()
        words = '{"type": " playback "epoch": 1e999 null [ { } \\ud800 " \x00 text'.split(" ")
        for _ in range(8):
            client = await house.connect(session["token"])
            await client.get_ready()
            reading = asyncio.create_task(client.closed(20))
            for _ in range(150):
                if rng.random() < 0.5:
                    data = bytearray(good)
                    for _ in range(rng.randrange(1, 6)):
                        data[rng.randrange(len(data))] = rng.randrange(256)
                    await client.ws.send_bytes(bytes(data[: rng.randrange(len(data) + 1)]))
                else:
                    await client.ws.send_str("".join(rng.choices(words, k=rng.randrange(1, 9))))
            await client.ws.send_str("[" * 30_000)
            await asyncio.sleep(0.02)
            # a frame that breaks the WebSocket protocol itself
            write_raw(client, rng.randbytes(40))
            await asyncio.sleep(0.01)
            cut(client)
            reading.cancel()
            await asyncio.wait({reading})
        client = await house.connect(session["token"], resume={"seq": 0})
        await client.get_ready()
        fresh = await house.new_session()
        other = await house.connect(fresh["token"])
        await other.get_ready()
        await other.say(type="text", text="all well")
        assert "all well" in (await other.get()).text


# -- going down --


async def test_draining_says_goaway_and_closes_with_4503(house):
    session = await house.new_session()
    client = await house.connect(session["token"])
    await client.get_ready()
    started = time.perf_counter()
    house.stop.set()
    away = await client.get()
    assert isinstance(away, control.GoAway)
    code, sentence = await client.closed()
    assert (code, "come back" in sentence) == (4503, True)
    await client.ws.close()
    await house.task
    assert time.perf_counter() - started < 3

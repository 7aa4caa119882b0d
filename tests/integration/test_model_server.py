"""The model server as a process: HTTP routes, the live socket, bad input."""

import asyncio
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, asynccontextmanager, contextmanager
from http.server import BaseHTTPRequestHandler

import aiohttp
import numpy as np
import pytest
import soundfile

from solami.headset.inputs import authored_wave, synthesise
from solami_protocol.behaviours import BehaviourPack
from solami_protocol.live import (
    LiveCancel,
    LiveConfirm,
    LiveDegraded,
    LiveEnd,
    LiveError,
    LiveHeard,
    LiveOpen,
    LiveRestored,
    LiveResume,
    LiveServerMessage,
    LiveStart,
    LiveText,
    PerceptSeen,
    ReplyEnd,
    ReplyPhones,
    ReplyStart,
    ReplyText,
    Resumed,
    TranscriptSeen,
    read_live_server,
)
from solami_protocol.media import Kind, MediaFrame, PoseCodec, audio_frame, decode_media, pose_frame, pose_frames
from solami_tokenizers.motion import forward

TOKEN = "a-token-for-this-test"
WORDS = "what do you do all day"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
Endpoint = Callable[[Callable[[BaseHTTPRequestHandler, bytes], None]], AbstractContextManager[str]]


@contextmanager
def served(*settings: str) -> Iterator[str]:
    env = {**os.environ, "SOLAMI_SERVICE_TOKEN": TOKEN}
    command = [sys.executable, "-m", "solami.server", "port=0", "max_turns=2", *settings]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=env) as process:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), line
        yield line.split()[1]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with served() as address:
        yield address


@pytest.fixture
async def http(server: str) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(server, headers=HEADERS) as session:
        yield session


async def test_health_cards_and_pack(http: aiohttp.ClientSession) -> None:
    async with http.get("/readyz") as response:
        assert response.status == 200
    async with http.get("/v1/characters") as response:
        assert "copper" in [c["id"] for c in (await response.json())["characters"]]
    async with http.get("/v1/characters/nobody") as response:
        assert response.status == 404
        assert "copper" in (await response.json())["error"]["message"]
    async with http.get("/v1/characters/copper/behaviours") as response:
        pack = BehaviourPack.model_validate(await response.json())
    clips = [clip.unpack() for clip in pack.clips]
    assert {c.state for c in clips} == {"idle", "listen", "think", "apology", "assent", "filler", "turn"}
    assert sum(c.state == "idle" for c in clips) >= 3
    apology = next(c for c in clips if c.state == "apology")
    assert len(apology.pcm) > 12_000
    assert apology.face[:, 17].max() > 0.2
    async with http.get("/openapi.json") as response:
        assert "/v1/turns" in (await response.json())["paths"]
    async with http.get("/metrics") as response:
        assert "solami_server_sessions" in await response.text()


async def test_requests_without_the_token_are_refused(server: str) -> None:
    async with aiohttp.ClientSession(server) as plain, plain.get("/v1/characters") as response:
        assert response.status == 401


def wav(pcm: np.ndarray, rate: int = 16_000) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, pcm, rate, format="WAV", subtype="PCM_16")
    return file.getvalue()


def form(turn: object, **parts: bytes) -> aiohttp.FormData:
    data = aiohttp.FormData()
    data.add_field("turn", turn if isinstance(turn, str) else json.dumps(turn), content_type="application/json")
    for name, content in parts.items():
        data.add_field(name, content, filename=name, content_type="application/octet-stream")
    return data


async def test_a_whole_turn_over_http(http: aiohttp.ClientSession) -> None:
    stereo = np.stack([synthesise(WORDS)] * 2, axis=1).repeat(3, axis=0)  # 48 kHz, two channels
    async with http.post("/v1/turns", data=form({"character": "copper"}, audio=wav(stereo, 48_000))) as response:
        assert response.status == 200
        events = [json.loads(line) async for line in response.content]
    kinds = [e["type"] for e in events]
    assert kinds[0] == "transcript"
    assert kinds[-1] == "reply.end"
    assert kinds.index("reply.phones") < kinds.index("media")
    end = events[-1]
    assert end["audio_ms"] > 500
    assert abs(end["pose_frames"] - end["audio_ms"] * 0.03) <= 12


async def test_a_turn_as_one_json_object(http: aiohttp.ClientSession) -> None:
    headers = {"Accept": "application/json"}
    async with http.post("/v1/turns", data=form({"character": "copper", "text": "hello"}), headers=headers) as response:
        events = (await response.json())["events"]
    assert events[-1]["type"] == "reply.end"


@pytest.mark.parametrize(
    ("turn", "parts", "words"),
    [
        ("{", {}, "turn"),
        ({"text": "hi"}, {}, "turn.character"),
        ({"character": "nobody", "text": "hi"}, {}, "copper"),
        ({"character": "copper"}, {}, "nothing to answer"),
        ({"character": "copper"}, {"audio": b"no sound"}, "not a readable recording"),
        ({"character": "copper"}, {"motion": b"PK no zip"}, "npz"),
        ({"character": "copper"}, {"picture": b"x"}, "unknown part"),
    ],
)
async def test_bad_turns_get_a_sentence(http: aiohttp.ClientSession, turn: object, parts: dict, words: str) -> None:
    async with http.post("/v1/turns", data=form(turn, **parts)) as response:
        assert response.status == 400
        assert words in (await response.json())["error"]["message"]


async def test_a_header_that_claims_a_gigabyte(http: aiohttp.ClientSession) -> None:
    headers = {"Content-Length": str(1 << 30), "Content-Type": "multipart/form-data; boundary=x"}
    began = time.monotonic()
    with pytest.raises((aiohttp.ClientError, AssertionError)):
        async with http.post("/v1/turns", data=b"--x--", headers=headers) as response:
            assert response.status < 400
    assert time.monotonic() - began < 6
    async with http.get("/livez") as response:
        assert response.status == 200


class Live:
    """A worker's side of the live socket."""

    def __init__(self, ws: aiohttp.ClientWebSocketResponse) -> None:
        self.ws = ws
        self.seen: list[LiveServerMessage | MediaFrame] = []

    async def send(self, *messages) -> None:
        for message in messages:
            if isinstance(message, MediaFrame):
                await self.ws.send_bytes(message.encode())
            else:
                await self.ws.send_str(message.encode())

    async def say(self, pcm: np.ndarray, turn: int) -> None:
        for at in range(0, len(pcm), 320):
            await self.send(audio_frame(pcm[at : at + 320], pts_us=at * 1_000_000 // 16_000, epoch=turn))

    async def until(self, kind: type, timeout_s: float = 10):
        async with asyncio.timeout(timeout_s):
            while True:
                raw = await self.ws.receive()
                if raw.type == aiohttp.WSMsgType.BINARY:
                    message = decode_media(raw.data)
                else:
                    assert raw.type == aiohttp.WSMsgType.TEXT, raw
                    message = read_live_server(raw.data)
                assert message is not None
                self.seen.append(message)
                if isinstance(message, kind):
                    return message

    async def quiet(self, for_s: float) -> bool:
        """True when nothing comes for a while."""
        try:
            async with asyncio.timeout(for_s):
                await self.ws.receive()
        except TimeoutError:
            return True
        return False


@asynccontextmanager
async def live(http: aiohttp.ClientSession) -> AsyncIterator[Live]:
    async with http.ws_connect("/v1/live") as ws:
        socket = Live(ws)
        await socket.send(LiveOpen(session="s", character="copper"))
        await socket.until(object)
        yield socket


async def test_a_voice_that_fails_and_is_well_again_is_told_both_times(endpoint: Endpoint) -> None:
    faults: list[int] = []

    def speaks(request: BaseHTTPRequestHandler, body: bytes) -> None:
        if faults:
            request.send_error(faults.pop())
            return
        sound = wav(synthesise(json.loads(body)["input"]))
        request.send_response(200)
        request.send_header("Content-Type", "audio/wav")
        request.send_header("Content-Length", str(len(sound)))
        request.end_headers()
        request.wfile.write(sound)

    with endpoint(speaks) as url, served(f"speech.synthesiser={url}") as address:
        async with aiohttp.ClientSession(address, headers=HEADERS) as http, live(http) as socket:
            faults.append(500)
            for turn in (1, 2, 3):
                await socket.send(LiveStart(turn=turn, cause="text"), LiveText(turn=turn, text="hello"))
                await socket.until(ReplyEnd)
    parts = [m for m in socket.seen if isinstance(m, (LiveDegraded, LiveRestored, ReplyEnd))]
    assert [type(m).__name__ for m in parts] == [
        "LiveDegraded", "ReplyEnd", "LiveRestored", "ReplyEnd", "ReplyEnd"
    ]  # fmt: skip
    assert {m.part for m in parts if not isinstance(m, ReplyEnd)} == {"voice"}


async def test_a_spoken_turn_eager_resumed_and_confirmed(http: aiohttp.ClientSession) -> None:
    async with live(http) as socket:
        pcm = synthesise(WORDS)
        await socket.send(LiveStart(turn=1, cause="voice"))
        await socket.say(pcm, 1)
        await socket.send(LiveEnd(turn=1, eager=True))
        heard = await socket.until(TranscriptSeen)
        assert heard.text
        await socket.until(ReplyStart)
        await socket.send(LiveResume(turn=1))
        await socket.until(Resumed)
        assert await socket.quiet(0.3)  # nothing of the dropped reply comes behind `resumed`
        await socket.send(LiveEnd(turn=1, eager=True))
        await socket.until(TranscriptSeen)
        socket.seen.clear()
        await socket.send(LiveConfirm(turn=1))
        end = await socket.until(ReplyEnd)
        texts = [m.text for m in socket.seen if isinstance(m, ReplyText)]
        audio = [m for m in socket.seen if isinstance(m, MediaFrame) and m.kind == Kind.AUDIO]
        poses = [m for m in socket.seen if isinstance(m, MediaFrame) and m.kind == Kind.POSE]
        assert texts
        assert sum(m.count for m in audio) / 24 == pytest.approx(end.audio_ms, abs=1)
        assert sum(m.count for m in poses) == end.pose_frames
        assert all(m.epoch == 1 for m in audio + poses)
        first_phones = next(i for i, m in enumerate(socket.seen) if isinstance(m, ReplyPhones))
        assert first_phones < socket.seen.index(audio[0])


async def test_history_holds_what_was_heard(http: aiohttp.ClientSession) -> None:
    async with live(http) as socket:
        await socket.send(
            LiveStart(turn=1, cause="text"), LiveText(turn=1, text="tell me a riddle"), LiveConfirm(turn=1)
        )
        end = await socket.until(ReplyEnd)
        await socket.send(LiveHeard(turn=1, audio_ms=end.audio_ms, final=True))
        socket.seen.clear()
        await socket.send(LiveStart(turn=2, cause="text"), LiveText(turn=2, text="i do not know"), LiveConfirm(turn=2))
        await socket.until(ReplyEnd)
        follow_up = " ".join(m.text for m in socket.seen if isinstance(m, ReplyText))
    async with live(http) as socket:  # the same words without the riddle before them
        await socket.send(LiveStart(turn=2, cause="text"), LiveText(turn=2, text="i do not know"), LiveConfirm(turn=2))
        await socket.until(ReplyEnd)
        fresh = " ".join(m.text for m in socket.seen if isinstance(m, ReplyText))
    assert follow_up != fresh


async def test_cancel_stops_the_reply_within_100_ms(http: aiohttp.ClientSession) -> None:
    async with live(http) as socket:
        await socket.send(
            LiveStart(turn=1, cause="text"), LiveText(turn=1, text="tell me a story"), LiveConfirm(turn=1)
        )
        await socket.until(ReplyStart)
        await socket.send(LiveCancel(turn=1))
        await asyncio.sleep(0.1)
        while True:  # what was on its way
            try:
                async with asyncio.timeout(0.05):
                    await socket.ws.receive()
            except TimeoutError:
                break
        assert await socket.quiet(0.3)


async def test_a_wave_is_seen_outside_a_turn(http: aiohttp.ClientSession) -> None:
    async with live(http) as socket:
        root, rotations = authored_wave(2.5)
        validity = np.full((1, 55), 2, np.uint8)
        for i in range(len(root)):
            frame = pose_frame(
                root[i : i + 1], rotations[i : i + 1], codec=PoseCodec.S48, pts_us=i * 33_333, validity=validity
            )
            await socket.send(frame)
        seen = await socket.until(PerceptSeen)
        assert seen.turn == 0
        assert [(a.name, a.phase) for a in seen.acts] == [("wave", "began")]
        await socket.send(
            LiveStart(turn=1, cause="act", acts=["wave"]), LiveEnd(turn=1, eager=False), LiveConfirm(turn=1)
        )
        await socket.until(ReplyEnd)


async def test_garbage_on_the_live_socket_gets_an_error_and_lives_on(http: aiohttp.ClientSession) -> None:
    async with live(http) as socket:
        for data in ("{", '{"type": "turn.start"}', '{"type": "turn.end", "turn": 9, "eager": true}'):
            await socket.ws.send_str(data)
            error = await socket.until(LiveError)
            assert error.message
        await socket.ws.send_bytes(b"\x01\x02garbage")
        await socket.until(LiveError)
        await socket.send(LiveStart(turn=1, cause="text"), LiveText(turn=1, text="hello"), LiveConfirm(turn=1))
        await socket.until(ReplyEnd)


async def test_unknown_character_on_the_live_socket_is_named(http: aiohttp.ClientSession) -> None:
    async with http.ws_connect("/v1/live") as ws:
        await ws.send_str(LiveOpen(session="s", character="nobody").encode())
        message = read_live_server(await ws.receive_str())
        assert isinstance(message, LiveError)
        assert "copper" in message.message


async def test_a_full_server_says_when_to_come_back(http: aiohttp.ClientSession) -> None:
    async def one() -> tuple[int, str | None]:
        async with http.post("/v1/turns", data=form({"character": "copper"}, audio=wav(synthesise(WORDS)))) as response:
            await response.read()
            return response.status, response.headers.get("Retry-After")

    answers = await asyncio.gather(*(one() for _ in range(6)))
    statuses = sorted(status for status, _ in answers)
    assert statuses[0] == 200
    assert (503, "1") in answers


async def test_the_character_mirrors_the_user_live(http: aiohttp.ClientSession) -> None:
    """The user waves with the right hand while the game runs; the character's left hand goes up, and comes down."""
    root, rotations = authored_wave(2.5)
    raised = forward(root, rotations)[0][:, 21, 1].max()
    still, up = (root[5], rotations[5]), (root[40], rotations[40])
    async with live(http) as socket:

        async def move() -> None:
            validity = np.full((1, 55), 2, np.uint8)
            for i in range(30 * 8):
                where, turns = up if 75 < i < 165 else still
                pts_us = i * 33_333
                turns = turns + np.float32(1e-4 * (i % 2))  # a living body never sends the same frame twice
                await socket.send(
                    pose_frame(where[None], turns[None], codec=PoseCodec.S48, pts_us=pts_us, validity=validity)
                )
                await asyncio.sleep(1 / 30)

        moving = asyncio.create_task(move())
        await socket.send(LiveStart(turn=1, cause="text"), LiveText(turn=1, text="copy me"), LiveConfirm(turn=1))
        heights: list[float] = []
        began = time.monotonic()
        while time.monotonic() - began < 7.5:
            message = await socket.until(MediaFrame)
            if message.kind == Kind.POSE:
                places, _ = forward(*pose_frames(message))
                heights += places[:, 20, 1].tolist()
        await socket.send(LiveCancel(turn=1))
        moving.cancel()
        await asyncio.gather(moving, return_exceptions=True)
    assert any("mirror" in m.text for m in socket.seen if isinstance(m, ReplyText))
    high = np.flatnonzero(np.array(heights) > raised - 0.15)
    assert len(high) > 30
    assert max(heights[:15]) < 1.1
    assert max(heights[-15:]) < 1.1

"""The worker over a real Redis, with small servers that speak the live and the face protocol, and a client's ear.

The voice is espeak's; the model server of these tests answers with a tone and a moving pose, the face service with a
face whose jaw follows a ramp. What is tested is what passes between them.
"""

import asyncio
import contextlib
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace

import numpy as np
import pytest
import soxr
from aiohttp import WSMsgType, web

from solami.speech.espeak import EspeakSynthesiser
from solami.speech.interfaces import Voice
from solami_protocol import control, face, live, media
from solami_protocol.behaviours import BehaviourPack, Clip, PackClip
from solami_protocol.messages import Message
from solami_relay.bus import Bus
from solami_relay.embedded_redis import EmbeddedRedis
from solami_relay.settings import RelaySettings
from solami_relay.worker import Worker

SID = "s1"
REST = np.tile(np.array([0, 0, 0, 1], np.float32), (55, 1))


def spoken(text: str) -> np.ndarray:
    """Return (N,) int16 at 16 kHz of an embedded voice."""
    pieces = [piece.pcm for piece in EspeakSynthesiser().speak(text, Voice())]
    pcm = np.concatenate(pieces).astype(np.float32)
    return soxr.resample(pcm, 24_000, 16_000).astype(np.int16)


def cut(connections: set[asyncio.Transport]) -> None:
    """End connections as a killed process does."""
    for connection in list(connections):
        connection.abort()


@dataclass
class Services:
    """Model server and face service. `heard` maps a turn to its samples; the switches change how they behave."""

    reply_s: float = 1.0
    words: Callable[[int, float], str] = lambda turn, seconds: "what is your name"
    complete: float = 0.9
    think_s: float = 0.0
    face_delay_s: float = 0.0
    stall_after_s: float | None = None
    messages: list[Message] = field(default_factory=list)
    at: list[float] = field(default_factory=list)
    heard: dict[int, list[np.ndarray]] = field(default_factory=dict)
    says: str = "one two three four"
    poses: dict[int, int] = field(default_factory=dict)
    faces_asked: list[Message] = field(default_factory=list)
    sockets: set[asyncio.Transport] = field(default_factory=set)
    live_sockets: set[web.WebSocketResponse] = field(default_factory=set)
    face_sockets: set[asyncio.Transport] = field(default_factory=set)
    port: int = 0
    _runner: web.AppRunner | None = None

    async def start(self) -> None:
        app = web.Application()
        app.add_routes(
            [
                web.get("/v1/live", self._live),
                web.get("/v1/face", self._face),
                web.get("/v1/characters/{id}/behaviours", self._behaviours),
            ]
        )
        self._runner = web.AppRunner(app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self.port)
        await site.start()
        self.port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        assert self._runner is not None
        cut(self.sockets | self.face_sockets)
        async with asyncio.timeout(5):
            await self._runner.cleanup()

    def sent(self, kind: type[Message]) -> list:
        return [m for m in self.messages if isinstance(m, kind)]

    async def see(self, act: live.ActSeen) -> None:
        """Tell every worker that the user did something."""
        await self.tell(live.PerceptSeen(turn=0, acts=[act]))

    async def tell(self, message: Message) -> None:
        """Tell every worker something, as soon as there is one."""
        for _ in range(800):
            if self.live_sockets:
                break
            await asyncio.sleep(0.01)
        for ws in self.live_sockets:
            await ws.send_str(message.encode())

    async def _behaviours(self, request: web.Request) -> web.Response:
        if request.match_info["id"] not in ("copper", "bramble"):
            raise web.HTTPNotFound
        clip = Clip(
            state="filler", name="hum", loop=False, root_m=np.zeros((15, 3), np.float32),
            rotations=np.tile(REST, (15, 1, 1)), face=np.zeros((15, 52), np.float32),
            pcm=np.full(12_000, 900, np.int16),
        )  # fmt: skip
        turned = np.tile(REST, (30, 1, 1))
        turned[:, 0] = [0, np.sin(-np.pi / 4), 0, np.cos(np.pi / 4)]  # begins turned away by 90 degrees: turns left
        turn = replace(
            clip,
            state="turn",
            name="left",
            rotations=turned,
            root_m=np.zeros((30, 3), np.float32),
            face=np.zeros((30, 52), np.float32),
            pcm=np.zeros(0, np.int16),
        )
        right = replace(turn, name="right", rotations=turned * np.float32([1, -1, 1, 1]))
        hum = replace(clip, state="assent", name="mm", pcm=np.full(7200, 700, np.int16))
        clips = [PackClip.pack(one) for one in (clip, hum, turn, right)]
        pack = BehaviourPack(character=request.match_info["id"], clips=clips)
        return web.json_response(text=pack.model_dump_json())

    async def _live(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        assert request.transport is not None
        self.sockets.add(request.transport)
        self.live_sockets.add(ws)
        tasks: dict[int, asyncio.Task] = {}
        async for raw in ws:
            if raw.type == WSMsgType.BINARY:
                frame = media.decode_media(raw.data, validity=raw.data[1] == media.Kind.POSE)
                if frame.kind == media.Kind.AUDIO:
                    self.heard.setdefault(frame.epoch, []).append(media.audio_samples(frame))
                else:
                    self.poses[frame.epoch] = self.poses.get(frame.epoch, 0) + frame.count
                continue
            message = live.read_live_client(raw.data)
            assert message is not None
            self.messages.append(message)
            self.at.append(time.monotonic())
            turn = getattr(message, "turn", 0)
            match message:
                case live.LiveOpen():
                    opened = live.Opened(
                        session=message.session, character=message.character, brain="tone", recogniser="r",
                        synthesiser="s",
                    )  # fmt: skip
                    await ws.send_str(opened.encode())
                case live.LiveEnd() | live.LiveText():
                    tasks[turn] = asyncio.create_task(self._answer(ws, turn, isinstance(message, live.LiveEnd)))
                case live.LiveResume():
                    tasks.pop(turn).cancel()
                    await ws.send_str(live.Resumed(turn=turn).encode())
                case live.LiveCancel() if turn in tasks:
                    tasks.pop(turn).cancel()
        self.sockets.discard(request.transport)
        self.live_sockets.discard(ws)
        for task in tasks.values():
            task.cancel()
        return ws

    async def _answer(self, ws: web.WebSocketResponse, turn: int, by_voice: bool) -> None:
        async def say(message: Message) -> None:
            await ws.send_str(message.encode())

        if by_voice and turn in self.heard:
            seconds = sum(len(p) for p in self.heard[turn]) / 16_000
            text = self.words(turn, seconds)
            await say(
                live.TranscriptSeen(turn=turn, text=text, complete=self.complete if text else 0, confidence=bool(text))
            )
            if not text:
                return
        await asyncio.sleep(self.think_s)
        await say(live.ReplyStart(turn=turn, brain="tone"))
        await say(live.ReplyText(turn=turn, text=self.says, at_ms=0, d_ms=self.reply_s * 1000))
        await say(live.ReplyPhones(turn=turn, phones=[live.PhoneTime(p="aa", t_ms=0, d_ms=self.reply_s * 1000)]))
        frames = round(self.reply_s * 30)
        root = np.zeros((frames, 3), np.float32)
        root[:, 0] = np.arange(frames) / 100
        for at in range(0, frames, 60):
            part = media.pose_frame(
                root[at : at + 60], np.tile(REST, (len(root[at : at + 60]), 1, 1)), codec=media.PoseCodec.F32,
                pts_us=at * 1_000_000 // 30, epoch=turn,
            )  # fmt: skip
            await ws.send_bytes(part.encode())
        tone = (8000 * np.sin(np.arange(frames * 800) * 2 * np.pi * 220 / 24_000)).astype(np.int16)
        for at in range(0, len(tone), 4000):
            if self.stall_after_s is not None and at / 24_000 >= self.stall_after_s:
                await asyncio.sleep(3600)
            part = media.audio_frame(tone[at : at + 4000], pts_us=round(at * 1e6 / 24_000), epoch=turn)
            await ws.send_bytes(part.encode())
        await say(live.ReplyEnd(turn=turn, audio_ms=len(tone) / 24, pose_frames=frames))

    async def _face(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        assert request.transport is not None
        self.face_sockets.add(request.transport)
        samples: dict[int, int] = {}
        sent: dict[int, int] = {}
        async for raw in ws:
            if raw.type == WSMsgType.BINARY:
                frame = media.decode_media(raw.data)
                assert frame.pts_us == round(samples[frame.epoch] * 1e6 / 24_000)
                samples[frame.epoch] += frame.count
                await asyncio.sleep(self.face_delay_s)
                await self._weights(ws, frame.epoch, sent, samples[frame.epoch] // 800)
                continue
            message = face.read_face_client(raw.data)
            assert message is not None
            self.faces_asked.append(message)
            match message:
                case face.FaceOpen():
                    await ws.send_str(face.FaceOpened(animator="ramp").encode())
                case face.FaceStart(epoch=epoch):
                    samples[epoch] = sent[epoch] = 0
                case face.FaceEnd(epoch=epoch):
                    await self._weights(ws, epoch, sent, -(-samples[epoch] // 800))
                    await ws.send_str(face.FaceEnded(epoch=epoch, frames=sent[epoch]).encode())
        self.face_sockets.discard(request.transport)
        return ws

    async def _weights(self, ws: web.WebSocketResponse, epoch: int, sent: dict[int, int], until: int) -> None:
        weights = np.zeros((until - sent[epoch], 52), np.float32)
        weights[:, 0] = 1.0  # eyes shut: no loudness jaw does that
        part = media.face_frame(weights, pts_us=round(sent[epoch] * 1e6 / 30), epoch=epoch)
        sent[epoch] = until
        await ws.send_bytes(part.encode())


@dataclass
class Client:
    """Writes the up stream as a gateway would, reads the down stream, and plays what it gets."""

    bus: Bus
    got: list[tuple[float, control.DownMessage | media.MediaFrame]] = field(default_factory=list)
    reports: bool = True
    voice: asyncio.Queue = field(default_factory=asyncio.Queue)
    silent: bool = False
    at_m: tuple[float, float, float] = (0.0, 0.0, 0.0)
    """Where the user stands."""
    _pts_us: int = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(self._read())
            group.create_task(self._microphone())
            group.create_task(self._play())

    async def note(self, **note: object) -> None:
        await self.bus.append_up(SID, [("note", json.dumps(note).encode())], None)

    async def connect(self, **capabilities: object) -> None:
        have = {"face": True, "echo_cancelled": True, **capabilities}
        await self.note(type="client.connected", capabilities=have, pose_codec="s32", recovered=False, last_seq=0)

    async def tell(self, message: Message) -> None:
        await self.bus.append_up(SID, [("json", message.encode().encode())], None)

    def say(self, pcm: np.ndarray) -> None:
        for at in range(0, len(pcm), 320):
            self.voice.put_nowait(np.pad(pcm[at : at + 320], (0, max(0, 320 - len(pcm) + at))))

    async def _microphone(self) -> None:
        rng = np.random.default_rng(0)
        due = time.monotonic()
        while True:
            piece = self.voice.get_nowait() if self.voice.qsize() else rng.integers(-3, 4, 320).astype(np.int16)
            entries = [("media", media.audio_frame(piece, pts_us=self._pts_us).encode())]
            if (self._pts_us // 20_000) % 5 == 0:
                validity = np.full((3, 55), 2, np.uint8)
                pose = media.pose_frame(
                    np.tile(self.at_m, (3, 1)), np.tile(REST, (3, 1, 1)), codec=media.PoseCodec.S48,
                    pts_us=self._pts_us, validity=validity,
                )  # fmt: skip
                entries.append(("media", pose.encode()))
            if not self.silent:
                await self.bus.append_up(SID, entries, None)  # type: ignore[arg-type]
            self._pts_us += 20_000
            due += 0.02
            await asyncio.sleep(max(0.0, due - time.monotonic()))

    async def _read(self) -> None:
        cursor = 0
        while True:
            for entry in (await self.bus.read_down({SID: cursor}, 200)).get(SID, []):
                cursor = entry.seq
                content = (
                    media.decode_media(entry.data) if entry.kind == "media" else control.read_down(entry.data.decode())
                )
                assert content is not None
                self.got.append((time.monotonic(), content))

    async def _play(self) -> None:
        """Report a play head like a client: 100 ms buffered, then real time; holds and cancels are obeyed."""
        heads: dict[int, float] = {}
        state: dict[int, str] = {}
        seen = 0
        while True:
            await asyncio.sleep(0.02)
            for _, m in self.got[seen:]:
                match m:
                    case control.EpochStart(epoch=epoch):
                        heads[epoch], state[epoch] = 0.0, "wait"
                    case control.Hold(epoch=epoch) if state.get(epoch) == "play":
                        state[epoch] = "hold"
                        await self._report(epoch, "held", heads[epoch])
                    case control.Release(epoch=epoch) if state.get(epoch) == "hold":
                        state[epoch] = "play"
                        await self._report(epoch, "playing", heads[epoch])
                    case control.Cancel(epoch=epoch) if epoch in state:
                        state[epoch] = "over"
                        await self._report(epoch, "cut", heads[epoch])
            seen = len(self.got)
            for epoch, doing in list(state.items()):
                have_ms = self.audio_ms(epoch)
                ended = any(isinstance(m, control.EpochEnd) and m.epoch == epoch for _, m in self.got)
                if doing == "wait" and (have_ms >= 100 or (ended and have_ms)):
                    state[epoch] = "play"
                    await self._report(epoch, "started", 0)
                elif doing == "play":
                    before = heads[epoch]
                    heads[epoch] = min(have_ms, before + 20)
                    if ended and heads[epoch] >= have_ms:
                        state[epoch] = "over"
                        await self._report(epoch, "finished", heads[epoch])
                    elif heads[epoch] // 200 > before // 200:
                        await self._report(epoch, "playing", heads[epoch])

    async def _report(self, epoch: int, state: str, audio_ms: float) -> None:
        if self.reports:
            await self.tell(control.Playback(epoch=epoch, state=state, audio_ms=audio_ms))  # type: ignore[arg-type]

    # -- what came --

    def frames(self, epoch: int, kind: media.Kind) -> list[media.MediaFrame]:
        return [m for _, m in self.got if isinstance(m, media.MediaFrame) and (m.epoch, m.kind) == (epoch, kind)]

    def audio_ms(self, epoch: int) -> float:
        return sum(f.count for f in self.frames(epoch, media.Kind.AUDIO)) / 24

    def all(self, kind: type[Message]) -> list:
        return [m for _, m in self.got if isinstance(m, kind)]

    def time_of(self, found: object) -> float:
        return next(at for at, m in self.got if m is found)

    async def wait(self, kind: type[Message], count: int = 1, limit_s: float = 8.0, **where: object) -> list:
        """Return the messages of a type with these fields once there are `count`."""
        until = time.monotonic() + limit_s
        while time.monotonic() < until:
            found = [m for m in self.all(kind) if all(getattr(m, k) == v for k, v in where.items())]
            if len(found) >= count:
                return found
            await asyncio.sleep(0.01)
        raise AssertionError(f"no {kind.__name__} {where} within {limit_s} s; got {[m for _, m in self.got][-12:]}")


@dataclass
class House:
    client: Client
    services: Services
    bus: Bus
    worker: Worker
    tenant: str


@contextlib.asynccontextmanager
async def house(redis_url: str, services: Services | None = None, **worker: object) -> AsyncIterator[House]:
    services, tenant = services or Services(), uuid.uuid4().hex[:12]  # a tenant a test: nothing is left of the last one
    await services.start()
    url = f"http://127.0.0.1:{services.port}"
    turn = {"greet": False, **worker.pop("turn", {})}  # type: ignore[dict-item]
    settings = RelaySettings.model_validate(
        {
            "redis_url": redis_url,
            "tenant": tenant,
            "model_server_url": url,
            "worker": {"face_url": url, "turn": turn, **worker},
        }
    )
    bus = await Bus.connect(redis_url, tenant)
    work = Worker(bus, settings)
    client = Client(bus)
    tasks = [asyncio.create_task(work.run())]
    try:
        await bus.create_session(SID, character="copper")
        await client.connect()
        tasks.append(asyncio.create_task(client.run()))
        await asyncio.sleep(0.1)
        yield House(client, services, bus, work, tenant)
    finally:
        for task in reversed(tasks):
            task.cancel()
        _, stuck = await asyncio.wait(tasks, timeout=5)
        assert not stuck, stuck
        results = [task.exception() for task in tasks if not task.cancelled()]
        await services.stop()
        await bus.close()
        failed = [r for r in results if isinstance(r, Exception)]
        assert not failed, failed


@pytest.fixture(scope="module")
def redis_url():
    with EmbeddedRedis() as server:
        yield server.url


@pytest.fixture(scope="module")
def voice() -> np.ndarray:
    return spoken("what is your name my friend")


async def test_a_spoken_turn_is_answered_on_one_timeline(redis_url: str, voice: np.ndarray) -> None:
    async with house(redis_url) as h:
        h.client.say(voice)
        (end,) = await h.client.wait(control.EpochEnd)
        await h.client.wait(control.TurnDone, turn=1)
        await h.client.wait(control.State, state="idle")
        kinds = [type(m).__name__ if isinstance(m, Message) else m.kind.name for _, m in h.client.got]
        assert kinds.index("EpochStart") < kinds.index("POSE") < kinds.index("FACE") < kinds.index("AUDIO")
        audio, pose, faces = (h.client.frames(end.epoch, k) for k in media.Kind)
        assert [f.count for f in audio[:3]] == [2400, 4000, 4000]
        assert [f.count for f in pose[:3]] == [f.count for f in faces[:3]] == [3, 5, 5]
        for track, unit in ((audio, 24_000), (pose, 30), (faces, 30)):
            at = 0
            for frame in track:
                assert frame.pts_us == round(at * 1e6 / unit)
                at += frame.count
            assert [f.last for f in track] == [False] * (len(track) - 1) + [True]
        assert end.audio_ms == pytest.approx(1000)
        assert sum(f.count for f in pose) == sum(f.count for f in faces) == 30
        assert all(f.codec == media.PoseCodec.S32 for f in pose)
        assert np.allclose(np.concatenate([media.face_weights(f) for f in faces])[:, 0], 1.0)
        moved = np.concatenate([media.pose_frames(f)[0] for f in pose])[:, 0]
        assert np.allclose(moved, np.arange(30) / 100, atol=1e-6)
        assert [m.state for m in h.client.all(control.State)] == ["listening", "speaking", "idle"]
        assert [m.text for m in h.client.all(control.Transcript) if m.final] == ["what is your name"]
        assert not h.client.all(control.Degraded)
        # the voice reached the recogniser whole, with 300 ms of what came before it
        heard = np.concatenate(h.services.heard[1])
        assert len(voice) + 0.25 * 16_000 <= len(heard) <= len(voice) + 1.3 * 16_000
        assert np.corrcoef(heard[: len(voice) + 4800], heard[: len(voice) + 4800])[0, 1] > 0.99
        assert h.services.poses[0] > 0
        heard_last = h.services.sent(live.LiveHeard)[-1]
        assert (heard_last.audio_ms, heard_last.final, heard_last.interrupted) == (pytest.approx(1000), True, False)
        assert [(t.turn, t.state) for t in await h.bus.turns(SID)] == [(1, "done")]


async def test_reply_is_prepared_in_the_pause_and_leaves_at_once(redis_url: str, voice: np.ndarray) -> None:
    async with house(redis_url, Services(think_s=0.1)) as h:
        h.client.say(voice)
        (start,) = await h.client.wait(control.EpochStart)
        await h.client.wait(control.EpochEnd)
        (final,) = [m for m in h.client.all(control.Transcript) if m.final]
        first_audio = h.client.frames(start.epoch, media.Kind.AUDIO)[0]
        assert h.client.time_of(first_audio) - h.client.time_of(final) <= 0.03
        ends = [at for at, m in zip(h.services.at, h.services.messages, strict=True) if isinstance(m, live.LiveEnd)]
        assert h.client.time_of(final) - ends[0] >= 0.15


async def test_text_is_answered(redis_url: str) -> None:
    async with house(redis_url) as h:
        await h.client.tell(control.TextInput(text="hello"))
        await h.client.wait(control.TurnDone, turn=1)
        told = [
            m.type for m in h.services.messages[1:] if m.type != "stand"
        ]  # where the character stands: not of the turn
        assert told[:3] == ["turn.start", "text", "turn.confirm"]


async def test_media_stay_within_the_lead_of_the_play_head(redis_url: str) -> None:
    async with house(redis_url, Services(reply_s=4.0)) as h:
        await h.client.tell(control.TextInput(text="hello"))
        (start,) = await h.client.wait(control.EpochStart)
        began = h.client.time_of(start)
        await h.client.wait(control.TurnDone)
        sent_ms = 0.0
        for at, m in h.client.got:
            if isinstance(m, media.MediaFrame) and m.kind == media.Kind.AUDIO:
                assert sent_ms - (at - began) * 1000 <= 1500 + 50
                sent_ms += m.count / 24


async def test_cough_holds_and_the_reply_goes_on_from_the_held_sample(redis_url: str, voice: np.ndarray) -> None:
    services = Services(reply_s=5.0, words=lambda turn, s: "" if turn == 2 else "tell me a story")
    async with house(redis_url, services) as h:
        await h.client.tell(control.TextInput(text="hello"))
        await h.client.wait(control.EpochStart)
        await asyncio.sleep(1.8)
        spoke = time.monotonic()
        h.client.say(voice[: int(0.5 * 16_000)])
        (hold,) = await h.client.wait(control.Hold)
        assert h.client.time_of(hold) - spoke <= 0.2
        (release,) = await h.client.wait(control.Release)
        assert h.client.time_of(release) - h.client.time_of(hold) <= 2.0
        await h.client.wait(control.TurnDone, turn=1)
        assert h.client.audio_ms(hold.epoch) == pytest.approx(5000)
        assert not h.client.all(control.Cancel)
        assert not h.services.sent(live.LiveHeard)[-1].interrupted


async def test_words_cancel_the_reply_and_are_answered(redis_url: str, voice: np.ndarray) -> None:
    async with house(redis_url, Services(reply_s=5.0)) as h:
        await h.client.tell(control.TextInput(text="hello"))
        await h.client.wait(control.EpochStart)
        await asyncio.sleep(1.8)
        h.client.say(voice)
        (cancel,) = await h.client.wait(control.Cancel)
        cancelled = h.client.time_of(cancel)
        await h.client.wait(control.EpochStart, 2)
        late = [
            at for at, m in h.client.got
            if isinstance(m, media.MediaFrame) and m.epoch == cancel.epoch and at > cancelled + 0.05
        ]  # fmt: skip
        assert not late
        heard = [m for m in h.services.sent(live.LiveHeard) if m.turn == 1 and m.final]
        assert len(heard) == 1
        assert heard[0].interrupted
        assert 500 <= heard[0].audio_ms <= 2600
        assert [m.epoch for m in h.client.all(control.EpochStart)] == [1, 2]


async def test_late_face_gives_way_to_loudness_and_is_said(redis_url: str) -> None:
    async with house(redis_url, Services(face_delay_s=0.4)) as h:
        await h.client.tell(control.TextInput(text="hello"))
        (end,) = await h.client.wait(control.EpochEnd)
        faces = np.concatenate([media.face_weights(f) for f in h.client.frames(end.epoch, media.Kind.FACE)])
        assert len(faces) == 30
        assert faces[:3, 0].max() == 0
        assert faces[:3, 17:25].max() > 0.3  # the jaw of the loudness
        assert [m.part for m in h.client.all(control.Degraded)] == ["audio2face"]


async def test_face_service_killed_in_mid_reply(redis_url: str) -> None:
    async with house(redis_url, Services(reply_s=4.0, face_delay_s=0.12)) as h:
        await h.client.tell(control.TextInput(text="hello"))
        await h.client.wait(control.EpochStart)
        await asyncio.sleep(0.3)
        cut(h.services.face_sockets)
        (end,) = await h.client.wait(control.EpochEnd)
        assert sum(f.count for f in h.client.frames(end.epoch, media.Kind.FACE)) == 120
        await h.client.wait(control.Degraded, part="audio2face")
        await h.client.wait(control.Restored, part="audio2face")


async def test_a_part_of_the_model_server_that_works_again_is_said(redis_url: str) -> None:
    async with house(redis_url) as h:
        for times in (1, 2):
            await h.services.tell(live.LiveDegraded(part="voice", why="HTTP 500"))
            await h.client.wait(control.Degraded, times, part="voice")
            if times == 1:
                await h.services.tell(live.LiveRestored(part="voice"))
            else:
                cut(h.services.sockets)  # a new session there knows nothing of the fault
            await h.client.wait(control.Restored, times, part="voice")


async def test_model_server_killed_in_mid_reply_is_said_and_the_session_goes_on(redis_url: str) -> None:
    services = Services(reply_s=6.0, stall_after_s=1.0)
    async with house(redis_url, services) as h:
        await h.client.tell(control.TextInput(text="hello"))
        await h.client.wait(control.EpochStart)
        await asyncio.sleep(0.4)
        cut(services.sockets)
        (failed,) = await h.client.wait(control.TurnFailed, limit_s=5)
        assert failed.heard_ms == pytest.approx(1000, abs=200)
        assert h.client.all(control.EpochEnd)
        await h.client.wait(control.State, state="apology")
        await h.client.wait(control.Restored, part="model_server")
        services.stall_after_s, services.reply_s = None, 0.5
        await h.client.tell(control.TextInput(text="again"))
        await h.client.wait(control.TurnDone, turn=2)
        assert not any(m.history for m in services.sent(live.LiveOpen)), "a failed reply never enters the history"


async def test_model_server_killed_behind_a_whole_reply_is_told_of_it(redis_url: str) -> None:
    async with house(redis_url, Services(reply_s=2.0)) as h:
        await h.client.tell(control.TextInput(text="hello"))
        await h.client.wait(control.EpochEnd)
        cut(h.services.sockets)
        await h.client.wait(control.TurnDone, turn=1)
        await asyncio.sleep(0.5)
        (exchange,) = h.services.sent(live.LiveOpen)[-1].history
        assert (exchange.user, exchange.character) == ("hello", "one two three four")


async def test_model_server_away_when_the_user_speaks_gets_the_turn_when_it_is_back(
    redis_url: str, voice: np.ndarray
) -> None:
    async with house(redis_url) as h:
        await h.services.stop()
        h.client.say(voice)
        await h.client.wait(control.Degraded, part="model_server", limit_s=5)
        await asyncio.sleep(len(voice) / 16_000 + 0.5)
        await h.services.start()
        await h.client.wait(control.TurnDone, turn=1)
        heard = np.concatenate(h.services.heard[1])
        assert len(heard) >= len(voice)


async def test_client_gone_holds_the_reply_and_coming_back_finishes_it(redis_url: str) -> None:
    async with house(redis_url, Services(reply_s=4.0)) as h:
        await h.client.tell(control.TextInput(text="hello"))
        (start,) = await h.client.wait(control.EpochStart)
        await asyncio.sleep(0.3)
        await h.client.note(type="client.disconnected", at_us=0)
        await asyncio.sleep(0.2)
        held = h.client.audio_ms(start.epoch)
        await asyncio.sleep(0.8)
        assert h.client.audio_ms(start.epoch) == held < 4000
        await h.client.note(type="client.connected", capabilities={}, pose_codec="s48", recovered=True, last_seq=9)
        await h.client.wait(control.TurnDone, turn=1)
        assert h.client.audio_ms(start.epoch) == pytest.approx(4000)


async def test_wave_alone_is_answered_within_600_ms_of_its_end_and_once(redis_url: str) -> None:
    async with house(redis_url) as h:
        await h.services.see(live.ActSeen(name="wave", side="right", phase="began"))
        await asyncio.sleep(0.8)
        assert not h.client.all(control.EpochStart)
        await h.services.see(live.ActSeen(name="wave", side="right", phase="ended"))
        ended = time.monotonic()
        (start,) = await h.client.wait(control.EpochStart)
        await h.client.wait(control.EpochEnd)
        assert h.client.time_of(h.client.frames(start.epoch, media.Kind.AUDIO)[0]) - ended <= 0.6
        await h.client.wait(control.TurnDone, turn=1)
        assert [m.cause for m in h.services.sent(live.LiveStart)] == ["act"]
        assert [m.acts for m in h.client.all(control.Percept)] == [["wave"]]


@pytest.mark.parametrize(("says", "causes"), [("shall we play?", ["text", "act"]), ("we shall play.", ["text"])])
async def test_a_nod_is_a_turn_where_the_character_has_asked(redis_url: str, says: str, causes: list[str]) -> None:
    async with house(redis_url, Services(reply_s=0.6, says=says)) as h:
        await h.client.tell(control.TextInput(text="hello"))
        await h.client.wait(control.TurnDone, turn=1)
        for phase in ("began", "ended"):
            await h.services.see(live.ActSeen(name="nod", phase=phase))
        if len(causes) > 1:
            await h.client.wait(control.TurnDone, turn=2)
        else:
            await asyncio.sleep(0.5)
        assert [m.cause for m in h.services.sent(live.LiveStart)] == causes


async def test_user_who_was_cut_off_is_answered_once_for_both_halves(redis_url: str, voice: np.ndarray) -> None:
    services = Services(reply_s=3.0, words=lambda turn, s: "i would like" if s < 2.4 else "i would like a story")
    async with house(redis_url, services) as h:
        h.client.say(voice)
        (first,) = await h.client.wait(control.EpochStart)
        await asyncio.sleep(0.3)
        h.client.say(voice)
        await h.client.wait(control.Cancel, epoch=first.epoch)
        await h.client.wait(control.TurnDone, turn=1)
        assert [m.turn for m in h.client.all(control.EpochStart)] == [1, 1]
        finals = [m.text for m in h.client.all(control.Transcript) if m.final]
        assert finals == ["i would like", "i would like a story"]
        assert len(h.services.sent(live.LiveStart)) == 1
        heard = sum(len(p) for p in h.services.heard[1])
        assert heard >= 2 * len(voice)
        assert not h.client.all(control.TurnFailed)


async def test_open_microphone_does_not_take_the_character_for_the_user(redis_url: str) -> None:
    async with house(redis_url, Services(reply_s=4.0)) as h:
        await h.client.connect(echo_cancelled=False)
        await h.client.tell(control.TextInput(text="hello"))
        await h.client.wait(control.EpochStart)
        await asyncio.sleep(0.4)
        echo = spoken("this is the character and nobody else at all").astype(np.float32)
        h.client.say((echo / np.abs(echo).max() * 2500).astype(np.int16))  # some 20 dB below the tone that is played
        await h.client.wait(control.TurnDone, turn=1)
        assert not h.client.all(control.Hold)


async def test_unknown_character_is_refused_and_a_known_one_greets(redis_url: str) -> None:
    async with house(redis_url) as h:
        await h.client.tell(control.CharacterSet(character="nobody"))
        (error,) = await h.client.wait(control.ErrorMessage)
        assert "nobody" in error.message
        await h.client.tell(control.CharacterSet(character="bramble"))
        (scene,) = await h.client.wait(control.Scene)
        assert scene.character == "bramble"
        (start,) = await h.client.wait(control.EpochStart)
        assert start.kind == "greeting"
        assert h.services.sent(live.LiveOpen)[-1].character == "bramble"
        assert h.services.sent(live.LiveOpen)[-1].history == []


async def test_long_thought_is_filled_with_a_sound_of_the_character(redis_url: str) -> None:
    async with house(redis_url, Services(think_s=2.0)) as h:
        await asyncio.sleep(0.2)
        await h.client.tell(control.TextInput(text="hello"))
        filler, reply = await h.client.wait(control.EpochStart, 2)
        assert (filler.kind, reply.kind) == ("filler", "reply")
        assert h.client.audio_ms(filler.epoch) == pytest.approx(500)
        assert filler.epoch < reply.epoch


async def test_a_user_who_walks_away_is_noticed_once_and_one_who_walks_around_is_turned_to(redis_url: str) -> None:
    async with house(redis_url) as h:
        await asyncio.sleep(0.3)
        h.client.at_m = (1.5, 0.0, 1.5)  # the character stands 1.5 m ahead of where the user was
        (turning,) = await h.client.wait(control.EpochStart)
        assert (turning.kind, turning.turn) == ("filler", None)
        assert turning.space.yaw_rad == pytest.approx(np.pi / 2, abs=0.1)
        assert h.services.sent(live.LiveStand)[-1].place == turning.space
        h.client.at_m = (0.0, 0.0, -4.0)
        await h.client.wait(control.TurnDone)
        await asyncio.sleep(2.0)
        (start,) = h.services.sent(live.LiveStart)
        assert (start.cause, start.occasion) == ("timer", "leaving")


@pytest.mark.parametrize(("backchannel", "heard"), [("voice", True), ("nod", False)])
async def test_a_listener_nods_and_hums_in_a_pause_and_stops_when_the_user_goes_on(
    redis_url: str, voice: np.ndarray, backchannel: str, heard: bool
) -> None:
    async with house(redis_url, Services(complete=0.1), backchannel=backchannel) as h:
        await asyncio.sleep(0.3)
        h.client.say(np.concatenate([voice, np.zeros(6400, np.int16), voice]))
        (nod,) = await h.client.wait(control.EpochStart, 1)
        assert (nod.kind, nod.turn) == ("filler", None)
        sound = np.concatenate([media.audio_samples(f) for f in h.client.frames(nod.epoch, media.Kind.AUDIO)])
        assert bool(np.any(sound)) == heard
        assert h.client.frames(nod.epoch, media.Kind.POSE)
        (cancel,) = await h.client.wait(control.Cancel, 1)  # of the nod, for the user goes on
        assert cancel.epoch == nod.epoch
        await h.client.wait(control.TurnDone, 1)
        assert len({m.turn for m in h.services.sent(live.LiveStart)}) == 1  # one turn, both halves
        assert h.client.all(control.Hold) == []
        states = [m.state for m in h.client.all(control.State)]
        assert states[:2] == ["listening", "speaking"]
        assert [m.turn for m in h.client.all(control.EpochStart) if m.kind == "reply"] == [1]


async def test_who_is_told_not_to_nod_listens_still(redis_url: str, voice: np.ndarray) -> None:
    async with house(redis_url, Services(complete=0.1), backchannel="off") as h:
        await asyncio.sleep(0.3)
        h.client.say(np.concatenate([voice, np.zeros(6400, np.int16), voice]))
        await h.client.wait(control.TurnDone, 1)
        assert [m.kind for m in h.client.all(control.EpochStart)] == ["reply"]


async def test_session_is_leased_quickly_and_given_back(redis_url: str) -> None:
    async with house(redis_url) as h:
        began = time.monotonic()
        await h.bus.create_session("s2", character="copper")
        while await h.bus.unleased():  # noqa: ASYNC110 - the store has no event for it
            await asyncio.sleep(0.002)
        assert time.monotonic() - began < 0.15
        tenant = h.tenant
    bus = await Bus.connect(redis_url, tenant)
    assert sorted(await bus.unleased()) == ["s1", "s2"]
    await bus.close()

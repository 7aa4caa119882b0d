"""One leased session: what comes up the bus and from the services is decided by turn taking and done here.

One loop handles everything in order; links, the downlink and the behaviour pack are tasks beside it. Overflow rule of
the inbox: the oldest microphone and pose frames of the client are dropped and counted.
"""

import asyncio
import json
import logging
import time
from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from typing import Any

import aiohttp

from solami_protocol.behaviours import BehaviourPack
from solami_protocol.control import CharacterSet, ErrorMessage, Place, Playback, Scene, Space, TextInput, read_up
from solami_protocol.errors import SolamiError
from solami_protocol.media import AudioCodec, Kind, MediaFrame, PoseCodec, decode_media, pose_frames
from solami_protocol.messages import Message
from solami_relay.bus import Bus, Entry, Lease
from solami_relay.downlink import Downlink
from solami_relay.entries import SessionMeta
from solami_relay.epoch_player import EpochHead, EpochPlayer, FaceHealth
from solami_relay.face_side import FaceSide
from solami_relay.health import Health
from solami_relay.interludes import Interludes
from solami_relay.microphone import Microphone
from solami_relay.model_side import ModelSide
from solami_relay.opus import OpusEar
from solami_relay.pack import fetch_pack
from solami_relay.place import before_user, in_new_space
from solami_relay.presence import Presence
from solami_relay.reply_buffer import Reply
from solami_relay.session_actions import SessionActions
from solami_relay.turn import TICK_MS, TurnEngine
from solami_relay.turn_actions import OpenEpoch
from solami_relay.turn_events import (
    ClientConnected,
    ClientGone,
    EpochDrained,
    Event,
    Played,
    Reset,
    SoundFrame,
    Tick,
    TypedText,
    UserAside,
    UserLeft,
)
from solami_relay.upstream import LinkEvent
from solami_relay.vad import level_of
from solami_relay.worker_metrics import WorkerMetrics
from solami_relay.worker_settings import WorkerSettings

__all__ = ["SessionEnded", "SessionWorker"]

log = logging.getLogger(__name__)
IDLE_TICK_S = 0.25
MAX_INBOX = 4096
CODECS = {"f32": PoseCodec.F32, "s48": PoseCodec.S48, "s32": PoseCodec.S32}

_OPUS = bytes([Kind.AUDIO, AudioCodec.OPUS])

Incoming = tuple[str, Any]


class SessionEnded(Exception):
    """The session is over for this worker."""


class SessionWorker:
    """Runs one session until it ends or the lease is lost. `feed` gives it what came up the bus."""

    def __init__(
        self,
        bus: Bus,
        lease: Lease,
        meta: SessionMeta,
        settings: WorkerSettings,
        model_url: str,
        http: aiohttp.ClientSession,
        metrics: WorkerMetrics,
        *,
        next_turn: int = 1,
    ) -> None:
        self.lease = lease
        self._settings = settings
        self._model_url = model_url
        self._http = http
        self._metrics = metrics
        self._inbox: deque[Incoming] = deque()
        self._filled = asyncio.Event()
        self._down = Downlink(bus, lease)
        self._health = Health(self._down.put)
        self._face = FaceSide(settings, http, self._health, partial(self._tell, "face"))
        self._model = ModelSide(
            model_url, meta, settings, http, self._face, self._health, partial(self._tell, "model")
        )  # fmt: skip
        self._engine = TurnEngine(
            settings.turn, next_turn=next_turn, next_epoch=meta.epoch + 1, now_ms=self._now_ms()
        )  # fmt: skip
        self._mic = Microphone(settings.vad)
        self._opus: OpusEar | None = None
        self._actions = SessionActions(
            bus, lease, self._down, self._model, self._mic, self._health, metrics, settings, self._open_epoch
        )
        self._character = meta.character
        self._scene_rev = 0
        self._pose_codec = PoseCodec.S48
        self._with_face = True
        self._echo_cancelled = True
        self._place: Place | None = None
        self._user_pose: MediaFrame | None = None
        self._presence = Presence(settings.leave_m, settings.near_m, settings.leave_s)
        self._interludes = Interludes(settings)
        self._packs: set[asyncio.Task[None]] = set()
        self._ticked_ms = 0.0

    @staticmethod
    def _now_ms() -> float:
        return time.monotonic_ns() / 1e6

    # -- in -----------------------------------------------------------------------------------------------------------

    def feed(self, entries: Iterable[Entry]) -> None:
        """Take in entries of the up stream."""
        for entry in entries:
            self._post("up", entry)

    def _tell(self, who: str, event: LinkEvent) -> None:
        self._post(who, event)

    def _post(self, what: str, content: Any) -> None:
        if len(self._inbox) >= MAX_INBOX:
            for i, (kind, old) in enumerate(self._inbox):
                if kind == "up" and old.kind == "media":
                    del self._inbox[i]
                    self._metrics.dropped.labels("overflow").inc()
                    break
        self._inbox.append((what, content))
        self._filled.set()

    # -- life ---------------------------------------------------------------------------------------------------------

    async def run(self) -> None:
        """Work until the session ends (returns), or raise Fenced or BusDown inside an exception group."""
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._down.run(), name=f"down {self.lease.sid}")
                group.create_task(self._model.link.run(), name=f"model {self.lease.sid}")
                group.create_task(self._face.link.run(), name=f"face {self.lease.sid}")
                self._fetch_pack(self._character)
                await self._loop()
        except* SessionEnded:
            log.info("session ended", extra={"sid": self.lease.sid})
        finally:
            for task in self._packs:
                task.cancel()

    async def _loop(self) -> None:
        while True:
            busy = self._engine.busy or self._actions.player is not None
            try:
                async with asyncio.timeout(TICK_MS / 1000 if busy else IDLE_TICK_S):
                    await self._filled.wait()
            except TimeoutError:
                pass
            self._filled.clear()
            while self._inbox:
                what, content = self._inbox.popleft()
                if _is_packed(content):
                    content = await self._unpacked(content)
                if content is not None:
                    self._take(what, content)
            now_ms = self._now_ms()
            if now_ms - self._ticked_ms >= TICK_MS / 2:
                self._ticked_ms = now_ms
                self._step(Tick())
            self._send_due()

    async def _unpacked(self, entry: Entry) -> Entry | None:
        """Return packed sound as PCM, unpacked in a thread; None for what is no sound."""
        self._opus = self._opus or OpusEar()
        try:
            frame = await asyncio.to_thread(self._opus.unpack, decode_media(entry.data))
        except SolamiError as exc:
            self._refuse(exc)
            return None
        return replace(entry, data=frame.encode())

    def _take(self, what: str, content: Any) -> None:
        match what:
            case "up":
                self._take_entry(content)
            case "model":
                for found in self._model.on(content, self._now_ms()):
                    if isinstance(found, Message):
                        self._down.put(found)
                    else:
                        self._step(found)
            case "face":
                self._face.on(content)
            case "pack":
                self._take_pack(*content)

    def _step(self, event: Event) -> None:
        for action in self._engine.step(event, self._now_ms()):
            self._actions.do(action, self._now_ms())

    # -- from the client ----------------------------------------------------------------------------------------------

    def _take_entry(self, entry: Entry) -> None:
        try:
            match entry.kind:
                case "media":
                    self._take_media(entry)
                case "json":
                    self._take_message(entry)
                case "note":
                    self._take_note(json.loads(entry.data))
        except SolamiError as exc:
            self._refuse(exc)

    def _refuse(self, exc: SolamiError) -> None:
        self._metrics.dropped.labels(exc.code).inc()
        self._down.put(ErrorMessage(code=exc.code, message=str(exc)))

    def _take_media(self, entry: Entry) -> None:
        is_pose = entry.data[1:2] == bytes([Kind.POSE])
        frame = decode_media(entry.data, validity=is_pose)
        if frame.kind is Kind.POSE:
            self._user_pose = frame
            self._model.pose(frame, self._engine.listening_turn or 0)
            place = self._stand()
            if self._presence.left(frame, place):
                self._step(UserLeft())
            if self._interludes.aside(frame, place):
                self._step(UserAside())
        elif frame.kind is Kind.AUDIO:
            self._actions.entry(entry.id, self._mic.time_ms)
            self._mic.ear.guard_db = -100.0 if self._echo_cancelled and not self._humming() else self._echo_db()
            for heard in self._mic.push(frame):
                self._step(SoundFrame(heard.end_ms, heard.voiced))
            turn = self._engine.listening_turn
            if turn is not None:
                self._model.sound(turn, self._mic.take(turn))

    def _humming(self) -> bool:
        """Return whether something sounds beside the turns: so soft that no client's canceller need be trusted."""
        player = self._actions.sounding
        return player is not None and player.head.turn is None

    def _echo_db(self) -> float:
        """Return the loudest that our own voice can be in the microphone now."""
        player = self._actions.sounding
        if player is None or player.held:
            return -100.0
        at = int(player.playhead.at(self._now_ms()) * 30 / 1000)
        # 300 ms of what was just played: the room and the headset's buffers come late
        pcm = player.reply.pcm(max(0, at - 9), at + 3)
        return max((level_of(pcm[i : i + 800]) for i in range(0, len(pcm), 800)), default=-100.0) - (
            self._settings.echo_loss_db
        )

    def _take_message(self, entry: Entry) -> None:
        match read_up(entry.data):
            case Playback(epoch=epoch, state=state, audio_ms=audio_ms):
                self._actions.played(epoch, state, audio_ms, self._now_ms())
                self._step(Played(epoch, state, audio_ms))
            case TextInput(text=text):
                self._actions.entry(entry.id, self._mic.time_ms)
                self._step(TypedText(text))
            case CharacterSet(character=character):
                self._fetch_pack(character)
            case Space(transform=transform):
                if self._place is not None:
                    self._place = in_new_space(self._place, transform)

    def _take_note(self, note: dict[str, Any]) -> None:
        match note.get("type"):
            case "client.connected":
                capabilities = note.get("capabilities", {})
                self._pose_codec = CODECS.get(note.get("pose_codec", ""), PoseCodec.S48)
                self._down.pack_sound(note.get("audio_codec") == "opus")
                self._with_face = bool(capabilities.get("face", True))
                self._echo_cancelled = bool(capabilities.get("echo_cancelled", False))
                recovered = bool(note.get("recovered"))
                if not recovered:
                    self._health.say_again()
                self._step(ClientConnected(recovered))
            case "client.disconnected":
                self._step(ClientGone())
            case "session.end":
                raise SessionEnded

    # -- the character ------------------------------------------------------------------------------------------------

    def _fetch_pack(self, character: str) -> None:
        async def fetch() -> None:
            self._post("pack", (character, await fetch_pack(self._http, self._model_url, character)))

        task = asyncio.create_task(fetch(), name=f"pack {self.lease.sid}")
        self._packs.add(task)
        task.add_done_callback(self._packs.discard)

    def _take_pack(self, character: str, pack: BehaviourPack | SolamiError) -> None:
        changes = character != self._character
        if isinstance(pack, SolamiError):
            log.warning("no behaviour pack of %s: %s", character, pack, extra={"sid": self.lease.sid})
            if changes:
                self._down.put(ErrorMessage(code=pack.code, message=f"the character stays {self._character}: {pack}"))
            return
        self._engine.answering.interludes = self._interludes.take(pack)
        self._engine.answering.can_fill = self._interludes.filler is not None
        if changes:
            self._character = character
            self._scene_rev += 1
            self._actions.put_meta(character=character)
            self._down.put(Scene(rev=self._scene_rev, character=character))
            self._model.become(character)
            self._step(Reset())

    # -- down ---------------------------------------------------------------------------------------------------------

    def _open_epoch(self, action: OpenEpoch, now_ms: float) -> EpochPlayer | None:
        reply = self._reply_for(action)
        if reply is None:
            return None
        head = EpochHead(
            epoch=action.epoch, turn=action.turn, kind=action.kind, place=self._stand(), codec=self._pose_codec,
            with_face=self._with_face,
        )  # fmt: skip
        return EpochPlayer(head, reply, self._settings, now_ms)

    def _reply_for(self, action: OpenEpoch) -> Reply | None:
        if action.interlude == "turn":  # from now on the character stands as at its end
            reply, self._place = self._interludes.turn(self._stand())
            self._model.stand(self._place)
            return reply
        if action.interlude == "assent":
            return self._interludes.assent()
        if action.kind == "filler" or action.turn is None:
            return self._interludes.filler
        return self._model.replies.get(action.turn)

    def _stand(self) -> Place:
        if self._place is None and self._user_pose is not None and self._user_pose.count:
            root, rotations = pose_frames(self._user_pose)
            self._place = before_user(root[-1], rotations[-1, 0], self._settings.place_ahead_m)
        if self._place is not None:
            self._model.stand(self._place)
        return self._place or Place()

    def _send_due(self) -> None:
        player = self._actions.player
        if player is None:
            return
        sent = player.poll(self._now_ms())
        for content in sent:
            self._down.put(content, player.head.epoch)
        self._actions.sent(sent, self._now_ms())
        if player.face_health is FaceHealth.LATE and player.head.kind != "filler":
            self._health.degraded("audio2face", "the face comes too late; it follows the loudness of the voice")
        elif player.face_health is FaceHealth.IN_TIME and self._face.link.up:
            self._health.restored("audio2face")
        if player.ended:
            self._actions.player_done()
            self._step(EpochDrained(player.head.epoch, player.sent_ms))


def _is_packed(content: Any) -> bool:
    """Return True for an entry that holds sound as Opus (kind and codec are the second and third byte of a frame)."""
    return isinstance(content, Entry) and content.kind == "media" and content.data[1:3] == _OPUS

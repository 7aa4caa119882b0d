"""`WS /v1/realtime`: a client that speaks OpenAI's Realtime events, as a client of our own protocol.

The bridge opens a session as any client does and translates both ways: it may do what any client may, and no more. The
other side is no player of ours: it reports no play head and cannot hold. So the bridge reports one, by its own clock
from the first sound on; over a cough the sound that was handed on plays out, and a reply is cut only when it is sure.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
from aiohttp import WSMsgType, web

from solami_protocol import control
from solami_protocol.errors import ProtocolError
from solami_protocol.media import Kind, MediaFrame, decode_media, stamp_seq
from solami_protocol.messages import Message
from solami_relay import realtime_events as events
from solami_relay.realtime_ear import RealtimeEar
from solami_relay.realtime_playhead import RealtimePlayhead
from solami_relay.realtime_reply import Event, RealtimeReply

__all__ = ["Realtime"]

log = logging.getLogger(__name__)
TICK_S = 0.02
MESSAGE_BYTES = 16 * 2**20  # OpenAI's own limit is 15 MiB of sound in one event
HEARTBEAT_S = 15.0
NOTHING_HEARD_MS = 5_000
VAD = {"type": "server_vad", "create_response": True, "interrupt_response": True}
PCM = {"type": "audio/pcm", "rate": events.RATE_HZ}

OpenSession = Callable[[web.Request, str], Awaitable[tuple[str, str] | web.Response]]
"""Gives sid and token of a new session with a character, or why there is none."""


class Realtime:
    """The route. `open_session` is what `POST /v1/sessions` does."""

    def __init__(self, http: aiohttp.ClientSession, open_session: OpenSession) -> None:
        self._http = http
        self._open_session = open_session

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Serve one client; `?model=` names the character."""
        opened = await self._open_session(request, request.query.get("model", ""))
        if isinstance(opened, web.Response):
            return opened
        sid, token = opened
        client = web.WebSocketResponse(
            heartbeat=HEARTBEAT_S, max_msg_size=MESSAGE_BYTES, compress=False, protocols=("realtime",)
        )  # fmt: skip
        await client.prepare(request)
        async with self._http.ws_connect(_own_url(request), max_msg_size=0, compress=0, ssl=False) as relay:
            bridge = _Bridge(client, relay, token)
            try:
                await bridge.run()
            finally:
                await bridge.leave()
        log.info("realtime client left", extra={"sid": sid})
        await client.close(code=bridge.close_code, message=bridge.close_reason.encode()[:120])
        return client


def _own_url(request: web.Request) -> str:
    assert request.transport is not None
    host, port = request.transport.get_extra_info("sockname")[:2]
    return f"{'wss' if request.secure else 'ws'}://{f'[{host}]' if ':' in host else host}:{port}/v1/ws"


class _Bridge:
    """One client. Three tasks: what it says, what the relay says, and the microphone's clock."""

    def __init__(self, client: web.WebSocketResponse, relay: aiohttp.ClientWebSocketResponse, token: str) -> None:
        self.close_code, self.close_reason = 1000, ""
        self._client = client
        self._relay = relay
        self._token = token
        self._up_seq = 0
        self._reply = RealtimeReply()
        self._ear = RealtimeEar()
        self._playhead = RealtimePlayhead()
        self._texts: list[str] = []
        self._waits_since_ms: float | None = None
        """Since when an answer to committed sound is waited for."""

    async def run(self) -> None:
        """Work until one side leaves."""
        hello = control.Hello(
            token=self._token,
            client=control.ClientInfo(engine="openai-realtime", version="1"),
            capabilities=control.Capabilities(pose_codecs=["s48"], echo_cancelled=True),
        )
        await self._relay.send_str(hello.encode())
        tasks = [
            asyncio.create_task(work, name=name)
            for name, work in (("hears", self._hear()), ("tells", self._tell()), ("ticks", self._tick()))
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
            for outcome in await asyncio.gather(*tasks, return_exceptions=True):
                if isinstance(outcome, Exception) and not isinstance(outcome, ConnectionError):
                    log.error("the realtime bridge failed", exc_info=outcome)
                    self.close_code, self.close_reason = 1011, "something went wrong here; it is in the relay's log"

    async def leave(self) -> None:
        """End the session at the relay."""
        if not self._relay.closed:
            await self._up(control.Bye())

    async def _up(self, message: control.Up) -> None:
        self._up_seq += 1
        await self._relay.send_str(message.model_copy(update={"up_seq": self._up_seq}).encode())

    async def _up_media(self, frame: MediaFrame) -> None:
        self._up_seq += 1
        await self._relay.send_bytes(stamp_seq(frame.encode(), self._up_seq))

    async def _say(self, told: list[Event]) -> None:
        for event in told:
            await self._client.send_json(event)

    # -- from the relay -----------------------------------------------------------------------------------------------

    async def _tell(self) -> None:
        async for raw in self._relay:
            if raw.type is WSMsgType.BINARY:
                await self._on_media(decode_media(raw.data))
            elif raw.type is WSMsgType.TEXT and (message := control.read_down(raw.data)) is not None:
                await self._on_message(message)
        self.close_code = 1012 if self._relay.close_code == 4503 else 1011  # RFC 6455's registry: service restart
        self.close_reason = f"the session has ended ({self._relay.close_code})"

    async def _on_message(self, message: Message) -> None:
        if isinstance(message, control.Ready):
            await self._say([self._reply.event("session.created", session=self._session(message))])
            return
        if isinstance(message, control.EpochStart | control.TurnFailed):
            self._waits_since_ms = None
        told = self._reply.on_message(message)
        if isinstance(message, control.EpochStart) and not told:  # one that is not told is not heard either
            await self._up(control.Playback(epoch=message.epoch, state="cut", audio_ms=0))
        for report in self._playhead.on_message(message, bool(told), _now_ms()):
            await self._up(report)
        await self._say(told)

    async def _on_media(self, frame: MediaFrame) -> None:
        told = self._reply.on_media(frame)
        if told and frame.kind is Kind.AUDIO and self._reply.response is not None:
            for report in self._playhead.handed_on(self._reply.response.audio_ms, _now_ms()):
                await self._up(report)
        await self._say(told)

    def _session(self, ready: control.Ready | None = None) -> Event:
        manual = self._reply.manual
        session: Event = {
            "type": "realtime", "object": "realtime.session", "output_modalities": ["audio"],
            "audio": {
                "input": {"format": PCM, "turn_detection": None if manual else VAD}, "output": {"format": PCM}
            },
        }  # fmt: skip
        if ready is not None:
            self._ready = ready
        r = self._ready
        return session | {
            "id": f"sess_{r.sid}", "model": r.character,
            "solami": {
                "joints": r.joints, "parents": r.parents, "rest_offsets": r.rest_offsets, "face_names": r.face_names,
                "fps": r.fps, "ai_disclosure": r.ai_disclosure,
            },
        }  # fmt: skip

    # -- from the client ----------------------------------------------------------------------------------------------

    async def _hear(self) -> None:
        async for raw in self._client:
            if raw.type is not WSMsgType.TEXT:
                continue
            try:
                await self._take(events.read_event(raw.data))
            except events.EventError as exc:
                await self._say([self._reply.error(exc.code, str(exc), exc.param, exc.event_id)])
            except ProtocolError as exc:
                await self._say([self._reply.error(exc.code, str(exc))])

    async def _take(self, event: events.ClientEvent) -> None:
        try:
            await self._do(event)
        except events.EventError as exc:
            exc.event_id = event.event_id
            raise

    async def _do(self, event: events.ClientEvent) -> None:
        reply, ear = self._reply, self._ear
        match event:
            case events.SessionUpdate(session=session):
                if session.turn_detection != "as it is":
                    reply.manual = ear.manual = session.turn_detection is None
                await self._say([reply.event("session.updated", session=self._session())])
            case events.AudioAppend(audio=audio):
                ear.append(events.audio_of(audio, "audio"))
                reply.input_ms = ear.input_ms
            case events.AudioClear():
                ear.clear()
                await self._say([reply.event("input_audio_buffer.cleared")])
            case events.AudioCommit():
                if reply.manual:  # else turn detection commits
                    ear.commit()
                    await self._say(reply.commit())
            case events.ItemCreate(item=item):
                await self._add(item)
            case events.ResponseCreate():
                await self._answer()
            case events.ResponseCancel():
                await self._stop()
            case events.ItemTruncate(item_id=item_id, audio_end_ms=audio_end_ms):
                await self._truncate(item_id, audio_end_ms)
            case events.PoseAppend(frame=text):
                frame = decode_media(events.audio_of(text, "frame"), validity=True)
                if frame.kind is not Kind.POSE:
                    raise events.EventError("invalid_value", "frame: expected a pose frame", "frame")
                await self._up_media(frame)

    async def _add(self, item: Any) -> None:
        content: list[Event] = []
        for part in item.content:
            if part.type == "input_text":
                self._texts.append(part.text)
                content.append({"type": "input_text", "text": part.text})
            else:
                self._ear.add(events.audio_of(part.audio, "item.content.audio"))
                content.append({"type": "input_audio", "transcript": None})
        told = self._reply.add_item(content, item.id)
        if any(part.type == "input_audio" for part in item.content):
            self._reply.speech_item = told[0]["item"]["id"]
        await self._say(told)

    async def _answer(self) -> None:
        r = self._reply.response
        if r is not None and not r.done:
            raise events.EventError(
                "conversation_already_has_active_response", f"{r.id} is not over; cancel it or wait for response.done"
            )
        words = " ".join(text.strip() for text in self._texts if text.strip())
        self._texts.clear()
        if self._ear.speak():
            self._waits_since_ms = _now_ms()
        elif not words:
            raise events.EventError("nothing_to_answer", "add a user message (or commit sound) before response.create")
        if words:
            self._reply.expect_text()
            await self._up(control.TextInput(text=words))

    async def _stop(self) -> None:
        r = self._reply.response
        if r is None or r.done:
            raise events.EventError("response_cancel_not_active", "there is no response to cancel")
        self._reply.cancelled_by_client = True
        for report in self._playhead.cut(None, _now_ms()):
            await self._up(report)

    async def _truncate(self, item_id: str, audio_end_ms: int) -> None:
        r = self._reply.response
        if r is None or r.item_id != item_id:
            raise events.EventError(
                "item_truncate_invalid_item_id", f"item_id: {item_id} is not the newest reply", "item_id"
            )
        heard_ms = min(audio_end_ms, round(r.audio_ms))  # a player's clock overshoots: no reason to refuse
        self._reply.cancelled_by_client = not r.done
        for report in self._playhead.cut(heard_ms, _now_ms()):
            await self._up(report)
        await self._say(
            [self._reply.event("conversation.item.truncated", item_id=item_id, content_index=0, audio_end_ms=heard_ms)]
        )

    # -- time ---------------------------------------------------------------------------------------------------------

    async def _tick(self) -> None:
        while True:
            await asyncio.sleep(TICK_S)
            now_ms = _now_ms()
            for frame in self._ear.due(now_ms):
                await self._up_media(frame)
            for report in self._playhead.tick(now_ms):
                await self._up(report)
            if self._waits_since_ms is not None and self._ear.busy:
                self._waits_since_ms = now_ms
            if self._waits_since_ms is not None and now_ms - self._waits_since_ms > NOTHING_HEARD_MS:
                self._waits_since_ms = None
                await self._say(self._reply.nothing_heard())


def _now_ms() -> float:
    return asyncio.get_running_loop().time() * 1000

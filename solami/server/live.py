"""`WS /v1/live`: one socket a session, turns on it (messages: `solami_protocol.live`)."""

import asyncio
import logging
from collections import deque

from aiohttp import WSMsgType, web

from solami.brain import Act, Exchange, Turn
from solami.perception import Percept, Perception
from solami.perception.tracking import usable
from solami.server.engines import Engines
from solami.server.faults import Faults
from solami.server.heard import heard_text
from solami.server.live_turn import LiveTurn
from solami.server.seen import describe, pose_times_us
from solami.server.tape import Outgoing, Tape
from solami.server.view import UserView
from solami.speech import Recogniser
from solami_protocol.errors import ProtocolError, SolamiError
from solami_protocol.live import (
    LiveCancel,
    LiveClientMessage,
    LiveConfirm,
    LiveEnd,
    LiveError,
    LiveHeard,
    LiveOpen,
    LiveResume,
    LiveStand,
    LiveStart,
    LiveText,
    Opened,
    PerceptSeen,
    read_live_client,
)
from solami_protocol.media import Kind, MediaFrame, audio_samples, decode_media, pose_frames, pose_validity
from solami_protocol.messages import MAX_MESSAGE_BYTES, Message

__all__ = ["LiveSession", "live_socket"]

log = logging.getLogger(__name__)
OPEN_WAIT_S = 5.0
PREROLL_S = 1.0  # movement before the first word belongs to the turn (DESIGN 3.1)
HISTORY = 12
KEPT_TURNS = 8
POSE_SILENCE_S = 0.6
ENGINES: web.AppKey[Engines] = web.AppKey("engines", Engines)


async def live_socket(request: web.Request) -> web.WebSocketResponse:
    """Handle one live socket until it closes; everything it started stops with it."""
    engines = request.app[ENGINES]
    ws = web.WebSocketResponse(max_msg_size=4 * MAX_MESSAGE_BYTES, heartbeat=20.0, compress=False)
    await ws.prepare(request)
    session: LiveSession | None = None
    try:
        session = await _open(ws, engines)
        if session is not None:
            await _serve(ws, session)
    except ConnectionError:  # the worker went away while aiohttp answered its ping
        log.debug("live socket closed while receiving")
    finally:
        if session is not None:
            await session.close()
            engines.sessions -= 1
            engines.metrics.sessions.set(engines.sessions)
    return ws


async def _open(ws: web.WebSocketResponse, engines: Engines) -> "LiveSession | None":
    try:
        async with asyncio.timeout(OPEN_WAIT_S):
            message = read_live_client(await ws.receive_str())
        if not isinstance(message, LiveOpen):
            raise ProtocolError("type", "the first message on /v1/live must be `open`")
        if engines.sessions >= engines.settings.max_sessions:
            raise SolamiError(f"{engines.sessions} sessions are open, the limit is max_sessions; come back later")
        session = LiveSession(ws, engines, message)
    except (SolamiError, TimeoutError, TypeError) as exc:
        code = exc.code if isinstance(exc, SolamiError) else "protocol"
        await ws.send_str(LiveError(code=code, message=str(exc) or "no `open` within 5 s").encode())
        await ws.close(code=4400, message=str(exc).encode()[:120])
        return None
    engines.sessions += 1
    engines.metrics.sessions.set(engines.sessions)
    await session.send(session.opened())
    return session


async def _serve(ws: web.WebSocketResponse, session: "LiveSession") -> None:
    async for raw in ws:
        try:
            if raw.type == WSMsgType.BINARY:
                await session.media(raw.data)
            elif raw.type == WSMsgType.TEXT:
                message = read_live_client(raw.data)
                if message is not None:
                    await session.control(message)
        except SolamiError as exc:
            await session.send(LiveError(code=exc.code, message=str(exc)))


class LiveSession:
    """One user with one character on one socket."""

    def __init__(self, ws: web.WebSocketResponse, engines: Engines, hello: LiveOpen) -> None:
        self._ws = ws
        self._engines = engines
        self._hello = hello
        self._card = engines.character(hello.character)
        self._brain = engines.brain(self._card, hello.brain)
        self._history: deque[Exchange] = deque(
            (Exchange(e.user, e.character, e.interrupted) for e in hello.history), maxlen=HISTORY
        )
        self._faults = Faults()
        self._perception = Perception()
        self._view = UserView()
        self._view.place = hello.place
        self._turns: dict[int, LiveTurn] = {}
        self._seq = 0
        self._pose_timer: asyncio.TimerHandle | None = None

    def opened(self) -> Opened:
        """The answer to `open`."""
        speech = self._engines.settings.speech
        return Opened(
            session=self._hello.session,
            character=self._hello.character,
            brain=self._brain.name,
            recogniser=speech.recogniser,
            synthesiser=speech.synthesiser,
        )

    async def send(self, message: Outgoing) -> None:
        """Send one message; media frames get the socket's next seq."""
        if self._ws.closed or not self._faults.news(message):
            return
        try:
            if isinstance(message, Message):
                await self._ws.send_str(message.encode())
                return
            self._seq += 1
            await self._ws.send_bytes(message.encode(seq=self._seq))
        except ConnectionError:  # the worker went away between the check and the write; `_serve` ends the session
            log.debug("live socket closed while sending")

    async def close(self) -> None:
        """Stop all work of the session."""
        if self._pose_timer is not None:
            self._pose_timer.cancel()
        await asyncio.gather(*(turn.cancel() for turn in self._turns.values()))
        self._turns.clear()

    async def media(self, data: bytes) -> None:
        """Take in a media frame from the worker."""
        frame = decode_media(data, validity=len(data) > 1 and data[1] == Kind.POSE)
        if frame.kind == Kind.AUDIO:
            if (turn := self._turns.get(frame.epoch)) is not None:
                turn.audio(audio_samples(frame))
        elif frame.kind == Kind.POSE:
            await self._pose(frame)

    async def _pose(self, frame: MediaFrame) -> None:
        root, rotations = pose_frames(frame)
        times = pose_times_us(frame.pts_us, len(root))
        validity = pose_validity(frame)
        percepts = self._perception.feed(times, root, rotations, validity)
        if len(times):
            if usable(rotations[-1:], validity[-1:])[0]:
                self._view.saw(root[-1], rotations[-1], validity[-1])
            self._expect_more_poses(int(times[-1]))
        await self._tell_percepts(percepts)

    def _expect_more_poses(self, last_us: int) -> None:
        """When no more poses come, what was going on is over."""
        if self._pose_timer is not None:
            self._pose_timer.cancel()
        at_us = last_us + int(POSE_SILENCE_S * 1e6)
        self._pose_timer = asyncio.get_running_loop().call_later(
            POSE_SILENCE_S, lambda: self._engines.spawn(self._tell_percepts(self._perception.wait(at_us)))
        )

    async def _tell_percepts(self, percepts: list[Percept]) -> None:
        if not percepts:
            return
        acts, tracking = describe(percepts)
        for act in acts:
            if act.phase == "began":
                self._view.did(Act(act.name, act.confidence, act.side))
        await self.send(PerceptSeen(turn=self._open_voice_turn(), acts=acts, tracking=tracking))

    def _open_voice_turn(self) -> int:
        return max((n for n, t in self._turns.items() if t.cause == "voice" and not t.confirmed), default=0)

    async def control(self, message: LiveClientMessage) -> None:
        """Take in a control message from the worker."""
        match message:
            case LiveOpen():
                raise ProtocolError("type", "`open` was sent before on this socket")
            case LiveStand(place=place):
                self._view.place = place
            case LiveStart():
                await self._start(message)
            case LiveEnd(turn=number):
                await self._turn(number).end()
            case LiveText(turn=number, text=text):
                await self._turn(number).words(text)
            case LiveResume(turn=number):
                await self._turn(number).resume()
            case LiveConfirm(turn=number):
                self._confirm(self._turn(number))
            case LiveCancel(turn=number):
                if (turn := self._turns.get(number)) is not None:
                    await turn.cancel()
                    if not turn.confirmed:
                        del self._turns[number]
            case LiveHeard():
                await self._heard(message)

    def _turn(self, number: int) -> LiveTurn:
        turn = self._turns.get(number)
        if turn is None:
            raise ProtocolError("turn", f"{number} is not open on this socket; send turn.start first")
        return turn

    async def _start(self, start: LiveStart) -> None:
        if start.turn in self._turns:
            raise ProtocolError("turn", f"{start.turn} is open already")
        while len(self._turns) >= KEPT_TURNS:
            await self._turns.pop(min(self._turns)).cancel()
        self._turns[start.turn] = LiveTurn(
            start, self._engines, self.send, self._question, self._make_tape, self._open_ears
        )

    def _question(self, turn: LiveTurn) -> Turn:
        seen = self._view.seen_since(turn.started_s - PREROLL_S)
        if turn.cause != "voice":  # what the worker named, as it was seen
            seen = [act for act in seen if any(act.name == named.name for named in turn.acts)]
        unique = {act.name: act for act in (*turn.acts, *seen)}
        return Turn(
            number=turn.number,
            cause=turn.cause,
            text=turn.text,
            other=turn.other,
            acts=tuple(unique.values()),
            occasion=turn.occasion,
            history=tuple(self._history),
            user_name=self._hello.user_name,
            locale=self._hello.locale,
            view=self._view,
            playing=turn,
        )

    def _open_ears(self) -> Recogniser:
        return self._engines.open_recogniser(self._brain, tuple(self._history))

    def _make_tape(self, turn: Turn) -> Tape:
        tape = Tape(self._brain, turn)
        tape.begin(self._engines.settings.turn_limit_s, lambda exc: self._engines.failed("brain", exc))
        return tape

    def _confirm(self, turn: LiveTurn) -> None:
        turn.confirm()
        self._view.answered()

    async def _heard(self, heard: LiveHeard) -> None:
        turn = self._turns.get(heard.turn)
        if turn is None:
            return
        if not heard.final:
            turn.played(heard.audio_ms)
            return
        if turn.confirmed and turn.tape is not None and not turn.tape.failed and heard.audio_ms > 0:
            said = heard_text(turn.tape.captions, heard.audio_ms)
            user = turn.text or ", ".join(a.name for a in turn.acts)
            self._history.append(Exchange(user, said, heard.interrupted))
        await turn.cancel()
        self._turns.pop(heard.turn, None)

"""The session's side of the model server: turns go up, what was heard, seen and answered comes back as events.

It holds what a model server that comes back must be told again: the turns that are open, and the history as heard.
"""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import replace

import aiohttp

from solami_protocol.control import Percept, Place
from solami_protocol.live import (
    Exchange,
    LiveCancel,
    LiveConfirm,
    LiveDegraded,
    LiveEnd,
    LiveError,
    LiveHeard,
    LiveOpen,
    LiveRestored,
    LiveResume,
    LiveStand,
    LiveStart,
    LiveText,
    Opened,
    Partial,
    PerceptSeen,
    ReplyAffect,
    ReplyEnd,
    ReplyPhones,
    ReplyStart,
    ReplyText,
    Resumed,
    TranscriptSeen,
    read_live_server,
)
from solami_protocol.media import Kind, MediaFrame
from solami_protocol.messages import Message
from solami_relay.entries import SessionMeta
from solami_relay.face_side import FaceSide
from solami_relay.health import Health
from solami_relay.reply_buffer import CaptionLine, Reply
from solami_relay.turn_actions import StartTurn
from solami_relay.turn_events import Act, Event, ModelBack, ModelLost, ReplyFailed, ReplyReady, Words
from solami_relay.turn_log import TurnLog
from solami_relay.upstream import Link, LinkDown, LinkEvent, LinkMessage, LinkUp
from solami_relay.worker_settings import WorkerSettings

__all__ = ["ModelSide", "heard_words"]

PART = "model_server"
_ANSWERS = ("nod", "shake")
"""Acts that answer a question without words."""
HISTORY = 24


def heard_words(captions: Sequence[CaptionLine], audio_ms: float) -> str:
    """Return the words whose time had come at `audio_ms`; of a caption in progress the elapsed share, rounded down."""
    words: list[str] = []
    for line in captions:
        if audio_ms <= line.at_ms:
            break
        share = min(1.0, (audio_ms - line.at_ms) / line.d_ms) if line.d_ms > 0 else 1.0
        said = line.text.split()
        words += said[: int(share * len(said) + 1e-6)]
    return " ".join(words)


class ModelSide:
    """Turns and replies of one session."""

    def __init__(
        self,
        url: str,
        meta: SessionMeta,
        settings: WorkerSettings,
        http: aiohttp.ClientSession,
        face: FaceSide,
        health: Health,
        tell: Callable[[LinkEvent], None],
    ) -> None:
        self._meta = meta
        self._face = face
        self._health = health
        self._history: deque[Exchange] = deque(maxlen=HISTORY)
        self._declared: set[str] = set()  # parts of the model server that it called degraded
        self._reply_number = 0
        self._place: Place | None = None
        self.turns: dict[int, TurnLog] = {}
        self.replies: dict[int, Reply] = {}
        self.link = Link(
            PART, f"{url}/v1/live", settings.link, http, hello=self._hello, read=read_live_server, tell=tell
        )

    def _hello(self) -> LiveOpen:
        m = self._meta
        return LiveOpen(
            session=m.sid, character=m.character, brain=m.brain or None, history=list(self._history),
            user_name=m.user_name, locale=m.locale, place=self._place,
        )  # fmt: skip

    def stand(self, place: Place) -> None:
        """The character stands there from now on."""
        if place != self._place:
            self._place = place
            self.link.send(LiveStand(place=place))

    def become(self, character: str) -> None:
        """Another character: a new session at the model server, without history."""
        self._meta = replace(self._meta, character=character)
        self._history.clear()
        self.turns.clear()
        self.replies.clear()
        self.link.reopen()

    # -- up -----------------------------------------------------------------------------------------------------------

    def start(self, action: StartTurn, start_id: str) -> None:
        """Begin a turn."""
        message = LiveStart(
            turn=action.turn, cause=action.cause, acts=list(action.acts), occasion=action.occasion
        )  # fmt: skip
        self.turns[action.turn] = TurnLog(message, start_id, heard=", ".join(action.acts))
        self.link.send(message)

    def sound(self, turn: int, frames: Sequence[MediaFrame]) -> None:
        """Send what the user says."""
        log = self.turns.get(turn)
        for frame in frames:
            data = frame.encode()
            if log is not None:
                log.add_sound(data)
            self.link.send(data)

    def pose(self, frame: MediaFrame, turn: int) -> None:
        """Send how the user moves; turn 0 outside a turn."""
        self.link.send(replace(frame, epoch=turn).encode())

    def text(self, turn: int, text: str) -> None:
        """Send the words of a text turn."""
        if (log := self.turns.get(turn)) is not None:
            log.text = log.heard = text
        self.link.send(LiveText(turn=turn, text=text))

    def end(self, turn: int) -> None:
        """The user paused."""
        if (log := self.turns.get(turn)) is not None:
            log.ended = True
            self.link.send(LiveEnd(turn=turn, eager=log.start.cause == "voice"))

    def resume(self, turn: int) -> None:
        """The user went on."""
        self._drop_reply(turn)
        if (log := self.turns.get(turn)) is not None:
            log.ended = log.confirmed = log.ready_told = False
            if self.link.send(LiveResume(turn=turn)):
                log.stale += 1

    def confirm(self, turn: int) -> None:
        """The turn is over."""
        if (log := self.turns.get(turn)) is not None:
            log.confirmed = True
        self.link.send(LiveConfirm(turn=turn))

    def cancel(self, turn: int) -> None:
        """The turn is forgotten."""
        self._drop_reply(turn)
        if self.turns.pop(turn, None) is not None:
            self.link.send(LiveCancel(turn=turn))

    def heard(self, message: LiveHeard) -> None:
        """What of the reply was heard; final: the turn is history."""
        self.link.send(message)
        if not message.final:
            return
        log, reply = self.turns.pop(message.turn, None), self.replies.get(message.turn)
        if log is not None and reply is not None and (said := heard_words(reply.captions, message.audio_ms)):
            user = log.heard[:4000]
            self._history.append(Exchange(user=user, character=said[:8000], interrupted=message.interrupted))
            if not log.known:  # it came back while this reply was played, and has not heard of it
                self.link.reopen()
        self._drop_reply(message.turn)

    def replay(self, turn: int) -> None:
        """Give the turn to a model server that does not know it."""
        self._drop_reply(turn)
        if (log := self.turns.get(turn)) is not None:
            log.stale, log.ready_told, log.known = 0, False, self.link.up
            for content in log.again():
                self.link.send(content)

    def _drop_reply(self, turn: int) -> None:
        reply = self.replies.pop(turn, None)
        if reply is not None:
            self._face.cancel(reply)

    # -- down ---------------------------------------------------------------------------------------------------------

    def on(self, event: LinkEvent, now_ms: float) -> list[Event | Message]:
        """Return what an event of the link means: events for turn taking, messages for the client."""
        match event:
            case LinkUp(opened=Opened()):
                for part in (PART, *self._declared):  # a new session there says again what does not work
                    self._health.restored(part)
                self._declared.clear()
                return [ModelBack()]
            case LinkDown(why=why):
                self._health.degraded(PART, f"the character cannot think until it is back: {why}")
                for log in self.turns.values():
                    log.known = False
                return [ModelLost(why)]
            case LinkMessage(content=MediaFrame() as frame):
                return self._media(frame, now_ms)
            case LinkMessage(content=Message() as message):
                return self._message(message)
        return []

    def _reply(self, turn: int) -> Reply | None:
        log = self.turns.get(turn)
        return None if log is None or log.stale else self.replies.get(turn)

    def _media(self, frame: MediaFrame, now_ms: float) -> list[Event | Message]:
        reply = self._reply(frame.epoch)
        if reply is None or reply.ended:
            return []
        if frame.kind is Kind.AUDIO:
            reply.add_audio(frame, now_ms)
            self._face.sound(reply, replace(frame, epoch=reply.number, seq=0).encode())
        elif frame.kind is Kind.POSE:
            reply.add_pose(frame)
        return self._ready(reply)

    def _ready(self, reply: Reply) -> list[Event | Message]:
        log = self.turns.get(reply.turn)
        if log is None or log.ready_told or not reply.ready:
            return []
        log.ready_told = True
        return [ReplyReady(reply.turn)]

    def _message(self, message: Message) -> list[Event | Message]:
        match message:
            case Partial(turn=turn, text=text):
                return [Words(turn, text)] if self._fresh(turn) else []
            case TranscriptSeen(turn=turn, text=text, complete=complete, confidence=confidence):
                if not self._fresh(turn):
                    return []
                self.turns[turn].heard = text
                return [Words(turn, text, True, complete, confidence)]
            case PerceptSeen():
                return self._percept(message)
            case Resumed(turn=turn):
                if (log := self.turns.get(turn)) is not None:
                    log.stale = max(0, log.stale - 1)
            case LiveDegraded(part=part, why=why):
                self._declared.add(part)
                self._health.degraded(part, why)
            case LiveRestored(part=part):
                self._declared.discard(part)
                self._health.restored(part)
            case LiveError(turn=turn, code=code, message=text) if turn is not None:
                return [ReplyFailed(turn, code, text)]
            case LiveError(code=code, message=text):
                self._health.degraded(PART, f"{code}: {text}")
            case ReplyStart(turn=turn, brain=brain) if self._fresh(turn):
                self._drop_reply(turn)
                self._reply_number += 1
                self.replies[turn] = Reply(turn, self._reply_number, brain)
                self._face.begin(self.replies[turn])
            case ReplyText() | ReplyPhones() | ReplyAffect() | ReplyEnd():
                return self._of_reply(message)
        return []

    def _fresh(self, turn: int) -> bool:
        log = self.turns.get(turn)
        return log is not None and not log.stale

    def _of_reply(self, message: ReplyText | ReplyPhones | ReplyAffect | ReplyEnd) -> list[Event | Message]:
        reply = self._reply(message.turn)
        if reply is None:
            return []
        match message:
            case ReplyText(text=text, at_ms=at_ms, d_ms=d_ms):
                reply.captions.append(CaptionLine(text, at_ms, d_ms))
            case ReplyPhones(phones=phones):
                self._face.phones(reply, phones)
            case ReplyAffect(affect=affect):
                reply.affect = affect
            case ReplyEnd():
                reply.ended = True
                self._face.end(reply)
                if reply.frames:
                    self._health.restored(PART)
                else:
                    return [ReplyFailed(reply.turn, "empty_reply", "the character had nothing to say")]
        return self._ready(reply)

    def _percept(self, seen: PerceptSeen) -> list[Event | Message]:
        if seen.tracking is False:
            self._health.degraded("tracking", "the headset's pose is frozen or all zero")
        elif seen.tracking:
            self._health.restored("tracking")
        asked = bool(self._history) and self._history[-1].character.rstrip().endswith("?")
        out: list[Event | Message] = [
            Act(act.name, act.phase == "ended", asked and act.name in _ANSWERS) for act in seen.acts
        ]
        began = [act.name for act in seen.acts if act.phase == "began"]
        if began:
            out.append(Percept(turn=seen.turn, acts=began))
        return out

"""A reply while it is being made: messages are recorded once and can be sent from the start as often as needed.

The same words after a resume keep the reply that was begun, so a speculative reply is never computed twice.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import numpy as np

from solami.brain import Affect, Brain, Degraded, Gesture, Phones, Pose, ReplyEvent, Speech, Text, Turn, Works
from solami_protocol.errors import SolamiError
from solami_protocol.live import (
    LiveDegraded,
    LiveError,
    LiveRestored,
    PhoneTime,
    ReplyAffect,
    ReplyEnd,
    ReplyGesture,
    ReplyPhones,
    ReplyStart,
    ReplyText,
)
from solami_protocol.media import MAX_FRAMES, MediaFrame, PoseCodec, audio_frame, pose_frame
from solami_protocol.messages import Message

__all__ = ["Tape", "reply_messages"]

log = logging.getLogger(__name__)
AUDIO_RATE_HZ = 24_000
AUDIO_PIECE = 4_000  # samples a frame, 166.7 ms
Outgoing = Message | MediaFrame


def reply_messages(turn: int, event: ReplyEvent) -> list[Outgoing]:
    """Return the wire form of one reply event of `turn`."""
    match event:
        case Text(text, at_ms, d_ms):
            return [ReplyText(turn=turn, text=text, at_ms=at_ms, d_ms=d_ms)]
        case Phones(phones):
            return [ReplyPhones(turn=turn, phones=[PhoneTime(p=p, t_ms=t, d_ms=d) for p, t, d in phones])]
        case Affect(weights):
            return [ReplyAffect(turn=turn, affect=weights)]
        case Gesture(name, stroke_ms):
            return [ReplyGesture(turn=turn, name=name, stroke_ms=stroke_ms)]
        case Degraded(part, why):
            return [LiveDegraded(part=part, why=why)]
        case Works(part):
            return [LiveRestored(part=part)]
        case Speech(pcm, t_ms):
            return _audio(turn, pcm, t_ms)
        case Pose():
            return _pose(turn, event)


def _audio(turn: int, pcm: np.ndarray, t_ms: float) -> list[Outgoing]:
    start_us = round(t_ms * 1000)
    return [
        audio_frame(pcm[at : at + AUDIO_PIECE], pts_us=start_us + at * 1_000_000 // AUDIO_RATE_HZ, epoch=turn)
        for at in range(0, len(pcm), AUDIO_PIECE)
    ]


def _pose(turn: int, pose: Pose) -> list[Outgoing]:
    start_us = round(pose.t_ms * 1000)
    return [
        pose_frame(
            pose.root_m[at : at + MAX_FRAMES],
            pose.rotations[at : at + MAX_FRAMES],
            codec=PoseCodec.F32,
            pts_us=start_us + round(at * 1_000_000 / 30),
            epoch=turn,
        )
        for at in range(0, len(pose.root_m), MAX_FRAMES)
    ]


@dataclass
class Tape:
    """The reply of `brain` to `turn`, recorded as it is made. One task owns it; `stop` ends the work."""

    brain: Brain
    turn: Turn
    captions: list[Text] = field(default_factory=list)
    last_pose: Pose | None = None
    _messages: list[Outgoing] = field(default_factory=list)
    _grown: asyncio.Event = field(default_factory=asyncio.Event)
    _task: "asyncio.Task[None] | None" = None
    _done: bool = False

    def begin(self, deadline_s: float, on_error: Callable[[BaseException], None]) -> None:
        """Start making the reply; it must be done within `deadline_s`."""
        self._task = asyncio.create_task(self._make(deadline_s, on_error), name=f"reply-{self.turn.number}")

    def same_question(self, turn: Turn) -> bool:
        """True if `turn` asks what this tape answers."""
        mine = self.turn
        return (mine.text, mine.acts, mine.cause) == (turn.text, turn.acts, turn.cause) and not self.failed

    @property
    def failed(self) -> bool:
        """True if the reply ended in an error."""
        return any(isinstance(m, LiveError) for m in self._messages[-1:])

    async def _make(self, deadline_s: float, on_error: Callable[[BaseException], None]) -> None:
        number = self.turn.number
        samples = frames = 0
        self._put(ReplyStart(turn=number, brain=self.brain.name))
        try:
            async with asyncio.timeout(deadline_s):
                async for event in self.brain.reply(self.turn):
                    match event:
                        case Text():
                            self.captions.append(event)
                        case Speech():
                            samples += len(event.pcm)
                        case Pose():
                            frames += len(event.root_m)
                            self.last_pose = event
                    for message in reply_messages(number, event):
                        self._put(message)
        except SolamiError as exc:
            self._put(LiveError(code=exc.code, message=str(exc), turn=number))
        except TimeoutError:
            self._put(LiveError(code="timeout", message=f"no reply within {deadline_s:g} s", turn=number))
        except Exception as exc:
            on_error(exc)
            self._put(LiveError(code="internal", message="the reply failed inside the model server", turn=number))
        else:
            self._put(ReplyEnd(turn=number, audio_ms=samples * 1000 / AUDIO_RATE_HZ, pose_frames=frames))
        finally:
            self._done = True
            self._grown.set()

    def _put(self, message: Outgoing) -> None:
        self._messages.append(message)
        self._grown.set()

    async def play(self) -> AsyncIterator[Outgoing]:
        """Yield the messages from the first on, waiting for those that are still being made."""
        at = 0
        while True:
            while at < len(self._messages):
                yield self._messages[at]
                at += 1
            if self._done:
                return
            self._grown.clear()
            await self._grown.wait()

    async def stop(self) -> None:
        """Stop the work; returns when it has stopped."""
        if self._task is None or self._task.done():
            return
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

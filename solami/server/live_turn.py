"""One turn on the live socket: what the user says and does, and the reply that is made for it."""

import asyncio
import time
from collections.abc import Callable, Coroutine
from typing import Any

import numpy as np

from solami.brain import Act, Turn
from solami.server.engines import Engines
from solami.server.hearing import Hearing
from solami.server.tape import Outgoing, Tape
from solami.speech import Recogniser, Transcript
from solami_protocol.live import (
    LiveDegraded,
    LiveError,
    LiveRestored,
    LiveStart,
    Partial,
    Resumed,
    TranscriptSeen,
    WordTime,
)

__all__ = ["LiveTurn", "Send"]

STARTS_S = 0.15
"""What a client needs to buffer before it plays."""
Send = Callable[[Outgoing], Coroutine[Any, Any, None]]


class LiveTurn:
    """State of one turn. Every task that it starts ends with `close`."""

    def __init__(
        self,
        start: LiveStart,
        engines: Engines,
        send: Send,
        question: Callable[["LiveTurn"], Turn],
        tape_of: Callable[[Turn], Tape],
        open_ears: Callable[[], Recogniser],
    ) -> None:
        self.number = start.turn
        self.cause = start.cause
        self.occasion = start.occasion
        self.acts = tuple(Act(name) for name in start.acts)
        self.text = self.other = ""
        self.started_s = time.monotonic()
        self.confirmed = False
        self._began_s: float | None = None
        self.tape: Tape | None = None
        self._engines = engines
        self._send = send
        self._question = question
        self._tape_of = tape_of
        self._open_ears = open_ears
        self._player: asyncio.Task[None] | None = None
        self._hearing: Hearing | None = None
        self._ears: asyncio.Task[None] | None = None
        self._eager_at_s: float | None = None
        self._ended = False

    def audio(self, pcm: np.ndarray) -> None:
        """Take in a piece of the user's voice."""
        if self._hearing is None:
            self._hearing = Hearing(self._open_ears, self._engines.ear_threads, self._heard_partial, self._heard_pause)
            self._ears = asyncio.create_task(self._hearing.run(), name=f"ears-{self.number}")
            self._ears.add_done_callback(self._ears_done)
        self._hearing.feed(pcm)

    def _ears_done(self, task: "asyncio.Task[None]") -> None:
        if not task.cancelled() and (exc := task.exception()) is not None:
            self._engines.failed("recogniser", exc)
            message = LiveError(code="recogniser", message="the recogniser failed on this turn", turn=self.number)
            self._engines.spawn(self._send(message))

    async def end(self) -> None:
        """The user paused or is done: transcribe if there was sound, then begin the reply."""
        self._ended = True
        self._eager_at_s = time.monotonic()
        if self._hearing is not None:
            self._hearing.pause()
        elif self.cause == "voice":
            await self._heard_pause(Transcript(text="", words=(), complete=1.0, confidence=0.0))
        else:
            await self.begin_reply()

    async def words(self, text: str) -> None:
        """Words typed by the user."""
        self.text = text
        await self.begin_reply()

    async def _heard_partial(self, text: str) -> None:
        await self._send(Partial(turn=self.number, text=text))

    async def _heard_pause(self, heard: Transcript) -> None:
        if self._eager_at_s is not None:
            self._engines.metrics.transcribe_s.observe(time.monotonic() - self._eager_at_s)
        self.text, self.other = heard.text, heard.other
        if heard.degraded:
            await self._send(LiveDegraded(part="recogniser", why=heard.degraded))
        elif heard.text:
            await self._send(LiveRestored(part="recogniser"))
        words = [WordTime(w=w.w, t_ms=w.t_ms, d_ms=w.d_ms) for w in heard.words]
        await self._send(
            TranscriptSeen(
                turn=self.number, text=heard.text, words=words, complete=heard.complete, confidence=heard.confidence
            )
        )
        if self._ended:
            await self.begin_reply()

    async def begin_reply(self) -> None:
        """Begin the reply, or send again the one that was begun for the same words.

        A voice without words gets one too (the character asks back); the worker decides whether it is wanted.
        """
        turn = self._question(self)
        if not (turn.text or turn.acts or turn.occasion or turn.cause == "voice"):
            return
        await self._stop_player()
        if self.tape is None or not self.tape.same_question(turn):
            if self.tape is not None:
                await self.tape.stop()
            self.tape = self._tape_of(turn)
        self._player = asyncio.create_task(self._play(self.tape), name=f"player-{self.number}")

    async def _play(self, tape: Tape) -> None:
        first = True
        async for message in tape.play():
            if first and self._eager_at_s is not None:
                self._engines.metrics.first_event_s.observe(time.monotonic() - self._eager_at_s)
                first = False
            await self._send(message)

    def confirm(self) -> None:
        """The turn is over: its reply is played."""
        self.confirmed = True
        self._began_s = time.monotonic() + STARTS_S

    def played(self, audio_ms: float) -> None:
        """So much of the reply has been heard now."""
        if audio_ms > 0:
            self._began_s = time.monotonic() - audio_ms / 1000

    def began_s(self) -> float | None:
        """See `solami.brain.Playing`."""
        return self._began_s

    async def resume(self) -> None:
        """The user went on: what was sent of the reply is stale; the tape is kept for the case of equal words."""
        self._ended = False
        self.confirmed = False
        self._began_s = None
        await self._stop_player()
        await self._send(Resumed(turn=self.number))

    async def _stop_player(self) -> None:
        if self._player is not None and not self._player.done():
            self._player.cancel()
            await asyncio.gather(self._player, return_exceptions=True)
        self._player = None

    async def cancel(self) -> None:
        """Stop all work of the turn; what was made of the reply stays known for the history."""
        await self._stop_player()
        if self._ears is not None:
            self._ears.cancel()
            await asyncio.gather(self._ears, return_exceptions=True)
            self._ears = None
        if self.tape is not None:
            await self.tape.stop()

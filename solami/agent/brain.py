"""The agent brain: words from a card or a language model, spoken by a synthesiser, moved by authored gestures.

A reply is made sentence by sentence and leaves phrase by phrase: caption, phones, pose, speech. The pose runs up to
`HELD_BACK_MS` behind the speech that is known, so that a gesture of the next sentence can begin before its word; it is
never held longer than `PATIENCE_S`, and covers the speech exactly when the reply ends.
"""

import asyncio
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import aclosing
from dataclasses import replace

import numpy as np

from solami.behaviour import Performance, recorded_gestures
from solami.brain import (
    Affect,
    Degraded,
    Exchange,
    Phones,
    Pose,
    ReplyEvent,
    Seen,
    Speech,
    Text,
    Turn,
    View,
    Works,
)
from solami.characters import Card
from solami.speech import Spoken, Synthesiser
from solami_protocol import quaternions as q
from solami_protocol.errors import SettingsError

from .card_parts import card_style, card_voice
from .expected import Expected
from .games import Watch
from .marks import affect_of_mark, parse_marks
from .mirror import Mirror
from .source import Sentence, WordSource
from .stage import LEAD_MS, Stage
from .strokes import strokes, token_count

__all__ = ["AHEAD_S", "AgentBrain"]

HELD_BACK_MS = 500.0
_AT_LEAST_MS = 150.0
"""Some pose leaves before every piece of speech, however short the sentence."""
_STEPS = dict.fromkeys(("step_closer", "steps_closer", "step_forward", "steps_forward", "walks_closer"), 0.3)
_STEPS |= dict.fromkeys(("step_back", "steps_back", "step_away", "steps_away"), -0.3)
"""Marks that walk, as cards and chat models write them, in metres towards the user."""
_WATCH_MS = 100.0
AHEAD_S = 0.35
"""Way of a piece of silence to the ear: a chunk of the relay holds 167 ms, a client buffers 100 and more."""
_WATCH_ON = 3
"""Pieces of silence behind an act that was waited for."""
_FADE_PIECES = 7
_QUICK_S = 0.5
"""Who answers before the order is over has answered."""
_GROUP_S = 0.02
"""Phrases that a synthesiser makes within this time travel together: beats are then chosen over all of them."""
_USER_HEAD_M = np.array([0.0, 1.6, 1.5])
"""Where the user's head is taken to be, from where the character stands and faces (DESIGN 3.2: 1.5 m, facing)."""


class AgentBrain:
    """Answers turns for one character; any number of turns may run at once."""

    def __init__(self, card: Card, source: WordSource, synthesiser: Synthesiser, *, name: str, seed: int = 0) -> None:
        """`name` is what reports call it: `retrieval` or `llm`."""
        self.name = name
        self.card = card
        self._source, self._synthesiser, self._seed = source, synthesiser, seed
        self._style, self._voice = card_style(card), card_voice(card)
        self._voice_fault = ""
        self._recorded = recorded_gestures()

    def expected(self, history: tuple[Exchange, ...]) -> Expected | None:
        """Return what the user may well say next, for a recogniser; None where anything may be said."""
        return self._source.expected(history)

    async def reply(self, turn: Turn) -> AsyncGenerator[ReplyEvent, None]:
        """Yield the reply's events (see `solami.brain`). Closing the generator stops the work within one phrase."""
        lead_ms = LEAD_MS if turn.start_pose is None else 0.0
        stage = Stage(self._performance(turn), self._seed + turn.number, lead_ms, turn.playing)
        async with aclosing(self._source.sentences(turn)) as sentences:
            upcoming = asyncio.ensure_future(anext(sentences, None))
            try:
                while True:
                    for pose in await stage.frames_while(upcoming):
                        yield pose
                    sentence = await upcoming
                    if sentence is None:
                        break
                    if isinstance(sentence, (Degraded, Works)):
                        yield sentence
                    elif isinstance(sentence, Watch):
                        async for event in self._watch(sentence, stage, turn.view):
                            yield event
                    else:
                        async with aclosing(self._say(sentence, stage)) as events:
                            async for event in events:
                                yield event
                    upcoming = asyncio.ensure_future(anext(sentences, None))
            finally:
                upcoming.cancel()
                await asyncio.gather(upcoming, return_exceptions=True)
        for pose in stage.frames_until(max(stage.spoken_ms, stage.walk_home())):
            yield pose

    async def _say(self, sentence: Sentence, stage: Stage) -> AsyncGenerator[ReplyEvent, None]:
        marked = parse_marks(sentence.raw)
        if not marked.text:
            return
        walk_m = sentence.step_m + sum(_STEPS.get(mark.name, 0.0) for mark in marked.marks)
        if walk_m:
            stage.walk(walk_m)
        affect = dict(sentence.affect)
        for mark in marked.marks:
            affect.update(affect_of_mark(mark.name))
        if affect or not stage.spoken_ms:
            yield Affect({**self.card.affect, **affect})
        pieces = iter(self._synthesiser.speak(marked.text, self._voice))
        tokens = 0
        while True:
            # a thread cannot be cancelled; left alone, it ends with the phrase that it makes
            upcoming = asyncio.ensure_future(asyncio.to_thread(_next_group, pieces))
            for pose in await stage.frames_while(upcoming):
                yield pose
            try:
                group = await upcoming
            except SettingsError as exc:  # a voice that the synthesiser does not have
                if self._voice_fault:
                    raise
                self._voice_fault = f"{exc}; {self.card.name} speaks with the usual voice"
                self._voice = replace(self._voice, engine="", speaker="", reference="")
                pieces = iter(self._synthesiser.speak(marked.text, self._voice))
                continue
            if not group:
                return
            placed = [stage.place(spoken) for spoken in group]
            why = next((spoken.degraded for spoken in group if spoken.degraded), self._voice_fault)
            if why and not stage.told_voice:
                stage.told_voice = True
                yield Degraded("voice", why)
            elif not why and not stage.told_voice and not stage.heard_voice:
                stage.heard_voice = True
                yield Works("voice")
            found = strokes(marked, placed, tokens, sentence.may_wave, stage.next_seed())
            tokens += sum(token_count(piece.text) for piece in placed)
            gestures = [event for stroke in found if (event := stage.cue(stroke))]
            for event in gestures:
                yield event
            for piece in placed:
                yield Text(piece.text, piece.t_ms, piece.d_ms)
                yield Phones(piece.phones)
                ahead_ms = max(stage.spoken_ms - HELD_BACK_MS, piece.t_ms + _AT_LEAST_MS)
                for pose in stage.frames_until(min(piece.t_ms + piece.d_ms, ahead_ms)):
                    yield pose
                yield Speech(piece.pcm, piece.t_ms)

    async def _watch(self, watch: Watch, stage: Stage, view: View | None) -> AsyncGenerator[ReplyEvent, None]:
        """Be silent in real time, and note what the user does; a piece leaves just in time to be played."""
        for pose in stage.frames_until(stage.spoken_ms):
            yield pose
        await stage.released()
        mirror = Mirror() if watch.mirror else None
        begin_ms, pieces = stage.spoken_ms, round(watch.seconds * 1000 / _WATCH_MS)
        k, last = 0, pieces
        while k < last:
            due_s = stage.heard_at_s(begin_ms + k * _WATCH_MS) - AHEAD_S
            await asyncio.sleep(max(0.0, due_s - time.monotonic()))
            if view is not None:
                watch.seen[:] = view.acts_since(stage.heard_at_s(begin_ms) - _QUICK_S)
            if watch.until & set(watch.seen):
                last = min(last, k + _WATCH_ON)
            if view is not None:
                stage.look_at(view.head_m())
            piece = stage.silence(_WATCH_MS)
            yield Phones(piece.phones)
            for pose in stage.frames_until(stage.spoken_ms):
                if mirror is not None:
                    ending = last - k <= _FADE_PIECES
                    pose = _mirrored(pose, mirror, None if ending or view is None else view.latest())
                yield pose
            yield Speech(piece.pcm, piece.t_ms)
            k += 1

    def _performance(self, turn: Turn) -> Performance:
        start = None if turn.start_pose is None else (turn.start_pose.root_m, turn.start_pose.rotations)
        performance = Performance(self._style, start, self._seed + turn.number, recorded=self._recorded)
        head_m = None if turn.view is None else turn.view.head_m()
        if turn.start_pose is None:
            performance.look_at(_USER_HEAD_M if head_m is None else head_m)
        else:
            root_m, hips = turn.start_pose.root_m[-1], turn.start_pose.rotations[-1, 0]
            ahead = q.rotate(hips, np.array([0.0, 0.0, 1.0]))
            ahead[1] = 0.0
            reach_m = _USER_HEAD_M[2] / max(float(np.linalg.norm(ahead)), 1e-6)
            performance.look_at(np.array([root_m[0], _USER_HEAD_M[1], root_m[2]]) + ahead * reach_m)
        return performance


def _mirrored(pose: Pose, mirror: Mirror, seen: Seen | None) -> Pose:
    frames = [mirror.frame(*frame, seen) for frame in zip(pose.root_m, pose.rotations, strict=True)]
    root_m, rotations = (np.stack(rows).astype(np.float32) for rows in zip(*frames, strict=True))
    return Pose(root_m, rotations, pose.t_ms)


def _next_group(pieces: Iterator[Spoken]) -> list[Spoken]:
    """Return the next phrase and those that follow it within `_GROUP_S`; empty at the end."""
    group: list[Spoken] = []
    began = time.monotonic()
    for spoken in pieces:
        group.append(spoken)
        if time.monotonic() - began > _GROUP_S:
            break
    return group

"""The timeline of one reply: how much is spoken, and the body beside it."""

import asyncio
import time
from dataclasses import dataclass
from typing import Any

import numpy as np

from solami.behaviour import Performance
from solami.brain import Gesture, Playing, Pose
from solami.speech import Spoken
from solami.speech.interfaces import SPEECH_RATE_HZ
from solami_protocol.phones import Phone

from .strokes import SpokenWord, Stroke

__all__ = ["LEAD_MS", "SpokenPiece", "Stage"]

PATIENCE_S = 0.03
LEAD_MS = 8 * 1000 / 30
"""A reply's body has begun by so much when its first sound is heard, so that an arm can be up for an early word. What
lies before is not shown: clients fade from what they show into a reply over 250 ms, and that is the way up."""
_SEEN_MS = 200.0
"""A stroke that falls earlier is not seen: the fade into the reply still hides its body."""
_OFF_MS = 60.0
"""A stroke so much behind its vowel is on time."""
_NEAR_MS = 900.0
_LEASH_M = 0.6


@dataclass(frozen=True, slots=True)
class SpokenPiece:
    """A spoken phrase on the reply's timeline."""

    text: str
    pcm: np.ndarray
    phones: tuple[Phone, ...]
    words: list[SpokenWord]
    t_ms: float
    d_ms: float


class Stage:
    """The timeline of one reply: how much is spoken, and the body beside it."""

    def __init__(
        self, performance: Performance, seed: int, lead_ms: float = 0.0, playing: Playing | None = None
    ) -> None:
        """`lead_ms`: so much of the performance lies before the first sound and is not shown."""
        self._playing = playing
        self._performance = performance
        self._lead_ms = lead_ms
        self._samples = 0
        self._seed = seed * 64
        self._began_s: float | None = None
        self._ahead_m = 0.0
        self.told_voice = False
        """It was said that another voice speaks."""
        self.heard_voice = False
        """It was said that the character's own voice works."""

    @property
    def spoken_ms(self) -> float:
        return self._samples * 1000.0 / SPEECH_RATE_HZ

    def next_seed(self) -> int:
        self._seed += 1
        return self._seed

    def place(self, spoken: Spoken) -> SpokenPiece:
        """Put a phrase behind what is spoken."""
        t_ms = self.spoken_ms
        if self._began_s is None:
            self._began_s = time.monotonic()
        self._samples += len(spoken.pcm)
        phones = tuple(Phone(p, t_ms + at, d) for p, at, d in spoken.phones)
        words = [(word.w, t_ms + word.t_ms, word.d_ms) for word in spoken.words]
        return SpokenPiece(spoken.text, spoken.pcm, phones, words, t_ms, len(spoken.pcm) * 1000.0 / SPEECH_RATE_HZ)

    def silence(self, d_ms: float) -> SpokenPiece:
        """Put silence behind what is spoken."""
        pcm = np.zeros(round(d_ms * SPEECH_RATE_HZ / 1000), np.int16)
        return self.place(Spoken("", pcm, (Phone("sil", 0.0, d_ms),), ()))

    def heard_at_s(self, t_ms: float) -> float:
        """Return when a moment of the reply is heard, by `time.monotonic`; at the earliest where no play head tells."""
        began_s = self._began_s if self._playing is None else self._playing.began_s()
        return (time.monotonic() if began_s is None else began_s) + t_ms / 1000

    async def released(self) -> None:
        """Wait until the reply is played: what is made before may be for nothing."""
        while self._playing is not None and self._playing.began_s() is None:  # noqa: ASYNC110
            await asyncio.sleep(0.02)

    def look_at(self, head_m: np.ndarray | None) -> None:
        """Look at the user's head (3,) from the next frame on; where it is not known the gaze stays."""
        if head_m is not None:
            self._performance.look_at(head_m)

    def walk(self, ahead_m: float) -> None:
        """Walk towards the user or back, never further from its place than `_LEASH_M`."""
        there_m = float(np.clip(self._ahead_m + ahead_m, -_LEASH_M, _LEASH_M))
        if abs(there_m - self._ahead_m) > 0.05:
            self._performance.step(there_m - self._ahead_m)
            self._ahead_m = there_m

    def walk_home(self) -> float:
        """Walk back to the place where the reply began, for there the client keeps it; return when it has arrived."""
        if not self._ahead_m:
            return 0.0
        back_m, self._ahead_m = -self._ahead_m, 0.0
        return self._performance.step(back_m) - self._lead_ms

    def cue(self, stroke: Stroke) -> Gesture | None:
        """Place a gesture on the first of its moments that it can reach, else as soon as it can; None if that is late.

        A mark on the first word of a reply asks for a hand that is still down: the stroke then goes to the next
        stressed word that it can be on time for, if one is near, rather than late to its own.
        """
        word_ms = stroke.times_ms[0]
        near = [t for t in stroke.times_ms if t <= word_ms + _NEAR_MS]
        on_time = [(t, t + _OFF_MS - max(t, _SEEN_MS)) for t in near if t + _OFF_MS >= _SEEN_MS]
        for aim_ms, late_ms in (*on_time, *((t, None) for t in near)):
            wanted_ms = max(aim_ms, _SEEN_MS) + self._lead_ms
            stroke_ms = self._performance.cue(stroke.gesture, wanted_ms, late_ms=late_ms)
            if stroke_ms is not None:
                marked = () if stroke.mark_ms is None else (word_ms, stroke.mark_ms)
                return Gesture(stroke.gesture, stroke_ms - self._lead_ms, aim_ms, *marked)
        return None

    async def frames_while(self, work: "asyncio.Future[Any]") -> list[Pose]:
        """Give `work` a moment; return the frames that were held back if it is not done by then."""
        done, _ = await asyncio.wait({work}, timeout=PATIENCE_S)
        return [] if done else self.frames_until(self.spoken_ms)

    def frames_until(self, until_ms: float) -> list[Pose]:
        """Return the frames before `until_ms` that are not out yet: one `Pose` or none."""
        if self._performance.rendered_ms < self._lead_ms:
            self._performance.render(self._lead_ms)
        t_ms = self._performance.rendered_ms - self._lead_ms
        root_m, rotations = self._performance.render(until_ms + self._lead_ms)
        return [Pose(root_m, rotations, t_ms)] if len(root_m) else []

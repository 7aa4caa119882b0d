"""What the character does by itself: clips of the behaviour pack, chosen by state, cross-faded over 250 ms."""

import random
from collections import defaultdict

import numpy as np

from solami_protocol.behaviours import Clip
from solami_protocol.quaternions import slerp
from solami_protocol.skeleton import FPS

__all__ = ["FADE_MS", "Figure", "IdleLayer", "blend", "ease"]

FADE_MS = 250.0
Figure = tuple[np.ndarray, np.ndarray, np.ndarray]
"""root (3,), rotations (55, 4), face (52,)."""

PACK_STATE = {"listening": "listen", "held": "listen", "thinking": "think", "apology": "apology"}


def ease(share: float) -> float:
    """Smoothstep of a share from 0 to 1."""
    share = min(1.0, max(0.0, share))
    return share * share * (3 - 2 * share)


def blend(a: Figure, b: Figure, share: float) -> Figure:
    """Return the figure at `share` of the way from a to b."""
    if share <= 0:
        return a
    if share >= 1:
        return b
    return a[0] + (b[0] - a[0]) * share, slerp(a[1], b[1], share), a[2] + (b[2] - a[2]) * share


class IdleLayer:
    """Plays the pack. Works without any server once the pack is there."""

    def __init__(self, clips: list[Clip], seed: int = 0) -> None:
        self._clips: dict[str, list[Clip]] = defaultdict(list)
        for clip in clips:
            self._clips[clip.state].append(clip)
        if not self._clips["idle"]:
            raise ValueError("a behaviour pack needs at least one idle clip")
        self._random = random.Random(seed)
        self._clip = self._clips["idle"][0]
        self._began_ms = 0.0
        self._before: tuple[Clip, float] | None = None
        self._changed_ms = -1e9

    def set_state(self, state: str, now_ms: float) -> None:
        """Change to a clip of `state` (a state of the wire; `speaking` and unknown ones play idle)."""
        wanted = PACK_STATE.get(state, "idle")
        if wanted != self._clip.state and self._clips[wanted]:
            self._switch(wanted, now_ms)

    def _switch(self, wanted: str, now_ms: float) -> None:
        choices = [c for c in self._clips[wanted] if c is not self._clip] or self._clips[wanted]
        self._before = (self._clip, self._began_ms)
        self._clip = self._random.choice(choices)
        self._began_ms = self._changed_ms = now_ms

    def at(self, now_ms: float) -> Figure:
        """Return the figure at `now_ms`; never the same loop twice in a row where there are others."""
        length_ms = len(self._clip.root_m) * 1000 / FPS
        if now_ms - self._began_ms >= length_ms - FADE_MS:
            self._switch(self._clip.state if self._clip.loop else "idle", now_ms)
        figure = _sample(self._clip, now_ms - self._began_ms)
        share = ease((now_ms - self._changed_ms) / FADE_MS)
        if share < 1 and self._before is not None:
            clip, began = self._before
            figure = blend(_sample(clip, now_ms - began), figure, share)
        return figure


def _sample(clip: Clip, at_ms: float) -> Figure:
    last = len(clip.root_m) - 1
    place = min(max(0.0, at_ms * FPS / 1000), float(last))
    low, share = int(place), place - int(place)
    high = min(low + 1, last)
    a = (clip.root_m[low], clip.rotations[low], clip.face[low])
    return blend(a, (clip.root_m[high], clip.rotations[high], clip.face[high]), share)

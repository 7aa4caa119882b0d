"""The behaviour pack: clips that a client plays by state while nothing is streamed (idle, listen, think, apology).

Every clip begins and ends in a standing pose with the arms at the sides, so that a cross-fade of 250 ms into, out of
and between them moves little. Loops close exactly: the frame after the last is the first. The last three states are for
the relay, which streams a clip when the user has walked around the character, pauses, or waits for long.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from solami.behaviour.face_life import face_life
from solami.behaviour.performance import Performance
from solami.behaviour.style import Style
from solami.behaviour.turning import TURNS_DEG, turned
from solami_protocol.skeleton import FPS

__all__ = ["PACK_STATES", "PackClip", "PackState", "behaviour_pack"]

PackState = Literal["idle", "listen", "think", "apology", "turn", "assent", "filler"]
PACK_STATES: tuple[PackState, ...] = ("idle", "listen", "think", "apology", "turn", "assent", "filler")


@dataclass(frozen=True, slots=True)
class PackClip:
    """One clip at 30 fps: root (T, 3) metres from the place where the character stands, facing +z; float32."""

    state: PackState
    name: str
    root_m: np.ndarray
    rotations: np.ndarray  # (T, 55, 4)
    face: np.ndarray  # (T, 52)
    loop: bool


@dataclass(frozen=True, slots=True)
class _Plan:
    state: PackState
    name: str
    frames: int
    cues: Sequence[tuple[str, float, float]] = ()  # gesture, stroke_ms, hold_ms
    loop: bool = True


_PLANS: tuple[_Plan, ...] = (
    _Plan("idle", "idle_calm", 210),
    _Plan("idle", "idle_look", 270, (("look_away", 2_600, 500), ("tilt_left", 6_300, 0))),
    _Plan("idle", "idle_shift", 240, (("idle", 3_200, 0),)),
    _Plan("idle", "idle_hands", 300, (("hands_together", 2_400, 3_400),)),
    _Plan("listen", "listen_nod", 240, (("listen", 1_500, 3_800), ("nod_once", 4_300, 0))),
    _Plan("listen", "listen_tilt", 270, (("tilt_left", 900, 0), ("listen", 3_300, 2_600), ("nod", 6_200, 0))),
    _Plan("think", "think_chin", 195, (("think", 1_250, 1_300),)),
    _Plan("think", "think_away", 180, (("look_away_left", 1_150, 1_300), ("tilt", 3_900, 0))),
    _Plan("apology", "apology", 100, (("apology", 950, 0),), loop=False),
    _Plan("assent", "assent_nod", 36, (("nod", 400, 0),), loop=False),
    _Plan("assent", "assent_once", 30, (("nod_once", 380, 0),), loop=False),
    _Plan("filler", "filler_away", 60, (("look_away", 620, 0),), loop=False),
)


def behaviour_pack(style: Style | None = None, seed: int = 0) -> list[PackClip]:
    """Return the clips of a character: idle loops, clips to listen, think and assent, an apology, a filler, turns."""
    style = style or Style()
    clips = [_render(plan, style, seed + 101 * i) for i, plan in enumerate(_PLANS)]
    return clips + [_turn(degrees, style, seed + 103 * i) for i, degrees in enumerate(TURNS_DEG)]


def _turn(degrees: int, style: Style, seed: int) -> PackClip:
    root_m, rotations = turned(degrees, style, seed)
    face = face_life(np.arange(len(root_m)) * 1000.0 / FPS, seed)
    name = f"turn_{'left' if degrees > 0 else 'right'}_{abs(degrees)}"
    return PackClip("turn", name, root_m, rotations, face, loop=False)


def _render(plan: _Plan, style: Style, seed: int) -> PackClip:
    slower = max(1.0, 1.0 / style.tempo)  # a slow character's gestures need a longer clip
    frames = round(plan.frames * slower)
    length_ms = frames * 1000.0 / FPS
    performance = Performance(style, None, seed, loop_ms=length_ms)
    for gesture, stroke_ms, hold_ms in plan.cues:
        performance.cue(gesture, stroke_ms * slower, hold_ms=hold_ms * slower)
    root_m, rotations = performance.render(length_ms)
    t_ms = np.arange(frames) * 1000.0 / FPS
    face = face_life(t_ms, seed, period_ms=length_ms)
    return PackClip(plan.state, plan.name, root_m, rotations, face, plan.loop)

"""Takes of idle life, beats and gestures, made from the authored set for training: what recordings lack.

Nothing here was recorded. Timing, style, gaze and order are drawn from a seed; each take says what it shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from solami.behaviour.gestures import GESTURES
from solami.behaviour.performance import Performance
from solami.behaviour.style import Style
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS

__all__ = ["Take", "practice_takes"]

TAKE_S = 15.0
_KINDS = ("idle", "beat", "gesture", "gesture")  # in turn: half of the takes practise one gesture
_BEATS = ("beat_right", "beat_left", "beat_both", "open_palms", "offer_right", "offer_left", "nod_once", "tilt")
_SHIFTS = ("idle", "look_away", "look_away_left", "tilt", "tilt_left", "listen", "hands_together", "nod_once")
_LIKELY_BEAT = 0.7  # the rest are larger strokes or the head


@dataclass(frozen=True)
class Take:
    """One take at 30 frames a second: root (T, 3) metres, rotations (T, 55, 4), float32."""

    name: str
    content: str
    """`idle`, `beat`, or the gesture that is practised."""
    style: str
    """`calm`, `even` or `lively`."""
    gestures: tuple[str, ...]
    """What was really placed, in order."""
    root_m: np.ndarray
    rotations: np.ndarray


def practice_takes(minutes: float, seed: int = 0, take_s: float = TAKE_S) -> Iterator[Take]:
    """Yield takes that last `minutes` together, at least; every gesture has its turn before one comes again.

    Raises InputError when minutes or take_s make no sense.
    """
    if not 0 < minutes <= 10_000 or not 3 <= take_s <= 600:
        raise InputError(
            f"{minutes} minutes in takes of {take_s} s; expected up to 10,000 minutes, takes of 3 to 600 s"
        )
    count = int(np.ceil(minutes * 60 / take_s))
    names = sorted(set(GESTURES) - {"idle"})
    practised: list[str] = []
    for number in range(count):
        rng = np.random.default_rng([seed, number, 0x7A4E])
        kind = _KINDS[number % len(_KINDS)]
        if kind == "gesture":
            if not practised:
                practised = [str(name) for name in rng.permutation(names)]
            kind = practised.pop()
        yield _take(number, kind, rng, take_s)


def _take(number: int, content: str, rng: np.random.Generator, take_s: float) -> Take:
    word, style = _style(rng)
    performance = Performance(style, seed=int(rng.integers(1 << 30)))
    length_ms = take_s * 1000.0
    placed: list[str] = []
    for gesture, at_ms in _schedule(content, rng, length_ms, style):
        hold_ms = float(rng.uniform(200, 1500)) if GESTURES[gesture].holds and rng.random() < 0.4 else 0.0
        if performance.cue(gesture, at_ms, hold_ms=hold_ms) is not None:
            placed.append(gesture)
    root_m, rotations = _rendered(performance, rng, length_ms)
    name = f"{content}_{word}_{number:04d}"
    return Take(name, content, word, tuple(placed), root_m, rotations)


def _style(rng: np.random.Generator) -> tuple[str, Style]:
    energy = float(rng.uniform(0.35, 1.4))
    style = Style(energy=energy, openness=float(rng.uniform(0.4, 1.4)), tempo=float(rng.uniform(0.75, 1.35)))
    return "calm" if energy < 0.7 else "even" if energy < 1.05 else "lively", style


def _schedule(content: str, rng: np.random.Generator, length_ms: float, style: Style) -> list[tuple[str, float]]:
    """Return gestures and the moments of their strokes: beats come as in speech, in phrases with pauses between."""
    out: list[tuple[str, float]] = []
    at_ms = float(rng.uniform(900, 2500))
    while at_ms < length_ms - 1500:
        if content == "idle":
            gesture, gap_ms = str(rng.choice(_SHIFTS)), rng.uniform(3500, 9000)
        elif content == "beat":
            beat = _BEATS[int(rng.integers(3))] if rng.random() < _LIKELY_BEAT else str(rng.choice(_BEATS[3:]))
            pause = rng.random() < 0.25  # between phrases
            gesture, gap_ms = beat, rng.uniform(1500, 3500) if pause else rng.uniform(450, 1200)
        else:
            gesture = content if rng.random() < 0.8 else str(rng.choice(_BEATS))
            gap_ms = GESTURES[gesture].duration_ms / style.tempo + rng.uniform(300, 2600)
        out.append((gesture, at_ms))
        at_ms += float(gap_ms)
    return out


def _rendered(performance: Performance, rng: np.random.Generator, length_ms: float) -> tuple[np.ndarray, np.ndarray]:
    """Render in pieces; between them the gaze may find a partner, another one, or let go."""
    roots, rotations = [], []
    at_ms = 0.0
    while at_ms < length_ms:
        at_ms = min(at_ms + float(rng.uniform(1500, 6000)), length_ms)
        if rng.random() < 0.75:
            bearing, away_m = rng.uniform(-0.7, 0.7), rng.uniform(0.8, 3.0)
            place = np.array([away_m * np.sin(bearing), rng.uniform(1.3, 1.75), away_m * np.cos(bearing)])
            performance.look_at(place)
        else:
            performance.look_at(None)
        root_m, turns = performance.render(at_ms)
        roots.append(root_m)
        rotations.append(turns)
    frames = round(length_ms * FPS / 1000)
    return np.concatenate(roots)[:frames], np.concatenate(rotations)[:frames]

"""The face between words: blinks, small glances, a breath of a smile, as the 52 shapes."""

import numpy as np

from solami.behaviour.gesture import minimum_jerk
from solami_protocol.arkit import FACE_INDEX, FACE_NAMES

__all__ = ["face_life"]

_BLINK_EVERY_MS = (2_000.0, 6_000.0)
_BLINK_MS = (120.0, 150.0)
_CLOSING, _CLOSED = 0.3, 0.3  # shares of a blink; closed for more than a frame of 33 ms, so that none is missed
_GLANCE_EVERY_MS = (450.0, 2_600.0)
_GLANCE_MS = 45.0
_GLANCE_WEIGHT = (0.16, 0.09)  # sideways and up or down; 1 is about 30 degrees
_QUIET_MS = 350.0  # before the end of a loop nothing begins


def face_life(t_ms: np.ndarray, seed: int, *, period_ms: float | None = None) -> np.ndarray:
    """Return face weights (T, 52) float32, 0 to 1, at times t_ms (T,) >= 0; a function of time and seed alone.

    With `period_ms` the weights repeat after it (for loops). Rates: blinks every 2 to 6 s for 0.12 to 0.15 s.
    """
    t_ms = np.asarray(t_ms, dtype=np.float64)
    out = np.zeros((len(t_ms), len(FACE_NAMES)))
    if len(t_ms) == 0:
        return out.astype(np.float32)
    if period_ms is not None:
        t_ms = t_ms % period_ms
    until_ms = period_ms - _QUIET_MS if period_ms is not None else float(t_ms.max()) + 1.0
    rng = np.random.default_rng([seed, 0xFACE])
    blink_rng, glance_rng, slow_rng = rng.spawn(3)
    blink = _blinks(t_ms, blink_rng, until_ms)
    turn, down = _glances(t_ms, glance_rng, until_ms, closes=period_ms is not None)
    slow = _slow(t_ms, slow_rng, period_ms)

    def put(name: str, values: np.ndarray) -> None:
        out[:, FACE_INDEX[name]] = np.clip(values, 0.0, 1.0)

    lids = np.clip(blink + 0.35 * np.maximum(down, 0), 0, 1)
    for side, outwards in (("Left", turn), ("Right", -turn)):
        put(f"eyeBlink{side}", lids)
        put(f"eyeLookOut{side}", outwards)
        put(f"eyeLookIn{side}", -outwards)
        put(f"eyeLookDown{side}", down)
        put(f"eyeLookUp{side}", -down)
        put(f"eyeSquint{side}", 0.04 + 0.03 * slow[1])
        put(f"mouthSmile{side}", 0.07 + 0.06 * slow[0])
        put(f"cheekSquint{side}", 0.03 + 0.03 * slow[0])
        put(f"browOuterUp{side}", 0.05 * slow[2] - 0.25 * down)
    put("browInnerUp", 0.05 + 0.05 * slow[2] + 0.1 * np.maximum(-down, 0))
    put("mouthPressLeft", 0.03 * np.maximum(slow[3], 0))
    put("mouthPressRight", 0.03 * np.maximum(slow[3], 0))
    return out.astype(np.float32)


def _blinks(t_ms: np.ndarray, rng: np.random.Generator, until_ms: float) -> np.ndarray:
    out = np.zeros(len(t_ms))
    at = float(rng.uniform(600, _BLINK_EVERY_MS[1] / 2))
    while at < until_ms:
        share = (t_ms - at) / rng.uniform(*_BLINK_MS)
        opening = (share - _CLOSING - _CLOSED) / (1 - _CLOSING - _CLOSED)
        out = np.maximum(out, minimum_jerk(share / _CLOSING) * (1 - minimum_jerk(opening)))
        at += float(rng.uniform(*_BLINK_EVERY_MS))
    return out


def _glances(t_ms: np.ndarray, rng: np.random.Generator, until_ms: float, *, closes: bool) -> tuple[np.ndarray, ...]:
    """Return turn (left positive) and down weights: jumps of 45 ms between fixations, every second one home."""
    out = np.zeros((2, len(t_ms)))
    here = np.zeros(2)
    at = float(rng.uniform(*_GLANCE_EVERY_MS))
    steps: list[tuple[float, np.ndarray]] = []
    while at < until_ms:
        away = rng.normal(0.0, 0.55, 2).clip(-1, 1) * _GLANCE_WEIGHT
        here = away if rng.random() < 0.55 else away * 0.15
        steps.append((at, here))
        at += float(rng.uniform(*_GLANCE_EVERY_MS))
    if closes:
        steps.append((until_ms, np.zeros(2)))
    before = np.zeros(2)
    for at, here in steps:
        out += (here - before)[:, None] * minimum_jerk((t_ms - at) / _GLANCE_MS)
        before = here
    return out[0], out[1]


def _slow(t_ms: np.ndarray, rng: np.random.Generator, period_ms: float | None) -> np.ndarray:
    """Return (4, T) slow wanderings within -1 to 1."""
    hz = np.exp(rng.uniform(np.log(0.05), np.log(0.2), (4, 2)))
    phase = rng.uniform(0, 2 * np.pi, (4, 2))
    if period_ms is not None:
        hz = np.maximum(1.0, np.round(hz * period_ms / 1000)) * 1000 / period_ms
    return np.mean(np.sin(2e-3 * np.pi * hz[..., None] * t_ms + phase[..., None]), axis=1)

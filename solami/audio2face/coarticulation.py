"""Phones to smooth controls: each sound pulls on the mouth before and after itself, and the strongest pulls win.

control(t) = sum_s D_s(t) T_s / (D_rest + sum_s D_s(t)), where D_s falls off exponentially before and after the core of
its segment (Cohen and Massaro 1993). Every pull ends `REACH_S` from the segment, so a frame depends only on phones
that begin less than `REACH_S` after it: that is what lets frames leave while a sentence is still being written.
"""

import numpy as np

from solami.audio2face.visemes import CONTROL_INDEX, CONTROLS, Segments
from solami_protocol.phones import Phone

__all__ = ["REACH_S", "controls_at", "speaking"]

REACH_S = 0.18
"""No phone moves the mouth earlier than this before its start, or later than this after its end."""

_REST_DOMINANCE = 0.04
_OPENS_S = 0.15  # the lips part up to this long before the first sound of a phrase
_CLOSES_S = 0.12  # and rest this long after its last sound


def _time_constants() -> tuple[np.ndarray, np.ndarray]:
    """Return seconds until a pull has fallen to 1/e, before and after the segment, (15,) each."""
    before, after = np.full(len(CONTROLS), 0.045), np.full(len(CONTROLS), 0.04)
    for name in ("funnel", "pucker"):  # rounding starts early and ends late (about 150 ms before its apex)
        before[CONTROL_INDEX[name]], after[CONTROL_INDEX[name]] = 0.07, 0.05
    for name in ("roll_lower", "roll_upper", "press", "tongue"):  # contacts are quick
        before[CONTROL_INDEX[name]], after[CONTROL_INDEX[name]] = 0.025, 0.025
    return before, after


_BEFORE_S, _AFTER_S = _time_constants()


def controls_at(segments: Segments, times_s: np.ndarray) -> np.ndarray:
    """Return the controls (T, 15) at `times_s` (T,), seconds on the phones' timeline."""
    if not len(segments.start_s):
        return np.zeros((len(times_s), len(CONTROLS)))
    t = times_s[:, None]
    quarter = 0.25 * (segments.end_s - segments.start_s)
    early = np.maximum(segments.start_s + quarter - t, 0)[..., None]  # (T, S, 1) seconds before the core
    late = np.maximum(t - (segments.end_s - quarter), 0)[..., None]
    fall = np.exp(-early / _BEFORE_S - late / _AFTER_S)  # (T, S, 15)
    outside = np.maximum(segments.start_s - t, t - segments.end_s)
    within_reach = np.clip((REACH_S - outside) / (0.5 * REACH_S), 0, 1)[..., None]
    dominance = segments.alpha * fall * within_reach
    pulled: np.ndarray = (dominance * segments.target).sum(1) / (_REST_DOMINANCE + dominance.sum(1))
    return pulled


def speaking(phones: list[Phone], times_s: np.ndarray) -> np.ndarray:
    """Return how far the mouth takes part in speech, (T,): 1 in and near sounds, 0 at rest between phrases."""
    sounds = [p for p in phones if p.p != "sil" and p.d_ms > 0]
    if not sounds:
        return np.zeros(len(times_s))
    start_s = np.array([p.t_ms for p in sounds]) / 1000
    end_s = start_s + np.array([p.d_ms for p in sounds]) / 1000
    t = times_s[:, None]
    before, after = np.maximum(start_s - t, 0), np.maximum(t - end_s, 0)
    opening = np.clip((_OPENS_S - before) / (_OPENS_S - 0.05), 0, 1)
    closing = np.clip((_CLOSES_S - after) / (_CLOSES_S - 0.02), 0, 1)
    nearest: np.ndarray = (opening * closing).max(1)
    return nearest * nearest * (3 - 2 * nearest)

"""What never stops: breath, weight going from leg to leg, a head that is never quite still. A function of time."""

from dataclasses import dataclass

import numpy as np

from solami.behaviour.gesture import minimum_jerk
from solami.behaviour.style import Style
from solami_protocol.skeleton import JOINT_INDEX

__all__ = ["WEIGHT_M", "Idle"]

_BREATH_HZ = 0.25
_SHIFT_EVERY_MS = (5_000.0, 20_000.0)
_SHIFT_TAKES_MS = (1_300.0, 2_200.0)
_LOOP_SHIFTS_MS = (2_200.0, 4_000.0)  # inside a loop of 6 to 10 s there must be time for two

# Drift: joint, axis (pitch, turn, tilt), degrees. The upper arms hang from a breathing, swaying chest: they follow.
_DRIFT: tuple[tuple[str, int, float], ...] = (
    ("head", 0, 0.9), ("head", 1, 1.5), ("head", 2, 0.8), ("neck", 0, 0.4), ("neck", 1, 0.8),
    ("spine1", 0, 0.35), ("spine2", 1, 0.5), ("spine3", 2, 0.3), ("pelvis", 1, 0.4),
    ("left_shoulder", 0, 0.6), ("left_shoulder", 2, 0.5), ("right_shoulder", 0, 0.6), ("right_shoulder", 2, 0.5),
    ("left_elbow", 1, 0.9), ("right_elbow", 1, 0.9),
    ("left_wrist", 0, 0.8), ("left_wrist", 2, 1.1), ("right_wrist", 0, 0.8), ("right_wrist", 2, 1.1),
    ("left_index1", 2, 1.2), ("left_middle1", 2, 1.4), ("left_ring1", 2, 1.5), ("left_pinky1", 2, 1.6),
    ("right_index1", 2, 1.2), ("right_middle1", 2, 1.4), ("right_ring1", 2, 1.5), ("right_pinky1", 2, 1.6),
)  # fmt: skip
_DRIFT_JOINTS = np.array([JOINT_INDEX[name] for name, _, _ in _DRIFT])
_DRIFT_AXES = np.array([axis for _, axis, _ in _DRIFT])
_DRIFT_RAD = np.radians([degrees for _, _, degrees in _DRIFT])
_DRIFT_HZ = (0.05, 0.33)  # each table below names a joint's axis once
_WAVES = 3  # sines per drifting axis

# One full breath in: joint, axis, degrees. The shoulders give back what the collars lift, so that hands stay.
_BREATH: tuple[tuple[str, int, float], ...] = (
    ("spine2", 0, -0.5), ("spine3", 0, -0.9), ("neck", 0, 0.7), ("head", 0, 0.5),
    ("left_collar", 2, 1.1), ("right_collar", 2, -1.1), ("left_shoulder", 2, -0.7), ("right_shoulder", 2, 0.7),
)  # fmt: skip
_BREATH_JOINTS = np.array([JOINT_INDEX[name] for name, _, _ in _BREATH])
_BREATH_AXES = np.array([axis for _, axis, _ in _BREATH])
_BREATH_RAD = np.radians([degrees for _, _, degrees in _BREATH])

# Weight on the left leg (side +1): the pelvis goes left and drops on the free side, the spine brings the head back.
_WEIGHT: tuple[tuple[str, int, float], ...] = (
    ("pelvis", 2, 1.7), ("pelvis", 1, -2.0), ("spine1", 2, -1.3), ("spine2", 2, -0.9), ("spine2", 1, 1.2),
    ("neck", 2, 0.8), ("head", 1, 0.6),
)  # fmt: skip
_WEIGHT_JOINTS = np.array([JOINT_INDEX[name] for name, _, _ in _WEIGHT])
_WEIGHT_AXES = np.array([axis for _, axis, _ in _WEIGHT])
_WEIGHT_RAD = np.radians([degrees for _, _, degrees in _WEIGHT])
WEIGHT_M = 0.026
"""How far the pelvis goes to the side that carries the weight."""
_WEIGHT_DROP_M = 0.004


@dataclass(frozen=True)
class _Shifts:
    """Weight as steps: at `start_ms[i]` it leaves `side[i]` and reaches `side[i + 1]` within `takes_ms[i]`."""

    start_ms: np.ndarray
    takes_ms: np.ndarray
    side: np.ndarray  # one longer

    def at(self, t_ms: np.ndarray) -> np.ndarray:
        i = np.clip(np.searchsorted(self.start_ms, t_ms, side="right") - 1, 0, len(self.start_ms) - 1)
        rise = minimum_jerk((t_ms - self.start_ms[i]) / self.takes_ms[i])
        return self.side[i] + rise * (self.side[i + 1] - self.side[i])


class Idle:
    """Idle life by seed and style.

    side: where the weight is at time 0, 1 left to -1 right; None lets the seed choose
    period_ms: everything repeats exactly after it (for loops), and begins with the weight in the middle
    """

    def __init__(self, style: Style, seed: int, *, side: float | None = None, period_ms: float | None = None) -> None:
        self._rng = np.random.default_rng([seed, 0x1D1E])
        self._period_ms = period_ms
        self._size = 0.5 + 0.5 * style.energy
        self._size_of_shift = 0.6 + 0.4 * self._size
        low, high = _DRIFT_HZ
        shape = (len(_DRIFT), _WAVES)
        hz = np.exp(self._rng.uniform(np.log(low), np.log(high), shape))
        self._drift_rad_per_ms = 2e-3 * np.pi * self._fitted(hz)
        self._drift_phase = self._rng.uniform(0, 2 * np.pi, shape)
        size = 1.0 / np.sqrt(1.0 + (hz / 0.12) ** 2)  # slow drifts are wide, quick ones small
        self._drift_rad = _DRIFT_RAD[:, None] * size / np.linalg.norm(size, axis=1, keepdims=True) * self._size
        breath_hz = _BREATH_HZ * (0.92 + 0.16 * self._rng.random()) * (0.85 + 0.15 * style.tempo)
        self._breath_rad_per_ms = 2e-3 * np.pi * float(self._fitted(np.array([breath_hz]))[0])
        self._breath_phase = float(self._rng.uniform(0, 2 * np.pi))
        if period_ms is not None:
            self._shifts = self._loop_shifts(period_ms)
        else:
            first = float(self._rng.uniform(-0.5, 0.5)) if side is None else side / self._size_of_shift
            self._shifts = self._more_shifts(self._first_shift(first), 60_000.0)

    def apply(self, t_ms: np.ndarray, posture: np.ndarray, shift_m: np.ndarray) -> None:
        """Add idle life to postures (T, 55, 3) and the pelvis' shift (T, 3), in place."""
        if self._period_ms is None and t_ms[-1] > self._shifts.start_ms[-1]:
            self._shifts = self._more_shifts(self._shifts, t_ms[-1] + 60_000.0)
        phase = self._breath_phase + self._breath_rad_per_ms * t_ms
        # lungs fill quicker than they empty: the second harmonic leans the wave forward
        breath = (0.5 - 0.5 * np.cos(phase + 0.35 * np.sin(phase))) * (0.6 + 0.4 * self._size)
        posture[:, _BREATH_JOINTS, _BREATH_AXES] += breath[:, None] * _BREATH_RAD
        angle = t_ms[:, None, None] * self._drift_rad_per_ms + self._drift_phase
        drift = np.sum(np.sin(angle) * self._drift_rad, axis=-1)
        posture[:, _DRIFT_JOINTS, _DRIFT_AXES] += drift
        side = self._shifts.at(t_ms % self._period_ms if self._period_ms else t_ms) * self._size_of_shift
        posture[:, _WEIGHT_JOINTS, _WEIGHT_AXES] += side[:, None] * _WEIGHT_RAD
        shift_m[:, 0] += side * WEIGHT_M
        shift_m[:, 1] += 0.0012 * breath - side * side * _WEIGHT_DROP_M

    def _fitted(self, hz: np.ndarray) -> np.ndarray:
        """Return frequencies; in a loop the nearest whole numbers of turns (at least one)."""
        if self._period_ms is None:
            return hz
        return np.maximum(1.0, np.round(hz * self._period_ms / 1000.0)) * 1000.0 / self._period_ms

    def _next_side(self, before: float) -> float:
        """Mostly the other leg, sometimes both."""
        if abs(before) > 0.2 and self._rng.random() < 0.3:
            return float(self._rng.uniform(-0.1, 0.1))
        side = -np.sign(before) if abs(before) > 0.2 else self._rng.choice([-1.0, 1.0])
        return float(side * self._rng.uniform(0.6, 1.1))

    def _first_shift(self, side: float) -> _Shifts:
        start, takes = self._rng.uniform(1_500, 6_000), self._rng.uniform(*_SHIFT_TAKES_MS)
        return _Shifts(np.array([start]), np.array([takes]), np.array([side, self._next_side(side)]))

    def _more_shifts(self, known: _Shifts, until_ms: float) -> _Shifts:
        starts, takes, sides = list(known.start_ms), list(known.takes_ms), list(known.side)
        while starts[-1] < until_ms:
            starts.append(starts[-1] + self._rng.uniform(*_SHIFT_EVERY_MS))
            takes.append(self._rng.uniform(*_SHIFT_TAKES_MS))
            sides.append(self._next_side(sides[-1]))
        return _Shifts(np.array(starts), np.array(takes), np.array(sides))

    def _loop_shifts(self, period_ms: float) -> _Shifts:
        """Shifts that come back to the first side before the loop ends; its seam lies in the middle of the weight."""
        starts, takes, sides = [], [], [0.0]
        at = float(self._rng.uniform(600, 1_400))
        while at + 2 * _SHIFT_TAKES_MS[1] + 400 < period_ms:
            starts.append(at)
            takes.append(float(self._rng.uniform(*_SHIFT_TAKES_MS)))
            sides.append(self._next_side(sides[-1]))
            at += float(self._rng.uniform(*_LOOP_SHIFTS_MS))
        starts.append(period_ms - _SHIFT_TAKES_MS[1] - 200)
        takes.append(_SHIFT_TAKES_MS[1])
        return _Shifts(np.array(starts), np.array(takes), np.array([*sides, 0.0]))

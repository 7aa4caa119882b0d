"""A few steps to another place or heading: the pelvis glides, the feet alternate, none slides.

The pelvis follows a minimum-jerk way. A foot lands where the stance will want it when the pelvis is half a step
further, so that the body comes over it; the last two steps land in the stance itself.
"""

import numpy as np

from solami.behaviour.feet import Place
from solami.behaviour.gesture import minimum_jerk
from solami.behaviour.stance import Stance
from solami_protocol import quaternions as q

__all__ = ["Walk"]

_STRIDE_M, _STRIDE_RAD = 0.30, np.radians(35.0)
_STEP_MS = 520.0
_SWING = 0.86  # share of a step in which its foot is in the air
_LIFT_M = 0.06
_UP = 0.13  # share of the swing in which the foot only rises, and only comes down
_SINK_M = 0.03


class Walk:
    """From one place to another, beginning at `begin_ms`. ankle_m (2, 3), foot (2, 4): the feet as they stand."""

    def __init__(
        self, stance: Stance, start: Place, goal: Place, ankle_m: np.ndarray, foot: np.ndarray, begin_ms: float
    ) -> None:
        self.start, self.goal, self.begin_ms = start, goal, begin_ms
        way = goal.origin_m - start.origin_m
        turn = q.to_rotvec(q.multiply(q.conjugate(start.yaw), goal.yaw))[1]
        strides = max(1, int(np.ceil(max(np.linalg.norm(way) / _STRIDE_M, abs(turn) / _STRIDE_RAD))))
        self._steps = strides + 1
        self.end_ms = begin_ms + self._steps * _STEP_MS
        # the foot that the way leads to goes first: nobody crosses their legs
        aside = start.to_local(goal.origin_m)[0] + 0.1 * turn
        self._first = 0 if aside >= 0 else 1
        self._falls = self._footfalls(stance, ankle_m, foot)

    def _footfalls(self, stance: Stance, ankle_m: np.ndarray, foot: np.ndarray) -> list[list[tuple]]:
        """Return for each foot its moves: begins ms, from and to as (ankle (3,), foot (4,))."""
        centre = np.array([0.0, 0.0, stance.ankle_m[:, 2].mean()])
        at = [(ankle_m[side], foot[side]) for side in (0, 1)]
        moves: list[list[tuple]] = [[], []]
        for step in range(self._steps):
            side = (self._first + step) % 2
            ahead_ms = self.begin_ms + (step + 1.5) * _STEP_MS
            place = self.place(np.array([ahead_ms if step < self._steps - 2 else self.end_ms]))
            there = Place(place.origin_m[0] * [1.0, 0.0, 1.0], place.yaw[0])
            to = (there.to_world(stance.ankle_m[side] - centre), q.multiply(there.yaw, stance.foot[side]))
            moves[side].append((self.begin_ms + step * _STEP_MS, at[side], to))
            at[side] = to
        return moves

    def place(self, t_ms: np.ndarray) -> Place:
        """Return where the stance is at (T,) times: origin (T, 3), yaw (T, 4)."""
        # the pelvis leaves with the first foot in the air and arrives with the last
        share = minimum_jerk((t_ms - self.begin_ms) / (self.end_ms - self.begin_ms))[:, None]
        origin = self.start.origin_m + share * (self.goal.origin_m - self.start.origin_m)
        # the knees give way while the legs are apart
        low = minimum_jerk((t_ms - self.begin_ms) / _STEP_MS) * minimum_jerk((self.end_ms - t_ms) / _STEP_MS)
        origin = origin - low[:, None] * [0.0, _SINK_M, 0.0]
        turn = q.to_rotvec(q.multiply(q.conjugate(self.start.yaw), self.goal.yaw))
        return Place(origin, q.multiply(self.start.yaw, q.from_rotvec(share * turn)))

    def feet(self, t_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ankles (T, 2, 3) metres and the feet's world rotations (T, 2, 4)."""
        ankle, foot = np.empty((len(t_ms), 2, 3)), np.empty((len(t_ms), 2, 4))
        for side, moves in enumerate(self._falls):
            ankle[:, side], foot[:, side] = moves[0][1]
            for begins_ms, before, after in moves:
                share = np.clip((t_ms - begins_ms) / (_SWING * _STEP_MS), 0, 1)
                moved = share > 0
                eased = minimum_jerk((share[moved, None] - _UP) / (1 - 2 * _UP))
                ankle[moved, side] = before[0] + eased * (after[0] - before[0])
                ankle[moved, side, 1] += _LIFT_M * np.sin(np.pi * share[moved]) ** 2
                foot[moved, side] = q.slerp(before[1], after[1], eased[:, 0])
        return ankle, foot

"""Where the character stands, and feet that stay there: the place of a start pose, and steps when its feet are off."""

from dataclasses import dataclass

import numpy as np

from solami.behaviour.gesture import minimum_jerk
from solami.behaviour.stance import Stance
from solami_protocol import quaternions as q
from solami_protocol.skeleton import JOINT_INDEX
from solami_tokenizers.motion.kinematics import forward

__all__ = ["Feet", "Place", "find_place"]

_ANKLES = [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]
_HIPS = [JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"]]
_KEEP_M = 0.03  # a foot this close to its place stays where it is; one further off steps there
_STEP_MS = 380.0
_LIFT_PER_M = 0.25
_STRIDE_YAW_RAD = np.radians(20.0)


@dataclass(frozen=True)
class Place:
    """A spot on the floor and a heading; the stance's own coordinates are relative to it."""

    origin_m: np.ndarray  # (3,), y is the floor
    yaw: np.ndarray  # (4,) turn about +y

    def to_world(self, points_m: np.ndarray) -> np.ndarray:
        """Return points (..., 3) of the stance's coordinates in the world's."""
        return self.origin_m + q.rotate(self.yaw, points_m)

    def to_local(self, points_m: np.ndarray) -> np.ndarray:
        """Return points (..., 3) of the world in the place's coordinates."""
        return q.rotate(q.conjugate(self.yaw), points_m - self.origin_m)


def find_place(root_m: np.ndarray, rotations: np.ndarray) -> Place:
    """Return where a pose (root (3,), rotations (55, 4)) stands: midway between its ankles, on the floor y = 0.

    The heading is square to the line of the ankles; in a stride, where that line lies across, square to the hips.
    """
    joints_m, _ = forward(root_m[None].astype(np.float64), rotations[None].astype(np.float64), body_only=True)
    ankles, hips = joints_m[0, _ANKLES], joints_m[0, _HIPS]
    yaw = _heading(hips)
    by_feet = _heading(ankles)
    if abs(np.angle(np.exp(1j * (by_feet - yaw)))) < _STRIDE_YAW_RAD:
        yaw = by_feet
    middle = ankles.mean(axis=0)
    return Place(np.array([middle[0], 0.0, middle[2]]), q.from_rotvec(np.array([0.0, yaw, 0.0])))


def _heading(pair_m: np.ndarray) -> float:
    """Yaw whose left is the way from the right joint to the left one."""
    way = pair_m[0] - pair_m[1]
    return float(np.arctan2(-way[2], way[0]))


class Feet:
    """The ankles' targets over time: planted, or first a step of each foot that started off its place."""

    def __init__(self, stance: Stance, place: Place, start: tuple[np.ndarray, np.ndarray] | None) -> None:
        centre = np.array([0.0, 0.0, stance.ankle_m[:, 2].mean()])
        self.ankle_m = place.to_world(stance.ankle_m - centre)
        self.foot = q.multiply(place.yaw, stance.foot)
        self.steps = np.zeros(2, dtype=bool)
        if start is None:
            self._off_m, self._twist = np.zeros((2, 3)), np.zeros((2, 3))
            return
        joints_m, turns = forward(start[0][None].astype(np.float64), start[1][None].astype(np.float64), body_only=True)
        self._off_m = joints_m[0, _ANKLES] - self.ankle_m
        flat = self._off_m * [1.0, 0.0, 1.0]
        self.steps = np.linalg.norm(flat, axis=-1) > _KEEP_M
        kept = np.where(self.steps[:, None], 0.0, flat)
        self.ankle_m = self.ankle_m + kept
        self._off_m = self._off_m - kept
        self._twist = q.to_rotvec(q.multiply(q.conjugate(self.foot), turns[0, _ANKLES]))

    @property
    def settled_ms(self) -> float:
        """When the first steps are over."""
        return _STEP_MS * (1.6 if self.steps.all() else 1.0 if self.steps.any() else 0.0)

    def at(self, t_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ankles (T, 2, 3) metres and the feet's world rotations (T, 2, 4); t_ms from the start."""
        # two feet never step at once
        begins = np.array([0.0, 0.6 * _STEP_MS if self.steps.all() else 0.0])
        if t_ms[0] >= begins[-1] + _STEP_MS:
            shape = (len(t_ms), 2)
            return np.broadcast_to(self.ankle_m, (*shape, 3)), np.broadcast_to(self.foot, (*shape, 4))
        share = (t_ms[:, None] - begins) / _STEP_MS
        left = (1 - minimum_jerk(share))[..., None]
        ankle = self.ankle_m + self._off_m * left
        swing = np.sin(np.pi * np.clip(share, 0, 1)) ** 2
        ankle[..., 1] += swing * _LIFT_PER_M * np.linalg.norm(self._off_m * [1, 0, 1], axis=-1)
        return ankle, q.multiply(self.foot, q.from_rotvec(self._twist * left))

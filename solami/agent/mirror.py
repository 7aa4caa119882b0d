"""The user's pose on the character's body, as in a mirror: their right hand moves our left one."""

import numpy as np

from solami.brain import Seen
from solami_protocol import quaternions as q
from solami_protocol.skeleton import JOINT_COUNT, JOINT_INDEX, MIRROR

__all__ = ["Mirror"]

_SIGNS = np.array([1.0, -1.0, -1.0, 1.0])
_FACE = [JOINT_INDEX[n] for n in ("jaw", "left_eye", "right_eye")]
_LEGS = [JOINT_INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("hip", "knee", "ankle", "foot")]
_TRUNK = [JOINT_INDEX[n] for n in ("spine1", "spine2", "spine3")]
_HIPS = [JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"]]
_MEASURED = 2
_RISE = 1 / 18  # of the way to the user's pose, a frame: 0.6 s in and out
_FOLLOW = 0.6  # share of what is new that one frame takes over: tracking trembles
_REACH_M = 0.35


class Mirror:
    """Turns the character's own frames into imitating ones; one instance a game.

    Joints that are absent stay the character's own; so do hips, legs and trunk where they are inferred (a headset
    without body tracking).
    """

    def __init__(self) -> None:
        self._weights = np.zeros(JOINT_COUNT)
        self._target: np.ndarray | None = None
        self._shift_m = np.zeros(3)
        self._start: tuple[np.ndarray, np.ndarray] | None = None  # the user's root and heading when it began

    def frame(self, root_m: np.ndarray, rotations: np.ndarray, seen: Seen | None) -> tuple[np.ndarray, np.ndarray]:
        """Return root (3,) and rotations (55, 4) from the character's own and the user's; None fades the user out."""
        wanted = np.zeros(JOINT_COUNT)
        if seen is not None:
            wanted = self._take(seen, rotations)
        self._weights += np.clip(wanted - self._weights, -_RISE, _RISE)
        if self._target is None:
            return root_m, rotations
        ease = self._weights**2 * (3 - 2 * self._weights)
        out = q.slerp(rotations, self._target, ease)
        turn = _upright(rotations[0])
        return root_m + ease[0] * q.rotate(turn, self._shift_m), out

    def _take(self, seen: Seen, rotations: np.ndarray) -> np.ndarray:
        """Follow the user's pose; return which joints (55,) it holds for."""
        validity = seen.validity[MIRROR]
        wanted = (validity > 0).astype(np.float64)
        wanted[_FACE] = 0.0
        whole = bool((seen.validity[_HIPS] == _MEASURED).all())
        if not whole:
            wanted[[0, *_LEGS]] = 0.0
            wanted[_TRUNK] = validity[_TRUNK] == _MEASURED
        pose = seen.rotations[MIRROR] * _SIGNS
        if self._start is None:
            self._start = (seen.root_m.astype(np.float64), _upright(seen.rotations[0]))
        root_m, heading = self._start
        pelvis = q.multiply(q.conjugate(heading), seen.rotations[0].astype(np.float64)) * _SIGNS
        pose[0] = q.multiply(_upright(rotations[0]), pelvis)
        shift = q.rotate(q.conjugate(heading), seen.root_m - root_m) * np.array([-1.0, 1.0, 1.0])
        self._shift_m += _FOLLOW * (np.clip(shift, -_REACH_M, _REACH_M) - self._shift_m)
        self._target = pose if self._target is None else q.slerp(self._target, pose, _FOLLOW)
        return wanted


def _upright(pelvis: np.ndarray) -> np.ndarray:
    """Return the heading alone of a pelvis' rotation, (4,)."""
    left = q.rotate(pelvis, np.array([1.0, 0.0, 0.0]))
    yaw = float(np.arctan2(-left[2], left[0]))
    return np.array([0.0, np.sin(yaw / 2), 0.0, np.cos(yaw / 2)])

"""Analytic legs: planted feet and a moving pelvis become hip, knee and ankle rotations, for whole runs of frames."""

import numpy as np

from solami_protocol import quaternions as q
from solami_protocol.skeleton import JOINT_INDEX, REST_OFFSETS

__all__ = ["FEET", "LEG_JOINTS", "plant_legs"]

FEET: tuple[str, str] = ("left", "right")
LEG_JOINTS: np.ndarray = np.array(
    [[JOINT_INDEX[f"{side}_{part}"] for side in FEET] for part in ("hip", "knee", "ankle")]
)
"""(3, 2) joint indices: hip, knee, ankle by left, right."""

_HIP = REST_OFFSETS[LEG_JOINTS[0]].astype(np.float64)  # (2, 3)
_THIGH = REST_OFFSETS[LEG_JOINTS[1]].astype(np.float64)
_SHIN = REST_OFFSETS[LEG_JOINTS[2]].astype(np.float64)
_THIGH_YZ = np.linalg.norm(_THIGH[:, 1:], axis=-1)  # the knee is a hinge about x: only y and z of the bones turn
_SHIN_YZ = np.linalg.norm(_SHIN[:, 1:], axis=-1)
# rest angle from thigh to shin about +x, radians (.049): the T-pose's knee is a little bent
_REST_BEND = np.arctan2(
    _THIGH[:, 1] * _SHIN[:, 2] - _THIGH[:, 2] * _SHIN[:, 1], np.sum(_THIGH[:, 1:] * _SHIN[:, 1:], axis=-1)
)
_SQUARES = np.sum(_THIGH**2, axis=-1) + np.sum(_SHIN**2, axis=-1)
_STRAIGHT = np.cos(np.radians(4.0))  # a standing knee keeps a few degrees


def plant_legs(
    pelvis_m: np.ndarray, pelvis: np.ndarray, ankle_m: np.ndarray, foot: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return local rotations (T, 2, 4) of hips, knees and ankles that put the ankles at `ankle_m`, feet as `foot`.

    pelvis_m: (T, 3) metres; pelvis: (T, 4) its world rotation
    ankle_m:  (T, 2, 3) left, right, metres; foot: (T, 2, 4) world rotations of the feet, also the knees' direction
    A foot out of reach is approached along its direction with an almost straight knee.
    """
    back = q.conjugate(pelvis)[:, None]
    reach = q.rotate(back, ankle_m - pelvis_m[:, None]) - _HIP  # (T, 2, 3) hip to ankle, in the pelvis' frame
    square = np.sum(reach * reach, axis=-1)
    cos = (square - _SQUARES - 2 * _THIGH[:, 0] * _SHIN[:, 0]) / (2 * _THIGH_YZ * _SHIN_YZ)
    bend = np.arccos(np.clip(cos, -0.9, _STRAIGHT)) - _REST_BEND
    zero = np.zeros_like(bend)
    knee = np.stack([np.sin(bend / 2), zero, zero, np.cos(bend / 2)], axis=-1)
    rest = _THIGH + q.rotate(knee, np.broadcast_to(_SHIN, reach.shape))
    swing = _short_arc(rest, reach)
    # then turn about the leg until the knee's hinge is level with the foot's own left
    wanted = q.rotate(q.multiply(back, foot), np.broadcast_to([1.0, 0.0, 0.0], reach.shape))
    axis = reach / np.sqrt(square)[..., None]
    hinge = q.rotate(swing, np.broadcast_to([1.0, 0.0, 0.0], reach.shape))
    hinge = hinge - axis * np.sum(hinge * axis, axis=-1, keepdims=True)
    wanted = wanted - axis * np.sum(wanted * axis, axis=-1, keepdims=True)
    turn = np.arctan2(np.sum(np.cross(hinge, wanted) * axis, axis=-1), np.sum(hinge * wanted, axis=-1))
    hip = q.multiply(q.from_rotvec(axis * turn[..., None]), swing)
    ankle = q.multiply(q.conjugate(q.multiply(pelvis[:, None], q.multiply(hip, knee))), foot)
    return hip, knee, ankle


def _short_arc(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the smallest rotations (..., 4) that turn vectors a into the directions of b; never opposite here."""
    lengths = np.sqrt(np.sum(a * a, axis=-1) * np.sum(b * b, axis=-1))
    w = lengths + np.sum(a * b, axis=-1)
    return q.normalise(np.concatenate([np.cross(a, b), w[..., None]], axis=-1))

"""Looking at somebody: the eyes go first, the head takes what they cannot, the chest what the head cannot.

Angles are taken from the pose as it is, so a nod stays a nod: the eyes make up for it and hold the target.
"""

import numpy as np

from solami_protocol import quaternions as q
from solami_protocol.skeleton import JOINT_INDEX, REST_OFFSETS

__all__ = ["gaze"]

_CHAIN = tuple(JOINT_INDEX[name] for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head"))
_SPINE, _NECK, _HEAD = _CHAIN[1:4], _CHAIN[4], _CHAIN[5]
_EYES = (JOINT_INDEX["left_eye"], JOINT_INDEX["right_eye"])
_BRIDGE = REST_OFFSETS[list(_EYES)].astype(np.float64).mean(axis=0)  # between the eyes, from the head joint

# Degrees: (turn, pitch). Comfortable before the next part helps, and the most a part gives.
_EYES_FIRST = np.radians([9.0, 7.0])
_EYES_MOST = np.radians([28.0, 20.0])
_HEAD_MOST = np.radians([55.0, 28.0])
_CHEST_MOST = np.radians([25.0, 8.0])
_NECK_SHARE = 0.4
_GIVES_UP = np.radians([115.0, 165.0])  # nobody looks behind: from the first to the second angle the gaze lets go


def gaze(
    rotations: np.ndarray,
    root_m: np.ndarray,
    target_m: np.ndarray,
    *,
    weight: np.ndarray | float = 1.0,
    eyes_target_m: np.ndarray | None = None,
) -> np.ndarray:
    """Return rotations (T, 55, 4) that look at a point; smooth in every argument.

    rotations: (T, 55, 4), root_m: (T, 3); the character's yaw is in the pelvis
    target_m:  (3,) or (T, 3) in the same space, metres; weight: 0 to 1, a number or (T,)
    eyes_target_m: where the eyes look, if they are ahead of the head
    """
    out = rotations.copy()
    share = np.broadcast_to(np.asarray(weight, dtype=np.float64), (len(rotations),))[:, None]
    turns, bridge_m = _chain(rotations, root_m)
    wanted = _angles(turns[-1], np.asarray(target_m) - bridge_m)
    behind = np.clip((np.abs(wanted[:, :1]) - _GIVES_UP[0]) / (_GIVES_UP[1] - _GIVES_UP[0]), 0, 1)
    share = share * (1 - behind * behind * (3 - 2 * behind))
    rest = wanted - _EYES_FIRST * np.tanh(wanted / _EYES_FIRST)
    head = _HEAD_MOST * np.tanh(rest / _HEAD_MOST)
    chest = _CHEST_MOST * np.tanh((rest - head) / _CHEST_MOST)
    for joint in _SPINE:
        out[:, joint] = q.multiply(out[:, joint], _turn(chest * share / len(_SPINE)))
    # the turn of the neck lies below the head's own pose: yaw about the body's axis, pitch about the head's
    out[:, _NECK] = q.multiply(out[:, _NECK], _turn(head * share * _NECK_SHARE))
    out[:, _HEAD] = q.multiply(out[:, _HEAD], _turn(head * share * (1 - _NECK_SHARE)))
    turns, bridge_m = _chain(out, root_m)
    point = np.asarray(target_m if eyes_target_m is None else eyes_target_m)
    left = _angles(turns[-1], point - bridge_m)
    eyes = _turn(_EYES_MOST * np.tanh(left / _EYES_MOST) * share)
    for joint in _EYES:
        out[:, joint] = q.multiply(eyes, out[:, joint])
    return out


def _chain(rotations: np.ndarray, root_m: np.ndarray) -> tuple[list[np.ndarray], np.ndarray]:
    """Return world rotations (T, 4) from pelvis to head, and the place between the eyes (T, 3)."""
    turn, place = rotations[:, 0], root_m
    turns = [turn]
    for joint in _CHAIN[1:]:
        place = place + q.rotate(turn, np.broadcast_to(REST_OFFSETS[joint].astype(np.float64), place.shape))
        turn = q.multiply(turn, rotations[:, joint])
        turns.append(turn)
    return turns, place + q.rotate(turn, np.broadcast_to(_BRIDGE, place.shape))


def _angles(frame: np.ndarray, way: np.ndarray) -> np.ndarray:
    """Return (T, 2) radians (turn left, pitch down) of a way in a frame that faces +z."""
    x, y, z = np.moveaxis(q.rotate(q.conjugate(frame), way), -1, 0)
    return np.stack([np.arctan2(x, z), -np.arctan2(y, np.hypot(x, z))], axis=-1)


def _turn(angles: np.ndarray) -> np.ndarray:
    """Return the rotation (T, 4) of (turn, pitch): pitch first, then turn about the vertical."""
    half = angles / 2
    (sy, sp), (cy, cp) = np.sin(half).T, np.cos(half).T
    return np.stack([cy * sp, sy * cp, -sy * sp, cy * cp], axis=-1)

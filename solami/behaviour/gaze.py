"""Looking at somebody: the eyes go first, the head takes what they cannot, the chest what the head cannot.

A pose of the head's own (a nod, a tilt) stays: the eyes make up for it and hold the target. Only a head that is turned
far away comes back.
"""

import numpy as np

from solami_protocol import quaternions as q
from solami_protocol.skeleton import JOINT_INDEX, REST_OFFSETS
from solami_tokenizers.motion.rotations import to_matrix

__all__ = ["gaze"]

_CHAIN = [JOINT_INDEX[name] for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head")]
_EYES = [JOINT_INDEX["left_eye"], JOINT_INDEX["right_eye"]]
_BRIDGE = REST_OFFSETS[_EYES].astype(np.float64).mean(axis=0)  # between the eyes, from the head joint

# Degrees: (turn, pitch). Comfortable before the next part helps, and the most a part gives.
_EYES_FIRST = np.radians([9.0, 7.0])
_EYES_MOST = np.radians([28.0, 20.0])
_HEAD_MOST = np.radians([55.0, 28.0])
_CHEST_MOST = np.radians([25.0, 8.0])
_OWN = np.radians([18.0, 14.0])  # the head's own pose that is left to it
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
    chest_turn, head_turn, bridge_m = _chest_and_head(out, root_m)
    wanted = _angles(head_turn, bridge_m, np.asarray(target_m))
    own = _angles(chest_turn, bridge_m, np.asarray(target_m)) - wanted
    own[:, 0] = (own[:, 0] + np.pi) % (2 * np.pi) - np.pi
    wanted = wanted + _OWN * np.tanh(own / _OWN)
    behind = np.clip((np.abs(wanted[:, :1]) - _GIVES_UP[0]) / (_GIVES_UP[1] - _GIVES_UP[0]), 0, 1)
    share = share * (1 - behind * behind * (3 - 2 * behind))
    rest = wanted - _EYES_FIRST * np.tanh(wanted / _EYES_FIRST)
    head = _HEAD_MOST * np.tanh(rest / _HEAD_MOST)
    chest = _CHEST_MOST * np.tanh((rest - head) / _CHEST_MOST)
    parts = np.stack([chest / 3] * 3 + [head * _NECK_SHARE, head * (1 - _NECK_SHARE)], axis=1)  # (T, 5, 2)
    out[:, _CHAIN[1:]] = q.multiply(out[:, _CHAIN[1:]], _turn(parts * share[:, None]))
    left = _angles(*_chest_and_head(out, root_m)[1:], np.asarray(target_m if eyes_target_m is None else eyes_target_m))
    eyes = _turn(_EYES_MOST * np.tanh(left / _EYES_MOST) * share)
    out[:, _EYES] = q.multiply(eyes[:, None], out[:, _EYES])
    return out


def _chest_and_head(rotations: np.ndarray, root_m: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the world rotations (T, 3, 3) of chest and head and the place between the eyes (T, 3)."""
    local = to_matrix(rotations[:, _CHAIN])
    turn, place = local[:, 0], root_m
    for i, joint in enumerate(_CHAIN[1:], 1):
        place = place + turn @ REST_OFFSETS[joint]
        turn = turn @ local[:, i]
        if joint == _CHAIN[3]:
            chest = turn
    return chest, turn, place + turn @ _BRIDGE


def _angles(turn: np.ndarray, place_m: np.ndarray, target_m: np.ndarray) -> np.ndarray:
    """Return (T, 2) radians (turn left, pitch down) from the way the head faces to the target."""
    x, y, z = ((target_m - place_m)[:, None] @ turn)[:, 0].T  # the transposed product: into the head's frame
    return np.stack([np.arctan2(x, z), -np.arctan2(y, np.hypot(x, z))], axis=-1)


def _turn(angles: np.ndarray) -> np.ndarray:
    """Return the rotations (..., 4) of (..., 2) turn and pitch: pitch first, then turn about the vertical."""
    half = angles / 2
    (sy, sp), (cy, cp) = np.moveaxis(np.sin(half), -1, 0), np.moveaxis(np.cos(half), -1, 0)
    return np.stack([cy * sp, sy * cp, -sy * sp, cy * cp], axis=-1)

"""Feet on the floor: which joints stand, and a root that moves so that standing feet stay where they are."""

import numpy as np

from solami_protocol.skeleton import FPS, JOINT_INDEX, rest_positions
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.features import RootState, pose_of, root_path
from solami_tokenizers.motion.heading import turn_xz
from solami_tokenizers.motion.kinematics import forward

__all__ = ["CONTACT_JOINTS", "contacts_of", "gated_path"]

CONTACT_NAMES = ("left_ankle", "left_foot", "right_ankle", "right_foot")
CONTACT_JOINTS = np.array([JOINT_INDEX[name] for name in CONTACT_NAMES])
_REST_M = rest_positions()[CONTACT_JOINTS, 1]  # a standing ankle is 0.07 m above the floor
_MAX_RISE_M = 0.05
_MAX_SPEED_M_S = 0.15
# shares of certainty between which the standing feet take over the root's velocity
_GATE_FROM, _GATE_TO = 0.5, 0.9


def contacts_of(clip: Clip) -> np.ndarray:
    """Return (T, 4) bool: does this ankle or ball of the foot stand on the floor (`CONTACT_NAMES`).

    It stands when it is less than 5 cm above its place in the T-pose and moves at less than 0.15 m/s.
    """
    places = forward(clip.root_m, clip.rotations, body_only=True)[0][:, CONTACT_JOINTS].astype(np.float64)
    speed = np.zeros(places.shape[:2])
    if clip.frames > 1:
        steps = np.linalg.norm(np.diff(places, axis=0), axis=-1) * clip.fps
        speed = np.concatenate([steps[:1], steps])
    return (places[..., 1] < _REST_M + _MAX_RISE_M) & (speed < _MAX_SPEED_M_S)


def gated_path(
    body: np.ndarray, contacts: np.ndarray, start: RootState | None = None, *, continues: bool = False
) -> np.ndarray:
    """Return the root's way as `root_path` does, (T, 3), moved by the standing feet where there are any.

    contacts: (T, 4) probabilities 0 to 1. A foot that stands in two frames running asks for the step that keeps it in
    place; the surest foot decides how much of the features' own velocity is replaced.
    """
    path = root_path(body, start, continues=continues)
    if len(body) < 2:
        return path
    still = np.zeros_like(path)
    still[:, 2] = path[:, 2]
    root, rotations = pose_of(body, still)
    feet = forward(root, rotations, body_only=True)[0][:, CONTACT_JOINTS][..., [0, 2]].astype(np.float64)
    wanted = -np.diff(feet, axis=0)  # (T - 1, 4, 2) root steps that hold each foot
    sure = np.minimum(contacts[1:], contacts[:-1])
    weight = sure**4 + 1e-9
    held = (wanted * weight[..., None]).sum(axis=1) / weight.sum(axis=1)[:, None]
    gate = np.clip((sure.max(axis=1) - _GATE_FROM) / (_GATE_TO - _GATE_FROM), 0, 1)[:, None]
    own = turn_xz(path[1:, 2], body[1:, 1:3].astype(np.float64) / FPS)
    steps = gate * held + (1 - gate) * own
    path[1:, :2] = path[0, :2] + np.cumsum(steps, axis=0)
    return path

"""SOLAMI's 315 features, for checkpoints made for them: absolute heading, displacements per frame.

    0:2      root displacement x, z to the next frame, in the heading of this one, m
    2        root height, m
    3:9      global pelvis rotation, rot6d by columns
    9:135    21 joints, rot6d; 135:315 30 finger joints, rot6d (left hand first)

T frames give T - 1. Clips are put at x = z = 0, facing +z, as SOLAMI's preparation does.
"""

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS, JOINT_COUNT
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.features import FIRST_FINGER, check_features
from solami_tokenizers.motion.heading import heading, turn_xz, yaw_quaternion
from solami_tokenizers.motion.rotations import continuous, from_rot6d, to_rot6d

__all__ = ["SOLAMI_BODY", "SOLAMI_HAND", "SOLAMI_WIDTH", "from_solami_features", "solami_features"]

SOLAMI_WIDTH = 315
SOLAMI_BODY, SOLAMI_HAND = slice(0, 135), slice(135, 315)


def solami_features(clip: Clip) -> np.ndarray:
    """Return SOLAMI's features (T - 1, 315) float32 of a clip of at least two frames at 30 frames a second.

    Raises InputError for one frame, or another rate.
    """
    if clip.frames < 2 or abs(clip.fps - FPS) > 1e-6:
        raise InputError(f"{clip.name}: {clip.frames} frames at {clip.fps:g} a second; expected 2 or more at {FPS}")
    yaw = heading(clip.rotations[:, 0])
    steps = turn_xz(-yaw[:-1], np.diff(clip.root_m[:, [0, 2]].astype(np.float64), axis=0))
    turns = clip.rotations.astype(np.float64)
    turns[:, 0] = quat.multiply(yaw_quaternion(-yaw[:1]), turns[:, 0])
    six = to_rot6d(turns[:-1])  # (T - 1, 55, 6)
    body = six[:, :22].reshape(len(steps), -1)
    fingers = six[:, FIRST_FINGER:].reshape(len(steps), -1)
    return np.concatenate([steps, clip.root_m[:-1, 1:2], body, fingers], axis=1).astype(np.float32)


def from_solami_features(features: np.ndarray, name: str = "decoded") -> Clip:
    """Return the clip of SOLAMI features (T, 315) or their body part (T, 135); it starts at x = z = 0.

    Frame k is placed by the displacements before it. Raises InputError for another width.
    """
    width = SOLAMI_WIDTH if features.shape[-1] == SOLAMI_WIDTH else SOLAMI_BODY.stop
    check_features(features, width, name)
    frames = len(features)
    rotations = np.tile(quat.IDENTITY.astype(np.float64), (frames, JOINT_COUNT, 1))
    rotations[:, :22] = from_rot6d(features[:, 3:135].astype(np.float64).reshape(frames, 22, 6))
    if width == SOLAMI_WIDTH:
        rotations[:, FIRST_FINGER:] = from_rot6d(features[:, 135:].astype(np.float64).reshape(frames, 30, 6))
    steps = turn_xz(heading(rotations[:, 0]), features[:, :2].astype(np.float64))
    xz = np.cumsum(np.concatenate([np.zeros((1, 2)), steps[:-1]]), axis=0)
    root = np.stack([xz[:, 0], features[:, 2], xz[:, 1]], axis=-1)
    return Clip(
        name=name,
        root_m=root.astype(np.float32),
        rotations=continuous(rotations).astype(np.float32),
        fps=float(FPS),
    )

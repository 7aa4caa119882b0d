"""Motion as the numbers that networks read: heading-free body features, hands, and back to a clip.

Body, 136 a frame, at 30 frames a second; rates are per second, taken from the frame before (0 in a clip's first frame):

    0        yaw rate, rad/s
    1:3      root velocity x, z in the frame's own heading, m/s
    3        height of the pelvis joint, m
    4:10     pelvis rotation with the heading removed, rot6d by columns
    10:136   21 joints (hips to wrists), rotation relative to the parent, rot6d

Hands, 180: 30 finger joints, left hand first, rot6d. Jaw and eyes belong to the face and are not kept.
"""

from dataclasses import dataclass

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS, JOINT_COUNT
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.heading import heading, turn_xz, yaw_quaternion
from solami_tokenizers.motion.rotations import continuous, from_rot6d, to_rot6d

__all__ = [
    "BODY_GROUPS",
    "BODY_WIDTH",
    "FIRST_FINGER",
    "HAND_WIDTH",
    "HEIGHT",
    "JOINT_TURNS",
    "ROOT_TURN",
    "VELOCITY",
    "YAW_RATE",
    "RootState",
    "body_features",
    "check_features",
    "hand_features",
    "pose_of",
    "root_path",
    "to_clip",
]

BODY_JOINTS = 22  # pelvis to wrists
FIRST_FINGER = 25
BODY_WIDTH = 136  # 1 + 2 + 1 + 6 + 21 * 6
HAND_WIDTH = 180  # 30 * 6
YAW_RATE, VELOCITY, HEIGHT = slice(0, 1), slice(1, 3), slice(3, 4)
ROOT_TURN, JOINT_TURNS = slice(4, 10), slice(10, 136)
BODY_GROUPS: dict[str, slice] = {
    "yaw_rate": YAW_RATE,
    "velocity": VELOCITY,
    "height": HEIGHT,
    "root_turn": ROOT_TURN,
    "joint_turns": JOINT_TURNS,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RootState:
    """Where a body stands and which way it faces: what heading-free features leave open."""

    x_m: float = 0.0
    z_m: float = 0.0
    yaw_rad: float = 0.0

    @classmethod
    def of(cls, clip: Clip, frame: int = -1) -> "RootState":
        """Return where the clip stands in one frame; the heading is followed from the clip's start."""
        yaw = heading(clip.rotations[:, 0])
        return cls(x_m=float(clip.root_m[frame, 0]), z_m=float(clip.root_m[frame, 2]), yaw_rad=float(yaw[frame]))


def body_features(clip: Clip, before: RootState | None = None) -> np.ndarray:
    """Return body features (T, 136) float32 of a clip at 30 frames a second.

    before: where the body was in the frame before the clip, for streams; None makes the first frame's rates 0.
    Raises InputError at another frame rate (see `resample`).
    """
    _check_rate(clip)
    yaw = heading(clip.rotations[:, 0], None if before is None else before.yaw_rad)
    first = np.array([yaw[0]]) if before is None else np.array([before.yaw_rad])
    xz = clip.root_m[:, [0, 2]].astype(np.float64)
    start = xz[:1] if before is None else np.array([[before.x_m, before.z_m]])
    yaw_rate = np.diff(np.concatenate([first, yaw])) * FPS
    velocity = turn_xz(-yaw, np.diff(np.concatenate([start, xz]), axis=0) * FPS)
    turns = clip.rotations[:, :BODY_JOINTS].astype(np.float64)
    turns[:, 0] = quat.multiply(yaw_quaternion(-yaw), turns[:, 0])
    six = to_rot6d(turns).reshape(clip.frames, -1)  # (T, 132)
    return np.concatenate([yaw_rate[:, None], velocity, clip.root_m[:, 1:2], six], axis=1).astype(np.float32)


def hand_features(clip: Clip) -> np.ndarray:
    """Return finger features (T, 180) float32 of a clip at 30 frames a second."""
    _check_rate(clip)
    six = to_rot6d(clip.rotations[:, FIRST_FINGER:].astype(np.float64))
    return six.reshape(clip.frames, HAND_WIDTH).astype(np.float32)


def root_path(body: np.ndarray, start: RootState | None = None, *, continues: bool = False) -> np.ndarray:
    """Return the root's way (T, 3) float64: x in metres, z in metres, heading in radians.

    start: where the first frame stands (its rates are then not used); with `continues`, where the frame before the
    first stood, which the first frame's rates leave.
    """
    start = start or RootState()
    steps = body[:, :3].astype(np.float64) / FPS
    if not continues:
        steps[:1] = 0
    yaw = start.yaw_rad + np.cumsum(steps[:, 0])
    xz = np.array([start.x_m, start.z_m]) + np.cumsum(turn_xz(yaw, steps[:, 1:3]), axis=0)
    return np.concatenate([xz, yaw[:, None]], axis=1)


def pose_of(body: np.ndarray, path: np.ndarray, hands: np.ndarray | None = None) -> tuple[np.ndarray, np.ndarray]:
    """Return root positions (T, 3) and local rotations (T, 55, 4), float32, of features along a root path (T, 3)."""
    frames = len(body)
    rotations = np.tile(quat.IDENTITY.astype(np.float64), (frames, JOINT_COUNT, 1))
    six = body[:, 4:].astype(np.float64).reshape(frames, BODY_JOINTS, 6)
    rotations[:, :BODY_JOINTS] = from_rot6d(six)
    rotations[:, 0] = quat.multiply(yaw_quaternion(path[:, 2]), rotations[:, 0])
    if hands is not None:
        fingers = hands.astype(np.float64).reshape(frames, JOINT_COUNT - FIRST_FINGER, 6)
        rotations[:, FIRST_FINGER:] = from_rot6d(fingers)
    root = np.stack([path[:, 0], body[:, 3], path[:, 1]], axis=-1)
    return root.astype(np.float32), continuous(rotations).astype(np.float32)


def to_clip(
    body: np.ndarray,
    hands: np.ndarray | None = None,
    *,
    start: RootState | None = None,
    continues: bool = False,
    name: str = "decoded",
) -> Clip:
    """Return the clip of body features (T, 136) and, where known, hand features (T, 180).

    start, continues: as in `root_path`. Raises InputError when the widths or lengths do not fit.
    """
    check_features(body, BODY_WIDTH, name)
    if hands is not None:
        check_features(hands, HAND_WIDTH, name)
        if len(hands) != len(body):
            raise InputError(f"{name}: {len(body)} frames of body, {len(hands)} of hands; expected as many")
    root, rotations = pose_of(body, root_path(body, start, continues=continues), hands)
    return Clip(name=name, root_m=root, rotations=rotations, fps=float(FPS))


def check_features(features: np.ndarray, width: int, name: str) -> None:
    """Raise InputError unless features are (T >= 1, width) and finite; the message names the first fault."""
    if features.ndim != 2 or features.shape[1] != width:
        raise InputError(f"{name}: features have shape {tuple(features.shape)}; expected (T, {width})")
    if len(features) == 0:
        raise InputError(f"{name}: holds 0 frames; expected at least one")
    bad = ~np.isfinite(features)
    if bad.any():
        frame, column = np.argwhere(bad)[0]
        raise InputError(f"{name}: frame {frame}, feature {column} is not finite (NaN or infinite)")


def _check_rate(clip: Clip) -> None:
    if abs(clip.fps - FPS) > 1e-6:
        raise InputError(f"{clip.name}: {clip.fps:g} frames a second; features need {FPS}, resample the clip first")

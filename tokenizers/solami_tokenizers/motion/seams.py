"""From what was shown to what comes next: a decoder that goes on from the shown pose, and a seam without a jump.

A reply's codes are decoded from the state that the last seconds *shown* leave (idle and held frames included), at the
root's place and heading; then the difference that is left at the seam, in pose and in velocity, fades along a quintic
while the new motion plays unchanged below it. Source of the fading: D. Bollo, "Inertialization", GDC 2018. A fade takes
8 frames, and more (up to 24) where a joint would otherwise be thrown: an arm cannot fall from a raised hand in 267 ms.
"""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.features import RootState, pose_of, root_path
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.networks import STRIDE
from solami_tokenizers.motion.streams import StreamDecoder
from solami_tokenizers.motion.tokenizer import MotionTokenizer

__all__ = ["BLEND_FRAMES", "LONGEST_BLEND_FRAMES", "PRIME_FRAMES", "ReplyDecoder", "Seam", "SeamJump", "seam_jump"]

BLEND_FRAMES = 8  # 267 ms
LONGEST_BLEND_FRAMES = 24  # 800 ms
BEND_M = 0.008  # what a fade may add to a joint's step from one frame to the next; 7 m/s^2, as in a calm gesture
PRIME_FRAMES = 96  # 3.2 s, a little more than the decoder looks back


class Seam:
    """The difference between what was shown and what follows, fading over some frames.

    shown: the last frames shown, two or more for a velocity. root_m (N, 3), rotations (N, 55, 4): the first frames
    that follow, two or more for a velocity; frame 0 comes one frame after the last shown. blend_frames None: as many as
    the difference needs.
    """

    def __init__(self, shown: Clip, root_m: np.ndarray, rotations: np.ndarray, blend_frames: int | None = None) -> None:
        old_root, old = shown.root_m[-2:].astype(np.float64), shown.rotations[-2:].astype(np.float64)
        root, new = root_m[:2].astype(np.float64), rotations[:2].astype(np.float64)
        moves = len(new) > 1
        # the new motion as it would have been one frame earlier, at the time of the last frame shown
        before_root = 2 * root[0] - root[1] if moves else root[0]
        step = quat.multiply(new[0], quat.conjugate(new[1])) if moves else quat.IDENTITY.astype(np.float64)
        before = quat.multiply(step, new[0])
        self._root, self._turn = old_root[-1] - before_root, _turn(before, old[-1])
        self._root_speed, self._turn_speed = np.zeros(3), np.zeros_like(self._turn)
        if moves and len(old) > 1:
            self._root_speed = (old_root[1] - old_root[0]) - (root[0] - before_root)
            self._turn_speed = _turn(old[0], old[1]) - _turn(before, new[0])
        self.frames = blend_frames or _frames_for(
            np.stack([old_root[0], old_root[-1], before_root, root[0]]), np.stack([old[0], old[-1], before, new[0]])
        )

    def apply(self, first: int, root_m: np.ndarray, rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return root (T, 3) and rotations (T, 55, 4), float32, of the new frames from number `first` on."""
        s = np.clip(np.arange(first + 1, first + 1 + len(root_m)) / self.frames, 0, 1)
        if s[0] >= 1:
            return root_m, rotations
        # quintics that end at rest: value 1 and slope 0, and value 0 and slope 1, at s = 0
        fall = 1 - s**3 * (10 - 15 * s + 6 * s**2)
        slope = self.frames * (s - 6 * s**3 + 8 * s**4 - 3 * s**5)
        root = root_m + fall[:, None] * self._root + slope[:, None] * self._root_speed
        turn = fall[:, None, None] * self._turn + slope[:, None, None] * self._turn_speed
        turned = quat.normalise(quat.multiply(rotations.astype(np.float64), quat.from_rotvec(turn)))
        return root.astype(np.float32), turned.astype(np.float32)


def _frames_for(root_m: np.ndarray, rotations: np.ndarray) -> int:
    """Return how many frames the fade from the last two frames shown to the two that follow (4, ...) must take.

    The fall of a gap bends a joint's way by up to 5.77 gap / frames^2, that of a difference in velocity by up to
    3.94 step / frames: the largest second derivatives of the two quintics.
    """
    a, b, c, d = forward(root_m.astype(np.float32), rotations.astype(np.float32), body_only=True)[0].astype(np.float64)
    gap = np.linalg.norm(c - b, axis=-1).max()
    step = np.linalg.norm((b - a) - (d - c), axis=-1).max()
    frames = max(np.sqrt(5.77 * gap / BEND_M), 3.94 * step / BEND_M)
    return int(np.clip(np.ceil(frames), BLEND_FRAMES, LONGEST_BLEND_FRAMES))


def _turn(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Return the rotation vector (..., 3) in a's own frame that takes a (..., 4) to b."""
    return quat.to_rotvec(quat.multiply(quat.conjugate(a), b))


@dataclass(frozen=True, slots=True)
class SeamJump:
    """What the eye could notice where one motion follows another, the worst body joint."""

    pose_m: float
    """How far a joint is from where its velocity would have carried it."""
    velocity_m_s: float
    """How much its velocity changes from one frame to the next."""


def seam_jump(shown: Clip, following: Clip) -> SeamJump:
    """Return the jump between the last frames shown (three or more) and the first that follow (two or more).

    Compare it with the same over all frames of a recording: `seam_jump` of any two neighbouring pieces of it.
    """
    if shown.frames < 2 or following.frames < 2:
        raise InputError(f"a seam needs 2 frames on each side; got {shown.frames} and {following.frames}")
    root = np.concatenate([shown.root_m[-2:], following.root_m[:2]])
    rotations = np.concatenate([shown.rotations[-2:], following.rotations[:2]])
    a, b, c, d = forward(root, rotations, body_only=True)[0].astype(np.float64)
    pose = np.linalg.norm(c - (2 * b - a), axis=-1)
    velocity = np.maximum(np.linalg.norm((c - b) - (b - a), axis=-1), np.linalg.norm((d - c) - (c - b), axis=-1))
    return SeamJump(float(pose.max()), float(velocity.max() * FPS))


class ReplyDecoder:
    """Codes of one reply to frames, going on from what the character showed."""

    def __init__(self, tokenizer: MotionTokenizer, shown: Clip, blend_frames: int | None = None) -> None:
        """shown: what was last seen of the character, at 30 frames a second; the more (up to 3 s), the better.

        Raises InputError for a tokenizer that has no body or cannot stream.
        """
        if tokenizer.settings.features != "body":
            raise InputError(f"a reply needs a body tokenizer; this one has '{tokenizer.settings.features}' features")
        self._tokenizer, self._blend = tokenizer, blend_frames
        self._stream: StreamDecoder = tokenizer.stream_decoder()
        features = tokenizer.features_of(shown)[-PRIME_FRAMES:]
        whole = len(features) - len(features) % STRIDE
        if whole:
            self._stream.prime(_tensor(tokenizer.encode(features[-whole:])))
        self._root = RootState.of(shown)
        self._shown = shown
        self._seam: Seam | None = None
        self._made = 0

    def push(self, codes: np.ndarray) -> Clip | None:
        """Return the frames that these codes (n, Q) make certain, or None while the look-ahead waits."""
        return self._placed(self._stream.push(_tensor(codes)).numpy())  # type: ignore[union-attr]

    def flush(self) -> Clip | None:
        """Return the last frames of the reply, or None when there are none."""
        return self._placed(self._stream.flush().numpy())  # type: ignore[union-attr]

    def _placed(self, features: np.ndarray) -> Clip | None:
        if len(features) == 0:
            return None
        path = root_path(features, self._root, continues=True)
        x, z, yaw = path[-1]
        self._root = RootState(x_m=float(x), z_m=float(z), yaw_rad=float(yaw))
        root, rotations = pose_of(features, path)
        if self._seam is None:
            self._seam = Seam(self._shown, root, rotations, self._blend)
        root, rotations = self._seam.apply(self._made, root, rotations)
        self._made += len(root)
        return Clip(name=self._shown.name, root_m=root, rotations=rotations, fps=float(FPS))


def _tensor(codes: np.ndarray) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(codes))

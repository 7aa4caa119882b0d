"""A motion recording on the 55 joints."""

from dataclasses import dataclass

import numpy as np

from solami_protocol.errors import InputError
from solami_protocol.skeleton import JOINT_COUNT

__all__ = ["Clip"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """Body and hands over time: right-handed, y up, metres, rotations local to each joint's parent.

    Raises InputError when the arrays do not fit each other or hold anything but finite numbers.
    """

    name: str
    root_m: np.ndarray
    """(T, 3) float32, the pelvis joint's place."""
    rotations: np.ndarray
    """(T, 55, 4) float32, x y z w relative to the T-pose."""
    fps: float
    notes: tuple[str, ...] = ()
    """What the reader did to the file: axes, units, skeleton, what was missing."""

    def __post_init__(self) -> None:
        frames = len(self.root_m)
        if self.root_m.shape != (frames, 3) or self.rotations.shape != (frames, JOINT_COUNT, 4):
            raise InputError(
                f"{self.name}: root {self.root_m.shape} and rotations {self.rotations.shape} do not fit; "
                f"expected (T, 3) and (T, {JOINT_COUNT}, 4)"
            )
        if frames == 0:
            raise InputError(f"{self.name}: holds 0 frames; expected at least one")
        if not (np.isfinite(self.root_m).all() and np.isfinite(self.rotations).all()):
            raise InputError(f"{self.name}: holds numbers that are not finite (NaN or infinite)")
        if not (np.isfinite(self.fps) and self.fps > 0):
            raise InputError(f"{self.name}: {self.fps} frames a second; expected more than 0")

    @property
    def frames(self) -> int:
        """Return the number of frames."""
        return len(self.root_m)

    @property
    def duration_s(self) -> float:
        """Return how long the clip plays, each frame being shown for 1/fps."""
        return self.frames / self.fps

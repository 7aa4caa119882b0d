"""Where the partner stands and looks, seen by the character: five numbers, and their codes as scalar bins.

The numbers are SOLAMI's: cos and -sin of the partner's heading relative to the character's, and the partner's pelvis in
the character's frame (x, y, z metres, y the difference of heights). Bins beat a learned codebook here: their error is
known (half a bin) and they need no training.
"""

from dataclasses import dataclass

import numpy as np

from solami_protocol.errors import InputError
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.heading import heading, turn_xz

__all__ = ["RELATIVE_WIDTH", "RelativeBins", "relative_features"]

RELATIVE_WIDTH = 5


def relative_features(character: Clip, partner: Clip) -> np.ndarray:
    """Return (T, 5) float32 for the frames that both clips have. Raises InputError when their rates differ."""
    if abs(character.fps - partner.fps) > 1e-6:
        raise InputError(f"{character.name} has {character.fps:g} frames a second, {partner.name} {partner.fps:g}")
    frames = min(character.frames, partner.frames)
    own = heading(character.rotations[:, 0])[:frames]
    turn = heading(partner.rotations[:, 0])[:frames] - own
    way = (partner.root_m[:frames] - character.root_m[:frames]).astype(np.float64)
    xz = turn_xz(-own, way[:, [0, 2]])
    return np.stack([np.cos(turn), -np.sin(turn), xz[:, 0], way[:, 1], xz[:, 1]], axis=-1).astype(np.float32)


@dataclass(frozen=True, slots=True)
class RelativeBins:
    """Codes (..., 4) of relative transforms: facing, bearing, distance (logarithmic), height."""

    turns: int = 32
    distances: int = 24
    heights: int = 8
    nearest_m: float = 0.3
    farthest_m: float = 6.0
    height_m: float = 0.6

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """Return how many values each code has."""
        return (self.turns, self.turns, self.distances, self.heights)

    def encode(self, features: np.ndarray) -> np.ndarray:
        """Return codes (..., 4) int64 of features (..., 5); places outside the range take the outermost bin."""
        if features.shape[-1] != RELATIVE_WIDTH or not np.isfinite(features).all():
            raise InputError(f"relative transform: shape {features.shape}; expected (..., 5) finite numbers")
        facing = np.arctan2(-features[..., 1], features[..., 0])
        bearing = np.arctan2(features[..., 2], features[..., 4])
        away = np.hypot(features[..., 2], features[..., 4])
        share = np.log(np.maximum(away, 1e-6) / self.nearest_m) / np.log(self.farthest_m / self.nearest_m)
        rise = (features[..., 3] / self.height_m + 1) / 2
        codes = [
            np.round(facing / (2 * np.pi) * self.turns) % self.turns,
            np.round(bearing / (2 * np.pi) * self.turns) % self.turns,
            np.clip(np.floor(share * self.distances), 0, self.distances - 1),
            np.clip(np.floor(rise * self.heights), 0, self.heights - 1),
        ]
        return np.stack(codes, axis=-1).astype(np.int64)

    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return features (..., 5) float32 at the middle of each bin. Raises InputError for codes out of range."""
        if codes.shape[-1] != 4 or (codes < 0).any() or (codes >= np.array(self.sizes)).any():
            raise InputError(f"relative codes: expected (..., 4) below {self.sizes}, got {codes.shape}")
        facing = codes[..., 0] * (2 * np.pi / self.turns)
        bearing = codes[..., 1] * (2 * np.pi / self.turns)
        share = (codes[..., 2] + 0.5) / self.distances
        away = self.nearest_m * (self.farthest_m / self.nearest_m) ** share
        height = ((codes[..., 3] + 0.5) / self.heights * 2 - 1) * self.height_m
        parts = [np.cos(facing), -np.sin(facing), away * np.sin(bearing), height, away * np.cos(bearing)]
        return np.stack(parts, axis=-1).astype(np.float32)

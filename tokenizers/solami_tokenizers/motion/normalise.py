"""Mean and deviation of features, with floors that keep other sources in range.

A deviation is at least a quarter of its group's mean and at least the group's absolute floor: a root height that hardly
moves in one source must not put another source's actor at 17 deviations. What a network reads is clamped; what it is
trained to give back is not.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from solami_tokenizers.motion.features import BODY_GROUPS, BODY_WIDTH, HAND_WIDTH

__all__ = ["CLAMP", "FLOORS", "Normaliser", "groups_of"]

CLAMP = 6.0
SHARE_OF_GROUP = 0.25
# absolute floors by group: rad/s, m/s, m; rotations without unit
FLOORS: dict[str, float] = {
    "yaw_rate": 0.3,
    "velocity": 0.2,
    "height": 0.08,
    "root_turn": 0.08,
    "joint_turns": 0.05,
    "fingers": 0.05,
}


def groups_of(width: int) -> dict[str, slice]:
    """Return the groups of features of one width: body (136), hands (180), or one group of everything."""
    if width == BODY_WIDTH:
        return BODY_GROUPS
    return {"fingers" if width == HAND_WIDTH else "all": slice(0, width)}


@dataclass(frozen=True, slots=True)
class Normaliser:
    """`(features - mean) / deviation`, both (D,) float32."""

    mean: np.ndarray
    deviation: np.ndarray

    @classmethod
    def fit(cls, features: np.ndarray, groups: Mapping[str, slice] | None = None) -> "Normaliser":
        """Return the statistics of features (N, D), floors applied; groups None takes those of the width."""
        values = features.astype(np.float64)
        deviation = values.std(axis=0)
        for name, part in (groups or groups_of(features.shape[1])).items():
            floor = max(SHARE_OF_GROUP * deviation[part].mean(), FLOORS.get(name, 1e-3))
            deviation[part] = np.maximum(deviation[part], floor)
        return cls(values.mean(axis=0).astype(np.float32), deviation.astype(np.float32))

    @classmethod
    def plain(cls, features: np.ndarray, floor: float = 1e-9) -> "Normaliser":
        """Return mean and deviation by dimension with one tiny floor, as SOLAMI and T2M-GPT prepare their data."""
        values = features.astype(np.float64)
        deviation = np.maximum(values.std(axis=0), floor)
        return cls(values.mean(axis=0).astype(np.float32), deviation.astype(np.float32))

    def apply(self, features: np.ndarray) -> np.ndarray:
        """Return normalised features, not clamped."""
        return (features - self.mean) / self.deviation

    def undo(self, normalised: np.ndarray) -> np.ndarray:
        """Return features of normalised ones."""
        return normalised * self.deviation + self.mean

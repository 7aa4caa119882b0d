"""A partner for recordings of one person: made up, from a distribution that is stated, and never called recorded.

In a clip's first frame the partner stands 0.5 to 4 m away (uniform), in any direction, facing anywhere (both uniform),
taller or shorter by a deviation of 6 cm; then he stands still while the recorded person moves.
"""

import numpy as np

from solami_protocol.quaternions import IDENTITY
from solami_protocol.skeleton import JOINT_COUNT
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.heading import yaw_quaternion
from solami_tokenizers.motion.relative import relative_features

__all__ = ["DISTRIBUTION", "authored_partner"]

NEAREST_M, FARTHEST_M = 0.5, 4.0
_HEIGHT_M, _MOST_HEIGHT_M = 0.06, 0.2
DISTRIBUTION = (
    f"in the first frame {NEAREST_M:g} to {FARTHEST_M:g} m away, any bearing, any facing (all uniform), "
    f"height by a deviation of {_HEIGHT_M:g} m; then standing still"
)


def authored_partner(clip: Clip, seed: int) -> np.ndarray:
    """Return the made-up partner seen by the person of a clip, (T, 5) float32, see `relative_features`."""
    rng = np.random.default_rng([seed, 0x9A47])
    away_m, bearing, facing = rng.uniform(NEAREST_M, FARTHEST_M), *rng.uniform(-np.pi, np.pi, 2)
    rise_m = float(np.clip(rng.normal(0, _HEIGHT_M), -_MOST_HEIGHT_M, _MOST_HEIGHT_M))
    place = clip.root_m[0] + np.array([away_m * np.sin(bearing), rise_m, away_m * np.cos(bearing)], np.float32)
    rotations = np.tile(IDENTITY, (clip.frames, JOINT_COUNT, 1))
    rotations[:, 0] = yaw_quaternion(np.array(facing))
    partner = Clip(name="partner", root_m=np.tile(place, (clip.frames, 1)), rotations=rotations, fps=clip.fps)
    return relative_features(clip, partner)

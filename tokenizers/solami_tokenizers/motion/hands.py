"""How good a hand tokenizer is: fingers relative to their wrist."""

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.skeleton import FPS, JOINT_COUNT
from solami_tokenizers.motion import metrics
from solami_tokenizers.motion.features import FIRST_FINGER
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.motion_data import MotionData
from solami_tokenizers.motion.rotations import from_rot6d
from solami_tokenizers.motion.tokenizer import MotionTokenizer

__all__ = ["evaluate_hands"]


def _fingers(features: np.ndarray) -> np.ndarray:
    """Return finger joints (T, 30, 3) in metres on a body that stands in the T-pose."""
    frames = len(features)
    rotations = np.tile(quat.IDENTITY.astype(np.float64), (frames, JOINT_COUNT, 1))
    rotations[:, FIRST_FINGER:] = from_rot6d(features.astype(np.float64).reshape(frames, -1, 6))
    return forward(np.zeros((frames, 3)), rotations)[0][:, FIRST_FINGER:]


def evaluate_hands(tokenizer: MotionTokenizer, data: MotionData, split: str) -> dict[str, float]:
    """Return finger errors in mm relative to the wrist, jitter, and the figures of the codes, over a split's clips."""
    assert data.hands is not None
    rows, counts = [], [np.zeros(size, np.int64) for size in tokenizer.quantiser.sizes]
    for entry in data.with_hands(split):
        true = data.hands[data.frames_of(entry)]
        codes = tokenizer.encode(true)
        made = tokenizer.decode(codes, frames=len(true))
        a, b = _fingers(made), _fingers(true)
        rows.append(
            {
                "mpjpe_mm": float(np.linalg.norm(a - b, axis=-1).mean() * 1e3),
                "acceleration_m_s2": metrics.acceleration_error_m_s2(a, b, FPS),
                "jitter_ratio": metrics.jitter_ratio(a, b),
            }
        )
        for level, size in enumerate(tokenizer.quantiser.sizes):
            counts[level] += metrics.code_counts(codes[:, level], size)
    figures = {name: float(np.mean([row[name] for row in rows])) for name in rows[0]}
    figures["code_usage"] = float(np.mean([metrics.usage(c) for c in counts]))
    figures["entropy"] = float(np.mean([metrics.entropy_share(c) for c in counts]))
    figures["clips"] = len(rows)
    return figures

"""How near a reconstruction is to the recording, in units a person can picture.

Positions are joints of one clip, (T, J, 3) in metres at `fps`; each function returns one number. Sources of the
definitions: MPJPE and its Procrustes form as in pose estimation (Gower 1975 for the alignment), acceleration error
after Kanazawa et al. 2019, foot skate as the horizontal speed of feet that stand in the recording.
"""

import numpy as np

from solami_protocol import quaternions as quat
from solami_tokenizers.motion.contacts import CONTACT_JOINTS

__all__ = [
    "acceleration_error_m_s2",
    "code_counts",
    "energy_ratio",
    "entropy_share",
    "foot_skate_cm_s",
    "jitter_ratio",
    "mpjpe_mm",
    "pa_mpjpe_mm",
    "perplexity",
    "rotation_error_deg",
    "spectrum_line_ratio",
    "usage",
    "world_mpjpe_mm",
    "wrist_mm",
]

WRISTS = [20, 21]


def mpjpe_mm(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the mean distance of joints in millimetres, roots laid on one another, headings as they are."""
    difference = (predicted - predicted[:, :1]) - (true - true[:, :1])
    return float(np.linalg.norm(difference, axis=-1).mean() * 1e3)


def world_mpjpe_mm(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the mean distance of joints in millimetres without any alignment: drift counts."""
    return float(np.linalg.norm(predicted - true, axis=-1).mean() * 1e3)


def wrist_mm(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the mean distance of both wrists in millimetres, roots laid on one another."""
    difference = (predicted - predicted[:, :1]) - (true - true[:, :1])
    return float(np.linalg.norm(difference[:, WRISTS], axis=-1).mean() * 1e3)


def pa_mpjpe_mm(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the mean distance in millimetres after each frame's best turn, scale and shift (Procrustes)."""
    a = predicted - predicted.mean(axis=1, keepdims=True)  # (T, J, 3)
    b = true - true.mean(axis=1, keepdims=True)
    u, s, vt = np.linalg.svd(np.swapaxes(a, 1, 2).astype(np.float64) @ b)
    flip = np.ones_like(s)
    flip[:, 2] = np.sign(np.linalg.det(u @ vt))  # a turn, not a mirror image
    turn = (u * flip[:, None]) @ vt  # (T, 3, 3), a @ turn is nearest to b
    scale = (s * flip).sum(axis=1) / np.maximum((a**2).sum(axis=(1, 2)), 1e-12)
    return float(np.linalg.norm(scale[:, None, None] * (a @ turn) - b, axis=-1).mean() * 1e3)


def rotation_error_deg(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the mean angle in degrees between rotations (T, J, 4)."""
    return float(np.degrees(quat.angle_between(predicted, true)).mean())


def acceleration_error_m_s2(predicted: np.ndarray, true: np.ndarray, fps: float) -> float:
    """Return the mean length of the difference of accelerations; 0 for fewer than three frames."""
    if len(true) < 3:
        return 0.0
    difference = np.diff(predicted, 2, axis=0) - np.diff(true, 2, axis=0)
    return float(np.linalg.norm(difference, axis=-1).mean() * fps**2)


def jitter_ratio(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return mean jerk over the recording's: 1 is best, below 1 is oversmoothed, 0 a frozen body."""
    return _ratio(predicted, true, 3)


def energy_ratio(predicted: np.ndarray, true: np.ndarray) -> float:
    """Return the mean square of root-relative joint speeds over the recording's: does it move as much."""
    a, b = (np.diff(p - p[:, :1], axis=0) for p in (predicted, true))
    return float((a**2).sum() / max((b**2).sum(), 1e-12))


def _ratio(predicted: np.ndarray, true: np.ndarray, order: int) -> float:
    if len(true) <= order:
        return 1.0
    a, b = (np.linalg.norm(np.diff(p, order, axis=0), axis=-1).mean() for p in (predicted, true))
    return float(a / max(b, 1e-12))


def foot_skate_cm_s(predicted: np.ndarray, standing: np.ndarray, fps: float) -> float:
    """Return how fast feet slide, cm/s, while they stand in the recording; NaN where no foot ever stands.

    standing: (T, 4) bool of the recording, see `contacts_of`; a frame counts when it and the one before stand.
    """
    feet = predicted[:, CONTACT_JOINTS][..., [0, 2]]
    speed = np.linalg.norm(np.diff(feet, axis=0), axis=-1) * fps * 100  # (T - 1, 4)
    both = standing[1:].astype(bool) & standing[:-1].astype(bool)
    return float(speed[both].mean()) if both.any() else float("nan")


def spectrum_line_ratio(positions: np.ndarray, fps: float, line_hz: float) -> float:
    """Return the power of the joints' speed at one frequency over the power at its sides: 1 means no line.

    An upsampling network can print its token rate into the motion; this finds it. Needs some seconds.
    """
    speed = np.diff(positions, axis=0).reshape(len(positions) - 1, -1)
    speed = speed - speed.mean(axis=0)
    power = (np.abs(np.fft.rfft(speed * np.hanning(len(speed))[:, None], axis=0)) ** 2).sum(axis=1)
    hz = np.fft.rfftfreq(len(speed), 1 / fps)
    near = np.abs(hz - line_hz) <= 0.15
    beside = (np.abs(hz - line_hz) > 0.4) & (np.abs(hz - line_hz) <= 1.2)
    return float(power[near].mean() / max(power[beside].mean(), 1e-12))


def code_counts(codes: np.ndarray, size: int) -> np.ndarray:
    """Return how often each of `size` codes occurs, (size,) int64."""
    return np.bincount(codes.reshape(-1), minlength=size)


def usage(counts: np.ndarray) -> float:
    """Return the share of codes that occur at all."""
    return float((counts > 0).mean())


def perplexity(counts: np.ndarray) -> float:
    """Return how many equally frequent codes would be as surprising as these."""
    share = counts / max(counts.sum(), 1)
    share = share[share > 0]
    return float(np.exp(-(share * np.log(share)).sum()))


def entropy_share(counts: np.ndarray) -> float:
    """Return the entropy of the codes over the largest possible, 0 to 1."""
    return float(np.log(perplexity(counts)) / np.log(len(counts))) if len(counts) > 1 else 1.0

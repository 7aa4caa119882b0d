"""How loud speech is, and the same loudness for every voice."""

import numpy as np

__all__ = ["LEVEL_DBFS", "VOICED_DBFS", "frame_levels_db", "levelled", "voiced_level_db"]

LEVEL_DBFS = -20.0
"""RMS of the voiced frames of everything that is said."""
VOICED_DBFS = -45.0
"""A 10 ms frame above this is voiced (DESIGN 1)."""
_KNEE, _CEILING = 0.6, 0.89
_FRAME = 240  # 10 ms at 24 kHz


def frame_levels_db(pcm: np.ndarray, frame: int) -> np.ndarray:
    """Return the RMS level in dBFS of each whole frame of `frame` samples; int16 or -1 to 1 floats, -120 is silence."""
    scale = 32768.0 if pcm.dtype == np.int16 else 1.0
    count = len(pcm) // frame
    frames = pcm[: count * frame].reshape(count, frame).astype(np.float64) / scale
    levels: np.ndarray = 10 * np.log10(np.mean(frames**2, axis=1) + 1e-12)
    return levels


def voiced_level_db(sound: np.ndarray, frame: int = _FRAME) -> float | None:
    """Return the RMS level in dBFS of the voiced frames taken together, None without any."""
    levels = frame_levels_db(sound, frame)
    loud = levels[levels > VOICED_DBFS]
    return float(10 * np.log10(np.mean(10 ** (loud / 10)))) if len(loud) else None


def levelled(sound: np.ndarray) -> np.ndarray:
    """Return (N,) int16 of -1 to 1 floats at 24 kHz, voiced frames at -20 dBFS, peaks bent below -1 dBFS."""
    for _ in range(2):  # what was voiced at the old level is not quite what is voiced at the new one
        level_db = voiced_level_db(sound)
        if level_db is not None:
            sound = sound * np.float32(10 ** ((LEVEL_DBFS - level_db) / 20))
    over = np.abs(sound) > _KNEE
    if over.any():
        room = _CEILING - _KNEE
        bent = np.sign(sound) * (_KNEE + room * np.tanh((np.abs(sound) - _KNEE) / room))
        sound = np.where(over, bent, sound)
    return np.round(sound * 32767).astype(np.int16)

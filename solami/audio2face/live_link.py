"""Face frames as the CSV that the Live Link Face app records, which animation tools import."""

import numpy as np

from solami_protocol.arkit import FACE_INDEX, FACE_NAMES

__all__ = ["live_link_csv"]

# The app writes right before left for these two pairs; importers go by the header, people by habit.
_SWAPPED = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
_COLUMNS = [_SWAPPED.get(name, name) for name in FACE_NAMES]
_ORDER = np.array([FACE_INDEX[name] for name in _COLUMNS])
_ANGLES = ("HeadYaw", "HeadPitch", "HeadRoll", "LeftEyeYaw", "LeftEyePitch", "LeftEyeRoll",
           "RightEyeYaw", "RightEyePitch", "RightEyeRoll")  # fmt: skip


def live_link_csv(face: np.ndarray, fps: int = 30) -> str:
    """Return the CSV of frames (T, 52): Timecode HH:MM:SS:FF.mmm from 0, BlendShapeCount 61, 52 weights, 9 angles.

    The angles of head and eyes are 0: they belong to the body's pose.
    """
    head = ["Timecode", "BlendShapeCount", *(name[0].upper() + name[1:] for name in _COLUMNS), *_ANGLES]
    rows = [",".join(head)]
    still = ",".join(["0.0"] * len(_ANGLES))
    for number, frame in enumerate(np.asarray(face)[:, _ORDER]):
        seconds, of_second = divmod(number, fps)
        clock = f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}:{of_second:02d}.000"
        rows.append(f"{clock},61,{','.join(f'{w:.6f}' for w in frame)},{still}")
    return "\n".join(rows) + "\n"

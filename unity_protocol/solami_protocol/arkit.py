"""The 52 face blendshapes, in ARKit's order (the order of the wire and of `ready.face_names`).

Source: the names of Apple's ARFaceAnchor.BlendShapeLocation. Live Link Face writes jawRight and
mouthRight before their left counterparts; `solami.audio2face.live_link` writes its CSV in that order.
"""

import numpy as np

__all__ = ["FACE_INDEX", "FACE_MIRROR", "FACE_NAMES"]

FACE_NAMES: tuple[str, ...] = (
    "eyeBlinkLeft", "eyeLookDownLeft", "eyeLookInLeft", "eyeLookOutLeft", "eyeLookUpLeft",
    "eyeSquintLeft", "eyeWideLeft",
    "eyeBlinkRight", "eyeLookDownRight", "eyeLookInRight", "eyeLookOutRight", "eyeLookUpRight",
    "eyeSquintRight", "eyeWideRight",
    "jawForward", "jawLeft", "jawRight", "jawOpen",
    "mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight",
    "mouthSmileLeft", "mouthSmileRight", "mouthFrownLeft", "mouthFrownRight", "mouthDimpleLeft", "mouthDimpleRight",
    "mouthStretchLeft", "mouthStretchRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
    "mouthPressLeft", "mouthPressRight",
    "mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight",
    "cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight",
    "tongueOut",
)  # fmt: skip

FACE_INDEX: dict[str, int] = {name: i for i, name in enumerate(FACE_NAMES)}


def _mirrored(name: str) -> str:
    if name.endswith("Left"):
        return name[:-4] + "Right"
    return name[:-5] + "Left" if name.endswith("Right") else name


FACE_MIRROR: np.ndarray = np.array([FACE_INDEX[_mirrored(name)] for name in FACE_NAMES])
"""(52,) index of each shape's counterpart on the other side."""

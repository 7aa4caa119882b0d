"""How a character uses its face: amounts of jaw, lips and brows, how often it blinks, and what feelings look like."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from solami_protocol.arkit import FACE_INDEX
from solami_protocol.errors import InputError

__all__ = ["Style", "expression", "style_of"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Style:
    """Gains are relative to 1; `smile` is a lasting ARKit weight; `seed` fixes blinks and brows."""

    jaw_gain: float = 1.0
    lip_gain: float = 1.0
    brow_gain: float = 1.0
    smile: float = 0.06
    blinks_per_min: float = 17.0
    seed: float = 0.0


_LIMITS: dict[str, tuple[float, float]] = {
    "jaw_gain": (0.5, 1.5),
    "lip_gain": (0.5, 1.5),
    "brow_gain": (0.0, 2.0),
    "smile": (0.0, 0.5),
    "blinks_per_min": (0.0, 60.0),
    "seed": (0.0, 2.0**31),
}

_BOTH = ("Left", "Right")
_FEELINGS: dict[str, dict[str, float]] = {
    "joy": {"mouthSmile": 0.68, "cheekSquint": 0.5, "eyeSquint": 0.3, "browOuterUp": 0.16, "mouthDimple": 0.2},
    "sadness": {  # the lids hang a little
        "browInnerUp": 0.95,
        "mouthFrown": 0.85,
        "eyeSquint": 0.15,
        "eyeBlink": 0.14,
        "mouthShrugLower": 0.2,
        "eyeLookDown": 0.16,
    },
    "anger": {"browDown": 0.85, "noseSneer": 0.3, "eyeSquint": 0.35, "mouthFrown": 0.2, "mouthPress": 0.2},
    "surprise": {"browInnerUp": 0.7, "browOuterUp": 0.75, "eyeWide": 0.65},
    "fear": {"browInnerUp": 0.75, "eyeWide": 0.5, "mouthStretch": 0.3},
    "disgust": {"noseSneer": 0.7, "browDown": 0.45, "mouthFrown": 0.25},
}
"""No feeling opens the jaw: lips that must be shut stay shut in every mood."""


def style_of(amounts: Mapping[str, float], base: Style | None = None) -> Style:
    """Return `base` (default: `Style()`) with `amounts` by field name.

    Raises InputError for an unknown name or an amount outside its limits.
    """
    for name, amount in amounts.items():
        if name not in _LIMITS:
            raise InputError(f"style.{name[:40]}: unknown; expected some of {', '.join(_LIMITS)}")
        least, most = _LIMITS[name]
        if not least <= amount <= most:
            raise InputError(f"style.{name}: {amount:g}, expected {least:g} to {most:g}")
    return replace(base or Style(), **amounts)


def expression(weights: Mapping[str, float]) -> np.ndarray:
    """Return the face (52,) of `weights`, feelings by name, 0 to 1 each; names without a face of their own add nothing.

    The sum of all weights counts as at most 1, so that mixed feelings do not pile up.
    """
    face = np.zeros(len(FACE_INDEX))
    known = {name: float(np.clip(weight, 0, 1)) for name, weight in weights.items() if name in _FEELINGS}
    scale = 1 / max(1.0, sum(known.values()))
    for name, weight in known.items():
        for shape, amount in _FEELINGS[name].items():
            for full in (shape,) if shape in FACE_INDEX else (shape + side for side in _BOTH):
                face[FACE_INDEX[full]] += amount * weight * scale
    return face

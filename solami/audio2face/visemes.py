"""What the mouth does for each phone: targets of fifteen controls, and how strongly the phone insists on them.

A control is one movement of jaw, lips or tongue; it drives one ARKit shape or a left/right pair. A phone gives each
control a target (0 to 1, ARKit weights) and a dominance alpha: near 0 means "whatever the neighbours do" (h, k, g),
near 1 means "exactly this" (lips of f, v, w; jaw of s). Diphthongs are two segments, one after the other.

Sources: dominance functions of Cohen and Massaro, "Modeling coarticulation in synthetic visual speech" (1993); which
sounds insist on what after Edwards et al., "JALI" (2016); the weights are our own, set by eye on rendered frames.
"""

from dataclasses import dataclass

import numpy as np

from solami_protocol.arkit import FACE_INDEX
from solami_protocol.phones import PHONES, Phone

__all__ = ["CONTROLS", "CONTROL_INDEX", "CONTROL_TO_FACE", "Segments", "segments_of"]

CONTROLS: tuple[str, ...] = (
    "jaw", "jaw_forward", "funnel", "pucker", "stretch", "smile", "dimple", "lower_down", "upper_up",
    "roll_lower", "roll_upper", "press", "shrug_lower", "shrug_upper", "tongue",
)  # fmt: skip
CONTROL_INDEX: dict[str, int] = {name: i for i, name in enumerate(CONTROLS)}

_SHAPES: dict[str, tuple[str, ...]] = {
    "jaw": ("jawOpen",),
    "jaw_forward": ("jawForward",),
    "funnel": ("mouthFunnel",),
    "pucker": ("mouthPucker",),
    "stretch": ("mouthStretchLeft", "mouthStretchRight"),
    "smile": ("mouthSmileLeft", "mouthSmileRight"),
    "dimple": ("mouthDimpleLeft", "mouthDimpleRight"),
    "lower_down": ("mouthLowerDownLeft", "mouthLowerDownRight"),
    "upper_up": ("mouthUpperUpLeft", "mouthUpperUpRight"),
    "roll_lower": ("mouthRollLower",),
    "roll_upper": ("mouthRollUpper",),
    "press": ("mouthPressLeft", "mouthPressRight"),
    "shrug_lower": ("mouthShrugLower",),
    "shrug_upper": ("mouthShrugUpper",),
    "tongue": ("tongueOut",),
}


def _control_to_face() -> np.ndarray:
    matrix = np.zeros((len(CONTROLS), len(FACE_INDEX)))
    for control, shapes in _SHAPES.items():
        for shape in shapes:
            matrix[CONTROL_INDEX[control], FACE_INDEX[shape]] = 1.0
    return matrix


CONTROL_TO_FACE: np.ndarray = _control_to_face()
"""(15, 52): multiply controls (T, 15) by it to get face frames (T, 52)."""

_GROUPS: dict[str, tuple[str, ...]] = {
    "jaw": ("jaw", "jaw_forward"),
    "round": ("funnel", "pucker"),
    "spread": ("stretch", "smile", "dimple"),
    "lips": ("lower_down", "upper_up", "roll_lower", "roll_upper", "press", "shrug_lower", "shrug_upper"),
    "tongue": ("tongue",),
}


@dataclass(frozen=True, slots=True)
class _Viseme:
    """Targets by control, and alpha by group. An absent group has 0.1 (the phone hardly cares), the tongue 0.5."""

    targets: dict[str, float]
    alpha: dict[str, float]


def _vowel(round_alpha: float = 0.6, **targets: float) -> _Viseme:
    return _Viseme(targets, {"jaw": 0.9, "round": round_alpha, "spread": 0.7, "lips": 0.5, "tongue": 0.5})


_M = _Viseme({"jaw": 0.09, "press": 0.3, "roll_lower": 0.22, "roll_upper": 0.18}, {"jaw": 0.6, "lips": 0.9})
_F = _Viseme(
    {"jaw": 0.08, "roll_lower": 0.42, "upper_up": 0.2, "shrug_lower": 0.1}, {"jaw": 0.8, "lips": 1.2, "round": 0.3}
)
_TH = _Viseme({"jaw": 0.13, "tongue": 0.35, "lower_down": 0.15}, {"jaw": 0.5, "lips": 0.4, "tongue": 1.0})
_T = _Viseme({"jaw": 0.12, "lower_down": 0.12}, {"jaw": 0.4, "lips": 0.2, "tongue": 0.5})
_L = _Viseme({"jaw": 0.18, "lower_down": 0.15}, {"jaw": 0.35, "lips": 0.25, "tongue": 0.5})
_K = _Viseme({"jaw": 0.17}, {"jaw": 0.12, "round": 0.03, "spread": 0.03, "lips": 0.05})
_SH = _Viseme(
    {"jaw": 0.06, "jaw_forward": 0.12, "funnel": 0.5, "pucker": 0.2, "lower_down": 0.18, "upper_up": 0.15},
    {"jaw": 0.9, "round": 0.8, "spread": 0.5, "lips": 0.6},
)
_S = _Viseme(
    {"jaw": 0.05, "stretch": 0.22, "smile": 0.08, "lower_down": 0.14, "upper_up": 0.08},
    {"jaw": 0.95, "round": 0.2, "spread": 0.5, "lips": 0.5},
)
_R = _Viseme({"jaw": 0.13, "funnel": 0.32, "pucker": 0.2}, {"jaw": 0.35, "round": 0.5, "lips": 0.2})
_W = _Viseme({"jaw": 0.1, "funnel": 0.35, "pucker": 0.8}, {"jaw": 0.5, "round": 1.3, "spread": 0.6, "lips": 0.3})
_Y = _Viseme({"jaw": 0.11, "stretch": 0.2, "smile": 0.2}, {"jaw": 0.4, "spread": 0.5, "lips": 0.2})
_SIL = _Viseme({}, {"jaw": 0.6, "round": 0.3, "spread": 0.3, "lips": 0.4, "tongue": 0.6})

_AA = _vowel(jaw=0.58, lower_down=0.3, upper_up=0.1)
_AE = _vowel(jaw=0.5, stretch=0.2, smile=0.1, lower_down=0.32, upper_up=0.16)
_AO = _vowel(0.9, jaw=0.46, funnel=0.45, pucker=0.15, lower_down=0.15)
_EH = _vowel(jaw=0.34, stretch=0.22, smile=0.06, lower_down=0.22, upper_up=0.1)
_IH = _vowel(jaw=0.21, stretch=0.2, smile=0.12, lower_down=0.16)
_IY = _vowel(jaw=0.15, stretch=0.26, smile=0.34, lower_down=0.14, dimple=0.08)
_OH = _vowel(1.0, jaw=0.38, funnel=0.5, pucker=0.3)
_UH = _vowel(0.9, jaw=0.2, funnel=0.36, pucker=0.36)
_UW = _vowel(1.2, jaw=0.14, funnel=0.28, pucker=0.8)
_OFFGLIDE_U = _vowel(1.0, jaw=0.16, funnel=0.3, pucker=0.65)

_VISEMES: dict[str, tuple[_Viseme, ...]] = {
    **dict.fromkeys(("m", "b", "p"), (_M,)),
    **dict.fromkeys(("f", "v"), (_F,)),
    **dict.fromkeys(("th", "dh"), (_TH,)),
    **dict.fromkeys(("t", "d", "n"), (_T,)),
    **dict.fromkeys(("k", "g", "ng", "hh"), (_K,)),
    **dict.fromkeys(("ch", "jh", "sh", "zh"), (_SH,)),
    **dict.fromkeys(("s", "z"), (_S,)),
    "l": (_L,),
    "r": (_R,),
    "w": (_W,),
    "y": (_Y,),
    "aa": (_AA,),
    "ae": (_AE,),
    "ah": (_vowel(jaw=0.42, lower_down=0.24, upper_up=0.06),),
    "ao": (_AO,),
    "aw": (_AA, _OFFGLIDE_U),
    "ax": (_vowel(jaw=0.24, lower_down=0.15),),
    "ay": (_AA, _IH),
    "eh": (_EH,),
    "er": (_vowel(0.7, jaw=0.22, funnel=0.3, pucker=0.12),),
    "ey": (_EH, _IY),
    "ih": (_IH,),
    "iy": (_IY,),
    "ow": (_OH, _OFFGLIDE_U),
    "oy": (_AO, _IH),
    "uh": (_UH,),
    "uw": (_UW,),
    "sil": (_SIL,),
}
if set(_VISEMES) != set(PHONES):
    raise AssertionError(f"no viseme for {set(PHONES) ^ set(_VISEMES)}")

_FIRST_PART = 0.6  # of a diphthong's time belongs to its first vowel


def _row(viseme: _Viseme) -> tuple[np.ndarray, np.ndarray]:
    target, alpha = np.zeros(len(CONTROLS)), np.zeros(len(CONTROLS))
    for name, value in viseme.targets.items():
        target[CONTROL_INDEX[name]] = value
    for group, members in _GROUPS.items():
        for name in members:
            alpha[CONTROL_INDEX[name]] = viseme.alpha.get(group, 0.5 if group == "tongue" else 0.1)
    return target, alpha


_ROWS = {phone: tuple(_row(v) for v in visemes) for phone, visemes in _VISEMES.items()}


@dataclass(frozen=True, slots=True)
class Segments:
    """Phones as arrays: `start_s`, `end_s` (S,), `target` and `alpha` (S, 15)."""

    start_s: np.ndarray
    end_s: np.ndarray
    target: np.ndarray
    alpha: np.ndarray


def segments_of(phones: list[Phone]) -> Segments:
    """Return one segment for each phone, two for a diphthong, in the order given."""
    spans: list[tuple[float, float]] = []
    rows: list[tuple[np.ndarray, np.ndarray]] = []
    for phone in phones:
        parts = _ROWS[phone.p]
        start_s, end_s = phone.t_ms / 1000, (phone.t_ms + phone.d_ms) / 1000
        middle_s = start_s + _FIRST_PART * (end_s - start_s)
        spans += [(start_s, end_s)] if len(parts) == 1 else [(start_s, middle_s), (middle_s, end_s)]
        rows += parts
    empty = np.zeros((0, len(CONTROLS)))
    return Segments(
        start_s=np.array([s for s, _ in spans]),
        end_s=np.array([e for _, e in spans]),
        target=np.array([t for t, _ in rows]) if rows else empty,
        alpha=np.array([a for _, a in rows]) if rows else empty,
    )

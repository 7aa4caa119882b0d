"""What else a recording shows: its mirror image, another tempo, another body height."""

import re

import numpy as np

from solami_protocol.skeleton import MIRROR
from solami_tokenizers.motion.features import (
    BODY_WIDTH,
    FIRST_FINGER,
    HAND_WIDTH,
    HEIGHT,
    JOINT_TURNS,
    ROOT_TURN,
    VELOCITY,
    YAW_RATE,
)

__all__ = ["mirror_body", "mirror_contacts", "mirror_hands", "mirror_label", "scale_body", "scale_tempo"]

# the mirror image of R is M R M with M = diag(-1, 1, 1): signs of its first two columns
_SIX_SIGNS = np.array([1, -1, -1, -1, 1, 1], dtype=np.float32)
_BODY_PARTNERS = MIRROR[1:22] - 1
_FINGER_PARTNERS = MIRROR[FIRST_FINGER:] - FIRST_FINGER
_WORDS = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}
_SIDE = re.compile(r"(?<![A-Za-z])(left|right|Left|Right)(?![a-z])")


def mirror_body(body: np.ndarray) -> np.ndarray:
    """Return body features (..., 136) of the mirror image (left and right swapped)."""
    assert body.shape[-1] == BODY_WIDTH
    out = body.copy()
    out[..., YAW_RATE] = -body[..., YAW_RATE]
    out[..., VELOCITY.start] = -body[..., VELOCITY.start]
    out[..., ROOT_TURN] = body[..., ROOT_TURN] * _SIX_SIGNS
    out[..., JOINT_TURNS] = _swap(body[..., JOINT_TURNS], _BODY_PARTNERS)
    return out


def mirror_hands(hands: np.ndarray) -> np.ndarray:
    """Return hand features (..., 180) of the mirror image."""
    assert hands.shape[-1] == HAND_WIDTH
    return _swap(hands, _FINGER_PARTNERS)


def _swap(six: np.ndarray, partners: np.ndarray) -> np.ndarray:
    joints = six.reshape(*six.shape[:-1], len(partners), 6)
    return (joints[..., partners, :] * _SIX_SIGNS).reshape(six.shape)


def mirror_contacts(contacts: np.ndarray) -> np.ndarray:
    """Return contacts (..., 4) of the mirror image."""
    return contacts[..., [2, 3, 0, 1]]


def mirror_label(label: str) -> str:
    """Return a label with left and right swapped, word by word: `wave-left-hand` becomes `wave-right-hand`."""
    return _SIDE.sub(lambda found: _WORDS[found[0]], label)


def scale_tempo(body: np.ndarray, tempo: np.ndarray) -> np.ndarray:
    """Return body features (..., 136) of frames taken `tempo` (...) times as far apart: the rates that change."""
    out = body.copy()
    out[..., :3] *= tempo[..., None]
    return out


def scale_body(body: np.ndarray, scale: np.ndarray) -> np.ndarray:
    """Return body features (..., 136) of a body `scale` (...) times as tall: its height and its way grow."""
    out = body.copy()
    out[..., VELOCITY] *= scale[..., None]
    out[..., HEIGHT] *= scale[..., None]
    return out

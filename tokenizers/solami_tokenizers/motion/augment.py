"""What else a recording shows: its mirror image, another tempo, another body height, limbs that go with others' limbs.

Each is a table over the columns of one kind of features, so that a whole batch takes a few array operations.
"""

import re
from dataclasses import dataclass

import numpy as np

from solami_protocol.skeleton import JOINT_INDEX, MIRROR
from solami_tokenizers.motion.features import BODY_JOINTS, FIRST_FINGER

__all__ = ["TABLES", "FeatureTable", "mirror_contacts", "mirror_label"]

# the mirror image of R is M R M with M = diag(-1, 1, 1): signs of its first two columns
_SIX_SIGNS = np.array([1, -1, -1, -1, 1, 1], dtype=np.float32)
_WORDS = {"left": "right", "right": "left", "Left": "Right", "Right": "Left"}
_SIDE = re.compile(r"(?<![A-Za-z])(left|right|Left|Right)(?![a-z])")


@dataclass(frozen=True, slots=True)
class FeatureTable:
    """How the columns of one kind of features (D of them) change."""

    partner: np.ndarray
    """(D,) which column each takes over in the mirror image,"""
    sign: np.ndarray
    """(D,) and with which sign."""
    timed: np.ndarray
    """(D,) bool: rates and steps, which grow with the tempo."""
    sized: np.ndarray
    """(D,) bool: lengths, which grow with the body."""
    limbs: tuple[np.ndarray, ...] = ()
    """Columns of what moves without the rest: the trunk with the head, each arm. Legs stay with the root's way."""

    def mirror(self, features: np.ndarray) -> np.ndarray:
        """Return features (..., D) of the mirror image (left and right swapped)."""
        return features[..., self.partner] * self.sign

    def retime(self, features: np.ndarray, tempo: np.ndarray) -> np.ndarray:
        """Return features (..., D) of frames taken `tempo` (...) times as far apart: their rates grow."""
        return features * np.where(self.timed, tempo[..., None], np.float32(1))

    def resize(self, features: np.ndarray, scale: np.ndarray) -> np.ndarray:
        """Return features (..., D) of a body `scale` (...) times as tall: its height and its way grow."""
        return features * np.where(self.sized, scale[..., None], np.float32(1))


def _joints(*names: str) -> tuple[int, ...]:
    return tuple(JOINT_INDEX[name] for name in names)


_ARM = ("{}_collar", "{}_shoulder", "{}_elbow", "{}_wrist")
_LIMBS = (
    _joints("spine1", "spine2", "spine3", "neck", "head"),
    *(_joints(*(name.format(side) for name in _ARM)) for side in ("left", "right")),
)


def _table(lead: list[tuple[float, bool, bool]], joints: np.ndarray) -> FeatureTable:
    """Return the table of leading columns (mirror sign, timed, sized), then rot6d of joints with these partners."""
    first, six = len(lead), 6 * len(joints)
    partner = np.concatenate([np.arange(first), first + (6 * joints[:, None] + np.arange(6)).reshape(-1)])
    sign = np.concatenate([[row[0] for row in lead], np.tile(_SIX_SIGNS, len(joints))]).astype(np.float32)
    timed = np.array([row[1] for row in lead] + [False] * six)
    sized = np.array([row[2] for row in lead] + [False] * six)
    limbs = [first + np.add.outer(6 * np.array(limb), np.arange(6)).reshape(-1) for limb in _LIMBS]
    return FeatureTable(partner, sign, timed, sized, tuple(limbs) if len(joints) == BODY_JOINTS else ())


_BODY = MIRROR[:BODY_JOINTS]
_FINGERS = MIRROR[FIRST_FINGER:] - FIRST_FINGER
_STEP = [(-1.0, True, True), (1.0, True, True)]  # x and z of the root's velocity or displacement
_HEIGHT = [(1.0, False, True)]
TABLES: dict[str, FeatureTable] = {
    "body": _table([(-1.0, True, False), *_STEP, *_HEIGHT], _BODY),
    "hand": _table([], _FINGERS),
    "solami_body": _table([*_STEP, *_HEIGHT], _BODY),
}


def mirror_contacts(contacts: np.ndarray) -> np.ndarray:
    """Return contacts (..., 4) of the mirror image."""
    return contacts[..., [2, 3, 0, 1]]


def mirror_label(label: str) -> str:
    """Return a label with left and right swapped, word by word: `wave-left-hand` becomes `wave-right-hand`."""
    return _SIDE.sub(lambda found: _WORDS[found[0]], label)

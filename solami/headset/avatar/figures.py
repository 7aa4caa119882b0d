"""The figures of the contact sheet: poses at the stroke of a gesture, and faces of sounds and moods."""

from dataclasses import dataclass
from functools import cache

import numpy as np

from solami.audio2face import animate
from solami.audio2face.style import expression
from solami.behaviour import GESTURES, Performance, stance
from solami.behaviour.style import Style
from solami_protocol.arkit import FACE_INDEX
from solami_protocol.phones import Phone

__all__ = ["FIGURES", "Figure", "gesture_pose"]

_VOWEL_MS = 240.0


@dataclass(frozen=True, slots=True)
class Figure:
    """One thing a character shows. `of` is a gesture, a phone, a feeling, `rest` or `blink`."""

    name: str
    kind: str
    """`body` or `face`: what the camera frames."""
    of: str

    def pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Return root (3,) and rotations (55, 4)."""
        return gesture_pose(self.of) if self.of in GESTURES else stance(Style()).pose()

    def face(self) -> np.ndarray:
        """Return the weights (52,), as the animator shows them at the middle of the sound."""
        if self.of.startswith("phone "):
            return _sound(self.of.removeprefix("phone "))
        if self.of == "blink":
            out = np.zeros(len(FACE_INDEX))
            out[[FACE_INDEX["eyeBlinkLeft"], FACE_INDEX["eyeBlinkRight"]]] = 1
            return out
        return np.clip(expression({self.of: 1.0}), 0, 1)


FIGURES: tuple[Figure, ...] = (
    Figure("rest", "body", "rest"),
    Figure("wave", "body", "wave_right"),
    Figure("bow", "body", "bow"),
    Figure("think", "body", "think"),
    Figure("point", "body", "point_you"),
    Figure("a (father)", "face", "phone aa"),
    Figure("e (bed)", "face", "phone eh"),
    Figure("i (see)", "face", "phone iy"),
    Figure("o (go)", "face", "phone ow"),
    Figure("u (you)", "face", "phone uw"),
    Figure("m", "face", "phone m"),
    Figure("f", "face", "phone f"),
    Figure("smile", "face", "joy"),
    Figure("sad", "face", "sadness"),
    Figure("blink", "face", "blink"),
)


@cache
def gesture_pose(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Return root (3,) and rotations (55, 4) at the stroke of a gesture."""
    performance = Performance(seed=3)
    stroke_ms = performance.cue(name, 1_500.0)
    assert stroke_ms is not None
    root, rotations = performance.render(stroke_ms + 40.0)
    return root[-1], rotations[-1]


def _sound(phone: str) -> np.ndarray:
    """Return the face at the middle of a sound between two schwas; consonants are taken shorter than vowels."""
    length_ms = _VOWEL_MS if phone not in ("m", "f") else 110.0
    phones = [Phone("ax", 100, 90), Phone(phone, 190, length_ms), Phone("ax", 190 + length_ms, 90)]
    sound = np.full(24_000, 0.0)
    span = slice(2_400, int((280 + length_ms) * 24))
    sound[span] = 9_000 * np.sign(np.sin(2 * np.pi * 120 * np.arange(24_000)[span] / 24_000))
    face = animate(sound.astype(np.int16), phones)
    return face[round((190 + length_ms * (0.35 if phone in ("ow", "m") else 0.5)) * 30 / 1000)]

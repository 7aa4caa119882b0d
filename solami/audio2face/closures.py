"""The hard pass: what an average of neighbours must not wash out.

Dominance functions average, so a 50 ms /b/ between two open vowels would never quite close, and a client that
interpolates 30 fps frames halves what is left. Here each /m b p/ owns at least two neighbouring frames in which the
lips are shut, a little ahead of the sound; each vowel owns the frame nearest its middle, in which they are open;
/f v/ and the hissing sounds own the frame nearest theirs. What a phone owns depends on it and its two neighbours alone.
"""

import math
from dataclasses import dataclass

import numpy as np

from solami.audio2face.visemes import CONTROL_INDEX
from solami_protocol.phones import BILABIAL, LABIODENTAL, OPEN_VOWELS, VOWELS, Phone

__all__ = ["Contacts", "contacts_of", "enforce"]

_LEAD_S = 0.02  # lips are shut this long before the sound begins: they lead, and the pass-band of the ear forgives it
_HELD_PART = 0.6  # of the sound's length; the rest is the release
_TAIL_S = 0.01
_MIN_APEX_S = 0.03  # a vowel shorter than a frame cannot insist on one
_OPEN_APEX = 0.3  # at 60 Hz sampling the apex may be missed by 8 ms: 0.3 * (1 - 8 / 33) is still above 0.2
_VOWEL_APEX = 0.1
_HALF_SHUT = 0.3  # how shut the frame beside a closure is
_HISSES = frozenset("s z sh zh ch jh".split())
_HISS_JAW = 0.07
_TEETH_JAW = 0.1
_TEETH_ROLL = 0.34


@dataclass(frozen=True, slots=True)
class Contacts:
    """Which frame numbers are owned: shut lips, vowel apexes (with their least aperture), lip on teeth, hissing."""

    shut: frozenset[int]
    apex: dict[int, float]
    teeth: frozenset[int]
    hiss: frozenset[int]


def _middle_frame(phone: Phone, fps: float) -> int:
    return round((phone.t_ms + phone.d_ms / 2) / 1000 * fps)


def _apex(phone: Phone | None, fps: float) -> int | None:
    if phone is None or phone.p not in VOWELS or phone.d_ms < _MIN_APEX_S * 1000:
        return None
    return _middle_frame(phone, fps)


def _shut_frames(phone: Phone, previous: Phone | None, following: Phone | None, fps: float) -> set[int]:
    """Return the frames of one closure: all in its held time, at least two, none that a neighbouring vowel owns."""
    start_s, length_s = phone.t_ms / 1000, phone.d_ms / 1000
    held_part = 1.0 if following is not None and following.p in BILABIAL else _HELD_PART
    first_s, last_s = start_s - _LEAD_S, start_s + held_part * length_s + _TAIL_S
    first, last = math.ceil(first_s * fps), math.floor(last_s * fps)
    if last - first < 1:
        first = math.floor((first_s + last_s) / 2 * fps)
        last = first + 1
    floor, ceiling = _apex(previous, fps), _apex(following, fps)
    if floor is not None and first <= floor:
        first, last = floor + 1, max(last, floor + 2)
    if ceiling is not None and last >= ceiling:
        first, last = min(first, ceiling - 2), ceiling - 1
        first = max(first, floor + 1) if floor is not None else first
    return set(range(first, last + 1))


def contacts_of(phones: list[Phone], fps: float) -> Contacts:
    """Return the frames that `phones` (sorted by time) own on a grid of `fps` frames a second."""
    shut: set[int] = set()
    apex: dict[int, float] = {}
    teeth: set[int] = set()
    hiss: set[int] = set()
    for i, phone in enumerate(phones):
        if phone.p in BILABIAL:
            previous = phones[i - 1] if i else None
            shut |= _shut_frames(phone, previous, phones[i + 1] if i + 1 < len(phones) else None, fps)
        elif (frame := _apex(phone, fps)) is not None:
            least = _OPEN_APEX if phone.p in OPEN_VOWELS else _VOWEL_APEX
            apex[frame] = max(apex.get(frame, 0.0), least)
        elif phone.p in LABIODENTAL:
            teeth.add(_middle_frame(phone, fps))
        elif phone.p in _HISSES:
            hiss.add(_middle_frame(phone, fps))
    return Contacts(frozenset(shut), apex, frozenset(teeth), frozenset(hiss))


def enforce(contacts: Contacts, first_frame: int, controls: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return controls (T, 15) that keep the contacts, and how shut the lips are (T,), 0 to 1.

    first_frame: number of the frame in `controls[0]`; shut lips mean mouthClose = shut * jawOpen.
    """
    out, shut = controls.copy(), np.zeros(len(controls))
    jaw, roll_lower = CONTROL_INDEX["jaw"], CONTROL_INDEX["roll_lower"]
    for row in range(len(controls)):
        frame = first_frame + row
        if frame in contacts.shut:
            shut[row] = 1.0
        elif frame in contacts.apex:
            out[row, jaw] = max(out[row, jaw], contacts.apex[frame])
        elif frame in contacts.teeth:
            out[row, jaw] = min(out[row, jaw], _TEETH_JAW)
            out[row, roll_lower] = max(out[row, roll_lower], _TEETH_ROLL)
        elif frame in contacts.hiss:
            out[row, jaw] = min(out[row, jaw], _HISS_JAW)
        elif frame - 1 in contacts.shut or frame + 1 in contacts.shut:
            shut[row] = _HALF_SHUT
    for name, least in (("press", 0.28), ("roll_lower", 0.2), ("roll_upper", 0.16)):
        column = CONTROL_INDEX[name]
        out[:, column] = np.maximum(out[:, column], least * (shut == 1.0))
    for name in ("lower_down", "upper_up", "tongue"):
        out[:, CONTROL_INDEX[name]] *= 1 - shut
    return out, shut

"""Blinks and brows: what the upper half of the face does while somebody speaks.

Blinks come at random, log-normal intervals (people blink 15 to 20 times a minute in talk), and more readily where a
phrase ends. Brows rise on stressed vowels, which are the long ones; without phones, on peaks of loudness. Everything is
a function of the seed, the epoch and the frame number, so streamed and offline output agree.
"""

import numpy as np

from solami.audio2face.style import Style
from solami_protocol.arkit import FACE_INDEX
from solami_protocol.phones import VOWELS, Phone

__all__ = ["UpperFace"]

_BLINK = (0.45, 1.0, 0.9, 0.6, 0.3, 0.1)  # 30 fps: shut in 67 ms, open again in 130 ms
_BLINK_SPREAD = 0.45
_PAUSE_MS = 150.0  # a silence this long ends a phrase
_PAUSE_BLINK_AFTER = 40  # frames since the last blink before a pause may bring one
_BROW_LEAD_MS = 120.0
_BROW_RISE, _BROW_FALL = 4, 9  # frames
_BROW_REST = 24  # frames between two emphases
_STRESS = 1.35  # times the usual length of a vowel
_LOUD = 0.88  # level that counts as a peak when no phones are known


class UpperFace:
    """The state of one epoch's blinks and brows; `frame` is called once for each frame, in order."""

    def __init__(self, style: Style, epoch: int) -> None:
        self._style = style
        self._rng = np.random.default_rng([int(style.seed), epoch])
        self._last_blink = -_PAUSE_BLINK_AFTER
        self._next_blink = int(self._interval() * self._rng.uniform(0.3, 1.0))
        self._last_emphasis = -_BROW_REST
        self._emphasis = 0.0
        self._vowel_ms = 90.0
        self._seen_ms = -1e9

    def _interval(self) -> float:
        mean = 30 * 60 / max(self._style.blinks_per_min, 0.01)
        return float(mean * self._rng.lognormal(-(_BLINK_SPREAD**2) / 2, _BLINK_SPREAD))

    def frame(self, number: int, phones: list[Phone], level: float | None) -> np.ndarray:
        """Return the upper face (52,) of one frame.

        phones: those known around the frame, in order; level: loudness 0 to 1 where no phones are known, else None.
        """
        now_ms = number * 1000 / 30
        fresh = [p for p in phones if self._seen_ms < p.t_ms <= now_ms + _BROW_LEAD_MS]
        self._seen_ms = max(self._seen_ms, now_ms + _BROW_LEAD_MS)
        self._maybe_blink(number, fresh)
        self._maybe_raise(number, fresh, level)
        face = np.zeros(len(FACE_INDEX))
        self._add_blink(face, number)
        self._add_brows(face, number)
        return face

    def _maybe_blink(self, number: int, fresh: list[Phone]) -> None:
        pause = any(p.p == "sil" and p.d_ms >= _PAUSE_MS for p in fresh)
        rested = number - self._last_blink >= _PAUSE_BLINK_AFTER
        if number >= self._next_blink or (pause and rested and self._rng.random() < 0.6):
            self._last_blink = number
            self._next_blink = number + max(len(_BLINK) + 4, int(self._interval()))

    def _maybe_raise(self, number: int, fresh: list[Phone], level: float | None) -> None:
        rested = number - self._last_emphasis >= _BROW_REST
        strength = 0.0
        for phone in fresh:
            if phone.p in VOWELS and phone.p != "ax":
                if phone.d_ms > _STRESS * self._vowel_ms:
                    strength = max(strength, min(1.0, phone.d_ms / self._vowel_ms - 1))
                self._vowel_ms += 0.15 * (min(phone.d_ms, 300.0) - self._vowel_ms)
        if level is not None and level > _LOUD:
            strength = max(strength, 0.6)
        if rested and strength > 0:
            self._last_emphasis, self._emphasis = number, 0.5 + 0.5 * strength

    def _add_blink(self, face: np.ndarray, number: int) -> None:
        age = number - self._last_blink
        if 0 <= age < len(_BLINK):
            for side in ("Left", "Right"):
                face[FACE_INDEX["eyeBlink" + side]] = _BLINK[age]
                face[FACE_INDEX["eyeSquint" + side]] = 0.15 * _BLINK[age]

    def _add_brows(self, face: np.ndarray, number: int) -> None:
        age = number - self._last_emphasis
        if self._emphasis == 0 or not 0 <= age < _BROW_RISE + _BROW_FALL:
            return
        part = (age + 1) / _BROW_RISE if age < _BROW_RISE else 1 - (age + 1 - _BROW_RISE) / _BROW_FALL
        lift = 0.5 * (1 - np.cos(np.pi * np.clip(part, 0, 1))) * self._emphasis * self._style.brow_gain
        face[FACE_INDEX["browInnerUp"]] += 0.3 * lift
        for side in ("Left", "Right"):
            face[FACE_INDEX["browOuterUp" + side]] += 0.22 * lift
            face[FACE_INDEX["eyeWide" + side]] += 0.08 * lift

"""The animator: phones and sound of one reply in, face frames out, as soon as they can be known.

A frame leaves when its sound has come (20 ms beyond it, for loudness) and the phones around it are known `LOOKAHEAD_S`
ahead. Where phones stay away it leaves once `PATIENCE_S` of sound beyond it has come, and its mouth is what the sound
alone says (`ear`); where phones were promised, the caller announces that as degraded. When each phone comes at least
60 ms before its sound, the output is the same however the input is cut.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from solami.audio2face import closures, coarticulation
from solami.audio2face.ear import AHEAD_S, NEAR_S, Ear
from solami.audio2face.loudness import Loudness
from solami.audio2face.style import Style, expression
from solami.audio2face.upper_face import UpperFace
from solami.audio2face.visemes import CONTROL_INDEX, CONTROL_TO_FACE, CONTROLS, segments_of
from solami_protocol.arkit import FACE_INDEX
from solami_protocol.errors import InputError
from solami_protocol.phones import PHONES, Phone

__all__ = ["FPS", "LOOKAHEAD_S", "PATIENCE_S", "Animator", "animate"]

FPS = 30
LOOKAHEAD_S = 0.2  # coarticulation.REACH_S, and what a closure's neighbours need
PATIENCE_S = AHEAD_S  # what the ear needs
_TAIL_FRAMES = 5  # after the sound: 133 to 167 ms in which the face comes to rest
_KEEP_S = 1.0  # phones that ended longer ago cannot move the mouth any more
_BLOCK = 60  # frames computed together: bounds the memory of a long file
_MAX_PHONES = 20_000  # waiting for their sound: half an hour of fast speech
_MAX_MS = 3_600_000.0
_KNOWN_PHONES = frozenset(PHONES)
_JAW_OPEN, _MOUTH_CLOSE = FACE_INDEX["jawOpen"], FACE_INDEX["mouthClose"]
_SMILES = [FACE_INDEX["mouthSmileLeft"], FACE_INDEX["mouthSmileRight"]]
_MOUTH = np.array([name.startswith("mouth") for name in FACE_INDEX])
_ROUND = [FACE_INDEX["mouthPucker"], FACE_INDEX["mouthFunnel"]]
_GIVES_WAY = 0.65
_FEELING_FRAMES = 12  # a feeling comes up within 400 ms of the epoch's start


class Animator:
    """Animates one session's face, one epoch at a time."""

    def __init__(self, style: Style | None = None) -> None:
        self._style = style or Style()
        self.start(0)

    def start(self, epoch: int, *, affect: Mapping[str, float] | None = None) -> None:
        """Begin an epoch: a new timeline at 0. What was left of the last one is dropped.

        affect: weights 0 to 1 by name (see `style.expression`), shown under the lips for the whole epoch.
        """
        self._feeling = expression(affect or {})
        self._phones: list[Phone] = []
        self._known_s = 0.0
        self._loudness = Loudness()
        self._ear = Ear()
        self._upper = UpperFace(self._style, epoch)
        self._next = 0
        self._ended = False

    @property
    def next_frame(self) -> int:
        """Number of the frame that leaves next; it belongs at `next_frame / 30` seconds."""
        return self._next

    @property
    def phones_until_s(self) -> float:
        """End of the last phone known so far; 0 where none came, and the mouth follows the sound alone."""
        return self._known_s

    def phones(self, phones: Sequence[Phone]) -> np.ndarray:
        """Take phones, times in ms from the epoch's first sample, sent before their sound; return new frames (T, 52).

        Raises InputError for an unknown phone, a time that is not finite or negative, or too many phones.
        """
        if len(phones) + len(self._phones) > _MAX_PHONES:
            raise InputError(
                f"phones: more than {_MAX_PHONES} are waiting for their sound; send them as speech goes on"
            )
        for i, phone in enumerate(phones):
            if phone.p not in _KNOWN_PHONES:
                raise InputError(f"phones[{i}].p: {str(phone.p)[:20]!r} is not one of {' '.join(PHONES)}")
            if not (0 <= phone.t_ms <= _MAX_MS and 0 <= phone.d_ms <= _MAX_MS):
                raise InputError(f"phones[{i}]: t_ms={phone.t_ms}, d_ms={phone.d_ms}; expected 0 to {_MAX_MS:.0f} ms")
        now_ms = self._next * 1000 / FPS
        kept = [p for p in self._phones if p.t_ms + p.d_ms > now_ms - _KEEP_S * 1000]
        self._phones = sorted({*kept, *phones}, key=lambda p: (p.t_ms, p.d_ms, p.p))
        self._known_s = max([self._known_s, *((p.t_ms + p.d_ms) / 1000 for p in phones)])
        return self._release()

    def audio(self, pcm: np.ndarray) -> np.ndarray:
        """Take the next samples, (N,) int16 at 24 kHz; return new frames (T, 52) float32."""
        self._loudness.feed(pcm)
        self._ear.feed(pcm)
        return self._release()

    def end(self) -> np.ndarray:
        """Say that no more sound comes; return the frames that remain (T, 52), with a tail in which the face rests."""
        self._ended = True
        self._ear.end()
        return self._release()

    def _ready_until(self) -> int:
        """Return the number of the first frame that cannot leave yet."""
        heard_s = self._loudness.heard_s
        if self._ended:
            return math.floor(heard_s * FPS) + 1 + _TAIL_FRAMES if heard_s > 0 else 0
        stop = self._next
        while self._loudness.knows(stop / FPS) and (
            self._known_s >= stop / FPS + LOOKAHEAD_S or heard_s >= stop / FPS + PATIENCE_S
        ):
            stop += 1
        return stop

    def _release(self) -> np.ndarray:
        first, stop = self._next, self._ready_until()
        if stop <= first:
            return np.zeros((0, len(FACE_INDEX)), np.float32)
        self._next = stop
        blocks = [self._frames(at, min(at + _BLOCK, stop)) for at in range(first, stop, _BLOCK)]
        return np.concatenate(blocks)

    def _frames(self, first: int, stop: int) -> np.ndarray:
        numbers = np.arange(first, stop)
        times_s = numbers / FPS
        sound = np.array([self._loudness.at(t) for t in times_s])  # (T, 2) level, hiss
        near = self._near(times_s)
        controls = self._spoken(near, times_s, sound[:, 0])
        contacts = closures.contacts_of(near, FPS)
        unknown = np.clip((times_s - self._known_s) / 0.1, 0, 1) if self._known_s else np.ones(len(times_s))
        if unknown.any():
            heard, shut_frames = self._heard(first, stop)
            controls += unknown[:, None] * heard
            contacts = replace(contacts, shut=contacts.shut | shut_frames)
        controls, shut = closures.enforce(contacts, first, controls)
        faces = np.clip(controls, 0, 1) @ CONTROL_TO_FACE
        for row, number in enumerate(numbers):
            faces[row] += self._upper.frame(int(number), near, float(sound[row, 0]) if unknown[row] == 1 else None)
            # round lips do not smile: there the mouth's part of a feeling gives way
            give_way = np.where(_MOUTH, 1 - _GIVES_WAY * min(1.0, float(faces[row, _ROUND].sum())), 1.0)
            faces[row] += self._feeling * give_way * min(1.0, (number + 1) / _FEELING_FRAMES)
        faces[:, _SMILES] += self._style.smile
        faces *= self._still_there(times_s)[:, None]
        faces = np.clip(faces, 0, 1)
        faces[:, _MOUTH_CLOSE] = shut * faces[:, _JAW_OPEN]
        return faces.astype(np.float32)

    def _heard(self, first: int, stop: int) -> tuple[np.ndarray, frozenset[int]]:
        """Return the controls (T, 15) that the sound alone asks for, and the frames beyond all phones that it shuts."""
        numbers = np.arange(first - 1, stop + 1)  # a closure also half shuts the frame beside it
        times_s = numbers / FPS
        sound = np.array(
            [[self._loudness.at(max(t + by, 0.0)) for t in times_s] for by in (0.0, -NEAR_S, NEAR_S)]
        )  # (3, T, 2)
        near_level = sound[:, :, 0].max(0)
        controls, shut = self._ear.at(times_s, np.column_stack([sound[0], near_level]))
        gain = np.full(len(CONTROLS), self._style.lip_gain)
        gain[CONTROL_INDEX["jaw"]] = self._style.jaw_gain
        beyond = numbers[(shut > 0) & ((times_s >= self._known_s + 0.1) | (self._known_s == 0))]
        return controls[1:-1] * gain, frozenset(beyond.tolist())

    def _near(self, times_s: np.ndarray) -> list[Phone]:
        """Return the phones, in order, that may move the face at `times_s`."""
        first_ms, last_ms = (times_s[0] - _KEEP_S) * 1000, (times_s[-1] + _KEEP_S) * 1000
        return [p for p in self._phones if p.t_ms < last_ms and p.t_ms + p.d_ms > first_ms]

    def _spoken(self, phones: list[Phone], times_s: np.ndarray, level: np.ndarray) -> np.ndarray:
        """Return the controls (T, 15) that the phones ask for, a little more where the voice is loud."""
        controls = coarticulation.controls_at(segments_of(phones), times_s)
        gain = np.full(len(CONTROLS), self._style.lip_gain)
        gain[CONTROL_INDEX["jaw"]] = self._style.jaw_gain
        controls *= gain
        controls[:, CONTROL_INDEX["jaw"]] *= 0.85 + 0.25 * level
        return controls * coarticulation.speaking(phones, times_s)[:, None]

    def _still_there(self, times_s: np.ndarray) -> np.ndarray:
        """Return 1 while there is sound, falling to 0 within the tail once the end is known, (T,)."""
        if not self._ended:
            return np.ones(len(times_s))
        after = np.clip((times_s - self._loudness.heard_s) / 0.12, 0, 1)
        return 1 - after * after * (3 - 2 * after)


def animate(
    pcm: np.ndarray,
    phones: Sequence[Phone] = (),
    style: Style | None = None,
    *,
    epoch: int = 0,
    affect: Mapping[str, float] | None = None,
) -> np.ndarray:
    """Return the face (T, 52) float32 at 30 fps of a whole utterance; T covers the sound and a tail of 5 frames.

    pcm: (N,) int16 at 24 kHz. phones: ms from its first sample; without them the mouth is what the sound says.
    """
    animator = Animator(style)
    animator.start(epoch, affect=affect)
    return np.concatenate([animator.phones(phones), animator.audio(pcm), animator.end()])

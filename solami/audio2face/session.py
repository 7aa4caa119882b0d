"""One session of the face service without its socket: messages in, messages and face frames out (DESIGN 3.10).

Several epochs may be open at once, each with its own animator. What cannot be used is answered with an error and
changes nothing; the session goes on. Sound of a cancelled epoch that was on its way is ignored.
"""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from solami.audio2face.animator import FPS, Animator
from solami.audio2face.loudness import RATE_HZ
from solami.audio2face.style import Style, style_of
from solami_protocol.errors import InputError, ProtocolError
from solami_protocol.face import (
    FaceCancel,
    FaceClientMessage,
    FaceEnd,
    FaceEnded,
    FaceError,
    FaceOpen,
    FaceOpened,
    FacePhones,
    FaceServerMessage,
    FaceStart,
    read_face_client,
)
from solami_protocol.media import AudioCodec, Kind, MediaFrame, audio_samples, decode_media, face_frame
from solami_protocol.phones import Phone

__all__ = ["ANIMATOR", "FaceLimits", "FaceSession", "Out"]

ANIMATOR = "dominance"
_FRAMES_A_MESSAGE = 15  # half a second
_REMEMBERED = 256  # cancelled or ended epochs whose late messages are ignored
_PTS_SLACK_US = 1_000
_LONGEST_GAP_S = 5.0

Out = FaceServerMessage | MediaFrame
Opener = Callable[[Style], Animator]


@dataclass(frozen=True, slots=True, kw_only=True)
class FaceLimits:
    """What one connection may ask for."""

    epochs: int = 8
    epoch_s: float = 600.0


@dataclass(slots=True)
class _Epoch:
    animator: Animator
    heard: int = 0  # samples
    sent: int = 0  # frames


@dataclass(slots=True)
class FaceSession:
    """The state of one connection. `style` is what `open` changes; counters are for metrics."""

    style: Style = field(default_factory=Style)
    limits: FaceLimits = field(default_factory=FaceLimits)
    opener: Opener = Animator
    frames_sent: int = 0
    samples_heard: int = 0
    epochs_ended: int = 0
    epochs_cancelled: int = 0
    epochs_without_phones: int = 0
    _opened: bool = False
    _seq: int = 0
    _epochs: dict[int, _Epoch] = field(default_factory=dict)
    _past: deque[int] = field(default_factory=lambda: deque(maxlen=_REMEMBERED))

    @property
    def open_epochs(self) -> int:
        """Epochs that were started and neither ended nor cancelled."""
        return len(self._epochs)

    def text(self, data: str) -> list[Out]:
        """Take a control message and return the answers; unknown types are ignored."""
        try:
            message = read_face_client(data)
        except ProtocolError as exc:
            return [FaceError(code=exc.code, message=str(exc))]
        if message is None:
            return []
        try:
            return self._take(message)
        except (ProtocolError, InputError) as exc:
            return [FaceError(code=exc.code, message=str(exc), epoch=getattr(message, "epoch", None))]

    def binary(self, data: bytes) -> list[Out]:
        """Take a media frame and return new face frames."""
        try:
            frame = decode_media(data)
        except ProtocolError as exc:
            return [FaceError(code=exc.code, message=str(exc))]
        try:
            return self._hear(frame)
        except (ProtocolError, InputError) as exc:
            return [FaceError(code=exc.code, message=str(exc), epoch=frame.epoch)]

    def _take(self, message: FaceClientMessage) -> list[Out]:
        if not self._opened and not isinstance(message, FaceOpen):
            raise ProtocolError("type", f"{message.type!r} came before 'open', which must be the first message")
        match message:
            case FaceOpen():
                self.style = style_of(message.style, self.style)
                self._opened = True
                return [FaceOpened(animator=ANIMATOR)]
            case FaceStart():
                self._start(message)
                return []
            case FacePhones():
                epoch = self._find(message.epoch)
                if epoch is None:
                    return []
                phones = [Phone(p.p, p.t_ms, p.d_ms) for p in message.phones]
                return self._face(message.epoch, epoch, epoch.animator.phones(phones))
            case FaceEnd():
                return self._end(message.epoch)
            case FaceCancel():
                if self._epochs.pop(message.epoch, None) is not None:
                    self.epochs_cancelled += 1
                self._past.append(message.epoch)
                return []

    def _start(self, message: FaceStart) -> None:
        if message.epoch in self._epochs or message.epoch in self._past:
            raise ProtocolError("start.epoch", f"{message.epoch} was started already; every epoch has its own number")
        if len(self._epochs) >= self.limits.epochs:
            raise ProtocolError("start.epoch", f"{len(self._epochs)} epochs are open; end or cancel one first")
        animator = self.opener(self.style)
        animator.start(message.epoch, affect=message.affect)
        self._epochs[message.epoch] = _Epoch(animator)

    def _find(self, number: int) -> _Epoch | None:
        """Return the open epoch, None for one that is past. Raises ProtocolError for one that was never started."""
        if number in self._epochs:
            return self._epochs[number]
        if number in self._past:
            return None
        raise ProtocolError("epoch", f"{number} was not started; send `start` first")

    def _hear(self, frame: MediaFrame) -> list[Out]:
        if not self._opened:
            raise ProtocolError("type", "media came before 'open', which must be the first message")
        if frame.kind != Kind.AUDIO or frame.codec != AudioCodec.PCM16:
            raise ProtocolError("kind", "expected audio frames (kind 1) as PCM16 (codec 0), mono at 24 kHz")
        epoch = self._find(frame.epoch)
        if epoch is None:
            return []
        pcm = _in_place(audio_samples(frame), frame.pts_us, epoch.heard)
        if epoch.heard + len(pcm) > self.limits.epoch_s * RATE_HZ:
            raise InputError(
                f"epoch {frame.epoch}: more than {self.limits.epoch_s:g} s of sound; end it, start another"
            )
        epoch.heard += len(pcm)
        self.samples_heard += len(pcm)
        return self._face(frame.epoch, epoch, epoch.animator.audio(pcm))

    def _end(self, number: int) -> list[Out]:
        epoch = self._find(number)
        if epoch is None:
            return []
        out = self._face(number, epoch, epoch.animator.end(), last=True)
        self.epochs_ended += 1
        self.epochs_without_phones += epoch.animator.phones_until_s == 0
        del self._epochs[number]
        self._past.append(number)
        return [*out, FaceEnded(epoch=number, frames=epoch.sent)]

    def _face(self, number: int, epoch: _Epoch, weights: np.ndarray, *, last: bool = False) -> list[Out]:
        out: list[Out] = []
        for at in range(0, len(weights), _FRAMES_A_MESSAGE):
            part = weights[at : at + _FRAMES_A_MESSAGE]
            pts_us = round(epoch.sent * 1_000_000 / FPS)
            ends = last and at + _FRAMES_A_MESSAGE >= len(weights)
            out.append(face_frame(part, pts_us=pts_us, epoch=number, seq=self._seq, last=ends))
            self._seq = (self._seq + 1) % 2**32
            epoch.sent += len(part)
            self.frames_sent += len(part)
        return out


def _in_place(pcm: np.ndarray, pts_us: int, heard: int) -> np.ndarray:
    """Return the samples that go on from `heard`: what overlaps is cut, a short gap is silence.

    Raises ProtocolError for a gap of more than 5 s.
    """
    ahead_us = pts_us - heard * 1_000_000 // RATE_HZ
    if abs(ahead_us) <= _PTS_SLACK_US:
        return pcm
    samples = round(ahead_us * RATE_HZ / 1_000_000)
    if samples < 0:
        return pcm[-samples:]
    if samples > _LONGEST_GAP_S * RATE_HZ:
        raise ProtocolError("pts_us", f"{pts_us} is {samples / RATE_HZ:.1f} s beyond the sound so far; expected no gap")
    return np.concatenate([np.zeros(samples, pcm.dtype), pcm])

"""Opus both ways, by PyAV's libopus: packets of 20 ms, one a media frame (DESIGN 3.12).

What a packet decodes to begins `LOOKAHEAD_MS` before what was put in with it, so frames carry the pts of their first
*decoded* sample, and `count` of the last frame leaves out the padding behind the end. A decoder needs nothing else.
"""

from fractions import Fraction

import av
import numpy as np

from solami_protocol.errors import ProtocolError
from solami_protocol.media import AudioCodec, Flag, Kind, MediaFrame, audio_frame, audio_samples

__all__ = ["OpusEar", "OpusVoice"]

DOWN_HZ, UP_HZ, OPUS_HZ = 24_000, 16_000, 48_000
PACKET = DOWN_HZ // 50  # samples of 20 ms
LOOKAHEAD = DOWN_HZ * 312 // OPUS_HZ  # libopus' delay, which it also writes as pre-skip: 6.5 ms
BIT_RATE = 32_000


class OpusVoice:
    """Packs the sound of epochs. Keeps what does not fill a packet until more comes, or the end."""

    def __init__(self) -> None:
        self._epoch = 0
        self._open = False
        self._waiting = np.zeros(0, np.int16)
        self._taken = 0
        self._sent_to = 0

    def pack(self, frame: MediaFrame) -> list[MediaFrame]:
        """Return the packets that a PCM16 frame completes; all that is left with the last one of its epoch."""
        if frame.epoch != self._epoch or not self._open:
            self._begin(frame)
        pcm = audio_samples(frame)
        self._waiting = np.concatenate([self._waiting, pcm])
        self._taken += len(pcm)
        packets = self._encode()
        return packets + self.finish(frame.epoch) if frame.last else packets

    def finish(self, epoch: int) -> list[MediaFrame]:
        """Return the rest of an epoch; nothing when it has ended or never began."""
        if epoch != self._epoch or not self._open:
            return []
        self._open = False
        left = self._taken - self._sent_to
        self._waiting = np.concatenate([self._waiting, np.zeros(PACKET + LOOKAHEAD, np.int16)])
        packets = self._encode()[: -(-left // PACKET)]
        if packets:
            last = packets[-1]
            count = left - PACKET * (len(packets) - 1)
            packets[-1] = _packet(last.payload, count, last.pts_us, epoch, Flag.LAST)
        return packets

    def _begin(self, first: MediaFrame) -> None:
        self._epoch, self._open = first.epoch, True
        self._encoder = av.CodecContext.create("libopus", "w")
        self._encoder.sample_rate = DOWN_HZ  # type: ignore[attr-defined]
        self._encoder.layout = "mono"  # type: ignore[attr-defined]
        self._encoder.format = "s16"  # type: ignore[attr-defined]
        self._encoder.bit_rate = BIT_RATE
        self._encoder.options = {"application": "voip"}
        self._encoder.open()
        self._waiting = np.zeros(0, np.int16)
        self._taken = round(first.pts_us * DOWN_HZ / 1_000_000)
        self._sent_to = self._taken - LOOKAHEAD  # sample behind the last packet, as it is decoded

    def _encode(self) -> list[MediaFrame]:
        out = []
        while len(self._waiting) >= PACKET:
            piece, self._waiting = self._waiting[:PACKET], self._waiting[PACKET:]
            sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(piece[None]), format="s16", layout="mono")
            sound.sample_rate, sound.time_base = DOWN_HZ, Fraction(1, DOWN_HZ)
            for packet in self._encoder.encode(sound):  # type: ignore[attr-defined]
                pts_us = round(self._sent_to * 1_000_000 / DOWN_HZ)
                out.append(_packet(bytes(packet), PACKET, pts_us, self._epoch, 0))
                self._sent_to += PACKET
        return out


def _packet(payload: bytes, count: int, pts_us: int, epoch: int, flags: int) -> MediaFrame:
    return MediaFrame(
        kind=Kind.AUDIO, codec=AudioCodec.OPUS, payload=payload, count=count, pts_us=pts_us, epoch=epoch, flags=flags
    )  # fmt: skip


class OpusEar:
    """Unpacks a client's microphone to 16 kHz; a packet takes 0.06 ms."""

    def __init__(self) -> None:
        self._decoder = av.CodecContext.create("libopus", "r")
        self._decoder.layout = "mono"  # type: ignore[attr-defined]
        self._resampler = av.AudioResampler(format="s16", layout="mono", rate=UP_HZ)

    def unpack(self, frame: MediaFrame) -> MediaFrame:
        """Return an Opus frame as PCM16, with its pts and about as many samples.

        Raises ProtocolError when it holds no Opus packet, or one of another length than `count` says.
        """
        if not frame.payload:
            raise ProtocolError("payload", "no Opus packet (empty)")  # to libopus it would be the end of all sound
        try:
            sounds = self._decoder.decode(av.Packet(frame.payload))  # type: ignore[attr-defined]
        except av.error.FFmpegError as exc:
            raise ProtocolError("payload", f"no Opus packet ({exc.strerror})") from None
        length = sum(sound.samples for sound in sounds) * UP_HZ // OPUS_HZ
        if length != frame.count:
            raise ProtocolError("count", f"{frame.count}, but the Opus packet holds {length} samples at 16 kHz")
        parts = [part.to_ndarray()[0] for sound in sounds for part in self._resampler.resample(sound)]
        pcm = np.concatenate(parts) if parts else np.zeros(0, np.int16)
        return audio_frame(pcm, pts_us=frame.pts_us, epoch=frame.epoch, seq=frame.seq)

"""Opus at the worker: what is packed lies at the same place of the timeline when it is unpacked."""

import asyncio
import functools
import itertools

import av
import numpy as np
import pytest

from solami_protocol.control import EpochEnd
from solami_protocol.errors import ProtocolError
from solami_protocol.media import AudioCodec, Kind, MediaFrame, audio_frame, audio_samples, decode_media
from solami_relay.downlink import Downlink
from solami_relay.entries import Lease
from solami_relay.opus import OpusEar, OpusVoice

RATE_HZ = 24_000


@functools.cache
def spoken() -> np.ndarray:
    """Return 24 kHz of a voice, from its first sound on: Opus in its speech mode keeps no other waveform."""
    from solami.headset.inputs import synthesise

    pcm = synthesise("We walk along the river. The water is low today, and my old boat lies in the grass.")
    pcm = pcm[int(np.argmax(np.abs(pcm) > 1000)) :].astype(float)
    at = np.arange(len(pcm) * 3 // 2) * 2 / 3
    return np.round(np.interp(at, np.arange(len(pcm)), pcm)).astype(np.int16)


def voice(seconds: float = 1.0) -> np.ndarray:
    """Return so much of it."""
    return spoken()[: round(seconds * RATE_HZ)]


def chunks(pcm: np.ndarray, epoch: int = 3, last: bool = True) -> list[MediaFrame]:
    """Return what the worker sends of an epoch: 100 ms, then 166.67 ms."""
    edges = [0, *range(2400, len(pcm), 4000), len(pcm)]
    return [
        audio_frame(pcm[a:b], pts_us=round(a * 1e6 / RATE_HZ), epoch=epoch, last=last and b == len(pcm))
        for a, b in itertools.pairwise(edges)
    ]


def unpacked(packets: list[MediaFrame]) -> np.ndarray:
    """Return what a client makes of the packets: each at its pts, `count` samples of it, nothing before 0."""
    decoder = av.CodecContext.create("libopus", "r")
    decoder.layout = "mono"
    ends = [round(p.pts_us * RATE_HZ / 1e6) + p.count for p in packets]
    out = np.zeros(max(ends), np.int16)
    for packet, end in zip(packets, ends, strict=True):
        assert (packet.kind, packet.codec) == (Kind.AUDIO, AudioCodec.OPUS)
        pcm = np.concatenate([f.to_ndarray()[0] for f in decoder.decode(av.Packet(packet.payload))])[::2]
        pcm = pcm[: packet.count]
        out[max(0, end - len(pcm)) : end] = pcm[max(0, len(pcm) - end) :]
    return out


def offset(heard: np.ndarray, said: np.ndarray) -> int:
    """Return by how many samples `heard` lies behind `said`."""
    length = len(said) + len(heard)
    product = np.fft.irfft(np.fft.rfft(heard, length) * np.conj(np.fft.rfft(said, length)), length)
    at = int(np.argmax(product))
    return at if at < length // 2 else at - length


@pytest.mark.parametrize("samples", [2400, 2401, 24_000, 24_324, 31_999])
def test_an_epoch_comes_out_as_long_as_it_went_in_and_in_its_place(samples: int):
    pcm = voice(samples / RATE_HZ)
    packer = OpusVoice()
    packets = [p for frame in chunks(pcm) for p in packer.pack(frame)]
    heard = unpacked(packets)
    assert len(heard) == len(pcm)
    assert abs(offset(heard, pcm)) <= 6, "a quarter of a millisecond"
    assert [p.last for p in packets] == [False] * (len(packets) - 1) + [True]
    assert np.all(np.diff([p.pts_us for p in packets]) == 20_000)
    kbit_s = sum(len(p.payload) for p in packets) * 8 / (len(pcm) / RATE_HZ) / 1000
    assert kbit_s < 80
    assert packer.finish(3) == [], "the rest went with the last one"


def test_an_epoch_that_was_cut_short_ends_when_it_is_said_to_end():
    packer, pcm = OpusVoice(), voice(0.5)
    packets = [p for frame in chunks(pcm, last=False) for p in packer.pack(frame)]
    packets += packer.finish(3)
    assert len(unpacked(packets)) == len(pcm)
    again = [p for frame in chunks(pcm, epoch=4) for p in packer.pack(frame)]
    assert abs(offset(unpacked(again), pcm)) <= 6, "the next epoch knows nothing of this one"


def test_packing_may_begin_in_mid_epoch():
    packer, pcm = OpusVoice(), voice(1.0)
    packets = [p for frame in chunks(pcm)[2:] for p in packer.pack(frame)]
    heard = unpacked(packets)
    assert len(heard) == len(pcm)
    assert abs(offset(heard[6400:], pcm[6400:])) <= 6


def test_a_microphones_packets_are_heard_and_broken_ones_refused():
    encoder = av.CodecContext.create("libopus", "w")
    encoder.sample_rate, encoder.layout, encoder.format = 16_000, "mono", "s16"
    encoder.open()
    pcm = voice(2.0)[::2][:16_000]
    frames = []
    for i in range(0, len(pcm), 320):
        sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(pcm[None, i : i + 320]), format="s16", layout="mono")
        sound.sample_rate = 16_000
        frames += [bytes(packet) for packet in encoder.encode(sound)]
    ear = OpusEar()

    def up(payload: bytes, count: int = 320) -> MediaFrame:
        return MediaFrame(kind=Kind.AUDIO, codec=AudioCodec.OPUS, payload=payload, count=count, pts_us=0)

    heard = np.concatenate([audio_samples(ear.unpack(up(payload))) for payload in frames])
    assert abs(len(heard) - len(pcm)) <= 48
    assert 90 <= offset(heard, pcm) <= 140, "libopus' lookahead and the filter of the resampler"
    for payload, count in ((b"", 320), (bytes([0xFF]) * 5, 320), (frames[3], 160), (frames[3], 960)):
        with pytest.raises(ProtocolError):
            ear.unpack(up(payload, count))
    assert ear.unpack(up(frames[4])).count, "what is broken breaks nothing else"


class FakeBus:
    """Keeps what is written."""

    def __init__(self) -> None:
        self.written: list[tuple] = []
        self.cancelled = 0

    async def append_down(self, lease: Lease, items: list[tuple]) -> list[int]:
        self.written += items
        return [1] * len(items)

    async def cancel_epoch(self, lease: Lease, epoch: int) -> None:
        self.cancelled = epoch


async def test_the_downlink_packs_in_order_and_drops_what_is_cancelled():
    bus = FakeBus()
    down = Downlink(bus, Lease("s", "w", 1))  # type: ignore[arg-type]
    down.pack_sound(True)
    run = asyncio.create_task(down.run())
    frames = chunks(voice(1.0))
    for frame in frames[:3]:
        down.put(frame)
    down.put(EpochEnd(epoch=3, audio_ms=433), 3)
    await down.flush()
    kinds = [kind for kind, _, _ in bus.written]
    assert kinds == ["media"] * (len(kinds) - 1) + ["json"], "the rest of the sound comes before the end is said"
    assert len(unpacked([decode_media(data) for kind, data, _ in bus.written if kind == "media"])) == 2400 + 2 * 4000
    bus.written.clear()
    for frame in chunks(voice(3.0), epoch=4):
        down.put(frame)
    down.cancel(4)
    await down.flush()
    assert len(bus.written) < 20, "what was queued is not packed any more"
    assert bus.cancelled == 4
    run.cancel()

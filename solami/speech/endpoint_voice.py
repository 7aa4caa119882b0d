"""An OpenAI-compatible `audio/speech` endpoint as a voice.

Protocol: POST {base}/audio/speech with JSON `model`, `input`, `voice`, `speed`, `response_format`; the answer is sound.
`wav` is asked for, because its header tells the rate; servers that answer with something else that has a header (flac,
ogg, mp3) are understood, and so is bare 16-bit sound when the content type says that it is.
"""

import io
import json
import re
import struct

import numpy as np
import soundfile

from solami.speech.endpoint import answer_to
from solami.speech.interfaces import SPEECH_RATE_HZ, Voice
from solami.speech.options import EngineOptions
from solami_protocol.errors import Unavailable

__all__ = ["EndpointVoice", "read_sound"]

_LONGEST_ANSWER = 16 * 2**20
_RATES_HZ = (8_000, 192_000)
_STREAMED = (0, 0x7FFFFFFF, 0xFFFFFFFF)
"""Sizes that stand in the header of a WAV that was sent while it was made (some round them)."""


class EndpointVoice:
    """Says phrases (see `Say`)."""

    def __init__(self, url: str, options: EngineOptions) -> None:
        self._url, self._options = url, options

    def __call__(self, phrase: str, voice: Voice) -> tuple[np.ndarray, int]:
        """Return the phrase's sound and its rate. Raises Unavailable.

        A card's `voice.speaker` counts where its `voice.engine` is `endpoint`, else the voice of the settings.
        """
        named = voice.speaker if voice.engine == "endpoint" else ""
        asked = {
            "model": self._options.model or "tts-1", "input": phrase, "voice": named or self._options.voice or "alloy",
            "speed": min(4.0, max(0.25, voice.rate)), "response_format": "wav",
        }  # fmt: skip
        with answer_to(
            "voice", self._url, "/audio/speech", json.dumps(asked).encode(), "application/json",
            api_key=self._options.api_key, wait_s=self._options.wait_s, limit=_LONGEST_ANSWER,
        ) as answer:  # fmt: skip
            data = b"".join(answer.pieces)
        return read_sound(data, answer.content_type, f"voice at {self._url}")


def read_sound(data: bytes, content_type: str, where: str) -> tuple[np.ndarray, int]:
    """Return (N,) float32 mono and its rate in Hz. Raises Unavailable for what is no sound, or half of one."""
    if re.match(r"audio/(pcm|l16|x-raw)", content_type, re.IGNORECASE) and data[:4] != b"RIFF":
        rate = re.search(r"rate=(\d+)", content_type)
        sound = np.frombuffer(data[: len(data) // 2 * 2], "<i2").astype(np.float32) / 32768
        return _checked(sound, int(rate[1]) if rate else SPEECH_RATE_HZ, where)
    try:
        with soundfile.SoundFile(io.BytesIO(_mended(data, where))) as file:
            rate_hz = file.samplerate
            sound = file.read(dtype="float32", always_2d=True).mean(axis=1)
    except (soundfile.SoundFileError, ValueError) as exc:
        raise Unavailable(f"{where}: {len(data)} bytes of {content_type or 'no type'} are no sound: {exc}") from exc
    return _checked(sound, rate_hz, where)


def _checked(sound: np.ndarray, rate_hz: int, where: str) -> tuple[np.ndarray, int]:
    if not _RATES_HZ[0] <= rate_hz <= _RATES_HZ[1]:
        raise Unavailable(f"{where}: {rate_hz} Hz; expected {_RATES_HZ[0]} to {_RATES_HZ[1]}")
    if not len(sound) or not np.isfinite(sound).all():
        raise Unavailable(f"{where}: {len(sound)} samples that cannot be played")
    return sound, rate_hz


def _mended(data: bytes, where: str) -> bytes:
    """Return a WAV with the sizes that it really has; other files as they are. Raises Unavailable for half of one."""
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return data
    at = 12
    while at + 8 <= len(data):
        tag, size = data[at : at + 4], struct.unpack("<I", data[at + 4 : at + 8])[0]
        if tag == b"data":
            there = len(data) - at - 8
            if size > there + 1 and size not in _STREAMED and size < 0x7FFFF000:
                raise Unavailable(f"{where}: the sound broke off after {there} of {size} bytes")
            mended = bytearray(data)
            mended[4:8] = struct.pack("<I", len(data) - 8)
            mended[at + 4 : at + 8] = struct.pack("<I", min(size, there) if size not in _STREAMED else there)
            return bytes(mended)
        at += 8 + size + (size & 1)
    raise Unavailable(f"{where}: a WAV without a data chunk")

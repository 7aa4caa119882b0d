"""Recordings of a voice in files: wav, flac, ogg and what else libsndfile reads, as 16 kHz mono.

A header is checked against the file's real size before anything is allocated.
"""

import io
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

from solami_protocol.errors import InputError

__all__ = ["MAX_SECONDS", "Recording", "read_recording", "write_wav"]

RATE_HZ = 16_000
MAX_SECONDS = 600
MAX_FILE_BYTES = 256 * 2**20
UNKNOWN_SIZES = (0, 0xFFFFFFFF)  # what programs write into a WAV that goes into a pipe


@dataclass(frozen=True, slots=True)
class Recording:
    """`pcm` (N,) int16 mono at 16 kHz; `notes` says what was converted."""

    pcm: np.ndarray
    notes: tuple[str, ...]

    @property
    def seconds(self) -> float:
        """Its length."""
        return len(self.pcm) / RATE_HZ


def read_recording(source: Path | bytes, name: str = "audio") -> Recording:
    """Return the recording, mixed to mono and resampled to 16 kHz.

    Raises InputError for a missing, empty or corrupt file, a header that claims more than the file holds, or more
    than ten minutes.
    """
    data = _load(source, name)
    name = str(source) if isinstance(source, Path) else name
    _check_wav_claims(data, name)
    try:
        with soundfile.SoundFile(io.BytesIO(data)) as file:
            _check_length(file, len(data), name)
            rate, channels = file.samplerate, file.channels
            samples = file.read(dtype="float32", always_2d=True)
    except soundfile.SoundFileError as exc:
        raise InputError(f"{name}: not a readable recording ({exc}); expected wav, flac or ogg") from None
    if len(samples) == 0:
        raise InputError(f"{name}: holds 0 samples; expected some sound")
    if not np.isfinite(samples).all():
        raise InputError(f"{name}: holds samples that are not finite numbers")
    mono = samples.mean(axis=1)
    notes = []
    if channels > 1:
        notes.append(f"mixed {channels} channels to one")
    if rate != RATE_HZ:
        mono = soxr.resample(mono, rate, RATE_HZ)
        notes.append(f"resampled {rate} Hz to {RATE_HZ} Hz")
    return Recording(np.round(np.clip(mono, -1, 1) * 32767).astype(np.int16), tuple(notes))


def _load(source: Path | bytes, name: str) -> bytes:
    if isinstance(source, bytes):
        data = source
    else:
        try:
            if source.stat().st_size > MAX_FILE_BYTES:
                raise InputError(f"{source}: larger than {MAX_FILE_BYTES >> 20} MB")
            data = source.read_bytes()
        except OSError as exc:
            raise InputError(f"{source}: {exc.strerror}") from None
        name = str(source)
    if not data:
        raise InputError(f"{name}: the file is empty")
    return data


def _check_length(file: soundfile.SoundFile, size: int, name: str) -> None:
    if file.frames > MAX_SECONDS * file.samplerate:
        raise InputError(f"{name}: claims {file.frames / file.samplerate:.0f} s, the limit is {MAX_SECONDS} s")
    # 4,000 to 1 is beyond any codec on anything but a forged header
    if file.frames * file.channels > 4_000 * size:
        raise InputError(f"{name}: claims {file.frames} samples in {size} bytes; the header is corrupt")


def _check_wav_claims(data: bytes, name: str) -> None:
    if data[:4] != b"RIFF" or data[8:12] != b"WAVE":
        return
    at = 12
    while at + 8 <= len(data):
        tag, size = data[at : at + 4], int.from_bytes(data[at + 4 : at + 8], "little")
        if tag == b"data":
            there = len(data) - at - 8
            if size not in UNKNOWN_SIZES and size > there + 1:
                raise InputError(f"{name}: the WAV header claims {size} bytes of sound, the file holds {there}")
            return
        at += 8 + size + (size & 1)
    raise InputError(f"{name}: a WAV without a data chunk")


def write_wav(path: Path, pcm: np.ndarray, rate_hz: int) -> None:
    """Write (N,) or (N, channels) int16 as a 16-bit WAV."""
    soundfile.write(path, pcm, rate_hz, subtype="PCM_16", format="WAV")

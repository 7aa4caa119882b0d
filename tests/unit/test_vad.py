"""Voice activity: exact on clean speech, deaf to noise, alive to soft voices. Uses real recordings (SOLAMI_DATA)."""

import os
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from solami_relay.endpoint import Endpointer, Signal
from solami_relay.turn_settings import TurnSettings
from solami_relay.vad import RATE_HZ, VoiceActivity, level_of
from solami_relay.vad_settings import VadSettings


@pytest.fixture(scope="module")
def speech() -> Path:
    root = os.environ.get("SOLAMI_DATA")
    if not root:
        pytest.skip("SOLAMI_DATA is not set: real speech is needed")
    return Path(root) / "speech"


def load(path: Path) -> np.ndarray:
    x, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = soxr.resample(x.mean(axis=1), rate, RATE_HZ)
    return (np.clip(mono, -1, 1) * 32767).astype(np.int16)


def padded(pcm: np.ndarray, before_s: float = 0.5, after_s: float = 1.5) -> np.ndarray:
    rng = np.random.default_rng(1)
    silence = [rng.integers(-3, 4, int(s * RATE_HZ)).astype(np.int16) for s in (before_s, after_s)]
    return np.concatenate([silence[0], pcm, silence[1]])


def voiced_ms(pcm: np.ndarray, chunk: int = 320) -> list[float]:
    ear = VoiceActivity(VadSettings())
    return [h.end_ms for i in range(0, len(pcm), chunk) for h in ear.push(pcm[i : i + chunk]) if h.voiced]


def last_above_ms(pcm: np.ndarray, level_db: float = -45.0) -> float:
    frames = pcm[: len(pcm) // 160 * 160].reshape(-1, 160)
    return 10.0 * (max(i for i, frame in enumerate(frames) if level_of(frame) > level_db) + 1)


def test_last_voiced_sample_is_exact_on_read_english(speech: Path) -> None:
    late = []
    for path in sorted((speech / "ljspeech").glob("*.flac"))[:12]:
        pcm = load(path)
        late.append(voiced_ms(padded(pcm))[-1] - 500 - last_above_ms(pcm))
    assert np.abs(np.median(late)) <= 10
    assert np.mean(np.abs(late) <= 20) >= 0.8, late


def test_chunking_does_not_change_what_is_voiced(speech: Path) -> None:
    pcm = padded(load(speech / "ljspeech" / "LJ001-0002.flac"))
    assert voiced_ms(pcm, 320) == voiced_ms(pcm, 333) == voiced_ms(pcm, 640)


def test_frames_come_in_order_and_at_most_40_ms_late(speech: Path) -> None:
    pcm = padded(load(speech / "ljspeech" / "LJ001-0002.flac"))
    ear, seen = VoiceActivity(VadSettings()), 0.0
    for i in range(0, len(pcm), 160):
        for heard in ear.push(pcm[i : i + 160]):
            assert heard.end_ms == seen + 10
            seen = heard.end_ms
        assert (i + 160) / 16 - seen <= 40


@pytest.mark.parametrize("name", ["noise2", "noise3", "esc_dog_1-100032-A-0", "esc_car_horn_2-100648-A-43"])
def test_noise_opens_no_turn(speech: Path, name: str) -> None:
    ear, points = VoiceActivity(VadSettings()), Endpointer(TurnSettings())
    pcm = load(speech / "noise" / f"{name}.flac")
    assert level_of(pcm) > -35
    signals = [points.push(h.end_ms, h.voiced, h.end_ms) for h in ear.push(pcm)]
    assert Signal.SPEECH not in signals


def test_speech_over_steady_noise_ends(speech: Path) -> None:
    pcm = load(speech / "ljspeech" / "LJ001-0002.flac")
    noise = np.random.default_rng(2).normal(0, 400, len(pcm) + 48_000)  # -38 dBFS: above the fixed level
    mixed = noise.copy()
    mixed[16_000 : 16_000 + len(pcm)] += pcm
    heard = voiced_ms(np.clip(mixed, -32768, 32767).astype(np.int16))
    assert abs(heard[-1] - 1000 - last_above_ms(pcm, -35)) <= 250


def test_a_soft_voice_is_heard(speech: Path) -> None:
    pcm = (load(speech / "ljspeech" / "LJ001-0002.flac") * 10 ** (-34 / 20)).astype(np.int16)
    assert max(level_of(f) for f in pcm[: len(pcm) // 160 * 160].reshape(-1, 160)) < -40
    assert len(voiced_ms(padded(pcm))) * 10 >= 0.4 * len(pcm) / 16


def test_silence_and_our_own_guard_hear_nothing(speech: Path) -> None:
    assert voiced_ms(np.zeros(32_000, np.int16)) == []
    ear = VoiceActivity(VadSettings())
    ear.guard_db = -5.0
    assert not any(h.voiced for h in ear.push(load(speech / "ljspeech" / "LJ001-0002.flac")))

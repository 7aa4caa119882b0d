"""The measures of `solami bench clients`, on recordings whose truth is known."""

from pathlib import Path

import numpy as np
import pytest

from solami.headset.bench_page import Seen, aperture_skew_ms, page_bytes
from solami_protocol.arkit import FACE_INDEX

RATE_HZ, FPS = 24_000, 30


def seen(lag_ms: float, first: int = 50_000, began_ms: float = 700.0) -> Seen:
    """Return four seconds of a voice whose lips were shown `lag_ms` late, at 20 uneven frames a second."""
    rng = np.random.default_rng(7)
    times_ms = np.arange(4 * FPS) * 1000 / FPS
    face = np.zeros((4 * FPS, 52), np.float32)
    face[:, FACE_INDEX["jawOpen"]] = np.abs(np.sin(times_ms / 140) * np.sin(times_ms / 530))
    face[:, FACE_INDEX["mouthClose"]] = 0.2 * face[:, FACE_INDEX["jawOpen"]]
    voice = (rng.normal(0, 0.1, 4 * RATE_HZ) * (1 + np.sin(np.arange(4 * RATE_HZ) / 9000))).astype(np.float32)
    played = np.zeros(6 * RATE_HZ, np.float32)
    start = round(began_ms * RATE_HZ / 1000)
    played[start : start + len(voice)] = voice
    heard_ms = np.sort(rng.uniform(0, 4000, 80))
    jaw, close = (
        np.interp(heard_ms - lag_ms, times_ms, face[:, FACE_INDEX[name]]) for name in ("jawOpen", "mouthClose")
    )
    device = first + start + heard_ms * RATE_HZ / 1000
    frames = np.column_stack([np.full(80, 3), device, jaw, close])
    return Seen(epoch=3, frames=frames, played=played, first=first, voice=voice, face=face)


@pytest.mark.parametrize("lag_ms", [-60.0, 0.0, 45.0, 120.0])
def test_lips_that_lag_are_found_to_lag(lag_ms: float) -> None:
    assert aperture_skew_ms(seen(lag_ms)) == pytest.approx(lag_ms, abs=5)


def test_the_page_is_weighed_without_avatars_and_player(tmp_path: Path) -> None:
    (tmp_path / "assets").mkdir()
    (tmp_path / "avatar").mkdir()
    noise = np.random.default_rng(1).bytes(50_000)
    for name in ("assets/a.js", "avatar/a.glb", "player.html"):
        (tmp_path / name).write_bytes(noise)
    (tmp_path / "index.html").write_text("a" * 10_000)
    assert 50_000 <= page_bytes(tmp_path) < 50_300

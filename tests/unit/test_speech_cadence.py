"""Pitch of known sounds, and what a turn's end tells."""

import numpy as np
import pytest
import soxr

from solami.speech import Voice, open_recogniser, open_synthesiser
from solami.speech.cadence import Cadence, cadence, pitch
from solami.speech.completeness import completeness
from solami.speech.interfaces import Word

RATE = 16_000


def sung(hz: np.ndarray) -> np.ndarray:
    """Return a voice-like sound with this pitch, one value a sample."""
    phase = 2 * np.pi * np.cumsum(hz) / RATE
    return np.round(sum(6000 / k * np.sin(k * phase) for k in range(1, 6))).astype(np.int16)


@pytest.mark.parametrize("hz", [80, 120, 210, 330])
def test_pitch_of_a_steady_voice(hz: int) -> None:
    found = pitch(sung(np.full(RATE // 2, float(hz))))
    assert np.abs(12 * np.log2(found / hz)).max() < 0.7


def test_noise_and_silence_have_no_pitch() -> None:
    noise = np.random.default_rng(0).normal(0, 3000, RATE // 2).astype(np.int16)
    assert np.isnan(pitch(noise)).mean() > 0.9
    assert np.isnan(pitch(np.zeros(RATE // 2, np.int16))).all()
    assert len(pitch(np.zeros(100, np.int16))) == 0
    assert cadence(np.zeros(RATE, np.int16), []) == Cadence()


def test_a_fall_is_found_whatever_silence_is_behind_it_and_a_rise_is_none() -> None:
    level, fall = np.full(RATE, 200.0), np.linspace(200, 130, RATE // 3)
    quiet = np.zeros(RATE, np.int16)
    ends = {name: sung(np.concatenate([level, end])) for name, end in
            (("level", level[: RATE // 3]), ("fall", fall), ("rise", 400 - fall))}  # fmt: skip
    found = {name: cadence(np.concatenate([pcm, quiet]), []).fall for name, pcm in ends.items()}
    assert found["fall"] == pytest.approx(12 * np.log2(200 / 135), abs=1)
    assert found["level"] == pytest.approx(0, abs=0.3)
    assert found["rise"] == 0


def test_a_drawn_out_last_word() -> None:
    def words(last_ms: float) -> list[Word]:
        return [*(Word("word", 300.0 * i, 240) for i in range(4)), Word("door", 1200, last_ms)]

    stretch = [cadence(np.zeros(RATE, np.int16), words(ms)).stretch for ms in (120, 240, 480, 5000)]
    assert stretch == pytest.approx([-np.log(2), 0, np.log(2), 1.2])


def test_how_it_was_said_moves_the_score_and_absence_does_not() -> None:
    text = "i went to the shop"
    done, level, unknown = (
        completeness(text, -1.1, said) for said in (Cadence(5, 0.6), Cadence(0, -0.5), Cadence(None, None))
    )
    assert level < unknown < done
    assert completeness(text, -1.1, Cadence(5, None)) > completeness(text, -1.1, Cadence(0, None))


def test_the_recogniser_tells_how_it_was_said() -> None:
    sound = np.concatenate([p.pcm for p in open_synthesiser().speak("tell me about the sea and the ships", Voice())])
    quiet = np.zeros(RATE // 4, np.int16)
    pcm = np.round(soxr.resample(sound.astype(np.float32), 24_000, RATE)).astype(np.int16)
    ear = open_recogniser()
    ear.feed(np.concatenate([quiet, pcm, quiet]))
    said = ear.pause().said
    ear.close()
    assert said is not None
    assert said.fall is not None
    assert said.fall > 1  # a statement
    assert said.stretch is not None

"""The animator from the sound alone: voices that it never heard, noise, any cutting of the sound."""

from functools import cache

import numpy as np
import pytest

pytest.importorskip("espeakng_loader")

from solami.audio2face import Animator, animate
from solami.audio2face.measure import aperture
from solami.server.face_lessons import Lesson, spoken, with_noise
from solami.server.face_training import TEST_TEXTS, TEST_VOICES, judge
from solami.speech import Voice

RATE = 24_000


@cache
def lessons(voice: str) -> list[Lesson]:
    return list(spoken(TEST_TEXTS, Voice(speaker=voice)))


@pytest.mark.parametrize("voice", TEST_VOICES)
@pytest.mark.parametrize("snr_db", [None, 15.0])
def test_lips_close_where_a_voice_that_it_never_heard_closes_them(voice: str, snr_db: float | None) -> None:
    said = lessons(voice)
    if snr_db is not None:
        noise = np.random.default_rng(3).normal(0, 1, 5 * RATE)
        said = [with_noise(each, noise, snr_db, k) for k, each in enumerate(said)]
    figures = judge(said)
    assert figures["closures"] >= 50
    assert figures["closures_found"] >= 0.6
    assert figures["shut_on_open_vowels"] <= 0.05
    assert figures["shut_on_other_consonants"] <= 0.15
    assert figures["open_vowels_open"] >= 0.7
    assert figures["jaw_loudness_r"] > 0.5


def test_the_figures_are_not_met_by_chance() -> None:
    """Judged by the phones of other sentences, in which lips also shut often, the same faces do much worse."""
    said = lessons(TEST_VOICES[0])
    wrong = [Lesson(a.name, a.pcm, b.phones) for a, b in zip(said, said[1:] + said[:1], strict=True)]
    assert judge(wrong)["closures_found"] < judge(said)["closures_found"] - 0.25


@pytest.mark.parametrize("seed", [0, 1])
def test_the_face_is_the_same_however_the_sound_is_cut(seed: int) -> None:
    rng = np.random.default_rng(seed)
    pcm = lessons(TEST_VOICES[0])[seed].pcm
    cuts = np.sort(rng.integers(0, len(pcm), 25))
    animator = Animator()
    parts = [animator.audio(part) for part in np.split(pcm, cuts)] + [animator.end()]
    np.testing.assert_allclose(np.concatenate(parts), animate(pcm), atol=1e-5)


def test_silence_and_noise_leave_the_mouth_shut() -> None:
    rng = np.random.default_rng(0)
    assert np.abs(aperture(animate(np.zeros(RATE, np.int16)))).max() == 0
    quiet = rng.normal(0, 30, RATE).astype(np.int16)
    assert aperture(animate(quiet)).max() < 0.03


def test_the_mouth_rests_after_the_last_word() -> None:
    face = animate(lessons(TEST_VOICES[1])[0].pcm)
    assert aperture(face)[-6:].max() <= 0.03

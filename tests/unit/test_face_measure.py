"""The lip measurements on inputs whose answer is known."""

import numpy as np
import pytest

from solami.audio2face.measure import LipReport, measure_lips, merge, shown
from solami_protocol.arkit import FACE_INDEX
from solami_protocol.phones import Phone

JAW, CLOSE, PUCKER = FACE_INDEX["jawOpen"], FACE_INDEX["mouthClose"], FACE_INDEX["mouthPucker"]


def track(frames: int = 45, jaw: float = 0.4) -> np.ndarray:
    face = np.zeros((frames, 52))
    face[:, JAW] = jaw
    return face


def bab(face: np.ndarray, **options: float) -> LipReport:
    """/aa b aa/: vowels of 400 ms round a /b/ of 60 ms at 400 ms."""
    phones = [Phone("aa", 0, 400), Phone("b", 400, 60), Phone("aa", 460, 400)]
    return measure_lips(phones, face, **options)


def shut(face: np.ndarray, *frames: int) -> np.ndarray:
    face[list(frames), CLOSE] = face[list(frames), JAW]
    return face


def test_a_closure_of_two_frames_is_found_and_placed() -> None:
    face = shut(track(), 12, 13)  # 400 to 433 ms; the /b/ is in its middle at 430 ms
    face[27:, JAW] = 0
    report = bab(face, sample_hz=90)
    assert (report.closures_found, report.open_found, report.false_closures) == (1, 2, 0)
    assert report.skew_ms[0] == pytest.approx(-13, abs=6)
    assert report.rest_rate == 1


@pytest.mark.parametrize("frames", [(12,), (12, 14), (20, 21), ()])
def test_one_frame_a_broken_closure_or_one_elsewhere_is_none(frames: tuple[int, ...]) -> None:
    assert bab(shut(track(), *frames)).closures_found == 0


def test_a_closure_in_a_vowel_is_false() -> None:
    report = bab(shut(track(), 5, 6, 12, 13))
    assert report.false_closure_rate == 0.5


def test_a_mumbling_mouth_passes_closures_and_fails_vowels() -> None:
    report = bab(track(jaw=0.02))
    assert report.closure_rate == 1
    assert report.open_rate == 0
    assert report.false_closure_rate == 1


def test_a_hanging_mouth_fails_closures_and_rest() -> None:
    report = bab(track())
    assert (report.closure_rate, report.open_rate, report.rest_rate) == (0, 1, 0)


def test_rest_is_judged_from_150_ms_on() -> None:
    late, early = track(), track()
    late[31:, JAW] = 0  # sound ends at 860 ms: 1,033 ms is late
    early[30:, JAW] = 0  # 1,000 ms
    early[29, JAW] = 0.02
    assert bab(late).rest_rate == 0
    assert bab(early).rest_rate == 1


def test_rounding_is_judged_against_the_sentence() -> None:
    phones = [Phone("s", 0, 200), Phone("uw", 200, 200), Phone("t", 400, 300), Phone("ow", 700, 200)]
    face = track(jaw=0.1)
    face[:, PUCKER] = 0.2
    face[8:11, PUCKER] = 0.8
    report = measure_lips(phones, face)
    assert (report.rounded, report.rounded_found) == (2, 1)


def test_skew_follows_a_shift_of_the_face() -> None:
    face = shut(track(), 12, 13)
    early, late = bab(face, start_s=-0.03), bab(face, start_s=0.03)
    assert late.skew_ms[0] - early.skew_ms[0] == pytest.approx(60, abs=1)


def test_shown_interpolates_between_frames_of_one_byte() -> None:
    face = np.zeros((2, 52))
    face[1] = 0.5004
    times_s, samples = shown(face, 30, 90)
    np.testing.assert_allclose(times_s, [0, 1 / 90, 2 / 90, 3 / 90])
    np.testing.assert_allclose(samples[:, JAW], np.array([0, 1 / 3, 2 / 3, 1]) * 128 / 255)


def test_what_a_display_showed_can_be_measured_at_its_own_rate() -> None:
    face = shut(track(), 12, 13)
    _, samples = shown(face, 30, 72)
    assert measure_lips([Phone("b", 400, 60)], samples, 72, sample_hz=72).closures_found == 1


def test_merged_reports_add_up() -> None:
    report = merge([bab(shut(track(), 12, 13)), bab(track())])
    assert (report.closures, report.closures_found, report.closure_rate) == (2, 1, 0.5)
    assert report.as_dict()["closure_rate"] == 0.5


def test_an_utterance_without_sounds_has_nothing_to_judge() -> None:
    report = measure_lips([Phone("sil", 0, 500)], track())
    assert (report.closure_rate, report.false_closure_rate, report.endings) == (1, 0, 0)

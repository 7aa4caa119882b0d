"""Each metric on an input whose answer is known."""

import numpy as np
import pytest

from solami_protocol import quaternions as quat
from solami_tokenizers.motion import metrics

RNG = np.random.default_rng(0)
BODY = RNG.normal(0, 0.3, (60, 22, 3)) + np.array([0, 1, 0])


def turned(places: np.ndarray, degrees: float) -> np.ndarray:
    return quat.rotate(quat.from_axis_angle((0.0, 1.0, 0.0), degrees).astype(np.float64), places)


def test_position_errors() -> None:
    moved = BODY + np.array([0.03, 0, 0.04])
    assert metrics.mpjpe_mm(moved, BODY) == pytest.approx(0, abs=1e-9)
    assert metrics.world_mpjpe_mm(moved, BODY) == pytest.approx(50)
    bent = BODY.copy()
    bent[:, 20] += [0, 0.044, 0]
    assert metrics.mpjpe_mm(bent, BODY) == pytest.approx(2)
    assert metrics.wrist_mm(bent, BODY) == pytest.approx(22)


def test_procrustes_forgives_turn_scale_and_place_but_no_mirror() -> None:
    assert metrics.pa_mpjpe_mm(turned(BODY, 70) * 1.3 + 2, BODY) == pytest.approx(0, abs=1e-4)
    assert metrics.mpjpe_mm(turned(BODY, 70), BODY) > 100
    assert metrics.pa_mpjpe_mm(BODY * [-1, 1, 1], BODY) > 100


def test_rotation_error() -> None:
    still = np.tile(quat.IDENTITY, (5, 3, 1))
    assert metrics.rotation_error_deg(
        quat.multiply(still, quat.from_axis_angle((1, 2, 3), 25.0)), still
    ) == pytest.approx(25, abs=1e-3)
    assert metrics.rotation_error_deg(-still, still) == pytest.approx(0, abs=1e-6)


def test_acceleration_error_is_in_metres_per_second_squared() -> None:
    t = np.arange(60) / 30
    fall = BODY.copy()
    fall[:, :, 1] = BODY[:, :, 1] - 0.5 * 9.81 * t[:, None] ** 2
    assert metrics.acceleration_error_m_s2(fall, BODY, 30) == pytest.approx(9.81)


def test_ratios_of_motion() -> None:
    smooth = np.zeros((60, 22, 3))
    smooth[:, 5:, 0] = np.sin(np.arange(60) / 5)[:, None]
    assert metrics.jitter_ratio(smooth * 1.5, smooth) == pytest.approx(1.5)
    assert metrics.energy_ratio(smooth * 1.5, smooth) == pytest.approx(2.25)
    assert metrics.jitter_ratio(np.zeros_like(smooth), smooth) == 0
    assert metrics.energy_ratio(np.zeros_like(smooth), smooth) == 0


def test_foot_skate_counts_standing_feet_only() -> None:
    places = np.zeros((31, 22, 3))
    places[:, 7, 0] = np.arange(31) / 30 * 0.2  # the left ankle slides at 20 cm/s
    places[:, 8, 2] = np.arange(31) / 30 * 5.0
    standing = np.zeros((31, 4), bool)
    standing[:, 0] = True
    assert metrics.foot_skate_cm_s(places, standing, 30) == pytest.approx(20)
    standing[:, 1] = True  # the toes stand still: the mean of both
    assert metrics.foot_skate_cm_s(places, standing, 30) == pytest.approx(10)
    assert np.isnan(metrics.foot_skate_cm_s(places, np.zeros((31, 4), bool), 30))


def test_a_printed_token_rate_is_found() -> None:
    t = np.arange(900) / 30
    noise = np.cumsum(RNG.normal(0, 1, (900, 4, 3)), axis=0)
    assert metrics.spectrum_line_ratio(noise, 30, 7.5) == pytest.approx(1, abs=0.4)
    printed = noise + 0.5 * np.sin(2 * np.pi * 7.5 * t)[:, None, None]
    assert metrics.spectrum_line_ratio(printed, 30, 7.5) > 5


def test_codes() -> None:
    even = metrics.code_counts(np.arange(64).repeat(3), 64)
    assert metrics.usage(even) == 1
    assert metrics.perplexity(even) == pytest.approx(64)
    assert metrics.entropy_share(even) == pytest.approx(1)
    half = metrics.code_counts(np.arange(32), 64)
    assert metrics.usage(half) == 0.5
    assert metrics.perplexity(half) == pytest.approx(32)
    assert metrics.entropy_share(half) == pytest.approx(5 / 6)
    one = metrics.code_counts(np.zeros(9, int), 64)
    assert (metrics.perplexity(one), metrics.entropy_share(one)) == (pytest.approx(1), pytest.approx(0))

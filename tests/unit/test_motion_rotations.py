"""Rotations between their notations agree with each other and with matrices worked out by hand."""

import numpy as np
import pytest

from solami_protocol import quaternions as quat
from solami_tokenizers.motion import rotations as rot


@pytest.fixture
def some() -> np.ndarray:
    rng = np.random.default_rng(3)
    return quat.normalise(rng.normal(size=(500, 4)))


def test_matrix_turns_vectors_as_the_quaternion_does(some: np.ndarray) -> None:
    v = np.array([0.3, -1.2, 0.7])
    np.testing.assert_allclose(rot.to_matrix(some) @ v, quat.rotate(some, v), atol=1e-12)


def test_matrix_and_rot6d_come_back(some: np.ndarray) -> None:
    for back in (rot.from_matrix(rot.to_matrix(some)), rot.from_rot6d(rot.to_rot6d(some))):
        assert quat.angle_between(back, some).max() < 1e-7
        assert (back[:, 3] >= 0).all()


@pytest.mark.parametrize("axis", [(1, 0, 0), (0, 1, 0), (0, 0, 1), (1, 1, 0), (-1, 2, 3)])
def test_half_turns_survive_the_matrix(axis: tuple[float, float, float]) -> None:
    q = quat.from_axis_angle(axis, 180.0).astype(np.float64)
    assert quat.angle_between(rot.from_matrix(rot.to_matrix(q)), q) < 1e-6


def test_rot6d_is_by_columns() -> None:
    quarter_about_y = quat.from_axis_angle((0, 1, 0), 90.0)  # x goes to -z, y stays
    np.testing.assert_allclose(rot.to_rot6d(quarter_about_y), [0, 0, -1, 0, 1, 0], atol=1e-6)


def test_rot6d_of_any_numbers_is_a_rotation() -> None:
    m = rot.rot6d_to_matrix(np.random.default_rng(0).normal(size=(50, 6)))
    np.testing.assert_allclose(m @ np.swapaxes(m, -1, -2), np.broadcast_to(np.eye(3), m.shape), atol=1e-9)
    np.testing.assert_allclose(np.linalg.det(m), 1.0, atol=1e-9)


def test_euler_order_is_that_of_the_channels() -> None:
    # Z 90 then X 90 in the list: the matrix Rz Rx turns X first; y -> z -> z
    q = rot.from_euler("ZX", np.array([90.0, 90.0]))
    np.testing.assert_allclose(quat.rotate(q, np.array([0.0, 1.0, 0.0])), [0, 0, 1], atol=1e-9)
    np.testing.assert_allclose(quat.rotate(q, np.array([1.0, 0.0, 0.0])), [0, 1, 0], atol=1e-9)
    with pytest.raises(ValueError, match="order"):
        rot.from_euler("XYW", np.zeros(3))


def test_between_is_the_short_turn_also_for_opposite_directions() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.normal(size=(100, 3)), rng.normal(size=(100, 3))
    b[0], b[1] = -a[0], a[1]
    turned = quat.rotate(rot.between(a, b), a)
    cosine = np.sum(turned * b, axis=1) / np.linalg.norm(turned, axis=1) / np.linalg.norm(b, axis=1)
    np.testing.assert_allclose(cosine, 1.0, atol=1e-9)
    assert quat.angle_between(rot.between(a[1], b[1]), quat.IDENTITY) < 1e-6


def test_continuous_removes_sign_jumps_and_nothing_else(some: np.ndarray) -> None:
    slow = quat.from_axis_angle((0, 1, 0), np.linspace(0, 700, 80)).astype(np.float64)
    jumpy = slow * np.where(np.arange(80) % 3 == 0, -1, 1)[:, None]
    smooth = rot.continuous(jumpy)
    assert np.sum(smooth[1:] * smooth[:-1], axis=1).min() > 0.9
    assert quat.angle_between(smooth, slow).max() < 1e-6

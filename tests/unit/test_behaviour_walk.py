"""Steps: the character arrives, its feet alternate and do not slide, and nothing jumps."""

import numpy as np
import pytest

from solami.behaviour import Performance
from solami_protocol import quaternions as q
from solami_protocol.errors import InputError
from solami_protocol.skeleton import JOINT_INDEX
from solami_tokenizers.motion import forward

ANKLES = [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]


def walked(*steps: tuple[float, float, float]) -> Performance:
    performance = Performance(seed=2)
    performance.render(500.0)
    for ahead_m, aside_m, degrees in steps:
        performance.step(ahead_m, aside_m, np.radians(degrees))
    return performance


def frames_of(performance: Performance, seconds: float = 6.0, chunk_ms: float = 6000.0) -> tuple:
    parts = []
    while performance.rendered_ms < seconds * 1000 - 1:
        parts.append(performance.render(min(performance.rendered_ms + chunk_ms, seconds * 1000)))
    root_m, rotations = (np.concatenate(rows) for rows in zip(*parts, strict=True))
    return (root_m, rotations, *forward(root_m, rotations))


WAYS = [(0.5, 0.0, 0.0), (-0.5, 0.0, 0.0), (0.0, 0.4, 0.0), (0.0, 0.0, 90.0), (0.6, -0.3, -60.0), (0.05, 0.0, 0.0)]


@pytest.mark.parametrize("way", WAYS)
def test_it_arrives_and_its_feet_neither_slide_nor_fly(way: tuple[float, float, float]) -> None:
    root_m, rotations, places, _ = frames_of(walked(way))
    np.testing.assert_allclose(root_m[-1, [0, 2]], [way[1], way[0]], atol=0.05)
    yaw = np.degrees(q.yaw_of(rotations[-1, 0]))
    assert abs((yaw - way[2] + 180) % 360 - 180) < 6
    ankles = places[:, ANKLES]
    moving = np.linalg.norm(np.diff(ankles[..., [0, 2]], axis=0), axis=-1) * 30  # (T - 1, 2) metres a second
    low = ankles[1:, :, 1] < ankles[0, :, 1].max() + 0.012
    assert (moving * low).max() < 0.35  # slow where it lands and leaves, still between
    assert np.percentile((moving * low), 90) < 0.03
    assert not ((moving > 0.35).all(axis=1)).any()  # never both feet in the air
    assert moving.max() < 3.5
    np.testing.assert_allclose(np.linalg.norm(rotations, axis=-1), 1, atol=1e-4)


@pytest.mark.parametrize("way", WAYS)
def test_no_joint_and_no_pelvis_jumps(way: tuple[float, float, float]) -> None:
    root_m, rotations, _, _ = frames_of(walked(way))
    speed = np.linalg.norm(np.diff(root_m, axis=0), axis=-1) * 30
    assert speed.max() < 1.2
    assert np.abs(np.diff(speed)).max() < 0.12
    turned = np.degrees(q.angle_between(rotations[1:], rotations[:-1])) * 30
    assert turned.max() < 500


def test_walks_follow_each_other_and_chunks_change_nothing() -> None:
    ways = ((0.4, 0.0, 0.0), (-0.4, 0.0, 0.0))
    whole = frames_of(walked(*ways), 8.0)
    pieces = frames_of(walked(*ways), 8.0, chunk_ms=100.0)
    np.testing.assert_allclose(whole[1], pieces[1], atol=1e-5)
    np.testing.assert_allclose(whole[0], pieces[0], atol=1e-5)
    assert whole[0][:, 2].max() > 0.3
    np.testing.assert_allclose(whole[0][-1, [0, 2]], [0, 0], atol=0.05)


def test_too_far_is_refused() -> None:
    with pytest.raises(InputError, match="at most 2 m"):
        Performance().step(3.0)

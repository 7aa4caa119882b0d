"""Inertialisation keeps pose and velocity at a seam and ends after its time."""

import numpy as np

from solami.behaviour import Performance, Style, join
from solami.behaviour.blend import BLEND_MS
from solami_protocol import quaternions as q


def clip(gesture: str, stroke_ms: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    performance = Performance(Style(), None, seed)
    performance.cue(gesture, stroke_ms)
    return performance.render(3000)


def turning(rotations: np.ndarray) -> np.ndarray:
    return q.to_rotvec(q.multiply(q.conjugate(rotations[:-1]), rotations[1:]))


def test_a_cut_into_the_middle_of_another_clip_does_not_show() -> None:
    root_a, a = (x.astype(np.float64)[:36] for x in clip("wave_right", 900, 1))
    root_b, b = (x.astype(np.float64)[20:] for x in clip("open_palms", 900, 2))
    cut = np.linalg.norm(np.diff(turning(np.concatenate([a, b])), axis=0), axis=-1)[33:37].max()
    root, joined = join(root_a, a, root_b, b)
    steps = np.linalg.norm(np.diff(turning(np.concatenate([a, joined])), axis=0), axis=-1)
    whole = np.linalg.norm(np.diff(turning(b), axis=0), axis=-1)
    assert cut > 5 * steps[33:37].max()  # the seam was there to be hidden
    assert steps[33:37].max() <= 1.5 * max(np.percentile(steps.max(axis=1), 99), np.percentile(whole.max(axis=1), 99))
    speed = np.linalg.norm(np.diff(np.concatenate([root_a, root]), axis=0), axis=-1)
    assert speed[33:40].max() < 1.5 * max(np.percentile(speed, 99), 1e-3)


def test_the_new_clip_is_unchanged_after_the_blend() -> None:
    root_a, a = clip("shrug", 700, 1)
    root_b, b = clip("nod", 700, 2)
    root, joined = join(root_a[:20], a[:20], root_b, b)
    after = int(np.ceil(BLEND_MS * 0.03))
    np.testing.assert_allclose(joined[after:], b[after:], atol=1e-6)
    np.testing.assert_allclose(root[after:], root_b[after:], atol=1e-6)
    assert q.angle_between(joined[1], b[1]).max() > 0.05


def test_one_shown_frame_is_enough() -> None:
    root_a, a = clip("shrug", 700, 1)
    root_b, b = clip("nod", 700, 2)
    _, joined = join(root_a[20:21], a[20:21], root_b, b)
    assert np.degrees(q.angle_between(joined[0], a[20])).max() < 0.35 * np.degrees(q.angle_between(b[0], a[20])).max()
    assert np.isfinite(joined).all()

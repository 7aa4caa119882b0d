"""A performance: frames on a fixed grid, cues in any order, no seam that shows."""

import numpy as np
import pytest

from solami.behaviour import Performance, Style, stance
from solami_protocol import quaternions as q
from solami_protocol.errors import InputError
from solami_protocol.skeleton import JOINT_INDEX as J
from solami_protocol.skeleton import PELVIS_HEIGHT_M
from solami_tokenizers.motion.kinematics import forward

USER_M = np.array([0.4, 1.6, 1.5])


def spin(rotations: np.ndarray) -> np.ndarray:
    """Angular velocity (T - 1, 55, 3), radians a frame."""
    return q.to_rotvec(q.multiply(q.conjugate(rotations[:-1]), rotations[1:]).astype(np.float64))


def ankles(root: np.ndarray, rotations: np.ndarray) -> np.ndarray:
    return forward(root.astype(float), rotations.astype(float))[0][:, [J["left_ankle"], J["right_ankle"]]]


def busy(seed: int = 0, start: tuple[np.ndarray, np.ndarray] | None = None) -> Performance:
    performance = Performance(Style(), start, seed)
    performance.look_at(USER_M)
    for name, stroke_ms in (("wave_right", 800), ("nod", 1000), ("open_palms", 3200), ("beat_left", 4700)):
        assert performance.cue(name, stroke_ms) == stroke_ms
    return performance


def test_frames_lie_on_the_grid_of_30_a_second() -> None:
    performance = Performance(Style(), None, 0)
    assert [len(performance.render(until)[0]) for until in (100, 100, 133, 134, 1000, 500, 1000.1)] == [
        3,
        0,
        1,
        1,
        25,
        0,
        1,
    ]
    root, rotations = performance.render(2000)
    assert root.dtype == rotations.dtype == np.float32
    assert rotations.shape == (29, 55, 4)
    assert np.abs(np.linalg.norm(rotations, axis=-1) - 1).max() < 1e-5


def test_pieces_are_the_same_as_the_whole() -> None:
    whole = busy().render(6000)
    pieces, parts = busy(), []
    while pieces.rendered_ms < 5999:
        parts.append(pieces.render(pieces.rendered_ms + 100))
    np.testing.assert_allclose(np.concatenate([p[0] for p in parts]), whole[0], atol=1e-6)
    np.testing.assert_allclose(np.concatenate([p[1] for p in parts]), whole[1], atol=1e-6)


def test_the_seed_decides_everything() -> None:
    assert np.array_equal(busy(4).render(3000)[1], busy(4).render(3000)[1])
    assert not np.array_equal(busy(4).render(3000)[1], busy(5).render(3000)[1])


def test_a_minute_of_standing_breathes_sways_and_keeps_its_feet() -> None:
    root, rotations = Performance(Style(), None, 1).render(60_000)
    places, _ = forward(root.astype(float), rotations.astype(float))
    assert 0.03 < np.ptp(root[:, 0]) < 0.08  # weight goes from leg to leg
    assert np.abs(ankles(root, rotations) - ankles(root, rotations)[0]).max() < 1e-3
    chest = places[:, J["left_shoulder"], 1] + places[:, J["right_shoulder"], 1] - 2 * places[:, J["spine2"], 1]
    spectrum = np.abs(np.fft.rfft(chest - chest.mean()))
    hz = np.fft.rfftfreq(len(chest), 1 / 30)
    band = (hz > 0.15) & (hz < 0.4)
    assert 0.2 < hz[band][np.argmax(spectrum[band])] < 0.3
    head = np.degrees(np.linalg.norm(spin(rotations), axis=-1)[:, J["head"]]) * 30
    assert 0.2 < np.median(head) < 5  # drifts, does not shake


def test_disjoint_gestures_run_together() -> None:
    both, wave = Performance(Style(), None, 2), Performance(Style(), None, 2)
    for performance in (both, wave):
        assert performance.cue("wave_right", 900) == 900
    assert both.cue("nod", 1000) == 1000
    a, b = both.render(2500)[1], wave.render(2500)[1]
    np.testing.assert_allclose(a[:, J["right_elbow"]], b[:, J["right_elbow"]], atol=1e-6)
    assert np.degrees(q.angle_between(a[:, J["head"]], b[:, J["head"]])).max() > 5


def test_one_arm_makes_one_gesture_at_a_time() -> None:
    performance = Performance(Style(), None, 0)
    assert performance.cue("beat_right", 1000) == 1000
    moved = performance.cue("beat_right", 1250)  # its preparation does not fit behind the first stroke
    assert moved is None or 1250 <= moved <= 1390
    assert performance.cue("point_you", 1050) is None or performance.cue("point_you", 1050) is None
    assert performance.cue("beat_left", 1050) == 1050
    assert performance.cue("beat_right", 2000) == 2000


def test_a_late_cue_is_squeezed_then_moved_then_dropped() -> None:
    performance = Performance(Style(), None, 0)
    performance.render(2000)
    assert performance.cue("wave_right", 2520) == 2520  # less than its 560 ms ahead: a quicker preparation
    performance = Performance(Style(), None, 0)
    performance.render(2000)
    later = performance.cue("wave_right", 2250)
    assert later is not None
    assert 2250 < later <= 2550
    performance = Performance(Style(), None, 0)
    performance.render(2000)
    assert performance.cue("beat_right", 2000) is None
    assert performance.cue("wave_right", 500) is None


def test_what_is_rendered_is_never_touched_by_later_cues() -> None:
    late, early = Performance(Style(), None, 0), Performance(Style(), None, 0)
    shown = [late.render(1000)]
    late.cue("wave_right", 1300)
    shown.append(late.render(3000))
    rotations = np.concatenate([s[1] for s in shown])
    np.testing.assert_array_equal(rotations[:30], early.render(1000)[1])
    steps = np.linalg.norm(np.diff(spin(rotations), axis=0), axis=-1).max(axis=1)
    assert steps[28:31].max() <= 1.5 * np.percentile(steps, 99)


def test_unknown_gestures_and_holds_that_are_not_allowed_are_refused() -> None:
    performance = Performance(Style(), None, 0)
    with pytest.raises(InputError, match="moonwalk"):
        performance.cue("moonwalk", 500)
    with pytest.raises(InputError, match="held"):
        performance.cue("nod", 500, hold_ms=1000)


def test_a_hold_holds_and_is_not_frozen() -> None:
    performance = Performance(Style(), None, 0)
    performance.cue("open_palms", 900, hold_ms=2000)
    root, rotations = performance.render(6000)
    wrist = forward(root.astype(float), rotations.astype(float))[0][:, J["right_wrist"]]
    held = wrist[50:95]
    assert np.ptp(held, axis=0).max() < 0.03
    assert np.linalg.norm(np.diff(held, axis=0), axis=-1).max() > 1e-5
    assert wrist[55, 1] > 1.05
    assert wrist[-1, 1] < 0.95


def test_settle_returns_to_the_stance_from_the_middle_of_a_gesture() -> None:
    performance = Performance(Style(), None, 0)
    performance.cue("celebrate", 1000)
    performance.cue("wave_right", 5000)
    performance.render(1200)
    quiet_ms = performance.settle(600)
    assert 1200 < quiet_ms < 2000
    root, rotations = performance.render(7000)
    wrist = forward(root.astype(float), rotations.astype(float))[0][:, J["right_wrist"], 1]
    assert wrist[int((quiet_ms - 1200) * 0.03) + 1 :].max() < 0.96
    assert np.degrees(np.linalg.norm(spin(rotations), axis=-1)).max() * 30 < 700


@pytest.mark.parametrize("yaw_deg", [0.0, 70.0, 180.0, -120.0])
def test_a_reply_starts_from_where_the_character_stands(yaw_deg: float) -> None:
    before = Performance(Style(), None, 8)
    before.cue("welcome", 1000, hold_ms=3000)
    root, rotations = before.render(1500)
    turn = q.from_rotvec(np.array([0.0, np.radians(yaw_deg), 0.0]))
    root = np.add(q.rotate(turn, root.astype(float)), (2.0, 0.0, -3.0)).astype(np.float32)
    rotations[:, 0] = q.multiply(turn, rotations[:, 0].astype(float)).astype(np.float32)
    after = Performance(Style(), (root[-2:], rotations[-2:]), 9)
    after.look_at(np.array([2.0, 1.6, -1.5]))
    root2, rotations2 = after.render(5000)
    np.testing.assert_allclose(root2[0], root[-1], atol=1e-3)
    assert np.degrees(q.angle_between(rotations2[0], rotations[-1])).max() < 0.6
    shown = np.concatenate([rotations, rotations2[1:]])
    steps = np.linalg.norm(np.diff(spin(shown), axis=0), axis=-1)
    seam = slice(len(rotations) - 3, len(rotations) + 1)
    body = [j for name, j in J.items() if "eye" not in name]
    assert steps[seam][:, body].max() <= 1.5 * np.percentile(steps.max(axis=1), 99)
    standing = ankles(root, rotations)[-1]
    assert np.linalg.norm(ankles(root2, rotations2) - standing, axis=-1).max() < 5e-3  # feet do not slide


def test_many_replies_do_not_wander() -> None:
    start, first = None, None
    for seed in range(12):
        performance = busy(seed, start)
        root, rotations = performance.render(4000)
        start = root[-1], rotations[-1]
        first = ankles(root, rotations)[0] if first is None else first
    assert np.abs(ankles(root, rotations)[-1] - first).max() < 5e-3


def test_a_t_pose_or_a_stride_becomes_a_stance_with_one_foot_on_the_ground() -> None:
    t_pose = np.tile(np.array([0, 0, 0, 1], np.float32), (55, 1))
    root, rotations = Performance(Style(), (np.array([0, PELVIS_HEIGHT_M, 0], np.float32), t_pose), 0).render(2000)
    assert np.degrees(q.angle_between(rotations[0], t_pose)).max() < 4  # knees that were locked
    assert ankles(root, rotations)[-1, :, 1] == pytest.approx(0.07, abs=1e-3)
    pose_root, stride = stance(Style()).pose()
    stride = stride.copy()
    stride[J["left_hip"]] = q.from_axis_angle((1, 0, 0), -25)
    stride[J["right_hip"]] = q.from_axis_angle((1, 0, 0), 20)
    root, rotations = Performance(Style(), (pose_root, stride), 0).render(2000)
    feet = ankles(root, rotations)
    assert np.ptp(feet[0, :, 2]) > 0.4
    assert np.ptp(feet[-1, :, 2]) < 0.06
    lifted = feet[:, :, 1] > 0.07 + 0.01
    assert lifted.any(axis=0).all()
    assert np.linalg.norm(np.diff(feet, axis=0), axis=-1).max() < 0.08


def test_random_scripts_never_jump_and_never_slide() -> None:
    rng = np.random.default_rng(0)
    names = ["wave_right", "beat_both", "think", "nod", "celebrate", "bow", "shrug", "point_you_left", "salute", "clap"]
    performance = Performance(Style(energy=1.3, tempo=1.3), None, 0)
    parts = []
    for _ in range(150):
        if rng.random() < 0.3:
            performance.cue(str(rng.choice(names)), performance.rendered_ms + rng.uniform(-100, 2000))
        if rng.random() < 0.05:
            performance.settle()
        parts.append(performance.render(performance.rendered_ms + 200))
    root, rotations = (np.concatenate([p[i] for p in parts]) for i in (0, 1))
    assert np.degrees(np.linalg.norm(spin(rotations), axis=-1)).max() * 30 < 900
    assert np.abs(ankles(root, rotations) - ankles(root, rotations)[0]).max() < 1e-3

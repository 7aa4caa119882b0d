"""Coming closer, stepping back, looking away, pointing; and what is seen with head and wrists alone."""

import numpy as np
import pytest

from solami.behaviour import Performance
from solami.perception.evaluate import perceive_clip
from solami.perception.three_points import three_points
from solami_protocol import quaternions as q
from solami_protocol.skeleton import JOINT_INDEX
from solami_tokenizers.motion import Clip, forward


def played(*gestures: tuple[str, float], seconds: float = 5.0, hold_ms: float = 0.0) -> Clip:
    """Return a body that makes gestures at times in ms, with the tremor of tracking."""
    performance = Performance(seed=3)
    for name, at_ms in gestures:
        performance.cue(name, at_ms, hold_ms=hold_ms)
    root_m, rotations = performance.render(seconds * 1000)
    tremor = np.random.default_rng(1).normal(scale=0.002, size=(*rotations.shape[:2], 3))
    turns = q.multiply(rotations, q.from_rotvec(tremor)).astype(np.float32)
    return Clip(name="played", root_m=root_m, rotations=turns, fps=30.0)


def moved(clip: Clip, ahead_m: np.ndarray, yaw_deg: float = 0.0) -> Clip:
    """Return the clip turned about y and moved along where it then faces."""
    turn = q.from_axis_angle((0.0, 1.0, 0.0), yaw_deg)
    root_m = q.rotate(turn, clip.root_m + ahead_m[:, None] * np.array([0.0, 0.0, 1.0]))
    rotations = clip.rotations.copy()
    rotations[:, 0] = q.multiply(turn, rotations[:, 0])
    return Clip(name="moved", root_m=root_m.astype(np.float32), rotations=rotations.astype(np.float32), fps=30.0)


def seen(clip: Clip, **how: bool) -> list[tuple[str, str]]:
    return [(p.name, p.side) for p in perceive_clip(clip, **how) if p.phase == "began"]


def ramp(frames: int, to_m: float) -> np.ndarray:
    return to_m * np.clip((np.arange(frames) - 45) / 24, 0, 1)


@pytest.mark.parametrize("yaw_deg", [0.0, 130.0])
@pytest.mark.parametrize(("to_m", "name"), [(0.6, "approach"), (-0.6, "step_back")])
@pytest.mark.parametrize("only_three", [False, True])
def test_a_step_towards_the_character_or_away(to_m: float, name: str, yaw_deg: float, only_three: bool) -> None:
    clip = played()
    assert seen(moved(clip, ramp(clip.frames, to_m), yaw_deg), only_three=only_three) == [(name, "")]


def test_swaying_and_a_step_aside_are_no_approach() -> None:
    clip = played()
    assert seen(moved(clip, 0.12 * np.sin(np.arange(clip.frames) / 8))) == []
    aside = Clip(name="aside", root_m=clip.root_m.copy(), rotations=clip.rotations, fps=30.0)
    aside.root_m[:, 0] += ramp(clip.frames, 0.5)
    assert seen(aside) == []


def test_looking_away_for_a_second_is_seen_and_a_glance_is_not() -> None:
    def looking(seconds: float) -> Clip:
        clip = played()
        turns = clip.rotations.copy()
        away = (np.arange(clip.frames) > 40) & (np.arange(clip.frames) < 40 + 30 * seconds)
        yaw = q.from_axis_angle((0.0, 1.0, 0.0), np.where(away, 75.0, 0.0))
        turns[:, JOINT_INDEX["head"]] = q.multiply(yaw, turns[:, JOINT_INDEX["head"]])
        return Clip(name="looking", root_m=clip.root_m, rotations=turns.astype(np.float32), fps=30.0)

    assert seen(looking(2.0)) == [("look_away", "")]
    assert seen(looking(0.6)) == []


def test_a_pointing_arm_is_seen_by_its_side() -> None:
    clip = played()
    turns = clip.rotations.copy()
    share = np.clip((np.arange(clip.frames) - 40) / 12, 0, 1)[:, None]
    ahead = q.from_axis_angle((0.0, 1.0, 0.0), 80.0)
    for joint, goal in (("collar", q.IDENTITY), ("shoulder", ahead), ("elbow", q.IDENTITY)):
        j = JOINT_INDEX[f"right_{joint}"]
        turns[:, j] = q.normalise(turns[:, j] * (1 - share) + goal * np.sign(turns[:1, j] @ goal) * share)
    tremor = np.random.default_rng(2).normal(scale=0.003, size=(*turns.shape[:2], 3))
    pointing = q.multiply(turns, q.from_rotvec(tremor)).astype(np.float32)
    assert seen(Clip(name="point", root_m=clip.root_m, rotations=pointing, fps=30.0)) == [("point", "right")]
    names = {name for name, _ in seen(played(("open_palms", 1200.0), ("shrug", 3000.0)))}
    assert "point" not in names


def test_a_bow_is_seen_by_the_dip_of_the_head_and_a_glance_down_is_none() -> None:
    assert seen(played(("bow", 1800.0)), only_three=True) == [("bow", "")]
    clip = played()
    turns = clip.rotations.copy()
    down = np.clip((np.arange(clip.frames) - 45) / 10, 0, 1) * np.clip((110 - np.arange(clip.frames)) / 10, 0, 1)
    pitch = q.from_axis_angle((1.0, 0.0, 0.0), 40 * down)
    turns[:, JOINT_INDEX["head"]] = q.multiply(turns[:, JOINT_INDEX["head"]], pitch)
    glance = Clip(name="glance", root_m=clip.root_m, rotations=turns.astype(np.float32), fps=30.0)
    assert seen(glance, only_three=True) == []


def test_three_points_keep_head_and_wrists_where_they_were() -> None:
    clip = played(("wave_right", 1500.0))
    rebuilt, validity = three_points(clip)
    assert validity.sum() == 55 * clip.frames + 3 * clip.frames  # three measured, the rest inferred
    before, now = forward(clip.root_m, clip.rotations)[0], forward(rebuilt.root_m, rebuilt.rotations)[0]
    for name in ("head", "left_wrist", "right_wrist"):
        off = np.linalg.norm(before[:, JOINT_INDEX[name]] - now[:, JOINT_INDEX[name]], axis=-1)
        assert np.percentile(off, 95) < 0.03, name
    assert seen(clip, only_three=True) == [("wave", "right")]

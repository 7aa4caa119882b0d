"""Perception on bodies moved by hand: what is a wave, a nod, a bow, and what only looks like one."""

import numpy as np
import pytest

from solami.perception import Percept, Perception
from solami.perception.evaluate import perceive_clip
from solami.perception.swings import SwingFinder
from solami_protocol import quaternions as quat
from solami_protocol.errors import ProtocolError
from solami_protocol.skeleton import JOINT_COUNT, JOINT_INDEX, MIRROR, REST_OFFSETS
from solami_tokenizers.motion import Clip

X, Y, Z = (1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)


def _turn(axis: tuple[float, float, float], degrees: np.ndarray | float) -> np.ndarray:
    return quat.from_axis_angle(axis, degrees)


class Body:
    """A standing body whose joints are turned over time, with a little tremor as every tracked body has."""

    def __init__(self, seconds: float, fps: float = 30.0) -> None:
        self.fps = fps
        self.t = np.arange(int(seconds * fps)) / fps
        frames = len(self.t)
        self.rotations = np.tile(quat.IDENTITY, (frames, JOINT_COUNT, 1))
        self.root_m = np.tile(REST_OFFSETS[0], (frames, 1))
        for side, sign in (("left", 1), ("right", -1)):
            self.set(f"{side}_shoulder", _turn(Z, -75.0 * sign))
        tremor = np.random.default_rng(5).normal(scale=0.002, size=(frames, JOINT_COUNT, 3)).astype(np.float32)
        self._tremor = quat.from_rotvec(tremor)

    def set(self, joint: str, turn: np.ndarray) -> "Body":
        self.rotations[:, JOINT_INDEX[joint]] = turn
        return self

    def hand_up(
        self,
        side: str,
        share: np.ndarray | float,
        swing_deg: np.ndarray | float,
        palm_deg: float = -90.0,
        axis: tuple[float, float, float] = Z,
        lean_deg: np.ndarray | float = 0.0,
    ) -> "Body":
        """The forearm stands up (share 1) or hangs (0), palm ahead, swings outwards and back, and leans forward."""
        sign = 1.0 if side == "left" else -1.0
        forearm = _turn(Z, sign * (180 * np.asarray(share) - 90))
        forearm = quat.multiply(_turn(axis, -sign * np.asarray(swing_deg)), forearm)
        forearm = quat.multiply(_turn(X, lean_deg), quat.multiply(forearm, _turn(X, palm_deg)))
        shoulder = self.rotations[:, JOINT_INDEX[f"{side}_shoulder"]]
        return self.set(f"{side}_elbow", quat.multiply(quat.conjugate(shoulder), forearm))

    def clip(self) -> Clip:
        rotations = quat.multiply(self.rotations, self._tremor)
        return Clip(name="made", root_m=self.root_m, rotations=rotations, fps=self.fps)


def _up_between(t: np.ndarray, start: float, end: float) -> np.ndarray:
    """1 between two times, with 0.4 s of rising before and falling after."""
    return np.clip((t - start) / 0.4 + 1, 0, 1) * np.clip((end - t) / 0.4 + 1, 0, 1)


def _wave_clip(side: str = "left", hz: float = 1.8, size_deg: float = 20.0, fps: float = 30.0) -> Clip:
    """One second of rest, up by 1.0 s, waving to 3.5 s, down by 3.9 s."""
    body = Body(5.0, fps)
    share = _up_between(body.t, 1.0, 3.5)
    swing = size_deg * np.sin(2 * np.pi * hz * (body.t - 1.0)) * (share >= 1)
    for s in ("left", "right") if side == "both" else (side,):
        body.hand_up(s, share, swing)
    return body.clip()


def _began(percepts: list[Percept]) -> list[tuple[str, str]]:
    return [(p.name, p.side) for p in percepts if p.phase == "began"]


@pytest.mark.parametrize("side", ["left", "right", "both"])
def test_a_wave_is_seen_while_it_lasts_and_ends_with_the_hand(side: str) -> None:
    percepts = perceive_clip(_wave_clip(side))
    assert _began(percepts) == [("wave", side)]
    began, ended = percepts
    assert 1.0e6 < began.t_us < 2.4e6
    assert ended.phase == "ended"
    assert ended.began_us == began.began_us < 1.5e6
    assert 3.4e6 < ended.t_us < 3.8e6  # the hand leaves at 3.5 s and hangs at 3.9 s
    assert 0.7 <= began.confidence <= ended.confidence <= 1.0


@pytest.mark.parametrize(("hz", "size_deg"), [(0.7, 30.0), (1.0, 15.0), (2.5, 15.0), (3.5, 12.0)])
def test_slow_fast_large_and_small_waves(hz: float, size_deg: float) -> None:
    assert _began(perceive_clip(_wave_clip("right", hz, size_deg))) == [("wave", "right")]


@pytest.mark.parametrize("fps", [72.0, 90.0, 120.0])
def test_the_rate_of_the_headset_does_not_matter(fps: float) -> None:
    clip = _wave_clip("left", fps=fps)
    perception = Perception()
    t_us = (np.arange(clip.frames) * 1e6 / fps).astype(np.int64)
    validity = np.full((clip.frames, JOINT_COUNT), 2, np.uint8)
    assert _began(perception.feed(t_us, clip.root_m, clip.rotations, validity)) == [("wave", "left")]


def test_a_wave_that_stops_with_the_hand_up_ends_within_600_ms() -> None:
    body = Body(5.0)
    swing = 20 * np.sin(2 * np.pi * 1.5 * (body.t - 1.0)) * (body.t < 3.0)
    body.hand_up("left", _up_between(body.t, 1.0, 9.0), swing)
    ended = [p for p in perceive_clip(body.clip()) if p.name == "wave" and p.phase == "ended"]
    assert len(ended) == 1
    assert 3.0e6 < ended[0].t_us < 3.6e6


def test_a_wave_that_drifts_off_slowly_ends_too() -> None:
    body = Body(6.0)
    swing = np.where(body.t < 3.0, 16 * np.sin(2 * np.pi * 1.5 * body.t), 0) - 25 * np.clip(body.t - 3.0, 0, 3)
    ended = [p for p in perceive_clip(body.hand_up("left", 1.0, swing).clip()) if p.phase == "ended"]
    assert 3.0e6 < ended[0].t_us < 4.0e6


def test_a_wave_ends_as_soon_as_the_hand_drops_below_the_chest() -> None:
    body = Body(5.0)
    swing = 16 * np.sin(2 * np.pi * 1.5 * body.t) * (body.t < 3.0)
    lean = 180 * np.clip((body.t - 3.0) / 0.25, 0, 1)  # straight forward and down
    ended = [p for p in perceive_clip(body.hand_up("left", 1.0, swing, lean_deg=lean).clip()) if p.phase == "ended"]
    assert 3.0e6 < ended[0].t_us < 3.3e6


def test_the_mirrored_body_waves_with_the_other_hand() -> None:
    clip = _wave_clip("left")
    flip = np.array([-1, 1, 1], np.float32)
    turns = clip.rotations[:, MIRROR] * np.array([1, -1, -1, 1], np.float32)
    mirrored = Clip(name="m", root_m=clip.root_m * flip, rotations=turns, fps=30.0)
    ours, theirs = perceive_clip(clip), perceive_clip(mirrored)
    assert [p.side for p in theirs] == ["right"] * len(ours)
    assert [(p.name, p.phase, p.t_us) for p in ours] == [(p.name, p.phase, p.t_us) for p in theirs]


@pytest.mark.parametrize("degrees", [90.0, 180.0, -60.0])
def test_facing_elsewhere_changes_nothing(degrees: float) -> None:
    clip = _wave_clip("right")
    turns = clip.rotations.copy()
    turns[:, 0] = quat.multiply(_turn(Y, degrees), turns[:, 0])
    assert _began(perceive_clip(Clip(name="t", root_m=clip.root_m, rotations=turns, fps=30.0))) == [("wave", "right")]


@pytest.mark.parametrize("frames", [1, 2, 7, 500])
def test_the_cut_into_chunks_changes_nothing(frames: int) -> None:
    clip = _wave_clip("both")
    assert perceive_clip(clip, frames) == perceive_clip(clip, 3)


def _swinging(seconds: float = 4.0, size_deg: float = 16.0, **how: object) -> Body:
    body = Body(seconds)
    swing = size_deg * np.sin(2 * np.pi * 1.8 * body.t)
    return body.hand_up("left", **{"share": 1.0, "swing_deg": swing, **how})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "how",
    [{"palm_deg": 90.0}, {"palm_deg": 0.0}, {"axis": (1.0, 0.0, 0.4)}, {"share": 0.0}, {"share": 0.65}],
    ids=["palm to oneself", "palm aside", "mostly forward and back", "hand down", "up and down"],
)
def test_the_same_swing_is_a_wave_only_up_sideways_and_with_the_palm_ahead(how: dict[str, object]) -> None:
    assert _began(perceive_clip(_swinging().clip())) == [("wave", "left")]
    assert perceive_clip(_swinging(**how).clip()) == []


def test_one_swing_there_and_back_is_no_wave_and_a_second_one_is() -> None:
    """Two turning points of a hand that is up anyway, as raising and lowering one makes."""
    for cycles, expected in ((1, []), (2, [("wave", "left")])):
        body = Body(4.0)
        phase = np.clip((body.t - 1.0) * 1.8, 0, cycles)
        body.hand_up("left", 1.0, 16 * (1 - np.cos(2 * np.pi * phase)))
        assert _began(perceive_clip(body.clip())) == expected


def test_a_walking_body_must_wave_higher() -> None:
    low = _swinging(size_deg=20.0, lean_deg=62.0)  # hands before the chest
    assert _began(perceive_clip(low.clip())) == [("wave", "left")]
    for body, expected in ((low, []), (_swinging(), [("wave", "left")])):
        body.root_m = body.root_m + np.outer(body.t, [0, 0, 1.0]).astype(np.float32)
        assert _began(perceive_clip(body.clip())) == expected


def test_a_hand_that_is_only_raised_is_no_wave() -> None:
    body = Body(4.0)
    body.hand_up("right", _up_between(body.t, 1.0, 3.0), 0.0)
    assert "wave" not in [name for name, _ in _began(perceive_clip(body.clip()))]


def test_a_hand_held_high_is_raised_and_lowered() -> None:
    body = Body(4.0)
    share = _up_between(body.t, 1.0, 2.6)
    body.set("right_shoulder", _turn(Z, 75 - 150 * share))
    percepts = perceive_clip(body.clip())
    assert [(p.name, p.side, p.phase) for p in percepts] == [
        ("raise_hand", "right", "began"),
        ("raise_hand", "right", "ended"),
    ]
    assert 1.4e6 < percepts[0].t_us < 1.8e6


@pytest.mark.parametrize(("axis", "name"), [(X, "nod"), (Y, "shake")])
def test_head_gestures(axis: tuple[float, float, float], name: str) -> None:
    body = Body(4.0)
    body.set("head", _turn(axis, 12 * np.sin(2 * np.pi * 1.6 * body.t) * (body.t > 1) * (body.t < 2.5)))
    percepts = perceive_clip(body.clip())
    assert [(p.name, p.phase) for p in percepts] == [(name, "began"), (name, "ended")]
    assert percepts[1].t_us < 3.3e6


def test_other_movements_of_the_head_are_no_gestures() -> None:
    looking, glancing, turning, walking = (Body(6.0) for _ in range(4))
    looking.set("head", _turn(Y, 45 * np.sin(2 * np.pi * 0.7 * looking.t)))
    glancing.set("head", _turn(Y, 15 * np.sin(2 * np.pi * np.clip(glancing.t - 1, 0, 1))))
    turning.set("pelvis", _turn(Y, 12 * np.sin(2 * np.pi * 1.6 * turning.t)))  # the head goes along
    walking.set("head", _turn(X, 12 * np.sin(2 * np.pi * 1.6 * walking.t)))
    walking.root_m = walking.root_m + np.outer(walking.t, [0, 0, 1.0]).astype(np.float32)
    for body in (looking, glancing, turning, walking):
        assert perceive_clip(body.clip()) == []


def test_a_bow_is_seen_and_a_bent_user_is_not_one() -> None:
    body = Body(4.0)
    body.set("pelvis", _turn(X, 40 * np.sin(np.pi * np.clip((body.t - 1) / 1.5, 0, 1))))
    assert [(p.name, p.phase) for p in perceive_clip(body.clip())] == [("bow", "began"), ("bow", "ended")]
    body.root_m = body.root_m + np.outer(body.t, [0, 0, 2.0]).astype(np.float32)  # off at a run
    assert perceive_clip(body.clip()) == []
    sitting = Body(4.0)
    sitting.set("pelvis", _turn(X, 35.0))
    assert perceive_clip(sitting.clip()) == []


def _feed(perception: Perception, clip: Clip, validity: int | np.ndarray = 2, start_us: int = 0) -> list[Percept]:
    t_us = start_us + np.arange(clip.frames, dtype=np.int64) * 1_000_000 // 30
    return perception.feed(
        t_us, clip.root_m, clip.rotations, np.broadcast_to(np.asarray(validity, np.uint8), (clip.frames, JOINT_COUNT))
    )


def test_inferred_arms_lower_the_confidence_and_absent_hands_do_nothing() -> None:
    clip = _wave_clip("left")
    only_head_and_hands = np.ones(JOINT_COUNT, np.uint8)
    only_head_and_hands[[JOINT_INDEX[n] for n in ("head", "left_wrist", "right_wrist")]] = 2
    measured, inferred = _feed(Perception(), clip)[0], _feed(Perception(), clip, only_head_and_hands)[0]
    assert (inferred.name, inferred.side, inferred.t_us) == ("wave", "left", measured.t_us)
    assert inferred.confidence < measured.confidence
    no_hand = np.full(JOINT_COUNT, 2, np.uint8)
    no_hand[JOINT_INDEX["left_wrist"]] = 0
    assert _feed(Perception(), clip, no_hand) == []


def test_a_wave_ends_when_frames_stop() -> None:
    clip = _wave_clip("left")
    cut = Clip(name="cut", root_m=clip.root_m[:90], rotations=clip.rotations[:90], fps=30.0)  # in mid-wave
    perception = Perception()
    assert [p.phase for p in _feed(perception, cut)] == ["began"]
    last_us = 89 * 1_000_000 // 30
    assert perception.wait(last_us + 400_000) == []
    ended = perception.wait(last_us + 600_000)
    assert [(p.name, p.phase) for p in ended] == [("wave", "ended")]
    assert perception.wait(last_us + 900_000) == []


def test_frames_sent_twice_count_once() -> None:
    clip = _wave_clip("left")
    perception = Perception()
    first = _feed(perception, Clip(name="a", root_m=clip.root_m[:75], rotations=clip.rotations[:75], fps=30.0))
    both = first + _feed(perception, clip)  # a resumed client sends from the beginning again
    assert both == _feed(Perception(), clip)


def test_frozen_tracking_is_lost_once_and_found_once() -> None:
    clip = _wave_clip("left")
    frozen = Clip(
        name="f", root_m=np.tile(clip.root_m[60], (60, 1)), rotations=np.tile(clip.rotations[60], (60, 1, 1)), fps=30.0
    )
    perception = Perception()
    start = _feed(perception, Clip(name="a", root_m=clip.root_m[:61], rotations=clip.rotations[:61], fps=30.0))
    middle = _feed(perception, frozen, start_us=61 * 1_000_000 // 30)
    end = _feed(perception, _wave_clip("right"), start_us=5_000_000)
    assert [p.name for p in start] == ["wave"]
    # the wave ends (no swing follows), tracking is lost 0.4 s after the first same frame, and nothing else is seen
    assert sorted((p.name, p.phase) for p in middle) == [("tracking_lost", "began"), ("wave", "ended")]
    lost = next(p for p in middle if p.name == "tracking_lost")
    assert 0.39e6 < lost.t_us - lost.began_us < 0.45e6
    assert end[0].name == "tracking_ok"
    assert [p.name for p in end].count("tracking_ok") == 1
    assert ("wave", "right") in _began(end)


@pytest.mark.parametrize("fault", ["zero rotations", "nothing valid"])
def test_poses_of_nothing_are_lost_tracking(fault: str) -> None:
    clip = Body(1.0).clip()
    noise = np.random.default_rng(0).normal(size=clip.root_m.shape).astype(np.float32)  # the root may still move
    rotations = np.zeros_like(clip.rotations) if fault == "zero rotations" else clip.rotations
    dead = Clip(name="dead", root_m=clip.root_m + 0.01 * noise, rotations=rotations, fps=30.0)
    percepts = _feed(Perception(), dead, 0 if fault == "nothing valid" else 2)
    assert [p.name for p in percepts] == ["tracking_lost"]


def test_a_still_user_is_tracked() -> None:
    assert _feed(Perception(), Body(3.0).clip()) == []


def test_arrays_that_do_not_fit_are_refused() -> None:
    clip = Body(0.1).clip()
    good = (np.arange(3), clip.root_m, clip.rotations, np.full((3, JOINT_COUNT), 2, np.uint8))
    assert Perception().feed(*good) == []
    for i, field in enumerate(("t_us", "root_m", "rotations", "validity")):
        bad = list(good)
        bad[i] = bad[i][..., :-1] if i else bad[i][:, None]
        with pytest.raises(ProtocolError) as caught:
            Perception().feed(*bad)
        assert caught.value.field == field
    empty = tuple(a[:0] for a in good)
    assert Perception().feed(*empty) == []


def test_swings_are_found_where_the_signal_turns() -> None:
    finder = SwingFinder(back=0.1)
    samples = [0.02, 0.0, 0.01, 0.5, 1.0, 0.95, 0.4, 0.0, 0.05, 0.6, 0.55, 0.7, 0.3]
    found = [(i, s) for i, v in enumerate(samples) if (s := finder.feed(i * 1000, v)) is not None]
    assert [(i, s.from_us, s.to_us, pytest.approx(s.size)) for i, s in found] == [
        (6, 2000, 4000, 1.0),  # it rested near 0 until sample 2
        (9, 4000, 7000, 1.0),
        (12, 7000, 11000, 0.7),
    ]

"""Strokes against the words that they belong to, over a whole card, and as a client shows them."""

import asyncio

import numpy as np
import pytest

from solami.agent.brain import AgentBrain
from solami.agent.timing import Answers, place_strokes, stroke_figures
from solami.behaviour import behaviour_pack
from solami.brain import Gesture, Pose, Speech, Turn
from solami.characters import load_library
from solami.headset.idle_layer import FADE_MS, ease
from solami.speech import open_synthesiser
from solami_protocol import quaternions as q
from solami_protocol.skeleton import JOINT_INDEX
from solami_tokenizers.motion import forward

COPPER = load_library()["copper"]
WRISTS = [JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]


def test_strokes_fall_on_stressed_words_although_marks_stand_first() -> None:
    figures = stroke_figures(asyncio.run(place_strokes(COPPER, open_synthesiser())))
    assert figures["early"]["count"] > 60
    for row in ("marks", "early", "beats"):
        assert figures[row]["p50_ms"] <= 100
        assert figures[row]["within_100_ms"] >= 0.9
    assert figures["early"]["word_p50_ms"] <= 100
    assert figures["early"]["word_within_100_ms"] >= 0.7
    assert figures["marks"]["dropped"] <= 0.02 * figures["marks"]["count"]


def shown(pose: Pose) -> np.ndarray:
    """Return the wrists (T, 2, 3) as a client shows them: faded in from idle, which stands with its arms down."""
    idle = behaviour_pack()[0]
    share = np.array([ease(k * 1000 / 30 / FADE_MS) for k in range(len(pose.root_m))])
    root_m = idle.root_m[0] + share[:, None] * (pose.root_m - idle.root_m[0])
    rotations = np.stack([q.slerp(idle.rotations[0], r, s) for r, s in zip(pose.rotations, share, strict=True)])
    return forward(root_m, rotations)[0][:, WRISTS]


@pytest.mark.parametrize("mark", ["open_palms", "hands_together", "point_you"])
def test_an_early_stroke_is_seen_and_no_arm_is_thrown(mark: str) -> None:
    brain = AgentBrain(COPPER, Answers(COPPER, [f"[{mark}] I keep this old lighthouse."]), open_synthesiser(), name="a")

    async def reply() -> list:
        return [event async for event in brain.reply(Turn(number=0, cause="text"))]

    events = asyncio.run(reply())
    gesture = next(event for event in events if isinstance(event, Gesture))
    poses = [event for event in events if isinstance(event, Pose)]
    assert poses[0].t_ms == 0.0
    assert events.index(poses[0]) < events.index(next(event for event in events if isinstance(event, Speech)))
    assert 200 <= gesture.stroke_ms < 450
    assert gesture.stroke_ms - gesture.aim_ms < 70
    pose = Pose(np.concatenate([p.root_m for p in poses]), np.concatenate([p.rotations for p in poses]))
    wrists = shown(pose)[:, 1]
    way = np.linalg.norm(wrists - wrists[0], axis=-1)
    at = round(gesture.stroke_ms * 30 / 1000)
    assert way[at : at + 4].max() > 0.8 * way[: at + 15].max()
    assert (np.linalg.norm(np.diff(wrists, axis=0), axis=-1) * 30).max() < 5.0

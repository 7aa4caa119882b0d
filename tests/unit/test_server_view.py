"""What the character sees of the user: where the head is, and acts until they have their answer."""

import math
import time

import numpy as np
import pytest

from solami.behaviour import Performance
from solami.brain import Act
from solami.server.view import UserView
from solami_protocol import quaternions as q
from solami_protocol.control import Place
from solami_protocol.skeleton import JOINT_COUNT

MEASURED = np.full(JOINT_COUNT, 2, np.uint8)


def seen(view: UserView, turn_deg: float = 0.0, at_m: tuple[float, float, float] = (0.0, 0.0, 0.0)) -> None:
    """Show a user who stands at a point of the room and faces this way."""
    root_m, rotations = (part[0] for part in Performance(seed=1).render(10.0))
    turn = q.from_axis_angle((0, 1, 0), turn_deg)
    rotations = rotations.copy()
    rotations[0] = q.multiply(turn, rotations[0])
    view.saw(q.rotate(turn, root_m) + np.array(at_m), rotations, MEASURED)


def test_the_head_is_told_from_where_the_character_stands() -> None:
    view = UserView()
    seen(view)
    assert view.head_m() is None  # where it stands is not known
    view.place = Place(z=1.5, yaw_rad=math.pi)  # before the user, facing
    head_m = view.head_m()
    assert head_m is not None
    np.testing.assert_allclose(head_m, [0.0, 1.6, 1.5], atol=0.12)
    view.place = Place(x=2.0, z=0.0, yaw_rad=-math.pi / 2)  # at the user's left hand, looking at it
    np.testing.assert_allclose(view.head_m(), [0.0, 1.6, 2.0], atol=0.12)
    seen(view, at_m=(0.0, 0.0, 1.0))  # steps ahead, which from there is to the right
    np.testing.assert_allclose(view.head_m(), [1.0, 1.6, 2.0], atol=0.15)
    view.saw(np.zeros(3), np.tile(q.IDENTITY, (JOINT_COUNT, 1)), np.zeros(JOINT_COUNT, np.uint8))
    assert view.head_m() is None


def test_acts_are_seen_until_they_have_their_answer() -> None:
    view = UserView()
    before_s = time.monotonic()
    view.did(Act("wave", 0.9, "left"))
    view.did(Act("bow"))
    assert view.acts_since(before_s) == ["wave", "bow"]
    assert view.seen_since(before_s)[0].side == "left"
    assert view.acts_since(time.monotonic() + 0.1) == []
    view.answered()
    assert view.seen_since(before_s) == []


def test_a_low_head_is_looked_down_at() -> None:
    import asyncio

    from solami.agent import open_brain
    from solami.brain import Pose, Turn
    from solami.characters import load_library
    from solami.speech import open_synthesiser
    from solami_protocol.skeleton import JOINT_INDEX
    from solami_tokenizers.motion import forward

    brain = open_brain(load_library()["copper"], open_synthesiser())

    async def pitch_deg(view: UserView | None) -> float:
        events = [e async for e in brain.reply(Turn(number=1, cause="text", text="who are you", view=view))]
        pose = next(e for e in events if isinstance(e, Pose))
        ahead = q.rotate(
            forward(pose.root_m, pose.rotations)[1][-1, JOINT_INDEX["left_eye"]], np.array([0.0, 0.0, 1.0])
        )
        return float(np.degrees(np.arcsin(-ahead[1])))

    sitting = UserView()
    seen(sitting, turn_deg=180.0, at_m=(0.0, -0.5, 1.3))
    sitting.place = Place()
    low, usual = asyncio.run(pitch_deg(sitting)), asyncio.run(pitch_deg(None))
    assert low - usual == pytest.approx(20, abs=8)

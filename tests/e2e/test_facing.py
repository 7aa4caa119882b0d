"""The user walks around the character, which turns to follow: real processes, the simulated headset in real time."""

import asyncio

import numpy as np
import pytest

from solami.behaviour import Performance
from solami.headset.session import HeadsetSession, headset_session
from solami_protocol import quaternions as q
from solami_protocol.control import Cancel, EpochStart, Hold, TextInput
from solami_protocol.skeleton import JOINT_INDEX
from solami_tokenizers.motion import forward

pytestmark = pytest.mark.slow
AROUND_M = 1.5
WALK_S = 2.0


def walked_around(degrees: float, still_s: float, after_s: float) -> tuple[np.ndarray, np.ndarray]:
    """Return a user who stands, walks to the left around the character 1.5 m ahead, facing it, and stands again."""
    count = round((still_s + WALK_S + after_s) * 30)
    root_m, rotations = Performance(seed=4).render(count * 1000 / 30)
    share = np.clip((np.arange(count) / 30 - still_s) / WALK_S, 0, 1)
    turn = q.from_axis_angle((0, 1, 0), -degrees * share)
    centre = np.array([0.0, 0.0, AROUND_M])
    rotations = rotations.copy()
    rotations[:, 0] = q.multiply(turn, rotations[:, 0])
    return (q.rotate(turn, root_m - centre) + centre).astype(np.float32), rotations


def shown_since(session: HeadsetSession, since_ms: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return times (T,) ms, root (T, 3) and rotations (T, 55, 4) as they were shown, 60 a second."""
    frames = [s for s in session.playout.shown if s.t_ms >= since_ms]
    root_m, rotations = (np.stack([getattr(s, name) for s in frames]) for name in ("root_m", "rotations"))
    return np.array([s.t_ms for s in frames]), root_m, rotations


@pytest.mark.parametrize("degrees", [75.0, -110.0])
async def test_the_character_turns_after_a_user_who_walks_around_it(stack, degrees: float) -> None:
    async with headset_session(stack.url, "copper", seed=3) as session:
        session.user.move(*walked_around(0.0, 0.1, 0.1))  # where the user stands when the character takes its place
        await session.greeting(6.0)
        before = session.last_turn()
        await session.client.send(TextInput(text="thank you"))
        await session.until(lambda: session.turn_over(before), 20, "the end of an answer")
        since = session.now_ms()
        session.user.move(*walked_around(degrees, 0.5, 5.0))
        arrives_ms = since + (0.5 + WALK_S) * 1000
        await asyncio.sleep(0.5 + WALK_S + 4.5)
        turns = [a.message for a in session.messages(EpochStart, since)]
        assert 1 <= len(turns) <= 2
        assert {(t.kind, t.turn) for t in turns} == {("filler", None)}
        assert not session.messages(Hold, since)
        assert not session.messages(Cancel, since)
        t_ms, root_m, rotations = shown_since(session, since)
        yaw = np.degrees(np.unwrap([q.yaw_of(turn) for turn in rotations[:, 0]]))
        # the user walked to its own left, which is to the character's right, and it follows
        left = np.abs(yaw - yaw[0] + degrees)
        assert left[t_ms > arrives_ms + 3000].max() < 25
        assert abs(yaw[-1] - yaw[0]) > abs(degrees) - 25
        # no jump where the idle clip, the turn and the next idle clip meet: velocity steps at the seams against all
        # velocities of what is shown meanwhile, and no foot that slides
        turned = np.linalg.norm(q.to_rotvec(q.multiply(q.conjugate(rotations[:-1]), rotations[1:])), axis=-1) * 60
        fastest = np.percentile(turned.max(axis=1), 99)
        assert np.abs(np.diff(turned, axis=0)).max() < 1.5 * fastest
        assert fastest < np.radians(500)
        ankles = forward(root_m, rotations)[0][:, [JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]]
        slide = np.linalg.norm(np.diff(ankles[..., [0, 2]], axis=0), axis=-1) * 60
        low = ankles[1:, :, 1] < np.median(ankles[:, :, 1]) + 0.012
        assert np.percentile(slide * low, 95) < 0.12  # metres a second
        # the answer that comes now is told in the new place
        await session.client.send(TextInput(text="who are you"))
        await session.until(lambda: bool(session.epochs("reply", since)), 5, "a reply")
        place = session.epochs("reply", since)[0].message.space
        assert place == turns[-1].space

"""The user pauses in the middle of a sentence, and the character nods and hums: real processes, in real time."""

import numpy as np
import pytest

from solami.headset.inputs import synthesise
from solami.headset.session import headset_session
from solami.speech.loudness import voiced_level_db
from solami_protocol import quaternions as q
from solami_protocol.control import EpochStart, Hold, TurnDone
from solami_protocol.skeleton import JOINT_INDEX

pytestmark = pytest.mark.slow
RATE_HZ = 16_000
PAUSE_S = 0.65


def voiced(pcm: np.ndarray) -> np.ndarray:
    """Return the sound without the silence at its ends."""
    loud = np.flatnonzero(np.abs(pcm.astype(np.int32)) > 300)
    return pcm[loud[0] : loud[-1] + 1]


async def test_the_character_nods_and_hums_in_a_pause_and_answers_the_whole_once(stack) -> None:
    first, second = (voiced(synthesise(text)) for text in ("i would like to know what you", "do all day"))
    pause = np.zeros(round(PAUSE_S * RATE_HZ), np.int16)
    async with headset_session(stack.url, "copper", seed=6) as session:
        await session.greeting(6.0)
        since = session.now_ms()
        session.user.say(np.concatenate([first, pause, second]))
        began_ms = len(first) * 1000 / RATE_HZ
        await session.until(lambda: bool(session.epochs("reply", since)), 20, "an answer")
        await session.until(lambda: bool(session.messages(TurnDone, since)), 20, "its end")
        starts = [a for a in session.messages(EpochStart, since) if a.message.turn is None]
        assert len(starts) == 1, "one nod"
        nod = session.playout.epochs[starts[0].message.epoch]
        assert starts[0].message.kind == "filler"
        assert 200 < starts[0].t_ms - since - began_ms < 700
        level_db = voiced_level_db(nod.pcm)
        assert level_db is not None
        assert -40 < level_db < -25, "heard, and much softer than speech"
        head = np.stack([row[1][JOINT_INDEX["head"]] for row in nod.pose.rows])
        assert np.degrees(q.angle_between(head[:1], head)).max() > 4, "the head moves"
        # it neither takes the turn nor cuts the user off
        assert len(session.epochs("reply", since)) == 1
        assert not session.messages(Hold, since)

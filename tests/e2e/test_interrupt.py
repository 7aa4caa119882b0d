"""Speaking over the character, coughing, losing the socket: real processes, the simulated headset in real time."""

import asyncio

import numpy as np
import pytest

from solami.headset.inputs import authored_wave, synthesise
from solami.headset.session import HeadsetSession, headset_session
from solami.headset.user import last_voiced_sample
from solami_protocol.control import Cancel, Hold, Release, TextInput
from solami_protocol.skeleton import JOINT_INDEX

pytestmark = pytest.mark.slow
LONG = "tell me a story"


def first_voiced_sample(pcm: np.ndarray) -> int:
    """Start of the first 10 ms frame above -45 dBFS."""
    return len(pcm) - last_voiced_sample(pcm[::-1])


async def reply_playing(session: HeadsetSession, for_ms: float) -> int:
    """Ask for something long and wait until its reply has played for a while; returns its epoch."""
    await session.greeting()
    since = session.now_ms()
    await session.client.send(TextInput(text=LONG))
    await session.until(lambda: bool(session.epochs("reply", since)), 5, "a reply")
    epoch = session.epochs("reply", since)[-1].message.epoch
    buffer = session.playout.epochs[epoch]
    await session.until(lambda: buffer.head_ms > for_ms, 10, "the reply playing")
    return epoch


async def test_a_voice_holds_then_cuts_and_is_answered(stack) -> None:
    async with headset_session(stack.url, "copper") as session:
        epoch = await reply_playing(session, 800)
        words = synthesise("stop please what is your name")
        began = session.user.say(words)
        voiced_ms = session.user.sample_ms(began + first_voiced_sample(words))
        await session.until(lambda: bool(session.messages(Hold)), 3, "a hold")
        assert session.messages(Hold)[0].t_ms - voiced_ms <= 200
        await session.until(lambda: bool(session.messages(Cancel)), 5, "a cancel")
        cancelled_ms = session.messages(Cancel)[0].t_ms
        before = session.last_turn()
        await session.until(lambda: len(session.epochs("reply", cancelled_ms)) == 1, 8, "the next reply")
        assert session.last_media_ms[epoch] - cancelled_ms <= 50
        await session.until(lambda: session.turn_over(before - 1), 30, "the end of it")
        states = [r.state for _, r in session.reports if r.epoch == epoch]
        assert "held" in states
        assert states[-1] == "cut"


def cough() -> np.ndarray:
    """Return a short burst with a voice in it, as a cough has: a vowel of 0.25 s under noise."""
    voice = synthesise("ah")[: int(0.25 * 16_000)].astype(np.float64)
    noise = np.random.default_rng(0).normal(0, 1500, len(voice)) * np.hanning(len(voice))
    return np.clip(2 * voice + noise, -32768, 32767).astype(np.int16)


async def test_after_a_cough_the_reply_goes_on_from_the_held_sample(stack) -> None:
    async with headset_session(stack.url, "copper") as session:
        epoch = await reply_playing(session, 800)
        session.user.say(cough())
        await session.until(lambda: bool(session.messages(Hold)), 3, "a hold")
        await session.until(lambda: bool(session.messages(Release)), 3, "a release")
        assert not session.messages(Cancel)
        await session.until(lambda: session.ended(epoch), 40, "the end of the reply")
        held = next(r.audio_ms for _, r in session.reports if r.state == "held")
        after = [s for s in session.playout.shown if s.epoch == epoch and s.head_ms > held]
        assert min(s.head_ms for s in after) - held < 40  # nothing skipped
        buffer = session.playout.epochs[epoch]
        assert session.reports[-1][1].state == "finished" or session.ended(epoch)
        assert buffer.head == len(buffer.pcm)  # all of it was heard, once
        jaw = np.array([s.face[17] for s in after])
        assert jaw.max() > 0.15  # the face went on
        wrist = np.stack([s.rotations[JOINT_INDEX["right_elbow"]] for s in after])
        assert np.abs(np.diff(wrist, axis=0)).max() > 0  # and the body
        assert np.abs(np.diff(wrist, axis=0)).max() < 0.25  # without a jump


async def test_noise_without_a_voice_stops_nothing(stack) -> None:
    async with headset_session(stack.url, "copper") as session:
        epoch = await reply_playing(session, 800)
        envelope = np.hanning(int(0.3 * 16_000))
        session.user.say((np.random.default_rng(0).normal(0, 6000, len(envelope)) * envelope).astype(np.int16))
        await session.until(lambda: session.ended(epoch), 40, "the end of the reply")
        assert not session.messages(Cancel)


async def test_a_lost_socket_in_mid_reply_loses_nothing(stack) -> None:
    async with headset_session(stack.url, "copper") as session:
        epoch = await reply_playing(session, 800)
        await session.client.cut()
        await session.until(lambda: session.client.reconnects == 1, 5, "the reconnect")
        await session.until(session.client.ready.is_set, 5, "ready")
        assert session.client.last_ready is not None
        assert session.client.last_ready.recovered
        await session.until(lambda: session.ended(epoch), 40, "the end of the reply")
        buffer = session.playout.epochs[epoch]
        assert buffer.expected is not None
        assert abs(len(buffer.pcm) - buffer.expected) <= 1
        assert buffer.head == len(buffer.pcm)
        assert session.client.replay_holes == 0


async def test_a_wave_alone_is_returned_within_600_ms_of_its_end(stack) -> None:
    async with headset_session(stack.url, "copper") as session:
        await session.greeting()
        root, rotations = authored_wave(2.5)
        since = session.now_ms()
        at = session.user.move(root, rotations)
        ends_ms = session.user.sample_ms(at + len(root) * 16_000 // 30)
        await session.until(lambda: bool(session.epochs("reply", since)), 6, "an answer to the wave")
        assert session.epochs("reply", since)[0].t_ms - ends_ms <= 600
        before = session.last_turn()
        await session.until(lambda: session.turn_over(before - 1), 30, "the end of the answer")
        epoch = session.epochs("reply", since)[0].message.epoch
        frames = [s for s in session.playout.shown if s.epoch == epoch]
        assert any(raised(s) for s in frames)  # waved back
        await asyncio.sleep(1.5)
        assert len(session.epochs("reply", since)) == 1  # once


def raised(shown) -> bool:
    from solami_tokenizers.motion import forward

    places, _ = forward(shown.root_m[None], shown.rotations[None])
    return any(
        places[0, JOINT_INDEX[f"{side}_wrist"], 1] > places[0, JOINT_INDEX[f"{side}_shoulder"], 1]
        for side in ("left", "right")
    )


async def test_two_sessions_at_once_do_not_meet(stack) -> None:
    async def one(words: str) -> list[str]:
        async with headset_session(stack.url, "copper") as session:
            await session.greeting()
            before = session.last_turn()
            await session.client.send(TextInput(text=words))
            await session.until(lambda: session.turn_over(before), 40, "an answer")
            return [a.message.text for a in session.log if a.message.type == "transcript"]

    heard = await asyncio.gather(one("what is your name"), one("tell me a joke"))
    assert heard == [["what is your name"], ["tell me a joke"]]

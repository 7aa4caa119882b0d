"""Games through every process, in real time: started by words, voice or gesture, played by moving."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator

import numpy as np
import pytest

from solami.behaviour import GESTURES, Performance
from solami.headset.inputs import synthesise
from solami.headset.session import HeadsetSession, headset_session
from solami_protocol.control import Caption, TextInput
from solami_protocol.media import PoseCodec, pose_frame
from solami_protocol.skeleton import JOINT_COUNT, JOINT_INDEX
from solami_tokenizers.motion import forward

pytestmark = pytest.mark.slow
FRAME_MS = 1000 / 30
MEASURED = np.full((1, JOINT_COUNT), 2, np.uint8)


class Body:
    """The user's body, tracked as a headset tracks it: one frame after the other, moved while it is sent."""

    def __init__(self, session: HeadsetSession) -> None:
        self._session = session
        self._performance = Performance(seed=5)
        self._held: np.ndarray | None = None
        self.sent: list[tuple[float, np.ndarray, np.ndarray]] = []

    async def run(self) -> None:
        """Send in real time until cancelled."""
        began = time.monotonic()
        for k in range(10_000):
            await asyncio.sleep(max(0.0, began + k / 30 - time.monotonic()))
            root_m, rotations = self._performance.render((k + 1) * FRAME_MS)
            if self._held is not None:
                rotations = self._held + np.float32(1e-4 * (k % 2))  # no living body stands quite still
            frame = pose_frame(root_m, rotations, codec=PoseCodec.S48, pts_us=k * 1_000_000 // 30, validity=MEASURED)
            await self._session.client.send_media(frame)
            self.sent.append((self._session.now_ms(), root_m[0], rotations[0]))

    def do(self, gesture: str, hold_ms: float = 0.0) -> None:
        """Begin a gesture now."""
        performance = self._performance
        assert performance.cue(gesture, performance.rendered_ms + GESTURES[gesture].stroke_ms, hold_ms=hold_ms)

    async def hold(self, seconds: float) -> None:
        """Stay as in the last frame for a while."""
        self._held = self.sent[-1][2][None]
        await asyncio.sleep(seconds)
        self._held = None

    def step_back(self, metres: float) -> None:
        """Walk backwards."""
        self._performance.step(-metres)


@contextlib.asynccontextmanager
async def playing(url: str) -> AsyncIterator[tuple[HeadsetSession, Body]]:
    """A session behind its greeting, with a user who is seen."""
    async with headset_session(url, "copper", seed=4) as session:
        body = Body(session)
        tracked = asyncio.create_task(body.run())
        try:
            await session.greeting(6.0)
            yield session, body
        finally:
            tracked.cancel()
            await asyncio.gather(tracked, return_exceptions=True)


def said(session: HeadsetSession, since_ms: float = 0.0) -> str:
    return " ".join(a.message.text for a in session.messages(Caption, since_ms))  # type: ignore[union-attr]


async def hears(session: HeadsetSession, words: str, since_ms: float, timeout_s: float = 12.0) -> float:
    """Wait until the character says this; returns when it did."""
    await session.until(lambda: words in said(session, since_ms), timeout_s, f"{words!r} being said")
    return session.now_ms()


def heights(frames: list[tuple[float, np.ndarray, np.ndarray]], joint: str, at_ms: np.ndarray) -> np.ndarray:
    """Return the height of a joint at some times, metres."""
    t_ms = np.array([t for t, _, _ in frames])
    places, _ = forward(np.stack([root for _, root, _ in frames]), np.stack([turns for _, _, turns in frames]))
    return np.interp(at_ms, t_ms, places[:, JOINT_INDEX[joint], 1])


def lag_ms(leads: np.ndarray, follows: np.ndarray, step_ms: float) -> tuple[float, float]:
    """Return by how much `follows` comes later, and the correlation there."""
    best = max(
        ((float(np.corrcoef(leads[: len(leads) - k], follows[k:])[0, 1]), k) for k in range(int(1500 / step_ms))),
    )
    return best[1] * step_ms, best[0]


async def test_mirror_me_by_a_gesture_follows_the_arm_within_some_hundred_ms(stack) -> None:
    async with playing(stack.url) as (session, body):
        since = session.now_ms()
        body.do("celebrate")
        await asyncio.sleep(GESTURES["celebrate"].stroke_ms / 1000)
        await body.hold(1.5)  # both hands high
        await hears(session, "I am your mirror", since)
        await asyncio.sleep(3.5)
        began = session.now_ms()
        for _ in range(3):
            body.do("stop", hold_ms=600.0)
            await asyncio.sleep(2.4)
        ended = session.now_ms()
        await asyncio.sleep(1.0)
        at_ms = np.arange(began, ended, 20.0)
        user = heights(body.sent, "right_wrist", at_ms)
        shown = [(s.t_ms, s.root_m, s.rotations) for s in session.playout.shown if s.t_ms > began - 2000]
        character = heights(shown, "left_wrist", at_ms)
        late_ms, alike = lag_ms(user, character, 20.0)
        print(f"mirror: {late_ms:.0f} ms late, correlation {alike:.2f}")
        assert alike > 0.9
        assert late_ms <= 700
        assert np.ptp(character) > 0.7 * np.ptp(user)
        assert np.ptp(heights(shown, "right_wrist", at_ms)) < 0.2  # in a mirror it is the other hand


async def test_simon_says_by_voice_sees_what_is_done(stack) -> None:
    acts = {"wave your hand": "wave_right", "take a bow": "bow", "nod your head": "nod", "one hand up high": "stop"}
    acts["shake your head"] = "shake"
    async with playing(stack.url) as (session, body):
        since = session.now_ms()
        session.user.say(synthesise("play simon says"))
        await hears(session, "Simon says! Do it only when I say so", since, 15)
        after = await hears(session, "Simon says,", since)
        order = ""
        while not order:
            await asyncio.sleep(0.1)
            order = next((words for words in acts if words in said(session, since)), "")
        start = next(a.message for a in session.messages(Caption, since) if "Simon says," in a.message.text)
        buffer = session.playout.epochs[start.epoch]
        await session.until(lambda: buffer.head_ms > start.at_ms + start.d_ms, 12, "the order being heard")
        body.do(acts[order], *((2500.0,) if acts[order] == "stop" else ()))
        await hears(session, "Well done", after)


async def test_rock_paper_scissors_sees_the_hand(stack) -> None:
    async with playing(stack.url) as (session, body):
        since = session.now_ms()
        await session.client.send(TextInput(text="rock paper scissors"))
        await hears(session, "Rock,", since)
        body.do("show_paper", hold_ms=8000.0)
        verdicts = ("beats your paper", "Your paper beats my", "paper and paper")
        await session.until(lambda: any(v in said(session, since) for v in verdicts), 12, "a verdict about paper")


async def test_follow_me_comes_after_a_user_who_steps_back(stack) -> None:
    async with playing(stack.url) as (session, body):
        since = session.now_ms()
        await session.client.send(TextInput(text="follow me"))
        await hears(session, "I follow you", since)
        await asyncio.sleep(3.0)
        body.step_back(0.6)
        await hears(session, "Here I am", since)
        await asyncio.sleep(2.5)
        ahead_m = [float(s.root_m[2]) for s in session.playout.shown if s.t_ms > since]
        assert max(ahead_m) - ahead_m[0] > 0.4


async def test_the_character_says_when_it_sees_nobody_move(stack) -> None:
    async with headset_session(stack.url, "copper", seed=4) as session:
        await session.greeting(6.0)
        since = session.now_ms()
        await session.client.send(TextInput(text="mirror me"))
        await hears(session, "can not see you move", since)


def test_a_lag_is_found() -> None:
    """The measure itself: a curve and the same curve 300 ms later."""
    t_ms = np.arange(0, 6000, 20.0)
    wave = np.sin(t_ms / 500) + np.sin(t_ms / 170)
    assert lag_ms(wave, np.roll(wave, 15), 20.0)[0] == pytest.approx(300)

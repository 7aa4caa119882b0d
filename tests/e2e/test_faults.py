"""Parts that die in mid-reply: the client is told, the session goes on, nothing hangs, nothing is left running."""

import asyncio
import os
import signal
import subprocess
import sys
import time

import psutil
import pytest

from solami.headset.session import HeadsetSession, headset_session
from solami.headset.stack import StackOptions, running_stack
from solami_protocol.control import Degraded, TextInput, TurnFailed

pytestmark = pytest.mark.slow


async def asked(session: HeadsetSession, words: str) -> float:
    since = session.now_ms()
    await session.client.send(TextInput(text=words))
    return since


async def test_face_service_killed_in_mid_reply() -> None:
    async with running_stack() as stack, headset_session(stack.relay_url, "copper") as session:
        await session.greeting()
        since = await asked(session, "tell me a story")
        await session.until(lambda: bool(session.epochs("reply", since)), 5, "a reply")
        epoch = session.epochs("reply", since)[0].message.epoch
        os.kill(stack.parts["face"].pid, signal.SIGKILL)
        await session.until(lambda: session.ended(epoch), 40, "the end of the reply")
        since = await asked(session, "what is your name")
        before = session.last_turn()
        await session.until(lambda: session.turn_over(before), 20, "an answer without the face service")
        assert any(a.message.part == "audio2face" for a in session.messages(Degraded))
        epoch = session.epochs("reply", since)[0].message.epoch
        jaw = [s.face[17] for s in session.playout.shown if s.epoch == epoch]
        assert max(jaw) > 0.1  # the mouth follows the loudness
        assert stack.alive() == ["server", "relay"]


async def test_model_server_killed_in_mid_reply_and_asked_again() -> None:
    async with running_stack() as stack, headset_session(stack.relay_url, "copper") as session:
        await session.greeting()
        since = await asked(session, "tell me a story")
        await session.until(lambda: bool(session.epochs("reply", since)), 5, "a reply")
        os.kill(stack.parts["server"].pid, signal.SIGKILL)
        await session.until(lambda: bool(session.messages(Degraded)), 5, "a degraded message")
        await session.until(lambda: session.playout.current is None, 40, "the end of what had arrived")
        since = await asked(session, "what is your name")
        began = session.now_ms()
        await session.until(
            lambda: bool(session.messages(TurnFailed, since)) or bool(session.messages(Degraded, since)),
            6,
            "a word on it",
        )
        assert session.now_ms() - began <= 5500
        await session.until(lambda: bool(session.messages(TurnFailed, since)), 20, "turn.failed")
        failed = session.messages(TurnFailed, since)[-1].message
        assert failed.message
        assert session.client.ready.is_set()


async def test_ctrl_c_leaves_nothing_and_a_second_start_works() -> None:
    ports = {"relay": 18765, "server": 18766, "face": 18767}
    for _ in range(2):
        async with running_stack(StackOptions(ports=ports)) as stack:
            pids = [p.pid for part in stack.parts.values() for p in family(part.pid)]
            assert len(pids) >= 4  # three services and redis
        await asyncio.sleep(0.2)
        assert [pid for pid in pids if psutil.pid_exists(pid)] == []


def family(pid: int) -> list[psutil.Process]:
    root = psutil.Process(pid)
    return [root, *root.children(recursive=True)]


PARENT = """
import asyncio
from solami.headset.stack import running_stack

async def main():
    async with running_stack() as stack:
        print(*[p.pid for p in stack.parts.values()], flush=True)
        await asyncio.sleep(100)

asyncio.run(main())
"""


def test_children_die_with_a_parent_that_is_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", PARENT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(p) for p in parent.stdout.readline().split()]
        every = [p.pid for pid in pids for p in family(pid)]
        parent.kill()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline and any(map(psutil.pid_exists, every)):
        time.sleep(0.2)
    assert [pid for pid in every if psutil.pid_exists(pid)] == []

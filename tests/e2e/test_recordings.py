"""Real recordings through the whole path in real time: what is heard, when it is answered, how the lips look."""

import asyncio
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from solami.audio2face.measure import merge
from solami.characters import load_library
from solami.headset.inputs import read_input
from solami.headset.report import epoch_phones, shown_lips
from solami.headset.session import HeadsetSession, headset_session
from solami.headset.stack import StackOptions, running_stack
from solami.headset.talk import one_turn
from solami.headset.voices import character_voice, fetch_card
from solami.speech import open_synthesiser
from solami.speech.wer import word_error_rate
from solami_protocol.control import Caption, EpochStart, TextInput, Transcript
from solami_protocol.face import FacePhones, read_face_client

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
READING = [f"LJ001-{n:04d}" for n in range(1, 13)]


def transcripts(folder: Path) -> dict[str, str]:
    rows = [line.split("|") for line in (folder / "transcripts.csv").read_text().splitlines()]
    return {row[0]: row[-1] for row in rows}


async def test_reading_is_heard_and_waited_for(stack, data: Path) -> None:
    folder = data / "speech/ljspeech"
    texts = transcripts(folder)
    speech = open_synthesiser("espeak")
    card = await fetch_card(stack.url, "copper")
    pairs: list[tuple[str, str]] = []
    early = 0
    async with headset_session(stack.url, "copper") as session:
        await session.greeting()
        for name in READING:
            since = session.now_ms()
            result = await one_turn(
                session, read_input(folder / f"{name}.flac", None), "", speech, character_voice(card)
            )
            starts = session.epochs("reply", since)
            early += any(a.t_ms < result.span.last_voiced_ms for a in starts)
            pairs.append((texts[name], heard_since(session, since)))
    rate = word_error_rate(pairs)
    print(f"word error rate {rate:.3f}, answered before the end: {early} of {len(READING)}")
    assert rate <= 0.22
    assert early <= 2


def heard_since(session: HeadsetSession, since: float) -> str:
    """The words of all turns since: the last final transcript of each."""
    last: dict[int, str] = {}
    for arrival in session.messages(Transcript, since):
        message = arrival.message
        assert isinstance(message, Transcript)
        if message.final:
            last[message.turn] = message.text
    return " ".join(last.values())


async def test_lips_of_twenty_sentences_as_they_are_shown(stack) -> None:
    card = load_library()["copper"]
    questions = [example.user[0] for example in card.examples][:20]
    speech, voice = open_synthesiser("espeak"), character_voice(await fetch_card(stack.url, "copper"))
    reports = []
    async with headset_session(stack.url, "copper") as session:
        await session.greeting()
        for question in questions:
            since, before = session.now_ms(), session.last_turn()
            await session.client.send(TextInput(text=question))
            await session.until(lambda b=before: session.turn_over(b), 40, "an answer")
            await asyncio.sleep(0.4)
            start = session.epochs("reply", since)[0].message
            assert isinstance(start, EpochStart)
            captions = [a.message for a in session.messages(Caption, since)]
            phones = epoch_phones(captions, session.playout.epochs[start.epoch].pcm, speech, voice)
            assert phones
            reports.append(shown_lips(session, start.epoch, phones))
    lips = merge(reports)
    print(lips.as_dict())
    assert lips.closures >= 40
    assert lips.closure_rate >= 0.95
    assert lips.false_closure_rate <= 0.05
    assert lips.open_rate >= 0.90
    assert lips.rounded_rate >= 0.90
    assert lips.rest_rate == 1.0
    assert -45 <= lips.skew_p50_ms <= 45
    assert lips.skew_p95_ms <= 45


async def test_the_face_service_gets_the_phones_of_the_reply() -> None:
    """A wiretap between worker and face service passes everything on and keeps the phones."""
    tapped: list[FacePhones] = []
    async with running_stack() as first:  # its face service is the one behind the tap
        face_url = first.parts["face"].url
        token = first.token
        async with wiretap(face_url, token, tapped) as tap_url:
            options = StackOptions(args={"relay": [f"worker.face_url={tap_url}"]}, token=token)
            async with running_stack(options) as stack, headset_session(stack.relay_url, "copper") as session:
                await session.greeting()
                before, since = session.last_turn(), session.now_ms()
                tapped.clear()
                await session.client.send(TextInput(text="what is your name"))
                await session.until(lambda: session.turn_over(before), 30, "an answer")
                captions = [a.message for a in session.messages(Caption, since)]
                voice = character_voice(await fetch_card(stack.relay_url, "copper"))
                assert not session.degraded()
    speech = open_synthesiser("espeak")
    expected = [p.p for c in captions for spoken in speech.speak(c.text, voice) for p in spoken.phones if p.p != "sil"]
    sent = [p.p for message in tapped for p in message.phones if p.p != "sil"]
    assert sent == expected


def wiretap(face_url: str, token: str, tapped: list[FacePhones]):
    """A WebSocket proxy for /v1/face; gives its URL."""
    import contextlib

    @contextlib.asynccontextmanager
    async def running():
        async def handle(request: web.Request) -> web.WebSocketResponse:
            near = web.WebSocketResponse(max_msg_size=0)
            await near.prepare(request)
            headers = {"Authorization": f"Bearer {token}"}
            async with (
                aiohttp.ClientSession(headers=headers) as http,
                http.ws_connect(f"{face_url}/v1/face", max_msg_size=0) as far,
            ):
                back = asyncio.create_task(pump(far, near, None))
                await pump(near, far, tapped)
                back.cancel()
                await asyncio.gather(back, return_exceptions=True)
            return near

        app = web.Application()
        app.add_routes([web.get("/v1/face", handle)])
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        try:
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()

    return running()


async def pump(source, sink, tapped: list[FacePhones] | None) -> None:
    async for message in source:
        if message.type == aiohttp.WSMsgType.BINARY:
            await sink.send_bytes(message.data)
        elif message.type == aiohttp.WSMsgType.TEXT:
            if tapped is not None and isinstance(parsed := read_face_client(message.data), FacePhones):
                tapped.append(parsed)
            await sink.send_str(message.data)

"""The language model's side, against a local server that speaks the chat protocol."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from solami.agent.dialogue import Dialogue
from solami.agent.llm import ChatClient, ChatSettings
from solami.agent.prompt import chat_messages, system_prompt
from solami.agent.source import Sentence, WordSource
from solami.brain import Act, Degraded, Exchange, Turn, Works
from solami.characters import load_library
from solami.speech.breaker import Breaker
from solami_protocol.errors import Unavailable

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
COPPER = load_library()["copper"]


@asynccontextmanager
async def endpoint(handler: Handler, **settings: Any) -> AsyncIterator[ChatClient]:
    app = web.Application()
    app.router.add_post("/v1/chat/completions", handler)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    client = ChatClient(ChatSettings(url=f"http://127.0.0.1:{port}/v1", model="tiny", api_key="k", **settings))
    try:
        yield client
    finally:
        await client.close()
        await runner.cleanup()


def streaming(pieces: list[str], *, gap_s: float = 0.0, done: bool = True, seen: list[Any] | None = None) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        if seen is not None:
            seen.append((await request.json(), request.headers.get("Authorization")))
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        for piece in pieces:
            event = {"choices": [{"index": 0, "delta": {"content": piece}, "finish_reason": None}]}
            await response.write(f": ping\n\ndata: {json.dumps(event)}\n\n".encode())
            await asyncio.sleep(gap_s)
        if done:
            await response.write(b'data: {"choices":[{"delta":{},"finish_reason":"stop"}]}\n\n')
            await response.write(b'data: {"choices":[],"usage":{"total_tokens":9}}\n\ndata: [DONE]\n\n')
        return response

    return handle


def failing(status: int) -> Handler:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.Response(status=status, text="out of memory")

    return handle


async def said(client: ChatClient) -> list[str]:
    return [sentence async for sentence in client.sentences([{"role": "user", "content": "hi"}])]


async def test_sentences_come_while_the_stream_runs() -> None:
    seen: list[Any] = []
    pieces = ["Hel", "lo there! ", "[nod] How are", " you? ", "Tell me"]
    async with endpoint(streaming(pieces, gap_s=0.08, seen=seen)) as client:
        began = time.monotonic()
        arrivals = []
        async for sentence in client.sentences([{"role": "user", "content": "hi"}]):
            arrivals.append((sentence, time.monotonic() - began))
    assert [sentence for sentence, _ in arrivals] == ["Hello there!", "[nod] How are you?", "Tell me"]
    assert arrivals[0][1] < 0.28 < arrivals[2][1]
    body, key = seen[0]
    assert (body["stream"], body["model"], body["max_tokens"], key) == (True, "tiny", 160, "Bearer k")


async def test_whole_answer_instead_of_a_stream_works() -> None:
    async def handle(_: web.Request) -> web.StreamResponse:
        return web.json_response({"choices": [{"message": {"content": "One. Two."}}]})

    async with endpoint(handle) as client:
        assert await said(client) == ["One.", "Two."]


async def test_answer_is_bounded() -> None:
    async with endpoint(streaming(["And so on. "] * 5000), max_sentences=4) as client:
        assert await said(client) == ["And so on."] * 4


@pytest.mark.parametrize(
    ("handler", "message"),
    [
        (failing(500), "HTTP 500: out of memory"),
        (failing(401), "HTTP 401"),
        (streaming(["Half a sen"], done=False), "broke off"),
        (streaming(["slow"], gap_s=5), "no complete sentence after 0.3 s"),
        (streaming([]), "empty"),
    ],
)  # fmt: skip
async def test_failures_are_named(handler: Handler, message: str) -> None:
    async with endpoint(handler, first_words_s=0.3) as client:
        began = time.monotonic()
        with pytest.raises(Unavailable, match=message):
            await said(client)
        assert time.monotonic() - began < 1.5


async def test_broken_json_and_error_events() -> None:
    async def broken(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b"data: {not json\n\n", content_type="text/event-stream")

    async def error(request: web.Request) -> web.StreamResponse:
        return web.Response(body=b'data: {"error": {"message": "no such model"}}\n\n', content_type="text/event-stream")

    async with endpoint(broken) as client:
        with pytest.raises(Unavailable):
            await said(client)
    async with endpoint(error) as client:
        with pytest.raises(Unavailable, match="no such model"):
            await said(client)


async def test_nobody_listens() -> None:
    client = ChatClient(ChatSettings(url="http://127.0.0.1:9/v1", model="tiny"))
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9"):
        await said(client)
    await client.close()


async def test_stall_in_mid_answer_keeps_what_was_said() -> None:
    handler = streaming(["One. Two", " is"], gap_s=3)
    async with endpoint(handler, stall_s=0.2) as client, aclosing(client.sentences([])) as sentences:
        assert await anext(sentences) == "One."
        with pytest.raises(Unavailable, match="stalled"):
            await anext(sentences)


async def test_closing_the_iterator_closes_the_connection() -> None:
    gone = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await response.prepare(request)
        try:
            while True:
                await response.write(b'data: {"choices":[{"delta":{"content":"Word. "}}]}\n\n')
                await asyncio.sleep(0.01)
        except (ConnectionError, asyncio.CancelledError):
            gone.set()
            raise

    async with endpoint(handle) as client:
        async with aclosing(client.sentences([])) as sentences:
            await anext(sentences)
        async with asyncio.timeout(0.5):
            await gone.wait()


def source(client: ChatClient, **breaker: Any) -> WordSource:
    # without embeddings: the stand-in says that it does not follow, which is enough to see that it stood in
    return WordSource(COPPER, Dialogue(COPPER, None), client, Breaker(**breaker))


async def words(source: WordSource, **turn: Any) -> list[Sentence | Degraded | Works]:
    turn = {"number": 1, "cause": "voice", "text": "hello", **turn}
    return [item async for item in source.sentences(Turn(**turn))]


async def test_failing_model_is_replaced_and_said() -> None:
    async with endpoint(failing(500)) as client:
        items = await words(source(client))
    assert isinstance(items[0], Degraded)
    assert items[0].part == "llm"
    assert "HTTP 500" in items[0].why
    spoken = " ".join(item.raw for item in items[1:] if isinstance(item, Sentence))
    assert spoken in COPPER.lines.confused


async def test_a_model_that_answers_to_the_end_works() -> None:
    async with endpoint(streaming(["One. Two."])) as client:
        assert (await words(source(client)))[-1] == Works("llm")


async def test_half_a_stream_ends_the_reply() -> None:
    async with endpoint(streaming(["One. Two is ha"], done=False)) as client:
        items = await words(source(client))
    assert [item.raw for item in items if isinstance(item, Sentence)] == ["One."]
    assert isinstance(items[1], Degraded)
    assert "ends early" in items[1].why


async def test_breaker_spares_a_dead_model_and_tries_again() -> None:
    now, calls = [0.0], []

    async def handle(request: web.Request) -> web.StreamResponse:
        calls.append(1)
        return web.Response(status=500)

    async with endpoint(handle) as client:
        spoken_by = source(client, limit=2, rest_s=10, clock=lambda: now[0])
        for _ in range(4):
            assert isinstance((await words(spoken_by))[0], Degraded)
        assert len(calls) == 2
        now[0] = 11.0
        await words(spoken_by)
        assert len(calls) == 3


async def test_greetings_and_gestures_do_not_wait_for_the_model() -> None:
    async with endpoint(streaming(["Never."], gap_s=9)) as client:
        began = time.monotonic()
        greeting = await words(source(client), cause="timer", occasion="greeting", text="")
        wave = await words(source(client), cause="act", acts=(Act("wave"),), text="")
        assert time.monotonic() - began < 0.5
    assert all(isinstance(item, Sentence) and item.may_wave for item in (*greeting, *wave))


async def test_wave_beside_words_is_returned() -> None:
    async with endpoint(streaming(["[nod] Yes. And no."])) as client:
        items = await words(source(client), acts=(Act("wave"),))
        assert [(item.raw, item.may_wave) for item in items if isinstance(item, Sentence)] == [
            ("[wave] Yes.", True),
            ("And no.", True),
        ]
        plain = await words(source(client))
        assert [item.may_wave for item in plain if isinstance(item, Sentence)] == [False, False]


def test_prompt_holds_the_card_the_history_as_heard_and_the_act() -> None:
    history = (Exchange("hello", "Hello! I am"), Exchange("who are you", "I am Cop", interrupted=True))
    turn = Turn(number=3, cause="voice", text="go on", acts=(Act("wave"),), history=history, user_name="Kim")
    messages = chat_messages(COPPER, turn, ["nod", "wave_right"])
    assert messages[0]["role"] == "system"
    for part in (COPPER.name, COPPER.facts[0], "nod, wave_right", "Kim"):
        assert part in messages[0]["content"]
    assert messages[-2]["content"].startswith("I am Cop - ")
    assert messages[-1] == {"role": "user", "content": "(The person waves at you.) go on"}
    assert "{{" not in system_prompt(COPPER, [])

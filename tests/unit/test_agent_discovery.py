"""Language models on this machine are found, and what is none is left alone."""

import asyncio
import time

import pytest
from aiohttp import web

from solami.agent.discovery import find_local_models, models_at
from solami_protocol.errors import Unavailable


async def served(answer) -> tuple[web.AppRunner, int]:  # type: ignore[no-untyped-def]
    app = web.Application()
    app.router.add_get("/v1/models", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    return runner, runner.addresses[0][1]


async def test_what_runs_here_is_found_with_its_chat_models() -> None:
    async def lists(_: web.Request) -> web.Response:
        return web.json_response({"object": "list", "data": [{"id": "nomic-embed-text"}, {"id": "llama3.2:3b"}]})

    async def page(_: web.Request) -> web.Response:
        return web.Response(text="<html>", content_type="text/html")

    async def hangs(_: web.Request) -> web.Response:
        await asyncio.sleep(30)
        return web.Response()

    async def fails(_: web.Request) -> web.Response:
        return web.Response(status=404)

    running = [await served(answer) for answer in (page, lists, hangs, fails)]
    try:
        began = time.monotonic()
        found = await find_local_models((*(port for _, port in running), 1))
        assert time.monotonic() - began < 3
        assert [(e.url, e.models) for e in found] == [(f"http://127.0.0.1:{running[1][1]}/v1", ("llama3.2:3b",))]
        with pytest.raises(Unavailable, match="expected OpenAI's protocol"):
            await models_at(f"http://127.0.0.1:{running[0][1]}/v1/")
        with pytest.raises(Unavailable, match="answers 404"):
            await models_at(f"http://127.0.0.1:{running[3][1]}/v1")
    finally:
        for runner, _ in running:
            await runner.cleanup()

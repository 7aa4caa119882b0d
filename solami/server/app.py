"""The model server as an aiohttp application (routes of DESIGN 3.3)."""

import asyncio
import logging
import sys

from aiohttp import web
from prometheus_client import generate_latest

from solami.server.behaviours import wire_pack
from solami.server.engines import Engines
from solami.server.live import ENGINES, live_socket
from solami.server.openapi import openapi
from solami.server.process import bearer_middleware, serve_until_signal, set_up_logs
from solami.server.settings import ServerSettings
from solami.server.turns import post_turn
from solami_protocol.errors import InputError, SolamiError
from solami_protocol.settings import load_settings

__all__ = ["build_app", "main"]

log = logging.getLogger(__name__)
MAX_BODY_BYTES = 32 * 2**20


def build_app(settings: ServerSettings) -> web.Application:
    """Return the application; its models are opened and warmed when it starts."""
    app = web.Application(middlewares=[bearer_middleware, _errors], client_max_size=MAX_BODY_BYTES)
    app[ENGINES] = Engines(settings)
    app.cleanup_ctx.append(_warmed)
    app.add_routes(
        [
            web.get("/livez", _livez),
            web.get("/readyz", _readyz),
            web.get("/metrics", _metrics),
            web.get("/openapi.json", _openapi),
            web.get("/v1/characters", _characters),
            web.get("/v1/characters/{id}", _character),
            web.get("/v1/characters/{id}/behaviours", _behaviours),
            web.get("/v1/live", live_socket),
            web.post("/v1/turns", post_turn),
        ]
    )
    return app


async def _warmed(app: web.Application):  # type: ignore[no-untyped-def]
    engines = app[ENGINES]
    await engines.warm_up()
    yield
    await engines.close()


@web.middleware
async def _errors(request: web.Request, handler) -> web.StreamResponse:  # type: ignore[no-untyped-def]
    try:
        return await handler(request)
    except InputError as exc:
        return web.json_response({"error": {"code": exc.code, "message": str(exc)}}, status=400)
    except SolamiError as exc:
        return web.json_response({"error": {"code": exc.code, "message": str(exc)}}, status=500)


async def _livez(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _readyz(request: web.Request) -> web.Response:
    ready = request.app[ENGINES].ready
    return web.Response(text="ready\n" if ready else "warming up\n", status=200 if ready else 503)


async def _metrics(request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(request.app[ENGINES].metrics.registry), content_type="text/plain")


async def _openapi(_request: web.Request) -> web.Response:
    return web.json_response(openapi())


async def _characters(request: web.Request) -> web.Response:
    library = request.app[ENGINES].library
    cards = [{"id": i, "name": library[i].name, "description": library[i].description} for i in library.ids()]
    return web.json_response({"characters": cards})


def _found(request: web.Request) -> str:
    card_id = request.match_info["id"]
    if card_id not in request.app[ENGINES].library:
        message = f"there is no character {card_id!r}; there are: {', '.join(request.app[ENGINES].library.ids())}"
        raise web.HTTPNotFound(
            text=web.json_response({"error": {"code": "no_character", "message": message}}).text,
            content_type="application/json",
        )
    return card_id


async def _character(request: web.Request) -> web.Response:
    card = request.app[ENGINES].library[_found(request)]
    return web.json_response(card.model_dump(mode="json"))


async def _behaviours(request: web.Request) -> web.Response:
    engines = request.app[ENGINES]
    card_id = _found(request)
    pack = await engines.packed(card_id, lambda: wire_pack(engines, card_id))
    headers = {"Cache-Control": "public, max-age=3600"}
    return web.Response(text=pack, content_type="application/json", headers=headers)


def main(argv: list[str] | None = None) -> int:
    """Run the model server: `python -m solami.server [CONFIG.yaml] [key=value ...]`. Returns the exit status."""
    args = sys.argv[1:] if argv is None else argv
    path = args[0] if args and "=" not in args[0] else None
    set_up_logs()
    try:
        settings = load_settings(ServerSettings, "server", path, args[1:] if path else args)
        asyncio.run(serve_until_signal(build_app(settings), settings.host, settings.port))
    except SolamiError as exc:
        print(f"model server: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0

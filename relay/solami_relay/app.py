"""One relay process: its parts are opened, run together until a signal comes, and closed in order."""

import asyncio
import contextlib
import errno
import logging
import os
import signal
import ssl
import sys
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import aiohttp
from aiohttp import web

from solami_protocol.errors import SettingsError, SolamiError
from solami_protocol.settings import load_settings
from solami_relay.bus import Bus
from solami_relay.characters import Characters
from solami_relay.embedded_redis import EmbeddedRedis
from solami_relay.gateway import Gateway
from solami_relay.logs import set_up_logging
from solami_relay.metrics import RelayMetrics
from solami_relay.origins import cors
from solami_relay.pages import page_routes
from solami_relay.pairing import Pairing
from solami_relay.realtime import Realtime
from solami_relay.sessions import SessionRoutes, errors_as_json
from solami_relay.settings import LanSettings, RelaySettings, check_exposure
from solami_relay.tokens import Tokens

__all__ = ["PortInUse", "main", "run_relay"]

log = logging.getLogger(__name__)
USAGE = "usage: python -m solami_relay [CONFIG.yaml] [key=value ...]"
SERVICE_TOKEN = "SOLAMI_SERVICE_TOKEN"
MAX_BODY_BYTES = 64 * 1024
COME_BACK_S = 3.0
TASKS_S = 1.0
REDIS_LOOK_S = 0.5


class PortInUse(SettingsError):
    """Somebody else listens there already."""


async def run_relay(
    settings: RelaySettings, stop: asyncio.Event, announce: Callable[[str], None], service_token: str = ""
) -> None:
    """Run the relay until `stop` is set; `announce` gets the URL once it listens.

    Raises SettingsError (PortInUse among them), MissingExtra, BusDown, Unavailable; a part that fails ends all.
    """
    check_exposure(settings, service_token)
    async with contextlib.AsyncExitStack() as stack:
        redis: EmbeddedRedis | None = None
        if not settings.redis_url:
            redis = stack.enter_context(EmbeddedRedis())
            settings = settings.model_copy(update={"redis_url": redis.url})
        bus = await Bus.connect(settings.redis_url, settings.tenant)
        stack.push_async_callback(bus.close)
        headers = {"Authorization": f"Bearer {service_token}"} if service_token else {}
        http = await stack.enter_async_context(aiohttp.ClientSession(headers=headers))
        metrics = RelayMetrics()
        tokens = Tokens(settings.token.key, settings.token.ttl_s)
        gateway = Gateway(bus, settings, tokens, metrics)
        app = _application(bus, gateway, tokens, http, settings, metrics, service_token)
        parts = _parts(settings, bus, gateway, redis, metrics)
        await _run_parts(settings, stop, announce, app, gateway, parts)


def _parts(
    settings: RelaySettings, bus: Bus, gateway: Gateway, redis: EmbeddedRedis | None, metrics: RelayMetrics
) -> dict[str, Coroutine[Any, Any, None]]:
    parts: dict[str, Coroutine[Any, Any, None]] = {}
    if "gateway" in settings.roles:
        parts["gateway"] = gateway.run()
    if "worker" in settings.roles:
        from solami_relay.worker import Worker  # a gateway alone needs none of its libraries
        from solami_relay.worker_metrics import WorkerMetrics

        parts["worker"] = Worker(bus, settings, WorkerMetrics(metrics.registry)).run()
    if redis is not None:
        parts["redis"] = _keep_alive(redis)
    return parts


async def _run_parts(
    settings: RelaySettings,
    stop: asyncio.Event,
    announce: Callable[[str], None],
    app: web.Application,
    gateway: Gateway,
    parts: dict[str, Coroutine[Any, Any, None]],
) -> None:
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=TASKS_S)
    await runner.setup()
    tasks: list[asyncio.Task[None]] = []
    try:
        url = await _listen(runner, settings)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(part, name=name) for name, part in parts.items()]
            announce(url)
            await stop.wait()
            await gateway.drain(COME_BACK_S)
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks, timeout=TASKS_S)
    finally:
        for part in parts.values():
            part.close()  # those that were never started
        await runner.cleanup()


async def _listen(runner: web.AppRunner, settings: RelaySettings) -> str:
    """Open the listeners; return the URL of the one that needs no pairing."""
    await _open(runner, settings.host, settings.port, None)
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    url = f"http://{host}:{runner.addresses[0][1]}"
    lan = settings.lan
    if lan.certificate:
        await _open(runner, lan.host, lan.port, _tls(lan))
    return url


async def _open(runner: web.AppRunner, host: str, port: int, tls: ssl.SSLContext | None) -> None:
    try:
        await web.TCPSite(runner, host, port, ssl_context=tls).start()
    except OSError as exc:
        if exc.errno == errno.EADDRINUSE:
            name = "lan.port" if tls else "port"
            raise PortInUse(f"port {port} on {host} is in use; stop what runs there, or use {name}=0") from None
        raise SettingsError(f"cannot listen on {host}:{port}: {exc.strerror}") from None


def _tls(lan: LanSettings) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(lan.certificate, lan.key or None)
    except (OSError, ssl.SSLError) as exc:
        raise SettingsError(f"lan.certificate {lan.certificate}, lan.key {lan.key}: {exc}") from None
    return context


async def _keep_alive(redis: EmbeddedRedis) -> None:
    while True:
        await asyncio.sleep(REDIS_LOOK_S)
        if not redis.alive:
            log.error("the embedded Redis ended; starting it again over the same data")
            # on this thread, though it blocks for some 30 ms: the child dies with the thread that started it
            redis.restart()


def _application(
    bus: Bus,
    gateway: Gateway,
    tokens: Tokens,
    http: aiohttp.ClientSession,
    settings: RelaySettings,
    metrics: RelayMetrics,
    service_token: str,
) -> web.Application:
    async def livez(_request: web.Request) -> web.Response:
        return web.Response(text="ok\n")

    async def readyz(_request: web.Request) -> web.Response:
        if gateway.draining:
            return web.Response(status=503, text="draining\n")
        if not gateway.store_ok:
            return web.Response(status=503, text="the store does not answer\n")
        return web.Response(text="ready\n")

    async def scrape(_request: web.Request) -> web.Response:
        return web.Response(body=metrics.render(), content_type="text/plain")

    app = web.Application(
        middlewares=[cors(settings.allowed_origins), errors_as_json], client_max_size=MAX_BODY_BYTES
    )  # fmt: skip
    app.add_routes([web.get("/livez", livez), web.get("/readyz", readyz), web.get("/metrics", scrape)])
    if "gateway" in settings.roles:
        characters = Characters(http, settings.model_server_url, settings.characters_cache_s)
        pairing = Pairing(settings, service_token)
        sessions = SessionRoutes(bus, gateway, tokens, characters, settings, metrics, service_token, pairing)
        realtime = Realtime(http, sessions.open_for)
        app.add_routes([*sessions.routes(), *pairing.routes(), web.get("/v1/realtime", realtime.handle)])
        app.add_routes(page_routes(settings.web_root))
    return app


def main(argv: Sequence[str] | None = None) -> int:
    """Run `python -m solami_relay [CONFIG.yaml] [key=value ...]`; return the exit status (2: cannot start)."""
    args = list(sys.argv[1:] if argv is None else argv)
    if args and args[0] in ("-h", "--help"):
        print(USAGE)
        return 0
    path = args.pop(0) if args and "=" not in args[0] else None
    try:
        settings = load_settings(RelaySettings, "relay", path, args)
        set_up_logging(settings.log_level)
        asyncio.run(_until_signal(settings))
    except SolamiError as exc:
        print(f"solami_relay: {exc}", file=sys.stderr)
        return 2
    except Exception:
        log.critical("a part of the relay failed", exc_info=True)
        return 1
    return 0


async def _until_signal(settings: RelaySettings) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)

    def announce(url: str) -> None:
        print(f"ready {url}", flush=True)

    await run_relay(settings, stop, announce, os.environ.get(SERVICE_TOKEN, ""))

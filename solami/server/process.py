"""How a service process starts and stops: one line when ready, SIGTERM or Ctrl-C ends it cleanly within seconds."""

import asyncio
import errno
import hmac
import json
import logging
import os
import signal
import sys
import time
from ipaddress import ip_address

from aiohttp import web

from solami_protocol.errors import SettingsError

__all__ = [
    "JsonLog",
    "bearer_middleware",
    "check_bind",
    "is_loopback",
    "listen",
    "serve_until_signal",
    "service_token",
    "set_up_logs",
]

SHUTDOWN_S = 2.0


def service_token() -> str:
    """Return the token that services show each other (`SOLAMI_SERVICE_TOKEN`), empty when none is set."""
    return os.environ.get("SOLAMI_SERVICE_TOKEN", "")


def is_loopback(host: str) -> bool:
    """True for an address that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def check_bind(host: str) -> None:
    """Raise SettingsError when a service would be reachable from outside without a token."""
    if not is_loopback(host) and not service_token():
        raise SettingsError(
            f"host={host} can be reached from other machines: set SOLAMI_SERVICE_TOKEN (the same for all services), "
            "or use host=127.0.0.1"
        )


@web.middleware
async def bearer_middleware(request: web.Request, handler) -> web.StreamResponse:  # type: ignore[no-untyped-def]
    """Refuse requests without the service token, where one is set; health stays open."""
    token = service_token()
    if token and request.path not in ("/livez", "/readyz"):
        given = request.headers.get("Authorization", "")
        if not hmac.compare_digest(given.encode(), f"Bearer {token}".encode()):
            raise web.HTTPUnauthorized(text="send `Authorization: Bearer $SOLAMI_SERVICE_TOKEN`")
    return await handler(request)


class JsonLog(logging.Formatter):
    """One JSON object a line; never what was said."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the line."""
        row: dict[str, object] = {
            "at": round(time.time(), 3),
            "level": record.levelname.lower(),
            "part": record.name,
            "message": record.getMessage(),
        }
        row |= {key: value for key, value in vars(record).items() if key in ("sid", "turn")}
        if record.exc_info:
            row["error"] = self.formatException(record.exc_info)
        return json.dumps(row)


def set_up_logs(level: int = logging.INFO) -> None:
    """Log JSON to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLog())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    logging.getLogger("aiohttp.access").setLevel(logging.WARNING)


async def listen(runner: web.AppRunner, host: str, port: int) -> int:
    """Start listening and return the port. Raises SettingsError when the port is in use."""
    check_bind(host)
    await runner.setup()
    site = web.TCPSite(runner, host, port, shutdown_timeout=SHUTDOWN_S)
    try:
        await site.start()
    except OSError as exc:
        await runner.cleanup()
        what = "the port is in use" if exc.errno == errno.EADDRINUSE else exc.strerror or str(exc)
        raise SettingsError(f"cannot listen on {host}:{port}: {what}; choose another with port=N") from None
    return int(runner.addresses[0][1])


async def serve_until_signal(app: web.Application, host: str, port: int) -> None:
    """Serve `app`, print `ready http://...`, return after SIGTERM or SIGINT when all is stopped."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    runner = web.AppRunner(app, handle_signals=False, access_log=None, shutdown_timeout=SHUTDOWN_S)
    bound = await listen(runner, host, port)
    shown = f"[{host}]" if ":" in host else host
    print(f"ready http://{shown}:{bound}", flush=True)
    try:
        await stop.wait()
    finally:
        await runner.cleanup()

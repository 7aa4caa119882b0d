"""Which pages may use the relay, and the headers by which a browser learns it."""

import ipaddress
from collections.abc import Sequence
from urllib.parse import urlsplit

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

__all__ = ["cors", "origin_allowed"]


def origin_allowed(origin: str | None, host: str, allowed: Sequence[str]) -> bool:
    """Return True when a page from `origin` may connect to a relay that was addressed as `host` (its Host header).

    Clients that are no browsers send no origin. Our own pages count only where the host is an address or localhost:
    a name could be anybody's, pointed at us (DNS rebinding), so names must be listed in `allowed`.
    """
    if origin is None or origin in allowed:
        return True
    try:
        page = urlsplit(origin)
        name = page.hostname or ""
    except ValueError:
        return False
    return page.netloc == host and (name == "localhost" or _is_address(name))


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def cors(allowed: Sequence[str]) -> Middleware:
    """Return a middleware that answers preflights and marks responses for the allowed origins."""

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin = request.headers.get("Origin")
        if origin is None or origin not in allowed:
            return await handler(request)
        if request.method == "OPTIONS":
            response: web.StreamResponse = web.Response(status=204)
            response.headers["Access-Control-Allow-Methods"] = "GET, POST, DELETE"
            response.headers["Access-Control-Allow-Headers"] = "Authorization, Content-Type"
        else:
            response = await handler(request)
        if not response.prepared:
            response.headers["Access-Control-Allow-Origin"] = origin
            response.headers["Vary"] = "Origin"
        return response

    return middleware

"""How the relay answers over HTTP: errors as JSON, and the token that a request shows."""

from aiohttp import web

__all__ = ["bearer", "error_response"]


def error_response(status: int, code: str, message: str, retry_after_s: float | None = None) -> web.Response:
    """Return `{"error": {"code", "message"}}`."""
    headers = {} if retry_after_s is None else {"Retry-After": str(max(1, round(retry_after_s)))}
    return web.json_response({"error": {"code": code, "message": message}}, status=status, headers=headers)


def bearer(request: web.Request) -> str:
    """Return the token of `Authorization: Bearer ...`, empty when there is none."""
    return request.headers.get("Authorization", "").removeprefix("Bearer ")

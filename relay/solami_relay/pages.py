"""The page at `/`: the files of a configured folder, and words where there is none."""

from pathlib import Path

from aiohttp import web

__all__ = ["page_routes"]

NO_PAGE = (
    "This is a solami relay. No page is built for it (web_root is not set).\n"
    "Clients: POST /v1/sessions, then WS /v1/ws; health at /readyz.\n"
)


def page_routes(web_root: str) -> list[web.AbstractRouteDef]:
    """Return routes that serve `web_root`, or say that there is no page."""
    root = Path(web_root)
    if not web_root or not (root / "index.html").is_file():
        return [web.get("/", _no_page)]

    async def index(_request: web.Request) -> web.FileResponse:
        return web.FileResponse(root / "index.html", headers={"Cache-Control": "no-cache"})

    return [web.get("/", index), web.static("/", root, follow_symlinks=False)]


async def _no_page(_request: web.Request) -> web.Response:
    return web.Response(status=404, text=NO_PAGE)

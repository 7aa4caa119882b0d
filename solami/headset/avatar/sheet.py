"""A contact sheet of an avatar: every figure from the front, the side and close by, drawn by a real browser.

The pictures are those of the page's own player (`relay/web`), so what is seen here is what people see.
"""

import base64
import tempfile
from pathlib import Path
from shutil import which
from typing import Any

import numpy as np

from solami.headset.avatar.build import build_glb
from solami.headset.avatar.figures import FIGURES, Figure
from solami.headset.avatar.look import Look
from solami.headset.page import TurnPage, write_turn_page
from solami_protocol.errors import InputError, MissingExtra
from solami_protocol.skeleton import FPS

__all__ = ["CAMERAS", "draw_sheet"]

CAMERAS: dict[str, tuple[tuple[str, tuple[float, float, float], tuple[float, float, float]], ...]] = {
    "body": (
        ("front", (0.0, 1.12, 4.4), (-0.05, 0.95, 0.0)),
        ("side", (-4.4, 1.12, 0.1), (0.0, 0.95, 0.05)),
        ("close", (-0.95, 1.56, 2.3), (-0.10, 1.37, 0.06)),
    ),
    "face": (
        ("front", (0.0, 1.61, 1.05), (0.0, 1.60, 0.0)),
        ("side", (-1.05, 1.61, 0.02), (0.0, 1.60, 0.02)),
        ("close", (-0.27, 1.57, 0.56), (-0.004, 1.57, 0.05)),
    ),
}
"""By kind of figure: name, place and target of each camera, metres."""
CELL = {"body": (230, 320), "face": (230, 210)}  # pixels, width and height
COLUMNS = 5  # figures side by side
LABEL_PX = 18
READY_MS = 120_000  # software rendering on a busy machine
_FLAGS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking",
          "--disable-component-update", "--disable-sync", "--no-first-run")  # fmt: skip


def draw_sheet(
    out: Path, look: Look | None = None, figures: tuple[Figure, ...] = FIGURES, *, title: str = "avatar"
) -> tuple[int, int]:
    """Write the sheet (.png or .jpg) and return its size in pixels.

    Raises MissingExtra when Chromium, playwright or the built page is missing, InputError for another file ending.
    """
    kind = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}.get(out.suffix.lower())
    if kind is None:
        raise InputError(f"{out}: a sheet is written as .png or .jpg")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as exc:
        raise MissingExtra("a sheet needs playwright: `pip install 'solami[dev]'`") from exc
    browser_path = which("chromium") or which("chromium-browser") or which("google-chrome")
    if browser_path is None:
        raise MissingExtra("a sheet needs Chromium: install `chromium`, or `playwright install chromium`")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as play:
        page_path = Path(folder) / "sheet.html"
        write_turn_page(page_path, _turn(look or Look(), figures, title))
        browser = play.chromium.launch(executable_path=browser_path, args=list(_FLAGS))
        try:
            page = browser.new_page(device_scale_factor=1)
            page.goto(page_path.as_uri(), wait_until="commit", timeout=READY_MS)
            page.wait_for_function("window.solamiReady || document.getElementById('failure')", timeout=READY_MS)
            data, size = _drawn(page, figures, kind)
        finally:
            browser.close()
    out.write_bytes(data)
    return size


def _turn(look: Look, figures: tuple[Figure, ...], title: str) -> TurnPage:
    """Return a recorded turn whose frames are the figures."""
    poses = [figure.pose() for figure in figures]
    return TurnPage(
        character=title,
        audio=np.zeros(2_400, np.int16),
        audio_rate=24_000,
        root=np.stack([root for root, _ in poses]),
        rotations=np.stack([rotations for _, rotations in poses]),
        face=np.stack([figure.face() for figure in figures]),
        avatar_glb=build_glb(look),
    )


def _drawn(page: Any, figures: tuple[Figure, ...], kind: str) -> tuple[bytes, tuple[int, int]]:
    """Draw all cells onto one canvas within the page, one view below the other; return the file and its size."""
    rows = [
        of_kind[i : i + COLUMNS]
        for of_kind in ([(n, f) for n, f in enumerate(figures) if f.kind == kind] for kind in CELL)
        for i in range(0, len(of_kind), COLUMNS)
    ]
    heights = [LABEL_PX + len(CAMERAS[row[0][1].kind]) * CELL[row[0][1].kind][1] for row in rows]
    width = max(len(row) for row in rows) * max(w for w, _ in CELL.values())
    page.evaluate(_START, [width, sum(heights)])
    top = 0
    for row, height in zip(rows, heights, strict=True):
        w, h = CELL[row[0][1].kind]
        # drawn at twice the size: the browser's own scaling smooths the edges
        page.set_viewport_size({"width": 2 * w, "height": 2 * h})
        for column, (number, figure) in enumerate(row):
            page.evaluate(_TEXT, [figure.name, column * w, top, LABEL_PX])
            for c, (_, place, target) in enumerate(CAMERAS[figure.kind]):
                at = [column * w, top + LABEL_PX + c * h, w, h]
                page.evaluate(_CELL, [number / FPS, list(place), list(target), *at])
        top += height
    data = page.evaluate("kind => window.sheet.canvas.toDataURL(kind, 0.84)", kind)
    return base64.b64decode(data.partition(",")[2]), (width, sum(heights))


_START = """([w, h]) => { const c = document.createElement('canvas'); c.width = w; c.height = h;
  const g = window.sheet = c.getContext('2d'); g.fillStyle = '#20262f'; g.fillRect(0, 0, w, h);
  g.imageSmoothingQuality = 'high'; }"""
_CELL = """async ([t, place, target, x, y, w, h]) => {
  await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
  solamiSeek(t); solamiLook(place, target);
  window.sheet.drawImage(document.getElementById('view'), x, y, w - 1, h - 1); }"""
_TEXT = """([text, x, y, h]) => { const g = window.sheet; g.fillStyle = '#f4efe6'; g.font = '600 13px sans-serif';
  g.textBaseline = 'middle'; g.fillText(text, x + 6, y + h / 2 + 1); }"""

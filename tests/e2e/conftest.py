"""A browser on the live page, with a microphone that hears what the test says."""

import os
import shutil
import wave
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

MIC_HZ = 16_000
# Debian's wrapper script adds nothing that a test needs
CHROMIUM = next((p for p in ("/usr/lib/chromium/chromium", shutil.which("chromium")) if p and Path(p).exists()), "")
FLAGS = (
    "--headless --no-sandbox --disable-background-networking --disable-component-update --disable-sync --no-first-run "
    "--use-angle=swiftshader --enable-unsafe-swiftshader --autoplay-policy=no-user-gesture-required"
).split()
SMALL = {"width": 320, "height": 220}  # every pixel is drawn by the processor that also runs the models


@pytest.fixture(scope="module")
def live_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a whole machine whose relay serves the live page."""
    pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not CHROMIUM:
        pytest.skip("no Chromium here; on Debian: apt install chromium")
    from solami.headset.live_page import ensure_live_page
    from solami_protocol.errors import MissingExtra

    try:
        root = ensure_live_page()
    except MissingExtra as exc:
        pytest.skip(str(exc))
    os.environ["SOLAMI_RELAY_WEB_ROOT"] = str(root)
    try:
        yield request.getfixturevalue("stack").url
    finally:
        del os.environ["SOLAMI_RELAY_WEB_ROOT"]


@dataclass
class LivePage:
    """One page, and what came to it over the wire."""

    page: Any
    received: list[bytes | str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)

    def take(self, data: bytes | str) -> None:
        """Note what came over a socket."""
        self.received.append(data)

    def start(self) -> None:
        """Press the button and wait for the session."""
        self.page.wait_for_function("window.solamiReady", timeout=60_000)
        self.page.click("#start")
        self.page.wait_for_function("window.solamiLive.talk?.session.ready", timeout=30_000)

    def until(self, true: str, timeout_s: float = 30.0) -> None:
        """Wait until the expression is true; `live` is the app, `log` what the relay said, `reports` what we said."""
        names = "const live = window.solamiLive, log = live.talk?.log ?? [], reports = live.talk?.reports ?? [];"
        self.page.wait_for_function(f"(() => {{ {names} return {true}; }})()", timeout=timeout_s * 1000)

    def log(self) -> list[dict[str, Any]]:
        """Control messages down, without pongs."""
        return self.page.evaluate("window.solamiLive.talk.log")

    def reports(self, epoch: int | None = None) -> list[dict[str, Any]]:
        """Playback reports, of one epoch or of all."""
        every = self.page.evaluate("window.solamiLive.talk.reports")
        return [r for r in every if epoch is None or r["epoch"] == epoch]

    def epoch(self, kind: str, number: int = 0) -> int:
        """The epoch of the `number`-th `epoch.start` of a kind."""
        return [m["epoch"] for m in self.log() if m["type"] == "epoch.start" and m["kind"] == kind][number]

    def greeted(self) -> None:
        """Wait until the greeting was heard to its end."""
        self.until("reports.some(r => r.state === 'finished') && !live.world.playout.shown.epoch", 60)


@pytest.fixture
def open_live(tmp_path: Path) -> Iterator[Callable[..., LivePage]]:
    """Open a page: `say` lists seconds of silence, words, and arrays of samples; the sound begins with `start`."""
    sync_api = pytest.importorskip("playwright.sync_api")
    with ExitStack() as stack:
        playwright = stack.enter_context(sync_api.sync_playwright())

        def launch(
            url: str, say: list[Any] | None = None, *, size: dict[str, int] | None = None, microphone: str = "fake",
            query: str = "", pages: int = 1, phone: bool = False, insecure: bool = False,
        ) -> Any:  # fmt: skip
            flags = list(FLAGS)
            if microphone != "refused":
                flags += ["--use-fake-ui-for-media-stream"]
            if microphone != "none":
                mic = tmp_path / f"mic{len(list(tmp_path.iterdir()))}.wav"
                write_microphone(mic, say or [1.0])
                flags += ["--use-fake-device-for-media-stream", f"--use-file-for-fake-audio-capture={mic}%noloop"]
            browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
            stack.callback(browser.close)
            opened = []
            for _ in range(pages):
                context = browser.new_context(
                    viewport=size or SMALL, has_touch=phone, is_mobile=phone, ignore_https_errors=insecure
                )
                opened.append(watched(context.new_page()))
                opened[-1].page.goto(f"{url}/{query}", timeout=90_000)  # two cores run models, page and GPU at once
            return opened[0] if pages == 1 else opened

        yield launch


def watched(page: Any) -> LivePage:
    """Note what comes over the page's sockets and what it complains of."""
    live = LivePage(page)
    page.on("websocket", lambda ws: ws.on("framereceived", live.take))
    page.on("pageerror", lambda error: live.complaints.append(str(error)))
    return live


def write_microphone(path: Path, say: list[Any]) -> None:
    """Write what the user says, as a browser's fake microphone wants it."""
    from solami.headset.inputs import synthesise

    parts = []
    for part in say:
        if isinstance(part, int | float):
            parts.append(np.zeros(int(part * MIC_HZ), np.int16))
        else:
            parts.append(synthesise(part) if isinstance(part, str) else part)
    with wave.open(str(path), "wb") as out:
        out.setnchannels(1)
        out.setsampwidth(2)
        out.setframerate(MIC_HZ)
        out.writeframes(np.concatenate(parts).tobytes())

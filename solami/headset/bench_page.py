"""`solami bench clients`: what the live page weighs and costs, measured in a real browser without a GPU."""

import asyncio
import gzip
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from solami.headset.live_page import ensure_live_page
from solami.headset.stack import running_stack
from solami.headset.talk import machine, versions
from solami_protocol.arkit import FACE_INDEX
from solami_protocol.errors import MissingExtra, SolamiError
from solami_protocol.media import Kind, audio_samples, decode_media, face_weights
from solami_protocol.skeleton import FPS

__all__ = ["Seen", "aperture_skew_ms", "bench_page", "page_bytes"]

RATE_HZ = 24_000
CHROMIUM = ("/usr/lib/chromium/chromium", "chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless --no-sandbox --disable-background-networking --disable-component-update --disable-sync --no-first-run "
    "--use-angle=swiftshader --enable-unsafe-swiftshader --autoplay-policy=no-user-gesture-required"
).split()  # no microphone: a browser's fake one beeps, and would interrupt
VIEWPORT = {"width": 640, "height": 400}
LAGS_MS = np.arange(-200.0, 201.0, 5.0)
MATCH_SAMPLES = 12_000  # half a second of the voice finds its place in what was played
# Frames as shown with the time at which they were, and what the audio device was given, by its own count of samples
WATCH = """
window.seen = []; window.tape = [];
(() => {
  const { world } = window.solamiLive;
  world.watch((f) => {
    const { face } = world.rig.shown();
    window.seen.push([f.epoch, world.voice.frameAt(performance.now()), face[%d], face[%d]]);
  });
  const before = world.voice.tape;
  world.voice.tape = (pcm, frame) => { before?.(pcm, frame); window.tape.push([frame, Array.from(pcm)]); };
  world.voice.record(true);
  return null;
})()
"""
TRIANGLES = """
(() => {
  let count = 0;
  window.solamiLive.world.rig.root.traverse((o) => {
    if (o.isMesh) count += (o.geometry.index ?? o.geometry.attributes.position).count / 3;
  });
  return count;
})()
"""


@dataclass(frozen=True, slots=True)
class Seen:
    """What was recorded of one reply in the page."""

    epoch: int
    frames: np.ndarray
    """(N, 4): epoch, device sample heard, jawOpen, mouthClose."""
    played: np.ndarray
    """(M,) float32: the device's samples from `first` on."""
    first: int
    voice: np.ndarray
    """(K,) float32: the reply's sound as it was sent."""
    face: np.ndarray
    """(T, 52) as it was sent."""


def page_bytes(dist: Path) -> int:
    """Return the gzipped size of the page itself: no avatars, no player of saved recordings."""
    files = [dist / "index.html", *(dist / "assets").glob("*")]
    return sum(len(gzip.compress(p.read_bytes(), 9)) for p in files)


async def bench_page(character: str) -> dict[str, Any]:
    """Return the figures. Raises MissingExtra without Playwright or a Chromium, SolamiError when no reply comes."""
    try:
        from playwright.async_api import async_playwright
    except ImportError:
        raise MissingExtra("the browser bench needs Playwright: pip install playwright") from None
    binary = next((found for name in CHROMIUM if (found := shutil.which(name))), None)
    if binary is None:
        raise MissingExtra("no Chromium was found; on Debian: apt install chromium")
    dist = ensure_live_page()
    figures: dict[str, Any] = {
        "page_kb": round(page_bytes(dist) / 1000, 1),
        "avatar_kb": round((dist / "avatar" / f"{character}.glb").stat().st_size / 1000, 1),
    }
    async with running_stack() as stack, async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=binary, args=FLAGS)
        try:
            page = await browser.new_page(viewport=VIEWPORT)  # type: ignore[arg-type]
            figures |= await _measure(page, f"{stack.relay_url}/?character={character}")
        finally:
            await browser.close()
    return figures | {"machine": machine(), "versions": versions()}


async def _measure(page: Any, url: str) -> dict[str, Any]:
    received: list[bytes] = []
    page.on("websocket", lambda ws: ws.on("framereceived", lambda data: _keep(received, data)))
    await page.goto(url)
    await page.wait_for_function("window.solamiReady", timeout=60_000)
    first_view_ms = await page.evaluate("window.solamiLive.world.firstViewMs")
    await page.click("#start")
    await page.wait_for_function("window.solamiLive.talk?.session.ready", timeout=30_000)
    await page.evaluate(WATCH % (FACE_INDEX["jawOpen"], FACE_INDEX["mouthClose"]))
    inspector = await page.context.new_cdp_session(page)
    await inspector.send("Performance.enable", {"timeDomain": "threadTicks"})  # waiting for the GPU is no work
    before = await _main_thread(inspector, page)
    await _answered(page)
    after = await _main_thread(inspector, page)
    cost = await page.evaluate("window.solamiLive.world.stage.cost()")
    work, draw = await page.evaluate("[window.solamiLive.world.workMs, window.solamiLive.world.drawMs]")
    seen = _seen(await page.evaluate("window.seen"), await page.evaluate("window.tape"), received)
    frames = np.asarray(work) + np.asarray(draw)
    return {
        "draw_calls": cost["calls"],
        "triangles": await page.evaluate(TRIANGLES),
        "triangles_with_stage_and_shadow": cost["triangles"],
        "main_thread_ms": round((after[0] - before[0]) / max(1, after[1] - before[1]), 2),
        "frame_with_gpu_ms": round(float(np.median(frames)), 2),
        "without_drawing_ms": round(float(np.median(work)), 2),
        "first_view_ms": round(first_view_ms, 1),
        "aperture_skew_ms": aperture_skew_ms(seen),
        "frames_judged": len(seen.frames),
    }


async def _main_thread(inspector: Any, page: Any) -> tuple[float, int]:
    """Return the main thread's own processor time so far, ms, and the frames drawn."""
    metrics = {m["name"]: m["value"] for m in (await inspector.send("Performance.getMetrics"))["metrics"]}
    frames = await page.evaluate("window.solamiLive.world.stage.renderer.info.render.frame")
    return metrics["TaskDuration"] * 1000, frames


def _keep(received: list[bytes], data: bytes | str) -> None:
    if isinstance(data, bytes):
        received.append(data)


async def _answered(page: Any) -> None:
    """Hear the greeting and one reply to their ends."""
    heard = "window.solamiLive.talk.reports.filter(r => r.state === 'finished').length"
    await page.wait_for_function(f"{heard} >= 1", timeout=60_000)
    await page.fill("#text", "tell me a story")
    await page.press("#text", "Enter")
    try:
        await page.wait_for_function(f"{heard} >= 2", timeout=60_000)
    except Exception as exc:
        raise SolamiError(f"the page heard no reply: {str(exc).splitlines()[0]}") from None
    await asyncio.sleep(0.5)


def _seen(frames: list[list[float]], tape: list[tuple[int, list[float]]], received: list[bytes]) -> Seen:
    every = np.asarray(frames)
    epochs = every[:, 0].astype(int)
    epoch = int(epochs[epochs > 0].max())
    first, last = tape[0][0], tape[-1][0] + len(tape[-1][1])
    played = np.zeros(last - first, np.float32)
    for at, pcm in tape:
        played[at - first : at - first + len(pcm)] = pcm
    voice: dict[int, np.ndarray] = {}
    face: dict[int, np.ndarray] = {}
    for frame in (decode_media(data) for data in received):
        if frame.epoch == epoch and frame.kind is Kind.AUDIO:
            voice[round(frame.pts_us * RATE_HZ / 1e6)] = audio_samples(frame).astype(np.float32) / 32768
        elif frame.epoch == epoch and frame.kind is Kind.FACE:
            face[round(frame.pts_us * FPS / 1e6)] = face_weights(frame)
    return Seen(
        epoch=epoch, frames=every[epochs == epoch], played=played, first=first,
        voice=np.concatenate([voice[k] for k in sorted(voice)]), face=np.concatenate([face[k] for k in sorted(face)]),
    )  # fmt: skip


def aperture_skew_ms(seen: Seen) -> float:
    """Return by how much the lips that were shown lag behind the sound that was heard (negative: they lead).

    The sound's place is found in what the audio device was given; the lips are compared with the ones that were sent
    for the sample that was heard at that moment, at lags of 5 ms.
    """
    start = _place(seen.played, seen.voice) + seen.first
    heard_ms = (seen.frames[:, 1] - start) * 1000 / RATE_HZ
    inside = (heard_ms > 250) & (heard_ms < len(seen.face) * 1000 / FPS - 250)
    shown = seen.frames[inside, 2] - seen.frames[inside, 3]
    sent = seen.face[:, FACE_INDEX["jawOpen"]] - seen.face[:, FACE_INDEX["mouthClose"]]
    times_ms = np.arange(len(sent)) * 1000 / FPS
    errors = [float(np.mean(np.abs(np.interp(heard_ms[inside] - lag, times_ms, sent) - shown))) for lag in LAGS_MS]
    return float(LAGS_MS[int(np.argmin(errors))])


def _place(played: np.ndarray, voice: np.ndarray) -> int:
    """Return the sample of `played` at which `voice` begins, by its loudest half second."""
    at = max(0, int(np.argmax(np.convolve(voice**2, np.ones(2400), "same"))) - MATCH_SAMPLES // 2)
    piece = voice[at : at + MATCH_SAMPLES]
    size = 1 << int(np.ceil(np.log2(len(played) + len(piece))))
    product = np.fft.irfft(np.fft.rfft(played, size) * np.conj(np.fft.rfft(piece, size)), size)
    return int(np.argmax(product[: len(played)])) - at

"""The page of a turn in a real browser: it opens from disk, plays, and shows what its data says."""

import json
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from shutil import which

import numpy as np
import pytest

from solami.headset.avatar import build_glb
from solami.headset.page import PageCaption, PageEvent, TurnPage, UserTrack, write_turn_page
from solami_protocol.arkit import FACE_INDEX
from solami_protocol.quaternions import from_axis_angle, slerp
from solami_protocol.skeleton import JOINT_INDEX

FPS, SECONDS, RATE = 30, 2, 24_000
CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
FLAGS = (
    "--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--no-first-run", "--autoplay-policy=no-user-gesture-required",
)  # fmt: skip

pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium on PATH"),
    pytest.mark.skipif(
        not (resources.files("solami.headset") / "templates" / "turn.html").is_file(),
        reason="the page's player is not built; run `make web`",
    ),
]


@cache
def turn() -> TurnPage:
    """Two seconds in which the right arm rises by 60 degrees, the mouth opens and shuts, and a tone sounds."""
    frames = FPS * SECONDS
    t = np.arange(frames) / FPS
    rotations = np.zeros((frames, 55, 4), np.float32)
    rotations[..., 3] = 1
    rotations[:, JOINT_INDEX["right_shoulder"]] = from_axis_angle((0, 0, 1), 60 * t / SECONDS)
    face = np.zeros((frames, 52), np.float32)
    face[:, FACE_INDEX["jawOpen"]] = 0.5 - 0.5 * np.cos(2 * np.pi * t)
    root = np.tile(np.float32([0.02, 0.95, 0.01]), (frames, 1))
    user_root = root + np.float32([0.6, 0, 0.4])
    user_root[: FPS // 2] = np.nan
    tone = (8000 * np.sin(2 * np.pi * 220 * np.arange(RATE * SECONDS) / RATE)).astype(np.int16)
    return TurnPage(
        character="Ada",
        audio=tone,
        audio_rate=RATE,
        root=root,
        rotations=rotations,
        face=face,
        avatar_glb=build_glb(),
        user=UserTrack(root=user_root, rotations=rotations),
        captions=(PageCaption(500, 1500, "character", "it is </script> nothing"),),
        events=(PageEvent(0, "state", "listening"), PageEvent(500, "state", "speaking"), PageEvent(900, "hold")),
        numbers={"first_audio_ms": 612.5, "brain": "retrieval"},
    )


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[object]:
    playwright = pytest.importorskip("playwright.sync_api")
    path: Path = tmp_path_factory.mktemp("page") / "turn.html"
    write_turn_page(path, turn())
    with playwright.sync_playwright() as p:
        browser = p.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        view = browser.new_page(viewport={"width": 360, "height": 300})
        asked: list[str] = []
        wrong: list[str] = []
        view.on("request", lambda r: asked.append(r.url))
        view.on("pageerror", lambda e: wrong.append(str(e)))
        view.on("console", lambda m: wrong.append(m.text) if m.type == "error" else None)
        view.goto(path.as_uri())
        view.wait_for_function("window.solamiReady || document.getElementById('failure')", timeout=60_000)
        view.asked, view.wrong = asked, wrong
        yield view
        browser.close()


def shown(page, seconds: float) -> dict:  # type: ignore[no-untyped-def]
    page.evaluate("t => solamiSeek(t)", seconds)
    return json.loads(page.evaluate("JSON.stringify(solamiShown())"))


def test_opens_from_disk_and_asks_for_nothing_else(page) -> None:  # type: ignore[no-untyped-def]
    assert page.query_selector("#failure") is None
    assert page.wrong == []
    assert [url for url in page.asked if not url.startswith(("file:", "data:", "blob:"))] == []
    assert page.inner_text("h1") == "Ada"


@pytest.mark.parametrize("seconds", [0.0, 0.4, 0.75, 1.217, 1.9])
def test_shows_the_pose_and_the_face_of_that_moment(page, seconds: float) -> None:  # type: ignore[no-untyped-def]
    data = turn()
    now = shown(page, seconds)
    frame = min(int(seconds * FPS + 1e-6), len(data.root) - 2)
    share = seconds * FPS - frame
    want = slerp(data.rotations[frame], data.rotations[frame + 1], share)
    close = np.abs((np.array(now["rot"]) * want).sum(-1))
    assert np.degrees(2 * np.arccos(np.clip(close, 0, 1))).max() < 0.5
    np.testing.assert_allclose(now["root"], data.root[frame], atol=1e-5)
    np.testing.assert_allclose(
        now["face"], data.face[frame] + (data.face[frame + 1] - data.face[frame]) * share, atol=0.005
    )


def test_the_mouth_opens_on_the_picture(page) -> None:  # type: ignore[no-untyped-def]
    """The pixels of the mouth change with jawOpen, not only the numbers."""
    page.evaluate("solamiLook([0, 1.56, 0.55], [0, 1.55, 0.1])")

    def middle() -> np.ndarray:
        raw = page.evaluate(
            """() => { const c = document.getElementById('view'), d = document.createElement('canvas');
            d.width = 90; d.height = 75; const g = d.getContext('2d'); g.drawImage(c, 0, 0, 90, 75);
            return Array.from(g.getImageData(0, 0, 90, 75).data); }"""
        )
        return np.array(raw, float).reshape(75, 90, 4)[20:65, 30:60, :3]

    shown(page, 0.0)
    shut = middle()
    shown(page, 0.0)
    again = middle()
    shown(page, 0.5)
    wide = middle()
    assert np.abs(again - shut).mean() < 0.5
    assert np.abs(wide - shut).mean() > 8
    page.evaluate("solamiLook('talk')")


def test_captions_state_and_numbers_are_there(page) -> None:  # type: ignore[no-untyped-def]
    shown(page, 0.7)
    assert "it is </script> nothing" in page.inner_text("#captions")
    assert page.inner_text("#state") == "speaking"
    shown(page, 1.8)
    assert page.inner_text("#captions").strip() == ""
    page.click("#more")
    assert "612.5 ms" in page.inner_text("#numbers")


def test_plays_by_the_sounds_clock_and_stops_at_the_end(page) -> None:  # type: ignore[no-untyped-def]
    page.evaluate("solamiSeek(0)")
    page.click("#play")
    page.wait_for_function("solamiNow() > 0.5", timeout=20_000)
    first = page.evaluate("[performance.now() / 1000, solamiNow()]")
    page.wait_for_function("solamiNow() > 1.2", timeout=20_000)
    second = page.evaluate("[performance.now() / 1000, solamiNow()]")
    assert second[1] - first[1] == pytest.approx(second[0] - first[0], abs=0.12)
    page.wait_for_function("document.getElementById('play').dataset.playing === 'false'", timeout=20_000)
    assert page.evaluate("solamiNow()") == pytest.approx(SECONDS, abs=0.01)


def test_stays_within_its_cost(page) -> None:  # type: ignore[no-untyped-def]
    shown(page, 1.0)
    cost = page.evaluate("solamiCost()")
    assert cost["calls"] <= 100

"""What the user takes along: the last seconds as a page that opens from disk, and as GLB and WAV."""

import json
import struct
import wave
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


def save(live, button: str, form: str, files: int, folder: Path) -> list[Path]:
    """Press a button of the settings and return what was saved."""
    got: list = []
    live.page.on("download", lambda item: got.append(item))  # noqa: PLW0108
    live.page.evaluate("document.getElementById('options').open || document.getElementById('options').showModal()")
    live.page.select_option("#save-as", form)
    live.page.click(button)
    for _ in range(300):
        if len(got) == files:
            break
        live.page.wait_for_timeout(100)
    paths = [folder / item.suggested_filename for item in got]
    for item, path in zip(got, paths, strict=True):
        item.save_as(path)
    return paths


def test_a_conversation_is_saved_as_a_page_and_as_a_model(live_url: str, open_live: Callable, tmp_path: Path) -> None:
    live = open_live(live_url, [3.0], query="?character=copper")
    live.start()
    live.greeted()
    (page,) = save(live, "#save-all", "page", 1, tmp_path)
    model, sound = save(live, "#save-30", "model", 2, tmp_path)
    assert live.complaints == []
    assert (page.name, model.name, sound.name) == ("Copper.html", "Copper.glb", "Copper.wav")
    with wave.open(str(sound)) as wav:
        assert (wav.getnchannels(), wav.getframerate()) == (2, 24_000)
        pcm = np.frombuffer(wav.readframes(wav.getnframes()), np.int16).reshape(-1, 2)
    seconds = len(pcm) / 24_000
    assert 2 < seconds <= 30.5
    assert np.abs(pcm[:, 1].astype(float)).max() > 1000, "the character is heard on the right"
    data = model.read_bytes()
    assert data[:4] == b"glTF"
    gltf = json.loads(data[20 : 20 + struct.unpack("<I", data[12:16])[0]])
    (clip,) = gltf["animations"]
    paths = {channel["target"]["path"] for channel in clip["channels"]}
    assert {"rotation", "translation", "weights"} <= paths
    ends = [gltf["accessors"][s["input"]]["max"][0] for s in clip["samplers"]]
    assert max(ends) == pytest.approx(seconds, abs=0.2), "body and sound are of one length"
    browser = live.page.context.browser
    live.page.close()  # both at once would draw for each other's time
    opened = browser.new_page(viewport={"width": 320, "height": 220})
    wrong: list[str] = []
    opened.on("pageerror", lambda error: wrong.append(str(error)))
    opened.goto(page.as_uri(), timeout=120_000)
    opened.wait_for_function("window.solamiReady", timeout=90_000)
    opened.evaluate("solamiSeek(1.5)")
    assert json.loads(opened.evaluate("JSON.stringify(solamiShown())"))
    assert wrong == []


def test_an_avatar_that_is_worn_is_not_saved_along_and_that_is_said(
    live_url: str, open_live: Callable, data: Path, tmp_path: Path
) -> None:
    live = open_live(live_url, [3.0], query="?character=copper")
    live.start()
    live.greeted()
    live.page.set_input_files("#file", data / "avatars" / "godette_vrm0.vrm")
    live.page.wait_for_selector("[data-key=avatar]", timeout=60_000)
    (model, sound) = save(live, "#save-30", "model", 2, tmp_path)
    assert (model.name, sound.name) == ("Copper.glb", "Copper.wav")
    live.page.wait_for_selector("[data-key=saving]", timeout=10_000)
    assert "Copper's own body" in live.page.locator("[data-key=saving] p").inner_text()
    assert live.complaints == []

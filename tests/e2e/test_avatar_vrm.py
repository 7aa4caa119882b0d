"""The avatar as VRM 1.0: Khronos' validator finds no error, and three-vrm can pose it, move its face and its eyes."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from shutil import which
from typing import Any, get_args

import numpy as np
import pytest

from solami.headset.avatar import Look, build_glb, build_vrm
from solami.headset.avatar.look import Kind
from solami_protocol.arkit import FACE_NAMES
from solami_protocol.quaternions import from_axis_angle, rotate
from solami_protocol.skeleton import JOINT_INDEX, rest_positions

WEB = Path(__file__).parents[2] / "relay" / "web"
KINDS: tuple[Kind, ...] = get_args(Kind)
CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
NODE = which("node")
VALIDATOR = WEB / "node_modules" / "gltf-validator"
BUNDLER = WEB / "node_modules" / ".bin" / "rolldown"
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update",
         "--disable-sync", "--no-first-run")  # fmt: skip
needs_node = pytest.mark.skipif(
    NODE is None or not VALIDATOR.is_dir(), reason="no node, or `npm ci` was not run in relay/web"
)
needs_browser = pytest.mark.skipif(
    NODE is None or CHROMIUM is None or not BUNDLER.is_file(),
    reason="no Chromium, or `npm ci` was not run in relay/web",
)


@needs_node
@pytest.mark.parametrize("ending", ["glb", "vrm"])
@pytest.mark.parametrize("kind", KINDS)
def test_the_validator_of_khronos_finds_no_error(kind: Kind, ending: str, tmp_path: Path) -> None:
    path = tmp_path / f"{kind}.{ending}"
    path.write_bytes((build_glb if ending == "glb" else build_vrm)(Look(kind), kind))
    command = [str(NODE), "check/validate.mjs", str(path)]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, timeout=60, check=True)
    report = json.loads(done.stdout)
    assert report["issues"]["numErrors"] == 0, report["issues"]["messages"]
    assert report["issues"]["numWarnings"] == 0, report["issues"]["messages"]
    assert report["info"]["totalTriangleCount"] <= 20_000
    assert path.stat().st_size <= 3_000_000


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    playwright = pytest.importorskip("playwright.sync_api")
    script = tmp_path_factory.mktemp("vrm") / "check.js"
    bundle = [str(BUNDLER), "check/vrm.ts", "--format", "iife", "--file", str(script), "--platform", "browser"]
    subprocess.run(bundle, cwd=WEB, capture_output=True, timeout=60, check=True)
    with playwright.sync_playwright() as p:
        opened = p.chromium.launch(executable_path=CHROMIUM, args=list(FLAGS))
        page = opened.new_page()
        page.goto("about:blank")
        page.add_script_tag(path=str(script))
        yield page
        opened.close()


@pytest.fixture(scope="module", params=KINDS)
def seen(request: pytest.FixtureRequest, browser: Any) -> dict[str, Any]:
    data = build_vrm(Look(request.param), request.param)
    return dict(browser.evaluate("b => checkVrm(b)", base64.b64encode(data).decode()))


@needs_browser
def test_three_vrm_finds_every_bone_and_expression(seen: dict[str, Any]) -> None:
    assert len(seen["bones"]) == 55
    assert {"hips", "jaw", "leftEye", "rightThumbMetacarpal", "leftLittleDistal", "upperChest"} <= set(seen["bones"])
    presets = "happy angry sad relaxed surprised aa ih ou ee oh blink blinkLeft blinkRight neutral"
    assert set(presets.split()) | {"lookUp", "lookDown", "lookLeft", "lookRight"} == set(seen["presets"])
    assert set(seen["custom"]) == set(FACE_NAMES)
    assert seen["meta"]["licenseUrl"] == "https://vrm.dev/licenses/1.0/"
    assert sorted(seen["firstPerson"]) == ["auto", "thirdPersonOnly"]
    assert seen["facing"] == [0, 0, 1]


@needs_browser
def test_expressions_move_the_shapes_they_are_named_for(seen: dict[str, Any]) -> None:
    moved = seen["expressions"]
    assert all(moved[name] == {name: 1} for name in FACE_NAMES)
    assert moved["blink"] == {"eyeBlinkLeft": 1, "eyeBlinkRight": 1}
    assert moved["neutral"] == {}
    assert moved["aa"]["jawOpen"] > 0.4 > moved["ou"]["jawOpen"]
    assert moved["ou"]["mouthPucker"] > 0.5
    assert moved["happy"]["mouthSmileLeft"] > 0.3
    for mood in ("happy", "angry", "sad", "relaxed", "surprised"):
        assert not {"jawOpen", "mouthClose"} & set(moved[mood])


@needs_browser
def test_the_eyes_follow_a_target(seen: dict[str, Any]) -> None:
    assert seen["ahead"] == {}
    # a target at the avatar's left, which is +x: 21.8 of 30 degrees
    assert seen["left"] == pytest.approx({"eyeLookOutLeft": 0.7267, "eyeLookInRight": 0.7267}, abs=0.01)
    assert seen["up"] == pytest.approx({"eyeLookUpLeft": 0.7267, "eyeLookUpRight": 0.7267}, abs=0.01)


@needs_browser
def test_a_bone_turns_as_on_our_own_skeleton(seen: dict[str, Any]) -> None:
    rest = rest_positions()
    arm = rest[JOINT_INDEX["left_wrist"]] - rest[JOINT_INDEX["left_shoulder"]]
    want = rotate(from_axis_angle((0, 0, 1), -60.0), arm) - arm
    np.testing.assert_allclose(seen["hand"], want, atol=1e-3)

"""The user's own avatars on the live page: VRM 0.x, VRM 1.0, an ARKit head, and files that cannot be worn."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from solami_protocol.arkit import FACE_INDEX
from solami_protocol.skeleton import JOINTS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# A pose with bent arms, fingers, legs and head, shown in place of idle life
POSE = """
(() => {
  const rot = new Float32Array(220), face = new Float32Array(52), root = Float32Array.from([0.1, 0.95, 0.05]);
  for (let j = 0; j < 55; j++) rot[4 * j + 3] = 1;
  const turn = (j, axis, a) => { rot[4 * j + 3] = Math.cos(a / 2); rot[4 * j + axis] = Math.sin(a / 2); };
  turn(0, 1, 0.3); turn(16, 2, -1.2); turn(17, 2, 0.3); turn(19, 2, -1.3); turn(4, 0, 0.5); turn(1, 0, -0.5);
  turn(15, 1, 0.5); turn(3, 0, 0.2);
  for (let j = 25; j < 37; j++) turn(j, 2, -0.9);
  face[FACE] = 0.5;
  const world = window.solamiLive.world;
  world.playout.idle = (now, dt, out) => { out.root.set(root); out.rot.set(rot); out.face.set(face); };
  window.turned = turn;
  window.wanted = Array.from(rot);
  window.frames = 0;
  if (!window.counting) world.watch(() => { window.frames++; });
  window.counting = true;
})()
"""


def wear(live, file: Path | dict) -> str:
    """Choose a file and return what the page says to it."""
    live.page.evaluate("document.querySelector('[data-key=avatar]')?.remove()")
    live.page.set_input_files("#file", file)
    live.page.wait_for_selector("[data-key=avatar]", timeout=30_000)
    return live.page.locator("[data-key=avatar] p").inner_text()


def settled(live) -> dict:
    """Return what is shown when the seam is over: rotations (55, 4), jawOpen."""
    live.page.evaluate(POSE.replace("FACE", str(FACE_INDEX["jawOpen"])))
    live.page.wait_for_function("window.frames > 8 && !window.solamiLive.world.playout.shown.blending", timeout=60_000)
    return live.page.evaluate("({ ...window.solamiLive.world.rig.shown(), wanted: window.wanted })")


def angles(shown: dict) -> dict[str, float]:
    """Return by how many degrees each joint differs from what was asked for."""
    got, wanted = np.asarray(shown["rot"]), np.asarray(shown["wanted"]).reshape(-1, 4)
    dot = np.abs(np.sum(got * wanted, axis=1)).clip(0, 1)
    return dict(zip(JOINTS, np.degrees(2 * np.arccos(dot)), strict=True))


@pytest.fixture
def live(live_url: str, open_live: Callable):
    page = open_live(live_url)
    page.page.wait_for_function("window.solamiReady", timeout=60_000)
    return page


@pytest.mark.parametrize(
    ("name", "kind", "jaw"),
    [
        ("godette_vrm0.vrm", "VRM 0.x", 0.5),
        ("debug_robot_vrm1.vrm", "its face does not move", 0.0),  # its expressions move nothing
        ("rpm_brunette_tpose.glb", "GLB", 0.5),
    ],
)
def test_a_body_is_worn_with_hands_and_face(live, data: Path, name: str, kind: str, jaw: float) -> None:
    said = wear(live, data / "avatars" / name)
    assert kind in said
    shown = settled(live)
    off = angles(shown)
    body = [j for j in JOINTS[:22] if j not in ("spine2", "spine3", "left_foot", "right_foot")]
    fingers = [j for j in JOINTS if j.startswith("left_index") or j.startswith("left_middle")]
    assert max(off[j] for j in body) < 2, off
    assert max(off[j] for j in fingers) < 2, off
    assert shown["face"][FACE_INDEX["jawOpen"]] == pytest.approx(jaw, abs=0.05)
    assert live.complaints == []


def test_eyes_that_are_shapes_of_the_face_turn(live, data: Path) -> None:
    assert "eyes do not turn" not in wear(live, data / "avatars" / "godette_vrm0.vrm")
    settled(live)
    seen = {}
    for aside in (0.15, -0.15):
        live.page.evaluate(
            f"window.frames = 0; for (const j of [{JOINTS.index('left_eye')}, {JOINTS.index('right_eye')}])"
            f" window.turned(j, 1, {aside}); null"
        )
        live.page.wait_for_function("window.frames > 3", timeout=60_000)
        seen[aside] = live.page.evaluate(
            "['lookLeft', 'lookRight'].map(n => { const e = window.solamiLive.world.rig.vrm.expressionManager"
            ".getExpression(n).binds[0]; return e.primitives[0].morphTargetInfluences[e.index]; })"
        )
    assert seen[0.15][0] > 0.2 > seen[0.15][1], seen
    assert seen[-0.15][1] > 0.2 > seen[-0.15][0], seen
    live.page.evaluate("document.getElementById('own-avatar').click()")
    live.until("live.world.rig.title === document.getElementById('name').textContent", 30)
    assert live.complaints == []


@pytest.mark.parametrize(
    ("name", "lacks"),
    [
        ("vrm0_minimal.vrm", "nothing to see"),
        ("vrm0_sphere.vrm", "no fingers"),
        ("vrm0_simple_morph.vrm", "no fingers"),
        ("vrm0_triangle.vrm", "no fingers"),
        ("vrm1_isBinary_overridden.vrm", "no fingers"),
        ("vrm1_isBinary_overrides.vrm", "no fingers"),
        ("vrm1_mtoon_uv_animation.vrm", "VRM 1.0"),
    ],
)
def test_small_files_say_what_they_lack(live, data: Path, name: str, lacks: str) -> None:
    assert lacks in wear(live, data / "avatars" / name)
    assert np.isfinite(np.asarray(settled(live)["rot"])).all()
    assert live.complaints == []


def test_what_cannot_be_worn_is_said_and_the_page_goes_on(live, data: Path) -> None:
    title = live.page.evaluate("window.solamiLive.world.rig.title")
    whole = (data / "avatars" / "godette_vrm0.vrm").read_bytes()
    as_file = {"name": "cut.vrm", "mimeType": "model/gltf-binary", "buffer": whole[: len(whole) // 2]}
    assert "broken" in wear(live, as_file)
    assert "not a VRM or GLB" in wear(
        live, {"name": "a.vrm", "mimeType": "image/png", "buffer": b"\x89PNG" + bytes(40)}
    )
    assert "no skeleton of a person" in wear(live, data / "avatars" / "webxr_hand_left.glb")
    assert live.page.evaluate("window.solamiLive.world.rig.title") == title, "the body stays as it was"
    live.start()
    live.until("document.getElementById('said').textContent.length > 5", 30)

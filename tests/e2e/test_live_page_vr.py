"""The live page in VR, under an emulated headset: entered by the button, hands and head go up as measured joints."""

import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from solami_protocol.media import Kind, decode_media, pose_frames, pose_validity
from solami_protocol.skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS, REST_OFFSETS

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

IWER = Path(__file__).resolve().parents[2] / "relay" / "web" / "node_modules" / "iwer" / "build" / "iwer.min.js"
DEVICE = """
window.device = new IWER.XRDevice(IWER.metaQuest3, { stereoEnabled: false });
device.installRuntime({ forceInstall: true });
device.primaryInputMode = 'hand';
"""


def positions(root: np.ndarray, rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return where the joints are (55, 3) and how they are turned (55, 3, 3) in the shared space."""
    place = np.zeros((JOINT_COUNT, 3))
    turn = np.zeros((JOINT_COUNT, 3, 3))
    for j in range(JOINT_COUNT):
        x, y, z, w = rotations[j].astype(float)
        own = np.array(
            [
                [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
                [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
                [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
            ]
        )
        if PARENTS[j] < 0:
            place[j], turn[j] = root, own
        else:
            place[j] = place[PARENTS[j]] + turn[PARENTS[j]] @ REST_OFFSETS[j]
            turn[j] = turn[PARENTS[j]] @ own
    return place, turn


def test_vr_is_entered_and_hands_and_head_go_up_as_measured_joints(live_url: str, open_live: Callable) -> None:
    if not IWER.is_file():
        pytest.skip("the emulator is not installed: cd relay/web && npm ci")
    live = open_live("about:blank", size={"width": 640, "height": 480})
    sent: list[bytes] = []
    live.page.on("websocket", lambda ws: ws.on("framesent", lambda data: sent.append(data)))  # noqa: PLW0108
    live.page.add_init_script(IWER.read_text() + DEVICE)
    live.page.goto(f"{live_url}/")
    live.page.wait_for_function("window.solamiReady", timeout=60_000)
    live.page.wait_for_selector("#vr:not([hidden])", timeout=10_000)
    live.page.click("#vr")
    live.until("live.vr.active && live.talk?.session.ready", 40)
    live.page.evaluate(
        "device.position.set(0.3, 1.6, 0.2);"
        "device.hands.left.position.set(0.05, 1.2, -0.15); device.hands.right.position.set(0.5, 1.2, -0.15); null"
    )
    live.until("live.vr.next(0) !== null", 30)
    until_s = time.monotonic() + 60
    poses = []
    while len(poses) < 20 and time.monotonic() < until_s:  # hips turn after the head over some frames
        live.page.wait_for_timeout(500)
        poses = [f for f in map(frame_of, sent) if f is not None and f.kind is Kind.POSE]
    assert len(poses) >= 20
    root, rotations = pose_frames(poses[-1])
    validity = pose_validity(poses[-1])[-1]
    for name in ("head", "left_wrist", "right_wrist", "left_index1", "right_index2", "left_thumb1", "right_pinky3"):
        assert validity[JOINT_INDEX[name]] == 2, f"{name} is tracked"
    assert validity[JOINT_INDEX["left_knee"]] == 1
    place, turn = positions(root[-1], rotations[-1])
    head = place[JOINT_INDEX["head"]] + turn[JOINT_INDEX["head"]] @ np.array([0, 0.062, 0.078])
    wrists = [place[JOINT_INDEX[f"{side}_wrist"]] for side in ("left", "right")]
    # the emulator's hands are 0.45 m apart; arms reach them within the hands' own offset from their grip
    assert np.linalg.norm(wrists[0] - wrists[1]) == pytest.approx(0.45, abs=0.12)
    assert head[1] == pytest.approx(1.6, abs=0.02)
    # the user stands 1.5 m before the character, who is at the origin, and looks at it
    assert np.linalg.norm(head[[0, 2]]) == pytest.approx(1.5, abs=0.6)
    ahead = turn[JOINT_INDEX["pelvis"]] @ np.array([0, 0, 1])
    assert ahead[2] < -0.9
    assert all(w[2] < head[2] for w in wrists), "the hands are before the body"
    left_is_left = np.cross([0, 1, 0], ahead) @ (wrists[0] - wrists[1])
    assert left_is_left > 0
    live.until("log.some(m => m.type === 'epoch.start' && m.kind === 'greeting')", 20)
    live.until("live.board.text.includes(document.getElementById('said').textContent || '?')", 30)
    # who holds to talk pinches
    live.page.evaluate("window.solamiLive.options.pushToTalk = true; window.solamiLive.apply(); null")
    for pinch in (1, 0):
        assert live.page.evaluate("window.solamiLive.talk.speaking") is (pinch == 0)
        live.page.evaluate(f"device.hands.right.updatePinchValue({pinch}); null")
        live.until(f"live.talk.speaking === {'true' if pinch else 'false'}", 10)
    live.page.evaluate("window.solamiLive.vr.leave()")
    live.until("!live.vr.active", 10)
    assert live.complaints == []


def frame_of(data: bytes | str):
    """Return a sent media frame, None for text."""
    if isinstance(data, str):
        return None
    return decode_media(data, validity=data[1] == Kind.POSE)

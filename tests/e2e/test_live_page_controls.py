"""What the user of the live page can press and set: suggestions, push to talk, settings, keys, another character."""

import json
from collections.abc import Callable

import numpy as np
import pytest

from solami_protocol.media import Kind, audio_samples, decode_media, pose_frames
from solami_protocol.skeleton import JOINT_INDEX

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

# The body and the face as they are shown, for three seconds
IDLE = """
window.body = []; window.faces = [];
window.idling = window.solamiLive.world.watch(() => {
  const shown = window.solamiLive.world.rig.shown();
  window.body.push(shown.rot[PELVIS].concat(shown.rot[SPINE])); window.faces.push(shown.face);
});
null;
"""
# Loudness at either ear while the character speaks
EARS = """
(() => {
  const { world } = window.solamiLive;
  const split = world.voice.context.createChannelSplitter(2);
  world.panner.connect(split);
  const ears = [0, 1].map((i) => { const a = world.voice.context.createAnalyser(); split.connect(a, i); return a; });
  const data = new Float32Array(2048);
  window.ears = [];
  setInterval(() => window.ears.push(ears.map((a) => {
    a.getFloatTimeDomainData(data);
    return data.reduce((sum, v) => sum + v * v, 0);
  })), 50);
})()
"""


def sent_frames(live) -> list[bytes]:
    """Return the list into which the media frames go that the page sends."""
    frames: list[bytes] = []
    live.page.on(
        "websocket",
        lambda ws: ws.on("framesent", lambda data: frames.append(data) if isinstance(data, bytes) else None),
    )
    return frames


def loudest(frames: list[bytes]) -> int:
    """Return the largest sample of the sound among the frames."""
    sound = [audio_samples(decode_media(data)) for data in frames if data[1] == Kind.AUDIO]
    return max((int(np.abs(s.astype(int)).max()) for s in sound if len(s)), default=-1)


def set_option(live, name: str, on: bool) -> None:
    """Change a switch of the settings as a user does."""
    live.page.click("#open-options")
    live.page.set_checked(f"#opt-{name}", on)
    live.page.keyboard.press("Escape")
    live.until("!document.getElementById('options').open", 10)


def test_suggestions_are_three_and_the_disclosure_comes_once(live_url: str, open_live: Callable) -> None:
    live = open_live(live_url)
    live.start()
    live.page.wait_for_selector("[data-key=disclosure]", timeout=10_000)
    said = live.page.evaluate("window.solamiLive.talk.session.ready.ai_disclosure")
    assert live.page.locator("[data-key=disclosure] p").inner_text() == said
    live.page.click("[data-key=disclosure] button")
    live.greeted()
    live.page.evaluate("window.solamiLive.talk.session.cut()")
    live.until("log.filter(m => m.type === 'ready').length === 2", 20)
    offered = live.page.locator("#suggestions button").all_inner_texts()
    assert len(set(offered)) == 3
    chosen = json.dumps(offered[1])
    live.page.click("#suggestions button >> nth=1")
    live.until(f"document.getElementById('heard').textContent.includes({chosen})", 5)
    live.until("log.some(m => m.type === 'epoch.start' && m.kind === 'reply')", 30)
    live.until("log.some(m => m.type === 'turn.done' && m.turn > 0)", 60)
    live.until(f"![...document.querySelectorAll('#suggestions button')].some(b => b.textContent === {chosen})", 30)
    assert live.page.locator("[data-key=disclosure]").count() == 0, "it was told"
    assert live.complaints == []


def test_push_to_talk_lets_the_voice_through_while_it_is_held(live_url: str, open_live: Callable) -> None:
    live = open_live(live_url, ["tell me a story"] * 30, size={"width": 480, "height": 640})
    live.page.wait_for_function("window.solamiReady", timeout=60_000)
    set_option(live, "pushToTalk", True)
    frames = sent_frames(live)
    live.start()
    mic = live.page.locator("#mic")
    assert mic.get_attribute("aria-label") == "Hold to talk"

    def heard_for(seconds: float) -> int:
        frames.clear()
        live.page.wait_for_timeout(seconds * 1000)
        return loudest(frames)

    assert heard_for(1.5) == 0, "sound goes up all the time, but it is silence"
    for press, release in [
        (lambda: live.page.locator("#view").focus() or live.page.keyboard.down("Space"), "key"),
        (lambda: mic.focus() or live.page.keyboard.down("Space"), "key"),
        (lambda: mic.hover() or live.page.mouse.down(), "mouse"),
    ]:
        press()
        assert heard_for(2.0) > 1000
        live.page.keyboard.up("Space") if release == "key" else live.page.mouse.up()
        live.page.wait_for_timeout(200)
        assert heard_for(1.0) == 0
    assert live.page.evaluate("window.solamiLive.talk.hears"), "the button did not turn the microphone off"
    assert live.complaints == []


def test_settings_have_their_effect_and_are_kept(live_url: str, open_live: Callable) -> None:
    live = open_live(live_url, size={"width": 480, "height": 640})
    live.start()
    live.until("document.getElementById('said').textContent.length > 5", 30)
    assert live.page.locator("#said").is_visible()
    set_option(live, "captions", False)
    assert not live.page.locator("#said").is_visible()
    live.page.evaluate("const v = document.getElementById('opt-volume'); v.value = 0; v.oninput();")
    live.page.wait_for_timeout(300)
    loud = live.page.evaluate(
        "(() => { const d = new Float32Array(1024); window.solamiLive.world.voice.analyser.getFloatTimeDomainData(d);"
        " return Math.max(...d.map(Math.abs)); })()"
    )
    assert loud == 0, "volume 0 is silent"
    live.greeted()
    idle = IDLE.replace("PELVIS", str(JOINT_INDEX["pelvis"])).replace("SPINE", str(JOINT_INDEX["spine2"]))
    spans = {}
    for still in (False, True):
        set_option(live, "reducedMotion", still)
        live.page.wait_for_timeout(1500)
        live.page.evaluate(idle)
        live.page.wait_for_function("window.body.length > 20 && window.faces.length > 20", timeout=60_000)
        live.page.wait_for_timeout(3000)
        body, face = live.page.evaluate("(window.idling(), [window.body, window.faces])")
        spans[still] = np.ptp(np.asarray(body), axis=0).max(), np.ptp(np.asarray(face), axis=0).max()
    assert spans[False][0] > 0.002, "it breathes and shifts its weight"
    assert spans[True][0] < 1e-5, "the body rests"
    assert spans[True][1] > 0.001, "and the face lives"
    live.page.reload()
    live.page.wait_for_function("window.solamiReady", timeout=60_000)
    kept = live.page.evaluate("window.solamiLive.options")
    assert (kept["captions"], kept["reducedMotion"], kept["volume"]) == (False, True, 0)
    assert live.page.is_checked("#opt-reducedMotion")
    assert live.complaints == []


def test_keys_and_pointer_move_the_users_body(live_url: str, open_live: Callable) -> None:
    live = open_live(live_url)
    frames = sent_frames(live)
    live.start()
    live.greeted()
    live.page.focus("#text")
    live.page.keyboard.press("Alt+n")
    live.until("document.getElementById('saw').textContent === 'you nod'", 20)
    assert live.page.input_value("#text") == "", "the key was for the gesture"
    live.page.evaluate("document.activeElement.blur()")
    live.page.keyboard.type("who")
    assert live.page.input_value("#text") == "who", "who just begins to write means the text box"
    frames.clear()
    live.page.mouse.move(310, 80)
    live.page.wait_for_timeout(700)
    turned = [pose_frames(decode_media(d, validity=True))[1][0] for d in frames if d[1] == Kind.POSE]
    _, y, _, w = turned[-1][JOINT_INDEX["head"]]
    assert np.sign(w) * y < -0.1, "the head turns to the right"
    assert live.complaints == []


def test_another_character_can_be_chosen_before_and_while_talking(live_url: str, open_live: Callable) -> None:
    live = open_live(live_url, size={"width": 480, "height": 640}, query="?character=copper")
    live.page.wait_for_function("window.solamiReady", timeout=60_000)
    live.page.focus("#pick input:checked")
    live.page.keyboard.press("ArrowLeft")
    live.until("live.world.rig?.title && live.world.rig.title !== 'Copper'", 30)
    first = live.page.evaluate("window.solamiLive.world.rig.title")
    live.until(f"document.getElementById('name').textContent === {json.dumps(first)}", 10)
    live.start()
    live.until("document.getElementById('said').textContent.length > 5", 30)
    assert live.page.locator("#said").get_attribute("data-name") == first
    live.page.click("#open-options")
    live.page.select_option("#character", "copper")
    live.until("log.some(m => m.type === 'scene' && m.character === 'copper')", 20)
    live.until("live.world.rig.title === 'Copper' && document.getElementById('name').textContent === 'Copper'", 30)
    live.page.keyboard.press("Escape")
    live.until("log.filter(m => m.type === 'epoch.start' && m.kind === 'greeting').length === 2", 30)
    before = len([m for m in live.log() if m["type"] == "epoch.start"])
    live.page.fill("#text", "what is your name")
    live.page.press("#text", "Enter")
    live.until(f"log.filter(m => m.type === 'epoch.start').length > {before}", 30)
    live.until("document.getElementById('said').textContent.length > 5", 30)
    assert live.page.locator("#said").get_attribute("data-name") == "Copper"
    assert live.complaints == []


def test_the_voice_comes_from_the_mouth(live_url: str, open_live: Callable) -> None:
    live = open_live(live_url)
    live.start()
    live.until("live.world.playout.shown.epoch && live.world.playout.shown.headMs > 200", 30)
    mouth = live.page.evaluate(
        "(() => { const { panner: p } = window.solamiLive.world;"
        " return [p.panningModel, p.positionX.value, p.positionY.value, p.positionZ.value]; })()"
    )
    assert mouth[0] == "HRTF"
    assert np.allclose(mouth[1:], [0, 1.57, 0.12], atol=0.15), mouth
    # who looks past the character's left hears it at the left ear; the camera looks along its own -z, towards -z
    live.page.evaluate("window.solamiLive.world.stage.from([0, 1.5, 1.5], [1.4, 1.5, 0.1])")
    live.page.wait_for_timeout(300)
    live.page.evaluate(EARS)
    live.page.wait_for_timeout(1500)
    ears = np.asarray(live.page.evaluate("window.ears"))
    live.page.evaluate("window.solamiLive.world.stage.from([0, 1.5, 1.5], [-1.4, 1.5, 0.1]); window.ears = []; null")
    live.page.wait_for_timeout(1500)
    others = np.asarray(live.page.evaluate("window.ears"))
    left, right = ears.sum(axis=0)
    assert left > 1.5 * right, (left, right)
    left, right = others.sum(axis=0)
    assert right > 1.5 * left, (left, right)

"""The live page in a real browser: greeted, heard, answered, interrupted, and shown as it was sent."""

from collections.abc import Callable

import numpy as np
import pytest

from solami_protocol.arkit import FACE_INDEX
from solami_protocol.media import AudioCodec, Kind, decode_media, face_weights, pose_frames
from solami_protocol.quaternions import slerp
from solami_protocol.skeleton import FPS, JOINT_INDEX

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

# What the scene shows at every frame, read back from bones and face shapes
WATCH = """
window.seen = [];
window.solamiLive.world.watch((f) => {
  if (!f.source || window.seen.length > 900) return;
  const heard = window.solamiLive.world.voice.heard(performance.now());
  const shown = window.solamiLive.world.rig.shown();
  window.seen.push({ epoch: f.epoch, head: f.headMs, blending: f.blending, rot: shown.rot, jaw: shown.face[%d],
    late: heard.epoch === f.epoch ? heard.sample / 24 - f.headMs : null });
});
null;  // a function as result would be called
"""
LOUDNESS = """
window.loud = [];
setInterval(() => {
  const { voice, playout } = window.solamiLive.world;
  const data = new Float32Array(1024);
  voice.analyser.getFloatTimeDomainData(data);
  window.loud.push([playout.shown.epoch, Math.sqrt(data.reduce((s, v) => s + v * v, 0) / 1024)]);
}, 50);
"""
ANGLE_DEG, JAW = 2.0, 0.05


@pytest.mark.parametrize("codec", ["pcm16", "opus"])
def test_greets_hears_and_answers_as_it_was_sent(live_url: str, open_live: Callable, codec: str) -> None:
    live = open_live(live_url, [16.0, "tell me a story", 30.0], query=f"?audio={codec}")
    sent_up: list[bytes | str] = []
    live.page.on("websocket", lambda ws: ws.on("framesent", lambda data: sent_up.append(data)))  # noqa: PLW0108
    live.start()
    live.page.evaluate(WATCH % FACE_INDEX["jawOpen"])
    live.page.evaluate(LOUDNESS)
    live.until("document.getElementById('notices').innerText.includes('AI')", 10)
    live.until("document.getElementById('said').textContent.length > 5", 30)
    assert live.page.locator("#state").inner_text() == "Speaking"
    live.greeted()
    live.until("document.getElementById('state').dataset.state === 'listening'", 40)
    live.until("log.some(m => m.type === 'transcript' && m.final && m.text)", 30)
    heard = next(m["text"] for m in live.log() if m["type"] == "transcript" and m["final"])
    assert heard in live.page.locator("#heard").inner_text()
    live.until("log.some(m => m.type === 'epoch.start' && m.kind === 'reply')", 30)
    reply = live.epoch("reply")
    live.until(f"reports.some(r => r.epoch === {reply} && r.state === 'finished')", 60)
    assert_heard(live, reply)
    assert_shown_as_sent(live)
    wanted = {AudioCodec[codec.upper()]}
    assert codecs(live.received) == wanted, "the character's voice"
    assert codecs(sent_up) == wanted, "the user's voice"
    assert live.complaints == []
    assert live.page.evaluate("window.solamiLive.talk.session.holes") == 0


def assert_heard(live, reply: int) -> None:
    """Sound came out while the reply was shown, and none after it."""
    loud = live.page.evaluate("window.loud")
    during = [level for epoch, level in loud if epoch == reply]
    assert max(during, default=0.0) > 0.01
    states = [r["state"] for r in live.reports(reply)]
    assert (states[0], states[-1]) == ("started", "finished")
    heads = [r["audio_ms"] for r in live.reports(reply)]
    assert heads == sorted(heads)
    assert max(np.diff(heads)) < 1000, "a report every 200 ms"


def assert_shown_as_sent(live) -> None:
    """Every shown frame, cross-fades apart, is the wire's sample at the audio's position."""
    pose, face = sent(live.received)
    seen = [s for s in live.page.evaluate("window.seen") if not s["blending"]]
    assert len(seen) > 10, f"too few frames were drawn to judge: {len(seen)} of {live.page.evaluate('seen.length')}"
    angles, jaws = [], []
    for frame in seen:
        wanted = sample(pose[frame["epoch"]], frame["head"], turn=True)
        dot = np.abs(np.sum(np.asarray(frame["rot"]) * wanted, axis=-1)).clip(0, 1)
        angles.append(np.degrees(2 * np.arccos(dot)).max())
        jaws.append(abs(frame["jaw"] - sample(face[frame["epoch"]], frame["head"])[FACE_INDEX["jawOpen"]]))
    worst = int(np.argmax(angles))
    assert max(angles) <= ANGLE_DEG, f"{max(angles):.2f} degrees off at {seen[worst]['epoch'], seen[worst]['head']}"
    assert max(jaws) <= JAW, f"jawOpen {max(jaws):.3f} off"
    # and the position that the frame was made for is the one that is heard
    late = [abs(s["late"]) for s in seen if s["late"] is not None]
    assert np.percentile(late, 95) < 45
    rows = np.stack([sample(pose[s["epoch"]], s["head"], turn=True)[JOINT_INDEX["head"]] for s in seen])
    assert np.ptp(rows, axis=0).max() > 0.01, "the reply moves, so that a frozen scene would fail"
    assert np.ptp([s["jaw"] for s in seen]) > 0.1


def codecs(messages: list) -> set[int]:
    """Return the codecs of the audio frames among the messages."""
    return {data[2] for data in messages if isinstance(data, bytes) and data[1] == Kind.AUDIO}


def sent(received: list) -> tuple[dict, dict]:
    """Return {epoch: {frame number: row}} of pose and face as the wire brought them."""
    pose: dict = {}
    face: dict = {}
    for data in received:
        if isinstance(data, str):
            continue
        frame = decode_media(data)
        if frame.kind is Kind.AUDIO:
            continue
        first = round(frame.pts_us * FPS / 1e6)
        rows = pose_frames(frame)[1] if frame.kind is Kind.POSE else face_weights(frame)
        into = (pose if frame.kind is Kind.POSE else face).setdefault(frame.epoch, {})
        for i, row in enumerate(rows):
            into.setdefault(first + i, row)
    return pose, face


def sample(rows: dict, ms: float, turn: bool = False) -> np.ndarray:
    """Return the row at `ms` between its neighbours."""
    place = min(max(0.0, ms * FPS / 1000), max(rows))
    low, share = int(place), place - int(place)
    a, b = rows[low], rows[min(low + 1, max(rows))]
    return slerp(a, b, share) if turn else a + (b - a) * share


def cough() -> np.ndarray:
    """Return a cough: two bursts of noise, no words."""
    rng = np.random.default_rng(3)
    burst = rng.normal(0, 1, 3200) * np.exp(-np.arange(3200) / 700)
    sound = np.concatenate([burst, np.zeros(1600), 0.7 * burst])
    return np.round(sound / np.abs(sound).max() * 20_000).astype(np.int16)


def test_a_cough_lets_the_reply_go_on_and_a_stop_ends_it(live_url: str, open_live: Callable) -> None:
    live = open_live(
        live_url, [16.0, "tell me a story", 4.0, cough(), 14.0, "tell me a story", 4.5, "stop. please stop.", 20.0]
    )
    live.start()
    live.greeted()
    live.until("log.filter(m => m.type === 'epoch.start' && m.kind === 'reply').length >= 1", 40)
    first = live.epoch("reply")
    live.until(f"reports.some(r => r.epoch === {first} && ['finished', 'cut'].includes(r.state))", 60)
    assert live.reports(first)[-1]["state"] == "finished", live.reports(first)
    live.until("reports.some(r => r.state === 'cut')", 60)
    log = live.log()
    cut = next(r for r in live.reports() if r["state"] == "cut")
    assert any(m["type"] == "hold" and m["epoch"] == cut["epoch"] for m in log)
    held = next(r for r in live.reports(cut["epoch"]) if r["state"] == "held")
    assert cut["audio_ms"] == pytest.approx(held["audio_ms"], abs=1), "nothing is heard between hold and cut"
    assert live.complaints == []

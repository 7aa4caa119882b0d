"""The live page when things go wrong, and beside another: lost connections, refused microphones, bad tokens."""

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Wire:
    """A network cable between page and relay, which can be cut."""

    def __init__(self, host: str, port: int) -> None:
        self._to = (host, port)
        self._pairs: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._server.getsockname()[1]}"
        self.whole = True
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._server.accept()
            except OSError:
                return
            if not self.whole:
                near.close()
                continue
            far = socket.create_connection(self._to)
            self._pairs += [near, far]
            for a, b in ((near, far), (far, near)):
                threading.Thread(target=self._carry, args=(a, b), daemon=True).start()

    def _carry(self, source: socket.socket, to: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                to.sendall(data)
        except OSError:
            pass
        for end in (source, to):
            end.close()

    def cut(self) -> None:
        """Break every connection and let no new one through."""
        self.whole = False
        for end in self._pairs:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
            end.close()
        self._pairs = []

    def close(self) -> None:
        """Take the cable away."""
        self.cut()
        self._server.close()


@pytest.fixture
def wire(live_url: str) -> Iterator[Wire]:
    host, port = live_url.removeprefix("http://").split(":")
    cable = Wire(host, int(port))
    yield cable
    cable.close()


def ask(live, text: str) -> None:
    """Write to the character."""
    live.page.fill("#text", text)
    live.page.press("#text", "Enter")


def test_the_connection_is_lost_in_a_reply_and_comes_back(wire: Wire, open_live: Callable) -> None:
    live = open_live(wire.url)
    live.start()
    live.greeted()
    ask(live, "tell me a story")
    live.until("live.world.playout.shown.headMs > 1000 && live.world.playout.shown.epoch > 1", 40)
    reply = live.epoch("reply")
    wire.cut()
    live.until("document.getElementById('notices').innerText.includes('connection was lost')", 10)
    time.sleep(1.0)
    wire.whole = True
    live.until("live.talk.session.reconnects > 0 && live.talk.session.ready", 15)
    live.until(f"reports.some(r => r.epoch === {reply} && r.state === 'finished')", 60)
    live.until("!document.getElementById('notices').innerText.includes('connection was lost')", 10)
    starts = [m for m in live.log() if m["type"] == "epoch.start" and m["kind"] == "reply"]
    assert len(starts) == 1, "the reply was not begun again"
    assert [m["recovered"] for m in live.log() if m["type"] == "ready"][1:] == [True]
    assert live.page.evaluate("window.solamiLive.talk.session.holes") == 0
    assert live.complaints == []


def test_two_browsers_never_see_each_other(live_url: str, open_live: Callable) -> None:
    one, two = open_live(live_url, pages=2)
    for live in (one, two):
        live.start()
    for live in (one, two):
        live.greeted()
    before = len(two.log())
    ask(one, "tell me a joke")
    one.until("log.some(m => m.type === 'turn.done' && m.turn > 1)", 60)
    sids = [next(m["sid"] for m in live.log() if m["type"] == "ready") for live in (one, two)]
    assert sids[0] != sids[1]
    foreign = [m for m in two.log()[before:] if m["type"] in ("epoch.start", "caption", "transcript")]
    assert foreign == []


def test_a_wave_is_seen(live_url: str, open_live: Callable) -> None:
    live = open_live(live_url)
    live.start()
    live.greeted()
    live.page.click("[data-gesture=wave]")
    live.until("log.some(m => m.type === 'percept' && m.acts.includes('wave'))", 20)
    live.until("document.getElementById('saw').textContent === 'you wave'", 5)


@pytest.mark.parametrize(("microphone", "word"), [("refused", "refused"), ("none", "No microphone")])
def test_without_a_microphone_one_can_write(live_url: str, open_live: Callable, microphone: str, word: str) -> None:
    live = open_live(live_url, microphone=microphone)
    live.start()
    assert word in live.page.locator("[data-key=microphone] p").inner_text()
    live.greeted()
    live.page.click("#suggestions button >> nth=0")
    live.until("log.some(m => m.type === 'epoch.start' && m.kind === 'reply')", 30)


def test_a_wrong_token_is_said_in_words_and_one_can_start_again(live_url: str, open_live: Callable) -> None:
    live = open_live(live_url)
    live.page.route(
        "**/v1/sessions",
        lambda route: route.fulfill(status=201, json={**route.fetch().json(), "token": "wrong"}),
    )
    live.page.wait_for_function("window.solamiReady", timeout=60_000)
    live.page.click("#start")
    live.page.wait_for_selector("[data-key=session]", timeout=15_000)
    assert "token" in live.page.locator("[data-key=session] p").inner_text()
    assert live.page.locator("#start").inner_text() == "Start again"
    live.page.unroute("**/v1/sessions")
    live.start()
    live.until("document.getElementById('said').textContent.length > 5", 40)


def test_an_old_version_is_said_in_words(live_url: str, open_live: Callable) -> None:
    live = open_live(live_url)
    live.page.wait_for_function("window.solamiReady", timeout=60_000)
    live.page.evaluate(
        "const send = WebSocket.prototype.send; WebSocket.prototype.send = function (data) {"
        " send.call(this, typeof data === 'string' ? data.replace('\"protocol\":[1]', '\"protocol\":[0]') : data); };"
        " null"
    )
    live.page.click("#start")
    live.page.wait_for_selector("[data-key=session]", timeout=15_000)
    assert "protocol" in live.page.locator("[data-key=session] p").inner_text()


def test_a_server_that_is_gone_is_said_and_waited_for(wire: Wire, open_live: Callable) -> None:
    live = open_live(wire.url, size={"width": 390, "height": 600})
    live.page.wait_for_function("window.solamiReady", timeout=60_000)
    wire.cut()
    live.page.click("#start")
    live.page.wait_for_selector("[data-key=session]", timeout=15_000)
    assert "does not answer" in live.page.locator("[data-key=session] p").inner_text()
    wire.whole = True
    live.start()
    live.until("document.getElementById('said').textContent.length > 5", 40)
    assert live.complaints == []


def test_keys_reach_everything(live_url: str, open_live: Callable) -> None:
    live = open_live(live_url, size={"width": 390, "height": 700}, phone=True)
    live.page.wait_for_function("window.solamiReady", timeout=60_000)
    live.page.focus("#start")
    live.page.keyboard.press("Enter")
    live.until("document.body.dataset.phase === 'live'", 20)
    unnamed = live.page.evaluate(
        "[...document.querySelectorAll('button, input, select, canvas')].filter(e => !(e.innerText ||"
        " e.getAttribute('aria-label') || e.labels?.length || e.title)).map(e => e.id || e.outerHTML)"
    )
    assert unnamed == []
    outside = live.page.evaluate(
        "[...document.querySelectorAll('#talk *, header *, #tools *')].filter(e => e.offsetWidth &&"
        " e.getBoundingClientRect().right > innerWidth + 1).map(e => e.id || e.outerHTML)"
    )
    assert outside == [], "nothing sticks out of a phone's screen"
    for _ in range(12):
        live.page.keyboard.press("Tab")
        if live.page.evaluate("document.activeElement.id") == "text":
            break
    assert live.page.evaluate("document.activeElement.id") == "text"

"""`solami up --lan`: a phone in the network scans the code, or types it, and talks over an encrypted connection."""

import os
import re
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Queue

import pytest

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture
def lan(tmp_path: Path) -> Iterator[str]:
    """What `solami up --lan` printed until the cable's line."""
    pytest.importorskip("playwright.sync_api")
    from solami_relay.certificate import lan_addresses

    if not lan_addresses():
        pytest.skip("this machine is in no network")
    with socket.create_server(("", 0)) as free:
        port = free.getsockname()[1]
    command = [
        str(Path(sys.executable).parent / "solami"), "up", "--lan", "--lan-port", str(port),
        "--port", "0", "--server-port", "0", "--face-port", "0", "--configs", str(tmp_path),
    ]  # fmt: skip
    env = {**os.environ, "XDG_DATA_HOME": str(tmp_path), "COLUMNS": "200", "PYTHONIOENCODING": "utf-8"}
    process = subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    lines: Queue[str] = Queue()
    threading.Thread(target=lambda: [lines.put(line) for line in process.stdout or ()], daemon=True).start()
    said = ""
    while "adb reverse" not in said:
        said += lines.get(timeout=90)
    yield said
    process.send_signal(signal.SIGINT)
    assert process.wait(30) == 130


def found(pattern: str, text: str) -> str:
    match = re.search(pattern, text)
    assert match, text
    return match[1]


def test_a_device_is_paired_by_the_qr_codes_address_and_talks(lan: str, open_live: Callable) -> None:
    url = found(r"in this network: (https://\S+)", lan)
    code = found(r"Pairing code (\d{3} \d{3})", lan).replace(" ", "")
    assert "█" in lan or "▀" in lan, "a QR code is drawn"
    assert len(found(r"((?:[0-9A-F]{2}:){15}[0-9A-F]{2})\n", lan)) == 47
    query, size = f"?from=qr#pair={code}", {"width": 390, "height": 700}
    phone = open_live(url, size=size, query=query, insecure=True)
    phone.start()
    assert "pair=" not in phone.page.url, "the code does not stay in the address"
    assert phone.page.evaluate("isSecureContext && window.solamiLive.talk.hears"), "an encrypted page has a microphone"
    phone.until("document.getElementById('said').textContent.length > 5", 60)
    assert phone.complaints == []
    # the code is used up: another device is told what to do, and may type the next one
    late = open_live(url, size=size, query=query, insecure=True)
    late.page.wait_for_selector("#pairing:not([hidden])", timeout=60_000)
    assert "press Enter" in late.page.locator("[data-key=pairing] p").inner_text()
    late.page.fill("#code", "000 000")
    late.page.press("#code", "Enter")
    late.page.wait_for_timeout(1000)
    assert late.page.evaluate("document.body.dataset.phase") == "gate"
    assert late.complaints == []

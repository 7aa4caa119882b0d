"""Fixtures for all tests: real data where it is, and real processes."""

import asyncio
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real recordings; the test is skipped where SOLAMI_DATA is not set."""
    folder = os.environ.get("SOLAMI_DATA", "")
    if not folder:
        pytest.skip("SOLAMI_DATA is not set: this test needs real recordings")
    return Path(folder)


@dataclass
class Running:
    """The processes of one machine, and their pids by name."""

    url: str
    pids: dict[str, int]


@pytest.fixture(scope="module")
def stack() -> Iterator[Running]:
    """Model server, face service, relay and Redis as real processes for the tests of one module."""
    from solami.headset.stack import running_stack

    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    box: list[Running | BaseException] = []
    ready = threading.Event()

    async def main() -> None:
        try:
            async with running_stack() as running:
                box.append(Running(running.relay_url, {n: p.pid for n, p in running.parts.items()}))
                ready.set()
                await stop.wait()
        except BaseException as exc:
            box.append(exc)
        finally:
            ready.set()

    thread = threading.Thread(target=lambda: loop.run_until_complete(main()), name="stack")
    thread.start()
    assert ready.wait(240)
    if isinstance(box[0], BaseException):
        thread.join()
        raise box[0]
    yield box[0]
    loop.call_soon_threadsafe(stop.set)
    thread.join(20)
    assert not thread.is_alive()
    loop.close()
    if len(box) > 1 and isinstance(box[1], BaseException):
        raise box[1]


Endpoint = Callable[[Callable[[BaseHTTPRequestHandler, bytes], None]], AbstractContextManager[str]]


@pytest.fixture(scope="session")
def endpoint() -> Endpoint:
    """A function that serves an answer to every POST, for the length of a `with`, and gives the base address."""
    return _served_posts


@contextmanager
def _served_posts(answer: Callable[[BaseHTTPRequestHandler, bytes], None]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            answer(self, self.rfile.read(int(self.headers["Content-Length"])))

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()

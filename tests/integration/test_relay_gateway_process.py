"""The relay as a process: how it starts, refuses to start, and goes down."""

import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from solami_relay.app import main


@contextmanager
def process(*args: str, **env: str) -> Iterator[subprocess.Popen]:
    command = [sys.executable, "-m", "solami_relay", "port=0", "roles=[gateway]", *args]
    clean = {k: v for k, v in os.environ.items() if not k.startswith("SOLAMI_")}
    child = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**clean, **env}
    )  # fmt: skip
    try:
        yield child
    finally:
        if child.poll() is None:
            child.kill()
        child.communicate()


def ready_url(child: subprocess.Popen) -> str:
    assert child.stdout is not None
    word, url = child.stdout.readline().split()
    assert word == "ready"
    return url


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_time_and_leaves_nothing(number):
    with process() as child:
        url = ready_url(child)
        assert urllib.request.urlopen(f"{url}/readyz", timeout=5).status == 200
        redis = psutil.Process(child.pid).children(recursive=True)
        assert [p.name() for p in redis] == ["redis-server"]
        started = time.monotonic()
        child.send_signal(number)
        assert child.wait(5) == 0
        assert time.monotonic() - started < 3
        assert not any(p.is_running() for p in redis)
        out, err = child.communicate()
        assert out == ""
        for line in err.splitlines():
            assert json.loads(line)["level"] in ("info", "warning", "error")


def test_killed_it_takes_its_redis_along():
    with process() as child:
        ready_url(child)
        (redis,) = psutil.Process(child.pid).children()
        child.kill()
        child.wait()
        psutil.wait_procs([redis], timeout=3)
        assert not redis.is_running() or redis.status() == psutil.STATUS_ZOMBIE


def test_an_embedded_redis_that_was_killed_is_started_again():
    with process() as child:
        url = ready_url(child)
        (first,) = psutil.Process(child.pid).children()
        first.kill()
        deadline = time.monotonic() + 5
        seconds: list[psutil.Process] = []
        while not seconds and time.monotonic() < deadline:
            time.sleep(0.05)
            seconds = [p for p in psutil.Process(child.pid).children() if p.pid != first.pid]
        assert [p.name() for p in seconds] == ["redis-server"]
        time.sleep(1.2)  # the gateway looks at the store once a second
        assert urllib.request.urlopen(f"{url}/readyz", timeout=5).status == 200
        child.send_signal(signal.SIGTERM)
        assert child.wait(5) == 0
        assert not seconds[0].is_running()


@pytest.fixture
def run_main(monkeypatch, capsys):
    """`main` in this process: what it prints and returns when it cannot start."""
    handlers, level = logging.root.handlers[:], logging.root.level
    for name in [name for name in os.environ if name.startswith("SOLAMI_")]:
        monkeypatch.delenv(name)

    def run(*args: str) -> tuple[int, str, list[str]]:
        status = main(["roles=[gateway]", "port=0", *args])
        out, err = capsys.readouterr()
        return status, out, err.splitlines()

    yield run
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


def test_a_port_in_use_is_one_line_and_exit_2(run_main):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        status, out, lines = run_main(f"port={port}")
    assert (status, out, len(lines)) == (2, "", 1)
    assert f"port {port}" in lines[0]
    assert "in use" in lines[0]
    assert not psutil.Process().children()  # its Redis went too


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["prot=1"], "did you mean 'port'"),
        (["host=0.0.0.0"], "SOLAMI_SERVICE_TOKEN"),
        (["redis_url=unix:///nowhere/redis.sock"], "Redis does not answer"),
        (["redis_url=nonsense"], "redis_url"),
        (["token.key=short"], "token.key"),
        (["host=192.0.2.1", "redis_url=unix:///nowhere"], "SOLAMI_SERVICE_TOKEN"),
    ],
)
def test_what_cannot_start_says_why_in_a_line(run_main, args, words):
    status, out, lines = run_main(*args)
    assert (status, out, len(lines)) == (2, "", 1)
    assert words in lines[0]


def test_a_config_that_is_not_there_is_said(capsys):
    assert main(["nowhere.yaml"]) == 2
    assert "nowhere.yaml" in capsys.readouterr().err


def test_help_names_the_arguments(capsys):
    assert main(["--help"]) == 0
    assert "CONFIG.yaml" in capsys.readouterr().out


def test_the_session_of_an_outsider_needs_no_secret_in_the_logs(tmp_path):
    with process(SOLAMI_RELAY_TOKEN__KEY="k" * 40) as child:
        url = ready_url(child)
        body = json.dumps({"character": "copper", "user_name": "Mara"}).encode()
        request = urllib.request.Request(f"{url}/v1/sessions", body, {"Content-Type": "application/json"})
        with pytest.raises(urllib.error.HTTPError) as caught:  # no model server runs here
            urllib.request.urlopen(request, timeout=10)
        assert caught.value.code == 503
        assert "model server" in caught.value.read().decode()
        child.send_signal(signal.SIGTERM)
        _, err = child.communicate(timeout=5)
    assert "Mara" not in err
    assert "kkkk" not in err

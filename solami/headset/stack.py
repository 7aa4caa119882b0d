"""The processes of one machine: model server, audio2face service, and the relay, which brings its Redis.

Used by `solami up`, `solami talk`, the demo and the benches. Every child dies with its parent, whatever ends it.
"""

import asyncio
import contextlib
import ctypes
import os
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from solami_protocol.errors import SolamiError, Unavailable

__all__ = ["Part", "Stack", "StackOptions", "relay_url", "running_stack"]

READY_S = 180.0  # a laptop that trains a network beside it takes its time
STOP_S = 5.0
TAIL_LINES = 30
PR_SET_PDEATHSIG = 1
WEB_ROOT = Path(__file__).resolve().parents[2] / "relay/web/dist"  # the built page of a checkout


@dataclass(frozen=True, slots=True)
class StackOptions:
    """Ports (0: any free one), config files and extra `key=value` arguments by part."""

    ports: dict[str, int] = field(default_factory=lambda: {"server": 0, "face": 0, "relay": 0})
    configs: dict[str, Path] = field(default_factory=dict)
    args: dict[str, Sequence[str]] = field(default_factory=dict)
    log_dir: Path | None = None
    token: str = ""
    """What the services show each other; SOLAMI_SERVICE_TOKEN or a random one when empty."""


@dataclass
class Part:
    """One running process."""

    name: str
    process: asyncio.subprocess.Process
    url: str = ""
    tail: list[str] = field(default_factory=list)
    readers: "list[asyncio.Task[None]]" = field(default_factory=list)

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid


def _die_with_parent() -> None:
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)


@dataclass
class Stack:
    """The running parts by name."""

    parts: dict[str, Part] = field(default_factory=dict)
    token: str = ""

    @property
    def relay_url(self) -> str:
        """Base URL of the relay."""
        return self.parts["relay"].url

    def alive(self) -> list[str]:
        """Names of the parts that run."""
        return [name for name, part in self.parts.items() if part.process.returncode is None]

    async def wait_any_exit(self) -> str:
        """Return the name of the first part that ends."""
        waits = {asyncio.create_task(p.process.wait(), name=n): n for n, p in self.parts.items()}
        done, pending = await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        return waits[done.pop()]

    async def stop(self) -> None:
        """Stop all parts, the relay first; returns when none is left."""
        for name in ("relay", "face", "server"):
            if name in self.parts:
                await _stop(self.parts[name])


async def _stop(part: Part) -> None:
    if part.process.returncode is None:
        with contextlib.suppress(ProcessLookupError):
            part.process.terminate()
        try:
            async with asyncio.timeout(STOP_S):
                await part.process.wait()
        except TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                part.process.kill()
            await part.process.wait()
    for reader in part.readers:
        reader.cancel()
    await asyncio.gather(*part.readers, return_exceptions=True)


async def _start(name: str, module: str, options: StackOptions, args: Sequence[str], env: dict[str, str]) -> Part:
    config = [str(options.configs[name])] if name in options.configs else []
    command = [sys.executable, "-m", module, *config, f"port={options.ports.get(name, 0)}", *args]
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=env,
        preexec_fn=_die_with_parent,
        start_new_session=True,  # Ctrl-C reaches the parent alone, which stops its children in order
    )
    part = Part(name, process)
    log = None if options.log_dir is None else (options.log_dir / f"{name}.log")
    assert process.stderr is not None
    part.readers.append(asyncio.create_task(_drain(process.stderr, part.tail, log), name=f"{name}-stderr"))
    return part


async def _drain(stream: asyncio.StreamReader, tail: list[str], log: Path | None) -> None:
    with contextlib.ExitStack() as stack:
        out = None if log is None else stack.enter_context(log.open("w"))
        async for line in stream:
            text = line.decode(errors="replace")
            tail.append(text)
            del tail[:-TAIL_LINES]
            if out is not None:
                out.write(text)
                out.flush()


async def _await_ready(part: Part) -> None:
    assert part.process.stdout is not None
    try:
        async with asyncio.timeout(READY_S):
            async for raw in part.process.stdout:
                line = raw.decode(errors="replace").strip()
                if line.startswith("ready "):
                    part.url = line.removeprefix("ready ")
                    part.readers.append(asyncio.create_task(_drain(part.process.stdout, part.tail, None)))
                    return
            await part.process.wait()
    except TimeoutError:
        raise Unavailable(f"{part.name} was not ready within {READY_S:.0f} s:\n{''.join(part.tail)}") from None
    await asyncio.sleep(0.05)  # the last words on standard error
    raise SolamiError(f"{part.name} did not start (exit {part.process.returncode}):\n{''.join(part.tail).strip()}")


@contextlib.asynccontextmanager
async def running_stack(options: StackOptions | None = None) -> AsyncIterator[Stack]:
    """Start model server and face service side by side, then the relay; stop all of them at the end."""
    options = options or StackOptions()
    token = options.token or os.environ.get("SOLAMI_SERVICE_TOKEN") or secrets.token_urlsafe(24)
    env = {**os.environ, "SOLAMI_SERVICE_TOKEN": token}
    env.setdefault("OMP_NUM_THREADS", "1")
    env.setdefault("OPENBLAS_NUM_THREADS", "1")
    stack = Stack(token=token)
    try:
        for name, module in (("server", "solami.server"), ("face", "solami.server.face")):
            stack.parts[name] = await _start(name, module, options, options.args.get(name, ()), env)
        await asyncio.gather(*(_await_ready(part) for part in stack.parts.values()))
        upstreams = [
            f"model_server_url={stack.parts['server'].url}",
            f"worker.face_url={stack.parts['face'].url}",
        ]
        if (WEB_ROOT / "index.html").is_file():
            upstreams.append(f"web_root={WEB_ROOT}")
        args = [*upstreams, *options.args.get("relay", ())]
        stack.parts["relay"] = await _start("relay", "solami_relay", options, args, env)
        await _await_ready(stack.parts["relay"])
        yield stack
    finally:
        await asyncio.shield(stack.stop())


@contextlib.asynccontextmanager
async def relay_url(given: str, options: StackOptions | None = None) -> AsyncIterator[str]:
    """Give the base URL (http) of a relay: the one at `given` (ws://host:port or http://...), else one of our own."""
    if given:
        yield given.replace("ws://", "http://", 1).replace("wss://", "https://", 1).rstrip("/")
        return
    async with running_stack(options) as stack:
        yield stack.relay_url

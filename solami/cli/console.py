"""How commands speak: one console, errors in one line, Ctrl-C without a traceback."""

import asyncio
import contextlib
import signal
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import typer
from rich.console import Console

from solami_protocol.errors import SolamiError

__all__ = ["console", "fail_politely", "run"]

console = Console(highlight=False)
errors = Console(stderr=True, highlight=False)
T = TypeVar("T")


@contextlib.contextmanager
def fail_politely() -> Iterator[None]:
    """Print an error of ours as one message and exit 1; Ctrl-C exits 130."""
    try:
        yield
    except* SolamiError as group:
        for exc in _leaves(group):
            errors.print(f"error: {exc}", style="red", markup=False)
        raise typer.Exit(1) from None
    except* (KeyboardInterrupt, asyncio.CancelledError):
        raise typer.Exit(130) from None


def _leaves(group: BaseExceptionGroup) -> list[BaseException]:
    out: list[BaseException] = []
    for exc in group.exceptions:
        out += _leaves(exc) if isinstance(exc, BaseExceptionGroup) else [exc]
    return out


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run `work`; SIGTERM and Ctrl-C cancel it, so that it can clean up."""

    async def guarded() -> T:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task()
        assert task is not None
        for number in (signal.SIGINT, signal.SIGTERM):
            loop.add_signal_handler(number, task.cancel)
        return await work

    return asyncio.run(guarded())

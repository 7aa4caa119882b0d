"""Redis as the bus uses it: commands, scripts and news, each with a deadline and one kind of error."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, cast

import redis.asyncio as redis_asyncio
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import NoScriptError, RedisError

from solami_protocol.errors import SettingsError
from solami_relay.entries import BusDown

__all__ = ["ScriptCall", "Store"]

COMMAND_TIMEOUT_S = 5.0
POOL = 4_096  # connections: each socket has at most one command on its way; their number bounds this
_SCRIPTS = {path.stem: path.read_text() for path in sorted((Path(__file__).parent / "scripts").glob("*.lua"))}

ScriptCall = tuple[Sequence[str], Sequence[Any]]
"""Keys and arguments."""


def _raw(reply: Any, **_options: Any) -> Any:
    return reply


class Store:
    """A Redis server. Made by `connect`; every method raises BusDown when it does not answer in time.

    Nothing is tried twice: an append that timed out may have been done, and done again it would be two entries.
    Any call may be cancelled.
    """

    def __init__(self, client: "redis_asyncio.Redis", reader: "redis_asyncio.Redis") -> None:
        self._client = client
        self._reader = reader
        self._sha: dict[str, str] = {}

    @classmethod
    async def connect(cls, url: str) -> "Store":
        """Return the store at `url` (`redis://host:port/0`, `unix:///path`). Raises SettingsError, BusDown."""
        if not url.startswith(("redis://", "rediss://", "unix://")):
            raise SettingsError(f"redis_url: {url!r}, expected redis://host:port/0 or unix:///path/redis.sock")
        # Deadlines are ours, by asyncio.timeout: the library's run through asyncio.wait_for, which in Python 3.11 can
        # swallow a cancellation, and a loop that reads on after it was cancelled would never end.
        options: dict[str, Any] = {
            "protocol": 2, "socket_timeout": None, "retry": Retry(NoBackoff(), 0), "max_connections": POOL,
        }  # fmt: skip
        client = redis_asyncio.from_url(url, **options)
        # blocked reads have connections of their own, so that no command waits behind one
        reader = redis_asyncio.from_url(url, **options)
        for each in (client, reader):
            for name in ("XREAD", "XRANGE"):
                each.set_response_callback(name, cast("Any", _raw))
        store = cls(client, reader)
        try:
            await store._load_scripts()
        except BusDown:
            await store.close()
            raise
        return store

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()
        await self._reader.aclose()

    async def run(self, *command: Any) -> Any:
        """Return the answer to a command."""
        async with self._guard():
            return await self._client.execute_command(*command)

    async def blocking(self, wait_s: float, *command: Any) -> Any:
        """Return the answer to a command that may wait up to `wait_s` by itself."""
        async with self._guard(wait_s + COMMAND_TIMEOUT_S):
            return await self._reader.execute_command(*command)

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Pipeline]:
        """Yield a pipeline whose commands are done together."""
        async with self._guard(), self._client.pipeline(transaction=True) as pipe:
            yield pipe

    async def script(self, name: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return what `scripts/<name>.lua` answers."""
        (answer,) = await self.scripts(name, [(keys, args)])
        return answer

    async def scripts(self, name: str, calls: Sequence[ScriptCall]) -> list[Any]:
        """Return the answers of one script to many calls, in one round trip."""
        try:
            return await self._evaluate(name, calls)
        except NoScriptError:  # the server was restarted; it did none of the calls
            await self._load_scripts()
            return await self._evaluate(name, calls)

    async def _evaluate(self, name: str, calls: Sequence[ScriptCall]) -> list[Any]:
        commands = [("EVALSHA", self._sha[name], len(keys), *keys, *args) for keys, args in calls]
        if len(commands) == 1:
            return [await self.run(*commands[0])]
        async with self._guard(), self._client.pipeline(transaction=False) as pipe:
            for command in commands:
                pipe.execute_command(*command)
            return list(await pipe.execute())

    async def _load_scripts(self) -> None:
        for name, text in _SCRIPTS.items():
            self._sha[name] = str(await self.run("SCRIPT LOAD", text))

    async def publish(self, channel: str, message: dict[str, Any]) -> None:
        """Tell those who follow the channel now."""
        await self.run("PUBLISH", channel, json.dumps(message))

    async def news(self, channel: str) -> AsyncGenerator[dict[str, Any], None]:
        """Yield {} once the subscription stands, then what is published. Who is away misses it."""
        async with self._guard(deadline_s=None), self._reader.pubsub() as sub:
            await sub.subscribe(channel)
            async for message in sub.listen():
                if message["type"] == "subscribe":
                    yield {}
                elif message["type"] == "message":
                    yield json.loads(message["data"])

    @asynccontextmanager
    async def _guard(self, deadline_s: float | None = COMMAND_TIMEOUT_S) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(deadline_s):
                yield
        except NoScriptError:
            raise
        except (TimeoutError, RedisError, OSError) as exc:
            # a server that went away took all connections along: let the next command find none of the dead ones
            for client in (self._client, self._reader):
                await client.connection_pool.disconnect(inuse_connections=False)
            raise BusDown(f"Redis does not answer ({exc or 'in time'}); is it running?") from exc

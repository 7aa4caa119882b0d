"""The characters of the model server, passed on and remembered for a while."""

import asyncio
import json
import logging
import time
from collections import OrderedDict
from dataclasses import dataclass

import aiohttp

from solami_protocol.errors import Unavailable

__all__ = ["Characters", "Passed"]

log = logging.getLogger(__name__)
MAX_BODY_BYTES = 32 * 2**20
MAX_REMEMBERED = 128


@dataclass(frozen=True, slots=True)
class Passed:
    """An answer of the model server. `stale`: it is an older one, because the model server does not answer now."""

    status: int
    body: bytes
    content_type: str
    fetched_s: float
    stale: bool = False


class Characters:
    """A cache over `GET /v1/characters...` of one model server. Answers of 200 are kept, the oldest go first."""

    def __init__(self, http: aiohttp.ClientSession, base_url: str, cache_s: float) -> None:
        self._http = http
        self._base_url = base_url
        self._cache_s = cache_s
        self._kept: OrderedDict[str, Passed] = OrderedDict()
        self._locks: dict[str, asyncio.Lock] = {}

    async def get(self, path: str, timeout_s: float) -> Passed:
        """Return the answer for `path` (`/v1/characters/...`), from the cache while it is fresh.

        A kept answer is better than none when the model server is away. Raises Unavailable when there is none.
        """
        lock = self._locks.setdefault(path, asyncio.Lock())
        try:
            async with lock:  # many clients asking at once are one question
                kept = self._kept.get(path)
                if kept is not None and time.monotonic() - kept.fetched_s < self._cache_s:
                    return kept
                return await self._ask(path, timeout_s, kept)
        finally:
            if not lock.locked():
                self._locks.pop(path, None)

    async def _ask(self, path: str, timeout_s: float, kept: Passed | None) -> Passed:
        try:
            fresh = await self._fetch(path, timeout_s)
        except (aiohttp.ClientError, TimeoutError, OSError) as exc:
            if kept is not None:
                return Passed(kept.status, kept.body, kept.content_type, kept.fetched_s, stale=True)
            raise Unavailable(
                f"the model server at {self._base_url} does not answer ({_words(exc, timeout_s)}); try again shortly"
            ) from exc
        if fresh.status == 200:
            self._kept[path] = fresh
            self._kept.move_to_end(path)
            while len(self._kept) > MAX_REMEMBERED:
                self._kept.popitem(last=False)
        elif fresh.status >= 500 and kept is not None:
            return Passed(kept.status, kept.body, kept.content_type, kept.fetched_s, stale=True)
        return fresh

    async def _fetch(self, path: str, timeout_s: float) -> Passed:
        timeout = aiohttp.ClientTimeout(total=timeout_s)
        async with self._http.get(self._base_url + path, timeout=timeout, allow_redirects=False) as reply:
            body = await reply.content.read(MAX_BODY_BYTES + 1)
            while not reply.content.at_eof() and len(body) <= MAX_BODY_BYTES:
                body += await reply.content.read(MAX_BODY_BYTES + 1 - len(body))
            if len(body) > MAX_BODY_BYTES:
                raise aiohttp.ClientPayloadError(f"more than {MAX_BODY_BYTES} bytes")
            return Passed(reply.status, body, reply.content_type, time.monotonic())

    async def names(self, timeout_s: float) -> list[str]:
        """Return the ids of all characters. Raises Unavailable."""
        listed = await self.get("/v1/characters", timeout_s)
        try:
            if listed.status != 200:
                raise ValueError(f"status {listed.status}")
            return [str(card["id"]) for card in json.loads(listed.body)["characters"]]
        except (ValueError, KeyError, TypeError) as exc:
            raise Unavailable(f"the model server's list of characters cannot be read: {exc}") from exc

    async def has(self, character: str, timeout_s: float) -> bool:
        """Return True when there is such a character. A list in which it is missing is asked for again."""
        if character in await self.names(timeout_s):
            return True
        self._expire("/v1/characters")
        return character in await self.names(timeout_s)

    def _expire(self, path: str) -> None:
        kept = self._kept.get(path)
        if kept is not None and time.monotonic() - kept.fetched_s > 1.0:
            self._kept[path] = Passed(kept.status, kept.body, kept.content_type, -self._cache_s)


def _words(exc: BaseException, timeout_s: float) -> str:
    return f"no answer within {timeout_s:g} s" if isinstance(exc, TimeoutError) else str(exc) or type(exc).__name__

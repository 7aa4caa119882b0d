"""A chat endpoint that speaks OpenAI's protocol, read as a stream of sentences.

Protocol: POST {base}/chat/completions with `stream: true`; the answer is server-sent events, each `data: {json}` with
`choices[0].delta.content`, ended by `data: [DONE]`. A server that ignores `stream` and answers one JSON object works
too.
"""

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

import aiohttp

from solami_protocol.errors import Unavailable

from .sentences import SentenceCutter

__all__ = ["ChatClient", "ChatSettings"]

_MAX_CHARACTERS = 4000
_MAX_LINE_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatSettings:
    """Where the model is, and how long it may take."""

    url: str
    """The base, for example `http://127.0.0.1:11434/v1`."""
    model: str
    api_key: str = ""
    first_words_s: float = 2.5
    """Until the first sentence is complete; then another brain answers."""
    stall_s: float = 2.0
    """Without a new piece of text."""
    total_s: float = 20.0
    max_tokens: int = 160
    max_sentences: int = 5
    temperature: float = 0.8


class ChatClient:
    """One endpoint. Use from one event loop; `close` it at the end."""

    def __init__(self, settings: ChatSettings) -> None:
        self.settings = settings
        self._session: aiohttp.ClientSession | None = None

    async def close(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def sentences(self, messages: list[dict[str, str]]) -> AsyncGenerator[str, None]:
        """Yield the answer's sentences as they are complete.

        Closing the iterator closes the connection, so that the endpoint stops working. Raises Unavailable when the
        endpoint refuses, is late, or breaks off; sentences that were complete by then have been yielded.
        """
        settings, cutter, count = self.settings, SentenceCutter(), 0
        started = time.monotonic()
        async with aclosing(self._pieces(messages)) as pieces:
            while count < settings.max_sentences:
                elapsed = time.monotonic() - started
                wait_s = min(
                    settings.total_s - elapsed, settings.stall_s if count else settings.first_words_s - elapsed
                )
                try:
                    async with asyncio.timeout(max(wait_s, 0.001)):
                        piece = await anext(pieces, None)
                except TimeoutError:
                    what = "no complete sentence" if not count else "the answer stalled"
                    raise Unavailable(
                        f"language model at {settings.url}: {what} after {elapsed + wait_s:.1f} s"
                    ) from None
                for sentence in cutter.flush() if piece is None else cutter.feed(piece):
                    if count < settings.max_sentences:
                        count += 1
                        yield sentence
                if piece is None:
                    break
        if not count:
            raise Unavailable(f"language model at {settings.url}: the answer was empty")

    async def _pieces(self, messages: list[dict[str, str]]) -> AsyncGenerator[str, None]:
        settings = self.settings
        body = {
            "model": settings.model, "messages": messages, "stream": True, "max_tokens": settings.max_tokens,
            "temperature": settings.temperature,
        }  # fmt: skip
        headers = {"Authorization": f"Bearer {settings.api_key}"} if settings.api_key else {}
        if self._session is None:
            self._session = aiohttp.ClientSession(read_bufsize=_MAX_LINE_BYTES)
        url = settings.url.rstrip("/") + "/chat/completions"
        try:
            response = await self._session.post(url, json=body, headers=headers)
            try:
                if response.status != 200:
                    text = (await response.content.read(500)).decode(errors="replace")
                    raise Unavailable(
                        f"language model at {url}: HTTP {response.status}: {' '.join(text.split())[:200]}"
                    )
                async for piece in _read(response, url):
                    yield piece
            finally:
                # not release(): an unread answer must not keep the endpoint busy
                response.close()
        except (aiohttp.ClientError, OSError, ValueError) as exc:
            raise Unavailable(f"language model at {url}: {exc or type(exc).__name__}") from exc


async def _read(response: aiohttp.ClientResponse, url: str) -> AsyncGenerator[str, None]:
    """Yield the pieces of text in an answer, streamed or whole. Raises Unavailable when it breaks off."""
    if "json" in response.content_type:
        choice = _choice(json.loads(await response.content.read(_MAX_LINE_BYTES)), url)
        yield str((choice.get("message") or {}).get("content") or "")
        return
    characters, finished = 0, False
    async for raw in response.content:
        line = raw.decode(errors="replace").strip()
        if not line.startswith("data:"):
            continue
        data = line[5:].strip()
        if data == "[DONE]":
            return
        choice = _choice(json.loads(data), url)
        piece = str((choice.get("delta") or {}).get("content") or "")
        finished = finished or bool(choice.get("finish_reason"))
        characters += len(piece)
        if piece:
            yield piece
        if characters > _MAX_CHARACTERS:
            return
    if not finished:
        raise Unavailable(f"language model at {url}: the stream broke off")


def _choice(message: Any, url: str) -> dict[str, Any]:
    if isinstance(message, dict) and message.get("error"):
        raise Unavailable(f"language model at {url}: {str(message['error'])[:200]}")
    choices = message.get("choices") if isinstance(message, dict) else None
    # the last event of some servers holds only usage figures
    return choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}

"""The behaviour pack of a character, fetched from the model server."""

import asyncio

import aiohttp
from pydantic import ValidationError

from solami_protocol.behaviours import BehaviourPack
from solami_protocol.errors import InputError, ProtocolError, SolamiError, Unavailable

__all__ = ["fetch_pack"]

TIMEOUT_S = 5.0
TRIES = 6
MAX_PACK_BYTES = 16 << 20


async def fetch_pack(http: aiohttp.ClientSession, model_url: str, character: str) -> BehaviourPack | SolamiError:
    """Return the character's pack, or the error that says why there is none (an unknown character among them)."""
    error: SolamiError = Unavailable("not asked")
    for attempt in range(TRIES):
        try:
            return await _fetch(http, f"{model_url}/v1/characters/{character}/behaviours", character)
        except Unavailable as exc:
            error = exc
            await asyncio.sleep(0.2 * 2**attempt)
        except SolamiError as exc:
            return exc
    return error


async def _fetch(http: aiohttp.ClientSession, url: str, character: str) -> BehaviourPack:
    try:
        async with asyncio.timeout(TIMEOUT_S), http.get(url) as response:
            if response.status == 404:
                raise InputError(f"there is no character {character!r}")
            if response.status != 200:
                raise Unavailable(f"{url} answered {response.status}")
            if (response.content_length or 0) > MAX_PACK_BYTES:
                raise ProtocolError(
                    "behaviours", f"{url} has {response.content_length} bytes, at most {MAX_PACK_BYTES}"
                )
            return BehaviourPack.model_validate_json(await response.read())
    except (aiohttp.ClientError, OSError, TimeoutError) as exc:
        raise Unavailable(f"{url}: {exc or 'no answer in time'}") from None
    except ValidationError as exc:
        raise ProtocolError("behaviours", f"{url} is no behaviour pack: {exc.errors()[0]['msg']}") from None

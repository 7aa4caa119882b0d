"""Language models that already run on this machine, so that `solami up` can offer them."""

import asyncio
from dataclasses import dataclass

import aiohttp

from solami_protocol.errors import Unavailable

__all__ = ["PORTS", "LocalModel", "find_local_models", "models_at"]

PORTS = (11434, 1234, 8080)
"""Where ollama, LM Studio and llama.cpp listen."""
_WAIT_S = 0.7
_LONGEST = 2**20


@dataclass(frozen=True, slots=True)
class LocalModel:
    """An OpenAI-compatible endpoint: its base address, and the names of its chat models, the first to be used."""

    url: str
    models: tuple[str, ...]


async def find_local_models(ports: tuple[int, ...] = PORTS) -> list[LocalModel]:
    """Return the endpoints that answer on this machine; takes less than a second, whatever listens there."""
    found = await asyncio.gather(*(models_at(f"http://127.0.0.1:{port}/v1") for port in ports), return_exceptions=True)
    return [endpoint for endpoint in found if isinstance(endpoint, LocalModel) and endpoint.models]


async def models_at(url: str) -> LocalModel:
    """Return what `url` offers. Raises Unavailable when nothing there speaks the protocol."""
    url = url.rstrip("/")
    try:
        timeout = aiohttp.ClientTimeout(total=_WAIT_S)
        async with aiohttp.ClientSession(timeout=timeout) as session, session.get(f"{url}/models") as response:
            if response.status != 200 or (response.content_length or 0) > _LONGEST:
                raise Unavailable(f"{url}/models answers {response.status}; expected a list of models")
            answer = await response.json(content_type=None)
        names = [str(model["id"]) for model in answer["data"] or ()]
    except (aiohttp.ClientError, TimeoutError, OSError) as exc:
        raise Unavailable(f"{url}/models: {exc or 'no answer'}; is the endpoint running?") from exc
    except (ValueError, TypeError, KeyError) as exc:
        raise Unavailable(f"{url}/models is no list of models; expected OpenAI's protocol") from exc
    return LocalModel(url, tuple(name for name in names if "embed" not in name.lower()))

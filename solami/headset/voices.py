"""The card of the character that is talked to, as its relay gives it."""

from typing import Any

import aiohttp

from solami.headset.client import fetch_json
from solami.speech import Voice

__all__ = ["character_voice", "fetch_card"]


async def fetch_card(relay_url: str, character: str) -> dict[str, Any]:
    """Return the character card. Raises SolamiError with the relay's words when there is none."""
    async with aiohttp.ClientSession() as http:
        return await fetch_json(http, f"{relay_url}/v1/characters/{character}")


def character_voice(card: dict[str, Any]) -> Voice:
    """Return the card's voice."""
    return Voice(**{k: v for k, v in card["voice"].items() if v is not None})

"""Settings of the model server (`configs/server.yaml`, `SOLAMI_SERVER_...`, `key=value`)."""

from pathlib import Path
from typing import Literal

from pydantic import Field

from solami_protocol.settings import Settings

__all__ = ["BrainSettings", "ServerSettings", "SpeechSettings"]


class SpeechSettings(Settings):
    """Which recogniser and synthesiser are used, by name."""

    recogniser: str = "pocketsphinx"
    synthesiser: str = "espeak"


class BrainSettings(Settings):
    """The agent brain. Without `url` the embedded retrieval brain answers."""

    url: str = ""
    """Base of an OpenAI-compatible endpoint, for example http://127.0.0.1:11434/v1."""
    model: str = ""
    api_key_env: str = "SOLAMI_LLM_API_KEY"
    timeout_s: float = Field(5.0, gt=0)
    """Longest wait for the first words; after it the embedded brain answers."""
    max_tokens: int = Field(160, gt=0)


class ServerSettings(Settings):
    """All of the model server."""

    host: str = "127.0.0.1"
    port: int = Field(8766, ge=0, le=65535)
    device: Literal["cpu", "cuda"] = "cpu"
    characters: Path | None = None
    """A directory of more character cards beside those that ship."""
    speech: SpeechSettings = SpeechSettings()
    brain: BrainSettings = BrainSettings()
    max_sessions: int = Field(64, gt=0)
    max_turns: int = Field(16, gt=0)
    """Turns that work at the same time; more get 503 with Retry-After."""
    turn_limit_s: float = Field(60.0, gt=0)
    seed: int = 0

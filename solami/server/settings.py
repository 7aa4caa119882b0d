"""Settings of the model server (`configs/server.yaml`, `SOLAMI_SERVER_...`, `key=value`)."""

import os
from pathlib import Path
from typing import Literal

from pydantic import Field

from solami.speech.options import EngineOptions
from solami_protocol.settings import Settings

__all__ = ["BrainSettings", "ServerSettings", "SpeechSettings"]


class SpeechSettings(Settings):
    """Which recogniser and synthesiser are used: by name, or by the address of an OpenAI-compatible endpoint."""

    recogniser: str = "pocketsphinx"
    """pocketsphinx, whisper (extra `asr`), or an address, for example http://127.0.0.1:8000/v1."""
    recogniser_model: str = ""
    """An endpoint's model (whisper-1), or whisper's (base.en, or a file of weights)."""
    synthesiser: str = "espeak"
    """espeak, xtts (extra `tts`), or an address."""
    synthesiser_model: str = ""
    """An endpoint's model (tts-1), or the folder of XTTS' weights."""
    synthesiser_voice: str = ""
    """An endpoint's voice (alloy), or XTTS' reference recording, for cards that name none."""
    api_key_env: str = "SOLAMI_SPEECH_API_KEY"
    timeout_s: float = Field(5.0, gt=0)
    """Longest wait for a transcript or a phrase; after it the embedded part stands in."""

    def ears(self, device: str) -> EngineOptions:
        """Return what the recogniser is told."""
        return EngineOptions(model=self.recogniser_model, api_key=self._key(), wait_s=self.timeout_s, device=device)

    def voice(self, device: str) -> EngineOptions:
        """Return what the synthesiser is told."""
        return EngineOptions(
            model=self.synthesiser_model,
            voice=self.synthesiser_voice,
            api_key=self._key(),
            wait_s=self.timeout_s,
            device=device,
        )

    def _key(self) -> str:
        return os.environ.get(self.api_key_env, "") if self.api_key_env else ""


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

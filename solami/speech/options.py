"""What an engine that is not embedded is told: which model and voice, with which key, and how long it may take."""

from dataclasses import dataclass

__all__ = ["EngineOptions", "is_endpoint"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOptions:
    """Empty names stand for the engine's defaults.

    model:    name of an endpoint's model, name or file of whisper's, folder of xtts'
    voice:    an endpoint's voice for cards that name none of it
    api_key:  sent as bearer, where it is set
    wait_s:   longest time for a phrase or a transcript of an endpoint
    device:   cpu or cuda, for engines in this process
    """

    model: str = ""
    voice: str = ""
    api_key: str = ""
    wait_s: float = 5.0
    device: str = "cpu"


def is_endpoint(engine: str) -> bool:
    """Return whether an engine's name is the base address of an OpenAI-compatible endpoint."""
    return engine.startswith(("http://", "https://"))

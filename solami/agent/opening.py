"""Putting a character's brain together from its card and the server's settings."""

import os
from typing import Protocol

from solami.characters import Card
from solami.speech import Synthesiser
from solami_protocol.errors import InputError, MissingExtra, SettingsError

from .brain import AgentBrain
from .dialogue import Dialogue
from .llm import ChatClient, ChatSettings
from .minilm import load_minilm
from .retrieval import Retrieval
from .source import WordSource

__all__ = ["BrainSettings", "open_brain"]


class BrainSettings(Protocol):
    """What is read of the settings; without `url` the card's own answers are used."""

    @property
    def url(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def api_key_env(self) -> str: ...
    @property
    def timeout_s(self) -> float: ...
    @property
    def max_tokens(self) -> int: ...


def open_brain(
    card: Card, synthesiser: Synthesiser, settings: BrainSettings | None = None, *, seed: int = 0
) -> AgentBrain:
    """Return the brain of `card`. Blocking: the card's lines are embedded (about a second for 70 examples).

    With an endpoint in `settings` it answers and the card stands in when it fails, else the card answers. Raises
    SettingsError for an endpoint without a model, InputError for a card that cannot answer by itself, and MissingExtra
    where sentence embeddings are missing; the latter two only when there is no endpoint.
    """
    chat = _chat(settings) if settings is not None and settings.url else None
    try:
        retrieval = Retrieval(card, load_minilm())
    except (MissingExtra, InputError):
        if chat is None:
            raise
        retrieval = None  # the endpoint's stand-in can then only say that it does not follow
    source = WordSource(card, Dialogue(card, retrieval, seed), chat, seed=seed)
    return AgentBrain(card, source, synthesiser, name="retrieval" if chat is None else "llm", seed=seed)


def _chat(settings: BrainSettings) -> ChatClient:
    if not settings.model:
        raise SettingsError(f"brain.model is empty; name the model that {settings.url} should use")
    if not settings.url.startswith(("http://", "https://")):
        raise SettingsError(f"brain.url={settings.url!r} is not an http address, such as http://127.0.0.1:11434/v1")
    key = os.environ.get(settings.api_key_env, "") if settings.api_key_env else ""
    return ChatClient(
        ChatSettings(
            url=settings.url,
            model=settings.model,
            api_key=key,
            first_words_s=settings.timeout_s,
            max_tokens=settings.max_tokens,
        )
    )

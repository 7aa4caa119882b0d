"""Recognisers and synthesisers by name."""

import functools
from typing import TYPE_CHECKING

from solami.speech.interfaces import Recogniser, Synthesiser
from solami_protocol.errors import MissingExtra, SettingsError

if TYPE_CHECKING:
    from solami.speech.sphinx import SphinxPool

__all__ = ["open_recogniser", "open_synthesiser"]

_WITHOUT = {
    "whisper": "speech.recogniser: whisper is not part of this version; pocketsphinx is, and works without downloads",
    "xtts": "speech.synthesiser: xtts is not part of this version; espeak is, and works without downloads",
}


@functools.cache
def _sphinx_pool() -> "SphinxPool":
    from solami.speech.sphinx import SphinxPool

    return SphinxPool()


def open_recogniser(engine: str = "pocketsphinx", user: str = "") -> Recogniser:
    """Return a recogniser for one turn.

    user: any name that stays the same over one user's turns (a session's); they teach it the voice and microphone.
    Raises SettingsError for an unknown engine, MissingExtra for an absent one.
    """
    if engine in ("whisper",):
        raise MissingExtra(_WITHOUT[engine])
    if engine != "pocketsphinx":
        raise SettingsError(f"speech.recogniser: no engine {engine!r}; expected pocketsphinx")
    from solami.speech.sphinx import SphinxRecogniser

    return SphinxRecogniser(_sphinx_pool(), user)


def open_synthesiser(engine: str = "espeak") -> Synthesiser:
    """Return a synthesiser. Raises SettingsError for an unknown engine, MissingExtra for an absent one."""
    if engine in ("xtts",):
        raise MissingExtra(_WITHOUT[engine])
    if engine != "espeak":
        raise SettingsError(f"speech.synthesiser: no engine {engine!r}; expected espeak")
    from solami.speech.espeak import EspeakSynthesiser

    return EspeakSynthesiser()

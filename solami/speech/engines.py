"""Recognisers and synthesisers by name."""

import functools

from solami.speech.interfaces import Recogniser, Synthesiser
from solami_protocol.errors import SettingsError

__all__ = ["open_recogniser", "open_synthesiser"]


@functools.cache
def _sphinx_pool():  # type: ignore[no-untyped-def]
    from solami.speech.sphinx import SphinxPool

    return SphinxPool()


def open_recogniser(engine: str = "pocketsphinx") -> Recogniser:
    """Return a recogniser for one turn. Raises SettingsError for an unknown engine, MissingExtra for an absent one."""
    if engine != "pocketsphinx":
        raise SettingsError(f"speech.recogniser: no engine {engine!r}; expected pocketsphinx")
    from solami.speech.sphinx import SphinxRecogniser

    return SphinxRecogniser(_sphinx_pool())


def open_synthesiser(engine: str = "espeak") -> Synthesiser:
    """Return a synthesiser. Raises SettingsError for an unknown engine, MissingExtra for an absent one."""
    if engine != "espeak":
        raise SettingsError(f"speech.synthesiser: no engine {engine!r}; expected espeak")
    from solami.speech.espeak import EspeakSynthesiser

    return EspeakSynthesiser()

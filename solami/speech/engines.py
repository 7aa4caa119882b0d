"""Recognisers and synthesisers by name."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from solami.speech.interfaces import Recogniser, Synthesiser
from solami_protocol.errors import MissingExtra, SettingsError

if TYPE_CHECKING:
    from solami.speech.expecting import Choose, ExpectedPools
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


@functools.cache
def _expected_pools() -> "ExpectedPools":
    from solami.speech.expecting import ExpectedPools

    return ExpectedPools(_sphinx_pool())


def open_recogniser(
    engine: str = "pocketsphinx", user: str = "", expects: Sequence[str] = (), choose: "Choose | None" = None
) -> Recogniser:
    """Return a recogniser for one turn.

    user: any name that stays the same over one user's turns (a session's); they teach it the voice and microphone.
    expects: what may well be said now, in lower-case words; it is listened for by a second decoder, and `choose` says
    which of the two transcripts stands.
    Raises SettingsError for an unknown engine, MissingExtra for an absent one.
    """
    if engine in ("whisper",):
        raise MissingExtra(_WITHOUT[engine])
    if engine != "pocketsphinx":
        raise SettingsError(f"speech.recogniser: no engine {engine!r}; expected pocketsphinx")
    from solami.speech.sphinx import SphinxRecogniser

    free = SphinxRecogniser(_sphinx_pool(), user)
    if not expects or choose is None:
        return free
    from solami.speech.expecting import ExpectingRecogniser

    return ExpectingRecogniser(free, SphinxRecogniser(_expected_pools().pool(expects), user), choose)


def open_synthesiser(engine: str = "espeak") -> Synthesiser:
    """Return a synthesiser. Raises SettingsError for an unknown engine, MissingExtra for an absent one."""
    if engine in ("xtts",):
        raise MissingExtra(_WITHOUT[engine])
    if engine != "espeak":
        raise SettingsError(f"speech.synthesiser: no engine {engine!r}; expected espeak")
    from solami.speech.espeak import EspeakSynthesiser

    return EspeakSynthesiser()

"""Recognisers and synthesisers by name: the embedded ones, those of the extras, and endpoints by their address."""

import functools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from solami.speech.breaker import Breaker
from solami.speech.interfaces import Recogniser, Synthesiser
from solami.speech.options import EngineOptions, is_endpoint
from solami_protocol.errors import SettingsError

if TYPE_CHECKING:
    from solami.speech.expecting import Choose, ExpectedPools
    from solami.speech.sphinx import SphinxPool
    from solami.speech.whole_turn import Transcribe

__all__ = ["open_recogniser", "open_synthesiser"]

_PLAIN = EngineOptions()


@functools.cache
def _sphinx_pool() -> "SphinxPool":
    from solami.speech.sphinx import SphinxPool

    return SphinxPool()


@functools.cache
def _expected_pools() -> "ExpectedPools":
    from solami.speech.expecting import ExpectedPools

    return ExpectedPools(_sphinx_pool())


@functools.cache
def _ears(engine: str, options: EngineOptions) -> "tuple[Transcribe, Breaker]":
    """Return what hears whole turns for all sessions, and how it fares."""
    if engine == "whisper":
        from solami.speech.whisper_ears import WhisperEars

        return WhisperEars(options), Breaker()
    from solami.speech.endpoint_ears import EndpointEars

    return EndpointEars(engine, options), Breaker()


def open_recogniser(
    engine: str = "pocketsphinx",
    user: str = "",
    expects: Sequence[str] = (),
    choose: "Choose | None" = None,
    options: EngineOptions = _PLAIN,
) -> Recogniser:
    """Return a recogniser for one turn.

    engine: pocketsphinx, whisper, or the base address of an OpenAI-compatible endpoint.
    user: any name that stays the same over one user's turns (a session's); they teach it the voice and microphone.
    expects: what may well be said now, in lower-case words; the embedded recogniser listens for it by a second decoder,
    and `choose` says which of the two transcripts stands.
    Raises SettingsError for an unknown engine, MissingExtra for an absent one.
    """
    whole = engine == "whisper" or is_endpoint(engine)
    if not whole and engine != "pocketsphinx":
        raise SettingsError(
            f"speech.recogniser: no engine {engine!r}; expected pocketsphinx, whisper, or an address such as "
            "http://127.0.0.1:8000/v1"
        )
    from solami.speech.sphinx import SphinxRecogniser

    if whole:
        from solami.speech.whole_turn import WholeTurnRecogniser

        ears = _ears(engine, options)
        return WholeTurnRecogniser(SphinxRecogniser(_sphinx_pool(), user), *ears)
    free = SphinxRecogniser(_sphinx_pool(), user)
    if not expects or choose is None:
        return free
    from solami.speech.expecting import ExpectingRecogniser

    return ExpectingRecogniser(free, SphinxRecogniser(_expected_pools().pool(expects), user), choose)


def open_synthesiser(engine: str = "espeak", options: EngineOptions = _PLAIN) -> Synthesiser:
    """Return a synthesiser. `engine`: espeak, xtts, or the base address of an OpenAI-compatible endpoint.

    All but espeak have espeak behind them, which says what they cannot. Raises SettingsError for an unknown engine,
    MissingExtra for an absent one.
    """
    if engine not in ("espeak", "xtts") and not is_endpoint(engine):
        raise SettingsError(
            f"speech.synthesiser: no engine {engine!r}; expected espeak, xtts, or an address such as "
            "http://127.0.0.1:8000/v1"
        )
    from solami.speech.espeak import EspeakSynthesiser

    embedded = EspeakSynthesiser()
    if engine == "espeak":
        return embedded
    from solami.speech.phrase_voice import PhraseVoice, Say
    from solami.speech.stand_in import VoiceWithStandIn

    say: Say
    if engine == "xtts":
        from solami.speech.xtts import XttsVoice

        say = XttsVoice(options)
    else:
        from solami.speech.endpoint_voice import EndpointVoice

        say = EndpointVoice(engine, options)
    return VoiceWithStandIn(PhraseVoice(say, embedded), embedded, Breaker())

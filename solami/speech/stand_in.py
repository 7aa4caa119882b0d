"""A voice with another one behind it: what the first cannot say, the second says, and tells why."""

import logging
from collections.abc import Iterator
from dataclasses import replace

from solami.speech.breaker import Breaker
from solami.speech.interfaces import Spoken, Synthesiser, Voice
from solami_protocol.errors import SettingsError, Unavailable

__all__ = ["VoiceWithStandIn"]

log = logging.getLogger(__name__)


class VoiceWithStandIn:
    """See `Synthesiser`; never raises Unavailable."""

    def __init__(self, voice: Synthesiser, stand_in: Synthesiser, breaker: Breaker) -> None:
        self._voice, self._stand_in, self._breaker = voice, stand_in, breaker

    def speak(self, text: str, voice: Voice) -> Iterator[Spoken]:
        """See `Synthesiser`. From the phrase on that the first voice fails at, the second one goes on."""
        said, why = 0, "the voice failed lately and rests; the embedded one speaks instead"
        if not self._breaker.open:
            try:
                for spoken in self._voice.speak(text, voice):
                    said += len(spoken.text.split())
                    yield spoken
                self._breaker.worked()
                return
            except (Unavailable, SettingsError) as exc:
                self._breaker.failed()
                log.warning("%s", exc)
                why = f"{exc}; the embedded voice speaks instead"
        own = voice if voice.engine in ("", "espeak") else replace(voice, engine="espeak", speaker="")
        for spoken in self._stand_in.speak(" ".join(text.split()[said:]), own):
            yield replace(spoken, degraded=why)

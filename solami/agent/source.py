"""Where a reply's words come from: the language model if there is one and it works, else the card's own answers."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass, field

from solami.behaviour import GESTURES
from solami.brain import Degraded, Exchange, Turn, Works
from solami.characters import Card
from solami.speech.breaker import Breaker
from solami_protocol.errors import Unavailable

from .dialogue import Dialogue, Reply
from .expected import Expected
from .games import Line, Watch, game_asked, play
from .llm import ChatClient
from .prompt import chat_messages
from .sentences import SentenceCutter

__all__ = ["Sentence", "WordSource"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Sentence:
    """A sentence to say, gesture marks included."""

    raw: str
    may_wave: bool
    affect: dict[str, float] = field(default_factory=dict)
    step_m: float = 0.0
    """How far the character walks meanwhile; positive is towards the user."""


class WordSource:
    """Yields the sentences of a reply."""

    def __init__(
        self, card: Card, dialogue: Dialogue, chat: ChatClient | None, breaker: Breaker | None = None, *, seed: int = 0
    ) -> None:
        self._seed = seed
        self._card, self._dialogue, self._chat = card, dialogue, chat
        self._breaker = breaker or Breaker()

    async def sentences(self, turn: Turn) -> AsyncGenerator[Sentence | Watch | Degraded | Works, None]:
        """Yield what to say to `turn`, sentence by sentence.

        A game is played whoever answers otherwise; greetings and answers to gestures come from the card at once. For
        words the language model is asked; when it fails before its first sentence the card answers, when it breaks off
        later the reply ends there; both times a `Degraded` says so, and a `Works` that it answered to the end.
        """
        waved = any(act.name == "wave" for act in turn.acts)
        game = game_asked(turn)
        if game is not None:
            async with aclosing(play(game, turn, self._seed)) as items:
                async for item in items:
                    yield Sentence(item.raw, False, item.affect, item.step_m) if isinstance(item, Line) else item
            return
        if self._chat is None or turn.cause not in ("voice", "text"):
            for sentence in await self._from_card(turn, waved):
                yield sentence
            return
        said = 0
        try:
            if self._breaker.open:
                raise Unavailable(f"language model at {self._chat.settings.url}: it failed lately and rests")
            gestures = sorted(name for name in GESTURES if not name.startswith(("beat", "idle")))
            async with aclosing(self._chat.sentences(chat_messages(self._card, turn, gestures))) as answers:
                async for raw in answers:
                    said += 1
                    # a model greets whom it likes; a wave stays an answer to a wave
                    yield Sentence(_waving(raw) if waved and said == 1 else raw, waved)
            self._breaker.worked()
            if said:
                yield Works("llm")
        except Unavailable as exc:
            if not self._breaker.open:
                self._breaker.failed()
            log.warning("%s", exc)
            yield Degraded("llm", f"{exc}; {'the reply ends early' if said else 'the card answers instead'}")
            if not said:
                for sentence in await self._from_card(turn, waved):
                    yield sentence

    def expected(self, history: tuple[Exchange, ...]) -> Expected | None:
        """Return what the user may well say next; None where a language model answers, which takes anything."""
        return None if self._chat is not None and not self._breaker.open else self._dialogue.expected(history)

    async def _from_card(self, turn: Turn, waved: bool) -> list[Sentence]:
        # embedding a sentence takes some 10 ms of computing: not on the event loop
        reply: Reply = await asyncio.to_thread(self._dialogue.answer, turn)
        cutter = SentenceCutter()
        raws = [*cutter.feed(reply.raw), *cutter.flush()]
        if waved and raws:
            raws[0] = _waving(raws[0])
        return [Sentence(raw, waved or reply.waves, reply.affect if i == 0 else {}) for i, raw in enumerate(raws)]


def _waving(raw: str) -> str:
    """Return the sentence with a wave on its first word, in place of a gesture that is there."""
    if "[wave" in raw or "*wave" in raw:
        return raw
    return "[wave] " + (raw.split("]", 1)[1].lstrip() if raw.startswith("[") and "]" in raw else raw)

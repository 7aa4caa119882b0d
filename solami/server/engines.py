"""The models of one server: opened once, warmed before `/readyz` says yes, shared by all sessions."""

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np

from solami.agent import AgentBrain, choose, open_brain
from solami.brain import Brain, Exchange, Speech, Turn
from solami.characters import Card, Library, load_library
from solami.server.metrics import Metrics
from solami.server.settings import ServerSettings
from solami.speech import Recogniser, Synthesiser, open_recogniser, open_synthesiser
from solami_protocol.errors import InputError

__all__ = ["Engines"]

log = logging.getLogger(__name__)
EAR_THREADS = 4
WARM_RATE_HZ = 16_000


class Engines:
    """Recognisers, synthesiser, brains and character cards, and how many use them."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.library: Library = load_library(settings.characters)
        self.synthesiser: Synthesiser = open_synthesiser(
            settings.speech.synthesiser, settings.speech.voice(settings.device)
        )
        self.ear_threads = ThreadPoolExecutor(EAR_THREADS, thread_name_prefix="ears")
        self.sessions = 0
        self.turns = 0
        self.ready = False
        self._brains: dict[str, AgentBrain] = {}
        self._packs: dict[str, str] = {}
        self._tasks: set[asyncio.Task[Any]] = set()

    def open_recogniser(self, brain: Brain | None = None, history: tuple[Exchange, ...] = ()) -> Recogniser:
        """Return a recogniser for one turn (blocking: call it in a thread); it expects what fits the talk so far."""
        expected = brain.expected(history) if isinstance(brain, AgentBrain) else None
        speech = self.settings.speech
        sentences = expected.sentences if expected is not None else ()
        return open_recogniser(speech.recogniser, "", sentences, choose, speech.ears(self.settings.device))

    def character(self, card_id: str) -> Card:
        """Return the card. Raises InputError naming those that exist."""
        return self.library[card_id]

    def brain(self, card: Card, name: str | None = None) -> Brain:
        """Return the brain of a character; `name` asks for one kind (`agent`). Raises InputError for another."""
        if name not in (None, "", "agent"):
            raise InputError(f"there is no brain {name!r} on this server; there is: agent")
        if card.id not in self._brains:
            self._brains[card.id] = open_brain(card, self.synthesiser, self.settings.brain, seed=self.settings.seed)
        return self._brains[card.id]

    async def packed(self, card_id: str, make: Callable[[], str]) -> str:
        """Return the behaviour pack's JSON, made once in a thread."""
        if card_id not in self._packs:
            self._packs[card_id] = await asyncio.get_running_loop().run_in_executor(None, make)
        return self._packs[card_id]

    async def warm_up(self) -> None:
        """Use every part once, so that the first user does not pay for loading it."""
        began = time.monotonic()
        loop = asyncio.get_running_loop()
        for card_id in self.library.ids():
            brain = self.brain(self.library[card_id])
            async with contextlib.aclosing(brain.reply(Turn(number=0, cause="text", text="hello"))) as events:  # type: ignore[type-var]
                async for event in events:
                    if isinstance(event, Speech):
                        break
            await loop.run_in_executor(self.ear_threads, self._warm_ears, brain)
        self.ready = True
        log.info("warm after %.1f s", time.monotonic() - began)

    def _warm_ears(self, brain: Brain) -> None:
        ears = [self.open_recogniser(brain) for _ in range(2)]  # a turn may begin while another is being finished
        for recogniser in ears:
            recogniser.feed(np.random.default_rng(0).integers(-30, 30, WARM_RATE_HZ // 2).astype(np.int16))
            recogniser.pause()
            recogniser.close()

    def failed(self, part: str, exc: BaseException) -> None:
        """Log a failure of a part and count it."""
        self.metrics.failures.labels(part).inc()
        log.error("%s failed", part, exc_info=exc)

    def spawn(self, work: Coroutine[Any, Any, Any]) -> None:
        """Run a short piece of work that nobody waits for; ended by `close`."""
        task = asyncio.ensure_future(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def close(self) -> None:
        """Stop what is left."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.ear_threads.shutdown(wait=False, cancel_futures=True)

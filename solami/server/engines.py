"""The models of one server: opened once, warmed before `/readyz` says yes, shared by all sessions."""

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from solami.agent import AgentBrain
from solami.characters import Library
from solami.server.metrics import Metrics
from solami.server.settings import ServerSettings
from solami.speech import RecogniserPool, Synthesiser, open_recognisers, open_synthesiser

__all__ = ["Engines"]

log = logging.getLogger(__name__)
WARM_UP_TEXT = "hello there how are you"


class Engines:
    """Recognisers, synthesiser, brains and character cards."""

    def __init__(self, settings: ServerSettings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.library = Library(settings.characters)
        self.recognisers: RecogniserPool = open_recognisers(settings.speech.recogniser)
        self.synthesiser: Synthesiser = open_synthesiser(settings.speech.synthesiser)
        self.ear_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="ears")
        self.sessions = 0
        self.turns = 0
        self.ready = False
        self._brains: dict[str, AgentBrain] = {}
        self._tasks: set[asyncio.Task[object]] = set()

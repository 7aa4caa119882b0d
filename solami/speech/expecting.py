"""A recogniser that listens with two decoders: one for anything, and one for what may well be said now.

Both hear the same sound; at a pause a rule that is given decides which of the two transcripts stands.
"""

import atexit
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .grammar import LanguageModel, language_model
from .interfaces import Recogniser, Transcript
from .sphinx import SphinxPool, SphinxRecogniser

__all__ = ["Choose", "ExpectedPools", "ExpectingRecogniser"]

Choose = Callable[[Transcript, Transcript], Transcript]
"""What of the free and the expecting decoder's transcripts was said; in this order."""

_KEPT = 12
"""Sets of sentences whose decoders are kept: some 3 MB each. Making one takes a tenth of a second."""


class _ModelPool(SphinxPool):
    """Decoders with one language model; what is known about users' voices is that of `people`."""

    def __init__(self, people: SphinxPool, model: LanguageModel) -> None:
        super().__init__()
        self._people = people
        self._folder = Path(tempfile.mkdtemp(prefix="solami-expected-"))
        # an evicted pool may still be in use by a turn, so the folder stays until the process ends
        atexit.register(shutil.rmtree, self._folder, ignore_errors=True)
        (self._folder / "words.arpa").write_text(model.arpa, encoding="utf-8")
        (self._folder / "words.dict").write_text(model.dictionary, encoding="utf-8")

    def take(self) -> Any:
        """Return a decoder that nobody else uses."""
        with self._lock:
            if self._free:
                return self._free.pop()
        paths = {"lm": str(self._folder / "words.arpa"), "dict": str(self._folder / "words.dict")}
        return self._open(fwdflat=False, bestpath=True, loglevel="FATAL", **paths)

    def known(self, user: str):  # type: ignore[no-untyped-def]
        """Return what the free decoder learned about the user."""
        return self._people.known(user)

    def remember(self, user: str, known, gain_db) -> None:  # type: ignore[no-untyped-def]
        """Leave it to the free decoder, which hears the same sound."""


class ExpectedPools:
    """Decoders by what they listen for; thread safe."""

    def __init__(self, people: SphinxPool) -> None:
        self._people = people
        self._pools: OrderedDict[tuple[str, ...], _ModelPool] = OrderedDict()
        self._lock = threading.Lock()

    def pool(self, sentences: Sequence[str], weights: Sequence[float] | None = None) -> SphinxPool:
        """Return the pool for `sentences` (lower-case words), made where it is new."""
        key = tuple(sentences)
        with self._lock:
            if key in self._pools:
                self._pools.move_to_end(key)
                return self._pools[key]
        model = language_model(list(zip(key, weights or [1.0] * len(key), strict=True)))
        pool = _ModelPool(self._people, model)
        with self._lock:
            self._pools[key] = pool
            while len(self._pools) > _KEPT:
                self._pools.popitem(last=False)
        return pool


class ExpectingRecogniser:
    """One turn; see `Recogniser`. Partial texts are the free decoder's."""

    def __init__(self, free: Recogniser, expecting: SphinxRecogniser, choose: Choose) -> None:
        self._free, self._expecting, self._choose = free, expecting, choose

    def feed(self, pcm: np.ndarray) -> str | None:
        """See `Recogniser`."""
        self._expecting.feed(pcm)
        return self._free.feed(pcm)

    def pause(self) -> Transcript:
        """Return the transcript that `choose` chooses, with the words of the other."""
        free, expecting = self._free.pause(), self._expecting.pause()
        chosen = self._choose(free, expecting)
        other = (expecting if chosen is free else free).text
        return replace(chosen, other=other if other != chosen.text else "")

    def close(self) -> None:
        """See `Recogniser`."""
        self._free.close()
        self._expecting.close()

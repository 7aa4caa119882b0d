"""A synthesiser out of anything that turns a phrase into sound (an endpoint, XTTS): even in loudness, with phones.

Phrases are made one ahead of the one that is given out, so that a slow voice works while its last phrase plays.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor

import numpy as np
import soxr

from solami.speech.alignment import aligned
from solami.speech.interfaces import SPEECH_RATE_HZ, Spoken, Synthesiser, Voice
from solami.speech.loudness import VOICED_DBFS, frame_levels_db, levelled
from solami.speech.phrases import pause_after_ms, split_phrases

__all__ = ["PhraseVoice", "Say"]

Say = Callable[[str, Voice], tuple[np.ndarray, int]]
"""From a phrase and a voice to (N,) float32 of -1 to 1 and its rate in Hz. Blocks; raises Unavailable."""
_EDGE = 2 * SPEECH_RATE_HZ // 100  # kept around the voiced part


class PhraseVoice:
    """See `Synthesiser`. `guide` knows the phones of a text."""

    def __init__(self, say: Say, guide: Synthesiser) -> None:
        self._say, self._guide = say, guide

    def speak(self, text: str, voice: Voice) -> Iterator[Spoken]:
        """See `Synthesiser`; raises Unavailable where the voice fails, after the phrases that it managed."""
        phrases = split_phrases(text)
        ahead = ThreadPoolExecutor(1, thread_name_prefix="voice")
        jobs: list[Future[Spoken]] = []
        try:
            for k in range(len(phrases)):
                while len(jobs) < min(k + 2, len(phrases)):
                    jobs.append(ahead.submit(self._phrase, phrases[len(jobs)], voice))
                yield jobs[k].result()
        finally:  # not waited for: nobody wants the phrase that is being made
            ahead.shutdown(wait=False, cancel_futures=True)

    def _phrase(self, phrase: str, voice: Voice) -> Spoken:
        sound, rate_hz = self._say(phrase, voice)
        if rate_hz != SPEECH_RATE_HZ:
            sound = soxr.resample(sound, rate_hz, SPEECH_RATE_HZ)
        return aligned(phrase, _trimmed(levelled(sound)), pause_after_ms(phrase) / voice.rate, self._guide)


def _trimmed(pcm: np.ndarray) -> np.ndarray:
    """Return the sound from its first voiced 10 ms to its last, with 20 ms around."""
    frame = SPEECH_RATE_HZ // 100
    voiced = np.flatnonzero(frame_levels_db(pcm, frame) > VOICED_DBFS)
    if not len(voiced):
        return pcm[:0]
    return pcm[max(0, int(voiced[0]) * frame - _EDGE) : (int(voiced[-1]) + 1) * frame + _EDGE]

"""How good the ears are, on recordings of people: word errors, speed, and whether ends of sentences are told.

Recordings go through a recogniser as turn taking would pass them on: 300 ms before the voice, a `pause` after each
200 ms of silence, the sound between, and the next words into the same turn.
"""

import csv
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Literal

import numpy as np

from solami.speech.completeness import HALF
from solami.speech.interfaces import LISTEN_RATE_HZ, Recogniser
from solami.speech.loudness import VOICED_DBFS, frame_levels_db
from solami.speech.recordings import read_recording
from solami.speech.wer import Errors, count_errors, spoken_words
from solami_protocol.errors import InputError

__all__ = ["Heard", "Reading", "evaluate", "hear", "pauses", "readings"]

_FRAME = LISTEN_RATE_HZ // 100
_CHUNK = LISTEN_RATE_HZ // 50
_PAUSE_FRAMES = 20
_BEFORE = np.random.default_rng(2).normal(0, 3, _FRAME * 30).astype(np.int16)
_AFTER = _BEFORE[: _FRAME * _PAUSE_FRAMES]


@dataclass(frozen=True, slots=True)
class Reading:
    """A recording (16 kHz int16) and what is said in it; `group` is the row of the table that it belongs to."""

    group: str
    name: str
    pcm: np.ndarray = field(repr=False)
    text: str


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of one reading.

    paused:  for each pause inside it, whether the words so far read as finished
    ended:   the same at its end
    pause_s: processor time of each `pause`; feed_s: of all `feed`s together
    """

    text: str
    errors: Errors
    paused: tuple[bool, ...]
    ended: bool
    pause_s: tuple[float, ...]
    feed_s: float


def readings(data: Path) -> Iterator[Reading]:
    """Yield the recordings below `data` (its `speech` folder). Raises InputError when there are none."""
    speech = data / "speech"
    lists = (
        ("read prose", speech / "ljspeech", "transcripts.csv", "id", "normalised_text", "|"),
        ("short sentences", speech / "speakers", "transcripts.csv", "file", "text", "|"),
        ("acted", speech / "emotion" / "ravdess", "labels.csv", "file", "text", ","),
    )
    if not speech.is_dir():
        raise InputError(f"{data}: there is no folder `speech` in it; point SOLAMI_DATA to the recordings")
    for group, folder, table, name, text, delimiter in lists:
        quoting: Literal[0, 3] = csv.QUOTE_NONE if delimiter == "|" else csv.QUOTE_MINIMAL
        with (folder / table).open(encoding="utf-8") as file:
            for row in csv.DictReader(file, delimiter=delimiter, quoting=quoting):
                path = folder / row[name]
                path = path if path.suffix else path.with_suffix(".flac")
                if row[text]:
                    yield Reading(group, path.stem, read_recording(path).pcm, row[text])


def pauses(pcm: np.ndarray) -> list[tuple[int, int]]:
    """Return (start, end) in samples of the silences of at least 200 ms between voiced frames."""
    voiced = np.flatnonzero(frame_levels_db(pcm, _FRAME) > VOICED_DBFS)
    return [((int(a) + 1) * _FRAME, int(b) * _FRAME) for a, b in pairwise(voiced) if b - a > _PAUSE_FRAMES]


def hear(reading: Reading, recogniser: Recogniser) -> Heard:
    """Return what `recogniser` makes of a reading; closes it."""
    cuts = [len(_BEFORE) + start + len(_AFTER) for start, _ in pauses(reading.pcm)]
    sound = np.concatenate([_BEFORE, reading.pcm, _AFTER])
    finished: list[bool] = []
    pause_s: list[float] = []
    feed_s = 0.0
    at = 0
    for cut in [*cuts, len(sound)]:
        began = time.thread_time()
        for start in range(at, cut, _CHUNK):
            recogniser.feed(sound[start : min(start + _CHUNK, cut)])
        fed = time.thread_time()
        transcript = recogniser.pause()
        feed_s += fed - began
        pause_s.append(time.thread_time() - fed)
        finished.append(transcript.complete >= HALF)
        at = cut
    recogniser.close()
    errors = count_errors(spoken_words(reading.text), spoken_words(transcript.text))
    return Heard(transcript.text, errors, tuple(finished[:-1]), finished[-1], tuple(pause_s), feed_s)


def evaluate(given: Iterable[Reading], open_recogniser: Callable[[], Recogniser]) -> dict[str, dict[str, float]]:
    """Return for each group its figures: readings, words, wer, pause_p50_ms, pause_p95_ms, load (processor time of
    one second of sound), pauses, pauses_finished (the share that reads as a finished sentence), ends_finished."""
    rows: dict[str, list[tuple[Reading, Heard]]] = {}
    for reading in given:
        rows.setdefault(reading.group, []).append((reading, hear(reading, open_recogniser())))
    return {group: _figures(row) for group, row in rows.items()}


def _figures(row: list[tuple[Reading, Heard]]) -> dict[str, float]:
    heard = [h for _, h in row]
    errors = sum((h.errors for h in heard), Errors(0, 0, 0, 0))
    pause_ms = np.array([s * 1000 for h in heard for s in h.pause_s])
    paused = [finished for h in heard for finished in h.paused]
    seconds = sum(len(reading.pcm) for reading, _ in row) / LISTEN_RATE_HZ
    return {
        "readings": len(row),
        "words": errors.reference_words,
        "wer": round(errors.rate, 3),
        "pause_p50_ms": round(float(np.percentile(pause_ms, 50)), 1),
        "pause_p95_ms": round(float(np.percentile(pause_ms, 95)), 1),
        "load": round(sum(h.feed_s + sum(h.pause_s) for h in heard) / seconds, 3),
        "pauses": len(paused),
        "pauses_finished": round(float(np.mean(paused)), 3) if paused else 0.0,
        "ends_finished": round(float(np.mean([h.ended for h in heard])), 3),
    }

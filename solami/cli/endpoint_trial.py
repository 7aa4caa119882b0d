"""Ends of turns on recordings with a pause put in: items, one run of an item, figures.

Items are recordings of people with a pause put between two words. Voice activity, recogniser and turn taking are those
of a session; only the clock is the sound's own, and a transcript comes as much later as it took to compute.
"""

import heapq
import time
from collections.abc import Iterator
from concurrent.futures import Executor
from dataclasses import dataclass, field
from itertools import count, cycle, pairwise
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Item", "Outcome", "figures", "items_of", "run_item", "silence_rule"]

_RATE = 16_000
_FRAME = _RATE // 100
_VOICED_DBFS = -45.0
_PAUSE_MS = (200.0, 1200.0)
_BEFORE_S, _AFTER_S = 0.5, 2.5
_SNAP_FRAMES = 6
_MIDDLE = (0.15, 0.85)


@dataclass(frozen=True, slots=True)
class Item:
    """A recording with a pause in it. `end_ms`: the end of its last voiced 10 ms frame."""

    group: str
    name: str
    pause_ms: float
    pcm: np.ndarray = field(repr=False)
    end_ms: float


@dataclass(frozen=True, slots=True)
class Outcome:
    """When turn taking confirmed an end, and the silences between voiced frames as voice activity heard them."""

    item: Item
    ends_ms: tuple[float, ...]
    silences_ms: tuple[float, ...]
    heard_end_ms: float

    @property
    def cut_in(self) -> bool:
        """Whether an end was confirmed before the speaker was done."""
        return any(ms < self.item.end_ms for ms in self.ends_ms)

    @property
    def delay_ms(self) -> float | None:
        """From the last voiced sample to the end that was confirmed behind it."""
        return next((ms - self.item.end_ms for ms in self.ends_ms if ms >= self.item.end_ms), None)


def items_of(data: Path, wanted: int, pool: Executor, seed: int = 9) -> list[Item]:
    """Return `wanted` items from the recordings below `data`, groups in turn. Raises InputError without recordings."""
    from solami.speech.evaluate import readings

    groups: dict[str, list[Any]] = {}
    for reading in readings(data):
        if len(reading.pcm) < 12 * _RATE:
            groups.setdefault(reading.group, []).append(reading)
    rng = np.random.default_rng(seed)
    turns = cycle([cycle(rng.permutation(np.array(group, dtype=object))) for group in groups.values()])
    given = [reading for group in groups.values() for reading in group]
    ends = pool.map(_word_ends_ms, [reading.pcm for reading in given])
    words = dict(zip([reading.name for reading in given], ends, strict=True))
    made: list[Item] = []
    for tries in count():
        if len(made) == wanted or tries > 10 * wanted:
            return made
        reading = next(next(turns))
        pause_ms = float(rng.uniform(*_PAUSE_MS))
        item = _paused(reading, words[reading.name], pause_ms, rng)
        if item is not None:
            made.append(item)
    raise AssertionError("count ends never")


def _word_ends_ms(pcm: np.ndarray) -> list[float]:
    from solami.speech import open_recogniser

    recogniser = open_recogniser()
    quiet = np.zeros(_RATE // 3, np.int16)
    recogniser.feed(np.concatenate([quiet, pcm]))
    words = recogniser.pause().words
    recogniser.close()
    shift_ms = len(quiet) * 1000 / _RATE
    return [word.t_ms + word.d_ms - shift_ms for word in words]


def _paused(reading: Any, ends_ms: list[float], pause_ms: float, rng: np.random.Generator) -> Item | None:
    """Return the reading with a pause of its own quiet behind a word of its middle; None if it has no such place."""
    from solami.speech.loudness import frame_levels_db

    levels = frame_levels_db(reading.pcm, _FRAME)
    voiced = np.flatnonzero(levels > _VOICED_DBFS)
    if len(voiced) < 60:
        return None
    first, last = int(voiced[0]), int(voiced[-1])
    inside = [int(ms / 10) for ms in ends_ms if _MIDDLE[0] < (ms / 10 - first) / (last - first) < _MIDDLE[1]]
    if not inside:
        return None
    at = int(rng.choice(inside))
    near = np.arange(max(first, at - _SNAP_FRAMES), min(last, at + _SNAP_FRAMES + 1))
    at = int(near[levels[near].argmin()])
    floor_db = min(float(np.percentile(levels, 5)), -55.0)

    def quiet(seconds: float) -> np.ndarray:
        return np.round(rng.normal(0, 32768 * 10 ** (floor_db / 20), round(seconds * _RATE))).astype(np.int16)

    parts = [quiet(_BEFORE_S), reading.pcm[: at * _FRAME], quiet(pause_ms / 1000)]
    parts += [reading.pcm[at * _FRAME : (last + 1) * _FRAME], quiet(_AFTER_S)]
    end_ms = sum(len(part) for part in parts[:4]) * 1000 / _RATE
    return Item(reading.group, reading.name, pause_ms, np.concatenate(parts), end_ms)


def run_item(item: Item) -> Outcome:
    """Return what voice activity, recogniser and turn taking make of an item."""
    from solami.speech import open_recogniser
    from solami_relay.turn import TICK_MS, TurnEngine
    from solami_relay.turn_actions import ConfirmTurn, EndTurn
    from solami_relay.turn_events import SoundFrame, Tick, Words
    from solami_relay.turn_settings import TurnSettings
    from solami_relay.vad import VoiceActivity
    from solami_relay.vad_settings import VadSettings

    ear, recogniser = VoiceActivity(VadSettings()), open_recogniser()
    engine = TurnEngine(TurnSettings(greet=False))
    coming: list[tuple[float, int, Words]] = []
    ends: list[float] = []
    voiced: list[float] = []
    order, turn = count(), 0

    def step(event: Any, now_ms: float) -> None:
        nonlocal turn
        for action in engine.step(event, now_ms):
            if isinstance(action, EndTurn):
                began = time.thread_time()
                heard = recogniser.pause()
                at_ms = now_ms + (time.thread_time() - began) * 1000
                words = Words(action.turn, heard.text, True, heard.complete, heard.confidence)
                heapq.heappush(coming, (at_ms, next(order), words))
            elif isinstance(action, ConfirmTurn):
                ends.append(now_ms)

    for now_ms, chunk in _chunks(item.pcm):
        recogniser.feed(chunk)
        for frame in ear.push(chunk):
            if frame.voiced:
                voiced.append(frame.end_ms)
            step(SoundFrame(frame.end_ms, frame.voiced), now_ms)
        while coming and coming[0][0] <= now_ms:
            step(heapq.heappop(coming)[2], now_ms)
        if now_ms % TICK_MS < 10:
            step(Tick(), now_ms)
    recogniser.close()
    silences = tuple(b - a - 10 for a, b in pairwise(voiced) if b - a > 10)
    return Outcome(item, tuple(ends), silences, voiced[-1] if voiced else 0.0)


def _chunks(pcm: np.ndarray) -> Iterator[tuple[float, np.ndarray]]:
    """Yield 10 ms of sound and the time at their end."""
    for at in range(0, len(pcm) - _FRAME + 1, _FRAME):
        yield (at + _FRAME) * 1000 / _RATE, pcm[at : at + _FRAME]


def silence_rule(outcomes: list[Outcome], wait_ms: float) -> float:
    """Return the share of items into which a rule cuts that ends a turn after `wait_ms` of silence."""
    return float(np.mean([any(ms >= wait_ms for ms in o.silences_ms) for o in outcomes]))


def figures(outcomes: list[Outcome]) -> dict[str, float]:
    """Return shares and delays; the rule waits so long that half of its ends come as soon as half of ours."""
    delays = np.array([o.delay_ms for o in outcomes if o.delay_ms is not None])
    p50 = float(np.percentile(delays, 50))
    late_ms = float(np.median([o.heard_end_ms - o.item.end_ms for o in outcomes]))
    mean_ms = float(delays.mean())
    return {
        "items": len(outcomes),
        "never_ended": sum(o.delay_ms is None for o in outcomes),
        "delay_p50_ms": round(p50, 1),
        "delay_p95_ms": round(float(np.percentile(delays, 95)), 1),
        "delay_mean_ms": round(mean_ms, 1),
        "cut_ins": round(float(np.mean([o.cut_in for o in outcomes])), 3),
        "silence_rule_cut_ins": round(silence_rule(outcomes, p50 - late_ms), 3),
        "silence_rule_cut_ins_at_mean_delay": round(silence_rule(outcomes, mean_ms - late_ms), 3),
    }

"""`solami bench turn`: many turns from different recordings through real processes, and what they took."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from solami.headset.inputs import TurnInput, authored_wave, read_input, synthesise
from solami.headset.report import spread
from solami.headset.session import headset_session
from solami.headset.stack import Stack
from solami.headset.talk import machine, one_turn, versions
from solami.headset.voices import character_voice, fetch_card
from solami.speech import open_synthesiser
from solami_protocol.errors import SolamiError
from solami_protocol.skeleton import FPS

__all__ = ["BenchTurns", "bench_inputs", "bench_turns"]

SPOKEN = (
    "hello what is your name",
    "what do you do all day",
    "tell me a story please",
    "do you like the rain",
    "who made you",
    "how old are you",
    "can you sing a song for me",
    "are you ever lonely out here",
    "what is your favourite thing",
    "it was very nice to meet you",
)
SECONDS = (2.0, 10.2)


@dataclass
class BenchTurns:
    """The numbers of all turns of one run."""

    turns: list[dict[str, Any]]
    failed: list[str]
    rss_mb: float

    def figures(self) -> dict[str, Any]:
        """Return the JSON of `solami bench turn` (issue names), each distribution as p50 and p95."""

        def latency(name: str) -> list[float]:
            values = [t["latency_ms"].get(name) for t in self.turns]
            return [v for v in values if v is not None]

        def after_audio(name: str) -> list[float]:
            pairs = [(t["latency_ms"].get(name), t["latency_ms"].get("first_audio")) for t in self.turns]
            return [a - b for a, b in pairs if a is not None and b is not None]

        def plain(name: str) -> list[float]:
            return [t[name] for t in self.turns if t.get(name) is not None]

        return {
            "turns": len(self.turns),
            "failed": len(self.failed),
            "failures": self.failed,
            "kbit_s_down": spread(plain("kbit_s_down")),
            "endpoint_ms": spread(latency("endpoint")),
            "endpoint_to_first_audio_ms": spread(plain("endpoint_to_first_audio_ms")),
            "first_audio_ms": spread(latency("first_audio")),
            "first_pose_after_audio_ms": spread(after_audio("first_pose")),
            "first_face_after_audio_ms": spread(after_audio("first_face")),
            "skew_ms": spread([t["skew_ms"]["p95"] for t in self.turns if t["skew_ms"]["p95"] is not None]),
            "content_skew_ms": spread([s for t in self.turns for s in t.get("closure_skews_ms", [])]),
            "bytes_per_frame": spread(plain("bytes_per_frame")),
            "answered_before_end": sum((t["latency_ms"].get("endpoint") or 0) < 0 for t in self.turns),
            "frames_off": max((abs(t["pose_frames"] - t["audio_s"] * FPS) for t in self.turns), default=0.0),
            "stalls": sum(t["stalls"] for t in self.turns),
            "rss_mb": round(self.rss_mb, 1),
            "machine": machine(),
            "versions": versions(),
            "each": self.turns,
        }


def bench_inputs(data: Path | None, count: int) -> list[TurnInput]:
    """Return `count` turns over at least ten different recordings of 2 to 10 s: real ones from `data`, else our own."""
    recordings: list[TurnInput] = []
    if data is not None:
        folders = ("speech/ljspeech", "speech/speakers", "speech/emotion/ravdess")
        files = [sorted((data / f).glob("*.flac")) + sorted((data / f).glob("*.wav")) for f in folders]
        # a mix: four of each kind, spread over the speakers
        for group in files:
            recordings += _of_length(group[:: max(1, len(group) // 12)], 6)
    if len(recordings) < 10:
        root, rotations = authored_wave()
        recordings = [
            TurnInput(
                f"synthesised: {words}",
                synthesise(words),
                root if i % 3 == 0 else None,
                rotations if i % 3 == 0 else None,
            )
            for i, words in enumerate(SPOKEN)
        ]
    return [recordings[i % len(recordings)] for i in range(count)]


def _of_length(files: Sequence[Path], limit: int) -> list[TurnInput]:
    out: list[TurnInput] = []
    for path in files:
        try:
            given = read_input(path, None)
        except SolamiError:
            continue  # a file of the collection that is not speech
        if SECONDS[0] <= len(given.pcm) / 16_000 <= SECONDS[1]:
            out.append(given)
        if len(out) == limit:
            break
    return out


async def bench_turns(
    relay: str, stack: Stack | None, inputs: Sequence[TurnInput], character: str, progress: Callable[[int, str], None]
) -> BenchTurns:
    """Run the turns one after the other, each recording as a user of its own in a session of its own."""
    card = await fetch_card(relay, character)
    speech, voice = open_synthesiser("espeak"), character_voice(card)
    turns: list[dict[str, Any]] = []
    failed: list[str] = []
    rss_mb = 0.0
    for number, given in enumerate(inputs):
        progress(number, given.name)
        try:
            async with headset_session(relay, character) as session:
                await session.greeting()
                result = await one_turn(session, given, "", speech, voice)
        except* SolamiError as group:
            failed.append(f"{given.name}: {group.exceptions[0]}")
            numbers = None
        else:
            numbers = result.numbers
        rss_mb = max(rss_mb, resident_mb(stack))
        if numbers is not None and numbers.get("latency_ms"):
            turns.append(numbers)
        elif numbers is not None:
            failed.append(f"{given.name}: no reply (heard: {numbers.get('transcript')!r})")
    return BenchTurns(turns, failed, rss_mb)


def resident_mb(stack: Stack | None) -> float:
    """Return the resident memory of this process and all of the stack's, children included."""
    roots = [psutil.Process()] + [psutil.Process(p.pid) for p in (stack.parts.values() if stack else ())]
    every = {p.pid: p for root in roots for p in (root, *root.children(recursive=True))}
    return sum(p.memory_info().rss for p in every.values()) / 2**20

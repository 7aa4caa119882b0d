"""One turn through the relay as a headset would live it, with the artefacts that show it."""

import asyncio
import json
import os
import platform
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import soxr

from solami.headset.inputs import TurnInput
from solami.headset.page import PageCaption, PageEvent, TurnPage, UserTrack, write_turn_page
from solami.headset.report import TurnSpan, epoch_phones, shown_lips, turn_report
from solami.headset.session import HeadsetSession
from solami.speech import Synthesiser, Voice
from solami.speech.recordings import write_wav
from solami_protocol import quaternions as q
from solami_protocol.control import Cancel, Caption, EpochStart, Hold, Percept, Release, State, TextInput, Transcript
from solami_protocol.skeleton import JOINT_COUNT

__all__ = ["TurnResult", "machine", "one_turn", "write_artefacts"]

ANSWER_S = 20.0
AFTER_S = 0.4  # the mouth comes to rest
PAGE_FPS = 30
DOWN_HZ = 24_000
TURN_PACKAGES = ("solami", "numpy", "aiohttp", "redis", "onnxruntime", "pocketsphinx")
USER_AHEAD_M = 1.5  # DESIGN 3.13: the character stands 1.5 m before the user, facing


@dataclass(frozen=True, slots=True)
class TurnResult:
    """The numbers of a turn and where it lies in the session."""

    numbers: dict[str, object]
    span: TurnSpan


def machine() -> dict[str, object]:
    """Return what the numbers were measured on."""
    cpu = ""
    with Path("/proc/cpuinfo").open() as lines:
        cpu = next((line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")), "")
    memory_gb = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30
    return {"cores": os.cpu_count(), "memory_gb": round(memory_gb, 1), "cpu": cpu, "python": platform.python_version()}


def versions(*names: str) -> dict[str, str]:
    """Return the versions of what was measured; without names, of what a turn runs on."""
    return {name: version(name) for name in names or TURN_PACKAGES}


async def one_turn(
    session: HeadsetSession,
    given: TurnInput | None,
    text: str,
    speech: Synthesiser,
    voice: Voice,
    progress: Callable[[str], None] = lambda _: None,
) -> TurnResult:
    """Say, do or type the turn and wait until the answer was heard. Raises SolamiError when none comes."""
    since, before = session.now_ms(), session.last_turn()
    if given is not None:
        at = session.user.say(given.pcm)
        if given.root_m is not None and given.rotations is not None:
            session.user.move(given.root_m, given.rotations)
        end = at + (given.last_voiced or len(given.pcm))
        if given.last_voiced == 0 and given.root_m is not None:
            end = at + len(given.root_m) * 16_000 // PAGE_FPS
        progress(f"speaking: {given.name}")
        await session.until(lambda: not session.user.busy, 120.0, "the end of the input")
        last_voiced_ms = session.user.sample_ms(end)
    else:
        await session.client.send(TextInput(text=text))
        last_voiced_ms = session.now_ms()
    progress("waiting for the answer")
    await session.until(lambda: session.turn_over(before), ANSWER_S + 60.0, "an answer")
    await asyncio.sleep(AFTER_S)
    span = TurnSpan(since, last_voiced_ms)
    numbers = turn_report(session, given, span)
    starts = session.epochs("reply", since)
    if starts:
        numbers |= _content(session, starts[-1].message.epoch, speech, voice)  # type: ignore[union-attr]
    return TurnResult(numbers | {"machine": machine(), "versions": versions()}, span)


def _content(session: HeadsetSession, epoch: int, speech: Synthesiser, voice: Voice) -> dict[str, object]:
    captions = [a.message for a in session.messages(Caption) if a.message.epoch == epoch]  # type: ignore[union-attr]
    phones = epoch_phones(captions, session.playout.epochs[epoch].pcm, speech, voice)  # type: ignore[arg-type]
    lips = shown_lips(session, epoch, phones)
    skew = round(lips.skew_p50_ms, 1) if lips.skew_ms else None
    return {"content_skew_ms": skew, "closure_skews_ms": [round(s, 1) for s in lips.skew_ms], "lips": lips.as_dict()}


def write_artefacts(out: Path, session: HeadsetSession, result: TurnResult, name: str, glb: bytes) -> None:
    """Write `turn.json`, `turn.wav`, `turn.npz` and `turn.html` into `out`."""
    out.mkdir(parents=True, exist_ok=True)
    heard = np.concatenate(session.playout.heard)
    said = _user_track(session, len(heard))
    (out / "turn.json").write_text(json.dumps(result.numbers, indent=2) + "\n")
    write_wav(out / "turn.wav", np.stack([said, heard], axis=1), DOWN_HZ)
    shown = session.playout.shown[::2]  # 60 to 30 a second
    arrays: dict[str, np.ndarray] = {
        "root_m": np.stack([s.root_m for s in shown]).astype(np.float32),
        "rotations": np.stack([s.rotations for s in shown]).astype(np.float32),
        "face": np.stack([s.face for s in shown]).astype(np.float32),
        "t_ms": np.array([s.t_ms for s in shown], np.float32),
        "epoch": np.array([s.epoch for s in shown], np.int32),
        "audio_ms": np.array([s.head_ms for s in shown], np.float32),
    }
    np.savez_compressed(out / "turn.npz", allow_pickle=False, fps=np.float32(PAGE_FPS), **arrays)
    page = TurnPage(
        character=name,
        audio=heard,
        audio_rate=DOWN_HZ,
        root=arrays["root_m"],
        rotations=arrays["rotations"],
        face=arrays["face"],
        avatar_glb=glb,
        user_audio=said,
        user=_user_figure(session, len(shown)),
        captions=tuple(_captions(session)),
        events=tuple(_events(session, result.span)),
        numbers=_table(result.numbers),
    )
    write_turn_page(out / "turn.html", page)


def _user_track(session: HeadsetSession, samples: int) -> np.ndarray:
    """Return what the user said on the session's timeline at 24 kHz."""
    sound = np.concatenate(session.user.said) if session.user.said else np.zeros(0, np.int16)
    up = soxr.resample(sound.astype(np.float32), 16_000, DOWN_HZ)
    start = max(0, round(session.user.sample_ms(0) * DOWN_HZ / 1000))
    out = np.zeros(samples, np.int16)
    part = up[: max(0, samples - start)]
    out[start : start + len(part)] = np.clip(part, -32768, 32767).astype(np.int16)
    return out


def _user_figure(session: HeadsetSession, frames: int) -> UserTrack | None:
    """Return the user's body in the character's space, facing it; NaN where no pose was sent. None without any."""
    if not session.user.moved:
        return None
    root = np.full((frames, 3), np.nan, np.float32)
    rotations = np.tile(q.IDENTITY, (frames, JOINT_COUNT, 1))
    about = q.from_axis_angle((0, 1, 0), 180.0)
    for move in session.user.moved:
        first = max(0, round(session.user.sample_ms(move.at) * PAGE_FPS / 1000))
        count = max(0, min(len(move.root_m), frames - first))
        root[first : first + count] = q.rotate(about, move.root_m[:count]) + np.array([0, 0, USER_AHEAD_M])
        rotations[first : first + count] = move.rotations[:count]
        rotations[first : first + count, 0] = q.multiply(about, move.rotations[:count, 0])
    return UserTrack(root=root, rotations=rotations)


def _captions(session: HeadsetSession) -> list[PageCaption]:
    out = []
    for arrival in session.messages(Caption):
        caption = arrival.message
        assert isinstance(caption, Caption)
        began = session.playout.epoch_spans.get(caption.epoch)
        if began is not None:
            t0 = began[0] + caption.at_ms
            out.append(PageCaption(t0, t0 + caption.d_ms, "character", caption.text))
    for arrival in session.messages(Transcript):
        heard = arrival.message
        assert isinstance(heard, Transcript)
        if heard.final and heard.text:
            out.append(PageCaption(max(0.0, arrival.t_ms - 2000), arrival.t_ms + 500, "user", heard.text))
    return sorted(out, key=lambda c: c.t0_ms)


def _events(session: HeadsetSession, span: TurnSpan) -> list[PageEvent]:
    out = [PageEvent(span.last_voiced_ms, "endpoint", "last voiced sample")]
    for arrival in session.log:
        match arrival.message:
            case State(state=state):
                out.append(PageEvent(arrival.t_ms, "state", state))
            case EpochStart(kind=kind):
                out.append(PageEvent(arrival.t_ms, "epoch", kind))
            case Hold() | Release() | Cancel():
                out.append(PageEvent(arrival.t_ms, arrival.message.type))
            case Percept(acts=acts):
                out.append(PageEvent(arrival.t_ms, "percept", ", ".join(acts)))
    return sorted(out, key=lambda e: e.t_ms)


def _table(numbers: dict[str, object]) -> dict[str, float | int | str]:
    """Return the rows that a person wants to see."""
    rows: dict[str, float | int | str] = {
        "heard": str(numbers.get("transcript", "")),
        "answered": str(numbers.get("reply_text", "")),
        "brain": str(numbers.get("brain", "")),
    }
    latency = numbers.get("latency_ms")
    if isinstance(latency, dict):
        rows |= {f"{k}_ms": v for k, v in latency.items() if isinstance(v, int | float)}
    skew = numbers.get("skew_ms")
    if isinstance(skew, dict) and skew.get("p95") is not None:
        rows["skew_p95_ms"] = skew["p95"]
    for key in ("content_skew_ms", "bytes_per_frame", "kbit_s_down"):
        value = numbers.get(key)
        if isinstance(value, int | float):
            rows[key] = value
    degraded = numbers.get("degraded")
    return rows | {"degraded": ", ".join(degraded) if isinstance(degraded, list) and degraded else "nothing"}

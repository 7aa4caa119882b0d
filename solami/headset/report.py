"""The numbers of one turn (`turn.json`, DESIGN 4), from what the headset logged, played and showed."""

from dataclasses import dataclass

import numpy as np

from solami.audio2face.measure import LipReport, measure_lips
from solami.headset.epoch_buffer import RATE_HZ, EpochBuffer
from solami.headset.inputs import TurnInput
from solami.headset.session import HeadsetSession
from solami.speech import Synthesiser, Voice
from solami_protocol.control import Caption, EpochStart, Transcript
from solami_protocol.phones import Phone

__all__ = ["TurnSpan", "epoch_phones", "shown_lips", "spread", "turn_report"]

FRAME = RATE_HZ // 100  # 10 ms
VOICED_DBFS = -45.0
SHOWN_FPS = 60.0
AFTER_FRAMES = 18  # 300 ms


@dataclass(frozen=True, slots=True)
class TurnSpan:
    """Where one turn lies in a session: since when to look, and the session time of the input's last voiced sample."""

    since_ms: float
    last_voiced_ms: float


def first_loud_sample(pcm: np.ndarray) -> int | None:
    """Return the start of the first 10 ms frame of (N,) int16 at 24 kHz above -45 dBFS."""
    frames = pcm[: len(pcm) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64) / 32768
    loud = np.flatnonzero(10 * np.log10(np.mean(frames**2, axis=1) + 1e-12) > VOICED_DBFS)
    return None if len(loud) == 0 else int(loud[0]) * FRAME


def voiced_rms_dbfs(pcm: np.ndarray) -> float | None:
    """Return the RMS level of the 10 ms frames above -45 dBFS."""
    frames = pcm[: len(pcm) // FRAME * FRAME].reshape(-1, FRAME).astype(np.float64) / 32768
    power = np.mean(frames**2, axis=1)
    loud = power[10 * np.log10(power + 1e-12) > VOICED_DBFS]
    return None if len(loud) == 0 else float(10 * np.log10(loud.mean()))


def spread(values: list[float]) -> dict[str, float | None]:
    """Return p50 and p95, rounded; None without values."""
    if not values:
        return {"p50": None, "p95": None}
    return {"p50": round(float(np.percentile(values, 50)), 2), "p95": round(float(np.percentile(values, 95)), 2)}


def turn_report(session: HeadsetSession, given: TurnInput | None, span: TurnSpan) -> dict[str, object]:
    """Return the content of `turn.json` for the turn at `span`."""
    starts = session.epochs("reply", span.since_ms)
    transcripts = [a for a in session.messages(Transcript, span.since_ms) if a.message.final]  # type: ignore[union-attr]
    heard = transcripts[-1].message.text if transcripts else ""  # type: ignore[union-attr]
    out: dict[str, object] = {
        "input": given.name if given else "text",
        "input_sha256": given.sha256 if given else "",
        "transcript": heard,
        "reply_text": "",
        "brain": "",
        "degraded": session.degraded(),
        "stalls": session.playout.stalls,
        "reply_epochs": len(starts),
    }
    if not starts:
        return out | {"latency_ms": {}, "audio_s": 0.0}
    start = starts[-1]
    assert isinstance(start.message, EpochStart)
    buffer = session.playout.epochs[start.message.epoch]
    confirmed = [t.t_ms for t in transcripts if t.t_ms <= start.t_ms + 1] or [start.t_ms]
    return out | _epoch_numbers(session, buffer, start.message, confirmed[-1], span)


def _epoch_numbers(
    session: HeadsetSession, buffer: EpochBuffer, start: EpochStart, endpoint_ms: float, span: TurnSpan
) -> dict[str, object]:
    zero = span.last_voiced_ms
    began = session.playout.epoch_spans.get(buffer.epoch, (None, None))
    loud = first_loud_sample(buffer.pcm)
    first_audio = None if began[0] is None or loud is None else began[0] + loud * 1000 / RATE_HZ
    shown = [s for s in session.playout.shown if s.epoch == buffer.epoch]
    skews = [s.skew_ms for s in shown[::2] if s.skew_ms is not None]
    captions = [a.message for a in session.messages(Caption) if a.message.epoch == buffer.epoch]  # type: ignore[union-attr]
    frames = max(1, len(buffer.pose.rows))
    seconds = len(buffer.pcm) / RATE_HZ

    def since(at: float | None) -> float | None:
        return None if at is None else round(at - zero, 1)

    return {
        "reply_text": " ".join(c.text for c in captions),  # type: ignore[union-attr]
        "brain": start.brain,
        "latency_ms": {
            "endpoint": since(endpoint_ms),
            "first_audio": since(first_audio),
            "first_pose": since(buffer.pose.first_at_ms),
            "first_face": since(buffer.face.first_at_ms),
            "complete": since(began[1]),
        },
        "endpoint_to_first_audio_ms": None if first_audio is None else round(first_audio - endpoint_ms, 1),
        "skew_ms": spread(skews),
        "audio_s": round(seconds, 3),
        "voiced_dbfs": voiced_rms_dbfs(buffer.pcm),
        "clipped_samples": int(np.sum(np.abs(buffer.pcm.astype(np.int32)) >= 32767)),
        "pose_frames": len(buffer.pose.rows),
        "face_frames": len(buffer.face.rows),
        "late_frames": buffer.pose.late + buffer.face.late,
        "bytes_per_frame": round(buffer.bytes_motion / frames, 1),
        "kbit_s_down": round(buffer.bytes_all * 8 / 1000 / max(seconds, 1e-9), 1),
    }


def epoch_phones(captions: list[Caption], pcm: np.ndarray, speech: Synthesiser, voice: Voice) -> list[Phone]:
    """Return the phones of an epoch on its timeline, found again from its captions by the same synthesiser.

    A caption whose sound is not what was heard (loudness over time correlates below 0.9) is left out, so that nothing
    is measured against phones that were not played. The embedded voice repeats itself to about a millisecond.
    """
    out: list[Phone] = []
    for caption in captions:
        at_ms = caption.at_ms
        for spoken in speech.speak(caption.text, voice):
            first = round(at_ms * RATE_HZ / 1000)
            if _same_sound(spoken.pcm, pcm[first : first + len(spoken.pcm)]):
                out += [Phone(p, at_ms + t, d) for p, t, d in spoken.phones]
            at_ms += len(spoken.pcm) * 1000 / RATE_HZ
    return out


def _same_sound(a: np.ndarray, b: np.ndarray) -> bool:
    if abs(len(a) - len(b)) > FRAME or min(len(a), len(b)) < 4 * FRAME:
        return False
    count = min(len(a), len(b)) // FRAME * FRAME
    x, y = (np.sqrt(np.mean(s[:count].reshape(-1, FRAME).astype(np.float64) ** 2, axis=1)) for s in (a, b))
    return float(np.corrcoef(x, y)[0, 1]) > 0.9


def shown_lips(session: HeadsetSession, epoch: int, phones: list[Phone]) -> LipReport:
    """Return the lips as they were shown against the sounds as they were heard, to 300 ms after the end."""
    index = [i for i, s in enumerate(session.playout.shown) if s.epoch == epoch]
    if not index or not phones:
        return LipReport()
    first, last = index[0], index[-1]
    frames = session.playout.shown[first : last + 1 + AFTER_FRAMES]
    faces = np.stack([s.face for s in frames])
    return measure_lips(phones, faces, SHOWN_FPS, sample_hz=SHOWN_FPS, start_s=frames[0].head_ms / 1000)

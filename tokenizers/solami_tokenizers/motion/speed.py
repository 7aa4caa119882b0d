"""How fast a tokenizer is on one core, and what streaming costs it."""

import time
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import torch

from solami_protocol.skeleton import FPS
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.features import RootState
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.metrics import spectrum_line_ratio
from solami_tokenizers.motion.networks import STRIDE
from solami_tokenizers.motion.seams import ReplyDecoder, seam_jump
from solami_tokenizers.motion.tokenizer import MotionTokenizer

__all__ = ["CHUNK_TOKENS", "minute_figures", "seam_figures", "speed", "stream_figures"]

CHUNK_TOKENS = 3  # 0.4 s, what a language model gives at a time
STREAMS = 64
_IN_A_LOOP_FRAMES = 300  # are enough where each token waits for the one before
_PAST_TOKENS = 48  # more than the symmetric decoder's 22


def speed(tokenizer: MotionTokenizer, features: np.ndarray) -> dict[str, float]:
    """Return frames a second and milliseconds on one core; features: a minute or so of motion (T, D)."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        x = torch.from_numpy(features)
        codes = tokenizer.encoding_as("open").encode(x)  # for decoding any will do
        seen, repeats = (x, 5) if tokenizer.encoding == "open" else (x[:_IN_A_LOOP_FRAMES], 2)
        figures = {
            "encode_fps": len(seen) / _best_s(lambda: tokenizer.encode(seen), repeats),
            "decode_fps": len(x) / _best_s(lambda: tokenizer.decode(codes)),
            "first_chunk_ms": 1e3 * _best_s(lambda: _first_chunk(tokenizer, codes), repeats=30, middle=True),
        }
        if tokenizer.settings.network == "causal":
            figures |= _many(tokenizer, x, codes)
        return figures
    finally:
        torch.set_num_threads(threads)


def _best_s(work: Callable[[], object], repeats: int = 5, *, middle: bool = False) -> float:
    """Return the shortest of several runs, which is the least disturbed one; or their median."""
    times = []
    for _ in range(repeats + 1):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return float(np.median(times[1:])) if middle else min(times[1:])


def _first_chunk(tokenizer: MotionTokenizer, codes: torch.Tensor) -> None:
    if tokenizer.settings.network == "causal":
        tokenizer.stream_decoder().push(codes[:CHUNK_TOKENS])
    else:
        tokenizer.decode(codes[:CHUNK_TOKENS])


def _many(tokenizer: MotionTokenizer, features: torch.Tensor, codes: torch.Tensor) -> dict[str, float]:
    """Return what a chunk of many streams takes: decoded, in milliseconds and as a share of real time, and encoded."""
    stream, source = tokenizer.stream_decoder(STREAMS), tokenizer.stream_encoder(STREAMS)
    at = torch.arange(STREAMS * CHUNK_TOKENS) % len(codes)
    piece = codes[at].reshape(STREAMS, CHUNK_TOKENS, codes.shape[1])
    seen = features[torch.arange(STREAMS * CHUNK_TOKENS * STRIDE) % len(features)].unflatten(0, (STREAMS, -1))
    took_s, encoding_s = _best_s(lambda: stream.push(piece)), _best_s(lambda: source.push(seen))
    played_s = CHUNK_TOKENS * STRIDE / FPS
    return {
        f"streams_{STREAMS}_ms": 1e3 * took_s,
        f"streams_{STREAMS}_load": took_s / played_s,
        f"encode_{STREAMS}_load": encoding_s / played_s,
    }


def stream_figures(tokenizer: MotionTokenizer, features: np.ndarray) -> dict[str, float]:
    """Return how chunked decoding differs from decoding the whole, and the steps of the joints at chunk borders.

    A network that sees both ways decodes each chunk from the codes so far, as it would have to live.
    """
    codes = torch.from_numpy(tokenizer.encode(features))
    whole = tokenizer.decode(codes).numpy()
    if tokenizer.settings.network == "causal":
        stream = tokenizer.stream_decoder()
        parts = [stream.push(codes[k : k + CHUNK_TOKENS]) for k in range(0, len(codes), CHUNK_TOKENS)]
        made = torch.cat([*parts, stream.flush()]).numpy()  # type: ignore[list-item]
        late = STRIDE if tokenizer.decoder.delayed else 0
    else:
        made, late = _live(tokenizer, codes), 0
    true, offline, streamed = (_places(tokenizer, f) for f in (features, whole[: len(features)], made[: len(features)]))
    frames = min(len(true), len(offline), len(streamed))
    borders = np.arange(CHUNK_TOKENS * STRIDE - late, frames, CHUNK_TOKENS * STRIDE)
    return {
        "stream_error_mm": float(np.linalg.norm(streamed[:frames] - offline[:frames], axis=-1).mean() * 1e3),
        "border_step_mm": _step_mm(streamed, borders),
        "recorded_border_step_mm": _step_mm(true, borders),
    }


def minute_figures(tokenizer: MotionTokenizer, features: np.ndarray) -> dict[str, float]:
    """Return what shows over a long time only; features: 60 s of motion.

    How far place and heading are from the recording's at the end, and the power of the joints' speed at the token rate
    over that beside it, in what is decoded and in the recording (1: no line).
    """
    decoded, contacts = tokenizer.decode_with_contacts(tokenizer.encode(features), len(features))
    made, true = tokenizer.clip_of(decoded, contacts, RootState()), tokenizer.clip_of(features, None, RootState())
    last = min(made.frames, true.frames) - 1
    ends = [RootState.of(clip, last) for clip in (made, true)]
    turn = ends[0].yaw_rad - ends[1].yaw_rad
    lines = []
    for clip in (made, true):
        places = forward(clip.root_m, clip.rotations, body_only=True)[0].astype(np.float64)
        lines.append(spectrum_line_ratio(places - places[:, :1], FPS, FPS / STRIDE))
    return {
        "drift_60s_m": float(np.hypot(ends[0].x_m - ends[1].x_m, ends[0].z_m - ends[1].z_m)),
        "drift_60s_deg": float(np.degrees(abs((turn + np.pi) % (2 * np.pi) - np.pi))),
        "token_line": lines[0],
        "recorded_token_line": lines[1],
    }


def seam_figures(tokenizer: MotionTokenizer, clips: Sequence[Clip]) -> dict[str, float]:
    """Return the jumps where a reply follows another motion, over the larger 99th percentile of the two recordings.

    Each clip is played as a reply after the one before it was shown, as `ReplyDecoder` does it; the worst of all seams
    and their median is given. Both recordings count, since a reply that stands still after a run has to brake first.
    Nothing for tokenizers that cannot stream a body, or fewer than two clips.
    """
    if tokenizer.settings.features != "body" or tokenizer.settings.network != "causal" or len(clips) < 2:
        return {}
    pose, velocity = [], []
    for shown, clip in pairwise(clips):
        reply = ReplyDecoder(tokenizer, shown)
        made = [reply.push(tokenizer.encode(tokenizer.features_of(clip))), reply.flush()]
        jump = seam_jump(shown, next(piece for piece in made if piece is not None and piece.frames > 1))
        usual = np.maximum(*(np.percentile(_jumps(part), 99, axis=0) for part in (shown, clip)))
        pose.append(jump.pose_m / usual[0])
        velocity.append(jump.velocity_m_s / usual[1])
    return {
        "seam_pose_ratio": float(max(pose)),
        "seam_velocity_ratio": float(max(velocity)),
        "seam_pose_ratio_p50": float(np.median(pose)),
        "seam_velocity_ratio_p50": float(np.median(velocity)),
    }


def _jumps(clip: Clip) -> np.ndarray:
    """Return `SeamJump`'s two numbers (T - 3, 2) for each frame of a clip as if a seam were there."""
    places = forward(clip.root_m, clip.rotations, body_only=True)[0].astype(np.float64)
    bends = np.linalg.norm(np.diff(places, 2, axis=0), axis=-1)  # (T - 2, J)
    pairs = np.maximum(bends[:-1], bends[1:]).max(axis=1) * FPS
    return np.stack([bends[:-1].max(axis=1), pairs], axis=-1)


def _live(tokenizer: MotionTokenizer, codes: torch.Tensor) -> np.ndarray:
    parts = []
    for k in range(0, len(codes), CHUNK_TOKENS):
        first, end = max(0, k - _PAST_TOKENS), min(k + CHUNK_TOKENS, len(codes))
        parts.append(tokenizer.decode(codes[first:end])[STRIDE * (k - first) :])
    return torch.cat(parts).numpy()


def _places(tokenizer: MotionTokenizer, features: np.ndarray) -> np.ndarray:
    """Return joints (T, 22, 3) relative to the root, in metres."""
    clip = tokenizer.clip_of(features, None, RootState())
    places = forward(clip.root_m, clip.rotations, body_only=True)[0]
    return places - places[:, :1]


def _step_mm(places: np.ndarray, at: np.ndarray) -> float:
    steps = np.linalg.norm(places[at] - places[at - 1], axis=-1)
    return float(steps.max(axis=1).mean() * 1e3)

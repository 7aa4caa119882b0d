"""How good a tokenizer is on clips that it was not trained on."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS
from solami_tokenizers.motion import metrics
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.contacts import contacts_of
from solami_tokenizers.motion.features import RootState, to_clip
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.motion_data import ClipEntry, MotionData
from solami_tokenizers.motion.networks import STRIDE
from solami_tokenizers.motion.tokenizer import MotionTokenizer

__all__ = ["SHORTEST", "Pair", "clips_of", "evaluate", "mean_scores", "reconstruct", "scores"]

SHORTEST = 4  # undamaged frames of a clip that is judged: one token
_TOGETHER = 16  # recordings that are encoded in closed loop side by side


@dataclass(frozen=True, slots=True)
class Pair:
    """A recording and its reconstruction, frame by frame."""

    true: Clip
    made: Clip
    codes: np.ndarray
    """(T', Q) int64."""


def reconstruct(tokenizer: MotionTokenizer, clip: Clip, valid: np.ndarray | None = None) -> Pair:
    """Return a clip and what the tokenizer makes of it, both from x = z = 0 and facing +z.

    valid: (T,) bool, frames that are not damaged; None: all.
    """
    features = tokenizer.features_of(clip)
    codes = tokenizer.encode(features, None if valid is None else valid[: len(features)])
    return _pair(tokenizer, clip, codes, len(features))


def _pair(tokenizer: MotionTokenizer, clip: Clip, codes: np.ndarray, frames: int) -> Pair:
    decoded, contacts = tokenizer.decode_with_contacts(codes, frames=frames)
    made = tokenizer.clip_of(decoded, contacts, RootState(), name=clip.name)
    return Pair(clip, made, codes)


def _encoded(
    tokenizer: MotionTokenizer, features: Sequence[np.ndarray], valid: Sequence[np.ndarray]
) -> list[np.ndarray]:
    """Return the codes (T', Q) of recordings (T, D), frames that count (T,) given."""
    if tokenizer.encoding == "open":
        return [tokenizer.encode(x, mask[: len(x)]) for x, mask in zip(features, valid, strict=True)]
    codes: dict[int, np.ndarray] = {}
    order = sorted(range(len(features)), key=lambda i: len(features[i]))
    for at in range(0, len(order), _TOGETHER):
        group = order[at : at + _TOGETHER]
        longest = len(features[group[-1]])
        # a causal encoder does not see what stands after the end
        padded = [np.pad(features[i], ((0, longest - len(features[i])), (0, 0)), mode="edge") for i in group]
        masks = [np.pad(valid[i], (0, longest - len(valid[i]))) for i in group]
        made = tokenizer.encode(np.stack(padded), np.stack(masks))
        codes |= {i: part[: -(-len(features[i]) // STRIDE)] for i, part in zip(group, made, strict=True)}
    return [codes[i] for i in range(len(features))]


def clips_of(data: MotionData, entries: Iterable[ClipEntry]) -> Iterable[Clip]:
    """Yield the clips of entries, from x = z = 0 and facing +z."""
    for entry in entries:
        yield to_clip(data.body[data.frames_of(entry)], name=entry.name)


def scores(pair: Pair, valid: np.ndarray | None = None) -> dict[str, float]:
    """Return the figures of one clip (see `metrics`); SOLAMI's features lack the last frame, which is left out.

    valid: (T,) bool, frames that are not damaged; None: all. Errors of poses are means over these, figures of
    movement are those of the longest stretch of them.
    """
    frames = min(pair.true.frames, pair.made.frames)
    true = forward(pair.true.root_m[:frames], pair.true.rotations[:frames], body_only=True)[0]
    made = forward(pair.made.root_m[:frames], pair.made.rotations[:frames], body_only=True)[0]
    whole = np.ones(frames, bool) if valid is None else valid[:frames]
    standing = contacts_of(pair.true)[:frames]
    away = np.linalg.norm(made[-1, 0, [0, 2]] - true[-1, 0, [0, 2]])
    turns = [clip.rotations[:frames, 1:22][whole] for clip in (pair.made, pair.true)]
    poses = made[whole], true[whole]
    run = _longest_run(whole)
    return {
        "mpjpe_mm": metrics.mpjpe_mm(*poses),
        "world_mpjpe_mm": metrics.world_mpjpe_mm(*poses),
        "pa_mpjpe_mm": metrics.pa_mpjpe_mm(*poses),
        "wrist_mm": metrics.wrist_mm(*poses),
        "rotation_deg": metrics.rotation_error_deg(*turns),
        "acceleration_m_s2": metrics.acceleration_error_m_s2(made[run], true[run], FPS),
        "jitter_ratio": metrics.jitter_ratio(made[run], true[run]),
        "energy_ratio": metrics.energy_ratio(made[run], true[run]),
        "foot_skate_cm_s": metrics.foot_skate_cm_s(made[run], standing[run], FPS),
        "recorded_skate_cm_s": metrics.foot_skate_cm_s(true[run], standing[run], FPS),
        "drift_m_per_min": float(away / (frames / FPS) * 60),
    }


def _longest_run(valid: np.ndarray) -> slice:
    """Return where the longest stretch of true values (T,) lies."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], valid, [False]]).astype(np.int8)))
    starts, ends = edges[::2], edges[1::2]
    longest = (ends - starts).argmax()
    return slice(int(starts[longest]), int(ends[longest]))


def mean_scores(rows: list[dict[str, float]]) -> dict[str, float]:
    """Return the mean of each figure over clips; a figure that a clip cannot have (skate without a standing foot) is
    left out of its mean."""
    figures: dict[str, float] = {}
    for name in rows[0]:
        known = [row[name] for row in rows if np.isfinite(row[name])]
        if known:
            figures[name] = float(np.mean(known))
    return figures


def evaluate(tokenizer: MotionTokenizer, data: MotionData, split: str, clips: int | None = None) -> dict[str, float]:
    """Return the mean figures over the clips of a split (the first `clips` of them), and those of the codes.

    Raises InputError when the split has no clip of four undamaged frames or more.
    """
    rows, counts = [], [np.zeros(size, np.int64) for size in tokenizer.quantiser.sizes]
    judged = [(e, data.valid[data.frames_of(e)]) for e in data.of(split)[:clips]]
    judged = [(entry, valid) for entry, valid in judged if valid.sum() >= SHORTEST]
    recordings = list(clips_of(data, [entry for entry, _ in judged]))
    features = [tokenizer.features_of(clip) for clip in recordings]
    codes = _encoded(tokenizer, features, [valid for _, valid in judged])
    for clip, (_, valid), x, made in zip(recordings, judged, features, codes, strict=True):
        rows.append(scores(_pair(tokenizer, clip, made, len(x)), valid))
        for level, size in enumerate(tokenizer.quantiser.sizes):
            counts[level] += metrics.code_counts(made[:, level], size)
    if not rows:
        raise InputError(f"motion data: no clip of {SHORTEST} or more frames in split '{split}'")
    figures = mean_scores(rows)
    figures["code_usage"] = float(np.mean([metrics.usage(c) for c in counts]))
    figures["perplexity"] = float(np.mean([metrics.perplexity(c) for c in counts]))
    figures["entropy"] = float(np.mean([metrics.entropy_share(c) for c in counts]))
    figures["clips"] = len(rows)
    return figures

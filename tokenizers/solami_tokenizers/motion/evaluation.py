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

__all__ = ["SHORTEST", "Pair", "clips_of", "evaluate", "figures_of", "long_enough", "mean_scores", "pairs_of", "scores"]

SHORTEST = 4  # undamaged frames of a clip that is judged: one token
_TOGETHER = 16  # recordings that are encoded in closed loop side by side


@dataclass(frozen=True, slots=True)
class Pair:
    """A recording and its reconstruction, frame by frame, both from x = z = 0 and facing +z."""

    true: Clip
    made: Clip
    codes: np.ndarray
    """(T', Q) int64."""
    valid: np.ndarray
    """(T,) bool, frames of the recording that are not damaged."""


def long_enough(data: MotionData, entries: Iterable[ClipEntry]) -> list[ClipEntry]:
    """Return the clips that can be judged: of four undamaged frames or more."""
    return [entry for entry in entries if data.valid[data.frames_of(entry)].sum() >= SHORTEST]


def pairs_of(tokenizer: MotionTokenizer, data: MotionData, entries: Iterable[ClipEntry]) -> list[Pair]:
    """Return recordings and what the tokenizer makes of them; those that cannot be judged are left out."""
    entries = long_enough(data, entries)
    clips = list(clips_of(data, entries))
    valid = [data.valid[data.frames_of(entry)] for entry in entries]
    features = [tokenizer.features_of(clip) for clip in clips]
    codes = _encoded(tokenizer, features, valid)
    pairs = []
    for clip, x, code, mask in zip(clips, features, codes, valid, strict=True):
        decoded, contacts = tokenizer.decode_with_contacts(code, frames=len(x))
        made = tokenizer.clip_of(decoded, contacts, RootState(), name=clip.name)
        pairs.append(Pair(clip, made, code, mask))
    return pairs


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


def scores(pair: Pair) -> dict[str, float]:
    """Return the figures of one clip (see `metrics`); SOLAMI's features lack the last frame, which is left out.

    Errors of poses are means over the undamaged frames, figures of movement those of the longest stretch of them.
    """
    frames = min(pair.true.frames, pair.made.frames)
    true = forward(pair.true.root_m[:frames], pair.true.rotations[:frames], body_only=True)[0]
    made = forward(pair.made.root_m[:frames], pair.made.rotations[:frames], body_only=True)[0]
    whole = pair.valid[:frames]
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
    pairs = pairs_of(tokenizer, data, data.of(split)[:clips])
    if not pairs:
        raise InputError(f"motion data: no clip of {SHORTEST} or more frames in split '{split}'")
    return figures_of(tokenizer, pairs)


def figures_of(tokenizer: MotionTokenizer, pairs: Sequence[Pair]) -> dict[str, float]:
    """Return the mean figures of pairs, at least one, and those of the tokenizer's codes."""
    counts = [np.zeros(size, np.int64) for size in tokenizer.quantiser.sizes]
    for pair in pairs:
        for level, size in enumerate(tokenizer.quantiser.sizes):
            counts[level] += metrics.code_counts(pair.codes[:, level], size)
    figures = mean_scores([scores(pair) for pair in pairs])
    figures["code_usage"] = float(np.mean([metrics.usage(c) for c in counts]))
    figures["perplexity"] = float(np.mean([metrics.perplexity(c) for c in counts]))
    figures["entropy"] = float(np.mean([metrics.entropy_share(c) for c in counts]))
    figures["clips"] = len(pairs)
    return figures

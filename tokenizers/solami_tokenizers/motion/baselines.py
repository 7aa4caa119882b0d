"""What any tokenizer must beat: the mean pose, true poses held at the token rate, and the nearest training motion."""

from collections.abc import Callable, Iterable

import numpy as np

from solami_tokenizers.motion.batches import frames_that_count
from solami_tokenizers.motion.evaluation import Pair, clips_of, long_enough, mean_scores, scores
from solami_tokenizers.motion.features import to_clip
from solami_tokenizers.motion.motion_data import TRAIN, MotionData
from solami_tokenizers.motion.networks import STRIDE
from solami_tokenizers.motion.normalise import Normaliser

__all__ = ["BASELINES", "evaluate_baseline"]

Maker = Callable[[np.ndarray], np.ndarray]
_KEPT_WINDOWS = 40_000


def _mean_pose(data: MotionData) -> Maker:
    mean = frames_that_count(data, data.of(TRAIN), data.body).mean(axis=0)
    mean[:3] = 0  # a mean velocity would walk away
    return lambda body: np.tile(mean, (len(body), 1)).astype(np.float32)


def _held(data: MotionData) -> Maker:
    def hold(body: np.ndarray) -> np.ndarray:
        at = np.arange(len(body)) // STRIDE * STRIDE
        out = body[at].copy()
        out[:, :3] = body[:, :3]  # the root goes its true way, the pose is held
        return out

    return hold


def _nearest(data: MotionData) -> Maker:
    """Each token's four frames are the four training frames nearest to them: a codebook of all that was seen."""
    stats = Normaliser.fit(frames_that_count(data, data.of(TRAIN), data.body))
    windows = [
        data.body[clip.start + k : clip.start + k + STRIDE]
        for clip in data.of(TRAIN)
        for k in range(0, clip.frames - STRIDE + 1, 2)
    ]
    bank = np.stack(windows[:: max(1, len(windows) // _KEPT_WINDOWS)])  # (N, 4, 136)
    flat = stats.apply(bank).reshape(len(bank), -1)
    norms = (flat**2).sum(axis=1)

    def find(body: np.ndarray) -> np.ndarray:
        tokens = -(-len(body) // STRIDE)
        padded = np.concatenate([body, np.repeat(body[-1:], tokens * STRIDE - len(body), axis=0)])
        wanted = stats.apply(padded).reshape(tokens, -1)
        best = np.concatenate(
            [(norms - 2 * part @ flat.T).argmin(axis=1) for part in np.array_split(wanted, 1 + tokens // 256)]
        )
        return bank[best].reshape(-1, body.shape[1])[: len(body)]

    return find


BASELINES: dict[str, Callable[[MotionData], Maker]] = {
    "mean_pose": _mean_pose,
    "true_poses_held_7_5hz": _held,
    "nearest_training_motion": _nearest,
}


def evaluate_baseline(name: str, data: MotionData, splits: Iterable[str]) -> dict[str, dict[str, float]]:
    """Return the figures of one baseline by split."""
    make = BASELINES[name](data)
    out: dict[str, dict[str, float]] = {}
    for split in splits:
        rows = []
        entries = long_enough(data, data.of(split))
        for entry, clip in zip(entries, clips_of(data, entries), strict=True):
            valid = data.valid[data.frames_of(entry)]
            made = to_clip(make(data.body[data.frames_of(entry)]), name=clip.name)
            rows.append(scores(Pair(clip, made, np.zeros((0, 1), np.int64), valid)))
        out[split] = mean_scores(rows)
    return out

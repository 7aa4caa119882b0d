"""Windows of recordings for training: drawn at random, mirrored, faster or slower, taller or shorter."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from solami_protocol.errors import InputError
from solami_tokenizers.motion.augment import TABLES, mirror_contacts
from solami_tokenizers.motion.features import to_clip
from solami_tokenizers.motion.motion_data import ClipEntry, MotionData
from solami_tokenizers.motion.normalise import Normaliser
from solami_tokenizers.motion.solami_features import SOLAMI_BODY, solami_features
from solami_tokenizers.motion.trainer_config import AugmentSettings

__all__ = ["Batch", "WindowSampler", "features_for", "frames_that_count"]


@dataclass(frozen=True, slots=True)
class Batch:
    """What one step sees."""

    features: Tensor
    """(B, T, D) float32, normalised."""
    contacts: Tensor
    """(B, T, 4) float32, 0 or 1."""
    mask: Tensor
    """(B, T) bool, frames that count."""
    scale: Tensor
    """(B,) float32, body heights over the skeleton's own."""

    def to(self, device: str) -> "Batch":
        """Return the batch on a device."""
        return Batch(*(getattr(self, name).to(device) for name in ("features", "contacts", "mask", "scale")))


def features_for(data: MotionData, kind: str) -> np.ndarray:
    """Return the features (N, D) of one kind for all frames of the data.

    SOLAMI's have a frame less a clip; the last one is repeated, so that frames keep their places.
    Raises InputError where the data has no such features.
    """
    match kind:
        case "body":
            return data.body
        case "hand":
            if data.hands is None:
                raise InputError("motion data: holds no hands; a hand tokenizer needs them")
            return data.hands
        case "humanml3d":
            raise InputError("motion data: holds no HumanML3D features; such tokenizers are imported, not trained here")
        case _:
            out = np.zeros((len(data.body), SOLAMI_BODY.stop), dtype=np.float32)
            for clip in data.clips:
                part = data.frames_of(clip)
                if clip.frames > 1:
                    made = solami_features(to_clip(data.body[part], name=clip.name))[:, SOLAMI_BODY]
                    out[part] = np.concatenate([made, made[-1:]])
            return out


class WindowSampler:
    """Draws windows of some clips; the same generator state gives the same windows."""

    def __init__(
        self,
        data: MotionData,
        clips: tuple[ClipEntry, ...],
        features: np.ndarray,
        kind: str,
        normaliser: Normaliser,
        augment: AugmentSettings,
        balance: float = 0.0,
    ) -> None:
        """balance: 0 draws every frame as often as any other, 1 every content."""
        self._starts = np.array([clip.start for clip in clips])
        self._frames = np.array([clip.frames for clip in clips])
        self._chance = _chances(clips, balance)
        self._features, self._contacts, self._valid = features, data.contacts, data.valid
        self._table, self._normaliser, self._augment = TABLES[kind], normaliser, augment

    def draw(self, rng: np.random.Generator, batch: int, window: int) -> Batch:
        """Return a batch of windows (a clip that is too short holds its last frame, which does not count)."""
        settings = self._augment
        clip = rng.choice(len(self._starts), size=batch, p=self._chance)
        tempo = rng.uniform(1 - settings.tempo, 1 + settings.tempo, batch).astype(np.float32)
        scale = rng.uniform(1 - settings.height, 1 + settings.height, batch).astype(np.float32)
        mirrored = rng.random(batch) < settings.mirror
        last = self._frames[clip] - 1.0
        begin = rng.random(batch) * np.maximum(last - tempo * (window - 1), 0)
        if not settings.tempo:
            begin = np.floor(begin)
        at = begin[:, None] + tempo[:, None] * np.arange(window)
        inside = at <= last[:, None] + 1e-6
        at = np.minimum(at, last[:, None])
        low = np.floor(at).astype(np.int64)
        share = (at - low).astype(np.float32)[..., None]
        low += self._starts[clip][:, None]
        high = np.minimum(low + 1, (self._starts[clip] + self._frames[clip] - 1)[:, None])
        # frames are 33 ms apart, where the mean of two rot6d is as good as a slerp to 1e-3
        x = self._features[low] * (1 - share) + self._features[high] * share
        x = self._table.resize(self._table.retime(x, tempo[:, None]), scale[:, None])
        contacts = self._contacts[np.where(share[..., 0] < 0.5, low, high)].astype(np.float32)
        x[mirrored] = self._table.mirror(x[mirrored])
        contacts[mirrored] = mirror_contacts(contacts[mirrored])
        counts = inside & self._valid[low] & self._valid[high]
        if settings.mix:
            self._mix(rng, x, counts)
        return Batch(
            torch.from_numpy(self._normaliser.apply(x)),
            torch.from_numpy(contacts),
            torch.from_numpy(counts),
            torch.from_numpy(scale),
        )

    def _mix(self, rng: np.random.Generator, x: np.ndarray, counts: np.ndarray) -> None:
        """Give some windows of x (B, T, D) the trunk and the arms of others, in place; counts (B, T): their frames."""
        lent, lent_counts = x.copy(), counts.copy()
        some = np.flatnonzero(rng.random(len(x)) < self._augment.mix)
        for columns in self._table.limbs:
            donors = rng.integers(len(x), size=len(some))
            x[some[:, None], :, columns] = lent[donors[:, None], :, columns]
            counts[some] &= lent_counts[donors]


def _chances(clips: tuple[ClipEntry, ...], balance: float) -> np.ndarray:
    """Return how likely each clip is drawn: by its frames, a content of F in all as if it had F^(1 - balance)."""
    frames = np.array([clip.frames for clip in clips], np.float64)
    contents = [clip.labels.get("content") or "" for clip in clips]
    sums: dict[str, float] = {}
    for content, count in zip(contents, frames, strict=True):
        sums[content] = sums.get(content, 0.0) + count
    chance = frames * np.array([sums[content] for content in contents]) ** -balance
    return chance / chance.sum()


def frames_that_count(data: MotionData, clips: tuple[ClipEntry, ...], features: np.ndarray) -> np.ndarray:
    """Return the features of these clips' frames that count, for statistics."""
    index = np.concatenate([np.arange(clip.start, clip.start + clip.frames) for clip in clips])
    return features[index[data.valid[index]]]

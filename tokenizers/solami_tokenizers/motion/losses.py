"""What training minimises: features, joints in metres, true differences in time, feet on the floor, the root's way.

Weights after the pilot (see the notes of each field); the geometry terms are ramped, since from step 0 they can
collapse a codebook.
"""

from dataclasses import dataclass

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from solami_protocol.settings import Settings
from solami_tokenizers.motion.body_torch import joint_places, joint_steps, root_track
from solami_tokenizers.motion.contacts import CONTACT_JOINTS
from solami_tokenizers.motion.features import HEIGHT
from solami_tokenizers.motion.tokenizer import MotionTokenizer, Reconstruction

__all__ = ["LossSettings", "Losses", "losses_of"]


class LossSettings(Settings):
    """Weights of the terms."""

    beta: float = Field(0.5, gt=0)
    """Where the smooth L1 of normalised features turns from square to linear, in deviations."""
    root: float = Field(5.0, gt=0)
    """How much more the root's four numbers (yaw rate, velocity, height) count than a joint's: they are 4 of 136, and
    an error in them turns or moves the whole body from then on."""
    geometry: float = Field(0.3, ge=0)
    """All terms below, once ramped up; 0 trains on features alone."""
    places: float = Field(5.0, ge=0)
    """Joint positions, per metre."""
    steps: float = Field(50.0, ge=0)
    """Joint steps from frame to frame, per metre."""
    acceleration: float = Field(10.0, ge=0)
    """Differences of those steps, per metre."""
    track: float = Field(2.0, ge=0)
    """The root's integrated way, per metre and radian."""
    contact: float = Field(0.5, ge=0)
    """Cross entropy of foot contacts."""
    slide: float = Field(50.0, ge=0)
    """Steps of feet that stand in the recording, per metre."""
    solami: bool = False
    """SOLAMI's loss: smooth L1, and once more with weight 2 on the first 75 features."""
    share: float = Field(0.25, gt=0, le=1)
    """Share of the batch that the geometry terms are computed on."""


@dataclass(frozen=True, slots=True)
class Losses:
    """The sum to minimise and its parts (unweighted, as numbers to log)."""

    total: Tensor
    parts: dict[str, Tensor]


def losses_of(
    tokenizer: MotionTokenizer,
    target: Tensor,
    made: Reconstruction,
    settings: LossSettings,
    *,
    contacts: Tensor,
    mask: Tensor,
    scale: Tensor | None = None,
    ramp: float = 1.0,
) -> Losses:
    """Return the loss of a batch.

    target: normalised features (B, T, D); contacts (B, T, 4) 0 or 1; mask (B, T) bool, frames that count; scale (B,)
    body heights; ramp: 0 to 1, share of the geometry terms.
    """
    out = made.features.float()
    beta = 1.0 if settings.solami else settings.beta
    off = F.smooth_l1_loss(out, target, reduction="none", beta=beta)
    if tokenizer.settings.features == "body" and not settings.solami:
        off = torch.cat([settings.root * off[..., : HEIGHT.stop], off[..., HEIGHT.stop :]], dim=-1)
    parts = {"features": _masked(off, mask)}
    total = parts["features"]
    if settings.solami:
        parts["lower"] = _masked(F.smooth_l1_loss(out[..., :75], target[..., :75], reduction="none"), mask)
        total = total + 2 * parts["lower"]
    if made.contacts is not None:
        logits = made.contacts.float()
        parts["contact"] = _masked(F.binary_cross_entropy_with_logits(logits, contacts, reduction="none"), mask)
        total = total + settings.contact * parts["contact"]
    if settings.geometry and tokenizer.settings.features == "body":
        some = slice(0, max(1, round(settings.share * len(out))))
        terms = _geometry(
            out[some] * tokenizer.deviation + tokenizer.mean,
            target[some] * tokenizer.deviation + tokenizer.mean,
            contacts[some],
            mask[some],
            None if scale is None else scale[some],
        )
        weight = settings.geometry * ramp
        total = total + weight * sum(getattr(settings, name) * term for name, term in terms.items())
        parts |= terms
    parts["commitment"] = made.quantised.loss
    return Losses(total + made.quantised.loss, {name: term.detach() for name, term in parts.items()})


def _geometry(out: Tensor, target: Tensor, contacts: Tensor, mask: Tensor, scale: Tensor | None) -> dict[str, Tensor]:
    """Return the geometry terms of features (B, T, 136), each in metres (or metres a frame)."""
    places, true_places = joint_places(out, scale), joint_places(target, scale)
    steps, true_steps = joint_steps(out, places), joint_steps(target, true_places)
    pairs = mask[:, 1:] & mask[:, :-1]
    triples = pairs[:, 1:] & pairs[:, :-1]
    standing = (contacts[:, 1:] * contacts[:, :-1]) * pairs[..., None]
    feet = steps[:, :, CONTACT_JOINTS].norm(dim=-1)
    return {
        "places": _masked((places - true_places).abs().flatten(2), mask),
        "steps": _masked((steps - true_steps).abs().flatten(2), pairs),
        "acceleration": _masked((steps - true_steps).diff(dim=1).abs().flatten(2), triples),
        "track": _masked((root_track(out) - root_track(target)).abs(), mask),
        "slide": (feet * standing).sum() / standing.sum().clamp_min(1),
    }


def _masked(values: Tensor, mask: Tensor) -> Tensor:
    """Return the mean of values (B, T, D) over the frames that count."""
    weight = mask[..., None].to(values.dtype)
    return (values * weight).sum() / (weight.sum() * values.shape[-1]).clamp_min(1)

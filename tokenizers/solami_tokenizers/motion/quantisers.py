"""Latents to codes and back: EMA codebooks, residual EMA codebooks and finite scalars behind one interface.

The quantisers are those of `vector-quantize-pytorch`. Code sums and counts are buffers, so a continued training goes on
with the codebook it had; a revived code gets fresh sums. All of it runs in float32: bfloat16 cannot tell indices above
256 apart.
"""

import math
from dataclasses import dataclass
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from vector_quantize_pytorch import FSQ, ResidualVQ, VectorQuantize

from solami_protocol.errors import InputError
from solami_protocol.settings import Settings

__all__ = ["Quantised", "Quantiser", "QuantiserSettings"]


class QuantiserSettings(Settings):
    """Which codes, and how many."""

    kind: Literal["ema", "residual", "fsq"] = "ema"
    size: int = Field(512, ge=2, le=65536)
    """Codes in each codebook (ema, residual)."""
    depth: int = Field(4, ge=1, le=16)
    """Codebooks, one behind the other (residual)."""
    levels: tuple[int, ...] = (8, 8, 8, 6, 5)
    """Values of each scalar (fsq)."""
    decay: float = Field(0.99, gt=0, lt=1)
    commitment: float = Field(0.25, ge=0)
    revive_below: float = Field(0.5, ge=0)
    """A code used less often than this in a batch (running mean) is put on a latent of the batch."""
    drop: bool = True
    """Train with the finer codebooks left out now and then, so that the first ones carry most (residual)."""
    beam: int = Field(1, ge=1, le=16)
    """Encode by beam search over the codebooks (residual)."""


@dataclass(frozen=True, slots=True)
class Quantised:
    """Latents after quantisation."""

    latents: Tensor
    """(B, T, D) float32; gradients go straight through to the encoder."""
    codes: Tensor
    """(B, T, Q) int64; -1 where training left a codebook out."""
    loss: Tensor
    """Commitment, a scalar."""


class Quantiser(nn.Module):
    """Latents (B, T, D) to codes (B, T, Q) and back."""

    def __init__(self, settings: QuantiserSettings, dim: int) -> None:
        super().__init__()
        self.settings = settings
        codebook = {
            "codebook_size": settings.size,
            "decay": settings.decay,
            "commitment_weight": settings.commitment,
            "threshold_ema_dead_code": settings.revive_below,
            "kmeans_init": True,
            "rotation_trick": False,
        }
        self.inner: nn.Module
        match settings.kind:
            case "ema":
                self.inner = VectorQuantize(dim, **codebook)
                self.sizes: tuple[int, ...] = (settings.size,)
            case "residual":
                self.inner = ResidualVQ(
                    dim=dim,
                    num_quantizers=settings.depth,
                    quantize_dropout=settings.drop,
                    beam_size=1,
                    eval_beam_size=settings.beam,
                    **codebook,
                )
                self.sizes = (settings.size,) * settings.depth
            case "fsq":
                self.inner = FSQ(list(settings.levels), dim=dim)
                self.sizes = (math.prod(settings.levels),)

    @property
    def bits(self) -> float:
        """Return the bits of one token."""
        return sum(math.log2(size) for size in self.sizes)

    def forward(self, latents: Tensor, mask: Tensor | None = None) -> Quantised:
        """Return quantised latents (B, T, D); mask (B, T) bool leaves out tokens that do not count."""
        with torch.autocast(latents.device.type, enabled=False):
            latents = latents.float()
            self._prepare()
            if isinstance(self.inner, FSQ):
                out, codes = self.inner(latents)
                return Quantised(out, codes[..., None].long(), latents.new_zeros(()))
            out, codes, loss = self.inner(latents, mask=None if mask is None or mask.all() else mask)
            codes = codes if codes.ndim == 3 else codes[..., None]
            return Quantised(out, codes, loss.sum())

    def _prepare(self) -> None:
        """See to it that no codebook is still empty when it is used."""
        ready = all(bool(b) for name, b in self.named_buffers() if name.endswith("initted"))
        if not ready and not self.training:
            raise InputError("this tokenizer has never been trained: its codebook is empty")
        if isinstance(self.inner, ResidualVQ):
            # a codebook is filled from the first batch that it sees, so the first one leaves none out
            self.inner.quantize_dropout = self.settings.drop and ready and self.settings.depth > 1

    def let_rest(self) -> None:
        """Revive no code any more."""
        for module in self.inner.modules():
            if hasattr(module, "threshold_ema_dead_code"):  # the library's codebooks, whatever their class
                setattr(module, "threshold_ema_dead_code", 0)  # noqa: B010

    def latents_of(self, codes: Tensor) -> Tensor:
        """Return latents (B, T, D) float32 of codes (B, T, Q); the caller has checked them."""
        if isinstance(self.inner, FSQ):
            return self.inner.indices_to_codes(codes[..., 0].int())
        if isinstance(self.inner, ResidualVQ):
            return self.inner.get_output_from_indices(codes)
        return self.inner.get_output_from_indices(codes[..., 0])  # type: ignore[operator]

    def codebooks(self) -> list[Tensor]:
        """Return the codebooks, each (size, D); a token's latent is the sum of one code of each."""
        if isinstance(self.inner, FSQ):
            raise InputError("finite scalars have no codebooks")
        layers = self.inner.layers if isinstance(self.inner, ResidualVQ) else [self.inner]
        return [layer.codebook for layer in layers]  # type: ignore[union-attr, misc]

    def check(self, codes: Tensor) -> None:
        """Raise InputError unless codes (..., Q) are integers of the right number and in range."""
        if codes.ndim < 2 or codes.shape[-1] != len(self.sizes) or codes.is_floating_point():
            raise InputError(
                f"codes: shape {tuple(codes.shape)} of {codes.dtype}; expected (T, {len(self.sizes)}) integers"
            )
        if codes.numel() == 0:
            raise InputError("codes: holds 0 tokens; expected at least one")
        for level, size in enumerate(self.sizes):
            part = codes[..., level]
            if int(part.min()) < 0 or int(part.max()) >= size:
                worst = int(part.max()) if int(part.max()) >= size else int(part.min())
                raise InputError(f"codes: {worst} in codebook {level} is out of range; expected 0 to {size - 1}")

    def random_codes(self, shape: tuple[int, int], device: torch.device) -> Tensor:
        """Return codes (*shape, Q) drawn evenly: what a language model's slip looks like to the decoder."""
        return torch.stack([torch.randint(size, shape, device=device) for size in self.sizes], dim=-1)

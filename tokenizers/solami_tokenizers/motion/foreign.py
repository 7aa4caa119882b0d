"""Tokenizers of SOLAMI, MotionGPT and T2M-GPT, made usable here.

Their checkpoints hold networks and codebooks; the statistics of the features lie in files of their own
(`all_mean_variance_post.npz`, `Mean.npy` and `Std.npy`) and must be given.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from solami_protocol.errors import InputError
from solami_tokenizers.motion.normalise import Normaliser
from solami_tokenizers.motion.pretrained import build
from solami_tokenizers.motion.quantisers import QuantiserSettings
from solami_tokenizers.motion.solami_mode import import_network
from solami_tokenizers.motion.tokenizer import MotionTokenizer
from solami_tokenizers.motion.tokenizer_config import FEATURE_WIDTHS, TokenizerSettings

__all__ = ["import_tokenizer", "read_checkpoint", "read_statistics"]

_KINDS = {135: "solami_body", 180: "hand", 263: "humanml3d"}


def read_checkpoint(path: Path) -> Mapping[str, Any]:
    """Return a PyTorch checkpoint's mapping, tensors only (no code is run); InputError names a file that is none."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as exc:  # torch raises whatever the damaged bytes lead to
        raise InputError(f"{path}: not a PyTorch checkpoint of plain tensors ({exc})") from exc
    if not isinstance(state, Mapping):
        raise InputError(f"{path}: holds a {type(state).__name__}; expected a state dict")
    return state


def read_statistics(mean: Path, deviation: Path) -> Normaliser:
    """Return the statistics in two `.npy` files (`Mean.npy`, `Std.npy`); deviations of 0 count as 1e-9, as there.

    Raises InputError that names a file which is none, or does not fit the other.
    """
    parts = []
    for path in (mean, deviation):
        try:
            part = np.load(path, allow_pickle=False)
        except (OSError, ValueError, EOFError) as exc:
            raise InputError(f"{path}: not a numpy file of numbers ({exc})") from exc
        if part.ndim != 1 or not np.isfinite(part).all():
            raise InputError(f"{path}: holds {part.shape}; expected one finite number a feature")
        parts.append(part.astype(np.float32))
    if parts[0].shape != parts[1].shape:
        raise InputError(f"{deviation}: {len(parts[1])} features, {mean} has {len(parts[0])}; expected as many")
    return Normaliser(parts[0], np.maximum(parts[1], np.float32(1e-9)))


def import_tokenizer(state: Mapping[str, Any], normaliser: Normaliser, prefix: str | None = None) -> MotionTokenizer:
    """Return a tokenizer with a foreign network's weights.

    state: a state dict, or the checkpoint around it; prefix: which network (`vqvae.`, `vae_body.`) where there are
    several. 135 features become `solami_body`, 180 `hand`, 263 `humanml3d`. Raises InputError that names the fault.
    """
    shape, encoder, decoder, codebook = import_network(state, prefix)
    kind = _KINDS.get(shape.inputs)
    if kind is None:
        known = ", ".join(f"{width} ({name})" for width, name in _KINDS.items())
        raise InputError(f"state dict: its network takes {shape.inputs} features; known are {known}")
    if normaliser.mean.shape != (FEATURE_WIDTHS[kind],):
        raise InputError(f"statistics of {normaliser.mean.shape[0]} features; the network takes {shape.inputs}")
    settings = TokenizerSettings.model_validate(
        {
            "features": kind,
            "network": "symmetric",
            "width": shape.width,
            "latent": shape.latent,
            "dilations": shape.dilations,
            "contacts": False,
            "quantiser": QuantiserSettings(kind="ema", size=len(codebook)),
        }
    )
    tensors: dict[str, Tensor] = {f"encoder.{name}": value for name, value in encoder.items()}
    tensors |= {f"decoder.{name}": value for name, value in decoder.items()}
    tensors["quantiser.inner._codebook.embed"] = codebook[None]
    tensors["mean"] = torch.from_numpy(np.asarray(normaliser.mean, np.float32))
    tensors["deviation"] = torch.from_numpy(np.asarray(normaliser.deviation, np.float32))
    return build(settings, tensors, "state dict")

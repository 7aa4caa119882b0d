"""SOLAMI's way to write a relative transform: one learned code of 256. An option beside the scalar bins of `relative`.

The shape is SOLAMI's (a network 5-48-96-16 and back, 256 codes of 16 numbers, one code a transform); neither its
weights nor their names are published, so this one is trained here.
"""

import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F

from solami_protocol.errors import InputError
from solami_tokenizers.motion.quantisers import Quantiser, QuantiserSettings
from solami_tokenizers.motion.relative import RELATIVE_WIDTH

__all__ = ["RelativeCodebook", "relative_errors", "train_relative"]

FORMAT = "solami-relative-codebook"
_WIDTHS, _LATENT, _CODES = (48, 96), 16, 256
_TRAINING_ONLY = ("embed_avg", "cluster_size", "initted")


class RelativeCodebook(nn.Module):
    """Codes (..., 1) of relative transforms (..., 5), see `relative_features`."""

    mean: Tensor
    deviation: Tensor

    def __init__(self, mean: np.ndarray, deviation: np.ndarray) -> None:
        super().__init__()
        self.encoder = _network((RELATIVE_WIDTH, *_WIDTHS, _LATENT))
        self.decoder = _network((_LATENT, *reversed(_WIDTHS), RELATIVE_WIDTH))
        self.quantiser = Quantiser(QuantiserSettings(kind="ema", size=_CODES, revive_below=1.0), _LATENT)
        self.register_buffer("mean", torch.as_tensor(mean, dtype=torch.float32))
        self.register_buffer("deviation", torch.as_tensor(deviation, dtype=torch.float32))

    @property
    def sizes(self) -> tuple[int]:
        """Return how many values the code has."""
        return (_CODES,)

    def forward(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return normalised features (1, N, 5) after coding, and the commitment loss."""
        quantised = self.quantiser(self.encoder((features - self.mean) / self.deviation))
        return self.decoder(quantised.latents), quantised.loss

    @torch.inference_mode()
    def encode(self, features: np.ndarray) -> np.ndarray:
        """Return codes (..., 1) int64. Raises InputError for another width or numbers that are not finite."""
        if features.shape[-1] != RELATIVE_WIDTH or not np.isfinite(features).all():
            raise InputError(f"relative transform: shape {features.shape}; expected (..., 5) finite numbers")
        flat = torch.from_numpy(features.astype(np.float32)).reshape(1, -1, RELATIVE_WIDTH)
        codes = self.quantiser(self.encoder((flat - self.mean) / self.deviation)).codes
        return codes.numpy().reshape(*features.shape[:-1], 1)

    @torch.inference_mode()
    def decode(self, codes: np.ndarray) -> np.ndarray:
        """Return features (..., 5) float32, cos and sin on the circle. Raises InputError for codes out of range."""
        given = torch.from_numpy(np.ascontiguousarray(codes)).reshape(1, -1, codes.shape[-1])
        self.quantiser.check(given)
        out = self.decoder(self.quantiser.latents_of(given)) * self.deviation + self.mean
        out = torch.cat([F.normalize(out[..., :2], dim=-1), out[..., 2:]], dim=-1)
        return out.numpy().reshape(*codes.shape[:-1], RELATIVE_WIDTH)

    def save_pretrained(self, folder: Path) -> None:
        """Write `config.json` and `model.safetensors` into a folder, made if missing."""
        folder.mkdir(parents=True, exist_ok=True)
        kept = {k: v.contiguous() for k, v in self.state_dict().items() if k.rsplit(".", 1)[-1] not in _TRAINING_ONLY}
        save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
        (folder / "config.json").write_text(json.dumps({"format": FORMAT, "version": 1}) + "\n")

    @classmethod
    def from_pretrained(cls, folder: Path) -> "RelativeCodebook":
        """Return what `save_pretrained` wrote; raises InputError that names the file and the fault."""
        made = cls(np.zeros(RELATIVE_WIDTH), np.ones(RELATIVE_WIDTH))
        try:
            config = json.loads((folder / "config.json").read_text())
            tensors = load_file(folder / "model.safetensors")
        except (OSError, ValueError, SafetensorError) as exc:
            raise InputError(f"{folder}: not a whole relative codebook ({exc})") from exc
        if not isinstance(config, dict) or config.get("format") != FORMAT:
            raise InputError(f"{folder}/config.json: expected format '{FORMAT}'")
        own = made.state_dict()
        if set(tensors) != {k for k in own if k.rsplit(".", 1)[-1] not in _TRAINING_ONLY}:
            raise InputError(f"{folder}/model.safetensors: holds other tensors than a relative codebook")
        state = {**own, **tensors}
        for name in own:
            if name.endswith("initted"):
                state[name] = torch.ones_like(own[name])
            elif name.endswith("embed_avg"):
                state[name] = state[name.removesuffix("_avg")].clone()
        made.load_state_dict(state)
        return made.eval()


def _network(widths: tuple[int, ...]) -> nn.Sequential:
    layers: list[nn.Module] = []
    for a, b in pairwise(widths):
        layers += [nn.Linear(a, b), nn.ReLU()]
    return nn.Sequential(*layers[:-1])


def train_relative(features: np.ndarray, steps: int = 3000, batch: int = 512, seed: int = 0) -> RelativeCodebook:
    """Return a codebook trained on transforms (N, 5). Raises InputError for too few of them."""
    if features.ndim != 2 or features.shape[1] != RELATIVE_WIDTH or len(features) < _CODES:
        raise InputError(f"relative transforms: shape {features.shape}; expected ({_CODES} or more, 5)")
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    made = RelativeCodebook(features.mean(axis=0), np.maximum(features.std(axis=0), 0.05))
    optimiser = torch.optim.AdamW(made.parameters(), lr=2e-3, betas=(0.9, 0.99))
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps, eta_min=2e-5)
    made.train()
    for _ in range(steps):
        x = torch.from_numpy(features[rng.integers(len(features), size=batch)].astype(np.float32))[None]
        out, commitment = made(x)
        loss = F.smooth_l1_loss(out, (x - made.mean) / made.deviation) + commitment
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    return made.eval()


def relative_errors(decoded: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Return mean errors of transforms (N, 5): facing and bearing in degrees, distance as a share, height in metres."""

    def turn(a: np.ndarray) -> float:
        return float(np.degrees(np.abs((a + np.pi) % (2 * np.pi) - np.pi)).mean())

    facing, bearing = (
        [np.arctan2(f[:, sine] * sign, f[:, cosine]) for f in (decoded, true)]
        for sine, cosine, sign in ((1, 0, -1), (2, 4, 1))
    )
    away = [np.hypot(f[:, 2], f[:, 4]) for f in (decoded, true)]
    return {
        "facing_deg": turn(facing[0] - facing[1]),
        "bearing_deg": turn(bearing[0] - bearing[1]),
        "distance_share": float((np.abs(away[0] - away[1]) / np.maximum(away[1], 1e-6)).mean()),
        "height_m": float(np.abs(decoded[:, 3] - true[:, 3]).mean()),
    }

"""The symmetric network of T2M-GPT, MotionGPT and SOLAMI, and the import of its checkpoints.

Same strides and dilations as ours, zero padding on both sides, ReLU; a frame depends on 2.8 s of what follows, so it
cannot stream. Modules are nested as in those projects, so that their state dicts fit by name once the prefix is taken
off. Source of the shape: Zhang et al. 2023 (T2M-GPT), appendix; SOLAMI keeps it with 512 channels.
"""

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from solami_protocol.errors import InputError
from solami_tokenizers.motion.networks import NetworkShape
from solami_tokenizers.motion.streaming import Carry

__all__ = ["SymmetricDecoder", "SymmetricEncoder", "find_prefixes", "import_network"]


class _Block(nn.Module):
    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(width, width, 3, padding=dilation, dilation=dilation)
        self.conv2 = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv2(torch.relu(self.conv1(torch.relu(x))))


class _Blocks(nn.Module):
    def __init__(self, width: int, dilations: tuple[int, ...]) -> None:
        super().__init__()
        self.model = nn.Sequential(*(_Block(width, dilation) for dilation in dilations))

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


class SymmetricEncoder(nn.Module):
    """Features (B, inputs, 4 T) to latents (B, latent, T), seeing both ways."""

    delayed = False

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        width = shape.width
        stages = [
            nn.Sequential(nn.Conv1d(width, width, 4, stride=2, padding=1), _Blocks(width, shape.dilations))
            for _ in range(2)
        ]
        self.model = nn.Sequential(
            nn.Conv1d(shape.inputs, width, 3, padding=1),
            nn.ReLU(),
            *stages,
            nn.Conv1d(width, shape.latent, 3, padding=1),
        )

    def forward(self, x: Tensor, carry: Carry) -> Tensor:
        """Return latents; `carry` must be that of a whole recording."""
        assert carry.state is None
        return self.model(x)


class SymmetricDecoder(nn.Module):
    """Latents (B, latent, T) to features (B, outputs, 4 T), seeing both ways."""

    delayed = False

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        width = shape.width
        stages = [
            nn.Sequential(
                _Blocks(width, shape.dilations),
                nn.Upsample(scale_factor=2, mode="nearest"),
                nn.Conv1d(width, width, 3, padding=1),
            )
            for _ in range(2)
        ]
        self.model = nn.Sequential(
            nn.Conv1d(shape.latent, width, 3, padding=1),
            nn.ReLU(),
            *stages,
            nn.Conv1d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv1d(width, shape.outputs, 3, padding=1),
        )

    def forward(self, x: Tensor, carry: Carry) -> Tensor:
        """Return features; `carry` must be that of a whole recording."""
        assert carry.state is None
        return self.model(x)


_MARK = "encoder.model.0.weight"


def find_prefixes(state: Mapping[str, Tensor]) -> list[str]:
    """Return the prefixes under which a state dict holds such networks, e.g. `vqvae.` or `vae_body.`."""
    return sorted(name.removesuffix(_MARK) for name in state if name.endswith(_MARK))


def import_network(
    state: Mapping[str, Tensor], prefix: str | None = None
) -> tuple[NetworkShape, dict[str, Tensor], dict[str, Tensor], Tensor]:
    """Return (shape, encoder weights, decoder weights, codebook (K, D)) of a T2M-GPT, MotionGPT or SOLAMI state dict.

    state: the tensors, or the checkpoint around them (`net` or `state_dict`). prefix: which network, where the
    checkpoint holds several. Raises InputError that names what is missing.
    """
    for key in ("net", "state_dict"):
        inner = state.get(key)
        if isinstance(inner, Mapping):
            state = inner
    found = find_prefixes(state)
    if prefix is None:
        if len(found) != 1:
            raise InputError(f"state dict: holds {len(found)} networks ({', '.join(found)}); say which prefix")
        prefix = found[0]
    if prefix not in found:
        raise InputError(f"state dict: no '{prefix}{_MARK}'; it has {', '.join(found) or 'no such network'}")
    part = {name.removeprefix(prefix): value for name, value in state.items() if name.startswith(prefix)}
    codebook = part.get("quantizer.codebook")
    if codebook is None or codebook.ndim != 2:
        raise InputError(f"state dict: no codebook '{prefix}quantizer.codebook' (K, D)")
    encoder = {k.removeprefix("encoder."): v for k, v in part.items() if k.startswith("encoder.")}
    decoder = {k.removeprefix("decoder."): v for k, v in part.items() if k.startswith("decoder.")}
    width, inputs, _ = encoder["model.0.weight"].shape
    stages = {name.split(".")[1] for name in encoder if ".model." in name.removeprefix("model.")}
    blocks = {name.split(".")[4] for name in encoder if name.startswith("model.2.1.model.")}
    if len(stages) != 2:
        raise InputError(f"state dict: {len(stages)} stages of stride 2; expected 2 (four frames a token)")
    shape = NetworkShape(
        inputs=int(inputs),
        outputs=int(inputs),
        latent=int(codebook.shape[1]),
        width=int(width),
        dilations=tuple(3**i for i in reversed(range(len(blocks)))),
        look_ahead="none",
    )
    return shape, encoder, decoder, codebook

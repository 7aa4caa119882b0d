"""Encoder and decoder of the motion tokenizers: causal convolutions over time, four frames a token.

Two stages of stride 2, each with residual blocks dilated 9, 3, 1, no normalisation layers: the shape of T2M-GPT's
network (Zhang et al. 2023), turned causal. One convolution at the token rate may see one token ahead, in the encoder or
in the decoder; it is the only place that looks forward. Tensors are (B, channels, T).
"""

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from solami_tokenizers.motion.streaming import Carry

__all__ = ["STRIDE", "CausalConv", "CausalDecoder", "CausalEncoder", "DoublingConv", "LookAhead", "NetworkShape"]

STRIDE = 4  # frames a token
LookAhead = Literal["none", "encoder", "decoder"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkShape:
    """Sizes of one encoder and its decoder."""

    inputs: int
    outputs: int
    latent: int = 64
    width: int = 256
    dilations: tuple[int, ...] = (9, 3, 1)
    look_ahead: LookAhead = "decoder"
    settle: bool = False


def _keep_variance(network: nn.Module) -> None:
    """Start with convolutions that neither shrink nor blow up what passes (He et al. 2015).

    torch's own start lets the latents shrink to 0.05: after 400 steps of a trial the loss was 0.32 against 0.27.
    """
    for name, module in network.named_modules():
        if isinstance(module, nn.Conv1d):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            assert module.bias is not None
            nn.init.zeros_(module.bias)
            if name.endswith("mix"):
                module.weight.data *= 0.4  # six blocks add up; their sum must not outgrow the trunk


class CausalConv(nn.Module):
    """A convolution that sees the present and the past. Stride 2 takes two inputs to one output."""

    def __init__(self, inputs: int, outputs: int, kernel: int, *, dilation: int = 1, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, kernel, stride, dilation=dilation)
        self.reach = (kernel - 1) * dilation + 1 - stride

    def forward(self, x: Tensor, carry: Carry) -> Tensor:
        """Return (B, outputs, T / stride)."""
        return self.conv(carry.extend(x, self.reach))


class DoublingConv(CausalConv):
    """A convolution over three frames of its input with each frame shown twice: (B, inputs, T) to (B, outputs, 2 T).

    Of three neighbours among doubled frames two are the same, so two taps with summed weights do; the first of a pair
    of frames weighs them otherwise than the second. It is computed before the doubling, with a third fewer products.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, 3)
        self.reach = 1

    def forward(self, x: Tensor, carry: Carry) -> Tensor:
        """Return (B, outputs, 2 T)."""
        a, b, c = self.conv.weight.unbind(2)
        pair = torch.cat([torch.stack([a + b, c], dim=2), torch.stack([a, b + c], dim=2)])
        assert self.conv.bias is not None
        out = F.conv1d(carry.extend(x, self.reach), pair, self.conv.bias.repeat(2))
        return out.unflatten(1, (2, -1)).permute(0, 2, 3, 1).flatten(2)


class AheadConv(nn.Module):
    """A convolution over the token before, the token and the token after.

    On a stream its output is one token late: the k-th input brings the output of token k - 1. On a whole recording the
    last token stands for the one after it.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(inputs, outputs, 3)

    def forward(self, x: Tensor, carry: Carry) -> Tensor:
        """Return (B, outputs, T)."""
        if carry.state is not None:
            out = self.conv(carry.extend(x, 2))
            return out[:, :, 1:] if carry.drop_first else out
        return self.conv(torch.cat([x[:, :, :1], x, x[:, :, -1:]], dim=2))


class ResidualBlock(nn.Module):
    """x plus a dilated convolution and a mixing of channels."""

    def __init__(self, width: int, dilation: int) -> None:
        super().__init__()
        self.wide = CausalConv(width, width, 3, dilation=dilation)
        self.mix = nn.Conv1d(width, width, 1)

    def forward(self, x: Tensor, carry: Carry) -> Tensor:
        """Return (B, width, T)."""
        return x + self.mix(F.silu(self.wide(F.silu(x), carry)))


class CausalEncoder(nn.Module):
    """Features (B, inputs, 4 T) to latents (B, latent, T)."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        width = shape.width
        self.delayed = shape.look_ahead == "encoder"
        self.enter = CausalConv(shape.inputs, width, 3)
        self.down = nn.ModuleList(CausalConv(width, width, 4, stride=2) for _ in range(2))
        self.blocks = nn.ModuleList(
            nn.ModuleList(ResidualBlock(width, dilation) for dilation in shape.dilations) for _ in range(2)
        )
        self.leave = AheadConv(width, shape.latent) if self.delayed else CausalConv(width, shape.latent, 3)
        _keep_variance(self)

    def forward(self, x: Tensor, carry: Carry) -> Tensor:
        """Return latents (B, latent, T) of features (B, inputs, 4 T)."""
        x = F.silu(self.enter(x, carry))
        for down, blocks in zip(self.down, self.blocks, strict=True):
            x = down(x, carry)
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, carry)
        return self.leave(x, carry)


class CausalDecoder(nn.Module):
    """Latents (B, latent, T) to features (B, outputs, 4 T)."""

    def __init__(self, shape: NetworkShape) -> None:
        super().__init__()
        width = shape.width
        self.delayed = shape.look_ahead == "decoder"
        self.enter = AheadConv(shape.latent, width) if self.delayed else CausalConv(shape.latent, width, 3)
        self.blocks = nn.ModuleList(
            nn.ModuleList(ResidualBlock(width, dilation) for dilation in shape.dilations) for _ in range(2)
        )
        self.up = nn.ModuleList(DoublingConv(width, width) for _ in range(2))
        self.leave = CausalConv(width, shape.outputs, 3)
        self.settle = shape.settle
        _keep_variance(self)
        self.leave.conv.weight.data *= 0.3

    def forward(self, x: Tensor, carry: Carry) -> Tensor:
        """Return features (B, outputs, 4 T) of latents (B, latent, T)."""
        x = F.silu(self.enter(x, carry))
        carry.behind = True
        for up, blocks in zip(self.up, self.blocks, strict=True):
            for block in blocks:  # type: ignore[attr-defined]
                x = block(x, carry)
            x = up(x, carry)
        out = self.leave(F.silu(x), carry)
        return settled(carry.extend(out, 2)) if self.settle else out


def settled(x: Tensor) -> Tensor:
    """Return the means (B, C, T) of three frames running of x (B, C, T + 2), the middle one counting twice.

    No recording trembles from frame to frame, and no loss on places forbids it; this takes it out where it is made. It
    comes a frame late, which a network that is trained with it and sees a token ahead makes up for.
    """
    return (x[:, :, :-2] + 2 * x[:, :, 1:-1] + x[:, :, 2:]) / 4

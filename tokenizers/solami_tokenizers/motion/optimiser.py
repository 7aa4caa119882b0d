"""The optimiser of a training: AdamW, or Muon for the convolutions and AdamW for the rest.

Muon (Jordan et al. 2024; `torch.optim.Muon`) steps a weight matrix along its orthogonalised momentum. A kernel
(out, in, k) is such a matrix of (out, in k). The first and the last kernel
and the biases stay with AdamW, as its authors say.
"""

from typing import Any, Literal

import torch
from torch import nn

__all__ = ["Optimiser", "OptimiserKind"]

OptimiserKind = Literal["adamw", "muon"]
_BETAS = (0.9, 0.99)


class Optimiser:
    """One or two optimisers of `torch` behind one `step`."""

    def __init__(self, network: nn.Module, kind: OptimiserKind, weight_decay: float) -> None:
        hidden = dict(_hidden_kernels(network)) if kind == "muon" else {}
        rest = [p for name, p in network.named_parameters() if name not in hidden]
        self._kernels = list(hidden.values())
        # views share the storage, so that a step on the matrix is a step on the kernel
        self._matrices = [nn.Parameter(p.detach().flatten(1)) for p in self._kernels]
        self._parts: list[torch.optim.Optimizer] = [
            torch.optim.AdamW(rest, lr=0.0, betas=_BETAS, weight_decay=weight_decay, fused=True)
        ]
        if self._matrices:
            # its update is brought to the size of AdamW's, so that one learning rate serves both
            self._parts.append(
                torch.optim.Muon(
                    self._matrices, lr=0.0, weight_decay=weight_decay, adjust_lr_fn="match_rms_adamw", ns_steps=5
                )
            )

    def step(self, learning_rate: float) -> None:
        """Step along the gradients that the parameters hold, and forget them."""
        for matrix, kernel in zip(self._matrices, self._kernels, strict=True):
            matrix.grad = None if kernel.grad is None else kernel.grad.flatten(1)
        for part in self._parts:
            for group in part.param_groups:
                group["lr"] = learning_rate
            part.step()
            part.zero_grad(set_to_none=True)
        for kernel in self._kernels:
            kernel.grad = None

    def state_dict(self) -> list[dict[str, Any]]:
        """Return what a continued training needs."""
        return [part.state_dict() for part in self._parts]

    def load_state_dict(self, states: list[dict[str, Any]]) -> None:
        """Go on from what `state_dict` returned."""
        for part, state in zip(self._parts, states, strict=True):
            part.load_state_dict(state)


def _hidden_kernels(network: nn.Module) -> list[tuple[str, nn.Parameter]]:
    """Return the convolutions between the encoder's first and the decoder's last one, by name."""
    return [(name, p) for name, p in network.named_parameters() if p.ndim == 3][1:-1]

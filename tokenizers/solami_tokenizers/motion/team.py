"""Processes that train one tokenizer together, one a GPU (or CPU), by accelerate.

    accelerate launch --num_processes 4 .venv/bin/solami tokenizer train configs/tokenizer/body-512.yaml device=cuda

Every process draws its own part of each batch; gradients are averaged, codebook sums added (by the quantisers
themselves), and the first process decides, validates and writes. Alone, nothing of this is loaded.
"""

import os
from collections.abc import Iterable
from typing import Any

import torch
from torch import Tensor

from solami_protocol.errors import MissingExtra

__all__ = ["Team"]


class Team:
    """This process among those of a training."""

    def __init__(self, device: str) -> None:
        """Raises MissingExtra when there are several processes and no accelerate."""
        self.size, self.rank, self.device = int(os.environ.get("WORLD_SIZE", "1")), 0, device
        self._accelerator: Any = None
        if self.size > 1:
            try:
                from accelerate import Accelerator
            except ImportError as exc:
                raise MissingExtra(
                    "accelerate is not installed: pip install 'solami[train]'; one process trains without it"
                ) from exc
            self._accelerator = Accelerator(cpu=device == "cpu", mixed_precision="no")  # autocast is the trainer's own
            found = self._accelerator.device
            self.rank = self._accelerator.process_index
            self.device = "cpu" if found.type == "cpu" else str(found)  # torch.load knows no "cpu:0"

    @property
    def is_first(self) -> bool:
        """Return whether this process decides and writes."""
        return self.rank == 0

    def average_gradients(self, parameters: Iterable[Tensor]) -> None:
        """Give all processes the mean of their gradients."""
        if self._accelerator is None:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = self._accelerator.reduce(torch.cat([g.flatten() for g in gradients]), reduction="mean")
        for gradient, part in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def agreed(self, *numbers: float) -> tuple[float, ...]:
        """Return the first process's numbers in all of them."""
        if self._accelerator is None:
            return numbers
        from accelerate.utils import broadcast

        given = torch.tensor(numbers, dtype=torch.float64, device=self._accelerator.device)
        return tuple(float(v) for v in broadcast(given))

    def gathered(self, state: dict[str, Any]) -> list[dict[str, Any]]:
        """Return the states of all processes, in their order."""
        if self._accelerator is None:
            return [state]
        from accelerate.utils import gather_object

        return gather_object([state])

    def wait(self) -> None:
        """Wait until all processes are here."""
        if self._accelerator is not None:
            self._accelerator.wait_for_everyone()

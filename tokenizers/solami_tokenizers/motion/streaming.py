"""The past of causal convolutions: how the same network runs on a whole recording and on a stream.

A convolution asks its `Carry` to put the inputs before a piece in front of it. At a stream's start these are copies of
its first input, which is also how a whole recording is padded, so that both give the same output. The state of a stream
is the list of those pasts: plain tensors, one a convolution, batch first.
"""

from dataclasses import dataclass, field

import torch
from torch import Tensor

__all__ = ["Carry", "StreamState"]


@dataclass(slots=True)
class StreamState:
    """Where a batch of streams stands between two pieces; pasts are empty before the first piece."""

    pasts: list[Tensor]
    """One (B, C, reach) a convolution."""
    fresh: Tensor
    """(B,) bool: no input yet."""
    unfilled: Tensor
    """(B,) bool: nothing has come out of the look-ahead yet, so what lies behind it has no past."""

    @classmethod
    def start(cls, batch: int, device: torch.device | None = None) -> "StreamState":
        """Return the state of streams that have seen nothing."""
        return cls([], *(torch.ones(batch, dtype=torch.bool, device=device) for _ in range(2)))

    def reset(self, streams: Tensor) -> None:
        """Make the streams of a mask (B,) new ones."""
        self.fresh = self.fresh | streams
        self.unfilled = self.unfilled | streams

    def copy(self) -> "StreamState":
        """Return a state that later pieces do not change."""
        return StreamState([p.clone() for p in self.pasts], self.fresh.clone(), self.unfilled.clone())


@dataclass(slots=True)
class Carry:
    """One pass of a network over one piece. Without a state the piece is a whole recording."""

    state: StreamState | None = None
    behind: bool = False
    """Set by the network once it is past its look-ahead."""
    drop_first: bool = False
    """All streams are new: what the look-ahead says of the token before the first is not passed on."""
    _at: int = 0
    _new: list[Tensor] = field(default_factory=list)

    def extend(self, x: Tensor, reach: int) -> Tensor:
        """Return x (B, C, T) with the `reach` inputs before it in front: (B, C, reach + T)."""
        if reach == 0:
            return x
        past = x[:, :, :1].expand(-1, -1, reach)
        if self.state is not None:
            if self.state.pasts:
                new = self.state.unfilled if self.behind else self.state.fresh
                past = torch.where(new[:, None, None], past, self.state.pasts[self._at])
            self._at += 1
        out = torch.cat([past, x], dim=2)
        if self.state is not None:
            self._new.append(out[:, :, -reach:])
        return out

    def keep(self, active: Tensor | None = None, *, delayed: bool) -> None:
        """Make the piece part of the state, for the streams of the mask `active` (B,), None for all.

        delayed: a look-ahead of one token stands in between, so a stream's first token (a piece of its own) brings
        nothing out of it.
        """
        assert self.state is not None
        state = self.state
        done = torch.ones_like(state.fresh) if active is None else active
        if state.pasts:
            mask = done[:, None, None]
            self._new = [torch.where(mask, new, old) for new, old in zip(self._new, state.pasts, strict=True)]
        state.pasts = self._new
        state.unfilled = state.unfilled & ~(done & ~state.fresh if delayed else done)
        state.fresh = state.fresh & ~done

"""What a shown body must be near to: the person's frames, as joints, their movement, turns and way.

What counts how much, and how far is looked, is a `Search`; `Goal` measures bodies against the next frames.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from solami_tokenizers.motion.body_torch import joint_places, root_track, turned_about_vertical
from solami_tokenizers.motion.networks import STRIDE
from solami_tokenizers.motion.tokenizer import MotionTokenizer

__all__ = ["CHOICE", "SEARCH", "Goal", "Search"]


@dataclass(frozen=True, slots=True)
class Search:
    """What counts, and how far is looked. Weights are per metre of each joint, unless said."""

    features: float = 0.02
    """Per deviation of a feature: where a wrist's or the head's turn moves no joint."""
    steps: float = 1.0
    """Of joints from frame to frame."""
    bends: float = 3.0
    """Differences of steps: a body that is near but trembles is not near."""
    way: float = 0.3
    """The root's place on the floor."""
    provisional: float = 0.7
    """Frames that the next token still changes."""
    damping: tuple[float, ...] = ()
    """Of the Gauss-Newton step, in shares of the mean curvature: one try each; none: the latent stays."""
    nudge: float = 0.05
    """Change of the latent that the answer is measured by, in deviations of the codebooks."""
    beam: int = 4
    """Codes that are tried for each try of the latent."""
    trust: float = 0.15
    """Of the latent, per deviation from what the encoder said: its codes follow one another more calmly."""
    way_limit_m: float = 0.3
    """A place that is farther off counts as this: pose must not pay for what is lost."""


CHOICE = Search()
"""Every other validation take, body-512: 24.1 mm with 2, 4 and 8 codes alike to 0.3 mm (open 26.7); jitter 1.14 at a
trust of 0.1, 1.09 at 0.3."""
SEARCH = Search(damping=(0.2, 2.0), beam=24, trust=0.1)
"""Every third validation take, body-residual: 15.3 mm at a trust of 0.3, 14.6 at 0.15, 14.3 at 0.1 with 8 codes, 14.1
with 16 and 13.7 with 24. Jitter of body-512, 8 codes: 1.09 at 0.15, 1.14 at 0.1, 1.18 at 0.05."""


class Goal:
    """The frames to show (B, F, 136), and how far off a body is that shows others."""

    def __init__(
        self, tokenizer: MotionTokenizer, search: Search, target: Tensor, start: Tensor, root: Tensor, off: Tensor
    ) -> None:
        """start: (B,) int64, frame of the target with which the recording begins, at most 0 where it has begun.

        root (B, 3), off (B, 2, 22, 3): see `ClosedLoopEncoder`.
        """
        self._deviation, self._search, self._target = tokenizer.deviation, search, target
        self._root, self._past = root, off
        frames = torch.arange(-2, target.shape[1], device=target.device)
        counts = frames >= start[:, None]  # (B, 2 + F)
        self._moves = (frames > start[:, None])[:, 2:, None]  # the first frame has not moved yet
        weight = torch.ones(target.shape[1], device=target.device)
        if tokenizer.decoder.delayed:
            weight[-STRIDE:] = search.provisional
        self._poses = weight * counts[:, 2:]  # (B, F)
        self._steps = self._poses * counts[:, 1:-1]
        self._bends = self._steps * counts[:, :-2]
        self._places = joint_places(target)
        self._way = self._track(target, None, 1)

    def _track(self, body: Tensor, start: Tensor | None, several: int) -> Tensor:
        moves = self._moves.repeat_interleave(several, 0)
        return root_track(torch.cat([body[..., :3] * moves, body[..., 3:]], dim=-1), start, first=False)

    def errors(self, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return weighted errors (B, N, E) of frames (B, N, F, 136), each joint's (B, N, F, 22, 3) in metres in the
        person's heading, and how far x, z and heading are off (B, N, F, 3)."""
        batch, several = shown.shape[:2]
        flat = shown.flatten(0, 1)
        start = self._root.repeat_interleave(several, 0)
        root = self._track(flat, start, several).unflatten(0, (batch, several)) - self._way[:, None]
        places = turned_about_vertical(joint_places(flat).unflatten(0, (batch, several)), root[..., 2])
        off = places - self._places[:, None]
        zero = torch.zeros_like(root[..., 2])
        world = off + torch.stack([root[..., 0], zero, root[..., 1]], dim=-1)[..., None, :]
        run = torch.cat([self._past[:, None].expand(-1, several, -1, -1, -1), world], dim=2)
        steps = run.diff(dim=2)
        limit, search = self._search.way_limit_m, self._search
        parts = [
            (off, 1.0, self._poses),
            ((shown - self._target[:, None]) / self._deviation, search.features, self._poses),
            (steps[:, :, 1:], search.steps, self._steps),
            (steps.diff(dim=2), search.bends, self._bends),
            (root[..., :2].clamp(-limit, limit), search.way, self._poses),
        ]
        weighted = [(weight * part.flatten(3) * frames[:, None, :, None]).flatten(2) for part, weight, frames in parts]
        return torch.cat(weighted, dim=2), world, root

"""Better codes for one recording than the encoder gives: what the decoder makes of them is compared with the recording.

The encoder answers at once, for a stream; a gesture bank is made once and played often, so a search pays. First,
latents are moved by gradient so that the decoder gives the recording back, while they are drawn, ever more strongly, to
where the codebooks lie. Then, token by token and codebook by codebook, neighbouring codes are tried out in the decoder.
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from solami_tokenizers.motion.body_torch import joint_places
from solami_tokenizers.motion.networks import STRIDE
from solami_tokenizers.motion.streaming import Carry
from solami_tokenizers.motion.tokenizer import MotionTokenizer

__all__ = ["searched_codes"]

_STEPS, _RATE = 160, 0.05
_PULL = (0.02, 3.0)  # of the codebooks on the latents, from the first step to the last, growing geometrically
_PLACES = 20.0  # weight of joint positions, per metre, beside features in deviations
_BENDS = 150.0  # weight of their accelerations, per metre a frame a frame: near is no use if it shivers
_CHECKED_EVERY = 8
_TRIED = 12


def searched_codes(tokenizer: MotionTokenizer, features: Any, codes: Any, steps: int = _STEPS) -> Any:
    """Return codes (T, Q) whose body is at least as near to features (4 T or a few less, 136) as that of `codes`.

    Arrays give arrays, tensors tensors. The tokenizer's weights take no gradients any more.
    """
    tokenizer.requires_grad_(False)
    error = _Error(tokenizer, torch.as_tensor(features))
    found = _by_trial(tokenizer, error, _by_gradient(tokenizer, error, torch.as_tensor(codes), steps))
    return found.numpy() if isinstance(codes, np.ndarray) else found


class _Error:
    """How far from a recording the decoded body is."""

    def __init__(self, tokenizer: MotionTokenizer, features: Tensor) -> None:
        self._tokenizer = tokenizer
        self._target = (features - tokenizer.mean) / tokenizer.deviation
        self._places = joint_places(features[None])

    def __call__(self, latents: Tensor, first: int = 0) -> Tensor:
        """Return the error (B,) of latents (B, T, D) over the frames from token `first` on."""
        made, _ = self._tokenizer._split(self._tokenizer.decoder(latents.transpose(1, 2), Carry()).transpose(1, 2))
        made = made[:, : len(self._target)]
        at = slice(STRIDE * first, None)
        places = joint_places(made[:, at] * self._tokenizer.deviation + self._tokenizer.mean)
        off = F.smooth_l1_loss(made[:, at], self._target[at].expand(len(made), -1, -1), reduction="none").mean((1, 2))
        away = places - self._places[:, at]
        bent = away.diff(n=2, dim=1).norm(dim=-1).mean((1, 2)) if away.shape[1] > 2 else 0.0
        return off + _PLACES * away.norm(dim=-1).mean((1, 2)) + _BENDS * bent


def _by_gradient(tokenizer: MotionTokenizer, error: _Error, codes: Tensor, steps: int) -> Tensor:
    own = tokenizer.quantiser.latents_of(codes[None])
    best, least = codes, float(error(own))
    latents = own.clone().requires_grad_(True)
    optimiser = torch.optim.Adam([latents], lr=_RATE)
    for step in range(steps):
        with torch.no_grad():
            near = tokenizer.quantiser(latents)
            now = float(error(near.latents)) if step % _CHECKED_EVERY == 0 or step == steps - 1 else least
        if now < least:
            best, least = near.codes[0], now
        pull = _PULL[0] * (_PULL[1] / _PULL[0]) ** (step / max(steps - 1, 1))
        loss = error(latents).sum() + pull * (latents - near.latents).square().mean()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
    return best


@torch.no_grad()
def _by_trial(tokenizer: MotionTokenizer, error: _Error, codes: Tensor) -> Tensor:
    """Try, for each token and codebook, the codes nearest to the one that is there; keep what is better."""
    codes = codes.clone()
    books = [tokenizer.quantiser.latents_of(_alone(tokenizer, level)) for level in range(codes.shape[1])]
    # in each book all other levels hold code 0, so distances are those of the level itself
    for level, book in enumerate(books):
        distance = torch.cdist(book[0], book[0])
        for token in range(len(codes)):
            tried = distance[codes[token, level]].topk(min(_TRIED, len(distance)), largest=False).indices
            several = codes[None].repeat(len(tried), 1, 1)
            several[:, token, level] = tried
            first = max(token - 1, 0)  # what lies before is not touched
            codes = several[int(error(tokenizer.quantiser.latents_of(several), first).argmin())]
    return codes


def _alone(tokenizer: MotionTokenizer, level: int) -> Tensor:
    """Return codes (1, K, Q) that run through one codebook while the others stand still."""
    sizes = tokenizer.quantiser.sizes
    out = torch.zeros(1, sizes[level], len(sizes), dtype=torch.int64)
    out[0, :, level] = torch.arange(sizes[level])
    return out

"""An encoder that sees what it says: each token is chosen by what the decoder, where it then stands, makes of it.

The encoder alone has learnt from recordings and errs on what they do not show; what it errs in heading adds up. Here
the decoder runs along: of some codes near to what the encoder says, the one is taken that really shows the body nearest
to the person: analysis by synthesis, as speech coders do it (Atal and Schroeder 1984). The heading that is off so far
counts, so it is made good. Latency is that of the encoder alone, and decoders need nothing new.

`CHOICE` compares the nearest codes. `SEARCH` also measures the decoder's answer to small changes of the latent, moves
the latent to where the shown body is nearest (a damped Gauss-Newton step, Levenberg 1944), and looks up codes near by
in the metric of that body: twice the time, for motion that is unlike all recordings (both in `goal`).
"""

import torch
from torch import Tensor

from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS
from solami_tokenizers.motion.features import BODY_JOINTS, YAW_RATE
from solami_tokenizers.motion.goal import CHOICE, Goal, Search
from solami_tokenizers.motion.networks import STRIDE
from solami_tokenizers.motion.streaming import Carry, StreamState
from solami_tokenizers.motion.streams import features_of_streams, need_whole_tokens
from solami_tokenizers.motion.tokenizer import MotionTokenizer

__all__ = ["ClosedLoopEncoder", "can_close", "need_searchable"]


def can_close(tokenizer: MotionTokenizer) -> bool:
    """Return whether a tokenizer can encode in closed loop."""
    settings = tokenizer.settings
    return (
        settings.network == "causal"
        and settings.features == "body"
        and settings.look_ahead != "encoder"
        and settings.quantiser.kind != "fsq"
    )


def need_searchable(tokenizer: MotionTokenizer) -> None:
    """Raise InputError unless a tokenizer can encode in closed loop."""
    if not can_close(tokenizer):
        raise InputError(
            "closed loop: needs codebooks, body features, and a causal encoder that does not look ahead (as body-512)"
        )


class ClosedLoopEncoder:
    """Features to codes as they come, like `StreamEncoder`: token k leaves with frame 4k + 3."""

    _encoder: StreamState
    _decoder: StreamState
    _waiting: Tensor
    """(B, n, D) frames that wait for the rest of their token."""
    _seen: Tensor
    """(B,) int64, tokens since the beginning."""
    _before: Tensor
    """(B, 4, D), the last token's frames: the next one still changes what is shown of them."""
    _root: Tensor
    """(B, 3), x, z and heading that the shown body is off."""
    _off: Tensor
    """(B, 2, 22, 3), how far off its last two frames are, in metres."""

    def __init__(self, tokenizer: MotionTokenizer, batch: int = 1, search: Search = CHOICE) -> None:
        need_searchable(tokenizer)
        self._tokenizer, self._batch, self._search = tokenizer, batch, search
        self._delayed = tokenizer.decoder.delayed
        self._books = tokenizer.quantiser.codebooks()
        self._spread = torch.stack([book.var(0) for book in self._books]).sum(0).sqrt()  # (D,)
        self.reset()

    def reset(self, streams: Tensor | None = None) -> None:
        """Start anew: all streams, or those of a mask (B,) when no frame waits for the rest of its token."""
        if streams is not None:
            need_whole_tokens(self._waiting)
            self._encoder.reset(streams)
            self._decoder.reset(streams)
            self._seen = self._seen.masked_fill(streams, 0)
            self._root = self._root.masked_fill(streams[:, None], 0)
            return
        device, width = self._tokenizer.mean.device, self._tokenizer.settings.feature_width
        self._encoder = StreamState.start(self._batch, device)
        self._decoder = StreamState.start(self._batch, device)
        self._waiting = torch.zeros(self._batch, 0, width, device=device)
        self._seen = torch.zeros(self._batch, dtype=torch.int64, device=device)
        self._before = torch.zeros(self._batch, STRIDE, width, device=device)
        self._root = torch.zeros(self._batch, 3, device=device)
        self._off = torch.zeros(self._batch, 2, BODY_JOINTS, 3, device=device)

    @torch.inference_mode()
    def push(self, features: Tensor) -> Tensor | list[Tensor]:
        """Return the codes (k, Q) that these frames (n, D) make certain; a batch gives a list."""
        x = torch.cat([self._waiting, features_of_streams(self._tokenizer, features, self._batch)], dim=1)
        whole = x.shape[1] - x.shape[1] % STRIDE
        self._waiting = x[:, whole:]
        return self._given(x[:, :whole])

    @torch.inference_mode()
    def flush(self) -> Tensor | list[Tensor]:
        """Return the last code, its last frame being held where it lacks frames; then reset."""
        x = self._waiting
        held = x[:, -1:].expand(-1, -x.shape[1] % STRIDE, -1)
        out = self._given(torch.cat([x, held], dim=1))
        self.reset()
        return out

    def _given(self, frames: Tensor) -> Tensor | list[Tensor]:
        """Return the codes (k, Q) of frames (B, 4 k, D); a batch gives a list."""
        codes = torch.zeros(self._batch, frames.shape[1] // STRIDE, len(self._books), dtype=torch.int64)
        codes = codes.to(frames.device)
        for token in range(codes.shape[1]):
            codes[:, token] = self._token(frames[:, STRIDE * token : STRIDE * (token + 1)])
        return codes[0] if self._batch == 1 else list(codes)

    # ---- one token ----

    def _token(self, frames: Tensor) -> Tensor:
        """Return the codes (B, Q) of the next four frames (B, 4, D)."""
        goal = self._goal(frames)
        start = self._guess(frames)
        codes = self._near(start[:, None])
        if self._search.damping:
            tries, metric = self._moved(start, goal)
            codes = torch.cat([codes, self._near(tries, metric)], dim=1)
        latents = self._tokenizer.quantiser.latents_of(codes)
        shown, state = self._shown(latents)
        errors, off, root = goal.errors(shown)
        far = ((latents - start[:, None]) / self._spread).square().mean(2)
        best = (errors.square().sum(2) + self._search.trust * far).argmin(1)
        at = torch.arange(self._batch, device=best.device), best
        self._keep(frames, root[at], off[at], _of_streams(state, at[0] * codes.shape[1] + best))
        return codes[at]

    def _goal(self, frames: Tensor) -> Goal:
        target = torch.cat([self._before, frames], dim=1) if self._delayed else frames
        start = (int(self._delayed) - self._seen) * STRIDE
        return Goal(self._tokenizer, self._search, target, start, self._root, self._off)

    def _keep(self, frames: Tensor, root: Tensor, off: Tensor, state: StreamState) -> None:
        """Go on from a token: root (B, F, 3) and off (B, F, 22, 3) are those of its choice."""
        certain = (self._seen >= 1) if self._delayed else torch.ones_like(self._seen, dtype=torch.bool)
        self._root = torch.where(certain[:, None], root[:, STRIDE - 1], self._root)
        self._off = off[:, STRIDE - 2 : STRIDE]
        self._before, self._decoder = frames, state
        self._seen = self._seen + 1

    def _guess(self, frames: Tensor) -> Tensor:
        """Return the encoder's latents (B, D), its person turning as much faster as the shown body lags behind."""
        carry = Carry(self._encoder)
        behind = torch.remainder(torch.pi - self._root[:, 2:], 2 * torch.pi) - torch.pi
        seen = frames.clone()
        seen[..., YAW_RATE] += FPS / (2 * STRIDE) * behind[..., None]
        latents = self._tokenizer.latents_of(seen, carry)[:, 0]
        carry.keep(delayed=False)
        return latents

    def _moved(self, start: Tensor, goal: Goal) -> tuple[Tensor, Tensor]:
        """Return latents (B, K, D) after a step of each damping, and the metric (B, D, D) around them."""
        nudges = self._search.nudge * torch.diag(self._spread)
        around = torch.cat([start[:, None], start[:, None] + nudges], dim=1)  # (B, 1 + D, D)
        errors, _, _ = goal.errors(self._shown(around)[0])
        jacobian = (errors[:, 1:] - errors[:, :1]).mT / self._search.nudge  # per deviation of the latent
        metric = jacobian.mT @ jacobian
        slope = jacobian.mT @ errors[:, 0, :, None]
        scale = metric.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
        eye = torch.eye(metric.shape[-1], device=metric.device)
        steps = [torch.linalg.solve(metric + scale * damping * eye, -slope)[..., 0] for damping in self._search.damping]
        moved = start[:, None] + torch.stack(steps, dim=1) * self._spread
        return moved, (metric + 0.01 * scale * eye) / self._spread / self._spread[:, None]

    def _near(self, latents: Tensor, metric: Tensor | None = None) -> Tensor:
        """Return codes (B, K beam, Q) whose latents are near to some (B, K, D), in a metric (B, D, D) if given."""
        root = None if metric is None else torch.linalg.cholesky(metric)
        rest = (latents if root is None else latents @ root)[:, :, None]  # (B, K, paths, D)
        codes = torch.zeros(*rest.shape[:3], 0, dtype=torch.int64, device=rest.device)
        for book in self._books:
            turned = book.expand(len(latents), -1, -1) if root is None else book @ root  # (B, codes, D)
            away = torch.cdist(rest.flatten(1, 2), turned).square().unflatten(1, rest.shape[1:3]).flatten(2)
            found = away.topk(min(self._search.beam, away.shape[-1]), largest=False).indices
            path, code = found // len(book), found % len(book)
            codes = torch.cat([_picked(codes, path), code[..., None]], dim=3)
            rest = _picked(rest, path) - turned[torch.arange(len(turned))[:, None, None], code]
        return codes.flatten(1, 2)

    def _shown(self, latents: Tensor) -> tuple[Tensor, StreamState]:
        """Return what the decoder would show of latents (B, N, D), and where it would stand then (B N streams).

        It shows (B, N, 8, 136): the token before, now certain, and this one, as if it stayed; without a look-ahead
        (B, N, 4, 136), this one.
        """
        batch, several, _ = latents.shape
        state = _of_streams(self._decoder, torch.arange(batch, device=latents.device).repeat_interleave(several))
        given = latents.flatten(0, 1)[:, None]
        carry = Carry(state)
        shown = [self._tokenizer.frames_of(given, carry)[0]]
        carry.keep(delayed=self._delayed)
        if self._delayed:
            shown.append(self._tokenizer.frames_of(given, Carry(state))[0])
        return torch.cat(shown, dim=1).unflatten(0, (batch, several)), state


def _of_streams(state: StreamState, streams: Tensor) -> StreamState:
    """Return the state of some streams, by number."""
    return StreamState([past[streams] for past in state.pasts], state.fresh[streams], state.unfilled[streams])


def _picked(x: Tensor, path: Tensor) -> Tensor:
    """Return x (B, K, paths, D) at some paths (B, K, n)."""
    return torch.gather(x, 2, path[..., None].expand(-1, -1, -1, x.shape[-1]))

"""An encoder that sees what it says: each token is chosen by what the decoder, where it then stands, makes of it.

The encoder alone has learnt from recordings and errs on what they do not show; what it errs in heading adds up. Here
the decoder runs along. For each token its answer to small changes of the latent is measured, the latent is moved to
where the shown body is nearest to the person (a damped Gauss-Newton step, Levenberg 1944), codes near by are looked up
in the metric of that body, and the one that really shows the nearest body is taken: analysis by synthesis, as speech
coders do it (Atal and Schroeder 1984). The heading that is off so far counts, so it is made good. Latency is that of
the encoder alone, and decoders need nothing new.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS
from solami_tokenizers.motion.body_torch import joint_places, root_track
from solami_tokenizers.motion.networks import STRIDE
from solami_tokenizers.motion.streaming import Carry, StreamState
from solami_tokenizers.motion.streams import features_of_streams
from solami_tokenizers.motion.tokenizer import MotionTokenizer

__all__ = ["ClosedLoopEncoder", "Search", "need_searchable"]


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
    damping: tuple[float, ...] = (0.2, 2.0)
    """Of the Gauss-Newton step, in shares of the mean curvature: one try each."""
    nudge: float = 0.05
    """Change of the latent that the answer is measured by, in deviations of the codebooks."""
    beam: int = 8
    """Codes that are tried for each try of the latent."""
    trust: float = 0.3
    """Of the latent, per deviation from what the encoder said: its codes follow one another more calmly. Jitter of
    body-512 on validation takes: 1.22 at 0.15, 1.19 at 0.2, 1.14 at 0.3, at the same error to 0.1 mm."""
    way_limit_m: float = 0.3
    """A place that is farther off counts as this: pose must not pay for what is lost."""


def need_searchable(tokenizer: MotionTokenizer) -> None:
    """Raise InputError unless a tokenizer can encode in closed loop."""
    settings = tokenizer.settings
    if (
        settings.network != "causal"
        or settings.features != "body"
        or settings.look_ahead == "encoder"
        or settings.quantiser.kind == "fsq"
    ):
        raise InputError(
            "closed loop: needs codebooks, body features, and a causal encoder that does not look ahead (as body-512)"
        )


class ClosedLoopEncoder:
    """Features to codes as they come, like `StreamEncoder`: token k leaves with frame 4k + 3.

    Streams of a batch begin and end together.
    """

    def __init__(self, tokenizer: MotionTokenizer, batch: int = 1, search: Search | None = None) -> None:
        need_searchable(tokenizer)
        self._tokenizer, self._batch, self._search = tokenizer, batch, search or Search()
        self._books = tokenizer.quantiser.codebooks()
        self._spread = torch.stack([book.var(0) for book in self._books]).sum(0).sqrt()  # (D,)
        self.reset()

    def reset(self) -> None:
        """Start anew."""
        device, width = self._tokenizer.mean.device, self._tokenizer.settings.feature_width
        self._encoder = StreamState.start(self._batch, device)
        self._decoder = StreamState.start(self._batch, device)
        self._waiting = torch.zeros(self._batch, 0, width, device=device)
        self._before: Tensor | None = None  # frames (B, 4, D) whose decoding the next token still changes
        self._root = torch.zeros(self._batch, 3, device=device)  # x, z and heading that the shown body is off
        self._off: Tensor | None = None  # (B, 2, 22, 3) how far off the last two shown frames are

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
        target = frames if self._before is None else torch.cat([self._before, frames], dim=1)
        goal = _Goal(self._tokenizer, self._search, target, self._root, self._off, first=self._fresh)
        start = self._guess(frames)
        tries, metric = self._moved(start, goal)
        own = self._near(start[:, None], torch.eye(start.shape[1], device=start.device).expand_as(metric))
        codes = torch.cat([own, self._near(tries, metric)], dim=1)
        latents = self._tokenizer.quantiser.latents_of(codes)
        shown = self._shown(latents)
        errors, off, root = goal.errors(shown)
        far = ((latents - start[:, None]) / self._spread).square().mean(2)
        best = (errors.square().sum(2) + self._search.trust * far).argmin(1)
        at = torch.arange(self._batch, device=best.device), best
        if self._before is not None or not self._delayed:
            self._root = root[at][:, STRIDE - 1]
            self._off = off[at][:, STRIDE - 2 : STRIDE]
        self._before = frames if self._delayed else None
        self._commit(latents[at])
        return codes[at]

    @property
    def _delayed(self) -> bool:
        return self._tokenizer.decoder.delayed

    @property
    def _fresh(self) -> bool:
        return self._off is None

    def _guess(self, frames: Tensor) -> Tensor:
        """Return the encoder's latents (B, D), its person turning as much faster as the shown body lags behind."""
        carry = Carry(self._encoder)
        behind = torch.remainder(torch.pi - self._root[:, 2:], 2 * torch.pi) - torch.pi
        seen = frames.clone()
        seen[..., 0] += FPS / (2 * STRIDE) * behind
        latents = self._tokenizer.latents_of(seen, carry)[:, 0]
        carry.keep(delayed=False)
        return latents

    def _moved(self, start: Tensor, goal: "_Goal") -> tuple[Tensor, Tensor]:
        """Return latents (B, K, D) after a step of each damping, and the metric (B, D, D) around them."""
        nudges = self._search.nudge * torch.diag(self._spread)
        around = torch.cat([start[:, None], start[:, None] + nudges], dim=1)  # (B, 1 + D, D)
        errors, _, _ = goal.errors(self._shown(around))
        jacobian = (errors[:, 1:] - errors[:, :1]).mT / self._search.nudge  # per deviation of the latent
        metric = jacobian.mT @ jacobian
        slope = jacobian.mT @ errors[:, 0, :, None]
        scale = metric.diagonal(dim1=1, dim2=2).mean(1)[:, None, None]
        eye = torch.eye(metric.shape[-1], device=metric.device)
        steps = [torch.linalg.solve(metric + scale * damping * eye, -slope)[..., 0] for damping in self._search.damping]
        moved = start[:, None] + torch.stack(steps, dim=1) * self._spread
        return moved, (metric + 0.01 * scale * eye) / self._spread / self._spread[:, None]

    def _near(self, latents: Tensor, metric: Tensor) -> Tensor:
        """Return codes (B, K beam, Q) whose latents are near to some (B, K, D) in a metric (B, D, D)."""
        root = torch.linalg.cholesky(metric)
        rest = (latents @ root)[:, :, None]  # (B, K, paths, D)
        codes = torch.zeros(*rest.shape[:3], 0, dtype=torch.int64, device=rest.device)
        for book in self._books:
            turned = book @ root  # (B, codes, D)
            away = torch.cdist(rest.flatten(1, 2), turned).square().unflatten(1, rest.shape[1:3]).flatten(2)
            found = away.topk(min(self._search.beam, away.shape[-1]), largest=False).indices
            path, code = found // len(book), found % len(book)
            codes = torch.cat([_picked(codes, path), code[..., None]], dim=3)
            rest = _picked(rest, path) - turned[torch.arange(len(turned))[:, None, None], code]
        return codes.flatten(1, 2)

    def _shown(self, latents: Tensor) -> Tensor:
        """Return what the decoder would show of latents (B, N, D): (B, N, 8, 136), the token before and this one."""
        batch, several, _ = latents.shape
        state = StreamState(
            [past.repeat_interleave(several, 0) for past in self._decoder.pasts],
            self._decoder.fresh.repeat_interleave(several),
            self._decoder.unfilled.repeat_interleave(several),
        )
        carry = Carry(state, drop_first=self._delayed and self._before is None)
        given = latents.flatten(0, 1)[:, None].expand(-1, 2 if self._delayed else 1, -1)
        return self._tokenizer.frames_of(given, carry)[0].unflatten(0, (batch, several))

    def _commit(self, latents: Tensor) -> None:
        carry = Carry(self._decoder)
        self._tokenizer.frames_of(latents[:, None], carry)
        carry.keep(delayed=self._delayed)


class _Goal:
    """The frames to show (B, F, 136), and how far off a body is that shows others."""

    def __init__(
        self,
        tokenizer: MotionTokenizer,
        search: Search,
        target: Tensor,
        root: Tensor,
        off: Tensor | None,
        first: bool,
    ) -> None:
        """root (B, 3), off (B, 2, 22, 3): see `ClosedLoopEncoder`; first: these are a recording's first frames."""
        self._deviation, self._search, self._target = tokenizer.deviation, search, target
        self._root, self._past, self._first = root, off, first
        self._places = joint_places(target)
        self._way = root_track(target, first=first)
        self._weight = torch.ones(target.shape[1], device=target.device)
        if tokenizer.decoder.delayed:
            self._weight[-STRIDE:] = search.provisional

    def errors(self, shown: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return weighted errors (B, N, E) of frames (B, N, F, 136), each joint's (B, N, F, 22, 3) in metres in the
        person's heading, and how far x, z and heading are off (B, N, F, 3)."""
        batch, several = shown.shape[:2]
        flat = shown.flatten(0, 1)
        start = self._root.repeat_interleave(several, 0)
        root = root_track(flat, start, first=self._first).unflatten(0, (batch, several)) - self._way[:, None]
        places = _turned(joint_places(flat).unflatten(0, (batch, several)), root[..., 2])
        off = places - self._places[:, None]
        zero = torch.zeros_like(root[..., 2])
        world = off + torch.stack([root[..., 0], zero, root[..., 1]], dim=-1)[..., None, :]
        past = [] if self._past is None else [self._past[:, None].expand(-1, several, -1, -1, -1)]
        run = torch.cat([*past, world], dim=2)
        parts = [
            (off, 1.0),
            ((shown - self._target[:, None]) / self._deviation, self._search.features),
            (run.diff(dim=2)[:, :, -off.shape[2] :], self._search.steps),
            (run.diff(n=2, dim=2), self._search.bends),
            (root[..., :2].clamp(-self._search.way_limit_m, self._search.way_limit_m), self._search.way),
        ]
        weighted = [
            (weight * part.flatten(3) * self._weight[-part.shape[2] :, None]).flatten(2)
            for part, weight in parts
            if weight and part.shape[2]
        ]
        return torch.cat(weighted, dim=2), world, root


def _turned(places: Tensor, yaw: Tensor) -> Tensor:
    """Return places (..., F, J, 3) turned about the vertical by angles (..., F)."""
    sin, cos = yaw.sin()[..., None], yaw.cos()[..., None]
    x, y, z = places.unbind(-1)
    return torch.stack([cos * x + sin * z, y, cos * z - sin * x], dim=-1)


def _picked(x: Tensor, path: Tensor) -> Tensor:
    """Return x (B, K, paths, D) at some paths (B, K, n)."""
    return torch.gather(x, 2, path[..., None].expand(-1, -1, -1, x.shape[-1]))

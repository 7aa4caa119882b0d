"""Streams of motion: features in, codes out, and back, piece by piece.

`push` takes any number of frames or codes and gives what has become certain; `flush` ends the streams and gives the
rest; `reset` starts anew. A stream gives the same as the whole recording would. One stream takes and gives (n, D);
a batch of B streams that advance together takes (B, n, D) and gives a list of B pieces, which may differ in length
where some streams are younger than others.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from solami_protocol.errors import InputError
from solami_tokenizers.motion.networks import STRIDE
from solami_tokenizers.motion.streaming import Carry, StreamState

if TYPE_CHECKING:
    from solami_tokenizers.motion.tokenizer import MotionTokenizer

__all__ = ["StreamDecoder", "StreamEncoder", "encoded_in_pieces", "features_of_streams", "need_whole_tokens"]


def _need_causal(tokenizer: "MotionTokenizer") -> None:
    if tokenizer.settings.network != "causal":
        raise InputError("this tokenizer's network sees both ways and cannot stream; take a causal one (body-512)")


def features_of_streams(tokenizer: "MotionTokenizer", features: Tensor, batch: int) -> Tensor:
    """Return checked features (B, n, D) of one stream (n, D) or of B; InputError for another number of streams."""
    x = tokenizer._checked(features)
    x = x if x.ndim == 3 else x[None]
    if len(x) != batch:
        raise InputError(f"features of {len(x)} streams; this encoder has {batch}")
    return x


def need_whole_tokens(waiting: Tensor) -> None:
    """Raise InputError when frames (B, n, D) wait for the rest of their token."""
    if waiting.shape[1]:
        raise InputError(f"{waiting.shape[1]} frames wait for the rest of their token; reset at a token's end")


class StreamEncoder:
    """Features to codes as they come. Token k leaves with frame 4k + 3, or 4k + 7 with the encoder's look-ahead."""

    def __init__(self, tokenizer: "MotionTokenizer", batch: int = 1) -> None:
        _need_causal(tokenizer)
        self._tokenizer, self._batch = tokenizer, batch
        self.reset()

    def reset(self, streams: Tensor | None = None) -> None:
        """Start anew: all streams, or those of a mask (B,) when no frame waits for the rest of its token."""
        if streams is None:
            device = self._tokenizer.mean.device
            self.state = StreamState.start(self._batch, device)
            self._waiting = torch.zeros(self._batch, 0, self._tokenizer.settings.feature_width, device=device)
            self._last = self._waiting
            return
        need_whole_tokens(self._waiting)
        self.state.reset(streams)

    @torch.inference_mode()
    def push(self, features: Tensor) -> Tensor | list[Tensor]:
        """Return the codes (k, Q) that these frames (n, D) make certain; a batch gives a list."""
        x = features_of_streams(self._tokenizer, features, self._batch)
        self._last = x[:, -1:].clone()
        x = torch.cat([self._waiting, x], dim=1)
        whole = x.shape[1] - x.shape[1] % STRIDE
        self._waiting = x[:, whole:]
        return self._given(self._step(x[:, :whole]))

    def _step(self, x: Tensor) -> list[Tensor]:
        if x.shape[1] == 0:
            empty = torch.zeros(0, len(self._tokenizer.quantiser.sizes), dtype=torch.int64, device=x.device)
            return [empty] * self._batch
        delayed = self._tokenizer.encoder.delayed
        late = [int(fresh) if delayed else 0 for fresh in self.state.fresh]
        carry = Carry(self.state)
        codes = self._tokenizer.codes_of(x, carry)
        carry.keep(delayed=False)
        return [codes[b, late[b] :] for b in range(self._batch)]

    @torch.inference_mode()
    def flush(self) -> Tensor | list[Tensor]:
        """Return the last codes, the last frame being held where a token or the look-ahead lacks frames; then reset."""
        x = self._waiting
        out = self._step(x[:, :0])
        if x.shape[1]:
            out = self._step(torch.cat([x, x[:, -1:].expand(-1, STRIDE - x.shape[1], -1)], dim=1))
        if self._tokenizer.encoder.delayed and not bool(self.state.fresh.all()):
            more = self._step(self._last.expand(-1, STRIDE, -1))
            out = [torch.cat(pair) for pair in zip(out, more, strict=True)]
        self.reset()
        return self._given(out)

    def _given(self, out: list[Tensor]) -> Tensor | list[Tensor]:
        return out[0] if self._batch == 1 else out


def encoded_in_pieces(tokenizer: "MotionTokenizer", features: np.ndarray, frames: int) -> Iterator[np.ndarray]:
    """Yield the codes (k, Q) of features (T, D), one array for each piece of so many frames and one for the rest.

    Together they are what `encode` gives, for whoever wants to show how far it is.
    """
    stream = tokenizer.stream_encoder()
    for start in range(0, len(features), frames):
        yield _one(stream.push(torch.from_numpy(features[start : start + frames])))
    yield _one(stream.flush())


def _one(codes: Tensor | list[Tensor]) -> np.ndarray:
    assert isinstance(codes, Tensor)  # a single stream
    return codes.numpy(force=True)


class StreamDecoder:
    """Codes to features as they come: four frames a token, one token late where the decoder looks ahead."""

    def __init__(self, tokenizer: "MotionTokenizer", batch: int = 1) -> None:
        _need_causal(tokenizer)
        self._tokenizer, self._batch = tokenizer, batch
        self._delayed = tokenizer.decoder.delayed
        self.reset()

    def reset(self, streams: Tensor | None = None) -> None:
        """Start anew: all streams, or those of a mask (B,)."""
        if streams is None:
            self.state = StreamState.start(self._batch, self._tokenizer.mean.device)
            self._last: Tensor | None = None
            self._skip = [0] * self._batch
            return
        self.state.reset(streams)
        self._skip = [0 if streams[b] else skip for b, skip in enumerate(self._skip)]

    @torch.inference_mode()
    def prime(self, codes: Tensor) -> None:
        """Take these codes (n, Q) as shown already: nothing of them comes out, what follows continues them."""
        self.push(codes)
        self._skip = [STRIDE if self._delayed else 0] * self._batch

    def push(self, codes: Tensor, active: Tensor | None = None) -> Tensor | list[Tensor]:
        """Return the frames (4 k, D) that these codes (n, Q) make certain; a batch gives a list.

        active: (B,) bool, the streams that these codes are for; the others stand still.
        """
        return self._given([piece[0] for piece in self.push_with_contacts(codes, active)])

    @torch.inference_mode()
    def push_with_contacts(self, codes: Tensor, active: Tensor | None = None) -> list[tuple[Tensor, Tensor | None]]:
        """Return for each stream its frames (4 k, D) and their contacts (4 k, 4)."""
        given = torch.as_tensor(codes)
        given = given if given.ndim == 3 else given[None]
        self._tokenizer.quantiser.check(given)
        if len(given) != self._batch:
            raise InputError(f"codes of {len(given)} streams; this decoder has {self._batch}")
        latents = self._tokenizer.quantiser.latents_of(given.to(self._tokenizer.mean.device))
        self._remember(latents[:, -1:], active)
        fresh = self.state.fresh if active is None else self.state.fresh[active]
        if self._delayed and bool(fresh.any()) and not (bool(fresh.all()) and latents.shape[1] > 1):
            # some streams are new: their first token brings nothing out of the look-ahead, a step of its own
            first = self._step(latents[:, :1], active)
            if latents.shape[1] == 1:
                return first
            rest = self._step(latents[:, 1:], active)
            return [_joined(a, b) for a, b in zip(first, rest, strict=True)]
        return self._step(latents, active)

    def _remember(self, latest: Tensor, active: Tensor | None) -> None:
        if active is None or self._last is None:
            self._last = latest.clone()
        else:
            self._last = torch.where(active[:, None, None], latest, self._last)

    def _step(self, latents: Tensor, active: Tensor | None) -> list[tuple[Tensor, Tensor | None]]:
        fresh = self.state.fresh if active is None else self.state.fresh[active]
        drop = self._delayed and bool(fresh.all()) and latents.shape[1] > 1
        nothing_yet = self.state.fresh & (self._delayed and not drop)
        carry = Carry(self.state, drop_first=drop)
        features, contacts = self._tokenizer.frames_of(latents, carry)
        carry.keep(active, delayed=self._delayed and not drop)
        out: list[tuple[Tensor, Tensor | None]] = []
        for b in range(self._batch):
            runs = (active is None or bool(active[b])) and not bool(nothing_yet[b])
            start = min(self._skip[b], features.shape[1]) if runs else features.shape[1]
            if runs:
                self._skip[b] -= start
            out.append((features[b, start:], None if contacts is None else contacts[b, start:]))
        return out

    def flush(self) -> Tensor | list[Tensor]:
        """Return the frames that the look-ahead still holds, the last code standing for the next; then reset."""
        return self._given([piece[0] for piece in self.flush_with_contacts()])

    @torch.inference_mode()
    def flush_with_contacts(self) -> list[tuple[Tensor, Tensor | None]]:
        """Return for each stream its last frames and their contacts; then reset."""
        width = self._tokenizer.settings.feature_width
        out: list[tuple[Tensor, Tensor | None]] = [(self._tokenizer.mean.new_zeros(0, width), None)] * self._batch
        if self._delayed and self._last is not None:
            out = self._step(self._last, ~self.state.fresh)
        self.reset()
        return out

    def _given(self, out: list[Tensor]) -> Tensor | list[Tensor]:
        return out[0] if self._batch == 1 else out


def _joined(a: tuple[Tensor, Tensor | None], b: tuple[Tensor, Tensor | None]) -> tuple[Tensor, Tensor | None]:
    contacts = None if a[1] is None or b[1] is None else torch.cat([a[1], b[1]])
    return torch.cat([a[0], b[0]]), contacts

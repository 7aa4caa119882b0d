"""Motion to codes and back: `MotionTokenizer`.

    tok = MotionTokenizer.from_pretrained("body-512")
    codes = tok.encode(tok.features_of(clip))   # (T / 4, Q) int64
    clip = tok.clip_of(tok.decode(codes))

Streams: `tok.stream_encoder()` and `tok.stream_decoder()` (see `streams`).
"""

from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor, nn

from solami_protocol.errors import InputError
from solami_tokenizers.encoding import Encoding
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.contacts import gated_path
from solami_tokenizers.motion.features import RootState, body_features, hand_features, pose_of, to_clip
from solami_tokenizers.motion.networks import STRIDE, CausalDecoder, CausalEncoder
from solami_tokenizers.motion.normalise import CLAMP, Normaliser
from solami_tokenizers.motion.quantisers import Quantised, Quantiser
from solami_tokenizers.motion.solami_features import SOLAMI_BODY, from_solami_features, solami_features
from solami_tokenizers.motion.solami_mode import SymmetricDecoder, SymmetricEncoder
from solami_tokenizers.motion.streaming import Carry
from solami_tokenizers.motion.tokenizer_config import TokenizerSettings

if TYPE_CHECKING:
    from solami_tokenizers.motion.closed_loop import ClosedLoopEncoder
    from solami_tokenizers.motion.streams import StreamDecoder, StreamEncoder

__all__ = ["MotionTokenizer", "Reconstruction"]


@dataclass(frozen=True, slots=True)
class Reconstruction:
    """What one pass of training gives."""

    features: Tensor
    """(B, T, D) normalised."""
    contacts: Tensor | None
    """(B, T, 4) logits."""
    quantised: Quantised


class MotionTokenizer(nn.Module):
    """Encoder, quantiser and decoder of one kind of features, with their statistics."""

    mean: Tensor
    deviation: Tensor
    encoding: Encoding = "open"
    """How it encodes. A tokenizer from files takes `closed` where it can, one that trains `open`."""

    def __init__(self, settings: TokenizerSettings, normaliser: Normaliser) -> None:
        super().__init__()
        width = settings.feature_width
        if normaliser.mean.shape != (width,):
            raise InputError(f"statistics of {normaliser.mean.shape} features; {settings.features} has {width}")
        self.settings = settings
        symmetric = settings.network == "symmetric"
        self.encoder = (SymmetricEncoder if symmetric else CausalEncoder)(settings.shape)
        self.decoder = (SymmetricDecoder if symmetric else CausalDecoder)(settings.shape)
        self.quantiser = Quantiser(settings.quantiser, settings.latent)
        self.register_buffer("mean", torch.from_numpy(normaliser.mean.copy()))
        self.register_buffer("deviation", torch.from_numpy(normaliser.deviation.copy()))

    @property
    def normaliser(self) -> Normaliser:
        """Return the statistics of its features."""
        return Normaliser(self.mean.cpu().numpy(), self.deviation.cpu().numpy())

    @property
    def look_ahead_frames(self) -> int:
        """Return how many frames after its own token a decoded frame may depend on, encoder and decoder together."""
        if self.settings.network == "symmetric":
            return 22 * STRIDE + 86  # 174: a decoded frame sees 22 tokens on, a token 86 frames past its own
        return 0 if self.settings.look_ahead == "none" else STRIDE

    @property
    def parameters_count(self) -> int:
        """Return the number of trained numbers, codebooks included."""
        codebooks = sum(b.numel() for name, b in self.named_buffers() if name.endswith("codebook.embed"))
        return sum(p.numel() for p in self.parameters()) + codebooks

    # ---- training ----

    def forward(
        self, features: Tensor, mask: Tensor | None = None, code_swap: float = 0.0, noise: float = 0.0
    ) -> Reconstruction:
        """Return the reconstruction of normalised features (B, T, D), T a multiple of 4.

        mask: (B, T) bool, frames that count. code_swap: share of tokens that the decoder gets at random in place of
        the encoder's. noise: deviation of the noise on the encoder's input.
        """
        seen = features.clamp(-CLAMP, CLAMP)
        if noise:
            seen = seen + noise * torch.randn_like(seen)
        latents = self.encoder(seen.transpose(1, 2), Carry()).transpose(1, 2)
        tokens = None if mask is None else mask.unflatten(1, (-1, STRIDE)).any(dim=2)
        quantised = self.quantiser(latents, tokens)
        given = quantised.latents
        if code_swap:
            batch, length, _ = given.shape
            wrong = self.quantiser.latents_of(self.quantiser.random_codes((batch, length), given.device)).detach()
            given = torch.where(torch.rand(batch, length, 1, device=given.device) < code_swap, wrong, given)
        out = self.decoder(given.transpose(1, 2), Carry()).transpose(1, 2)
        features, contacts = self._split(out)
        return Reconstruction(features, contacts, quantised)

    def _split(self, out: Tensor) -> tuple[Tensor, Tensor | None]:
        width = self.settings.feature_width
        return out[..., :width], out[..., width:] if self.settings.has_contacts else None

    # ---- whole recordings ----

    @torch.inference_mode()
    def encode(self, features: Any, mask: Any = None) -> Any:
        """Return codes (T', Q) int64, T' = T / 4 rounded up, of features (T, D); with a batch axis in front, too.

        mask: (T,) bool, frames that count; the others show the frame before them. Arrays give arrays, tensors tensors.
        Raises InputError for another width, no frames, or numbers that are not finite.
        """
        x = self._checked(features)
        if mask is not None:
            given = torch.as_tensor(np.asarray(mask) if isinstance(features, np.ndarray) else mask)
            x = _hold(x, given.to(x.device))
        batched = x if x.ndim == 3 else x[None]
        tokens = -(-batched.shape[1] // STRIDE)
        if self.encoding != "open":
            loop = self.stream_encoder(len(batched))
            held = loop.push(_held(batched, STRIDE * tokens))
            codes = torch.stack(held) if isinstance(held, list) else held[None]
            return _like(features, codes if x.ndim == 3 else codes[0])
        # a look-ahead of the encoder sees the last frame held for one token more
        length = STRIDE * (tokens + (1 if self.encoder.delayed else 0))
        codes = self.codes_of(_held(batched, length), Carry())[:, :tokens]
        return _like(features, codes if x.ndim == 3 else codes[0])

    @torch.inference_mode()
    def decode(self, codes: Any, frames: int | None = None) -> Any:
        """Return features (4 T', D) float32 of codes (T', Q), cut to `frames` if given; batches as in `encode`.

        Raises InputError for codes out of range.
        """
        return self.decode_with_contacts(codes, frames)[0]

    @torch.inference_mode()
    def decode_with_contacts(self, codes: Any, frames: int | None = None) -> tuple[Any, Any]:
        """Return features as `decode` does, and contacts (4 T', 4) 0 to 1, None where the tokenizer has none."""
        given = torch.as_tensor(codes)
        self.quantiser.check(given)
        batched = given if given.ndim == 3 else given[None]
        features, contacts = self.frames_of(self.quantiser.latents_of(batched.to(self.mean.device)), Carry())
        if given.ndim == 2:
            features, contacts = features[0], None if contacts is None else contacts[0]
        cut = slice(0, frames)
        at = (..., cut, slice(None))
        return _like(codes, features[at]), None if contacts is None else _like(codes, contacts[at])

    def codes_of(self, features: Tensor, carry: Carry) -> Tensor:
        """Return codes (B, T, Q) of checked features (B, 4 T, D), one pass of the encoder."""
        return self.quantiser(self.latents_of(features, carry)).codes

    def latents_of(self, features: Tensor, carry: Carry) -> Tensor:
        """Return latents (B, T, latent) of checked features (B, 4 T, D) before they become codes."""
        seen = ((features - self.mean) / self.deviation).clamp(-CLAMP, CLAMP)
        return self.encoder(seen.transpose(1, 2), carry).transpose(1, 2)

    def frames_of(self, latents: Tensor, carry: Carry) -> tuple[Tensor, Tensor | None]:
        """Return features (B, 4 T, D) and contacts (B, 4 T, 4) of latents (B, T, latent), one pass of the decoder."""
        out, contacts = self._split(self.decoder(latents.transpose(1, 2), carry).transpose(1, 2))
        return out * self.deviation + self.mean, None if contacts is None else contacts.sigmoid()

    def _checked(self, features: Any) -> Tensor:
        x = torch.as_tensor(features, dtype=torch.float32).to(self.mean.device)
        width = self.settings.feature_width
        if x.ndim not in (2, 3) or x.shape[-1] != width:
            raise InputError(
                f"features have shape {tuple(x.shape)}; expected (T, {width}) for '{self.settings.features}'"
            )
        if x.shape[-2] == 0:
            raise InputError("features hold 0 frames; expected at least one")
        if not torch.isfinite(x).all():
            place = torch.nonzero(~torch.isfinite(x))[0].tolist()
            raise InputError(f"features are not finite (NaN or infinite) at frame {place[-2]}, feature {place[-1]}")
        return x

    # ---- streams ----

    def stream_encoder(self, batch: int = 1) -> "StreamEncoder | ClosedLoopEncoder":
        """Return a new stream of features to codes; InputError for a network that sees both ways."""
        from solami_tokenizers.motion.closed_loop import ClosedLoopEncoder
        from solami_tokenizers.motion.goal import CHOICE, SEARCH
        from solami_tokenizers.motion.streams import StreamEncoder

        if self.encoding == "open":
            return StreamEncoder(self, batch)
        return ClosedLoopEncoder(self, batch, SEARCH if self.encoding == "search" else CHOICE)

    def stream_decoder(self, batch: int = 1) -> "StreamDecoder":
        """Return a new stream of codes to features; InputError for a network that sees both ways."""
        from solami_tokenizers.motion.streams import StreamDecoder

        return StreamDecoder(self, batch)

    def encoding_as(self, encoding: Encoding) -> "MotionTokenizer":
        """Return a tokenizer of the same weights that encodes in another way; raises InputError when it cannot."""
        from solami_tokenizers.motion.closed_loop import need_searchable

        if encoding != "open":
            need_searchable(self)
        other = copy(self)
        other.encoding = encoding
        return other

    # ---- clips ----

    def features_of(self, clip: Clip) -> np.ndarray:
        """Return a clip's features (T, D) float32 of this tokenizer's kind (SOLAMI's: T - 1 frames)."""
        match self.settings.features:
            case "body":
                return body_features(clip)
            case "hand":
                return hand_features(clip)
            case "solami_body":
                return solami_features(clip)[:, SOLAMI_BODY]
            case "humanml3d":
                raise InputError("HumanML3D's features are made by its own preparation; give them to `encode`")

    def clip_of(
        self,
        features: np.ndarray,
        contacts: np.ndarray | None = None,
        start: RootState | None = None,
        name: str = "decoded",
    ) -> Clip:
        """Return the clip of decoded features; standing feet hold the root where contacts are given."""
        match self.settings.features:
            case "body" if contacts is not None:
                root, rotations = pose_of(features, gated_path(features, contacts, start))
                return Clip(name=name, root_m=root, rotations=rotations, fps=30.0)
            case "body":
                return to_clip(features, start=start, name=name)
            case "solami_body":
                return from_solami_features(features, name=name)
            case _:
                raise InputError(f"'{self.settings.features}' features have no body; give them to `to_clip` with one")

    # ---- files ----

    def save_pretrained(self, folder: Path | str, card: str = "") -> None:
        """Write config, weights and model card into a folder (see `pretrained`)."""
        from solami_tokenizers.motion.pretrained import save

        save(self, Path(folder), card)

    @classmethod
    def from_pretrained(
        cls, name: Path | str, device: str = "cpu", encoding: Encoding | None = None
    ) -> "MotionTokenizer":
        """Return the tokenizer of a shipped name (`body-512`) or a folder, ready to use.

        encoding: None takes `closed` where the network can, else `open`. Raises InputError that names the file and the
        fault, or when it cannot encode so.
        """
        from solami_tokenizers.motion.closed_loop import can_close
        from solami_tokenizers.motion.pretrained import load

        made = load(name).to(device).eval()
        return made.encoding_as(encoding or ("closed" if can_close(made) else "open"))


def _held(x: Tensor, length: int) -> Tensor:
    """Return features (B, T, D) with the last frame held up to `length` frames."""
    return torch.cat([x, x[:, -1:].expand(-1, length - x.shape[1], -1)], dim=1)


def _hold(x: Tensor, mask: Tensor) -> Tensor:
    """Return features with each frame that does not count replaced by the last one before it that does."""
    if mask.shape != x.shape[:-1]:
        raise InputError(
            f"mask has shape {tuple(mask.shape)}, features {tuple(x.shape)}; expected {tuple(x.shape[:-1])}"
        )
    if not mask.any(dim=-1).all():
        raise InputError("mask: no frame counts; expected at least one in each clip")
    at = torch.arange(mask.shape[-1], device=x.device).expand(mask.shape)
    last = torch.where(mask, at, -1).cummax(dim=-1).values
    first = mask.float().argmax(dim=-1, keepdim=True)
    source = torch.where(last < 0, first, last)
    return torch.gather(x, -2, source[..., None].expand(x.shape))


def _like(given: Any, out: Tensor) -> Any:
    return out.cpu().numpy() if isinstance(given, np.ndarray) else out

"""The decoder of a causal tokenizer in numpy: codes to body features where torch is not installed.

    decoder = NumpyDecoder.from_pretrained("body-residual")
    features, contacts = decoder.decode(codes)

It gives what `MotionTokenizer.decode_with_contacts` gives, to float rounding, for whole recordings; a gesture of 3 s
takes some 10 ms. Streams, encoders and finite scalars need torch.
"""

from pathlib import Path
from typing import Any

import numpy as np

from solami_protocol.errors import InputError
from solami_tokenizers.motion.tokenizer_folder import CONFIG, WEIGHTS, folder_of, read_settings, read_tensors

__all__ = ["NumpyDecoder"]

_CODEBOOK = "quantiser.inner._codebook.embed"
_BLOCK = ("wide.conv", "mix")
_CODEBOOKS = "quantiser.inner.layers.{}._codebook.embed"


class NumpyDecoder:
    """Codes (T, Q) of one tokenizer to features (4 T, D)."""

    def __init__(self, settings: dict[str, Any], tensors: dict[str, np.ndarray], where: str) -> None:
        """Raises InputError for a network that is not causal, other codes than codebooks, or a tensor that lacks."""
        kind = settings.get("quantiser", {}).get("kind")
        if settings.get("network") != "causal" or kind not in ("ema", "residual"):
            raise InputError(f"{where}: a {settings.get('network')} network with {kind} codes; decoding without torch")
        self.kind = str(settings["features"])
        self._ahead = settings["look_ahead"] == "decoder"
        self._dilations = tuple(int(d) for d in settings["dilations"])
        self._settle = bool(settings.get("settle", False))
        self._where, self._tensors = where, tensors
        depth = int(settings["quantiser"]["depth"]) if kind == "residual" else 1
        names = [_CODEBOOKS.format(i) for i in range(depth)] if kind == "residual" else [_CODEBOOK]
        self._codebooks = [self._tensor(name)[0] for name in names]
        self.mean, self.deviation = self._tensor("mean"), self._tensor("deviation")
        self._refuse_other_layers()

    @classmethod
    def from_pretrained(cls, name: Path | str) -> "NumpyDecoder":
        """Return the decoder of a shipped tokenizer or of a folder; raises InputError that names file and fault."""
        folder = folder_of(name)
        return cls(read_settings(folder / CONFIG), read_tensors(folder / WEIGHTS), str(folder / WEIGHTS))

    @property
    def sizes(self) -> tuple[int, ...]:
        """Return how many codes each codebook has."""
        return tuple(len(book) for book in self._codebooks)

    def decode(self, codes: np.ndarray, frames: int | None = None) -> tuple[np.ndarray, np.ndarray | None]:
        """Return features (4 T, D) float32 and contacts (4 T, 4) 0 to 1 (None without), cut to `frames`.

        Raises InputError for codes of another shape, or out of range.
        """
        x = self._latents(codes)
        x = self._conv("decoder.enter.conv", x, ahead=self._ahead)
        x = _silu(x)
        for stage in range(2):
            for i, dilation in enumerate(self._dilations):
                block = f"decoder.blocks.{stage}.{i}"
                wide = self._conv(f"{block}.wide.conv", _silu(x), dilation)
                x = x + self._conv(f"{block}.mix", _silu(wide))
            x = self._conv(f"decoder.up.{stage}.conv", np.repeat(x, 2, axis=0))
        out = self._conv("decoder.leave.conv", _silu(x))[:frames]
        if self._settle:
            before = np.concatenate([out[:1], out[:1], out])
            out = (before[:-2] + 2 * before[1:-1] + out) / 4
        width = len(self.mean)
        features = out[:, :width] * self.deviation + self.mean
        if out.shape[1] == width:
            return features, None
        return features, 1 / (1 + np.exp(-out[:, width:]))

    def _refuse_other_layers(self) -> None:
        layers = {"enter.conv", "leave.conv", *(f"up.{stage}.conv" for stage in range(2))}
        layers |= {f"blocks.{s}.{i}.{part}" for s in range(2) for i in range(len(self._dilations)) for part in _BLOCK}
        for name in self._tensors:
            part, _, layer = name.rpartition(".")[0].partition(".")
            if part == "decoder" and layer not in layers:
                raise InputError(
                    f"{self._where}: tensor '{name}' is not part of this decoder; was it trained by another release?"
                )

    def _latents(self, codes: np.ndarray) -> np.ndarray:
        if codes.ndim != 2 or codes.shape[1] != len(self._codebooks) or not len(codes):
            raise InputError(f"codes: shape {codes.shape}; expected (T, {len(self._codebooks)})")
        for level, size in enumerate(self.sizes):
            if codes[:, level].min() < 0 or codes[:, level].max() >= size:
                raise InputError(f"codes: codebook {level} holds a number out of range; expected 0 to {size - 1}")
        return sum(
            (book[codes[:, level]] for level, book in enumerate(self._codebooks)), np.zeros((), dtype=np.float32)
        )

    def _conv(self, name: str, x: np.ndarray, dilation: int = 1, *, ahead: bool = False) -> np.ndarray:
        """Return a convolution over x (T, C): into the past, or over the token before and the one after."""
        weight = self._tensor(f"{name}.weight")  # (O, C, K)
        kernel = weight.shape[2]
        before = 1 if ahead else (kernel - 1) * dilation
        after = kernel - 1 - before if ahead else 0
        padded = np.concatenate([np.repeat(x[:1], before, axis=0), x, np.repeat(x[-1:], after, axis=0)])
        taps = [padded[j * dilation : j * dilation + len(x)] @ weight[:, :, j].T for j in range(kernel)]
        return sum(taps[1:], taps[0]) + self._tensor(f"{name}.bias")

    def _tensor(self, name: str) -> np.ndarray:
        try:
            return self._tensors[name]
        except KeyError:
            raise InputError(f"{self._where}: tensor '{name}' is missing; is it another tokenizer's file?") from None


def _silu(x: np.ndarray) -> np.ndarray:
    return x / (1 + np.exp(-x))

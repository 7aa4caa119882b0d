"""Closed-loop encoding: nearer than the encoder alone, streamed as whole, with the heading made good, and refusals."""

from dataclasses import replace
from pathlib import Path
from typing import get_args

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from solami.cli.main import app
from solami_protocol.errors import InputError
from solami_tokenizers.encoding import Encoding
from solami_tokenizers.motion.body_torch import root_track
from solami_tokenizers.motion.closed_loop import ClosedLoopEncoder
from solami_tokenizers.motion.features import to_clip
from solami_tokenizers.motion.goal import SEARCH
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.metrics import mpjpe_mm
from solami_tokenizers.motion.streaming import Carry
from solami_tokenizers.motion.streams import encoded_in_pieces
from solami_tokenizers.motion.tokenizer import MotionTokenizer


@pytest.fixture(scope="module")
def open_loop() -> MotionTokenizer:
    return MotionTokenizer.from_pretrained("body-512", encoding="open")


@pytest.fixture(scope="module", params=["closed", "search"])
def closed_loop(request: pytest.FixtureRequest) -> MotionTokenizer:
    return MotionTokenizer.from_pretrained("body-512", encoding=request.param)


@pytest.fixture(scope="module")
def odd(open_loop: MotionTokenizer) -> torch.Tensor:
    """80 frames of what was not trained on: a shown motion, its arms turned up, its body turning steadily."""
    torch.manual_seed(3)
    codes = torch.randint(0, 512, (1, 1)).expand(20, 1)
    x = open_loop.decode(codes).clone()
    up = torch.tensor([[0.0, 1.0, 0.0], [-1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    for joint in (16, 17):  # the shoulders
        part = slice(4 + 6 * joint, 10 + 6 * joint)
        x[:, part] = (x[:, part].unflatten(1, (2, 3)) @ (up if joint == 16 else up.T)).flatten(1)
    x[:, 0] += 0.7
    return x


def error_mm(made: torch.Tensor, true: torch.Tensor) -> float:
    clips = [to_clip(x.numpy()) for x in (made, true)]
    return mpjpe_mm(*(forward(clip.root_m, clip.rotations, body_only=True)[0] for clip in clips))


def test_it_is_nearer_and_keeps_the_heading(odd: torch.Tensor) -> None:
    plain, closed, searched = (
        tok.decode(tok.encode(odd))
        for tok in (MotionTokenizer.from_pretrained("body-residual", encoding=how) for how in get_args(Encoding))
    )
    assert error_mm(closed, odd) < 0.8 * error_mm(plain, odd)
    assert error_mm(searched, odd) < 0.5 * error_mm(plain, odd)
    plain_yaw, closed_yaw, yaw, true_yaw = root_track(torch.stack([plain, closed, searched, odd]))[:, -1, 2]
    assert max(abs(yaw - true_yaw), abs(closed_yaw - true_yaw)) < 0.3
    assert max(abs(yaw - true_yaw), abs(closed_yaw - true_yaw)) < 0.5 * abs(plain_yaw - true_yaw)


def test_it_is_what_a_tokenizer_from_files_does_where_it_can(open_loop: MotionTokenizer, odd: torch.Tensor) -> None:
    usual, closed = (MotionTokenizer.from_pretrained("body-512", encoding=how) for how in (None, "closed"))
    assert torch.equal(usual.encode(odd), closed.encode(odd))
    assert not torch.equal(usual.encode(odd), open_loop.encode(odd))
    assert [MotionTokenizer.from_pretrained(name).encoding for name in ("body-solami", "hand")] == ["open", "open"]


def test_streamed_and_in_batches_it_gives_the_same_codes(closed_loop: MotionTokenizer, odd: torch.Tensor) -> None:
    whole = closed_loop.encode(odd[:45])
    assert whole.shape == (12, 1)
    stream = closed_loop.stream_encoder()
    pieces = [stream.push(odd[a:b]) for a, b in ((0, 3), (3, 4), (4, 21), (21, 45))]
    assert torch.equal(torch.cat([*pieces, stream.flush()]), whole)
    in_pieces = list(encoded_in_pieces(closed_loop, odd[:45].numpy(), 20))
    assert np.array_equal(np.concatenate(in_pieces), whole)
    assert [len(piece) for piece in in_pieces] == [5, 5, 1, 1]
    again = closed_loop.stream_encoder(2)
    mirrored = odd[:45].flip(0)
    first, second = again.push(torch.stack([odd[:45], mirrored]))
    assert torch.equal(first, whole[:11])
    assert torch.equal(second, closed_loop.encode(mirrored)[:11])
    assert [len(last) for last in again.flush()] == [1, 1]
    assert torch.equal(again.push(torch.stack([odd[:8], odd[:8]]))[1], whole[:2]), "a flush did not start anew"


def test_single_streams_of_a_batch_start_anew(closed_loop: MotionTokenizer, odd: torch.Tensor) -> None:
    stream = closed_loop.stream_encoder(2)
    other = odd[:32].flip(0)
    stream.push(torch.stack([odd[:16], other[:16]]))
    stream.reset(torch.tensor([False, True]))
    kept, anew = stream.push(torch.stack([odd[16:32], odd[:16]]))
    assert torch.equal(kept, closed_loop.encode(odd[:32])[4:])
    assert torch.equal(anew, closed_loop.encode(odd[:16]))
    stream.push(torch.stack([odd[:3], odd[:3]]))
    with pytest.raises(InputError, match="3 frames wait"):
        stream.reset(torch.tensor([True, False]))


def test_the_future_does_not_matter(closed_loop: MotionTokenizer, odd: torch.Tensor) -> None:
    changed = odd.clone()
    changed[40:] = odd[:40]
    assert torch.equal(closed_loop.encode(odd)[:10], closed_loop.encode(changed)[:10])


@pytest.mark.parametrize("name", ["body-512", "body-residual"])
def test_with_all_trust_it_is_as_near_to_the_encoder_as_can_be(name: str, odd: torch.Tensor) -> None:
    tokenizer = MotionTokenizer.from_pretrained(name, encoding="open")
    own = tokenizer.encode(odd[:40])
    # the first two tokens: from the third on, the heading that is off changes what the encoder sees
    trusting = ClosedLoopEncoder(tokenizer, search=replace(SEARCH, trust=1e9)).push(odd[:8])
    assert isinstance(trusting, torch.Tensor)
    with torch.inference_mode():
        said = tokenizer.latents_of(odd[None, :8], Carry())
        far = [(tokenizer.quantiser.latents_of(c[None]) - said).square().sum(2) for c in (trusting, own[:2])]
    assert (far[0] <= far[1] + 1e-5).all(), "several codebooks leave nearer sums than one after the other finds"
    assert name != "body-512" or torch.equal(trusting, own[:2])
    assert not torch.equal(ClosedLoopEncoder(tokenizer, search=replace(SEARCH, trust=0)).push(odd[:40]), own)


def test_masked_frames_show_the_one_before(closed_loop: MotionTokenizer, odd: torch.Tensor) -> None:
    mask = np.ones(40, bool)
    mask[10:20] = False
    broken = odd[:40].numpy().copy()
    broken[10:20] = 5.0
    held = odd[:40].numpy().copy()
    held[10:20] = held[9]
    assert np.array_equal(closed_loop.encode(broken, mask), closed_loop.encode(held))


@pytest.mark.parametrize("name", ["body-solami", "hand"])
def test_what_cannot_be_searched_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="closed loop: needs"):
        MotionTokenizer.from_pretrained(name, encoding="closed")


def test_bad_input_is_refused(closed_loop: MotionTokenizer, odd: torch.Tensor) -> None:
    with pytest.raises(InputError, match="features of 1 streams; this encoder has 2"):
        closed_loop.stream_encoder(2).push(odd)
    with pytest.raises(InputError, match="not finite"):
        closed_loop.stream_encoder().push(odd * torch.nan)
    with pytest.raises(InputError, match="0 frames"):
        closed_loop.encode(odd[:0])


def test_the_command_line_says_so(tmp_path: Path) -> None:
    done = CliRunner().invoke(
        app, ["tokenizer", "encode", "body-solami", "x.bvh", str(tmp_path / "c"), "--encoding", "search"]
    )
    assert done.exit_code == 1
    assert "closed loop: needs" in " ".join(done.output.split())

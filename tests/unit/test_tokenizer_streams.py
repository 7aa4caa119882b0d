"""Streamed equals whole: causal networks, their look-ahead, streams in batches, and what is refused."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from solami_protocol.errors import InputError
from solami_tokenizers.encoding import Encoding
from solami_tokenizers.motion.networks import CausalConv, DoublingConv
from solami_tokenizers.motion.normalise import Normaliser
from solami_tokenizers.motion.quantisers import QuantiserSettings
from solami_tokenizers.motion.streaming import Carry
from solami_tokenizers.motion.tokenizer import MotionTokenizer
from solami_tokenizers.motion.tokenizer_config import TokenizerSettings

LOOKS = ("none", "encoder", "decoder")
QUANTISERS = {
    "ema": QuantiserSettings(kind="ema", size=32),
    "residual": QuantiserSettings(kind="residual", size=16, depth=3),
    "fsq": QuantiserSettings(kind="fsq", levels=(5, 5, 3)),
}


def tiny(look_ahead: str = "decoder", kind: str = "ema", network: str = "causal") -> MotionTokenizer:
    """A network of 16 channels whose codebook has seen a batch."""
    torch.manual_seed(7)
    made = TokenizerSettings.model_validate(
        {
            "width": 16,
            "latent": 8,
            "look_ahead": look_ahead,
            "network": network,
            "quantiser": QUANTISERS[kind],
            "settle": kind != "fsq" and network == "causal",  # both ways
        }
    )
    rng = np.random.default_rng(0)
    stats = Normaliser(rng.normal(0, 1, 136).astype(np.float32), rng.uniform(0.05, 0.5, 136).astype(np.float32))
    tokenizer = MotionTokenizer(made, stats)
    tokenizer.train()
    tokenizer(torch.randn(16, 64, 136))
    return tokenizer.eval()


def test_a_symmetric_network_does_not_settle() -> None:
    with pytest.raises(ValueError, match="settle: only for network causal"):
        TokenizerSettings(network="symmetric", settle=True)


TOKENIZERS = {(look, kind): tiny(look, kind) for look, kind in itertools.product(LOOKS, QUANTISERS)}


def test_doubling_is_a_convolution_over_doubled_frames() -> None:
    torch.manual_seed(0)
    up, x = DoublingConv(8, 6), torch.randn(2, 8, 5)
    plain = CausalConv(8, 6, 3)
    plain.load_state_dict(up.state_dict())
    torch.testing.assert_close(up(x, Carry()), plain(x.repeat_interleave(2, dim=2), Carry()))


def features(frames: int, seed: int = 0, batch: int | None = None) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    shape = (frames, 136) if batch is None else (batch, frames, 136)
    return torch.randn(shape, generator=generator).cumsum(-2) * 0.05


def pieces(total: int, cuts: list[int]) -> list[slice]:
    edges = sorted({0, total, *(c % (total + 1) for c in cuts)})
    return [slice(a, b) for a, b in itertools.pairwise(edges)]


@settings(max_examples=60, deadline=None)
@given(
    key=st.sampled_from(sorted(TOKENIZERS)),
    tokens=st.integers(1, 24),
    cuts=st.lists(st.integers(0, 24), max_size=8),
    seed=st.integers(0, 5),
)
def test_decoding_in_any_pieces_gives_the_whole(key: tuple[str, str], tokens: int, cuts: list[int], seed: int) -> None:
    tokenizer = TOKENIZERS[key]
    codes = tokenizer.encode(features(4 * tokens, seed))
    whole = tokenizer.decode(codes)
    stream = tokenizer.stream_decoder()
    got = [stream.push(codes[part]) for part in pieces(tokens, cuts)]
    late = 4 if key[0] == "decoder" else 0
    assert sum(len(g) for g in got) == 4 * tokens - late
    got.append(stream.flush())
    torch.testing.assert_close(torch.cat(got), whole, atol=1e-5, rtol=1e-5)


@settings(max_examples=60, deadline=None)
@given(
    key=st.sampled_from(sorted(TOKENIZERS)),
    frames=st.integers(1, 70),
    cuts=st.lists(st.integers(0, 70), max_size=8),
    seed=st.integers(0, 5),
)
def test_encoding_in_any_pieces_gives_the_codes_of_the_whole(
    key: tuple[str, str], frames: int, cuts: list[int], seed: int
) -> None:
    tokenizer = TOKENIZERS[key]
    x = features(frames, seed)
    stream = tokenizer.stream_encoder()
    got = torch.cat([*(stream.push(x[part]) for part in pieces(frames, cuts)), stream.flush()])
    whole = tokenizer.encode(x)
    assert got.shape == whole.shape == (-(-frames // 4), len(tokenizer.quantiser.sizes))
    assert torch.equal(got, whole)


@settings(max_examples=30, deadline=None)
@given(
    look=st.sampled_from(["none", "decoder"]),
    kind=st.sampled_from(["ema", "residual"]),
    how=st.sampled_from(["closed", "search"]),
    frames=st.integers(1, 40),
    cuts=st.lists(st.integers(0, 40), max_size=5),
    late=st.integers(0, 5),
)
def test_in_closed_loop_streams_of_any_age_in_any_pieces_give_the_codes_of_the_whole(
    look: str, kind: str, how: Encoding, frames: int, cuts: list[int], late: int
) -> None:
    """A stream that has run for `late` tokens stays beside one that begins."""
    tokenizer = TOKENIZERS[look, kind].encoding_as(how)
    x, older = features(frames), features(4 * late + frames, seed=1)
    stream = tokenizer.stream_encoder(2)
    if late:
        stream.push(torch.stack([older[: 4 * late]] * 2))
        stream.reset(torch.tensor([True, False]))
    both = torch.stack([x, older[4 * late :]])
    got = [stream.push(both[:, part]) for part in pieces(frames, cuts)] + [stream.flush()]
    young, old = (torch.cat([piece[b] for piece in got]) for b in (0, 1))
    # compared with batches as large: in others the last bit may differ, and one near tie changes all that follows
    assert torch.equal(young, tokenizer.encode(torch.stack([x, x]))[0])
    assert torch.equal(old, tokenizer.encode(torch.stack([older, older]))[1, late:])


def test_a_token_leaves_as_soon_as_its_look_ahead_is_there() -> None:
    x = features(40)
    for look, wait in (("encoder", 8), ("decoder", 4), ("none", 4)):
        stream = TOKENIZERS[look, "ema"].stream_encoder()
        times = [t for t in range(40) if len(stream.push(x[t : t + 1]))]
        assert times == list(range(wait - 1, 40, 4))


@pytest.mark.parametrize("look", LOOKS)
def test_the_receptive_field_by_gradient(look: str) -> None:
    """The reconstruction of token 20's frames depends on frames up to its own last, or one token further."""
    tokenizer = TOKENIZERS[look, "ema"]
    x = features(160, batch=1).requires_grad_()
    latents = tokenizer.encoder(x.transpose(1, 2), Carry())
    out = tokenizer.decoder(latents, Carry()).transpose(1, 2)
    out[0, 80:84].square().sum().backward()
    assert x.grad is not None
    touched = torch.nonzero(x.grad[0].abs().sum(-1))[:, 0]
    assert int(touched.max()) == (83 if look == "none" else 87)
    assert int(touched.max()) - 83 == tokenizer.look_ahead_frames
    assert int(touched.min()) < 40  # and it does look far back


def test_the_symmetric_network_sees_both_ways_and_cannot_stream() -> None:
    tokenizer = tiny(network="symmetric")
    x = features(800, batch=1).requires_grad_()
    out = tokenizer.decoder(tokenizer.encoder(x.transpose(1, 2), Carry()), Carry()).transpose(1, 2)
    out[0, 400:404].square().sum().backward()
    assert x.grad is not None
    touched = torch.nonzero(x.grad[0].abs().sum(-1))[:, 0]
    assert int(touched.max()) - 403 == tokenizer.look_ahead_frames
    for stream in (tokenizer.stream_decoder, tokenizer.stream_encoder):
        with pytest.raises(InputError, match="cannot stream"):
            stream()


def test_many_streams_in_one_batch_are_each_like_one_alone() -> None:
    """Streams that start, pause and end at different times share a batch."""
    tokenizer = TOKENIZERS["decoder", "residual"]
    codes = torch.stack([tokenizer.encode(features(96, seed)) for seed in range(4)])
    alone = [tokenizer.decode(c) for c in codes]
    stream = tokenizer.stream_decoder(batch=4)
    got: list[list[torch.Tensor]] = [[] for _ in range(4)]
    at = [0, 0, 0, 0]
    rng = np.random.default_rng(1)
    while min(at) < 24:
        active = torch.tensor([a < 24 and bool(rng.random() < 0.6) for a in at])
        room = min([24 - a for a, runs in zip(at, active, strict=True) if runs], default=0)
        if room == 0:
            continue
        n = int(rng.integers(1, min(room, 3) + 1))
        piece = torch.stack([codes[b, a : a + n] if active[b] else codes[b, :n] for b, a in enumerate(at)])
        for b, frames in enumerate(stream.push(piece, active)):
            got[b].append(frames)
            at[b] += n if active[b] else 0
    for b, frames in enumerate(stream.flush()):
        got[b].append(frames)
        torch.testing.assert_close(torch.cat(got[b]), alone[b], atol=1e-5, rtol=1e-5)


def test_one_stream_of_a_batch_starts_anew() -> None:
    for look in LOOKS:
        tokenizer = TOKENIZERS[look, "ema"]
        first, second = (torch.stack([tokenizer.encode(features(32, s)) for s in pair]) for pair in ((0, 1), (2, 3)))
        stream = tokenizer.stream_decoder(batch=2)
        stream.push(first)
        stream.reset(torch.tensor([False, True]))
        got = [torch.cat(pair) for pair in zip(stream.push(second), stream.flush(), strict=True)]
        torch.testing.assert_close(got[1], tokenizer.decode(second[1]), atol=1e-5, rtol=1e-5)
        whole = tokenizer.decode(torch.cat([first[0], second[0]]))
        torch.testing.assert_close(got[0], whole[-len(got[0]) :], atol=1e-5, rtol=1e-5)

        x = torch.stack([features(32, s) for s in (0, 1)])
        encoder = tokenizer.stream_encoder(batch=2)
        encoder.push(x)
        encoder.reset(torch.tensor([False, True]))
        codes = [torch.cat(pair) for pair in zip(encoder.push(x), encoder.flush(), strict=True)]
        assert torch.equal(codes[1], tokenizer.encode(x[1]))


def test_a_primed_decoder_goes_on_from_what_was_shown() -> None:
    tokenizer = TOKENIZERS["decoder", "ema"]
    codes = tokenizer.encode(features(128))
    stream = tokenizer.stream_decoder()
    stream.prime(codes[:20])
    got = torch.cat([stream.push(codes[20:21]), stream.push(codes[21:]), stream.flush()])
    torch.testing.assert_close(got, tokenizer.decode(codes)[80:], atol=1e-5, rtol=1e-5)


def test_a_batch_gives_the_codes_of_its_clips() -> None:
    for key, tokenizer in TOKENIZERS.items():
        x = features(48, batch=5)
        together = tokenizer.encode(x)
        for b in range(5):
            assert torch.equal(together[b], tokenizer.encode(x[b])), key


def test_frames_that_do_not_count_show_the_one_before() -> None:
    tokenizer = TOKENIZERS["encoder", "ema"]
    x = features(40)
    mask = torch.ones(40, dtype=torch.bool)
    mask[10:14] = False
    held = x.clone()
    held[10:14] = x[9]
    broken = x.clone()
    broken[10:14] = 1e6
    assert torch.equal(tokenizer.encode(broken, mask), tokenizer.encode(held))
    padded = torch.cat([x[:30], torch.zeros(10, 136)])
    short = torch.arange(40) < 30
    assert torch.equal(tokenizer.encode(padded, short)[:8], tokenizer.encode(x[:30]))


def test_arrays_give_arrays() -> None:
    tokenizer = TOKENIZERS["decoder", "ema"]
    x = features(10).numpy()
    codes = tokenizer.encode(x)
    assert isinstance(codes, np.ndarray)
    assert codes.shape == (3, 1)
    out, contacts = tokenizer.decode_with_contacts(codes, frames=10)
    assert out.shape == (10, 136)
    assert contacts.shape == (10, 4)
    assert 0 <= contacts.min() <= contacts.max() <= 1


def test_bad_input_is_named() -> None:
    tokenizer = TOKENIZERS["decoder", "ema"]
    for x, message in (
        (torch.zeros(5, 135), r"expected \(T, 136\)"),
        (torch.zeros(0, 136), "0 frames"),
        (features(9).index_fill(0, torch.tensor([4]), float("nan")), "frame 4"),
    ):
        with pytest.raises(InputError, match=message):
            tokenizer.encode(x)
    for codes, message in (
        (torch.full((3, 1), 32), r"32 in codebook 0 is out of range; expected 0 to 31"),
        (torch.full((3, 1), -1), "-1 in codebook 0"),
        (torch.zeros(3, 2, dtype=torch.int64), r"expected \(T, 1\)"),
        (torch.zeros(3, 1), "integers"),
        (torch.zeros(0, 1, dtype=torch.int64), "0 tokens"),
    ):
        with pytest.raises(InputError, match=message):
            tokenizer.decode(codes)
        with pytest.raises(InputError, match=message):
            tokenizer.stream_decoder().push(codes)
    one = tokenizer.encode(features(1))
    assert tokenizer.decode(one, frames=1).shape == (1, 136)
    long = tokenizer.encode(features(18_000))  # ten minutes
    assert tokenizer.decode(long).shape == (18_000, 136)


def test_the_package_offers_the_tokenizer_without_loading_torch() -> None:
    code = (
        "import sys; import solami_tokenizers.motion as m; assert 'torch' not in sys.modules;"
        "from solami_tokenizers.motion import MotionTokenizer; assert 'torch' in sys.modules; print(MotionTokenizer)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "MotionTokenizer" in done.stdout

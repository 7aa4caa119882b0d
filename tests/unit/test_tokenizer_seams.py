"""What follows what was shown: no jump, in the right place, and the new motion untouched after the blend."""

import numpy as np
import pytest
import torch

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.features import RootState, body_features
from solami_tokenizers.motion.heading import heading, yaw_quaternion
from solami_tokenizers.motion.normalise import Normaliser
from solami_tokenizers.motion.quantisers import QuantiserSettings
from solami_tokenizers.motion.seams import BLEND_FRAMES, LONGEST_BLEND_FRAMES, ReplyDecoder, Seam, SeamJump, seam_jump
from solami_tokenizers.motion.tokenizer import MotionTokenizer
from solami_tokenizers.motion.tokenizer_config import TokenizerSettings


def moving(frames: int, seed: int, yaw: float = 0.0) -> Clip:
    rng = np.random.default_rng(seed)
    t = np.arange(frames)[:, None, None] / FPS
    turns = quat.from_rotvec(rng.normal(0, 0.4, (1, 55, 3)) * np.sin(3 * t + rng.random((1, 55, 1)) * 6))
    turns[:, 0] = quat.multiply(yaw_quaternion(np.full(frames, yaw)), turns[:, 0])
    root = np.stack([t[:, 0, 0], 0.95 + 0.02 * np.sin(4 * t[:, 0, 0]), 2 * t[:, 0, 0] + 5], -1)
    return Clip(name="c", root_m=root.astype(np.float32), rotations=turns.astype(np.float32), fps=FPS)


def part(clip: Clip, a: int, b: int | None = None) -> Clip:
    return Clip(name=clip.name, root_m=clip.root_m[a:b], rotations=clip.rotations[a:b], fps=FPS)


def jumps(clip: Clip) -> SeamJump:
    """The largest of all neighbouring pieces of a clip."""
    each = [seam_jump(part(clip, t, t + 2), part(clip, t + 2, t + 4)) for t in range(clip.frames - 3)]
    return SeamJump(max(j.pose_m for j in each), max(j.velocity_m_s for j in each))


def joined(shown: Clip, root: np.ndarray, rotations: np.ndarray) -> Clip:
    root, rotations = Seam(shown, root, rotations).apply(0, root, rotations)
    return Clip(name="j", root_m=root, rotations=rotations, fps=FPS)


def test_a_clip_that_goes_on_is_not_changed() -> None:
    clip = moving(60, 0)
    out = joined(part(clip, 0, 30), clip.root_m[30:], clip.rotations[30:])
    np.testing.assert_allclose(out.root_m, clip.root_m[30:], atol=2e-3)
    assert np.degrees(quat.angle_between(out.rotations, clip.rotations[30:])).max() < 1.5


def test_another_motion_follows_without_a_jump() -> None:
    shown, new = moving(30, 1), moving(60, 2, yaw=0.3)
    near = new.root_m - new.root_m[0] + shown.root_m[-1] + np.float32([0.05, 0, 0.05])
    new = Clip(name="new", root_m=near, rotations=new.rotations, fps=FPS)
    bare, usual = seam_jump(shown, new), jumps(shown)
    out = joined(shown, new.root_m, new.rotations)
    soft = seam_jump(shown, out)
    assert bare.pose_m > 20 * usual.pose_m  # there is something to mend
    assert soft.pose_m < 0.05 * bare.pose_m
    assert soft.velocity_m_s < 0.1 * bare.velocity_m_s
    np.testing.assert_array_equal(out.rotations[LONGEST_BLEND_FRAMES:], new.rotations[LONGEST_BLEND_FRAMES:])
    np.testing.assert_array_equal(out.root_m[LONGEST_BLEND_FRAMES:], new.root_m[LONGEST_BLEND_FRAMES:])


def test_a_wide_gap_takes_longer_than_a_narrow_one() -> None:
    still = np.tile(quat.IDENTITY, (10, 55, 1)).astype(np.float32)
    raised = still.copy()
    raised[:, 16] = quat.from_rotvec(np.array([0, 0, 1.5]))  # the left shoulder
    root = np.tile(np.float32([0, 0.95, 0]), (10, 1))
    shown = Clip(name="down", root_m=root, rotations=still, fps=FPS)
    nudge = still.copy()
    nudge[:, 16] = quat.from_rotvec(np.array([0, 0, 0.05]))
    assert Seam(shown, root, nudge).frames == BLEND_FRAMES
    assert BLEND_FRAMES < Seam(shown, root, raised).frames <= LONGEST_BLEND_FRAMES
    assert Seam(shown, root, raised, blend_frames=10).frames == 10


def test_a_seam_in_pieces_is_the_seam_of_the_whole() -> None:
    shown, new = moving(10, 3), moving(20, 4)
    whole = joined(shown, new.root_m, new.rotations)
    seam = Seam(shown, new.root_m[:4], new.rotations[:4])
    pieces = [seam.apply(a, new.root_m[a : a + 4], new.rotations[a : a + 4]) for a in range(0, 20, 4)]
    np.testing.assert_allclose(np.concatenate([p[1] for p in pieces]), whole.rotations, atol=1e-6)


@pytest.fixture(scope="module")
def tokenizer() -> MotionTokenizer:
    torch.manual_seed(3)
    clips = np.concatenate([body_features(moving(200, seed)) for seed in range(8)])
    settings = TokenizerSettings(width=32, latent=8, quantiser=QuantiserSettings(size=64))
    made = MotionTokenizer(settings, Normaliser.fit(clips))
    windows = torch.from_numpy(made_windows(clips, made))
    optimiser = torch.optim.AdamW(made.parameters(), lr=3e-3)
    for _ in range(60):
        out = made(windows)
        loss = (out.features - windows).abs().mean() + out.quantised.loss
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    return made.eval()


def made_windows(features: np.ndarray, tokenizer: MotionTokenizer) -> np.ndarray:
    normal = (features - tokenizer.mean.numpy()) / tokenizer.deviation.numpy()
    return normal[: len(normal) // 40 * 40].reshape(-1, 40, 136)[::2].astype(np.float32)


def test_a_reply_starts_where_the_character_stands(tokenizer: MotionTokenizer) -> None:
    shown = moving(50, 1, yaw=2.5)
    codes = tokenizer.encode(body_features(moving(60, 2)))
    reply = ReplyDecoder(tokenizer, shown)
    assert reply.push(codes[:1]) is None  # one token waits for the next
    pieces = [reply.push(codes[1:3]), reply.push(codes[3:]), reply.flush()]
    assert [p.frames for p in pieces if p is not None] == [8, 48, 4]
    first = pieces[0]
    assert first is not None
    end = RootState.of(shown)
    assert np.hypot(first.root_m[0, 0] - end.x_m, first.root_m[0, 2] - end.z_m) < 0.15
    yaw = heading(first.rotations[:, 0], end.yaw_rad)
    assert abs(yaw[0] - end.yaw_rad) < 0.3
    # what the decoder makes of one clip after another differs; the seam hides it
    assert seam_jump(shown, first).pose_m < 0.05


def test_pieces_of_a_reply_are_the_reply(tokenizer: MotionTokenizer) -> None:
    shown, codes = moving(50, 1), tokenizer.encode(body_features(moving(60, 2)))
    whole, pieces = ReplyDecoder(tokenizer, shown), ReplyDecoder(tokenizer, shown)
    a = [whole.push(codes), whole.flush()]
    b = [pieces.push(codes[i : i + 3]) for i in range(0, len(codes), 3)] + [pieces.flush()]
    for get in ("root_m", "rotations"):
        x, y = (np.concatenate([getattr(p, get) for p in made if p is not None]) for made in (a, b))
        np.testing.assert_allclose(x, y, atol=2e-5)


def test_hands_alone_are_no_reply() -> None:
    settings = TokenizerSettings(features="hand", width=16, latent=8)
    hands = MotionTokenizer(settings, Normaliser(np.zeros(180, np.float32), np.ones(180, np.float32)))
    with pytest.raises(InputError, match="needs a body tokenizer"):
        ReplyDecoder(hands, moving(10, 0))

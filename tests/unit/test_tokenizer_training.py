"""Training: losses with known values, exact continuation, files that come back, what is refused."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError, SettingsError
from solami_protocol.settings import load_settings
from solami_protocol.skeleton import FPS
from solami_tokenizers.motion.augment import TABLES
from solami_tokenizers.motion.batches import WindowSampler, features_for
from solami_tokenizers.motion.body_torch import joint_places, joint_steps, root_track
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.evaluation import Pair, scores
from solami_tokenizers.motion.features import body_features, pose_of, root_path, to_clip
from solami_tokenizers.motion.heading import turn_xz, yaw_quaternion
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.losses import LossSettings, losses_of
from solami_tokenizers.motion.model_card import write_card
from solami_tokenizers.motion.motion_data import ClipEntry, MotionData
from solami_tokenizers.motion.normalise import Normaliser
from solami_tokenizers.motion.pretrained import settings_of
from solami_tokenizers.motion.tokenizer import MotionTokenizer, Reconstruction
from solami_tokenizers.motion.trainer_config import AugmentSettings, TrainSettings
from solami_tokenizers.motion.training import Trainer, learning_rate

TINY = [
    "tokenizer.width=16",
    "tokenizer.latent=8",
    "tokenizer.quantiser.size=16",
    "batch=4",
    "window=32",
    "long_window=64",
    "steps=8",
    "log_every=2",
    "validate_every=4",
]


def walker(seed: int, frames: int = 120) -> Clip:
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / FPS
    pace = rng.uniform(0.7, 1.3)
    rotations = np.tile(quat.IDENTITY, (frames, 55, 1)).astype(np.float64)
    for joint, sign in ((1, 1), (2, -1), (16, -1), (17, 1)):
        angle = sign * 0.5 * np.sin(2 * np.pi * pace * t)
        rotations[:, joint] = quat.from_rotvec(np.stack([angle, 0 * t, 0.1 * angle], -1))
    yaw = rng.uniform(-3, 3) + 0.4 * t
    rotations[:, 0] = yaw_quaternion(yaw)
    root = np.stack([pace * t, 0.95 + 0.02 * np.sin(4 * np.pi * pace * t), 0.3 * t], -1)
    return Clip(name=f"walk{seed}", root_m=root.astype(np.float32), rotations=rotations.astype(np.float32), fps=FPS)


@pytest.fixture(scope="module")
def data() -> MotionData:
    def describe(clip: Clip) -> ClipEntry:
        return ClipEntry(name=clip.name, split="validation" if clip.name == "walk5" else "train")

    return MotionData.from_clips([walker(seed) for seed in range(6)], describe)


def settings(folder: Path, *more: str) -> TrainSettings:
    return load_settings(TrainSettings, "train", None, [*TINY, f"out={folder}", "name=t", *more], env={})


def test_kinematics_in_torch_are_those_in_numpy() -> None:
    clip = walker(1, frames=50)
    body = body_features(clip)
    rng = np.random.default_rng(0)
    body[:, 10:] += rng.normal(0, 0.2, (50, 126))  # rot6d that is not orthonormal
    x = torch.from_numpy(body)[None].double()
    path = root_path(body)
    np.testing.assert_allclose(root_track(x)[0].numpy(), path, atol=1e-5)
    root, rotations = pose_of(body, path)
    world = forward(root, rotations, body_only=True)[0]
    places = joint_places(x)
    own = world - np.stack([path[:, 0], 0 * path[:, 0], path[:, 1]], -1)[:, None]
    own[..., [0, 2]] = turn_xz(-path[:, 2:], own[..., [0, 2]])
    np.testing.assert_allclose(places[0].numpy(), own, atol=1e-4)
    steps = np.diff(world, axis=0)
    steps[..., [0, 2]] = turn_xz(-path[1:, 2:], steps[..., [0, 2]])
    np.testing.assert_allclose(joint_steps(x, places)[0].numpy(), steps, atol=1e-4)
    tall = joint_places(x * torch.tensor([1.0] * 3 + [1.1] + [1.0] * 132), torch.tensor([1.1]).double())
    np.testing.assert_allclose(tall[0].numpy(), own * 1.1, atol=1e-4)


def test_losses_are_zero_for_the_recording_and_known_for_an_offset(data: MotionData, tmp_path: Path) -> None:
    trainer = Trainer(settings(tmp_path), data)
    tokenizer, batch = trainer.tokenizer, trainer._draw()
    made = tokenizer(batch.features)
    sure = (batch.contacts * 2 - 1) * 30
    perfect = Reconstruction(batch.features, sure, made.quantised)
    extra = {"contacts": batch.contacts, "mask": batch.mask, "scale": batch.scale}
    parts = losses_of(tokenizer, batch.features, perfect, LossSettings(share=1), **extra).parts
    for name in ("features", "contact", "places", "steps", "acceleration", "track"):
        assert float(parts[name]) == pytest.approx(0, abs=1e-5), name
    higher = batch.features.clone()
    higher[..., 3] += 0.05 / tokenizer.deviation[3]  # the root 5 cm up: every joint, in y only
    lifted = Reconstruction(higher, sure, made.quantised)
    parts = losses_of(tokenizer, batch.features, lifted, LossSettings(share=1), **extra).parts
    assert float(parts["places"]) == pytest.approx(0.05 / 3, rel=1e-3)
    assert float(parts["steps"]) == pytest.approx(0, abs=1e-5)


def test_frames_that_do_not_count_do_not_count(data: MotionData, tmp_path: Path) -> None:
    trainer = Trainer(settings(tmp_path), data)
    batch = trainer._draw()
    made = trainer.tokenizer(batch.features)
    mask = batch.mask.clone()
    mask[:, 20:] = False
    spoiled = batch.features.clone()
    spoiled[:, 20:] += 5
    both = [
        losses_of(
            trainer.tokenizer,
            target,
            made,
            LossSettings(share=1),
            contacts=batch.contacts,
            mask=mask,
            scale=batch.scale,
        ).parts
        for target in (batch.features, spoiled)
    ]
    for name in ("features", "places", "steps", "acceleration", "track", "slide"):
        assert float(both[0][name]) == pytest.approx(float(both[1][name]), rel=1e-5), name


@pytest.mark.parametrize("optimiser", ["adamw", "muon"])
@pytest.mark.parametrize("kind", ["ema", "residual", "fsq"])
def test_continued_training_equals_uninterrupted(data: MotionData, tmp_path: Path, kind: str, optimiser: str) -> None:
    more = [f"optimiser={optimiser}"]
    more += [f"tokenizer.quantiser.kind={kind}", "tokenizer.quantiser.depth=3", "tokenizer.quantiser.levels=[5,3,3]"]
    whole = Trainer(settings(tmp_path / "a", *more), data)
    for _ in range(7):
        whole.train_step()
    first = Trainer(settings(tmp_path / "b", *more), data)
    for _ in range(4):
        first.train_step()
    first.save()
    torch.randn(100)
    second = Trainer(settings(tmp_path / "b", *more), data)
    second.resume()
    assert second.step == 4
    for _ in range(3):
        second.train_step()
    for name, value in whole.tokenizer.state_dict().items():
        assert torch.equal(value, second.tokenizer.state_dict()[name]), name
    for name, value in whole.mean_weights.items():
        assert torch.equal(value, second.mean_weights[name]), name


def test_rare_contents_are_drawn_more_often_when_balanced(data: MotionData) -> None:
    often = [ClipEntry(name=str(i), start=120 * i, frames=120, labels={"content": "walk"}) for i in range(5)]
    clips = (*often, ClipEntry(name="bow", start=600, frames=120, labels={"content": "bow"}))
    marked = replace(data, body=np.repeat(np.arange(6, dtype=np.float32), 120)[:, None] * np.ones(136, np.float32))
    plain = Normaliser(np.zeros(136, np.float32), np.ones(136, np.float32))
    off = AugmentSettings(mirror=0, tempo=0, height=0, noise=0)
    for balance, share in ((0, 1 / 6), (0.5, 1 / (1 + 5**0.5)), (1, 1 / 2)):
        sampler = WindowSampler(marked, clips, marked.body, "body", plain, off, balance)
        drawn = sampler.draw(np.random.default_rng(0), 4000, 8).features[:, 0, 5]
        assert abs(float((drawn == 5).float().mean()) - share) < 0.03


def test_mixed_windows_take_trunk_and_arms_from_others_and_keep_their_legs(data: MotionData) -> None:
    kind = "body"
    plain = Normaliser(np.zeros(136, np.float32), np.ones(136, np.float32))
    off = AugmentSettings(mirror=0, tempo=0, height=0, noise=0)
    made = []
    for mix in (0.0, 1.0):
        settings = off.model_copy(update={"mix": mix})
        sampler = WindowSampler(data, data.clips, data.body, kind, plain, settings)
        made.append(sampler.draw(np.random.default_rng(3), 16, 32).features.numpy())
    alone, mixed = made
    limbs = TABLES[kind].limbs
    kept = np.setdiff1d(np.arange(136), np.concatenate(limbs))
    assert len(kept) == 4 + 6 * 9  # the root's rates, pelvis and legs
    np.testing.assert_array_equal(mixed[..., kept], alone[..., kept])
    lent = []
    for columns in limbs:
        same = (mixed[:, None, :, columns] == alone[None, ..., columns]).all(axis=(2, 3))
        assert same.any(axis=1).all()
        lent.append(same.argmax(axis=1))
    assert (lent[1] != lent[2]).any()
    assert (lent[1] != np.arange(16)).any()


def test_muon_steps_the_kernels_in_place_along_an_orthogonal_matrix(data: MotionData, tmp_path: Path) -> None:
    trainer = Trainer(settings(tmp_path, "warmup=0", "weight_decay=0", "learning_rate=0.01"), data)
    kernels = {n: p.detach().clone() for n, p in trainer.tokenizer.named_parameters() if n.endswith("wide.conv.weight")}
    trainer.train_step()
    assert len(kernels) == 12
    for name, p in trainer.tokenizer.named_parameters():
        if name in kernels:
            stretch = torch.linalg.svdvals((p.detach() - kernels[name]).flatten(1))
            # Newton-Schulz steps bring all but vanishing singular values to one size; a gradient's own lie far apart
            assert stretch.quantile(0.25) > 0.5 * stretch.max() > 0, name


def test_a_run_writes_its_log_checkpoint_and_best(data: MotionData, tmp_path: Path) -> None:
    trainer = Trainer(settings(tmp_path), data)
    seen = []
    assert trainer.run(lambda progress: seen.append(progress.step))
    assert seen == [2, 4, 6, 8]
    rows = [json.loads(line) for line in (tmp_path / "t/log.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "validation" in row] == [4, 8]
    assert {"loss", "usage", "perplexity", "entropy", "steps_per_s"} <= set(rows[0])
    best = MotionTokenizer.from_pretrained(tmp_path / "t/best")
    figures = min(row["validation"]["mpjpe_mm"] for row in rows if "validation" in row)
    assert trainer.best_mm == figures
    assert best.encode(data.body[:40]).shape == (10, 1)


def test_a_stopped_run_goes_on(data: MotionData, tmp_path: Path) -> None:
    trainer = Trainer(settings(tmp_path), data)
    assert not trainer.run(stop=lambda: trainer.step == 3)
    again = Trainer(settings(tmp_path), data)
    again.resume()
    assert again.step == 3
    assert again.run()
    assert again.step == 8


def test_one_batch_can_be_learned_by_heart(data: MotionData, tmp_path: Path) -> None:
    more = ["tokenizer.width=32", "learning_rate=0.003", "loss.geometry=0", "steps=150", "tokenizer.quantiser.size=64"]
    trainer = Trainer(settings(tmp_path, *more, "precision=fp32"), data, overfit=True)
    first = float(trainer.train_step()[0].parts["features"])
    for _ in range(149):
        losses, _ = trainer.train_step()
    assert float(losses.parts["features"]) < 0.25 * first


def test_other_features_train_too(data: MotionData, tmp_path: Path) -> None:
    solami = [
        "tokenizer.features=solami_body",
        "tokenizer.network=symmetric",
        "loss.solami=true",
        "loss.geometry=0",
        "statistics=plain",
    ]
    trainer = Trainer(settings(tmp_path, *solami), data)
    trainer.settings.folder.mkdir()
    losses, _ = trainer.train_step()
    assert set(losses.parts) == {"features", "lower", "commitment"}
    assert trainer.validate()["mpjpe_mm"] > 0
    hands = Trainer(settings(tmp_path, "tokenizer.features=hand"), data)
    hands.train_step()
    assert hands.validate()["mpjpe_mm"] >= 0


def test_solami_features_of_the_data_keep_their_places(data: MotionData) -> None:
    features = features_for(data, "solami_body")
    clip = data.clips[2]
    body = data.body[data.frames_of(clip)]
    assert features.shape == (720, 135)
    np.testing.assert_allclose(features[clip.start : clip.start + 119, 2], body[:119, 3], atol=1e-5)
    assert to_clip(body).frames == 120


def test_the_learning_rate_rises_and_falls() -> None:
    made = TrainSettings(learning_rate=1.0, warmup=0.1)
    rates = [learning_rate(made, share) for share in (0, 0.05, 0.1, 0.55, 1.0)]
    assert rates == pytest.approx([0.01, 0.5, 1.0, 0.505, 0.01])


def test_bad_settings_and_checkpoints_are_named(data: MotionData, tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match=r"unknown key 'tokenizer.widht'; did you mean 'width'"):
        settings(tmp_path, "tokenizer.widht=3")
    trainer = Trainer(settings(tmp_path), data)
    path = trainer.save()
    with pytest.raises(InputError, match="belongs to another tokenizer"):
        Trainer(settings(tmp_path, "tokenizer.width=24"), data).resume()
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match=r"last\.pt: not a whole checkpoint"):
        trainer.resume()
    trainer.keep(tmp_path / "kept")
    weights = tmp_path / "kept/model.safetensors"
    config = tmp_path / "kept/config.json"
    good = weights.read_bytes()
    weights.write_bytes(good[: len(good) // 2])
    with pytest.raises(InputError, match=r"model\.safetensors: not a whole safetensors"):
        MotionTokenizer.from_pretrained(tmp_path / "kept")
    weights.write_bytes(good)
    changed = json.loads(config.read_text())
    changed["settings"]["width"] = 20
    config.write_text(json.dumps(changed))
    with pytest.raises(InputError, match=r"tensor '.*' has shape"):
        MotionTokenizer.from_pretrained(tmp_path / "kept")
    changed["settings"]["width"] = "wide"
    config.write_text(json.dumps(changed))
    with pytest.raises(InputError, match=r"config\.json: settings\.width"):
        MotionTokenizer.from_pretrained(tmp_path / "kept")
    config.write_text('{"format": "gpt"}')
    with pytest.raises(InputError, match="expected 'solami-motion-tokenizer'"):
        MotionTokenizer.from_pretrained(tmp_path / "kept")
    with pytest.raises(InputError, match="neither a folder nor a tokenizer that ships"):
        MotionTokenizer.from_pretrained("body-9000")


def test_what_is_saved_comes_back(data: MotionData, tmp_path: Path) -> None:
    for kind in ("ema", "residual", "fsq"):
        trainer = Trainer(settings(tmp_path, f"tokenizer.quantiser.kind={kind}"), data)
        trainer.train_step()
        trainer.tokenizer.eval()
        trainer.tokenizer.save_pretrained(tmp_path / kind, card="# a card\n")
        back = MotionTokenizer.from_pretrained(tmp_path / kind, encoding="open")  # as it trains
        x = data.body[:60]
        np.testing.assert_array_equal(back.encode(x), trainer.tokenizer.encode(x))
        codes = back.encode(x)
        np.testing.assert_allclose(back.decode(codes), trainer.tokenizer.decode(codes), atol=1e-6)
        assert (tmp_path / kind / "README.md").read_text() == "# a card\n"


def test_damaged_frames_are_left_out_of_the_scores() -> None:
    true = walker(1)
    rotations = true.rotations.copy()
    rotations[50:53, 16:18] = quat.from_rotvec(np.array([0.0, 0.0, 1.5]))  # both arms jump and come back
    valid = np.ones(true.frames, bool)
    pair = Pair(true, replace(true, rotations=rotations), np.zeros((30, 1), np.int64), valid)
    assert scores(pair)["mpjpe_mm"] > 1
    valid[50:53] = False
    found = scores(pair)
    assert found["mpjpe_mm"] == pytest.approx(0, abs=1e-3)
    assert found["jitter_ratio"] == pytest.approx(1)
    assert found["energy_ratio"] == pytest.approx(1)


def test_features_of_nothing_but_zeros_give_finite_gradients() -> None:
    x = torch.zeros(1, 4, 136, requires_grad=True)
    joint_places(x).square().sum().backward()
    assert x.grad is not None
    assert torch.isfinite(x.grad).all()


def test_a_training_goes_on_from_a_finished_tokenizer(data: MotionData, tmp_path: Path) -> None:
    trainer = Trainer(settings(tmp_path), data)
    assert trainer.run()
    best = tmp_path / "t" / "best"
    moved = replace(data, body=data.body + np.float32(0.5))  # other statistics than the tokenizer's
    more = ["name=u", f"start={best}", "tokenizer.quantiser.revive_below=0.25"]
    tuned = Trainer(settings(tmp_path, *more), moved)
    finished = MotionTokenizer.from_pretrained(best).state_dict()
    for name, value in tuned.tokenizer.state_dict().items():
        assert torch.equal(value, finished[name]), name
    assert tuned.settings.tokenizer.quantiser.revive_below == 0.25
    tuned.train_step()
    kernels = [n for n in finished if n.startswith("encoder") and n.endswith("weight")]
    assert kernels
    assert not any(torch.equal(tuned.tokenizer.state_dict()[n], finished[n]) for n in kernels)
    bare = load_settings(TrainSettings, "train", None, [f"start={best}", f"out={tmp_path}"], env={})
    assert Trainer(bare, data).tokenizer.settings == trainer.tokenizer.settings


@pytest.mark.parametrize(
    ("asked", "fault"),
    [
        ("tokenizer.width=32", "tokenizer.width is 32, that of start="),
        ("tokenizer.quantiser.size=32", "tokenizer.quantiser.size is 32"),
        ("tokenizer.features=hand", "tokenizer.features is hand"),
        ("start=nowhere", "'nowhere' is neither a folder nor a tokenizer that ships"),
    ],
)
def test_another_make_than_that_of_the_start_is_refused(
    data: MotionData, tmp_path: Path, asked: str, fault: str
) -> None:
    Trainer(settings(tmp_path), data).keep(tmp_path / "t")
    with pytest.raises(InputError, match=fault):
        Trainer(settings(tmp_path, f"start={tmp_path / 't'}", asked), data)


def test_the_card_names_the_licences_of_what_it_began_with(data: MotionData, tmp_path: Path) -> None:
    free = replace(data, clips=tuple(replace(c, source="mine", licence="CC0-1.0") for c in data.clips))
    tuned = settings(tmp_path, "start=body-512")
    bare = tuned.model_copy(update={"tokenizer": settings_of("body-512")})
    trainer = Trainer(bare, free)
    trainer.keep(tmp_path / "u")
    write_card(tmp_path / "u", bare, free, 1.0)
    card = (tmp_path / "u" / "README.md").read_text()
    assert "Licence: CC-BY-NC-4.0; CC0-1.0; MIT (follows the training data)." in card
    assert "Begun with `body-512`: CC-BY-NC-4.0; MIT; trained for 0." in card
    assert "(bf16), seed 0. Then trained on:\n\n| data | licence | minutes |" in card
    (tmp_path / "u" / "README.md").unlink()
    nameless = bare.model_copy(update={"start": str(tmp_path / "u")})
    write_card(tmp_path / "u", nameless, free, 1.0)
    card = (tmp_path / "u" / "README.md").read_text()
    assert "Licence: CC0-1.0; not stated" in card
    assert "not stated; trained for a time not stated. Then trained on:" in card

"""Recorded gestures: found in recordings, banked as codes, and played so that the stroke falls on its word."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from typer.testing import CliRunner

from solami.behaviour import GESTURES, INSTEAD, Performance, resolve
from solami.behaviour.recorded import RecordedGesture, load_recorded, recorded_gesture, recorded_gestures
from solami.behaviour.style import Style
from solami.cli.main import app
from solami_datasets import gesture_phrases
from solami_datasets.gesture_phrases import bank_gestures, phrase_of
from solami_protocol.errors import InputError
from solami_protocol.quaternions import angle_between
from solami_protocol.skeleton import FPS, JOINT_INDEX
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.features import body_features
from solami_tokenizers.motion.gesture_bank import GestureBank, bank_file, read_bank, weights_mark, write_bank
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.motion_data import ClipEntry, MotionData
from solami_tokenizers.motion.normalise import Normaliser
from solami_tokenizers.motion.pretrained import save
from solami_tokenizers.motion.seams import seam_jump
from solami_tokenizers.motion.tokenizer import MotionTokenizer
from solami_tokenizers.motion.tokenizer_config import TokenizerSettings
from solami_tokenizers.motion.tokenizer_folder import shipped_names

STROKE_MS = 1500.0
ARM = [JOINT_INDEX[f"right_{name}"] for name in ("collar", "shoulder", "elbow", "wrist")]


def performed(name: str, seed: int = 0, **options: object) -> Clip:
    performance = Performance(Style(energy=1.0), seed=seed, **options)  # type: ignore[arg-type]
    assert performance.cue(name, STROKE_MS) == pytest.approx(STROKE_MS)
    root_m, rotations = performance.render(4500.0)
    return Clip(name=name, root_m=root_m, rotations=rotations, fps=float(FPS))


def recorded(name: str = "wave_right", joints: tuple[str, ...] = ("right_wrist",)) -> tuple[Clip, RecordedGesture]:
    clip = performed(name)
    phrase = phrase_of(clip, joints)
    assert phrase is not None
    body = body_features(clip)[phrase.first : phrase.last + 1]
    return clip, recorded_gesture(name, body, phrase.stroke - phrase.first, 1.0)


def motion(seeds: range = range(3)) -> MotionData:
    clips = [performed("wave_right", seed) for seed in seeds] + [performed("bow", seed) for seed in seeds]
    named = [replace(clip, name=f"{clip.name}/{i}") for i, clip in enumerate(clips)]
    contents = {"wave_right": "wave-right-hand", "bow": "bow"}

    def describe(clip: Clip) -> ClipEntry:
        labels = {"content": contents[clip.name.split("/")[0]], "style": "normal"}
        return ClipEntry(name=clip.name, source="ours", licence="Apache-2.0", labels=labels)

    return MotionData.from_clips(named, describe)


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    torch.manual_seed(0)
    quantiser = {"kind": "residual", "size": 16, "depth": 4}
    made = TokenizerSettings.model_validate({"width": 16, "latent": 8, "quantiser": quantiser})
    data = motion(range(1))
    net = MotionTokenizer(made, Normaliser.fit(data.body))
    net.train()
    net(torch.from_numpy(net.mean.numpy() + 0.1 * np.random.default_rng(0).normal(size=(8, 64, 136))).float())
    folder = tmp_path_factory.mktemp("residual")
    save(net.eval(), folder)
    return folder


def test_the_stroke_is_where_the_hand_arrives_and_the_phrase_ends_at_rest() -> None:
    clip = performed("wave_right")
    phrase = phrase_of(clip, ("right_wrist",))
    assert phrase is not None
    arrives_ms = STROKE_MS - (GESTURES["wave_right"].stroke_ms - GESTURES["wave_right"].prep_ms)
    assert phrase.stroke / FPS * 1000 == pytest.approx(arrives_ms, abs=70)
    places = forward(clip.root_m, clip.rotations)[0][:, JOINT_INDEX["right_wrist"]]
    away = np.linalg.norm(places - places[0], axis=-1)
    assert away[phrase.first] < 0.1 * away.max()
    assert away[phrase.last] < 0.1 * away.max()
    assert phrase_of(clip, ("left_wrist",)) is None  # that hand hangs


def test_a_recorded_wave_is_played_as_it_was() -> None:
    clip, gesture = recorded()
    assert gesture.channels == {"right_arm"}
    phrase = phrase_of(clip, ("right_wrist",))
    assert phrase is not None
    performance = Performance(Style(energy=1.0), seed=0, recorded={"wave_right": (gesture,)})
    at_ms = phrase.stroke / FPS * 1000
    assert performance.cue("wave_right", at_ms) == pytest.approx(at_ms)
    again = performance.render(4500.0)[1]
    part = slice(phrase.stroke - 3, phrase.stroke + 24)  # the pace varies by some per cent: later they drift apart
    off = np.degrees(angle_between(again[part, ARM], clip.rotations[part, ARM]))
    assert off.mean() < 5
    places = [
        forward(clip.root_m[part], turns)[0][:, JOINT_INDEX["right_wrist"]]
        for turns in (again[part], clip.rotations[part])
    ]
    assert np.linalg.norm(places[0] - places[1], axis=-1).mean() < 0.04


def test_it_joins_and_leaves_without_a_jump() -> None:
    _, gesture = recorded()
    clip = performed("wave_right", seed=5, recorded={"wave_right": (gesture,)})
    still = Performance(Style(energy=1.0), seed=5).render(4500.0)
    parts = [(clip.root_m[k - 2 : k + 2], clip.rotations[k - 2 : k + 2]) for k in range(2, clip.frames - 2)]
    pair = [[Clip(name="", root_m=r[s], rotations=t[s], fps=30.0) for s in (slice(2), slice(2, 4))] for r, t in parts]
    steps = [seam_jump(a, b).velocity_m_s for a, b in pair]
    assert max(steps) < 1.5  # m/s from one frame to the next; in the authored wave itself 1.0
    feet = [JOINT_INDEX["left_foot"], JOINT_INDEX["right_foot"]]
    ours, idle = (forward(root, turns)[0][:, feet] for root, turns in ((clip.root_m, clip.rotations), still))
    assert np.abs(ours - idle).max() < 0.01  # the feet stay where they stand


def test_what_cannot_be_on_time_is_left_to_the_authored_one() -> None:
    _, gesture = recorded()
    slow = replace(gesture, prep_ms=300.0, stroke_ms=1400.0, slack_ms=120.0)
    performance = Performance(recorded={"wave_right": (slow,)})
    at_ms = performance.cue("wave_right", 600.0)
    assert at_ms == pytest.approx(600.0)
    assert performance._placed[0].gesture is GESTURES["wave_right"]


def test_gestures_that_were_only_recorded_have_an_authored_stand_in() -> None:
    assert set(INSTEAD.values()) <= set(GESTURES)
    for name in INSTEAD:
        assert resolve(name) == name
        assert Performance().cue(name, 1500.0) == pytest.approx(1500.0)
    assert resolve("waves both hands") == "wave_both"
    assert resolve("raises her left hand") == "raise_left"
    assert resolve("raises a hand") == "raise_right"
    with pytest.raises(InputError, match="no gesture 'fly'"):
        Performance().cue("fly", 1000.0)


def test_two_in_a_row_are_not_the_same() -> None:
    _, one = recorded()
    other = replace(one, speed_m_s=2.0)
    performance = Performance(recorded={"wave_right": (one, other)})
    performance.cue("wave_right", 1500.0)
    performance.cue("wave_right", 6500.0)
    first, second = (placed.gesture for placed in performance._placed)
    assert first is not second


def test_a_bank_is_written_and_played(tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gesture_phrases, "_LEAST_REACH", 0.0)  # a random network moves nothing far
    data = motion()
    data.save(tmp_path / "data.npz")
    out = tmp_path / "bank.json"
    command = ["tokenizer", "bank", "build", str(tokenizer), "--data", str(tmp_path / "data.npz"), "--out", str(out)]
    done = CliRunner().invoke(app, [*command, "--worst-mm", "5000", "--called", "mine"])
    assert done.exit_code == 0, done.output
    bank = read_bank(out)
    assert {gesture.name for gesture in bank.gestures} == {"wave_right", "bow"}
    assert (bank.tokenizer, bank.licence, bank.sources) == ("mine", "Apache-2.0", ("ours",))
    picture = tmp_path / "bank.png"
    done = CliRunner().invoke(
        app, ["tokenizer", "bank", "show", "--bank", str(out), "--tokenizer", str(tokenizer), "--out", str(picture)]
    )
    assert done.exit_code == 0, done.output
    assert picture.read_bytes().startswith(b"\x89PNG")
    found = load_recorded(out, tokenizer)
    assert set(found) == {"wave_right", "bow"}
    assert found["bow"][0].channels >= {"torso", "head"}
    assert CliRunner().invoke(app, command).exit_code != 0  # nothing is good enough


def test_made_up_motion_and_moods_stay_out(tokenizer: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = motion(range(1))
    made_up = replace(data, clips=tuple(replace(clip, split="authored_train") for clip in data.clips))
    angry = replace(data, clips=tuple(replace(c, labels={**c.labels, "style": "angry"}) for c in data.clips))
    net = MotionTokenizer.from_pretrained(tokenizer)
    monkeypatch.setattr(gesture_phrases, "_LEAST_REACH", 0.0)
    assert bank_gestures(net, data, 1e9)
    with pytest.raises(InputError, match="no gesture"):
        bank_gestures(net, data, 1e9, accept=lambda gesture: False)
    for other in (made_up, angry):
        with pytest.raises(InputError, match="no gesture"):
            bank_gestures(MotionTokenizer.from_pretrained(tokenizer), other, 1e9)


def test_what_is_wrong_with_a_bank_is_said(tokenizer: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gesture_phrases, "_LEAST_REACH", 0.0)
    gestures = bank_gestures(MotionTokenizer.from_pretrained(tokenizer), motion(range(1)), 1e9)
    bank = GestureBank(tokenizer="x", weights_sha256="0", licence="", sources=(), gestures=gestures)
    path = tmp_path / "bank.json"
    write_bank(path, bank)
    with pytest.raises(InputError, match="other weights"):
        load_recorded(path, tokenizer)
    content = json.loads(path.read_text())
    content["gestures"][0]["stroke"] = 4000
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="do not fit"):
        read_bank(path)
    del content["gestures"][0]["codes"]
    path.write_text(json.dumps(content))
    with pytest.raises(InputError, match="codes"):
        read_bank(path)
    path.write_text("{")
    with pytest.raises(InputError, match="cannot be read"):
        read_bank(path)


def test_the_bank_that_ships_fits_the_weights_that_ship() -> None:
    bank = read_bank(bank_file())
    assert bank.tokenizer in shipped_names()
    assert recorded_gestures()
    assert weights_mark(bank.tokenizer) == bank.weights_sha256
    names = {gesture.name for gesture in bank.gestures}
    assert names >= {"wave_right", "wave_left", "wave_both", "bow", "call", "raise_right", "raise_left", "raise_both"}
    assert names <= set(GESTURES) | set(INSTEAD)
    for group in recorded_gestures().values():
        for gesture in group:
            assert 100 <= gesture.stroke_ms <= 1500
            assert gesture.curve.fastest_rad_per_ms < np.radians(1000) / 1000

"""`solami bench tokenizer` on tiny networks: the figures that it promises, baselines with known answers."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import typer
from typer.testing import CliRunner

from solami.cli.bench_tokenizer import ROWS, tokenizer
from solami_protocol import quaternions as quat
from solami_protocol.settings import load_settings
from solami_protocol.skeleton import FPS
from solami_tokenizers.motion.baselines import evaluate_baseline
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.features import RootState, body_features, to_clip
from solami_tokenizers.motion.motion_data import ClipEntry, MotionData
from solami_tokenizers.motion.speed import minute_figures, seam_figures
from solami_tokenizers.motion.trainer_config import TrainSettings
from solami_tokenizers.motion.training import Trainer

PROMISED = {
    "mpjpe_mm",
    "pa_mpjpe_mm",
    "wrist_mm",
    "jitter_ratio",
    "energy_ratio",
    "foot_skate_cm_s",
    "recorded_skate_cm_s",
    "code_usage",
    "entropy",
    "bits_per_s",
    "encode_fps",
    "decode_fps",
    "first_chunk_ms",
    "stream_error_mm",
    "lookahead_frames",
    "params",
    "drift_60s_m",
    "token_line",
    "streams_64_load",
    "train_fps",
    "train_memory_mb",
}


def swaying(seed: int) -> Clip:
    rng = np.random.default_rng(seed)
    t = np.arange(120)[:, None] / FPS
    rotations = np.tile(quat.IDENTITY, (120, 55, 1)).astype(np.float64)
    rotations[:, 16] = quat.from_rotvec(np.sin(2 * t + rng.random()) * [0.2, 0.1, 0.5])
    root = np.tile(np.array([0, 0.95, 0], np.float32), (120, 1))
    return Clip(name=f"s{seed}", root_m=root, rotations=rotations.astype(np.float32), fps=FPS)


@pytest.fixture(scope="module")
def data() -> MotionData:
    def describe(clip: Clip) -> ClipEntry:
        split = {"s0": "validation", "s1": "unseen_takes", "s2": "other_source"}.get(clip.name, "train")
        return ClipEntry(name=clip.name, split=split)

    return MotionData.from_clips([swaying(seed) for seed in range(6)], describe)


def test_the_bench_gives_what_it_promises(data: MotionData, tmp_path: Path) -> None:
    data.save(tmp_path / "motion.npz")
    for row, more in (("ours_512", []), ("solami_mode", ["tokenizer.features=solami_body", "loss.geometry=0"])):
        network = "symmetric" if row == "solami_mode" else "causal"
        args = ["tokenizer.width=16", "tokenizer.latent=8", f"tokenizer.network={network}", "steps=2", "batch=4", *more]
        args += [f"out={tmp_path}", f"name={ROWS[row]}", "window=32", "long_window=32"]
        Trainer(load_settings(TrainSettings, "train", None, args, env={}), data).run()
    app = typer.Typer()
    app.command()(tokenizer)
    out = tmp_path / "bench.json"
    configs = tmp_path / "configs"
    configs.mkdir()
    for row in ("ours_512", "solami_mode"):
        (configs / f"{ROWS[row]}.yaml").write_text("batch: 2\nwindow: 16\nlong_window: 16\ntokenizer: {width: 16}\n")
    args = ["--data", str(tmp_path / "motion.npz"), "--runs", str(tmp_path), "--out", str(out)]
    args += ["--training-s", "0.1", "--configs", str(configs)]
    args += ["--only", "ours_512,solami_mode,ours_512_open,ours_512_search,ours_residual"]
    done = CliRunner().invoke(app, args)
    assert done.exit_code == 0, done.output
    figures = json.loads(out.read_text())
    assert {"machine", "versions", "rows"} <= set(figures)
    rows = figures["rows"]
    baselines = {"mean_pose", "true_poses_held_7_5hz", "nearest_training_motion"}
    assert set(rows) == {"ours_512", "solami_mode", "ours_512_open", "ours_512_search", "ours_residual"} | baselines
    assert rows["ours_residual"]["tokenizer"] == "body-residual", "what was not trained here is what ships"
    assert [rows[f"ours_512{how}"]["encoding"] for how in ("", "_open", "_search")] == ["closed", "open", "search"]
    assert len({rows[f"ours_512{how}"]["mpjpe_mm"] for how in ("", "_open", "_search")}) == 3
    assert "ours_512_search: entropy" in {aim["what"] for aim in figures["aims"]}
    assert "ours_512_open / solami_mode: mpjpe_mm" in {aim["what"] for aim in figures["aims"]}
    assert set(rows["ours_512"]) >= PROMISED
    assert rows["ours_512"]["stream_error_mm"] < 1e-3
    assert rows["solami_mode"]["stream_error_mm"] > 0.01
    assert (rows["ours_512"]["lookahead_frames"], rows["ours_512"]["bits_per_s"]) == (4, 67.5)
    assert set(rows["ours_512"]["splits"]) == {"unseen_takes", "other_source"}
    assert rows["ours_512"]["train_fps"] > 0
    assert rows["ours_512"]["train_memory_mb"] > 100
    named = {aim["what"]: aim for aim in figures["aims"]}
    assert {"seam_pose_ratio", "seam_velocity_ratio"}.isdisjoint(rows["solami_mode"])
    aim = named["ours_512 / solami_mode: mpjpe_mm"]
    ratio = rows["ours_512"]["mpjpe_mm"] / rows["solami_mode"]["mpjpe_mm"]
    assert (aim["value"], aim["held"]) == (pytest.approx(ratio), ratio <= 0.8)
    assert {"ours_512: decode_fps", "ours_512 / mean_pose: mpjpe_mm, another source"} <= set(named)
    nothing = CliRunner().invoke(app, ["--data", "x.npz", "--runs", str(tmp_path / "none"), "--only", "ours_9"])
    assert nothing.exit_code == 1
    assert "train one first" in " ".join(nothing.output.split())


class Walker:
    """Stands for a tokenizer that adds a steady turn, or a step at each token."""

    def __init__(self, turn_rad_s: float = 0.0, step: float = 0.0) -> None:
        self._turn, self._step = turn_rad_s, step

    def encode(self, features: np.ndarray) -> np.ndarray:
        return features

    def decode_with_contacts(self, codes: np.ndarray, frames: int) -> tuple[np.ndarray, None]:
        out = codes[:frames].copy()
        out[:, 0] += self._turn
        out[::4, 10:16] += self._step
        return out, None

    def clip_of(self, features: np.ndarray, contacts: None, start: RootState) -> Clip:
        return to_clip(features, start=start)


def test_what_shows_over_a_minute() -> None:
    rng = np.random.default_rng(0)
    still = body_features(swaying(0))
    features = np.tile(still[:1], (1800, 1)).astype(np.float32)
    features[:, 16:] += np.cumsum(rng.normal(0, 0.002, (1800, 120)), axis=0).astype(np.float32)  # some motion
    features[:, 2] = 1.0  # straight on, a metre a second
    same = minute_figures(Walker(), features)  # type: ignore[arg-type]
    assert same["drift_60s_m"] == pytest.approx(0, abs=1e-6)
    assert same["token_line"] == pytest.approx(same["recorded_token_line"])
    # a quarter turn over the minute: a chord of the circle of radius 60 / (pi / 2) against 60 m straight on
    turned = minute_figures(Walker(turn_rad_s=np.pi / 2 / 60), features)  # type: ignore[arg-type]
    radius = 60 / (np.pi / 2)
    assert turned["drift_60s_deg"] == pytest.approx(90, abs=0.5)
    assert turned["drift_60s_m"] == pytest.approx(np.hypot(radius, 60 - radius), rel=0.02)
    printed = minute_figures(Walker(step=0.05), features)  # type: ignore[arg-type]
    assert printed["token_line"] > 5 * printed["recorded_token_line"]


class Perfect:
    """Stands for a tokenizer that gives everything back: what is left at a seam is the seam's own."""

    settings = SimpleNamespace(features="body", network="causal")

    def features_of(self, clip: Clip) -> np.ndarray:
        return body_features(clip)

    def encode(self, features: np.ndarray) -> np.ndarray:
        return np.zeros((-(-len(features) // 4), 136 * 4), np.float32) + _padded(features)

    def stream_decoder(self) -> "Perfect":
        return self

    def prime(self, codes: object) -> None: ...

    def push(self, codes: torch.Tensor) -> torch.Tensor:
        return codes.reshape(-1, 136)

    def flush(self) -> torch.Tensor:
        return torch.zeros(0, 136)


def _padded(features: np.ndarray) -> np.ndarray:
    tokens = -(-len(features) // 4)
    held = np.concatenate([features, np.repeat(features[-1:], 4 * tokens - len(features), axis=0)])
    return held.reshape(tokens, -1)


def test_seams_of_a_perfect_tokenizer_are_smooth() -> None:
    assert seam_figures(Perfect(), [swaying(0)]) == {}  # type: ignore[arg-type]
    whole = swaying(1)
    first, second = (
        Clip(name="", root_m=whole.root_m[part], rotations=whole.rotations[part], fps=FPS)
        for part in (slice(0, 60), slice(60, 120))
    )
    found = seam_figures(Perfect(), [first, second])  # type: ignore[arg-type]
    assert max(found.values()) < 1.2  # it simply goes on
    found = seam_figures(Perfect(), [second, first])  # type: ignore[arg-type]
    assert 1.2 < max(found.values()) < 4  # half a radian away: covered within the blend, on so slow a swing


def test_baselines_with_known_answers(data: MotionData) -> None:
    held = evaluate_baseline("true_poses_held_7_5hz", data, ["unseen_takes"])["unseen_takes"]
    nearest = evaluate_baseline("nearest_training_motion", data, ["unseen_takes"])["unseen_takes"]
    mean = evaluate_baseline("mean_pose", data, ["unseen_takes"])["unseen_takes"]
    # only the left arm swings, about 0.9 rad/s: holding it for up to 3 frames moves the wrist by some millimetres
    assert 0.5 < held["wrist_mm"] < 30
    assert nearest["mpjpe_mm"] < mean["mpjpe_mm"]
    assert mean["energy_ratio"] == pytest.approx(0, abs=1e-6)
    train = evaluate_baseline("nearest_training_motion", data, ["train"])["train"]
    assert train["mpjpe_mm"] == pytest.approx(0, abs=0.01)  # it has seen them

"""`solami tokenizer`: train, go on, judge, encode, decode, compare on tiny networks."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from solami.cli.tokenizer import app
from solami_protocol import quaternions as quat
from solami_protocol.skeleton import FPS
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.motion_data import ClipEntry, MotionData
from solami_tokenizers.motion.smplx_npz import read_smplx_npz, write_smplx_npz
from solami_tokenizers.motion.tokenizer import MotionTokenizer

CONFIGS = sorted((Path(__file__).resolve().parents[2] / "configs/tokenizer").glob("*.yaml"))
TINY = ["tokenizer.width=16", "tokenizer.latent=8", "batch=4", "window=32", "long_window=32", "log_every=2"]


def walker(seed: int, frames: int = 100) -> Clip:
    rng = np.random.default_rng(seed)
    t = np.arange(frames) / FPS
    rotations = np.tile(quat.IDENTITY, (frames, 55, 1)).astype(np.float64)
    for joint in (1, 2, 16, 17, 30):
        angle = rng.uniform(0.2, 0.6) * np.sin(2 * np.pi * rng.uniform(0.5, 1.5) * t)
        rotations[:, joint] = quat.from_rotvec(np.stack([angle, 0 * t, angle], -1))
    root = np.stack([0.2 * t, 0.95 + 0 * t, t], -1)
    return Clip(name=f"c{seed}", root_m=root.astype(np.float32), rotations=rotations.astype(np.float32), fps=FPS)


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    def describe(clip: Clip) -> ClipEntry:
        split = {"c3": "validation", "c4": "unseen_takes"}.get(clip.name, "train")
        return ClipEntry(name=clip.name, split=split, source="own", licence="CC0")

    path = tmp_path_factory.mktemp("data") / "motion.npz"
    MotionData.from_clips([walker(seed) for seed in range(5)], describe).save(path)
    return path


@pytest.fixture(scope="module")
def folders(data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Two trained tokenizers, body-512 and body-residual, by the shipped configs."""
    out = tmp_path_factory.mktemp("runs")
    for name in ("body-512", "body-residual"):
        config = next(c for c in CONFIGS if c.stem == name)
        done = invoke("train", str(config), f"data={data}", f"out={out}", "steps=4", *TINY)
        assert done.exit_code == 0, done.output
    return {name: out / name / "best" for name in ("body-512", "body-residual")}


def invoke(*args: str):  # type: ignore[no-untyped-def]
    return CliRunner().invoke(app, list(args))


@pytest.mark.parametrize("config", CONFIGS, ids=lambda c: c.stem)
def test_every_shipped_config_trains(config: Path, data: Path, tmp_path: Path) -> None:
    begun = config.stem == "tune"  # goes on from a shipped one, whose size it is
    small = [setting for setting in TINY if not (begun and setting.startswith("tokenizer."))]
    done = invoke("train", str(config), f"data={data}", f"out={tmp_path}", "steps=2", "train_splits=[train]", *small)
    assert done.exit_code == 0, done.output
    card = (tmp_path / config.stem / "best/README.md").read_text()
    assert ("Licence: CC-BY-NC-4.0; CC0; MIT (" if begun else "Licence: CC0 (") in card
    assert "7.5 tokens/s" in card
    assert str(tmp_path) not in card


def test_a_checkpoint_is_neither_overwritten_nor_ignored(data: Path, tmp_path: Path) -> None:
    args = ("train", str(CONFIGS[0]), f"data={data}", f"out={tmp_path}", *TINY)
    assert invoke(*args, "steps=3").exit_code == 0
    again = invoke(*args, "steps=6")
    assert again.exit_code == 1
    assert "--resume" in again.output
    assert invoke(*args, "steps=6", "--resume").exit_code == 0
    steps = [json.loads(line)["step"] for line in (tmp_path / CONFIGS[0].stem / "log.jsonl").open()]
    assert steps == [2, 3, 3, 4, 6, 6]
    assert invoke(*args, "steps=2", "--replace").exit_code == 0
    assert len((tmp_path / CONFIGS[0].stem / "log.jsonl").read_text().splitlines()) == 2


def test_eval_writes_a_row_a_split(data: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "figures.json"
    done = invoke("eval", str(folders["body-512"]), "--data", str(data), "--out", str(out))
    assert done.exit_code == 0, done.output
    rows = json.loads(out.read_text())["rows"]
    assert set(rows) == {"validation", "unseen_takes"}
    assert {"mpjpe_mm", "pa_mpjpe_mm", "jitter_ratio", "code_usage", "entropy"} <= set(rows["unseen_takes"])


def test_encode_then_decode_gives_a_clip_in_its_place(folders: dict[str, Path], tmp_path: Path) -> None:
    source, codes, back = (tmp_path / n for n in ("in.npz", "codes.npz", "out.npz"))
    clip = walker(7, frames=50)
    clip = Clip(name="c", root_m=clip.root_m + np.float32([4, 0, -3]), rotations=clip.rotations, fps=FPS)
    write_smplx_npz(source, clip)
    folder = str(folders["body-residual"])
    done = invoke("encode", folder, str(source), str(codes))
    assert "13 tokens x 4 codes, 281 bit/s" in " ".join(done.output.split())
    mesh = tmp_path / "out.glb"
    assert invoke("decode", folder, str(codes), str(back), "--mesh", str(mesh)).exit_code == 0
    assert b'"animations"' in mesh.read_bytes()
    assert invoke("decode", folder, str(codes), str(back), "--mesh", str(tmp_path / "out.obj")).exit_code == 1
    made = read_smplx_npz(back, "y")
    assert made.frames == 50
    np.testing.assert_allclose(made.root_m[0, [0, 2]], [4, -3], atol=1e-4)
    other = invoke("decode", str(folders["body-512"]), str(codes), str(back))
    assert other.exit_code == 1
    assert "was encoded by" in other.output


def test_compare_writes_a_page_of_its_own(data: Path, folders: dict[str, Path], tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    names = [str(f) for f in folders.values()]
    done = invoke("compare", *names, "--data", str(data), "--out", str(page), "--clips", "c4")
    assert done.exit_code == 0, done.output
    text = page.read_text()
    assert "http" not in text.replace("http-equiv", "")
    content = json.loads(text.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    assert content["names"] == ["recording", "body-512", "body-residual"]
    assert [len(c["points"]) for c in content["clips"]] == [3]
    damaged = MotionData.load(data)
    valid = damaged.valid.copy()
    at = damaged.frames_of(next(clip for clip in damaged.clips if clip.name == "c4"))
    valid[at.start + 40 : at.stop] = False  # the note under a clip is of its undamaged frames, as the table
    replace(damaged, valid=valid).save(tmp_path / "damaged.npz")
    done = invoke("compare", *names, "--data", str(tmp_path / "damaged.npz"), "--out", str(page), "--clips", "c4")
    assert done.exit_code == 0, done.output
    text = page.read_text()
    parts = json.loads(text.split('<script type="application/json" id="data">')[1].split("</script>")[0])
    assert parts["clips"][0]["points"][0] == content["clips"][0]["points"][0]
    assert parts["clips"][0]["notes"] != content["clips"][0]["notes"]
    strip = tmp_path / "strip.png"
    assert invoke("compare", *names, "--data", str(data), "--out", str(strip), "--clips", "c4").exit_code == 0
    assert strip.read_bytes().startswith(b"\x89PNG")
    wrong = invoke("compare", *names, "--data", str(data), "--clips", "nobody")
    assert wrong.exit_code == 1
    assert "no clip nobody in split 'unseen_takes'" in " ".join(wrong.output.split())


def test_what_was_seen_goes_into_the_card_of_a_packed_tokenizer(folders: dict[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "small"
    done = invoke("pack", str(folders["body-512"]), str(out), "--remark", "Feet slide.")
    assert done.exit_code == 0, done.output
    card = (out / "README.md").read_text()
    assert card.index("mpjpe_mm") < card.index("Feet slide.") < card.index("```json")
    assert (
        MotionTokenizer.from_pretrained(out).settings == MotionTokenizer.from_pretrained(folders["body-512"]).settings
    )
    assert (out / "model.safetensors").stat().st_size < (folders["body-512"] / "model.safetensors").stat().st_size


def test_faults_are_said_in_one_line(data: Path, tmp_path: Path) -> None:
    for args, words in (
        (("eval", "body-9000"), "neither a folder nor a tokenizer"),
        (("train", str(CONFIGS[0]), "data=nowhere", f"out={tmp_path}"), "nowhere"),
        (("train", str(CONFIGS[0]), f"data={data}", "stepz=3"), "did you mean 'steps'"),
    ):
        done = invoke(*args)
        assert done.exit_code == 1
        assert words in " ".join(done.output.split())
        assert "Traceback" not in done.output


def test_damaged_and_foreign_files_are_said_by_name(folders: dict[str, Path], tmp_path: Path) -> None:
    folder, codes, motion = str(folders["body-512"]), tmp_path / "codes.npz", tmp_path / "in.npz"
    write_smplx_npz(motion, walker(1, frames=1))
    assert invoke("encode", folder, str(motion), str(codes)).exit_code == 0  # one frame is a clip
    whole = codes.read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    np.savez(tmp_path / "wide.npz", codes=np.zeros((3, 4), np.int64))
    np.savez(tmp_path / "high.npz", codes=np.full((3, 1), 512))
    np.savez(tmp_path / "hand.npz", poses=np.zeros((3, 7)))
    other = tmp_path / "other"
    other.mkdir()
    (other / "config.json").write_text('{"model_type": "bert"}')
    for args, words in (
        (("decode", folder, str(tmp_path / "cut.npz"), "x.npz"), "cut.npz"),
        (("decode", folder, str(tmp_path / "wide.npz"), "x.npz"), "expected (T, 1)"),
        (("decode", folder, str(tmp_path / "high.npz"), "x.npz"), "512 in codebook 0 is out of range"),
        (("encode", folder, str(tmp_path / "hand.npz"), "x.npz"), "hand.npz"),
        (("encode", str(other), str(motion), "x.npz"), "config.json: format is None"),
    ):
        done = invoke(*args)
        assert done.exit_code == 1, args
        # a long path is followed by a line break
        assert words in " ".join(done.output.split()).replace(" : ", ": "), done.output
        assert "Traceback" not in done.output

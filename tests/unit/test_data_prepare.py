"""`solami data prepare` on small made-up sources: what comes out, resuming, refusing, and nothing half done."""

import json
import sys
import tarfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from solami.cli.data import app
from solami_datasets import prepare as module
from solami_datasets.checks import put_on_floor
from solami_datasets.collection import Collection
from solami_datasets.prepare import prepare
from solami_datasets.recipe import Recipe
from solami_datasets.shards import read_rows
from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError, MissingExtra, SettingsError
from solami_protocol.settings import load_settings
from solami_protocol.skeleton import FPS, JOINT_COUNT, JOINT_INDEX, PELVIS_HEIGHT_M
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.features import body_features
from solami_tokenizers.motion.smplx_npz import write_smplx_npz

LABELS = r"(?P<content>[a-z]+)_(?P<style>[a-z]+)_(?P<take>\d+)$"


def swaying(frames: int, fps: float = 60.0, seed: int = 0, lift_m: float = 0.0) -> Clip:
    """A standing person who bends knees and swings an arm, at some rate."""
    t = np.arange(frames) / fps
    turns = np.zeros((frames, JOINT_COUNT, 3))
    swing = np.sin(2 * np.pi * (0.5 + 0.1 * seed) * t)
    turns[:, JOINT_INDEX["left_shoulder"], 2] = -1.2 + 0.3 * swing
    for side in ("left", "right"):
        turns[:, JOINT_INDEX[f"{side}_knee"], 0] = 0.4 + 0.2 * swing
    root = np.zeros((frames, 3), np.float32)
    root[:, 0], root[:, 1] = 0.2 * t, PELVIS_HEIGHT_M + lift_m
    rotations = quat.from_rotvec(turns).astype(np.float32)
    return Clip(name=f"clip{seed}", root_m=root, rotations=rotations, fps=fps)


def fill(folder: Path, contents: int = 2, styles: tuple[str, ...] = ("calm", "wild"), takes: int = 10) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    names = "abcdefgh"
    for c in range(contents):
        for style in styles:
            for take in range(takes):
                path = folder / f"{names[c]}_{style}_{take * 10:03d}.npz"
                write_smplx_npz(path, swaying(120 + take, seed=c + take))
    return folder


def recipe(tmp_path: Path, **changes: Any) -> Recipe:
    source = {"name": "own", "kind": "smplx", "path": str(tmp_path / "in"), "licence": "CC0-1.0", "labels": LABELS}
    source |= {"splits": {"validation": 0.1, "unseen_takes": 0.2, "held_out_styles": ["wild"]}}
    source |= changes.pop("source", {})
    base = {"name": "tiny", "out": str(tmp_path / "out"), "sources": [source], "processes": 1}
    return Recipe.model_validate(base | changes)


def bytes_of(folder: Path) -> dict[str, bytes]:
    return {p.name: p.read_bytes() for p in sorted(folder.iterdir())}


def test_clips_come_out_as_features_of_the_same_motion(tmp_path: Path) -> None:
    fill(tmp_path / "in")
    made = prepare(recipe(tmp_path))
    assert made.info["clips"] == 40
    collection = Collection.open(tmp_path / "out")
    data = collection.motion_data()
    assert data.body.dtype == np.float32
    assert len(data.body) == sum(clip.frames for clip in data.clips) == len(data.contacts) == len(data.valid)
    entry = next(clip for clip in data.clips if clip.name == "own/a_calm_000")
    assert entry.labels["content"] == "a"
    assert entry.licence == "CC0-1.0"
    # 120 frames at 60 a second: every second one
    whole = swaying(120)
    half = Clip(name="x", root_m=whole.root_m[::2], rotations=whole.rotations[::2], fps=float(FPS))
    np.testing.assert_allclose(data.body[data.frames_of(entry)], body_features(put_on_floor(half)[0]), atol=2e-4)
    scale = collection.normaliser()
    frames = np.concatenate([data.body[data.frames_of(clip)] for clip in data.of("train")]).astype(np.float64)
    np.testing.assert_allclose(scale.mean, frames.mean(axis=0), atol=1e-5)
    assert (scale.deviation >= frames.std(axis=0) - 1e-5).all()
    index = [json.loads(line) for line in (tmp_path / "out/index.jsonl").read_text().splitlines()]
    assert {e["captions_from"] for e in index} == {"template"}
    assert {e["partner_from"] for e in index} == {"authored"}


def test_splits_part_takes_and_hold_out_styles(tmp_path: Path) -> None:
    fill(tmp_path / "in")
    for take in range(10):  # a second recording of each take
        source = tmp_path / f"in/a_calm_{take * 10:03d}.npz"
        (tmp_path / f"in/a_calm_{take * 10 + 1:03d}.npz").write_bytes(source.read_bytes())
    prepare(recipe(tmp_path))
    index = Collection.open(tmp_path / "out").index
    splits: dict[str, set[str]] = {}
    for entry in index:
        splits.setdefault(entry["take"], set()).add(entry["split"])
    assert all(len(found) == 1 for found in splits.values())
    assert {e["split"] for e in index if e["labels"]["style"] == "wild"} == {"held_out_style"}
    assert not {e["split"] for e in index if e["labels"]["style"] == "calm"} & {"held_out_style"}
    counts = {s: len({e["take"] for e in index if e["split"] == s}) for s in ("train", "validation", "unseen_takes")}
    assert counts == {"train": 14, "validation": 2, "unseen_takes": 4}


def test_interrupted_runs_go_on_and_give_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "in", contents=3)
    whole = recipe(tmp_path, out=str(tmp_path / "whole"))
    prepare(whole)
    real, done = module.work_chunk, []

    def failing(chunk: Any, folder: Path) -> Any:
        if chunk.number == 1 and len(done) == 1:
            raise KeyboardInterrupt
        done.append(chunk.number)
        return real(chunk, folder)

    monkeypatch.setattr(module, "work_chunk", failing)
    with pytest.raises(KeyboardInterrupt):
        prepare(recipe(tmp_path))
    assert not (tmp_path / "out").exists()
    first = (tmp_path / "out.part/motion-00000.parquet").stat().st_mtime_ns
    prepare(recipe(tmp_path))
    assert (tmp_path / "out/motion-00000.parquet").stat().st_mtime_ns == first  # not made again
    assert not (tmp_path / "out.part").exists()
    assert bytes_of(tmp_path / "out") == bytes_of(tmp_path / "whole")


def test_several_processes_give_the_same_bytes(tmp_path: Path) -> None:
    fill(tmp_path / "in", contents=3, takes=9)
    prepare(recipe(tmp_path, out=str(tmp_path / "one")))
    prepare(recipe(tmp_path, out=str(tmp_path / "two"), processes=2))
    assert len(list((tmp_path / "one").glob("*.parquet"))) > 1
    assert bytes_of(tmp_path / "one") == bytes_of(tmp_path / "two")


@pytest.mark.slow  # a local Ray needs some 10 s to start
def test_ray_gives_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="extra ray is not installed")
    fill(tmp_path / "in", contents=3, takes=9)
    prepare(recipe(tmp_path, out=str(tmp_path / "local")))
    steps: list[tuple[int, int]] = []
    on_ray = recipe(tmp_path, out=str(tmp_path / "ray"), processes=2, engine="ray")
    prepare(on_ray, progress=lambda done, total, what: steps.append((done, total)))
    assert steps[-1][0] == steps[-1][1] > 0
    assert len(list((tmp_path / "ray").glob("*.parquet"))) > 1
    assert bytes_of(tmp_path / "local") == bytes_of(tmp_path / "ray")
    assert not list(tmp_path.glob("*.part"))


def test_without_ray_the_command_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path / "in", contents=1, takes=2)
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(MissingExtra, match=r"pip install 'solami\[ray\]'"):
        prepare(recipe(tmp_path, engine="ray"))
    assert not (tmp_path / "out").exists()


def test_a_finished_collection_is_left_alone_and_another_is_not_overwritten(tmp_path: Path) -> None:
    fill(tmp_path / "in", takes=2)
    prepare(recipe(tmp_path))
    before = {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()}
    assert prepare(recipe(tmp_path)).already_done
    with pytest.raises(InputError, match="--replace"):
        prepare(recipe(tmp_path, seed=5))
    assert {p.name: p.stat().st_mtime_ns for p in (tmp_path / "out").iterdir()} == before
    assert not prepare(recipe(tmp_path, seed=5), replace=True).already_done
    assert json.loads((tmp_path / "out/info.json").read_text())["recipe"]["seed"] == 5


def test_files_that_cannot_be_read_are_all_named_and_nothing_is_left(tmp_path: Path) -> None:
    fill(tmp_path / "in", takes=3)
    (tmp_path / "in/a_calm_900.npz").write_bytes(b"no npz")
    bad = swaying(60)
    poses = quat.to_rotvec(bad.rotations).reshape(60, 165)
    poses[7, 3] = np.nan
    np.savez(tmp_path / "in/a_calm_910.npz", poses=poses, trans=bad.root_m, fps=30.0)
    np.savez(tmp_path / "in/a_calm_920.npz", poses=np.nan_to_num(poses), trans=bad.root_m)  # no frame rate
    np.savez(tmp_path / "in/a_calm_930.npz", poses=poses[:0], trans=bad.root_m[:0], fps=30.0)
    write_smplx_npz(tmp_path / "in/a_calm_940.npz", swaying(1))
    with pytest.raises(InputError) as caught:
        prepare(recipe(tmp_path))
    said = str(caught.value)
    for part in ("5 of 17", "a_calm_900", "frame 7", "no frame rate", "0 frames", "left out", "skip_refused=true"):
        assert part in said
    assert str(tmp_path) not in said
    assert not (tmp_path / "out").exists()
    made = prepare(recipe(tmp_path, skip_refused=True))
    assert made.info["refused"] == 5
    assert made.info["clips"] == 12
    assert "a_calm_900" in (tmp_path / "out/report.txt").read_text()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"path": "$NOT_SET_ANYWHERE/x"}, "NOT_SET_ANYWHERE"),
        ({"path": "missing-folder", "made_by": "solami data author X"}, "make it with: solami data author X"),
        ({"kind": "bvh"}, "no recording of kind bvh"),
        ({"splits": {"held_out_styles": ["wlid"]}}, "no clip of style 'wlid'"),
    ],
)
def test_what_is_wrong_with_a_recipe_is_said(tmp_path: Path, changes: dict[str, Any], message: str) -> None:
    fill(tmp_path / "in", takes=1)
    with pytest.raises((InputError, SettingsError), match=message):
        prepare(recipe(tmp_path, source=changes))
    assert not (tmp_path / "out").exists()


def test_feet_under_the_floor_are_lifted_and_jumps_do_not_count(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    write_smplx_npz(tmp_path / "in/a_calm_000.npz", swaying(120, lift_m=-0.4))
    clip = swaying(240)
    rotations = clip.rotations.copy()
    rotations[120:124, JOINT_INDEX["left_elbow"]] = quat.from_axis_angle((0, 1, 0), 170.0)
    jumping = Clip(name="x", root_m=clip.root_m, rotations=rotations, fps=60.0)
    write_smplx_npz(tmp_path / "in/b_calm_000.npz", jumping)
    made = prepare(recipe(tmp_path, source={"splits": {"only": "train"}}))
    rows = {row["name"]: row for row in read_rows([tmp_path / "out/motion-00000.parquet"])}
    low = rows["own/a_calm_000"]
    assert abs(low["body"][:, 3].mean() - PELVIS_HEIGHT_M) < 0.08
    assert any("lifted by 0.4" in note or "lifted by 0.3" in note for note in low["notes"])
    assert low["valid"].all()
    valid = rows["own/b_calm_000"]["valid"]
    assert not valid[60:62].any()
    assert valid[:58].all()
    assert valid[65:].all()
    codes = {f["code"] for said in made.reports for f in said["findings"]}
    assert codes == {"spike"}


def test_archives_and_indexes_with_rates_and_descriptions(tmp_path: Path) -> None:
    folder = tmp_path / "raw"
    folder.mkdir()
    clip = swaying(120)
    poses = quat.to_rotvec(clip.rotations).reshape(120, 165)
    np.savez(folder / "one.npz", poses=poses, trans=clip.root_m)  # states no rate
    (folder / "clips.json").write_text(json.dumps([{"clip": "one", "fps": 60, "what": "stands and sways"}]))
    with tarfile.open(tmp_path / "raw.tar.xz", "w:xz") as tar:
        tar.add(folder, arcname="raw")
    source = {"path": str(tmp_path / "raw.tar.xz"), "splits": {"only": "other_source"}, "labels": ""}
    prepare(recipe(tmp_path, source=source))
    entry = Collection.open(tmp_path / "out").index[0]
    assert (entry["frames"], entry["split"]) == (60, "other_source")
    assert (entry["captions"], entry["captions_from"]) == (["stands and sways"], "given")
    assert not (tmp_path / "out/unpacked").exists()


def test_the_command_prints_the_splits(tmp_path: Path) -> None:
    fill(tmp_path / "in", takes=2)
    text = recipe(tmp_path).model_dump_json()
    (tmp_path / "tiny.yaml").write_text(text)  # JSON is YAML
    result = CliRunner().invoke(app, ["prepare", str(tmp_path / "tiny.yaml"), "processes=1"])
    assert result.exit_code == 0, result.output
    assert "held_out_style" in result.output
    again = CliRunner().invoke(app, ["prepare", str(tmp_path / "tiny.yaml"), "seed=3"])
    assert again.exit_code == 1
    assert "--replace" in again.output


def test_a_damaged_collection_is_refused(tmp_path: Path) -> None:
    fill(tmp_path / "in", takes=2)
    prepare(recipe(tmp_path))
    out = tmp_path / "out"
    with pytest.raises(InputError, match="has no clip 'a_calm'; there are own/a_calm_000"):
        Collection.open(out).row("a_calm")
    with pytest.raises(InputError, match="no clip in other_source"):
        Collection.open(out).motion_data(["other_source"])
    shard = out / "motion-00000.parquet"
    shard.write_bytes(shard.read_bytes()[:200])
    with pytest.raises(InputError, match=r"motion-00000\.parquet"):
        Collection.open(out).motion_data()
    shard.unlink()
    with pytest.raises(InputError, match="lacks motion-00000"):
        Collection.open(out)
    with pytest.raises(InputError, match="not a prepared collection"):
        Collection.open(tmp_path / "in")


def test_the_shipped_recipe_is_valid() -> None:
    found = load_settings(Recipe, "data", Path(__file__).parents[2] / "configs/data/motion.yaml", env={})
    assert {s.name: s.splits.only for s in found.sources}["cmu"] == "other_source"
    assert all(source.licence for source in found.sources)

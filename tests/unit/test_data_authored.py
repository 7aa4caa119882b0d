"""Motion that is made and says so: takes of the authored set, finger tracks, partners; and looking at clips."""

import json
import os
import zlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from solami.behaviour.gestures import GESTURES
from solami.behaviour.practice import practice_takes
from solami.cli.data import app
from solami_datasets.checks import check_clip
from solami_datasets.collection import Collection
from solami_datasets.filmstrip import CELL_H, CELL_W, HAND_H, film_strip, write_png
from solami_datasets.fingers import load_fingers
from solami_datasets.partners import FARTHEST_M, NEAREST_M, authored_partner
from solami_datasets.prepare import prepare
from solami_datasets.recipe import Recipe
from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS, JOINT_COUNT, PELVIS_HEIGHT_M
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.rotations import from_rot6d
from solami_tokenizers.motion.smplx_npz import write_smplx_npz

LEAP = Path(os.environ["SOLAMI_DATA"]) / "motion/leap_hands.npz" if os.environ.get("SOLAMI_DATA") else None
needs_leap = pytest.mark.skipif(LEAP is None, reason="SOLAMI_DATA is not set")


def still(frames: int = 90) -> Clip:
    root = np.tile(np.float32([0.3, PELVIS_HEIGHT_M, -0.2]), (frames, 1))
    rotations = np.tile(quat.IDENTITY, (frames, JOINT_COUNT, 1))
    rotations[:, 18] = quat.from_axis_angle((0, 1, 0), np.linspace(-30, -60, frames))
    return Clip(name="still", root_m=root, rotations=rotations, fps=float(FPS))


def test_takes_are_repeatable_cover_the_set_and_are_sound() -> None:
    takes = list(practice_takes(1.0, seed=3, take_s=10.0))
    again = list(practice_takes(1.0, seed=3, take_s=10.0))
    other = next(iter(practice_takes(0.1, seed=4, take_s=10.0)))
    assert [t.name for t in takes] == [t.name for t in again]
    np.testing.assert_array_equal(takes[2].rotations, again[2].rotations)
    assert not np.array_equal(takes[0].rotations, other.rotations)
    assert {"idle", "beat"} < {t.content for t in takes}
    for take in takes:
        assert take.rotations.shape == (300, JOINT_COUNT, 4)
        clip = Clip(name=take.name, root_m=take.root_m, rotations=take.rotations, fps=float(FPS))
        assert not check_clip(clip).findings
        if take.content not in ("idle", "beat"):
            assert take.content in take.gestures
    with pytest.raises(InputError, match="minutes"):
        next(practice_takes(0))


def test_every_gesture_has_its_turn() -> None:
    wanted = set(GESTURES) - {"idle"}
    contents = set()
    for take in practice_takes((len(wanted) + 2) * 2 * 3.0 / 60, take_s=3.0):
        contents.add(take.content)
    assert wanted <= contents


def test_the_command_writes_takes_that_prepare_keeps_apart(tmp_path: Path) -> None:
    out = tmp_path / "authored"
    result = CliRunner().invoke(app, ["author", str(out), "--minutes", "2"])
    assert result.exit_code == 0, result.output
    entries = json.loads((out / "clips.json").read_text())
    assert len(entries) == 8
    source = {"name": "authored", "kind": "smplx", "path": str(out), "licence": "Apache-2.0", "authored": True}
    source |= {"splits": {"prefix": "authored_", "draw_by": "", "validation": 0.125, "unseen_takes": 0.25}}
    made = prepare(
        Recipe.model_validate({"name": "a", "out": str(tmp_path / "out"), "sources": [source], "processes": 1})
    )
    assert {k: v["clips"] for k, v in made.info["splits"].items()} == {
        "authored_train": 5,
        "authored_validation": 1,
        "authored_unseen_takes": 2,
    }
    index = Collection.open(tmp_path / "out").index
    assert {(e["body_from"], e["hands_from"], e["partner_from"]) for e in index} == {("authored",) * 3}
    (tmp_path / "mine").mkdir()
    refused = CliRunner().invoke(app, ["author", str(tmp_path / "mine"), "--minutes", "0.1"])
    assert refused.exit_code == 1
    assert "not replaced" in refused.output


def test_partners_come_from_the_stated_distribution() -> None:
    firsts = np.stack([authored_partner(still(2), seed)[0] for seed in range(300)])
    away = np.hypot(firsts[:, 2], firsts[:, 4])
    assert away.min() >= NEAREST_M - 1e-5
    assert away.max() <= FARTHEST_M + 1e-5
    assert abs(away.mean() - (NEAREST_M + FARTHEST_M) / 2) < 0.2
    np.testing.assert_allclose(np.hypot(firsts[:, 0], firsts[:, 1]), 1, atol=1e-5)
    for angle in (np.arctan2(-firsts[:, 1], firsts[:, 0]), np.arctan2(firsts[:, 2], firsts[:, 4])):
        counts, _ = np.histogram(angle, 4, (-np.pi, np.pi))
        assert counts.min() > 45  # 75 each
    np.testing.assert_array_equal(authored_partner(still(5), 7), authored_partner(still(5), 7))


@needs_leap
def test_finger_tracks_suit_the_content_and_stay_within_limits() -> None:
    assert LEAP is not None
    library = load_fingers(LEAP)
    bends = {}
    for content in ("wave-right-hand", "run", "walk"):
        track = library.track(content, 600, seed=1)
        assert track.shape == (600, 180)
        np.testing.assert_array_equal(track, library.track(content, 600, seed=1))
        turns = from_rot6d(track.reshape(600, 30, 6).astype(np.float64))
        angles = np.degrees(quat.to_rotvec(turns))
        fingers = angles.reshape(600, 2, 5, 3, 3)[:, :, :4]
        # a left hand curls about -z, a right hand about +z
        curl = fingers[..., 2] * np.array([-1, 1])[None, :, None, None]
        assert curl.min() > -17
        assert curl.max() < 110
        bends[content] = curl[:, :, :, 1].mean()
        speed = np.degrees(quat.angle_between(turns[1:], turns[:-1])) * FPS
        assert speed.max() < 700
    assert bends["wave-right-hand"] < 25
    assert bends["run"] > 45
    assert bends["wave-right-hand"] < bends["walk"] < bends["run"]


def test_a_library_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.npz").write_bytes(b"no")
    np.savez(tmp_path / "y.npz", a=np.zeros(3))
    for name, message in (("x", "not an npz"), ("y", "has no array"), ("z", "not an npz")):
        with pytest.raises(InputError, match=message):
            load_fingers(tmp_path / f"{name}.npz")


def read_png(path: Path) -> np.ndarray:
    data = path.read_bytes()
    width, height = int.from_bytes(data[16:20]), int.from_bytes(data[20:24])
    start = data.index(b"IDAT")
    size = int.from_bytes(data[start - 4 : start])
    rows = np.frombuffer(zlib.decompress(data[start + 4 : start + 4 + size]), np.uint8).reshape(height, -1)
    assert (rows[:, 0] == 0).all()
    return rows[:, 1:].reshape(height, width, 3)


def test_a_film_strip_shows_a_body_with_its_left_in_red(tmp_path: Path) -> None:
    clip = still()
    valid = np.ones(clip.frames, bool)
    valid[-1] = False
    image = film_strip(clip, 3, valid)
    assert image.shape == (2 * CELL_H, 3 * CELL_W, 3)
    moving = clip.rotations.copy()
    moving[-1, 30] = [0, 0, 0.6, 0.8]
    with_hands = film_strip(replace(clip, rotations=moving), 3, valid)
    assert with_hands.shape == (2 * CELL_H + 2 * HAND_H, 3 * CELL_W, 3)
    write_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(read_png(tmp_path / "a.png"), image)
    front = image[:CELL_H, :CELL_W].astype(int)
    red = np.argwhere((front[..., 0] > 150) & (front[..., 2] < 90))
    blue = np.argwhere((front[..., 2] > 150) & (front[..., 0] < 90))
    assert len(red) > 300
    assert red[:, 1].mean() > CELL_W / 2 > blue[:, 1].mean()  # seen from the front
    assert tuple(image[2, 2]) == (255, 255, 255)
    assert tuple(image[2, -2]) != (255, 255, 255)  # the last moment does not count


def test_doctor_and_show(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "in").mkdir()
    for name in ("good", "jumping", "second", "third"):
        clip = still()
        rotations = clip.rotations.copy()
        if name == "jumping":
            rotations[40:44, 19] = quat.from_axis_angle((0, 1, 0), 160.0)
        write_smplx_npz(tmp_path / f"in/{name}.npz", Clip(name=name, root_m=clip.root_m, rotations=rotations, fps=30.0))
    (tmp_path / "bad.npz").write_bytes(b"no")
    run = CliRunner().invoke
    good = run(app, ["doctor", "in/good.npz"])
    assert good.exit_code == 0, good.output
    assert "nothing to remark" in good.output
    assert read_png(tmp_path / "runs/good.doctor.png").shape[1] == 12 * CELL_W
    jumping = run(app, ["doctor", "in/jumping.npz"])
    assert "jumps" in jumping.output
    bad = run(app, ["doctor", "bad.npz"])
    assert bad.exit_code == 1
    assert "fault" in bad.output
    folder = run(app, ["doctor", "in"])
    assert folder.exit_code == 0, folder.output
    assert "4 of 4 files can be read" in folder.output
    assert "jumping.npz" in folder.output
    assert run(app, ["doctor", "nothing"]).exit_code == 1
    source = {"name": "s", "kind": "smplx", "path": "in", "licence": "CC0-1.0", "splits": {"unseen_takes": 0.25}}
    prepare(Recipe.model_validate({"name": "c", "out": "out", "sources": [source], "processes": 1}))
    whole = run(app, ["doctor", "out"])
    assert whole.exit_code == 0, whole.output
    assert "a collection of 4 clips" in whole.output
    assert "no clips in validation" in whole.output
    index = [json.loads(line) for line in Path("out/index.jsonl").read_text().splitlines()]
    index[0]["take"] = index[1]["take"] = "same"
    index[0]["split"], index[1]["split"] = "train", "unseen_takes"
    Path("out/index.jsonl").write_text("\n".join(json.dumps(entry) for entry in index) + "\n")
    leaking = run(app, ["doctor", "out"])
    assert leaking.exit_code == 1
    assert "more than one split" in leaking.output
    shown = run(app, ["show", "s/good", "--collection", "out", "--out", "good.png"])
    assert shown.exit_code == 0, shown.output
    assert read_png(tmp_path / "good.png").shape[0] == 2 * CELL_H  # no fingers move
    page = run(app, ["show", "in/good.npz", "--out", "good.html"])
    assert page.exit_code == 0, page.output
    assert (tmp_path / "good.html").stat().st_size > 100_000
    assert run(app, ["show", "s/good", "--collection", "out", "--out", "good.gif"]).exit_code == 1

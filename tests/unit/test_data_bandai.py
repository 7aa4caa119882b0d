"""Unpacking the Bandai subset: a small made-up pack, and the six original files of the real one."""

import json
import os
import tarfile
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from solami.cli.data import app
from solami_datasets.archives import unpack_archive
from solami_datasets.bandai import ClipName, clips_in, open_subset, parse_name, wave_clip
from solami_protocol.errors import InputError
from solami_tokenizers.motion.bvh import parse_bvh

PACK = Path(os.environ["SOLAMI_DATA"]) / "motion/bandai2_subset.tar.xz" if "SOLAMI_DATA" in os.environ else None

_HEADER = """HIERARCHY
ROOT Hips
{
  OFFSET 0 90 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  End Site
  {
    OFFSET 0 0 0
  }
}
"""
_NAMES = ["dataset-2_wave-right-hand_normal_001", "dataset-2_walk_active_002"]


@pytest.fixture
def pack(tmp_path: Path) -> Path:
    """Two clips of 3 and 2 frames; channel 3 turns, channel 1 holds 1234.567."""
    folder = tmp_path / "bandai2_subset"
    (folder / "hierarchies").mkdir(parents=True)
    (folder / "hierarchies/A.txt").write_text(_HEADER)
    clips = [
        {"name": _NAMES[0], "hierarchy": "A", "start": 0, "frames": 3},
        {"name": _NAMES[1], "hierarchy": "A", "start": 3, "frames": 2},
    ]
    base = {"A": [0.0, 1234.567, 1.5e-06, 0, 0, 0]}
    index = {"var": [3], "scale": 1000, "base": base, "frame_time": "0.0333333", "clips": clips}
    (folder / "index.json").write_text(json.dumps(index))
    np.save(folder / "delta_i32.npy", np.array([[-179_999, 1, 10, 500, -1]], np.int32))
    return folder


def test_differences_add_up_within_each_clip(pack: Path, tmp_path: Path) -> None:
    with open_subset(pack) as subset:
        assert subset.names == _NAMES
        for name, turns in zip(_NAMES, ([-179.999, -179.998, -179.988], [0.5, 0.499]), strict=True):
            path = tmp_path / f"{name}.bvh"
            path.write_text(subset.bvh(name))
            bvh = parse_bvh(path)
            np.testing.assert_allclose(bvh.frames[:, 3], turns, atol=1e-9)
            np.testing.assert_allclose(bvh.frames[:, 1], 1234.567)
            assert bvh.frame_s == 0.0333333


def test_the_command_unpacks_folders_and_archives(pack: Path, tmp_path: Path) -> None:
    archive = tmp_path / "pack.tar.xz"
    with tarfile.open(archive, "w:xz") as tar:
        tar.add(pack, arcname="bandai2_subset")
    for source, out in ((pack, tmp_path / "a"), (archive, tmp_path / "b")):
        assert CliRunner().invoke(app, ["unpack", str(source), str(out)]).exit_code == 0
        assert [p.stem for p in sorted(out.glob("*.bvh"))] == sorted(_NAMES)
    assert wave_clip(tmp_path / "a").stem == _NAMES[0]
    assert list(clips_in(tmp_path / "a")) == [parse_name(_NAMES[1]), parse_name(_NAMES[0])]
    chosen = tmp_path / "c"
    assert CliRunner().invoke(app, ["unpack", str(pack), str(chosen), "--style", "active"]).exit_code == 0
    assert [p.stem for p in chosen.iterdir()] == [_NAMES[1]]


@pytest.mark.parametrize("damage", ["index.json", "delta_i32.npy", "hierarchies/A.txt"])
def test_a_damaged_pack_is_said_in_one_line(pack: Path, tmp_path: Path, damage: str) -> None:
    (pack / damage).unlink()
    result = CliRunner().invoke(app, ["unpack", str(pack), str(tmp_path / "out")])
    assert result.exit_code == 1
    assert "error:" in result.output
    assert "Traceback" not in result.output


def test_a_folder_that_cannot_be_made_is_said_in_one_line(pack: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    result = CliRunner().invoke(app, ["unpack", str(pack), str(tmp_path / "file")])
    assert result.exit_code == 1
    assert "cannot be written" in result.output


def test_what_is_no_pack_is_refused(tmp_path: Path) -> None:
    text = tmp_path / "x.tar.xz"
    text.write_text("no archive")
    for source in (text, tmp_path / "missing", tmp_path):
        with pytest.raises(InputError), open_subset(source):
            pass
    with pytest.raises(InputError, match="solami data unpack"):
        wave_clip(tmp_path)


def test_names() -> None:
    assert parse_name("dataset-1_not-so-fast_happy_012") == ClipName(1, "not-so-fast", "happy", 12)
    assert str(ClipName(2, "walk", "active", 2)) == "dataset-2_walk_active_002"
    with pytest.raises(InputError, match="expected dataset-"):
        parse_name("05_01")


@pytest.mark.skipif(PACK is None, reason="SOLAMI_DATA is not set")
def test_the_six_original_files_come_out_again(tmp_path: Path) -> None:
    assert PACK is not None
    with open_subset(PACK) as subset:
        originals = sorted((subset.folder / "bvh_check").glob("*.bvh"))
        assert len(originals) == 6
        assert len(subset.names) == 877
        for original in originals:
            path = tmp_path / original.name
            path.write_text(subset.bvh(original.stem))
            ours, theirs = parse_bvh(path), parse_bvh(original)
            assert [j.name for j in ours.joints] == [j.name for j in theirs.joints]
            assert np.abs(ours.frames - theirs.frames).max() < 0.00051
            assert np.abs(ours.forward()[0] - theirs.forward()[0]).max() < 0.0024  # cm


@pytest.mark.parametrize("known", [True, False])
@pytest.mark.parametrize(("name", "kind"), [("../out.bvh", tarfile.REGTYPE), ("link.bvh", tarfile.SYMTYPE)])
def test_an_archive_cannot_reach_outside(
    name: str, kind: bytes, known: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the filter of newer Pythons and, before 3.11.4, without."""
    if not known:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    elif not hasattr(tarfile, "data_filter"):
        pytest.skip("this Python has no filter")
    member = tarfile.TarInfo(name)
    member.type, member.linkname = kind, "/etc/passwd" if kind == tarfile.SYMTYPE else ""
    with tarfile.open(tmp_path / "bad.tar", "w") as tar:
        tar.addfile(member)
    with pytest.raises(InputError, match=r"bad\.tar: neither a folder nor a whole archive"):
        unpack_archive(tmp_path / "bad.tar", tmp_path / "into")
    assert not (tmp_path / "out.bvh").exists()

"""Perception on recorded people, in held-out styles: waves are seen, walks and raised hands are no waves."""

import os
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest

from solami.perception.evaluate import CHOSEN_ON, Sample, evaluate, perceive_clip, table
from solami_datasets.bandai import open_subset, parse_name
from solami_tokenizers.motion import read_motion

DATA = Path(os.environ["SOLAMI_DATA"]) if "SOLAMI_DATA" in os.environ else None
pytestmark = pytest.mark.skipif(DATA is None, reason="SOLAMI_DATA is not set")

_BANDAI1 = re.compile(
    r"dataset-1_(bye|byebye|bow|guide|walk|run|dash)_(angry|childish|masculinity|old|sad|tired)_001\.bvh"
)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """Three clips of each content and held-out style of bandai2, and one of each of bandai1."""
    assert DATA is not None
    out = tmp_path_factory.mktemp("bandai")
    taken: dict[tuple[str, str], int] = {}
    with open_subset(DATA / "motion/bandai2_subset.tar.xz") as subset:
        for text in subset.names:
            name = parse_name(text)
            key = (name.content, name.style)
            if name.style in CHOSEN_ON or taken.get(key, 0) == 3:
                continue
            taken[key] = taken.get(key, 0) + 1
            (out / f"{text}.bvh").write_text(subset.bvh(text))
    with tarfile.open(DATA / "motion/bandai1.tar.xz") as tar:
        for member in tar:
            if _BANDAI1.search(member.name):
                member.name = Path(member.name).name
                tar.extract(member, out, filter="data")
    names = {path: parse_name(path.stem) for path in sorted(out.glob("*.bvh"))}
    return [Sample(name.content, name.style, read_motion(path)) for path, name in names.items()]


def test_held_out_styles(samples: list[Sample]) -> None:
    report = evaluate(samples)
    assert list(report) == ["chosen_on", "held_out"]
    groups = report["held_out"]["groups"]  # type: ignore[index]
    assert groups["wave"]["clips"] == 30
    assert groups["wave"]["wave"] >= 0.9
    assert groups["wave"]["side_right"] >= 0.95
    assert groups["wave"]["times_a_clip"] <= 1.1
    assert groups["wave"]["ended_before_down_s"]["p5"] > -0.3  # the end is told before the arm hangs, or soon after
    assert groups["walk"]["clips"] >= 40
    assert groups["walk"]["wave"] <= 0.05
    assert groups["raise"]["wave"] <= 0.1
    assert groups["talk"]["wave"] <= 0.1
    assert all(g["tracking_lost"] == 0 for g in groups.values())
    assert "held_out groups" in table(report)


def test_the_headset_file_holds_no_gesture_and_the_frozen_one_is_lost() -> None:
    assert DATA is not None
    anim = DATA / "solami/anim_data"
    assert [p.name for p in perceive_clip(read_motion(anim / "Smplx_user.npz")) if p.name == "wave"] == []
    frozen = read_motion(anim / "motion_user.npz")
    assert np.ptp(frozen.rotations, axis=0).max() == 0
    assert [p.name for p in perceive_clip(frozen)] == ["tracking_lost"]


def test_waves_are_seen_with_head_and_wrists_alone(samples: list[Sample]) -> None:
    groups = evaluate(samples, only_three=True)["held_out"]["groups"]
    assert groups["wave"]["wave"] >= 0.8
    assert groups["walk"]["wave"] <= 0.05
    assert groups["raise"]["wave"] <= 0.1
    assert groups["talk"]["wave_a_minute"] <= 1

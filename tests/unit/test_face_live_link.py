"""The Live Link Face CSV."""

import csv
import io

import numpy as np

from solami.audio2face.live_link import live_link_csv
from solami_protocol.arkit import FACE_NAMES


def rows_of(face: np.ndarray) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(live_link_csv(face))))


def test_every_shape_stands_under_its_own_name() -> None:
    face = np.linspace(0, 1, 52)[None]
    row = rows_of(face)[0]
    assert row["BlendShapeCount"] == "61"
    assert len(row) == 2 + 52 + 9
    for name, weight in zip(FACE_NAMES, face[0], strict=True):
        assert float(row[name[0].upper() + name[1:]]) == np.round(weight, 6)
    assert row["RightEyeRoll"] == "0.0"


def test_columns_are_in_the_order_of_the_app() -> None:
    head = live_link_csv(np.zeros((0, 52))).strip().split(",")
    assert head[:4] == ["Timecode", "BlendShapeCount", "EyeBlinkLeft", "EyeLookDownLeft"]
    assert head[16:20] == ["JawForward", "JawRight", "JawLeft", "JawOpen"]
    assert head[-10:-8] == ["TongueOut", "HeadYaw"]


def test_timecodes_count_frames_within_the_second() -> None:
    rows = rows_of(np.zeros((30 * 3661 + 8, 52), np.float32)[-2000:])
    assert rows[0]["Timecode"] == "00:00:00:00.000"
    assert rows[31]["Timecode"] == "00:00:01:01.000"
    assert rows[-1]["Timecode"] == "00:01:06:19.000"

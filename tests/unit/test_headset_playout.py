"""The playout model: clock, buffer, hold, release, cancel, stall, skew."""

import numpy as np
import pytest

from solami.headset.idle_layer import IdleLayer
from solami.headset.playout import Playout, Report
from solami_protocol.behaviours import Clip
from solami_protocol.control import Cancel, EpochEnd, EpochStart, Hold, Release, State
from solami_protocol.media import PoseCodec, audio_frame, decode_media, face_frame, pose_frame
from solami_protocol.skeleton import JOINT_COUNT

IDENTITY = np.tile(np.array([0, 0, 0, 1], np.float32), (JOINT_COUNT, 1))


def clip(state: str, name: str, height: float, frames: int = 300) -> Clip:
    return Clip(
        state=state, name=name, loop=True, root_m=np.full((frames, 3), height, np.float32),
        rotations=np.tile(IDENTITY, (frames, 1, 1)), face=np.zeros((frames, 52), np.float32), pcm=np.zeros(0, np.int16),
    )  # fmt: skip


class Rig:
    """A playout with two idle clips, a listen clip and a log of its reports."""

    def __init__(self) -> None:
        clips = [clip("idle", "a", 1.0), clip("idle", "b", 1.1), clip("listen", "l", 2.0)]
        self.reports: list[Report] = []
        self.playout = Playout(IdleLayer(clips), self.reports.append)

    def send(self, epoch: int, first_ms: float, ms: float, *, last: bool = False, motion: bool = True) -> None:
        """One chunk: jaw and root height rise with pts, so that what is shown tells its time."""
        samples = np.full(round(ms * 24), 1000, np.int16)
        frames = round(ms * 30 / 1000)
        at = first_ms / 1000 + np.arange(frames) / 30
        pts = round(first_ms * 1000)
        chunk = [audio_frame(samples, pts_us=pts, epoch=epoch, last=last)]
        if motion:
            root = np.stack([at, at, at], 1)
            face = np.tile((at / 10)[:, None], (1, 52))
            rotations = np.tile(IDENTITY, (frames, 1, 1))
            chunk.append(pose_frame(root, rotations, codec=PoseCodec.F32, pts_us=pts, epoch=epoch))
            chunk.append(face_frame(face, pts_us=pts, epoch=epoch))
        for frame in chunk:
            data = frame.encode()
            self.playout.on_media(decode_media(data), len(data))


@pytest.fixture
def rig() -> Rig:
    return Rig()


def start(rig: Rig, epoch: int = 1) -> None:
    rig.playout.on_message(EpochStart(epoch=epoch, kind="reply", brain="b"))


def test_plays_when_100_ms_are_buffered_and_reports(rig: Rig) -> None:
    start(rig)
    rig.send(1, 0, 66.6666)
    rig.playout.advance(100)
    assert rig.reports == []
    rig.send(1, 66.6666, 66.6667)
    rig.playout.advance(150)
    assert [(r.state, r.audio_ms) for r in rig.reports] == [("started", 0.0)]
    rig.send(1, 133.3333, 600, last=True)
    rig.playout.advance(1200)
    assert [r.state for r in rig.reports] == ["started", "playing", "playing", "playing", "finished"]
    assert rig.reports[-1].audio_ms == pytest.approx(733.3, abs=0.1)
    assert int(np.count_nonzero(np.concatenate(rig.playout.heard))) == round(733.3333 * 24)


def test_shown_body_and_face_follow_the_audio(rig: Rig) -> None:
    start(rig)
    rig.send(1, 0, 1000, last=True)
    rig.playout.advance(900)
    late = [s for s in rig.playout.shown if s.epoch == 1 and s.head_ms > 400]
    assert late
    for shown in late:
        assert shown.root_m[0] * 1000 == pytest.approx(shown.head_ms, abs=1.0)
        assert shown.face[17] * 10_000 == pytest.approx(shown.head_ms, abs=25)
        assert shown.skew_ms is not None
        assert shown.skew_ms <= 34


def test_missing_motion_counts_as_skew(rig: Rig) -> None:
    start(rig)
    rig.send(1, 0, 200)
    rig.send(1, 200, 800, last=True, motion=False)
    rig.playout.advance(800)
    worst = max(s.skew_ms for s in rig.playout.shown if s.skew_ms is not None)
    assert worst > 400


def test_hold_keeps_the_sample_and_release_goes_on_from_it(rig: Rig) -> None:
    start(rig)
    rig.send(1, 0, 1000, last=True)
    rig.playout.advance(300)
    rig.playout.on_message(State(state="held"))
    rig.playout.on_message(Hold(epoch=1))
    held_at = rig.reports[-1]
    assert held_at.state == "held"
    rig.playout.advance(1000)
    assert rig.playout.current is not None
    assert rig.playout.current.head_ms == held_at.audio_ms
    assert rig.playout.shown[-1].root_m[0] == pytest.approx(2.0, abs=1e-3)  # listening
    rig.playout.on_message(Release(epoch=1))
    rig.playout.advance(2500)
    assert rig.reports[-1].state == "finished"
    heard = np.concatenate(rig.playout.heard)
    assert int(np.count_nonzero(heard)) == 24_000  # nothing lost, nothing twice
    body = np.array([s.root_m[0] for s in rig.playout.shown])
    assert np.abs(np.diff(body)).max() < 0.2  # blended, not cut: 2 m apart over 250 ms


def test_cancel_stops_at_once_and_drops_late_frames(rig: Rig) -> None:
    start(rig)
    rig.send(1, 0, 1000)
    rig.playout.advance(300)
    rig.playout.on_message(Cancel(epoch=1))
    assert rig.reports[-1].state == "cut"
    rig.send(1, 1000, 100)
    assert rig.playout.dropped_frames == 3
    heard = len(np.nonzero(np.concatenate(rig.playout.heard))[0])
    rig.playout.advance(1000)
    assert len(np.nonzero(np.concatenate(rig.playout.heard))[0]) == heard
    start(rig, 2)
    rig.send(2, 0, 200, last=True)
    rig.playout.advance(1400)
    assert rig.reports[-1] == Report(2, "finished", 200.0)


def test_late_audio_stalls_the_head_and_loses_nothing(rig: Rig) -> None:
    start(rig)
    rig.send(1, 0, 200)
    rig.playout.advance(500)
    assert rig.playout.stalls == 1
    assert rig.playout.current is not None
    assert rig.playout.current.head_ms == 200
    rig.send(1, 200, 200, last=True)
    rig.playout.advance(1000)
    assert rig.reports[-1] == Report(1, "finished", 400.0)
    assert int(np.count_nonzero(np.concatenate(rig.playout.heard))) == 9600


def test_epoch_end_message_completes_what_no_flag_did(rig: Rig) -> None:
    start(rig)
    rig.send(1, 0, 200)
    rig.playout.on_message(EpochEnd(epoch=1, audio_ms=200))
    rig.playout.advance(500)
    assert rig.reports[-1] == Report(1, "finished", 200.0)
    assert rig.playout.stalls == 0


def test_unknown_epoch_is_dropped(rig: Rig) -> None:
    rig.send(9, 0, 100)
    assert rig.playout.dropped_frames == 3


def test_idle_never_plays_a_loop_twice_in_a_row(rig: Rig) -> None:
    rig.playout.advance(60_000)
    heights = np.array([s.root_m[0] for s in rig.playout.shown])
    heights = heights.astype(np.float64).round(4)
    settled = heights[np.isin(heights, [1.0, 1.1])]
    runs = np.flatnonzero(np.diff(settled)) + 1
    lengths_s = np.diff(np.concatenate([[0], runs, [len(settled)]])) / 60
    assert lengths_s.max() <= 10.0
    assert np.abs(np.diff(heights)).max() < 0.02  # cross-faded

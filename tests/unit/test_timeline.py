"""The timeline of an epoch: chunks on the grid, paced by the play head, and what happens when a track is late."""

import numpy as np
import pytest

from solami_protocol import control, media
from solami_protocol.arkit import FACE_NAMES
from solami_protocol.control import Place
from solami_protocol.media import Kind, MediaFrame
from solami_relay.epoch_player import EpochHead, EpochPlayer, FaceHealth
from solami_relay.model_side import heard_words
from solami_relay.playout import PlayHead
from solami_relay.reply_buffer import CaptionLine, Reply, loudness_face
from solami_relay.worker_settings import WorkerSettings

JAW = FACE_NAMES.index("jawOpen")
REST = np.tile(np.array([0, 0, 0, 1], np.float32), (55, 1))


def player(reply: Reply, now_ms: float = 0.0, with_face: bool = True) -> EpochPlayer:
    head = EpochHead(
        epoch=7, turn=3, kind="reply", place=Place(), codec=media.PoseCodec.S48, with_face=with_face
    )  # fmt: skip
    return EpochPlayer(head, reply, WorkerSettings(), now_ms)


def reply_of(audio: int = 0, pose: int = 0, face: int = 0, *, ended: bool = False, at_ms: float = 0.0) -> Reply:
    """A reply with so many samples and frames."""
    reply = Reply(3, 1, "tone")
    more(reply, audio, pose, face, at_ms=at_ms)
    reply.ended = ended
    reply.face_ended = ended
    return reply


def more(reply: Reply, audio: int = 0, pose: int = 0, face: int = 0, at_ms: float = 0.0) -> None:
    if audio:
        pcm = np.full(audio, 6000, np.int16)
        for at in range(0, audio, 24_000):
            pts_us = round((reply.samples) * 1e6 / 24_000)
            reply.add_audio(media.audio_frame(pcm[at : at + 24_000], pts_us=pts_us), at_ms)
    for at in range(0, pose, 60):
        n = min(60, pose - at)
        pts_us = round(reply.pose_count * 1e6 / 30)
        frame = media.pose_frame(np.zeros((n, 3)), np.tile(REST, (n, 1, 1)), codec=media.PoseCodec.F32, pts_us=pts_us)
        reply.add_pose(frame)
    for at in range(0, face, 60):
        n = min(60, face - at)
        pts_us = round(reply.face_count * 1e6 / 30)
        reply.add_face(media.face_frame(np.full((n, 52), 1.0), pts_us=pts_us))


def media_of(out: list, kind: Kind) -> list[MediaFrame]:
    return [m for m in out if isinstance(m, MediaFrame) and m.kind is kind]


def test_first_chunk_is_small_and_in_order() -> None:
    out = player(reply_of(40_000, 50, 50)).poll(0.0)
    assert isinstance(out[0], control.EpochStart)
    kinds = [(m.kind.name, m.count) for m in out[1:7]]
    assert kinds == [("POSE", 3), ("FACE", 3), ("AUDIO", 2400), ("POSE", 5), ("FACE", 5), ("AUDIO", 4000)]


@pytest.mark.parametrize(("audio", "pose"), [(24_000, 30), (24_001, 31), (500, 1), (24_000, 45), (2400, 3), (0, 20)])
def test_all_of_a_reply_is_sent_on_the_grid_and_the_last_frames_say_so(audio: int, pose: int) -> None:
    p = player(reply_of(audio, pose, -(-audio // 800), ended=True))
    out = [m for t in range(0, 6000, 20) for m in p.poll(float(t))]
    frames = max(-(-audio // 800), pose)
    for kind, unit, total in ((Kind.AUDIO, 24_000, frames * 800), (Kind.POSE, 30, pose), (Kind.FACE, 30, frames)):
        track = media_of(out, kind)
        assert sum(m.count for m in track) == total
        at = 0
        for m in track:
            assert m.pts_us == pytest.approx(at * 1e6 / unit, abs=1)
            at += m.count
        assert [m.last for m in track] == [False] * (len(track) - 1) + [True]
    end = out[-1]
    assert isinstance(end, control.EpochEnd)
    assert end.audio_ms == pytest.approx(frames * 1000 / 30, abs=0.01)
    assert p.ended
    assert p.poll(9e9) == []


def test_never_more_than_the_lead_ahead_of_the_play_head() -> None:
    p = player(reply_of(24_000 * 20, 600, 600, ended=True))
    p.playhead.report("started", 0, 0.0)
    sent_ms = 0.0
    for now_ms in range(0, 5000, 20):
        if now_ms % 200 == 0:
            p.playhead.report("playing", now_ms, float(now_ms))
        for m in media_of(p.poll(float(now_ms)), Kind.AUDIO):
            sent_ms += m.count / 24
            assert sent_ms - now_ms <= 1500.001
    assert sent_ms >= 6000


def test_a_held_epoch_sends_nothing_and_then_goes_on_without_a_hole() -> None:
    p = player(reply_of(24_000 * 20, 600, 600, ended=True))
    p.playhead.report("playing", 0, 0.0)
    first = media_of(p.poll(0.0), Kind.AUDIO)
    p.held = True
    p.playhead.stop(300.0)
    assert p.poll(5000.0) == []
    p.held = False
    p.playhead.go_on(6000.0)
    second = media_of(p.poll(6500.0), Kind.AUDIO)
    assert second[0].pts_us == pytest.approx(sum(m.count for m in first) * 1e6 / 24_000, abs=1)


def test_late_face_is_waited_for_briefly_then_the_jaw_follows_the_loudness() -> None:
    reply = reply_of(24_000, 30)
    p = player(reply)
    assert media_of(p.poll(40.0), Kind.AUDIO) == []
    out = p.poll(60.0)
    assert len(media_of(out, Kind.AUDIO)) == 3  # all that begins within the safe lead
    weights = media.face_weights(media_of(out, Kind.FACE)[0])
    assert weights[:, JAW].min() > 0.3
    assert p.face_health is FaceHealth.LATE


def test_face_in_time_is_what_is_sent() -> None:
    p = player(reply_of(24_000, 30, 30, ended=True))
    weights = media.face_weights(media_of(p.poll(0.0), Kind.FACE)[0])
    assert np.all(weights == 1.0)
    assert p.face_health is FaceHealth.IN_TIME


def test_a_chunk_with_time_to_spare_waits_for_its_face() -> None:
    reply = reply_of(24_000 * 2, 60, 12)
    p = player(reply)
    sent = [m.count for m in media_of(p.poll(500.0), Kind.AUDIO)]
    assert sum(sent) == (3 + 5 + 5) * 800  # up to what begins within 400 ms of the play head
    more(reply, face=48)
    assert sum(m.count for m in media_of(p.poll(520.0), Kind.FACE)) > 20


def test_lost_face_service_is_not_waited_for() -> None:
    reply = reply_of(24_000, 30)
    reply.face_lost = True
    assert media_of(player(reply).poll(0.0), Kind.AUDIO)


def test_a_client_without_a_face_gets_none() -> None:
    out = player(reply_of(24_000, 30, 30, ended=True), with_face=False).poll(0.0)
    assert not media_of(out, Kind.FACE)


def test_a_reply_that_was_cut_short_ends_with_its_sound() -> None:
    reply = reply_of(24_000, 180)
    p = player(reply)
    p.poll(0.0)
    reply.cut_short()
    out = [m for t in range(20, 3000, 20) for m in p.poll(float(t))]
    assert isinstance(out[-1], control.EpochEnd)
    assert out[-1].audio_ms == pytest.approx(1000)


def test_captions_come_once_and_before_their_sound() -> None:
    reply = reply_of(2400, 3, 3)
    reply.captions.append(CaptionLine("hello", 0, 100))
    p = player(reply)
    kinds = [type(m).__name__ for m in p.poll(0.0)]
    assert kinds[:2] == ["EpochStart", "Caption"]
    reply.captions.append(CaptionLine("there", 100, 100))
    assert [m.text for m in p.poll(10.0) if isinstance(m, control.Caption)] == ["there"]


def test_holes_in_the_tracks_are_filled() -> None:
    reply = Reply(1, 1, "x")
    reply.add_audio(media.audio_frame(np.ones(800, np.int16), pts_us=0), 0.0)
    reply.add_audio(media.audio_frame(np.ones(800, np.int16), pts_us=100_000), 0.0)
    assert reply.samples == 3200
    assert reply.pcm(0, 4).reshape(4, 800).mean(axis=1).tolist() == [1, 0, 0, 1]
    reply.add_face(media.face_frame(np.full((1, 52), 1.0), pts_us=0))
    reply.add_face(media.face_frame(np.full((1, 52), 0.0), pts_us=100_000))
    assert reply.face(0, 4)[:, 0].tolist() == [1, 1, 1, 0]


def test_ready_needs_a_first_chunk_of_sound_and_body() -> None:
    assert not reply_of(2399, 3).ready
    assert not reply_of(2400, 2).ready
    assert reply_of(2400, 3).ready
    assert reply_of(100, 0, ended=True).ready
    assert not reply_of(0, 0, ended=True).ready


def test_jaw_follows_loudness_and_shuts_in_silence() -> None:
    loud, soft = np.full(800, 12_000, np.int16), np.full(800, 30, np.int16)
    weights = loudness_face(np.concatenate([loud, soft]))
    assert weights[0, JAW] > 0.5
    assert weights[1, JAW] == 0
    assert np.count_nonzero(weights) == 1


def test_play_head_follows_reports_and_is_not_trusted_for_long() -> None:
    head = PlayHead(0.0)
    assert head.at(500.0) == 0
    head.report("started", 0, 600.0)
    assert head.at(700.0) == 100
    head.report("held", 150, 800.0)
    assert head.at(5000.0) == 150
    head.report("playing", 150, 5000.0)
    assert head.at(60_000.0) == 1150


def test_play_head_of_a_client_that_never_reports_runs_by_the_clock() -> None:
    head = PlayHead(1000.0)
    assert head.at(1900.0) == 0
    assert head.at(4000.0) == pytest.approx(2850)


def test_heard_words_are_whole_words_up_to_the_play_head() -> None:
    lines = [CaptionLine("one two", 0, 1000), CaptionLine("three four", 1000, 1000)]
    assert heard_words(lines, 0) == ""
    assert heard_words(lines, 499) == ""
    assert heard_words(lines, 500) == "one"
    assert heard_words(lines, 1600) == "one two three"
    assert heard_words(lines, 9999) == "one two three four"

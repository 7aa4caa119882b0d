"""Parts of `/v1/realtime` that need no socket: the microphone's clock, the play head, the events of a reply."""

import base64

import numpy as np
import pytest

from solami_protocol import control
from solami_protocol.media import audio_frame, audio_samples, decode_media, face_frame
from solami_relay.realtime_ear import RealtimeEar
from solami_relay.realtime_events import EventError, audio_of, read_event
from solami_relay.realtime_playhead import RealtimePlayhead
from solami_relay.realtime_reply import RealtimeReply

RATE_HZ = 24_000


def tone(seconds: float) -> bytes:
    """Return 440 Hz as PCM16 at 24 kHz."""
    at = np.arange(round(seconds * RATE_HZ)) / RATE_HZ
    return np.round(np.sin(2 * np.pi * 440 * at) * 8000).astype("<i2").tobytes()


def level(frames: list) -> list[bool]:
    """Return for each piece whether there is sound in it."""
    return [float(np.abs(audio_samples(f).astype(float)).mean()) > 100 for f in frames]


def test_a_recording_that_comes_at_once_leaves_in_real_time_and_silence_follows():
    ear = RealtimeEar()
    ear.append(tone(1.0))
    assert ear.input_ms == 1000
    frames = []
    for now_ms in range(0, 3000, 20):
        due = ear.due(now_ms)
        assert len(due) <= (1 if now_ms < 900 else 20), "never a burst but to catch up after a wait"
        frames += due
    heard = level(frames)
    assert 48 <= sum(heard) <= 50
    assert not any(heard[51:])
    assert len(frames) == 150
    assert np.all(np.diff([f.pts_us for f in frames]) == 20_000)
    assert {f.count for f in frames} == {320}


def test_pieces_that_come_late_leave_no_silence_inside():
    ear, frames = RealtimeEar(), []
    sound = tone(2.0)
    for now_ms in range(0, 2600, 20):
        if now_ms % 200 == 0 and now_ms < 2000:  # 200 ms at a time, as a careless client sends
            ear.append(sound[now_ms * 48 : (now_ms + 200) * 48])
        frames += ear.due(now_ms)
    heard = level(frames)
    assert all(heard[: sum(heard)]), "the sound is in one piece"
    assert sum(heard) >= 98


def test_without_turn_detection_nothing_is_heard_before_it_is_committed_and_asked_for():
    ear = RealtimeEar()
    ear.manual = True
    ear.append(tone(0.5))
    with pytest.raises(EventError, match="60 s wait"):
        ear.append(tone(61.0))
    assert not any(level(ear.due(400)))
    assert not ear.speak()
    ear.commit()
    with pytest.raises(EventError, match="empty"):
        ear.commit()
    ear.append(tone(0.1))
    ear.clear()
    assert ear.speak()
    assert ear.busy
    frames = [f for now_ms in range(400, 2400, 20) for f in ear.due(now_ms)]
    assert 24 <= sum(level(frames)) <= 26, "half a second: what was cleared is gone"


def test_the_play_head_runs_with_the_clock_and_answers_every_order():
    head = RealtimePlayhead()

    def states(reports: list[control.Playback]) -> list[tuple[str, float]]:
        return [(r.state, r.audio_ms) for r in reports]

    assert head.on_message(control.EpochStart(epoch=3, kind="reply", brain="x"), True, 0) == []
    assert states(head.handed_on(1500, 100)) == [("started", 0)]
    assert states(head.tick(200)) == []
    assert states(head.tick(300)) == [("playing", 200)]
    assert states(head.on_message(control.Hold(epoch=3), True, 400)) == [("held", 300)]
    assert states(head.on_message(control.Release(epoch=3), True, 900)) == [("playing", 800)]
    assert states(head.tick(5000)) == [("playing", 1500)], "not beyond what was handed on"
    head.on_message(control.EpochEnd(epoch=3, audio_ms=1500), True, 5000)
    assert states(head.tick(5020)) == [("finished", 1500)]
    assert head.tick(9000) == []
    head.on_message(control.EpochStart(epoch=4, kind="reply", brain="x"), True, 9000)
    head.handed_on(1000, 9000)
    assert states(head.cut(350, 9600)) == [("cut", 350)], "the client knows better where it was"
    assert head.on_message(control.Cancel(epoch=4), True, 9700) == [], "it was answered"
    head.on_message(control.EpochStart(epoch=5, kind="greeting", brain="x"), False, 9800)
    assert head.tick(10_500) == [], "what is not told does not play"


def names(events: list[dict]) -> list[str]:
    return [e["type"] for e in events]


def test_an_epoch_is_a_response_and_its_frames_are_events():
    reply = RealtimeReply()
    assert reply.on_message(control.EpochStart(epoch=1, kind="greeting", brain="x")) == []
    assert reply.on_media(audio_frame(np.ones(800, np.int16), pts_us=0, epoch=1)) == []
    assert reply.on_message(control.EpochEnd(epoch=1, audio_ms=33)) == []
    told = reply.on_message(control.EpochStart(epoch=2, kind="reply", brain="x"))
    assert names(told) == [
        "response.created", "response.output_item.added", "conversation.item.added", "response.content_part.added",
    ]  # fmt: skip
    for words in ("Good evening,", "traveller."):
        reply.on_message(control.Caption(epoch=2, text=words, at_ms=0, d_ms=1))
    pcm = np.arange(2400, dtype=np.int16)
    (sound,) = reply.on_media(audio_frame(pcm, pts_us=0, epoch=2, seq=9))
    assert sound["type"] == "response.output_audio.delta"
    assert np.array_equal(np.frombuffer(base64.b64decode(sound["delta"]), "<i2"), pcm)
    (face,) = reply.on_media(face_frame(np.zeros((3, 52)), pts_us=0, epoch=2))
    assert face["type"] == "solami.face.delta"
    assert decode_media(base64.b64decode(face["frame"])).count == 3
    told = reply.on_message(control.EpochEnd(epoch=2, audio_ms=100))
    assert names(told)[-1] == "response.done"
    done = told[-1]["response"]
    assert (done["status"], done["output"][0]["content"][0]["transcript"]) == ("completed", "Good evening, traveller.")
    assert reply.on_message(control.Cancel(epoch=2)) == [], "it is over already"
    ids = [e["event_id"] for e in told]
    assert len(set(ids)) == len(ids)


def test_who_is_interrupted_hears_why_and_what_failed_is_said():
    reply = RealtimeReply()
    for by_client, reason in ((False, "turn_detected"), (True, "client_cancelled")):
        reply.on_message(control.EpochStart(epoch=2, kind="reply", brain="x"))
        reply.cancelled_by_client = by_client
        told = reply.on_message(control.Cancel(epoch=2))
        assert told[-1]["response"]["status_details"] == {"type": "cancelled", "reason": reason}
    told = reply.on_message(control.TurnFailed(turn=3, code="model_server", message="I cannot think right now"))
    assert names(told) == ["error", "response.created", "response.done"]
    assert told[-1]["response"]["status"] == "failed"


def test_speech_is_announced_committed_and_written_down_under_one_id():
    reply = RealtimeReply()
    (started,) = reply.on_message(control.State(state="listening"))
    assert started["type"] == "input_audio_buffer.speech_started"
    (delta,) = reply.on_message(control.Transcript(turn=2, text="tell me", final=False))
    assert delta["delta"] == "tell me"
    assert reply.on_message(control.Transcript(turn=2, text="sell me a", final=False)) == [], "taken back words wait"
    told = reply.on_message(control.Transcript(turn=2, text="tell me a story", final=True))
    assert names(told) == [
        "input_audio_buffer.speech_stopped", "input_audio_buffer.committed", "conversation.item.added",
        "conversation.item.done", "conversation.item.input_audio_transcription.completed",
    ]  # fmt: skip
    assert {e.get("item_id", started["item_id"]) for e in told} == {started["item_id"]}
    assert reply.on_message(control.State(state="thinking")) == []
    # a cough opens and ends without words
    reply.on_message(control.State(state="listening"))
    assert names(reply.on_message(control.State(state="idle"))) == ["input_audio_buffer.speech_stopped"]
    # the client's own text is not heard speech
    reply.expect_text()
    assert reply.on_message(control.Transcript(turn=4, text="hello", final=True)) == []


@pytest.mark.parametrize(
    ("text", "code", "param"),
    [
        ("no json", "invalid_event", ""),
        ('{"type": "nothing.known"}', "invalid_event", ""),
        ('{"type": "input_audio_buffer.append"}', "invalid_value", "audio"),
        ('{"type": "session.update", "session": {"type": "transcription"}}', "invalid_value", "session.type"),
        (
            '{"type": "session.update", "session": {"audio": {"input": {"format": {"type": "audio/pcmu"}}}}}',
            "invalid_value", "session.audio.input.format.type",
        ),
        (
            '{"type": "conversation.item.create", "item": {"type": "message", "role": "system", "content": []}}',
            "invalid_value", "item.role",
        ),
        ('{"type": "conversation.item.truncate", "item_id": "x", "audio_end_ms": -1}', "invalid_value", "audio_end_ms"),
    ],
)  # fmt: skip
def test_events_that_cannot_be_followed_name_their_field(text: str, code: str, param: str):
    with pytest.raises(EventError) as caught:
        read_event(text)
    assert (caught.value.code, caught.value.param) == (code, param)


@pytest.mark.parametrize("text", ["no base64!", base64.b64encode(b"odd").decode()])
def test_sound_that_is_none_is_refused(text: str):
    with pytest.raises(EventError):
        audio_of(text, "audio")

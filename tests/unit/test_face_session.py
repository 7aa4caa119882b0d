"""The face session without its socket: the protocol of DESIGN 3.10, and what it does with what breaks it."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solami.audio2face import FPS, animate
from solami.audio2face.session import FaceLimits, FaceSession, Out
from solami_protocol.face import FaceEnded, FaceError, FaceOpened
from solami_protocol.media import Kind, MediaFrame, audio_frame, face_weights, pose_frame
from solami_protocol.phones import Phone

PHONES = [Phone("m", 0, 80), Phone("aa", 80, 200), Phone("p", 280, 90), Phone("ow", 370, 230)]
PCM = (np.sign(np.sin(np.arange(14_400) * 0.03)) * 4_000).astype(np.int16)  # 0.6 s


def say(session: FaceSession, **message: object) -> list[Out]:
    return session.text(json.dumps(message))


def hear(session: FaceSession, pcm: np.ndarray, at: int, epoch: int = 1) -> list[Out]:
    return session.binary(audio_frame(pcm, pts_us=at * 1_000_000 // 24_000, epoch=epoch).encode())


def opened(**options: object) -> FaceSession:
    session = FaceSession(**options)  # type: ignore[arg-type]
    say(session, type="open")
    return session


def phones_message(epoch: int = 1) -> dict[str, object]:
    return {"type": "phones", "epoch": epoch, "phones": [p._asdict() for p in PHONES]}


def frames_of(out: list[Out]) -> list[MediaFrame]:
    return [m for m in out if isinstance(m, MediaFrame)]


def only_error(out: list[Out]) -> FaceError:
    assert len(out) == 1
    assert isinstance(out[0], FaceError)
    return out[0]


def test_an_epoch_from_start_to_end() -> None:
    session = FaceSession()
    assert isinstance(say(session, type="open", style={"smile": 0.0})[0], FaceOpened)
    say(session, type="start", epoch=1, affect={"joy": 0.5})
    out = say(session, **phones_message())
    for at in range(0, len(PCM), 960):
        out += hear(session, PCM[at : at + 960], at)
    out += say(session, type="end", epoch=1)
    media = frames_of(out)
    assert [m.kind for m in media] == [Kind.FACE] * len(media)
    assert [m.seq for m in media] == list(range(len(media)))
    starts = np.cumsum([0, *(m.count for m in media)])
    assert [m.pts_us for m in media] == [round(k * 1e6 / FPS) for k in starts[:-1]]
    assert [m.last for m in media] == [False] * (len(media) - 1) + [True]
    assert out[-1] == FaceEnded(epoch=1, frames=int(starts[-1]))
    whole = animate(PCM, PHONES, session.style, epoch=1, affect={"joy": 0.5})
    np.testing.assert_allclose(np.concatenate([face_weights(m) for m in media]), whole, atol=0.5 / 255 + 1e-6)


def test_the_first_face_comes_with_the_first_audio() -> None:
    session = opened()
    say(session, type="start", epoch=1)
    say(session, **phones_message())
    assert frames_of(hear(session, PCM[:960], 0))[0].pts_us == 0


def test_epochs_at_the_same_time_do_not_touch_each_other() -> None:
    session = opened()
    for epoch in (4, 5):
        say(session, type="start", epoch=epoch)
        say(session, **phones_message(epoch))
    both = hear(session, PCM, 0, epoch=4) + hear(session, PCM // 2, 0, epoch=5)
    both += say(session, type="end", epoch=5) + say(session, type="end", epoch=4)
    for epoch, pcm in ((4, PCM), (5, PCM // 2)):
        weights = np.concatenate([face_weights(m) for m in frames_of(both) if m.epoch == epoch])
        np.testing.assert_allclose(weights, animate(pcm, PHONES, epoch=epoch), atol=0.5 / 255 + 1e-6)


def test_a_cancelled_epoch_says_nothing_more_and_its_late_messages_are_ignored() -> None:
    session = opened()
    say(session, type="start", epoch=1)
    say(session, **phones_message())
    assert hear(session, PCM[:4_800], 0)
    assert say(session, type="cancel", epoch=1) == []
    late = hear(session, PCM[4_800:], 4_800) + say(session, **phones_message()) + say(session, type="end", epoch=1)
    assert late == []
    assert (session.open_epochs, session.epochs_cancelled) == (0, 1)


def test_an_epoch_without_sound_ends_with_no_frames() -> None:
    session = opened()
    say(session, type="start", epoch=1)
    assert say(session, type="end", epoch=1) == [FaceEnded(epoch=1, frames=0)]


def test_a_gap_in_the_sound_is_silence_and_an_overlap_is_cut() -> None:
    session = opened()
    for epoch in (1, 2):
        say(session, type="start", epoch=epoch, phones=False)
    hear(session, PCM[:2_400], 0)
    hear(session, PCM[:2_400], 4_800)
    gap = say(session, type="end", epoch=1)[-1]
    hear(session, PCM[:4_800], 0, epoch=2)
    hear(session, PCM[2_400:7_200], 2_400, epoch=2)
    overlap = say(session, type="end", epoch=2)[-1]
    assert isinstance(gap, FaceEnded)
    assert gap == overlap.model_copy(update={"epoch": 1})  # both 0.3 s


@pytest.mark.parametrize(
    ("message", "said"),
    [
        ("{", "not JSON"),
        ('{"type": "start", "epoch": -1}', "epoch"),
        ('{"type": "start", "epoch": 1, "affect": {"joy": NaN}}', "affect"),
        ('{"type": "open", "style": {"jaws": 1}}', "style.jaws"),
        ('{"type": "open", "fps": 60}', "fps"),
        ('{"type": "phones", "epoch": 9, "phones": []}', "9 was not started"),
        ('{"type": "end", "epoch": 9}', "9 was not started"),
        ('{"type": "start", "epoch": 2}', "2 was started already"),
        ('{"type": "phones", "epoch": 2, "phones": [{"p": "zz", "t_ms": 0, "d_ms": 1}]}', "'zz'"),
        ('{"type": "phones", "epoch": 2, "phones": [{"p": "aa", "t_ms": 1e12, "d_ms": 1}]}', "t_ms"),
        ('{"type": "phones", "epoch": 2, "phones": 5}', "phones"),
    ],
)
def test_a_message_that_cannot_be_used_is_an_error_and_the_session_goes_on(message: str, said: str) -> None:
    session = opened()
    say(session, type="start", epoch=2)
    assert said in only_error(session.text(message)).message
    say(session, **phones_message(2))
    assert frames_of(hear(session, PCM, 0, epoch=2))


def test_media_that_cannot_be_used_is_an_error_and_the_session_goes_on() -> None:
    session = opened()
    say(session, type="start", epoch=1)
    body = np.zeros((1, 55, 4), np.float32)
    body[..., 3] = 1
    pose = pose_frame(np.zeros((1, 3)), body, codec=0, pts_us=0)  # type: ignore[arg-type]
    assert only_error(session.binary(pose.encode())).message.startswith("kind")
    assert only_error(session.binary(b"")).message.startswith("header")
    assert only_error(hear(session, PCM, 24_000 * 60)).message.startswith("pts_us")
    assert only_error(hear(session, PCM, 0, epoch=77)) == FaceError(
        code="protocol", message="epoch: 77 was not started; send `start` first", epoch=77
    )
    say(session, **phones_message())
    assert frames_of(hear(session, PCM, 0))


def test_open_comes_first() -> None:
    session = FaceSession()
    assert "open" in only_error(say(session, type="start", epoch=1)).message
    assert "open" in only_error(hear(session, PCM, 0)).message


def test_limits_are_kept() -> None:
    session = opened(limits=FaceLimits(epochs=2, epoch_s=0.5))
    assert say(session, type="start", epoch=1) + say(session, type="start", epoch=2) == []
    assert "2 epochs are open" in only_error(say(session, type="start", epoch=3)).message
    assert "0.5 s" in only_error(hear(session, PCM, 0)).message


def test_unknown_types_and_fields_are_ignored() -> None:
    session = opened()
    assert say(session, type="sing", epoch=1) == []
    assert say(session, type="start", epoch=1, colour="red") == []


@given(st.binary(max_size=200))
def test_random_bytes_never_raise(data: bytes) -> None:
    session = opened()
    say(session, type="start", epoch=1)
    for head in (b"", bytes([1, 1, 0, 0]), bytes([1, 1, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0])):
        assert all(isinstance(m, FaceError | MediaFrame) for m in session.binary(head + data))


@given(st.text(max_size=80))
def test_random_text_never_raises(text: str) -> None:
    assert all(isinstance(m, FaceError) for m in opened().text(text))

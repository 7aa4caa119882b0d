"""Parts of the worker that need no bus: microphone, turn log, place, presence, downlink order, overlap words."""

import asyncio
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solami_protocol import control, live, media
from solami_protocol.control import Place
from solami_protocol.errors import ProtocolError
from solami_relay.downlink import Downlink
from solami_relay.entries import EpochCancelled, Lease
from solami_relay.facing import Facing
from solami_relay.health import Health
from solami_relay.microphone import Microphone
from solami_relay.overlap_words import Verdict, judge
from solami_relay.place import before_user, in_new_space
from solami_relay.presence import Presence
from solami_relay.turn_log import TurnLog
from solami_relay.vad_settings import VadSettings


class Deaf:
    """A network that hears no speech."""

    def probability(self, window: np.ndarray) -> float:
        return 0.0


def standing(x_m: float, z_m: float, t_ms: int) -> media.MediaFrame:
    """Return a pose frame of a user whose pelvis is there."""
    pose = np.tile(np.array([0, 0, 0, 1], np.float32), (1, 55, 1))
    root = np.array([[x_m, 0.95, z_m]], np.float32)
    return media.pose_frame(
        root, pose, codec=media.PoseCodec.S48, pts_us=t_ms * 1000, validity=np.full((1, 55), 2, np.uint8)
    )


def test_facing_waits_has_a_limit_and_rests() -> None:
    facing = Facing(math.radians(30), 0.5, 3.0)
    here = Place(x=1.0, z=0.0, yaw_rad=math.pi / 2)  # faces +x

    def aside(degrees: float, t_ms: int, metres: float = 1.5) -> float | None:
        yaw = math.pi / 2 + math.radians(degrees)
        found = facing.aside_rad(standing(1.0 + metres * math.sin(yaw), metres * math.cos(yaw), t_ms), here)
        return None if found is None else math.degrees(found)

    assert [aside(25, t) for t in range(0, 3000, 100)] == [None] * 30
    assert [aside(50, t) for t in (3000, 3200, 3400)] == [None] * 3
    assert aside(50, 3500) == pytest.approx(50, abs=0.5)  # left of it
    assert aside(55, 3600) == pytest.approx(55, abs=0.5)
    assert aside(68, 3700) is None  # it walks on
    assert [aside(81 + t / 25, 3800 + t) for t in (0, 200, 400)] == [None] * 3
    assert aside(110, 4350) == pytest.approx(110, abs=0.5)  # no neck goes further
    facing = Facing(math.radians(30), 0.5, 3.0)
    assert aside(80, 3700, metres=0.2) is None  # too near to say
    facing.turned(standing(0, 0, 3700))
    assert [aside(-80, t) for t in range(3800, 6600, 200)] == [None] * 14
    assert aside(-80, 6700) == pytest.approx(-80, abs=0.5)
    facing.turned(standing(0, 0, 6700))
    assert aside(0, 6800) is None
    assert [aside(40, t) for t in (9700, 10_100)] == [None] * 2
    assert aside(40, 10_200) is not None


def microphone() -> Microphone:
    return Microphone(VadSettings(), Deaf())  # type: ignore[arg-type]


def test_microphone_gives_a_turn_its_preroll_and_nothing_twice() -> None:
    mic = microphone()
    for i in range(50):
        mic.push(media.audio_frame(np.full(320, i, np.int16), pts_us=i * 20_000))
    mic.rewind(700.0)
    first = mic.take(4)
    pcm = np.concatenate([media.audio_samples(f) for f in first])
    assert len(pcm) == 300 * 16
    assert pcm[0] == 35
    assert first[0].pts_us == 700_000
    assert {f.epoch for f in first} == {4}
    assert mic.take(4) == []
    mic.rewind(0.0)  # what was taken is not taken again
    mic.push(media.audio_frame(np.full(320, 99, np.int16), pts_us=1_000_000))
    assert np.concatenate([media.audio_samples(f) for f in mic.take(4)]).tolist() == [99] * 320


def test_microphone_forgets_what_is_old_and_keeps_its_time() -> None:
    mic = microphone()
    for i in range(500):
        mic.push(media.audio_frame(np.full(320, i % 100, np.int16), pts_us=i * 20_000))
    mic.rewind(0.0)
    assert 3000 <= sum(f.count for f in mic.take(1)) / 16 <= 3040
    assert mic.time_ms == 10_000


def test_microphone_refuses_a_codec_that_was_not_unpacked() -> None:
    frame = media.MediaFrame(kind=media.Kind.AUDIO, codec=media.AudioCodec.OPUS, payload=b"x", count=320, pts_us=0)
    with pytest.raises(ProtocolError, match="PCM16"):
        microphone().push(frame)


def test_turn_log_gives_the_turn_again_in_order() -> None:
    log = TurnLog(live.LiveStart(turn=2, cause="voice"), "1-0")
    log.add_sound(b"a")
    log.add_sound(b"b")
    assert [getattr(m, "type", m) for m in log.again()] == ["turn.start", b"a", b"b"]
    log.ended = log.confirmed = True
    assert [getattr(m, "type", m) for m in log.again()][3:] == ["turn.end", "turn.confirm"]


def test_turn_log_of_an_endless_turn_is_bounded() -> None:
    log = TurnLog(live.LiveStart(turn=2, cause="voice"), "1-0")
    for _ in range(10_000):
        log.add_sound(bytes(1304))
    assert log.sound_bytes < 2_200_000


def test_character_stands_before_the_user_and_faces() -> None:
    half = math.sqrt(0.5)
    place = before_user(np.array([1.0, 0.9, 2.0]), np.array([0, half, 0, half]), 1.5)  # the user looks along +x
    assert (place.x, place.z) == pytest.approx((2.5, 2.0))
    assert math.cos(place.yaw_rad) == pytest.approx(0, abs=1e-6)
    assert math.sin(place.yaw_rad) == pytest.approx(-1)  # and the character along -x


@given(*[st.floats(-5, 5) for _ in range(6)], st.floats(-3, 3), st.floats(-3, 3))
def test_place_in_a_new_space_is_the_same_place(
    x: float, y: float, z: float, tx: float, ty: float, tz: float, yaw: float, turn: float
) -> None:
    old, transform = Place(x=x, y=y, z=z, yaw_rad=yaw), Place(x=tx, y=ty, z=tz, yaw_rad=turn)
    new = in_new_space(old, transform)
    cos, sin = math.cos(turn), math.sin(turn)
    back_x = tx + cos * new.x + sin * new.z  # a turn about +y takes +z towards +x
    back_z = tz - sin * new.x + cos * new.z
    assert (back_x, back_z, ty + new.y) == pytest.approx((x, z, y), abs=1e-6)
    assert math.cos(new.yaw_rad + turn - yaw) == pytest.approx(1)


def test_a_user_who_walks_away_is_noticed_once_until_back() -> None:
    presence = Presence(4.0, 3.0, 1.0)

    def at(z_m: float, t_s: float) -> bool:
        frame = media.pose_frame(
            np.array([[0, 1, z_m]]), np.tile([0, 0, 0, 1.0], (1, 55, 1)), codec=media.PoseCodec.S48,
            pts_us=int(t_s * 1e6), validity=np.zeros((1, 55), np.uint8),
        )  # fmt: skip
        return presence.left(frame, Place())

    assert [at(z, t) for z, t in ((1, 0), (5, 1), (5, 1.5), (5, 2.1), (5, 9), (3.5, 10), (5, 11), (5, 13))] == [
        False, False, False, True, False, False, False, False,
    ]  # fmt: skip
    assert [at(z, t) for z, t in ((1, 14), (5, 15), (5, 16.5))] == [False, False, True]


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("", Verdict.NOTHING),
        ("Mhm.", Verdict.BACKCHANNEL),
        ("oh, I see", Verdict.BACKCHANNEL),
        ("yeah but listen", Verdict.WORDS),
        ("Stop!", Verdict.STOP),
        ("please wait a second", Verdict.STOP),
        ("hang on", Verdict.STOP),
        ("the stopwatch", Verdict.WORDS),
    ],
)
def test_words_over_the_character(text: str, verdict: Verdict) -> None:
    assert judge(text)[0] is verdict


def test_health_says_each_thing_once() -> None:
    said: list = []
    health = Health(said.append)
    for _ in range(3):
        health.degraded("audio2face", "late")
    health.restored("audio2face")
    health.restored("audio2face")
    health.restored("recogniser")
    assert [m.type for m in said] == ["degraded", "restored"]


class SlowBus:
    """Writes nothing until it may, and refuses media of cancelled epochs as the store does."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.written: list[tuple[str, int]] = []
        self.cancelled = 0

    async def append_down(self, lease: Lease, items: list) -> list[int]:
        await self.open.wait()
        kept = [(kind, epoch) for kind, _, epoch in items if kind != "media" or epoch > self.cancelled]
        if not kept:
            raise EpochCancelled("cancelled")
        self.written += kept
        return []

    async def cancel_epoch(self, lease: Lease, epoch: int) -> None:
        self.cancelled = epoch


async def test_nothing_of_a_cancelled_epoch_follows_its_cancel() -> None:
    bus = SlowBus()
    down = Downlink(bus, Lease("s", "w", 1))  # type: ignore[arg-type]
    task = asyncio.create_task(down.run())
    frame = media.audio_frame(np.zeros(10, np.int16), pts_us=0, epoch=1)
    for _ in range(100):
        down.put(frame)
    await asyncio.sleep(0)
    down.cancel(1)
    down.put(control.Cancel(epoch=1), 1)
    down.put(media.audio_frame(np.zeros(10, np.int16), pts_us=0, epoch=2))
    bus.open.set()
    await down.flush()
    task.cancel()
    assert bus.written[-2:] == [("json", 1), ("media", 2)]
    assert len(bus.written) < 100

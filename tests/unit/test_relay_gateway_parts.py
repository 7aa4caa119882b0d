"""The pure parts of the gateway: rates, the bounded outbox, replay, origins, settings."""

import asyncio
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solami_protocol import media
from solami_protocol.errors import CLOSE_CODES, SettingsError
from solami_protocol.settings import load_settings
from solami_relay.bus import DownEntry
from solami_relay.goodbye import Goodbye
from solami_relay.origins import origin_allowed
from solami_relay.outbox import Outbox
from solami_relay.rates import SocketRates, TokenBucket, TooFast
from solami_relay.replay import numbered, replay
from solami_relay.settings import Limits, RelaySettings, check_exposure, is_loopback


class Clock:
    """Seconds that pass when told to."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


# -- rates --


@given(
    st.lists(st.tuples(st.floats(0, 5), st.floats(0, 40)), max_size=60),
    st.floats(0.5, 20),
    st.floats(1, 50),
    st.floats(0, 30),
)
def test_a_bucket_never_lets_more_pass_than_rate_and_burst_allow(steps, per_s, burst, extra):
    clock = Clock()
    bucket = TokenBucket(per_s, burst, extra, clock)
    passed = 0.0
    for wait_s, units in steps:
        clock.now_s += wait_s
        if bucket.take(units):
            passed += units
        allowed = burst + extra + per_s * (clock.now_s - 100)
        assert passed <= allowed * (1 + 1e-9) + 1e-6


def test_a_bucket_gives_back_what_it_refused():
    clock = Clock()
    bucket = TokenBucket(per_s=2, burst=4, clock=clock)
    assert bucket.take(4)
    assert not bucket.take(1)
    clock.now_s += 0.5
    assert bucket.take(1)
    clock.now_s += 1000
    assert not bucket.take(5)  # never more than the burst
    assert bucket.take(4)


def audio(samples: int) -> media.MediaFrame:
    return media.MediaFrame(kind=media.Kind.AUDIO, codec=0, payload=b"", count=samples, pts_us=0)


@pytest.mark.parametrize(("speed", "ok"), [(1.0, True), (1.9, True), (2.6, False)])
def test_audio_at_up_to_twice_real_time_passes(speed, ok):
    clock = Clock()
    rates = SocketRates(Limits(), resumed=False, clock=clock)

    def talk() -> None:
        for _ in range(60 * 50):
            clock.now_s += 0.02
            rates.media(audio(round(320 * speed)))

    if ok:
        talk()
    else:
        with pytest.raises(TooFast, match="audio"):
            talk()


def test_a_socket_that_resumes_may_send_ten_seconds_again():
    clock = Clock()
    for resumed, seconds in ((False, 10), (True, 20)):
        rates = SocketRates(Limits(), resumed=resumed, clock=clock)
        for _ in range(seconds):
            rates.media(audio(16_000))
        with pytest.raises(TooFast):
            rates.media(audio(16_000))


# -- outbox --


async def test_the_outbox_counts_what_the_transport_holds_and_says_goodbye_at_its_bound():
    unsent = [0]
    outbox = Outbox(100, lambda: unsent[0])
    outbox.put("x" * 60)
    unsent[0] = 30
    outbox.put(b"y" * 10)
    with pytest.raises(Goodbye, match="4408"):
        outbox.put(b"z")
    assert await outbox.get() == "x" * 60
    assert await outbox.get() == b"y" * 10
    assert outbox.queued_bytes == 31


async def test_the_outbox_wakes_who_waits():
    outbox = Outbox(100, lambda: 0)
    waiting = asyncio.create_task(outbox.get())
    await asyncio.sleep(0)
    outbox.put("a")
    assert await waiting == "a"


# -- replay --

FRAME = media.MediaFrame(kind=media.Kind.AUDIO, codec=0, payload=b"ab", count=1, pts_us=5, epoch=1).encode()
entries = st.lists(st.tuples(st.sampled_from(["json", "media"]), st.integers(0, 3)), max_size=40)


@given(entries, st.integers(0, 3))
def test_replay_covers_every_number_once_and_in_order(kinds, over_epoch):
    missed = [
        DownEntry(n + 10, kind, FRAME if kind == "media" else b'{"type":"state"}', epoch)
        for n, (kind, epoch) in enumerate(kinds)
    ]
    covered: list[int] = []
    gapped: list[int] = []
    for message in replay(missed, over_epoch):
        if isinstance(message, bytes):
            covered.append(media.decode_media(message).seq)
            continue
        body = json.loads(message)
        if body["type"] == "gap":
            assert "seq" not in body
            gapped += range(body["from"], body["to"] + 1)
            covered += range(body["from"], body["to"] + 1)
        else:
            covered.append(body["seq"])
    assert covered == [e.seq for e in missed]
    assert gapped == [e.seq for e in missed if e.kind == "media" and 0 < e.epoch <= over_epoch]


def test_an_unbroken_run_is_one_gap():
    missed = [DownEntry(n, "media", FRAME, 1) for n in range(1, 50)]
    assert [json.loads(m) for m in replay(missed, 1)] == [{"type": "gap", "from": 1, "to": 49}]


def test_numbers_go_into_json_and_header():
    assert json.loads(numbered(DownEntry(7, "json", b'{"type":"hold","epoch":2}', 2))) == {
        "seq": 7, "type": "hold", "epoch": 2,
    }  # fmt: skip
    frame = media.decode_media(bytes(numbered(DownEntry(2**32 - 1, "media", FRAME, 1))))
    assert (frame.seq, frame.pts_us, frame.payload) == (2**32 - 1, 5, b"ab")


# -- origins --


@pytest.mark.parametrize(
    ("origin", "host", "ok"),
    [
        (None, "127.0.0.1:8765", True),
        ("http://127.0.0.1:8765", "127.0.0.1:8765", True),
        ("http://localhost:8765", "localhost:8765", True),
        ("https://[::1]:8765", "[::1]:8765", True),
        ("https://192.168.1.5:8765", "192.168.1.5:8765", True),
        ("http://127.0.0.1:9999", "127.0.0.1:8765", False),
        ("http://rebound.example:8765", "rebound.example:8765", False),
        ("https://play.example.org", "anything", True),
        ("https://play.example.org.evil.example", "anything", False),
        ("null", "127.0.0.1:8765", False),
        ("", "", False),
        ("http://[", "127.0.0.1:8765", False),
    ],
)
def test_origins(origin, host, ok):
    assert origin_allowed(origin, host, ["https://play.example.org"]) is ok


# -- goodbye, settings --


def test_a_goodbye_fits_into_a_close_frame():
    for name in CLOSE_CODES:
        assert Goodbye(name).reason
    long = Goodbye("bad_message", "ü" * 200)
    assert len(long.reason) <= 123
    assert set(long.reason.decode()) == {"ü"}


def test_the_shipped_config_is_the_default():
    assert load_settings(RelaySettings, "relay", "configs/relay.yaml", env={}) == RelaySettings()


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["prot=1"], "did you mean 'port'"),
        (["port=99999"], "port"),
        (["roles=[]"], "gateway, worker or both"),
        (["roles=[cook]"], "roles"),
        (["model_server_url=localhost:8766"], "http://host:port"),
        (["tenant=a:b"], "tenant"),
        (["limits.queued_byte=5"], "queued_bytes"),
    ],
)
def test_settings_that_cannot_be_used_are_said(args, words):
    with pytest.raises(SettingsError, match=words):
        load_settings(RelaySettings, "relay", None, args, env={})


def test_variables_set_nested_keys():
    env = {"SOLAMI_RELAY_TOKEN__KEY": "x" * 40, "SOLAMI_RELAY_PORT": "1234"}
    settings = load_settings(RelaySettings, "relay", None, [], env=env)
    assert (settings.token.key, settings.port) == ("x" * 40, 1234)


def test_beyond_loopback_only_with_a_service_token():
    check_exposure(RelaySettings(), "")
    check_exposure(RelaySettings(host="0.0.0.0"), "a token")
    for host in ("0.0.0.0", "192.168.1.5", "::", "relay.example"):
        with pytest.raises(SettingsError, match="SOLAMI_SERVICE_TOKEN"):
            check_exposure(RelaySettings(host=host), "")
    assert is_loopback("::1")
    assert is_loopback("localhost")

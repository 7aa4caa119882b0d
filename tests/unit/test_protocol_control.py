"""Control messages, settings, clock."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import Field

from solami_protocol import control, face, live
from solami_protocol.clock import ClockSync, Probe
from solami_protocol.errors import ProtocolError, SettingsError
from solami_protocol.settings import Settings, load_settings

VECTORS = json.loads((Path(__file__).resolve().parents[2] / "unity_protocol/vectors/control.json").read_text())
json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["type"])
def test_golden_messages_survive_a_round_trip(vector: dict) -> None:
    read = control.read_up if vector["type"] in control.UP_TYPES else control.read_down
    message = read(json.dumps(vector))
    assert message is not None
    assert json.loads(message.encode()) == vector


def test_unknown_types_and_fields_are_ignored() -> None:
    assert control.read_up('{"type": "later", "x": 1}') is None
    message = control.read_up('{"type": "text", "text": "hi", "mood": "fine", "up_seq": 3}')
    assert isinstance(message, control.TextInput)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("", "message"),
        ("[1]", "type"),
        ('{"type": 3}', "type"),
        ('{"type": "text"}', "text.text"),
        ('{"type": "text", "text": ""}', "text.text"),
        ('{"type": "playback", "epoch": -1, "state": "playing", "audio_ms": 0}', "playback.epoch"),
        ('{"type": "playback", "epoch": 1, "state": "playing", "audio_ms": NaN}', "playback.audio_ms"),
        ('{"type": "hello", "token": "t", "client": {}}', "hello.client.engine"),
        ('{"type": "text", "text": "' + "x" * 70_000 + '"}', "message"),
    ],
)
def test_a_broken_message_names_its_field(text: str, field: str) -> None:
    with pytest.raises(ProtocolError) as caught:
        control.read_up(text)
    assert caught.value.field == field


@given(st.sampled_from(sorted(control.UP_TYPES | live.CLIENT_TYPES)), st.dictionaries(st.text(max_size=8), json_values))
def test_garbage_fields_never_escape_as_another_error(kind: str, fields: dict) -> None:
    text = json.dumps({**fields, "type": kind})
    for read in (control.read_up, live.read_live_client, face.read_face_client):
        try:
            read(text)
        except ProtocolError as exc:
            assert exc.field


class Inner(Settings):
    port: int = Field(1, ge=0)


class Outer(Settings):
    name: str = "x"
    inner: Inner = Inner()


def test_settings_come_in_order(tmp_path: Path) -> None:
    path = tmp_path / "part.yaml"
    path.write_text("name: file\ninner: {port: 2}\n")
    assert load_settings(Outer, "part", path, env={}) == Outer(name="file", inner=Inner(port=2))
    env = {"SOLAMI_PART_INNER__PORT": "3", "OTHER": "1"}
    assert load_settings(Outer, "part", path, env=env).inner.port == 3
    assert load_settings(Outer, "part", path, ["inner.port=4"], env=env).inner.port == 4


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (["inner.prot=1"], "did you mean 'port'"),
        (["inner.port=x"], "inner.port"),
        (["name"], "key=value"),
        (["name.x=1", "name.x.y=2"], "no keys below"),
    ],
)
def test_settings_errors_say_what_to_do(args: list[str], words: str) -> None:
    with pytest.raises(SettingsError, match=words):
        load_settings(Outer, "part", None, args, env={})


def test_settings_file_errors(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="No such file"):
        load_settings(Outer, "part", tmp_path / "no.yaml", env={})
    (tmp_path / "list.yaml").write_text("- 1\n")
    with pytest.raises(SettingsError, match="key: value"):
        load_settings(Outer, "part", tmp_path / "list.yaml", env={})


def test_clock_takes_the_quickest_probe_and_slews() -> None:
    clock = ClockSync()
    clock.add(Probe(0, 51_000, 51_000, 2_000))  # 2 ms there and back, offset 50 ms
    assert clock.offset_us(2_000) == 50_000
    clock.add(Probe(1_000_000, 1_090_000, 1_090_000, 1_100_000))  # slow: 100 ms, offset 40 ms, does not count
    assert clock.offset_us(1_100_000) == 50_000
    for i in range(8):  # the quick one leaves the window; the new offset is 60 ms
        t = 2_000_000 + i * 1_000_000
        clock.add(Probe(t, t + 61_000, t + 61_000, t + 2_000))
    soon = clock.offset_us(9_003_000)
    assert 50_000 < soon < 60_000  # on its way, not there: 500 ppm
    assert clock.offset_us(60_000_000) == 60_000
    before = clock.offset_us(60_000_000)
    clock.add(Probe(100, 0, 200, 50))  # a clock that was set back: negative round trip
    assert clock.offset_us(60_000_000) == before

"""Voices and ears behind OpenAI-compatible endpoints, against a local server that speaks and hears for real."""

import io
import json
import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from http.server import BaseHTTPRequestHandler
from pathlib import Path

import numpy as np
import pytest
import soundfile
import soxr

from solami.agent import open_brain
from solami.brain import Degraded, Speech, Text, Turn
from solami.characters import load_library
from solami.speech import Spoken, Voice, open_recogniser, open_synthesiser
from solami.speech.alignment import aligned
from solami.speech.endpoint_voice import read_sound
from solami.speech.loudness import voiced_level_db
from solami.speech.options import EngineOptions
from solami_protocol.errors import MissingExtra, SettingsError, Unavailable
from solami_protocol.phones import VOWELS

TEXT = "The lamp turns all night, and the boats go home. Do you like the sea?"
Answer = Callable[[BaseHTTPRequestHandler, bytes], None]
Endpoint = Callable[[Answer], AbstractContextManager[str]]


def send(request: BaseHTTPRequestHandler, body: bytes, kind: str, *, status: int = 200, claimed: int = 0) -> None:
    request.send_response(status)
    request.send_header("Content-Type", kind)
    request.send_header("Content-Length", str(claimed or len(body)))
    request.end_headers()
    request.wfile.write(body)


def sound_of(phrase: str, rate_hz: int = 16_000) -> np.ndarray:
    """Return another voice's sound, quieter than ours, with silence around."""
    pcm = np.concatenate([s.pcm for s in open_synthesiser().speak(phrase, Voice(speaker="en-gb-x-rp+f3", rate=0.85))])
    sound = soxr.resample(pcm.astype(np.float32) / 32768, 24_000, rate_hz) * 0.2
    return np.concatenate([np.zeros(rate_hz // 4, np.float32), sound, np.zeros(rate_hz // 5, np.float32)])


def file_of(sound: np.ndarray, rate_hz: int, format: str = "WAV") -> bytes:
    file = io.BytesIO()
    soundfile.write(file, sound, rate_hz, format=format, subtype="PCM_16")
    return file.getvalue()


def speaks(request: BaseHTTPRequestHandler, body: bytes) -> None:
    asked = json.loads(body)
    assert request.path == "/v1/audio/speech"
    assert request.headers["Authorization"] == "Bearer a-key"
    assert (asked["model"], asked["voice"], asked["response_format"]) == ("kokoro", "heart", "wav")
    send(request, file_of(sound_of(asked["input"]), 16_000), "audio/wav")


def spoken_by(url: str, text: str = TEXT, **options: object) -> list[Spoken]:
    given = EngineOptions(model="kokoro", voice="heart", api_key="a-key", **options)  # type: ignore[arg-type]
    return list(open_synthesiser(url, given).speak(text, Voice()))


def test_an_endpoint_speaks_at_our_level_and_with_phones(endpoint: Endpoint) -> None:
    with endpoint(speaks) as url:
        pieces = spoken_by(url)
    assert " ".join(piece.text for piece in pieces) == TEXT
    assert not any(piece.degraded for piece in pieces)
    for piece in pieces:
        assert voiced_level_db(piece.pcm) == pytest.approx(-20, abs=1)
        at_ms = 0.0
        for phone in piece.phones:
            assert phone.t_ms == pytest.approx(at_ms, abs=0.01)
            assert phone.d_ms > 0
            at_ms += phone.d_ms
        assert at_ms == pytest.approx(piece.d_ms, abs=0.1)
        assert any(phone.p in VOWELS for phone in piece.phones)
        assert [word.w for word in piece.words] == [w.strip(",.?") for w in piece.text.split()]


def test_phones_lie_where_the_other_voice_says_them() -> None:
    """The other voice is one whose phones we know: another speaker, slower."""
    errors, evenly = [], []
    for phrase in (
        "please bring the big blue butter bowl",
        "my mother may come home by the morning",
        "stop at the map",
    ):
        [theirs] = open_synthesiser().speak(phrase, Voice(speaker="en-us+f2", rate=0.8))
        known = {round(p.t_ms, 3): p.p for p in theirs.phones}
        found = aligned(phrase, theirs.pcm, 0.0, open_synthesiser()).phones
        assert [p.p for p in found if p.p != "sil"] == [p for p in known.values() if p != "sil"]
        errors += [abs(a.t_ms - b.t_ms) for a, b in zip(found, theirs.phones, strict=False)]
        share = theirs.d_ms / len(theirs.phones)
        evenly += [abs(i * share - p.t_ms) for i, p in enumerate(theirs.phones)]
    assert np.median(errors) < 25
    assert np.percentile(errors, 90) < 60
    assert np.median(errors) < 0.5 * np.median(evenly)


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 48_000])
@pytest.mark.parametrize("format", ["WAV", "FLAC", "OGG"])
def test_any_rate_and_kind_of_file(rate_hz: int, format: str) -> None:
    sound = (0.3 * np.sin(np.arange(rate_hz) * 0.1)).astype(np.float32)
    file = io.BytesIO()
    soundfile.write(file, sound, rate_hz, format=format)
    found, rate = read_sound(file.getvalue(), f"audio/{format.lower()}", "voice")
    assert rate == rate_hz
    assert len(found) == pytest.approx(rate_hz, rel=0.02)


def test_a_streamed_wav_and_bare_sound() -> None:
    pcm = (8000 * np.sin(np.arange(4000) * 0.1)).astype("<i2")
    data = bytearray(file_of(pcm, 16_000))
    data[4:8] = data[40:44] = b"\xff\xff\xff\xff"
    assert len(read_sound(bytes(data), "audio/wav", "voice")[0]) == 4000
    bare, rate_hz = read_sound(pcm.tobytes(), "audio/pcm;rate=16000", "voice")
    assert (len(bare), rate_hz) == (4000, 16_000)


@pytest.mark.parametrize("data", [b"", b"<html>not found</html>", b"RIFF\0\0\0\0WAVE", b"RIFF", bytes(1000)])
def test_what_is_no_sound_is_unavailable(data: bytes) -> None:
    with pytest.raises(Unavailable, match="voice"):
        read_sound(data, "audio/wav", "voice")


def slow(request: BaseHTTPRequestHandler, body: bytes) -> None:
    time.sleep(1.0)
    speaks(request, body)


def half(request: BaseHTTPRequestHandler, body: bytes) -> None:
    data = file_of(sound_of("half of this"), 16_000)
    send(request, data[: len(data) // 2], "audio/wav", claimed=len(data))


def half_without_length(request: BaseHTTPRequestHandler, body: bytes) -> None:
    data = file_of(sound_of("half of this"), 16_000)
    send(request, data[: len(data) // 2], "audio/wav")


def dribbling(request: BaseHTTPRequestHandler, body: bytes) -> None:
    data = file_of(sound_of("half of this"), 16_000)
    request.send_response(200)
    request.send_header("Content-Type", "audio/wav")
    request.end_headers()
    for at in range(0, len(data), 1000):
        try:
            request.wfile.write(data[at : at + 1000])
            request.wfile.flush()
        except OSError:
            return
        time.sleep(0.05)


def fails(request: BaseHTTPRequestHandler, body: bytes) -> None:
    send(request, b'{"error": "out of memory"}', "application/json", status=500)


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (slow, "no whole answer within 0.5 s"),
        (half, "missing|broke off|IncompleteRead"),
        (half_without_length, "broke off"),
        (dribbling, "no whole answer within 0.5 s"),
        (fails, "HTTP 500.*out of memory"),
    ],
)
def test_a_bad_endpoint_leaves_the_word_to_the_embedded_voice(endpoint: Endpoint, answer: Answer, why: str) -> None:
    began = time.monotonic()
    with endpoint(answer) as url:
        pieces = spoken_by(url, wait_s=0.5)
        assert time.monotonic() - began < 3
    assert " ".join(piece.text for piece in pieces) == TEXT
    assert all(piece.degraded and len(piece.pcm) for piece in pieces)
    assert re.search(why, pieces[0].degraded), pieces[0].degraded


def test_it_goes_on_with_the_phrase_that_failed(endpoint: Endpoint) -> None:
    count = 0

    def breaks(request: BaseHTTPRequestHandler, body: bytes) -> None:
        nonlocal count
        count += 1
        (speaks if count == 1 else fails)(request, body)

    with endpoint(breaks) as url:
        pieces = spoken_by(url)
    assert " ".join(piece.text for piece in pieces) == TEXT
    assert [bool(piece.degraded) for piece in pieces] == [False, *[True] * (len(pieces) - 1)]


async def test_the_brain_says_once_that_another_voice_speaks(endpoint: Endpoint) -> None:
    with endpoint(fails) as url:
        brain = open_brain(load_library()["copper"], open_synthesiser(url, EngineOptions(wait_s=0.5)))
        events = [event async for event in brain.reply(Turn(number=1, cause="text", text="tell me a story"))]
    told = [event for event in events if isinstance(event, Degraded)]
    assert [(event.part, "HTTP 500" in event.why) for event in told] == [("voice", True)]
    assert len([event for event in events if isinstance(event, Text)]) > 2
    assert sum(len(event.pcm) for event in events if isinstance(event, Speech)) > 48_000


# --- ears


def hears(request: BaseHTTPRequestHandler, body: bytes) -> None:
    """The embedded recogniser behind the endpoint's protocol."""
    assert request.path == "/v1/audio/transcriptions"
    assert b'name="model"\r\n\r\nsmall' in body
    data = body[body.index(b"RIFF") : body.rindex(b"\r\n--")]
    pcm, rate_hz = soundfile.read(io.BytesIO(data), dtype="int16")
    assert rate_hz == 16_000
    ear = open_recogniser()
    ear.feed(pcm)
    answer = {"text": f"{ear.pause().text.capitalize()}.", "segments": [{"avg_logprob": -0.1, "no_speech_prob": 0.02}]}
    ear.close()
    send(request, json.dumps(answer).encode(), "application/json")


def listen(url: str, text: str, wait_s: float = 5.0):  # type: ignore[no-untyped-def]
    """Return the partial texts, and the transcripts of two pauses: after the text, and after it once more."""
    ear = open_recogniser(url, options=EngineOptions(model="small", wait_s=wait_s))
    pcm = np.round(sound_of(text) * 5 * 32767).astype(np.int16)
    partials = [ear.feed(pcm[at : at + 1600]) for at in range(0, len(pcm), 1600)]
    first = ear.pause()
    for at in range(0, len(pcm), 1600):
        ear.feed(pcm[at : at + 1600])
    second = ear.pause()
    ear.close()
    return [p for p in partials if p], first, second


def test_an_endpoint_hears_the_turn_as_a_whole(endpoint: Endpoint) -> None:
    with endpoint(hears) as url:
        partials, first, second = listen(url, "how are you today")
    assert partials
    assert first.text.endswith(".")
    assert first.confidence == pytest.approx(np.exp(-0.1), abs=0.01)
    assert not first.degraded
    assert len(second.text.split()) > len(first.text.split())


@pytest.mark.parametrize(
    "answer",
    [
        fails,
        slow,
        lambda r, b: send(r, b"<html>", "text/html"),
        lambda r, b: send(r, b'{"text": null, "segments": 3}', "application/json"),
        lambda r, b: send(r, b'{"te', "application/json", claimed=900),
    ],
    ids=["500", "slow", "no json", "odd json", "half"],
)
def test_without_the_endpoint_the_embedded_recogniser_hears(endpoint: Endpoint, answer: Answer) -> None:
    with endpoint(answer) as url:
        _, first, second = listen(url, "how are you today", 0.5)
    assert first.text
    assert "recogniser at http://127.0.0.1" in first.degraded
    assert "embedded" in first.degraded
    assert second.degraded


def test_silence_by_the_endpoints_own_word_is_no_words(endpoint: Endpoint) -> None:
    silent = {"text": "Thanks for watching!", "segments": [{"avg_logprob": -0.9, "no_speech_prob": 0.97}]}
    with endpoint(lambda r, b: send(r, json.dumps(silent).encode(), "application/json")) as url:
        assert listen(url, "hm")[1].confidence == 0.0


def test_absent_parts_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="pocketsphinx, whisper, or an address"):
        open_recogniser("siri")
    with pytest.raises(SettingsError, match="espeak, xtts, or an address"):
        open_synthesiser("siri")
    with pytest.raises(MissingExtra, match=r"pip install|weights"):
        open_recogniser("whisper", options=EngineOptions(model=str(tmp_path / "none.pt")))
    with pytest.raises(MissingExtra, match=r"pip install|folder of XTTS' weights"):
        open_synthesiser("xtts", EngineOptions(model=str(tmp_path)))

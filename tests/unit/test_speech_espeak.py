"""The embedded voice: text and time kept, phones where their sound is, one loudness for all voices."""

import time
from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest

from solami.speech import Spoken, Voice, open_synthesiser
from solami.speech.espeak_voices import PRESETS
from solami.speech.loudness import frame_levels_db, voiced_level_db
from solami_protocol.errors import SettingsError
from solami_protocol.phones import PHONES

SENTENCES = (
    "Please bring the big blue butter bowl to my brother before breakfast.",
    "Peter picked a pepper, and put it in the top cupboard.",
    "Well, happy people may stop at the map; what do you think?",
    "We have a very heavy fever over five villages!",
)
FRAME_MS = 2.5
Speak = Callable[..., list[Spoken]]


@pytest.fixture(scope="module")
def speak() -> Speak:
    synthesiser = open_synthesiser("espeak")
    return lambda text, **voice: list(synthesiser.speak(text, Voice(**voice)))


@pytest.mark.parametrize("speaker", ["", *PRESETS, "en-gb-x-rp", "en-us+f3"])
def test_every_voice_is_even_and_unclipped(speak: Speak, speaker: str) -> None:
    for sentence in SENTENCES:
        for spoken in speak(sentence, speaker=speaker):
            assert voiced_level_db(spoken.pcm) == pytest.approx(-20, abs=1)
            assert np.abs(spoken.pcm.astype(int)).max() < 30_000


@pytest.mark.parametrize("speaker", ["", "brass", "sprite", "golem"])
@pytest.mark.parametrize("rate", [0.8, 1.0, 1.4])
def test_phones_fill_the_sound_without_gaps(speak: Speak, speaker: str, rate: float) -> None:
    for sentence in SENTENCES:
        for spoken in speak(sentence, speaker=speaker, rate=rate):
            at_ms = 0.0
            for phone in spoken.phones:
                assert phone.p in PHONES
                assert phone.t_ms == pytest.approx(at_ms, abs=0.01)
                assert phone.d_ms >= 5
                at_ms += phone.d_ms
            assert at_ms == pytest.approx(spoken.d_ms, abs=0.1)


def test_stops_are_closed_and_vowels_loud_where_the_phones_say(speak: Speak) -> None:
    """Between two sounds a /p t k/ holds a closure well below the vowels; the open vowels are the loudest."""
    closed, stops, vowels, voiced = 0, 0, [], []
    for sentence in SENTENCES:
        for spoken in speak(sentence):
            levels = frame_levels_db(spoken.pcm, round(24 * FRAME_MS))
            voiced += list(levels[levels > -45])
            for phone in spoken.phones[1:-1]:
                inside = levels[round(phone.t_ms / FRAME_MS) : round((phone.t_ms + phone.d_ms) / FRAME_MS)]
                if phone.p in "ptk":
                    stops += 1
                    closed += np.percentile(inside, 20) < np.median(voiced) - 15
                elif phone.p in ("aa", "ae", "ah", "ay"):
                    vowels.append(float(np.median(inside)))
    assert stops >= 20
    assert closed / stops > 0.95
    assert np.median(vowels) > np.median(voiced) + 1


def test_lip_stops_open_with_their_burst(speak: Speak) -> None:
    """The end of a /p/ before a vowel lies at its burst, where the sound comes back, within 30 ms."""
    late = []
    for sentence in SENTENCES:
        for spoken in speak(sentence):
            levels = frame_levels_db(spoken.pcm, round(24 * FRAME_MS))
            for phone in spoken.phones[1:-1]:
                if phone.p == "p":
                    first = round(phone.t_ms / FRAME_MS)
                    quiet = np.flatnonzero(levels[first : first + 40] > -50)
                    burst_ms = phone.t_ms + quiet[quiet > 2][0] * FRAME_MS
                    late.append(phone.t_ms + phone.d_ms - burst_ms)
    assert len(late) >= 6
    assert abs(np.median(late)) <= 30


def test_pieces_give_the_text_back_and_words_its_spelling(speak: Speak) -> None:
    text = "Dr. Smith's 42 well-known e-mails cost $3.50, didn't they? Oh! Yes: I'm at the café — naïve 😀, hmm..."
    pieces = speak(text)
    assert " ".join(piece.text for piece in pieces) == text
    words = [word for piece in pieces for word in piece.words]
    assert [w.w for w in words][:8] == ["Dr", "Smith's", "42", "well-known", "e-mails", "cost", "$3.50", "didn't"]
    assert len(words) == sum(any(c.isalnum() for c in token) for token in text.split())
    for piece in pieces:
        ends = [(w.t_ms, w.t_ms + w.d_ms) for w in piece.words]
        assert all(b == pytest.approx(c, abs=0.01) for (_, b), (c, _) in pairwise(ends))
        assert all(end > start for start, end in ends)
        assert ends[-1][1] <= piece.d_ms


def test_words_start_with_their_own_phones(speak: Speak) -> None:
    (spoken,) = speak("Bob may take people back.")
    firsts = [min(spoken.phones, key=lambda p: abs(p.t_ms - word.t_ms)) for word in spoken.words]
    assert [phone.p for phone in firsts] == ["b", "m", "t", "p", "b"]
    assert all(abs(phone.t_ms - word.t_ms) < 1 for phone, word in zip(firsts, spoken.words, strict=True))


def test_same_phrase_again_is_the_same_whatever_came_between(speak: Speak) -> None:
    for speaker in ("", "brass", "en-us"):
        (once,) = speak(SENTENCES[0], speaker=speaker)
        speak("Something else.", speaker="golem", rate=1.3)
        (again,) = speak(SENTENCES[0], speaker=speaker)
        assert once.phones == again.phones
        assert once.words == again.words
        envelopes = [frame_levels_db(s.pcm, 240) for s in (once, again)]
        assert np.corrcoef(*envelopes)[0, 1] > 0.99


def test_clauses_alone_take_the_time_of_their_sentence(speak: Speak) -> None:
    """No list reading: each clause of a sentence, said as a text of its own, is the same piece of sound."""
    pieces = speak(SENTENCES[2])
    assert len(pieces) > 1
    for piece in pieces:
        (alone,) = speak(piece.text)
        assert len(alone.pcm) == len(piece.pcm)


def test_rate_and_pitch_do_what_they_say(speak: Speak) -> None:
    def pitch_hz(spoken: Spoken) -> float:
        sound = spoken.pcm.astype(float)
        heights = []
        for at in range(0, len(sound) - 960, 480):
            frame = sound[at : at + 960] * np.hanning(960)
            power = np.fft.irfft(np.abs(np.fft.rfft(frame, 2048)) ** 2)
            lag = 48 + int(np.argmax(power[48:400]))
            if power[0] > 0 and power[lag] > 0.6 * power[0]:
                heights.append(24_000 / lag)
        return float(np.median(heights))

    (own,) = speak(SENTENCES[0])
    (fast,) = speak(SENTENCES[0], rate=1.5)
    (high,) = speak(SENTENCES[0], pitch=6.0)
    assert 0.55 < fast.d_ms / own.d_ms < 0.8
    assert 1.25 < pitch_hz(high) / pitch_hz(own) < 1.6


def test_nothing_to_say_is_nothing() -> None:
    synthesiser = open_synthesiser("espeak")
    for text in ("", "   ", "...", "😀 — !"):
        assert list(synthesiser.speak(text, Voice())) == []


def test_unknown_voice_names_those_there_are(speak: Speak) -> None:
    with pytest.raises(SettingsError, match=r"no voice 'nobody'.*brass"):
        speak("Hello.", speaker="nobody")
    assert speak("Hello.")  # and the next one speaks


def test_closing_the_iterator_stops_early() -> None:
    """A long text is not rendered ahead of what is taken: the first piece costs the same whatever follows."""
    pieces = open_synthesiser("espeak").speak("Yes, I am here. " + "A great many words follow here. " * 2_000, Voice())
    began = time.process_time()
    first = next(iter(pieces))
    assert time.process_time() - began < 0.5
    assert first.text == "Yes, I am here."

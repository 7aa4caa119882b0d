"""Hums and hesitations: soft, short, in the character's voice, with the lips that belong to them."""

import numpy as np
import pytest

from solami.agent import card_voice
from solami.audio2face import animate
from solami.characters import load_library
from solami.server.murmurs import hesitation, hum
from solami.speech import open_synthesiser
from solami.speech.loudness import LEVEL_DBFS, voiced_level_db
from solami_protocol.arkit import FACE_INDEX

LIBRARY = load_library()


@pytest.mark.parametrize("name", LIBRARY.ids())
def test_a_hum_is_short_soft_and_made_with_closed_lips(name: str) -> None:
    voice = card_voice(LIBRARY[name])
    pcm, phones = hum(open_synthesiser(), voice)
    assert 200 <= len(pcm) / 24 <= 420
    level_db = voiced_level_db(pcm)
    assert level_db is not None
    assert LEVEL_DBFS - 15 < level_db < LEVEL_DBFS - 9
    assert np.abs(pcm[[0, -1]]).max() < 60  # no click
    # an m, not a vowel: nearly all of it lies below its first resonance
    power = np.abs(np.fft.rfft(pcm.astype(float))) ** 2
    hertz = np.fft.rfftfreq(len(pcm), 1 / 24_000)
    assert power[hertz < 500].sum() > 0.8 * power.sum()
    face = animate(pcm, phones)
    aperture = face[:, FACE_INDEX["jawOpen"]] - face[:, FACE_INDEX["mouthClose"]]
    assert aperture[2:-2].max() < 0.1  # an open vowel has three times that


@pytest.mark.parametrize("name", LIBRARY.ids())
def test_everybody_speaks_at_one_level(name: str) -> None:
    card = LIBRARY[name]
    for text in ("Hello there, it is good to see you.", "The great storm came at night, and the sea was high."):
        for spoken in open_synthesiser().speak(text, card_voice(card)):
            assert voiced_level_db(spoken.pcm) == pytest.approx(LEVEL_DBFS, abs=0.5)


def test_a_hesitation_is_softer_than_speech_and_opens_the_mouth() -> None:
    pcm, phones = hesitation(open_synthesiser(), card_voice(LIBRARY["copper"]))
    level_db = voiced_level_db(pcm)
    assert level_db is not None
    assert LEVEL_DBFS - 7 < level_db < LEVEL_DBFS - 2
    assert len(pcm) / 24 < 1200
    assert animate(pcm, phones)[:, FACE_INDEX["jawOpen"]].max() > 0.1

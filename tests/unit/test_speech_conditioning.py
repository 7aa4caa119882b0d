"""Sound on its way to the recogniser: level, floor, time."""

import numpy as np
import pytest

from solami.speech.conditioning import LEAD_MS, Conditioner
from solami.speech.loudness import voiced_level_db
from solami.speech.passage import Passage

TONE = np.sin(np.arange(16_000) * 2 * np.pi * 300 / 16_000)


@pytest.mark.parametrize("amplitude", [0.02, 0.1, 0.7])
def test_voices_come_to_one_level_and_no_sample_is_lost(amplitude: float) -> None:
    conditioner = Conditioner()
    pcm = np.concatenate([np.zeros(4_800), TONE * amplitude]) * 32767
    pieces = [conditioner.add(pcm[at : at + 320].astype(np.int16)) for at in range(0, len(pcm), 320)]
    out = np.concatenate([*pieces, conditioner.rest()])
    assert len(out) == len(pcm)
    assert voiced_level_db(out, 160) == pytest.approx(-20, abs=1)
    quiet = out[:4_000].astype(float) / 32768
    assert 10 * np.log10(np.mean(quiet**2)) == pytest.approx(-60, abs=1.5)


def test_a_known_gain_holds_nothing_back() -> None:
    conditioner = Conditioner(gain_db=6.0)
    assert len(conditioner.add(np.zeros(320, np.int16))) == 320
    assert len(conditioner.lead()) == LEAD_MS * 16


def test_silence_is_not_held_for_ever() -> None:
    conditioner = Conditioner()
    given = sum(len(conditioner.add(np.zeros(320, np.int16))) for _ in range(150))
    assert given >= 32_000


def test_passage_keeps_the_times_of_the_turn() -> None:
    passage = Passage()
    passage.add(np.zeros(16_000, np.int16), at=4_800)
    passage.add(np.ones(1_600, np.int16), at=20_800)
    passage.add(np.full(1_600, 2, np.int16), at=54_400)  # 2 s were left out before it
    assert passage.turn_ms(0) == 300
    assert passage.turn_ms(-300) == 0
    assert passage.turn_ms(1_050) == 1_350
    assert passage.turn_ms(1_150) == 3_450
    assert list(np.unique(passage.cut(15_999, 17_601))) == [0, 1, 2]
    later = passage.since(16_800)
    assert later.samples == 2_400
    assert later.turn_ms(0) == 1_350
    assert later.turn_ms(100) == 3_450

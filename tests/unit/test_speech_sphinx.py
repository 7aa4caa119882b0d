"""The embedded recogniser on recordings of people: words, their times, pauses, and users kept apart."""

import csv
import os
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from solami.speech.completeness import HALF
from solami.speech.interfaces import Transcript
from solami.speech.recordings import read_recording
from solami.speech.sphinx import SphinxPool, SphinxRecogniser
from solami.speech.wer import word_error_rate

CHUNK = 320  # 20 ms
SILENCE = np.random.default_rng(1).normal(0, 3, 16_000).astype(np.int16)
LJ = Path(os.environ.get("SOLAMI_DATA", "")) / "speech" / "ljspeech"
needs_data = pytest.mark.skipif("SOLAMI_DATA" not in os.environ, reason="SOLAMI_DATA is not set: no recordings")


@pytest.fixture(scope="module")
def pool() -> SphinxPool:
    return SphinxPool()


@pytest.fixture(scope="module")
def said() -> dict[str, str]:
    with (LJ / "transcripts.csv").open() as file:
        return {
            row["id"]: row["normalised_text"] for row in csv.DictReader(file, delimiter="|", quoting=csv.QUOTE_NONE)
        }


def sound_of(name: str) -> np.ndarray:
    """Return a recording with 300 ms before and 200 ms after it, as turn taking passes it on."""
    return np.concatenate([SILENCE[:4800], read_recording(LJ / f"{name}.flac").pcm, SILENCE[:3200]])


def feed(recogniser: SphinxRecogniser, pcm: np.ndarray) -> list[str]:
    partials = [recogniser.feed(pcm[at : at + CHUNK]) for at in range(0, len(pcm), CHUNK)]
    return [partial for partial in partials if partial is not None]


def hear(pool: SphinxPool, pcm: np.ndarray, user: str = "") -> Transcript:
    recogniser = SphinxRecogniser(pool, user)
    feed(recogniser, pcm)
    transcript = recogniser.pause()
    recogniser.close()
    return transcript


@needs_data
def test_reads_prose_from_a_person(pool: SphinxPool, said: dict[str, str]) -> None:
    names = ("LJ001-0002", "LJ001-0004", "LJ001-0008")
    heard = {name: hear(pool, sound_of(name)) for name in names}
    assert word_error_rate([(said[name], heard[name].text) for name in names]) <= 0.25
    assert heard["LJ001-0004"].complete >= HALF
    assert all(0.2 < transcript.confidence <= 1 for transcript in heard.values())


@needs_data
def test_partials_grow_while_the_user_speaks(pool: SphinxPool) -> None:
    recogniser = SphinxRecogniser(pool)
    pcm = sound_of("LJ001-0002")
    early = feed(recogniser, pcm[: len(pcm) * 3 // 4])
    assert early
    assert len(early[-1].split()) >= 2
    recogniser.close()


@needs_data
def test_words_lie_where_they_are_said(pool: SphinxPool) -> None:
    """LJ001-0004 pauses between 1.51 and 1.79 s, behind "books": no word lies in it, 300 ms of lead counted."""
    words = hear(pool, sound_of("LJ001-0004")).words
    assert all(a.t_ms + a.d_ms <= b.t_ms + 1 for a, b in pairwise(words))
    assert words[0].t_ms == pytest.approx(320, abs=60)
    assert words[-1].t_ms + words[-1].d_ms == pytest.approx(300 + 5_030, abs=150)
    gap = max(pairwise(words), key=lambda pair: pair[1].t_ms - pair[0].t_ms - pair[0].d_ms)
    assert gap[0].t_ms + gap[0].d_ms == pytest.approx(1_810, abs=80)
    assert gap[1].t_ms == pytest.approx(2_090, abs=80)


@needs_data
def test_going_on_after_a_pause_keeps_the_turn_whole(pool: SphinxPool) -> None:
    """Paused in the middle of a sentence, with a long silence before it goes on: the text and the times are those of
    the sentence in one piece, the silence apart."""
    pcm = sound_of("LJ001-0004")
    cut = round(2.0 * 16_000)  # inside the pause
    whole = hear(pool, pcm)
    recogniser = SphinxRecogniser(pool)
    feed(recogniser, pcm[:cut])
    first = recogniser.pause()
    feed(recogniser, np.tile(SILENCE, 2))
    assert recogniser.pause() == first  # silence adds no words
    feed(recogniser, pcm[cut:])
    both = recogniser.pause()
    recogniser.close()
    assert first.text
    assert word_error_rate([(whole.text, both.text)]) <= 0.2
    assert both.words[-1].t_ms == pytest.approx(whole.words[-1].t_ms + 2_000, abs=60)


@needs_data
def test_a_short_word_behind_a_long_passage_is_answered_at_once(pool: SphinxPool) -> None:
    """There is no time to hear the passage again: its words stay, the new ones are heard alone, in their place."""
    pcm = sound_of("LJ001-0004")
    recogniser = SphinxRecogniser(pool)
    feed(recogniser, pcm)
    passage = recogniser.pause()
    feed(recogniser, sound_of("LJ001-0008")[: 16_000 * 8 // 10])  # "has never"
    both = recogniser.pause()
    recogniser.close()
    assert both.words[: len(passage.words)] == passage.words
    assert both.words[len(passage.words)].w == "has"
    assert both.words[len(passage.words)].t_ms == pytest.approx(len(pcm) / 16 + 300, abs=100)


@needs_data
def test_quiet_users_are_heard_too(pool: SphinxPool, said: dict[str, str]) -> None:
    pcm = (sound_of("LJ001-0008") * 0.08).astype(np.int16)  # -42 dBFS
    assert word_error_rate([(said["LJ001-0008"], hear(pool, pcm).text)]) <= 0.5


@needs_data
def test_a_turn_does_not_depend_on_another_user(pool: SphinxPool) -> None:
    pcm = sound_of("LJ001-0002")
    before = hear(pool, pcm)
    hear(pool, np.clip(sound_of("LJ001-0008") * 3.0, -32768, 32767).astype(np.int16), "loud")
    assert hear(pool, pcm).words == before.words


@needs_data
def test_a_user_is_remembered_and_can_be_forgotten(pool: SphinxPool) -> None:
    assert pool.known("lj") == (None, None)
    hear(pool, sound_of("LJ001-0002"), "lj")
    known, gain_db = pool.known("lj")
    assert known is not None
    assert gain_db is not None
    hear(pool, sound_of("LJ001-0008"), "lj")
    later, _ = pool.known("lj")
    assert later is not None
    assert later.frames > known.frames


def test_silence_and_noise_are_no_words(pool: SphinxPool) -> None:
    recogniser = SphinxRecogniser(pool)
    assert feed(recogniser, np.tile(SILENCE, 3)) == []
    transcript = recogniser.pause()
    assert (transcript.text, transcript.words, transcript.confidence) == ("", (), 0.0)
    assert recogniser.pause() == transcript
    recogniser.close()
    recogniser.close()


def test_decoders_are_used_again(pool: SphinxPool) -> None:
    one = SphinxRecogniser(pool)
    one.close()
    decoder = pool.take()
    pool.give(decoder)
    assert pool.take() is decoder
    pool.give(decoder)

"""Speech whose phones are known, to teach and to judge the animator that has the sound alone.

Synthetic voices say the cards' texts and know their phones. Recordings of read speech are aligned with their text by
pocketsphinx (first words, then phones), which is right to about 20 ms.
"""

import csv
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from solami.speech import Voice
from solami.speech.espeak import EspeakSynthesiser
from solami.speech.recordings import read_recording
from solami_protocol.phones import PHONES, Phone

__all__ = ["Lesson", "aligned", "read_lessons", "spoken", "with_noise"]

RATE_HZ = 24_000
_LISTEN_HZ = 16_000
_SPACE_MS = 300


@dataclass(frozen=True, slots=True)
class Lesson:
    """Sound, (N,) int16 at 24 kHz, and its phones, ms from the first sample."""

    name: str
    pcm: np.ndarray
    phones: tuple[Phone, ...]


def spoken(texts: Sequence[str], voice: Voice) -> Iterator[Lesson]:
    """Yield each text said by a synthetic voice, with 0.3 s of silence before and after."""
    engine = EspeakSynthesiser()
    space = np.zeros(_SPACE_MS * RATE_HZ // 1000, np.int16)
    for text in texts:
        pieces, phones, at_ms = [space], [], float(_SPACE_MS)
        for piece in engine.speak(text, voice):
            phones += [Phone(p.p, p.t_ms + at_ms, p.d_ms) for p in piece.phones]
            pieces.append(piece.pcm)
            at_ms += piece.d_ms
        yield Lesson(f"{voice.speaker}: {text[:40]}", np.concatenate([*pieces, space]), tuple(phones))


def with_noise(lesson: Lesson, noise: np.ndarray, snr_db: float, seed: int) -> Lesson:
    """Return the lesson with a stretch of noise (N,) added at a ratio of speech to noise."""
    rng = np.random.default_rng(seed)
    sound = lesson.pcm.astype(np.float64)
    start = int(rng.integers(len(noise)))
    stretch = np.resize(np.roll(noise.astype(np.float64), -start), len(sound))
    power = np.sqrt(float(np.mean(sound**2)) / max(float(np.mean(stretch**2)), 1e-9)) * 10 ** (-snr_db / 20)
    mixed = np.clip(sound + power * stretch, -32768, 32767).astype(np.int16)
    return Lesson(lesson.name, mixed, lesson.phones)


def read_lessons(folder: Path) -> Iterator[Lesson]:
    """Yield the recordings of `folder` (data/speech) whose texts have only words that the dictionary knows."""
    import pocketsphinx

    decoder = pocketsphinx.Decoder(loglevel="FATAL")
    for path, text in [*_ljspeech(folder / "ljspeech"), *_harvard(folder / "speakers")]:
        words = re.findall(r"[a-z']+", text.lower())
        if any(decoder.lookup_word(w) is None for w in words):
            continue
        pcm = read_recording(path).pcm
        phones = aligned(decoder, pcm, " ".join(words))
        if phones:
            loud = soxr.resample(pcm.astype(np.float32), _LISTEN_HZ, RATE_HZ)
            yield Lesson(path.stem, np.clip(loud, -32768, 32767).astype(np.int16), phones)


def _ljspeech(folder: Path) -> Iterator[tuple[Path, str]]:
    with (folder / "transcripts.csv").open(encoding="utf-8") as file:
        for row in csv.reader(file, delimiter="|", quoting=csv.QUOTE_NONE):
            if (path := folder / f"{row[0]}.flac").is_file():
                yield path, row[-1]


def _harvard(folder: Path) -> Iterator[tuple[Path, str]]:
    with (folder / "transcripts.csv").open(encoding="utf-8") as file:
        for row in csv.DictReader(file, delimiter="|"):
            if row["file"].startswith("harvard") and row["text"]:
                yield folder / row["file"], row["text"]


def aligned(decoder: Any, pcm: np.ndarray, text: str) -> tuple[Phone, ...]:
    """Return the phones of `text` in sound (N,) int16 at 16 kHz; empty where it does not fit the sound."""
    decoder.set_align_text(text)
    data = pcm.tobytes()
    try:
        for second in (False, True):
            if second:
                decoder.set_alignment()
            decoder.start_utt()
            decoder.process_raw(data, full_utt=True)
            decoder.end_utt()
    except RuntimeError:
        return ()
    out = []
    for word in decoder.get_alignment() or ():
        for phone in word:
            name = re.sub(r"\d", "", phone.name.lower())
            out.append(Phone(name if name in PHONES else "sil", phone.start * 10.0, phone.duration * 10.0))
    decoder.activate_search()
    return tuple(out)

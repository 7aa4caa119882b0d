"""Train and judge the animator's ear: `python -m solami.server.face_training [--judge] [--speech DIR]`.

Lessons are the cards' texts said by eight synthetic voices and, where DIR (the project's `data/speech`) is given, read
speech; half of them with noise. Judged on voices, speakers and texts of which it learned nothing. About two minutes.
"""

import argparse
import re
import sys
from collections.abc import Sequence
from importlib import resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from solami.audio2face import animate, measure_lips
from solami.audio2face.coarticulation import controls_at, speaking
from solami.audio2face.ear import CONTEXT, WEIGHTS, hop_time_s
from solami.audio2face.loudness import Loudness
from solami.audio2face.measure import LipReport, aperture, merge
from solami.audio2face.spectrum import Spectrum
from solami.audio2face.visemes import CONTROLS, segments_of
from solami.characters import load_library
from solami.server.face_lessons import Lesson, read_lessons, spoken, with_noise
from solami.speech import Voice
from solami_protocol.arkit import FACE_INDEX
from solami_protocol.phones import BILABIAL, LABIODENTAL, VOWELS

__all__ = ["TEST_VOICES", "contexts", "fit", "judge", "main", "targets"]

TRAIN_VOICES = ("plain", "brass", "golem", "en-us+m3", "en-us+f3", "en-us+m1", "en-us+f1", "en-us+m7")
TEST_VOICES = ("sprite", "en-us+m5")
TEST_TEXTS = (
    "The big blue map belongs above my bed.",
    "Maybe Bob brought a lamp, but my mother prefers a simple candle.",
    "We hope to keep the paper boat and paint it purple.",
    "What a beautiful morning for a walk beside the river.",
    "Please stop at the bakery, bring apples, plums and a pumpkin.",
    "Father saw the smallest calf jump over a broken fence.",
    "I remember nothing about the problem except its number.",
    "Some people shop early; others prefer to wait till five.",
    "Could you move the blue box up on top of the piano?",
    "The pump was empty, so we climbed up to the upper pool.",
)
_HIDDEN = (72, 40)
_EPOCHS = 10
_BATCH = 512
_SHUT_WEIGHT = 0.12
_SHUT_GAIN = 2.5  # a missed closure costs more than a false one
_NOISY = 0.5  # part of the lessons that get noise, at 8 to 30 dB
_SEED = 5


def contexts(pcm: np.ndarray) -> np.ndarray:
    """Return what the network sees at every hop of a whole sound, (N, 288)."""
    spectrum = Spectrum()
    spectrum.feed(pcm)
    count = len(spectrum)
    # padded as the ear pads: silence before and after
    rows = spectrum.rows(CONTEXT[0], count + CONTEXT[-1])
    return np.concatenate([rows[c - CONTEXT[0] : c - CONTEXT[0] + count] for c in CONTEXT], axis=1)


def targets(lesson: Lesson, count: int) -> np.ndarray:
    """Return (count, 16): the 15 controls that the phones ask for, and whether the lips are shut."""
    times_s = hop_time_s(np.arange(count))
    phones = list(lesson.phones)
    out = np.zeros((count, len(CONTROLS) + 1))
    out[:, :-1] = controls_at(segments_of(phones), times_s) * speaking(phones, times_s)[:, None]
    for phone in phones:
        if phone.p in BILABIAL:
            first, last = phone.t_ms / 1000 - 0.005, (phone.t_ms + max(0.6 * phone.d_ms, 35.0)) / 1000
            out[(times_s >= first) & (times_s <= last), -1] = 1
    return out


def fit(x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    """Return the network's weights: two layers of tanh, Adam, mean squared error and cross entropy."""
    rng = np.random.default_rng(_SEED)
    sizes = (x.shape[1], *_HIDDEN, y.shape[1])
    weights = {"mean": x.mean(0), "spread": x.std(0) + 1e-3}
    for k, (rows, columns) in enumerate(pairwise(sizes), 1):
        weights[f"w{k}"] = rng.normal(0, rows**-0.5, (rows, columns)).astype(np.float32)
        weights[f"b{k}"] = np.zeros(columns, np.float32)
    learned = [n for n in weights if n[0] in "wb"]
    first, second = ({n: np.zeros_like(weights[n]) for n in learned} for _ in range(2))
    step = 0
    steps = _EPOCHS * (len(x) // _BATCH)
    for _ in range(_EPOCHS):
        order = rng.permutation(len(x))
        for at in range(0, len(x) - _BATCH + 1, _BATCH):
            step += 1
            rows = order[at : at + _BATCH]
            rate = 2e-3 * 0.5 * (1 + np.cos(np.pi * step / steps))
            for name, slope in _slopes(weights, x[rows], y[rows]).items():
                first[name] += 0.1 * (slope - first[name])
                second[name] += 0.001 * (slope**2 - second[name])
                unbiased = np.sqrt(second[name] / (1 - 0.999**step)) + 1e-8
                weights[name] -= rate * (first[name] / (1 - 0.9**step) / unbiased + 1e-4 * weights[name])
    return weights


def _slopes(w: dict[str, np.ndarray], x: np.ndarray, y: np.ndarray) -> dict[str, np.ndarray]:
    scaled = (x - w["mean"]) / w["spread"]
    h1 = np.tanh(scaled @ w["w1"] + w["b1"])
    h2 = np.tanh(h1 @ w["w2"] + w["b2"])
    out = h2 @ w["w3"] + w["b3"]
    slope = (out - y) * 2
    shut = 1 / (1 + np.exp(-np.clip(out[:, -1], -30, 30)))
    slope[:, -1] = _SHUT_WEIGHT * (shut - y[:, -1]) * np.where(y[:, -1] > 0, _SHUT_GAIN, 1.0)
    slope /= len(x)
    d2 = slope @ w["w3"].T * (1 - h2**2)
    d1 = d2 @ w["w2"].T * (1 - h1**2)
    return {
        "w3": h2.T @ slope, "b3": slope.sum(0), "w2": h1.T @ d2, "b2": d2.sum(0), "w1": scaled.T @ d1, "b1": d1.sum(0)
    }  # fmt: skip


def judge(lessons: Sequence[Lesson]) -> dict[str, float]:
    """Return how well the face from the sound alone fits the phones that were said."""
    reports: list[LipReport] = []
    loud, jaws, shut_on, others = [], [], 0, 0
    for lesson in lessons:
        face = animate(lesson.pcm).astype(np.float64)
        reports.append(measure_lips(lesson.phones, face))
        gap = aperture(face)
        pressed = face[:, FACE_INDEX["mouthClose"]] > np.maximum(0.8 * face[:, FACE_INDEX["jawOpen"]], 0.005)
        shut_s = np.flatnonzero(pressed) / 30
        lips_s = np.array([p.t_ms / 1000 for p in lesson.phones if p.p in BILABIAL])
        for phone in lesson.phones:
            if phone.p in VOWELS | BILABIAL | LABIODENTAL or phone.p == "sil" or phone.d_ms < 40:
                continue
            middle_s = (phone.t_ms + phone.d_ms / 2) / 1000
            if np.abs(lips_s - middle_s).min(initial=1.0) > 0.15:
                others += 1
                shut_on += int(np.abs(shut_s - middle_s).min(initial=1.0) <= 1 / 60)
        level = Loudness()
        level.feed(lesson.pcm)
        times = np.arange(len(face) - 6) / 30
        loud.append(np.array([level.at(t)[0] for t in times]))
        jaws.append(gap[: len(times)])
    lips = merge(reports)
    return {
        "closures": lips.closures,
        "closures_found": lips.closure_rate,
        "open_vowels": lips.open_vowels,
        "shut_on_open_vowels": lips.false_closure_rate,
        "shut_on_other_consonants": shut_on / max(others, 1),
        "open_vowels_open": lips.open_rate,
        "rounded_found": lips.rounded_rate,
        "jaw_loudness_r": float(np.corrcoef(np.concatenate(loud), np.concatenate(jaws))[0, 1]),
        "skew_p50_ms": lips.skew_p50_ms,
    }


def _card_texts() -> list[str]:
    library = load_library()
    lines = [answer.say for id_ in library.ids() for example in library[id_].examples for answer in example.character]
    return sorted({re.sub(r"\[\w+\]|\*[^*]+\*", "", line).strip() for line in lines})


def _lessons(speech: Path | None) -> tuple[list[Lesson], dict[str, list[Lesson]]]:
    """Return what is learned from and, by name, what is judged."""
    texts = _card_texts()
    learn = [
        lesson
        for k, voice in enumerate(TRAIN_VOICES)
        for lesson in spoken(texts[k % 6 :: 6], Voice(speaker=voice, rate=(0.85, 1.0, 1.15)[k % 3]))
    ]
    test = {voice: list(spoken(TEST_TEXTS, Voice(speaker=voice))) for voice in TEST_VOICES}
    rng = np.random.default_rng(_SEED)
    noise = np.cumsum(rng.normal(0, 1, 240_000)) * 0.02 + rng.normal(0, 1, 240_000)
    noise -= np.convolve(noise, np.full(2001, 1 / 2001), "same")
    if speech is not None:
        read = list(read_lessons(speech))
        known = [r for r in read if r.name.startswith("LJ") and r.name < "LJ001-0014"]
        learn += known * 5
        test["one reader, other texts"] = [r for r in read if r.name.startswith("LJ") and r not in known]
        test["two other speakers"] = [r for r in read if r.name.startswith("harvard")]
    learn = [
        with_noise(each, noise, float(rng.uniform(8, 30)), k) if rng.random() < _NOISY else each
        for k, each in enumerate(learn)
    ]
    for name in list(test):
        test[f"{name}, noise 15 dB"] = [with_noise(each, noise[::-1], 15.0, k) for k, each in enumerate(test[name])]
    return learn, test


def main(argv: list[str] | None = None) -> int:
    """Train, write the weights, print the judgement; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m solami.server.face_training", description=__doc__.split("\n")[0])
    parser.add_argument("--judge", action="store_true", help="only judge the weights that are there")
    parser.add_argument("--speech", type=Path, help="the folder data/speech: adds read speech")
    args = parser.parse_args(argv)
    learn, test = _lessons(args.speech)
    if not args.judge:
        x = [contexts(lesson.pcm) for lesson in learn]
        y = [targets(lesson, len(rows)) for lesson, rows in zip(learn, x, strict=True)]
        print(f"{len(learn)} lessons, {sum(map(len, x)) / 6000:.1f} minutes", flush=True)
        weights = fit(np.concatenate(x, dtype=np.float32), np.concatenate(y, dtype=np.float32))
        path = Path(str(resources.files("solami.audio2face"))) / WEIGHTS
        stored: dict[str, Any] = {n: w.astype(np.float16 if n[0] == "w" else np.float32) for n, w in weights.items()}
        np.savez_compressed(path, **stored)
        print(f"{path.name}: {path.stat().st_size / 1000:.0f} kB")
    for name, lessons in test.items():
        figures = ", ".join(f"{key} {value:.2f}" for key, value in judge(lessons).items())
        print(f"{name}: {figures}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())

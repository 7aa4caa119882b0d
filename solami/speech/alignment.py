"""Phones and words of a voice that does not tell them, from its text and its sound.

The embedded synthesiser says the same phrase; its phones are known. Dynamic time warping (Sakoe and Chiba 1978) of log
mel bands lays its sound on the other voice's, and the phones go along.
"""

import numpy as np

from solami.speech.interfaces import SPEECH_RATE_HZ, Spoken, Synthesiser, Voice, Word
from solami_protocol.phones import Phone

__all__ = ["aligned"]

_HOP = SPEECH_RATE_HZ // 100
_FFT = 1024
_WINDOW = 600  # 25 ms
_BANDS = 20
_LOW_HZ, _HIGH_HZ = 100.0, 7_000.0
_STEP = 0.2  # what a step that is not diagonal costs more, in standard deviations
_SHORTEST_MS = 10.0
_LONGEST_HOPS = 2_000  # 20 s; beyond it time is stretched evenly


def aligned(phrase: str, pcm: np.ndarray, pause_ms: float, guide: Synthesiser) -> Spoken:
    """Return `phrase` said by `pcm`, (N,) int16 at 24 kHz without silence around it, followed by a pause.

    The phones are gapless; the words are spelled as in the phrase. A phrase that the guide cannot say is silence.
    """
    said = list(guide.speak(phrase, Voice()))
    whole = np.concatenate([pcm, np.zeros(round(pause_ms * SPEECH_RATE_HZ / 1000), np.int16)])
    total_ms = 1000.0 * len(whole) / SPEECH_RATE_HZ
    if not said or not len(pcm):
        return Spoken(phrase, whole, (Phone("sil", 0.0, total_ms),), ())
    phones, words, theirs = _guide_times(said)
    from_ms, to_ms = _warp(theirs, pcm)
    times = _spread(np.interp([p.t_ms for p in phones], from_ms, to_ms), to_ms[-1])
    ends = [*times[1:], to_ms[-1]]
    out = [Phone(p.p, float(t), float(e - t)) for p, t, e in zip(phones, times, ends, strict=True)]
    if total_ms - to_ms[-1] > 1.0:
        out.append(Phone("sil", float(to_ms[-1]), total_ms - float(to_ms[-1])))
    else:
        out[-1] = out[-1]._replace(d_ms=total_ms - out[-1].t_ms)
    placed = []
    for word in words:
        start, end = np.interp([word.t_ms, word.t_ms + word.d_ms], from_ms, to_ms)
        placed.append(Word(word.w, float(start), float(end - start)))
    return Spoken(phrase, whole, tuple(out), tuple(placed))


def _guide_times(said: list[Spoken]) -> tuple[list[Phone], list[Word], np.ndarray]:
    """Return the guide's phones and words on one time line, and its sound, the last pause left out."""
    phones: list[Phone] = []
    words: list[Word] = []
    at_ms = 0.0
    for spoken in said:
        phones += [Phone(p, at_ms + t, d) for p, t, d in spoken.phones]
        words += [Word(w.w, at_ms + w.t_ms, w.d_ms) for w in spoken.words]
        at_ms += spoken.d_ms
    if phones[-1].p == "sil" and len(phones) > 1:
        at_ms = phones.pop().t_ms
    sound = np.concatenate([spoken.pcm for spoken in said])
    return phones, words, sound[: round(at_ms * SPEECH_RATE_HZ / 1000)]


def _spread(times: np.ndarray, end_ms: float) -> np.ndarray:
    """Return the rising times pushed apart, each phone at least 10 ms long where there is room."""
    least = min(_SHORTEST_MS, end_ms / max(len(times), 1))
    out = times.copy()
    out[0] = 0.0
    for i in range(1, len(out)):
        out[i] = max(out[i], out[i - 1] + least)
    limit = end_ms
    for i in range(len(out) - 1, 0, -1):
        out[i] = min(out[i], limit - least)
        limit = out[i]
    return out


def _warp(theirs: np.ndarray, ours: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return times of their sound and of ours that belong together, both in ms, rising from 0 to their ends."""
    lengths_ms = [1000.0 * len(x) / SPEECH_RATE_HZ for x in (theirs, ours)]
    a, b = _bands(theirs), _bands(ours)
    if min(len(a), len(b)) < 2 or max(len(a), len(b)) > _LONGEST_HOPS:
        return np.array([0.0, lengths_ms[0]]), np.array([0.0, lengths_ms[1]])
    i, j = _path(np.sqrt(((a[:, None] - b[None]) ** 2).mean(axis=2)))
    rows = np.unique(i)
    columns = np.array([j[i == row].mean() for row in rows])
    from_ms = np.concatenate([[0.0], (rows[1:-1] + 0.5) * 10.0, [lengths_ms[0]]])
    to_ms = np.concatenate([[0.0], (columns[1:-1] + 0.5) * 10.0, [lengths_ms[1]]])
    return from_ms, np.maximum.accumulate(np.minimum(to_ms, lengths_ms[1]))


def _bands(pcm: np.ndarray) -> np.ndarray:
    """Return (T, 20) log mel powers every 10 ms, each band with mean 0 and deviation 1 over the phrase."""
    sound = np.pad(pcm.astype(np.float64) / 32768, (_WINDOW // 2, _WINDOW))
    count = max(1, len(pcm) // _HOP)
    at = _HOP * np.arange(count)[:, None] + np.arange(_WINDOW)
    power = np.abs(np.fft.rfft(sound[at] * np.hanning(_WINDOW), _FFT, axis=1)) ** 2
    edges = _hz(np.linspace(_mel(_LOW_HZ), _mel(_HIGH_HZ), _BANDS + 2))
    hz = np.arange(_FFT // 2 + 1) * SPEECH_RATE_HZ / _FFT
    rise = (hz[:, None] - edges[:-2]) / (edges[1:-1] - edges[:-2])
    fall = (edges[2:] - hz[:, None]) / (edges[2:] - edges[1:-1])
    rows = np.log10(power @ np.clip(np.minimum(rise, fall), 0, None) + 1e-5)
    out: np.ndarray = (rows - rows.mean(axis=0)) / np.maximum(rows.std(axis=0), 1e-3)
    return out


def _mel(hz: float) -> float:
    return 2595 * float(np.log10(1 + hz / 700))


def _hz(mel: np.ndarray) -> np.ndarray:
    return np.asarray(700 * (10 ** (mel / 2595) - 1))


def _path(cost: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the cheapest way through `cost` (A, B) from corner to corner, as rows and columns.

    Cells of one anti-diagonal depend on the two before only, so each is one step for numpy.
    """
    height, width = cost.shape
    total = np.full((height, width), np.inf)
    came = np.zeros((height, width), np.int8)  # 0 diagonal, 1 from above, 2 from the left
    total[0, 0] = cost[0, 0]
    for d in range(1, height + width - 1):
        i = np.arange(max(0, d - width + 1), min(d, height - 1) + 1)
        j = d - i
        up, left = np.maximum(i - 1, 0), np.maximum(j - 1, 0)
        options = np.stack(
            [
                np.where((i > 0) & (j > 0), total[up, left], np.inf),
                np.where(i > 0, total[up, j], np.inf) + _STEP,
                np.where(j > 0, total[i, left], np.inf) + _STEP,
            ]
        )
        came[i, j] = options.argmin(axis=0)
        total[i, j] = cost[i, j] + options.min(axis=0)
    rows, columns = [height - 1], [width - 1]
    while rows[-1] or columns[-1]:
        step = came[rows[-1], columns[-1]]
        rows.append(rows[-1] - (step != 2))
        columns.append(columns[-1] - (step != 1))
    return np.array(rows[::-1]), np.array(columns[::-1])

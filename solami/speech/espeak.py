"""The embedded synthesiser: phrases by espeak-ng, with phones and words on the time of the sound itself.

espeak marks a stop at its burst; its closure, which is what lips show, lies before. The marks are therefore moved to
where the sound says that the phone begins.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np
import soxr

from solami.speech.espeak_library import EspeakLibrary, PhoneMark, WordMark
from solami.speech.interfaces import SPEECH_RATE_HZ, Spoken, Voice, Word
from solami.speech.ipa import phones_of
from solami.speech.loudness import frame_levels_db, levelled
from solami.speech.phrases import pause_after_ms, speakable, split_phrases
from solami_protocol.phones import VOWELS, Phone

__all__ = ["EspeakSynthesiser"]

_STOPS = frozenset("p b t d k g ch jh".split())
_CLOSURE_LIMIT_S = 0.065  # longest closure that is looked for before a burst
_CLOSURE_S = 0.035  # taken where an echo of the voice fills the closure of a voiceless stop
_VOICELESS = frozenset("p t k ch".split())
_FIRST_CLOSURE_S = 0.03  # kept before the burst that begins a phrase; the sound starts that much later
_QUIET_DB = 22.0  # a closure is this far below the phrase's voiced level
_BURST_S = (
    0.015  # what a lip stop has of its release; the breath behind it belongs to the vowel, for lips are open then
)
_SHORTEST_S = 0.015
_FRAME_S = 0.0025
_FADE_S = 0.002


class EspeakSynthesiser:
    """The embedded voice; one for all sessions. Raises MissingExtra when espeak-ng is not installed."""

    def __init__(self) -> None:
        self._library = EspeakLibrary.shared()

    def speak(self, text: str, voice: Voice) -> Iterator[Spoken]:
        """Yield `text` clause by clause, each followed by the pause of its punctuation; see `Synthesiser`.

        A phrase that is said again has the same length, phones and words (not with espeak's own variants: they
        flutter). A text without a letter or digit
        yields nothing. Raises SettingsError for an unknown voice.
        """
        for phrase in split_phrases(text):
            spoken = self._phrase(phrase, voice)
            if spoken is not None:
                yield spoken

    def _phrase(self, phrase: str, voice: Voice) -> Spoken | None:
        pcm, marks = self._library.render(speakable(phrase), voice)
        rate_hz = self._library.rate_hz
        sounds = [m for m in marks if isinstance(m, PhoneMark)]
        spoken = [m for m in sounds if m.ipa]
        if not spoken:
            return None
        # the first empty mark behind the last sound is where the voice ends
        over = next((m.sample for m in sounds if m.sample > spoken[-1].sample), len(pcm))
        starts, ends = _bounds(pcm, spoken, over, rate_hz)
        zero = starts[0]
        quiet = round(pause_after_ms(phrase) / voice.rate * rate_hz / 1000)
        sound = np.concatenate([_faded(pcm[zero:over], rate_hz), np.zeros(quiet, np.int16)])
        out = levelled(soxr.resample(sound.astype(np.float32) / 32768, rate_hz, SPEECH_RATE_HZ))
        to_ms = 1000.0 / rate_hz
        total_ms = 1000.0 * len(out) / SPEECH_RATE_HZ
        phones = _phones(spoken, [(s - zero) * to_ms for s in starts], [(e - zero) * to_ms for e in ends], total_ms)
        at_phone = [m.sample for m in spoken]
        words = [
            (m.at, (starts[min(bisect_left(at_phone, m.sample), len(starts) - 1)] - zero) * to_ms)
            for m in marks
            if isinstance(m, WordMark)
        ]
        return Spoken(phrase, out, phones, _words(phrase, words, (over - zero) * to_ms))


def _bounds(pcm: np.ndarray, marks: Sequence[PhoneMark], over: int, rate_hz: int) -> tuple[list[int], list[int]]:
    """Return (starts, ends) of the marked phones in samples; a start may lie before its mark, ends meet starts."""
    frame = round(_FRAME_S * rate_hz)
    levels = frame_levels_db(pcm, frame)
    quiet = levels < _voiced_level_db(levels) - _QUIET_DB
    shortest = round(_SHORTEST_S * rate_hz)
    firsts = [phones_of(mark.ipa)[0] for mark in marks]
    starts: list[int] = []
    for i, (mark, phone) in enumerate(zip(marks, firsts, strict=True)):
        start = mark.sample
        if phone in _STOPS:
            reach_s = _CLOSURE_LIMIT_S if i else _FIRST_CLOSURE_S
            earliest = max(starts[-1] + shortest if i else 0, start - round(reach_s * rate_hz))
            at = start // frame
            while at > 0 and (at - 1) * frame >= earliest and quiet[at - 1]:
                at -= 1
            if at == start // frame and i and phone in _VOICELESS and firsts[i - 1] in VOWELS:
                at = (start - round(_CLOSURE_S * rate_hz)) // frame
            start = min(start, max(earliest, at * frame))
        starts.append(max(start, starts[-1] if i else 0))
    _spread(starts, over, shortest)
    _release_lips(starts, marks, over, rate_hz)
    return starts, [*starts[1:], over]


def _release_lips(starts: list[int], marks: Sequence[PhoneMark], over: int, rate_hz: int) -> None:
    """End each /p/ shortly behind its burst, in place, where a vowel follows (/b/ hums while it is closed)."""
    shortest, burst = round(_SHORTEST_S * rate_hz), round(_BURST_S * rate_hz)
    for i in range(len(starts) - 1):
        closed = marks[i].sample - starts[i] >= shortest
        released = marks[i].sample + burst
        if phones_of(marks[i].ipa) == ("p",) and phones_of(marks[i + 1].ipa)[0] in VOWELS and closed:
            starts[i + 1] = max(starts[i] + shortest, min(starts[i + 1], released))


def _spread(starts: list[int], over: int, shortest: int) -> None:
    """Push starts apart in place, so that no phone is shorter than `shortest` where there is room."""
    for i in range(1, len(starts)):
        starts[i] = max(starts[i], starts[i - 1] + shortest)
    limit = over - shortest
    for i in range(len(starts) - 1, -1, -1):
        starts[i] = max(0, min(starts[i], limit))
        limit = starts[i] - shortest


def _voiced_level_db(levels: np.ndarray) -> float:
    loud = levels[levels > -45.0]
    return float(np.median(loud)) if len(loud) else -45.0


def _phones(
    marks: Sequence[PhoneMark], starts_ms: Sequence[float], ends_ms: Sequence[float], total_ms: float
) -> tuple[Phone, ...]:
    out: list[Phone] = []
    for mark, start_ms, end_ms in zip(marks, starts_ms, ends_ms, strict=True):
        names = phones_of(mark.ipa)
        # of a vowel and the r or schwa that colours it the vowel is the longer
        shares = [1.0] if len(names) == 1 else [0.6, *[0.4 / (len(names) - 1)] * (len(names) - 1)]
        at_ms = start_ms
        for name, share in zip(names, shares, strict=True):
            out.append(Phone(name, at_ms, share * (end_ms - start_ms)))
            at_ms += share * (end_ms - start_ms)
    end_ms = ends_ms[-1]
    if total_ms - end_ms > 1.0:
        out.append(Phone("sil", end_ms, total_ms - end_ms))
    else:
        last = out[-1]
        out[-1] = last._replace(d_ms=total_ms - last.t_ms)
    return tuple(out)


def _words(phrase: str, marks: Sequence[tuple[int, float]], end_ms: float) -> tuple[Word, ...]:
    """Return the phrase's words as they are written, from marks of (character, time).

    A number that is said in several words is one of them. Words that espeak says as one ("of the") share its time by
    their lengths.
    """
    groups: list[tuple[float, list[str]]] = []  # each starts at a mark
    at = 0
    for token in phrase.split():
        start = phrase.index(token, at)
        at = start + len(token)
        if not any(c.isalnum() for c in token):
            continue
        word = token.strip("\"'.,;:!?…()[]“”‘’—–*")
        inside = [t_ms for place, t_ms in marks if start <= place < at]
        if inside or not groups:
            groups.append((max(0.0, min(inside, default=0.0)), [word]))
        else:
            groups[-1][1].append(word)
    out: list[Word] = []
    bounds = [t_ms for t_ms, _ in groups] + [end_ms]
    for (t_ms, words), until_ms in zip(groups, bounds[1:], strict=True):
        per_letter_ms = max(0.0, until_ms - t_ms) / sum(map(len, words))
        for word in words:
            out.append(Word(word, t_ms, per_letter_ms * len(word)))
            t_ms += per_letter_ms * len(word)
    return tuple(out)


def _faded(pcm: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return a copy whose first and last 2 ms rise and fall: a cut inside a wave is a click."""
    out = pcm.astype(np.float32)
    count = min(len(out), round(_FADE_S * rate_hz))
    ramp = np.linspace(0, 1, count, dtype=np.float32)
    out[:count] *= ramp
    out[len(out) - count :] *= ramp[::-1]
    return out.astype(np.int16)

"""espeak-ng by ctypes: sound with the time of every phone and word, phrase by phrase.

The library (from `espeakng-loader`) has one global state, so one lock guards it; a phrase takes a few milliseconds.
Source: espeak-ng's speak_lib.h; output mode 2 is synchronous, option bits 1 and 2 ask for phoneme events in IPA.
"""

import ctypes
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import soxr

from solami.speech.interfaces import Spoken, Voice, Word
from solami.speech.ipa import phones_of
from solami_protocol.errors import InputError, MissingExtra
from solami_protocol.phones import Phone

__all__ = ["EspeakSynthesiser"]

OUT_RATE_HZ = 24_000
LEVEL_DBFS = -20.0
PEAK = 0.89
BASE_RATE_WPM = 165
BASE_PITCH = 50
PITCH_PER_SEMITONE = 4.2  # espeak's pitch 0 to 99 spans about two octaves
GAP_MS = 90.0  # kept of the pause after a phrase
END_MS = 60.0
FIRST_WORDS = 6
CHARS_UTF8 = 1
WORD, PHONEME = 1, 7
SYNCHRONOUS, PHONEME_IPA = 2, 3
RANDOM_SEED = 1  # set before each phrase: the same text gives the same samples


class _Id(ctypes.Union):
    _fields_ = [("number", ctypes.c_int), ("name", ctypes.c_char_p), ("string", ctypes.c_char * 8)]


class _Event(ctypes.Structure):
    _fields_ = [
        ("type", ctypes.c_int),
        ("unique", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("audio_ms", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("id", _Id),
    ]


_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class _Mark:
    kind: int
    start: int  # 1-based character in the text
    length: int
    sample: int
    ipa: str


class _Library:
    """The one espeak of this process."""

    _one: "_Library | None" = None
    _guard = threading.Lock()

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError:
            raise MissingExtra("espeakng-loader is not installed: pip install 'solami[server]'; no voice without it") from None
        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        path = espeakng_loader.get_data_path().encode()
        self.rate_hz = self._lib.espeak_Initialize(SYNCHRONOUS, 0, path, PHONEME_IPA)
        if self.rate_hz <= 0:
            raise MissingExtra(f"espeak-ng did not start (data at {path.decode()}); reinstall espeakng-loader")
        self._lock = threading.Lock()
        self._pcm: list[np.ndarray] = []
        self._marks: list[_Mark] = []
        self._callback = _CALLBACK(self._take)  # kept: the library holds only its address
        self._lib.espeak_SetSynthCallback(self._callback)
        self._voice: Voice | None = None

    @classmethod
    def get(cls) -> "_Library":
        with cls._guard:
            cls._one = cls._one or cls()
            return cls._one

    def _take(self, wav: object, count: int, events: object) -> int:
        if wav and count > 0:
            self._pcm.append(np.ctypeslib.as_array(wav, (count,)).copy())  # type: ignore[arg-type]
        i = 0
        while (event := events[i]).type != 0:  # type: ignore[index]
            if event.type in (WORD, PHONEME):
                ipa = bytes(event.id.string).decode(errors="replace") if event.type == PHONEME else ""
                self._marks.append(_Mark(event.type, event.text_position, event.length, event.sample, ipa))
            i += 1
        return 0

    def render(self, text: str, voice: Voice) -> tuple[np.ndarray, list[_Mark]]:
        with self._lock:
            self._use(voice)
            self._pcm, self._marks = [], []
            self._lib.espeak_ng_SetRandSeed(ctypes.c_long(RANDOM_SEED))
            data = text.encode()
            self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, CHARS_UTF8, None, None)
            pcm = np.concatenate(self._pcm) if self._pcm else np.zeros(0, np.int16)
            return pcm, self._marks

    def _use(self, voice: Voice) -> None:
        if voice == self._voice:
            return
        name = voice.speaker or "en-us"
        if self._lib.espeak_SetVoiceByName(name.encode()) != 0:
            self._voice = None
            raise InputError(f"espeak-ng has no voice {name!r}; try en-us, en-gb, en-us+m3, en-us+f3 or en-us+Robosoft")
        pitch = round(min(99.0, max(0.0, BASE_PITCH + voice.pitch * PITCH_PER_SEMITONE)))
        self._lib.espeak_SetParameter(1, round(BASE_RATE_WPM * voice.rate), 0)
        self._lib.espeak_SetParameter(3, pitch, 0)
        self._voice = voice


class EspeakSynthesiser:
    """The embedded voice."""

    def __init__(self) -> None:
        self._lib = _Library.get()

    def speak(self, text: str, voice: Voice) -> Iterator[Spoken]:
        """Yield phrase by phrase; see `Synthesiser`."""
        phrases = split_phrases(text)
        for number, phrase in enumerate(phrases):
            pcm, marks = self._lib.render(phrase, voice)
            spoken = _piece(phrase, pcm, marks, self._lib.rate_hz, END_MS if number == len(phrases) - 1 else GAP_MS)
            if spoken is not None:
                yield spoken


def split_phrases(text: str) -> list[str]:
    """Return the clauses of a text, each ending in its punctuation; clauses of one word join the next."""
    parts = [p.strip() for p in re.findall(r"[^,.;:!?]+[,.;:!?…]*[\"')]*", text) if re.search(r"\w", p)]
    out: list[str] = []
    for part in parts:
        if out and len(out[-1].split()) < 2 and out[-1].endswith(","):
            out[-1] = f"{out[-1]} {part}"
        else:
            out.append(part)
    return out


def _piece(text: str, pcm: np.ndarray, marks: list[_Mark], rate_hz: int, tail_ms: float) -> Spoken | None:
    sounds = [m for m in marks if m.kind == PHONEME]
    spoken = [m for m in sounds if m.ipa]
    if not spoken:
        return None
    start = spoken[0].sample
    after = [m.sample for m in sounds if m.sample > spoken[-1].sample] or [len(pcm)]
    end = min(len(pcm), after[0] + round(tail_ms * rate_hz / 1000))
    to_ms = 1000 / rate_hz
    bounds = [m.sample for m in spoken] + [min(after[0], end)]
    phones: list[Phone] = []
    for mark, until in zip(spoken, bounds[1:], strict=True):
        names = phones_of(mark.ipa)
        each = max(0.0, (until - mark.sample) * to_ms) / max(1, len(names))
        phones += [Phone(p, (mark.sample - start) * to_ms + i * each, each) for i, p in enumerate(names)]
    quiet_ms = (end - bounds[-1]) * to_ms
    if quiet_ms > 0:
        phones.append(Phone("sil", (bounds[-1] - start) * to_ms, quiet_ms))
    words = [m for m in marks if m.kind == WORD]
    starts = [max(0.0, (m.sample - start) * to_ms) for m in words] + [(bounds[-1] - start) * to_ms]
    named = tuple(
        Word(text[m.start - 1 : m.start - 1 + m.length], t, max(0.0, until - t))
        for m, t, until in zip(words, starts, starts[1:], strict=False)
    )
    return Spoken(text, _levelled(pcm[start:end], rate_hz), tuple(phones), named)


def _levelled(pcm: np.ndarray, rate_hz: int) -> np.ndarray:
    """Return the sound at 24 kHz, voiced parts at -20 dBFS, peaks limited."""
    sound = soxr.resample(pcm.astype(np.float32) / 32768, rate_hz, OUT_RATE_HZ)
    frame = OUT_RATE_HZ // 100
    frames = sound[: len(sound) // frame * frame].reshape(-1, frame)
    power = np.mean(frames**2, axis=1)
    loud = power[power > 10 ** (-45 / 10)]
    if len(loud):
        sound = sound * (10 ** (LEVEL_DBFS / 20) / np.sqrt(loud.mean()))
    over = np.abs(sound) > 0.6
    if over.any():  # soft knee: stays below PEAK
        sound = np.where(over, np.sign(sound) * (0.6 + (PEAK - 0.6) * np.tanh((np.abs(sound) - 0.6) / (PEAK - 0.6))), sound)
    return np.round(sound * 32767).astype(np.int16)

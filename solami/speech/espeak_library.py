"""espeak-ng by ctypes: text in, samples out, with a mark for every word and phone.

The library (from `espeakng-loader`) has one global state, so there is one instance and one lock; a phrase takes a few
milliseconds. Source: espeak-ng's speak_lib.h. Output mode 2 is synchronous, option bits 1 and 2 ask for phoneme events
in IPA.
"""

import ctypes
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from solami.speech.espeak_voices import PRESETS, data_folder, espeak_name
from solami.speech.interfaces import Voice
from solami_protocol.errors import MissingExtra, SettingsError

__all__ = ["EspeakLibrary", "PhoneMark", "WordMark"]

_SYNCHRONOUS, _PHONEME_IPA = 2, 3
_WORD, _PHONEME = 1, 7
_RATE, _PITCH = 1, 3  # espeak_PARAMETER
_UTF8 = 1
_BASE_WPM = 165
_PITCH_STEP = 50 / 12  # espeak's pitch 0 to 99 doubles the frequency in 50 steps


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
class WordMark:
    """A word begins at `sample`; it stands at character `at` of the text."""

    sample: int
    at: int


@dataclass(frozen=True, slots=True)
class PhoneMark:
    """A phoneme begins at `sample`; `ipa` is empty for a pause."""

    sample: int
    ipa: str


class EspeakLibrary:
    """The one espeak of this process; `shared` opens it."""

    _one: "EspeakLibrary | None" = None
    _opening = threading.Lock()

    def __init__(self) -> None:
        try:
            import espeakng_loader
        except ImportError:
            raise MissingExtra(
                "espeakng-loader is not installed: pip install 'solami[server]'; text works without a voice"
            ) from None
        self._lib = ctypes.CDLL(espeakng_loader.get_library_path())
        self._lib.espeak_ng_SetRandSeed.argtypes = [ctypes.c_long]
        folder = data_folder(Path(espeakng_loader.get_data_path()))
        self.rate_hz: int = self._lib.espeak_Initialize(_SYNCHRONOUS, 0, str(folder).encode(), _PHONEME_IPA)
        """Rate of all samples, 22,050."""
        if self.rate_hz <= 0:
            raise MissingExtra(f"espeak-ng did not start with {folder}; reinstall espeakng-loader")
        self._lock = threading.Lock()
        self._pieces: list[np.ndarray] = []
        self._marks: list[WordMark | PhoneMark] = []
        self._callback = _CALLBACK(self._take)  # kept: the library holds only its address
        self._lib.espeak_SetSynthCallback(self._callback)

    @classmethod
    def shared(cls) -> "EspeakLibrary":
        """Return the process's instance, opened at the first call. Raises MissingExtra."""
        with cls._opening:
            cls._one = cls._one or cls()
            return cls._one

    def render(self, text: str, voice: Voice) -> tuple[np.ndarray, list[WordMark | PhoneMark]]:
        """Return (N,) int16 at `rate_hz` and the marks in time order. Raises SettingsError for an unknown voice."""
        data = text.encode()
        with self._lock:
            self._use(voice)
            self._pieces, self._marks = [], []
            self._lib.espeak_ng_SetRandSeed(1)  # the noise of fricatives repeats itself too
            self._lib.espeak_Synth(data, len(data) + 1, 0, 1, 0, _UTF8, None, None)
            pcm = np.concatenate(self._pieces) if self._pieces else np.zeros(0, np.int16)
            return pcm, self._marks

    def _use(self, voice: Voice) -> None:
        # selected anew for each text: that empties espeak's echo, which would carry one user's words into another's
        if self._lib.espeak_SetVoiceByName(espeak_name(voice.speaker).encode()) != 0:
            known = ", ".join(PRESETS)
            raise SettingsError(
                f"voice.speaker: espeak-ng has no voice {voice.speaker!r}; expected one of {known}, or an espeak voice "
                "such as en-us, en-gb-x-rp or en-us+f3"
            )
        pitch = 50 + voice.pitch * _PITCH_STEP
        self._lib.espeak_SetParameter(_RATE, round(_BASE_WPM * voice.rate), 0)
        self._lib.espeak_SetParameter(_PITCH, round(min(99.0, max(0.0, pitch))), 0)

    def _take(self, wav: Any, count: int, events: Any) -> int:
        if wav and count > 0:
            self._pieces.append(np.ctypeslib.as_array(wav, (count,)).copy())
        i = 0
        while (event := events[i]).type != 0:
            if event.type == _WORD:
                self._marks.append(WordMark(event.sample, event.text_position - 1))
            elif event.type == _PHONEME:
                self._marks.append(PhoneMark(event.sample, event.id.string.decode(errors="replace")))
            i += 1
        return 0

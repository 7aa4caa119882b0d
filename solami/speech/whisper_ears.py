"""openai-whisper as the ears of a turn (extra `asr`); its weights are the user's to fetch."""

import importlib.util
import math
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np

from solami.speech.options import EngineOptions
from solami.speech.whole_turn import Heard
from solami_protocol.errors import MissingExtra, SettingsError

__all__ = ["WhisperEars", "whisper_weights"]

_DEFAULT = "base.en"
_SILENT = 0.8


def whisper_weights(model: str) -> Path:
    """Return the file of a model's weights, there or not: `model` is one of whisper's names or a file."""
    model = model or _DEFAULT
    if model.endswith(".pt"):
        return Path(model)
    cache = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    names = {"large": "large-v3", "turbo": "large-v3-turbo"}
    return Path(cache) / "whisper" / f"{names.get(model, model)}.pt"


class WhisperEars:
    """Transcribes whole turns (see `Transcribe`); one model for all sessions, one turn at a time."""

    def __init__(self, options: EngineOptions, language: str = "en") -> None:
        """Load the model. Raises MissingExtra without the package or the weights, SettingsError for a bad file."""
        if importlib.util.find_spec("whisper") is None:
            raise MissingExtra(
                "speech.recogniser: whisper is not installed: pip install 'solami[asr]'; pocketsphinx works without it"
            )
        weights = whisper_weights(options.model)
        if not weights.is_file():
            name = options.model or _DEFAULT
            raise MissingExtra(
                f"speech.recogniser: the weights of whisper's {name} are not at {weights}: fetch them with "
                f"python -c \"import whisper; whisper.load_model('{name}')\"; pocketsphinx works without them"
            )
        import whisper

        try:
            self._model: Any = whisper.load_model(str(weights), device=options.device)
        except Exception as exc:  # whatever torch makes of a file that is none
            raise SettingsError(f"speech.recogniser_model: {weights} is no whisper model: {exc}") from exc
        self._language, self._lock = language, threading.Lock()

    def __call__(self, pcm: np.ndarray) -> Heard:
        """Return what was heard in (N,) int16 at 16 kHz."""
        sound = pcm.astype(np.float32) / 32768
        with self._lock:
            found = self._model.transcribe(
                sound, language=self._language, temperature=0.0, condition_on_previous_text=False,
                fp16=str(self._model.device) != "cpu", verbose=None,
            )  # fmt: skip
        segments = found["segments"]
        if not segments or all(s["no_speech_prob"] > _SILENT for s in segments):
            return Heard("", 0.0)
        return Heard(found["text"].strip(), math.exp(min(0.0, float(np.mean([s["avg_logprob"] for s in segments])))))

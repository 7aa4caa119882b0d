"""An OpenAI-compatible `audio/transcriptions` endpoint as the ears of a turn.

Protocol: POST {base}/audio/transcriptions, a form with `file` (wav), `model`, `language`, `response_format`; the
answer is JSON with `text`. `verbose_json` adds `segments` with the chance that nothing was said; a server that gives
plain JSON is as good.
"""

import io
import json
import math
from typing import Any

import numpy as np
import soundfile

from solami.speech.endpoint import answer_to, multipart
from solami.speech.interfaces import LISTEN_RATE_HZ
from solami.speech.options import EngineOptions
from solami.speech.whole_turn import Heard
from solami_protocol.errors import Unavailable

__all__ = ["EndpointEars"]

_LONGEST_ANSWER = 2**20
_SILENT = 0.8


class EndpointEars:
    """Transcribes whole turns (see `Transcribe`)."""

    def __init__(self, url: str, options: EngineOptions, language: str = "en") -> None:
        self._url, self._options, self._language = url, options, language

    def __call__(self, pcm: np.ndarray) -> Heard:
        """Return what the endpoint heard in (N,) int16 at 16 kHz. Raises Unavailable."""
        fields = {"model": self._options.model or "whisper-1", "language": self._language}
        fields |= {"response_format": "verbose_json", "temperature": "0"}
        body, kind = multipart(fields, "file", "turn.wav", "audio/wav", _wav(pcm))
        with answer_to(
            "recogniser", self._url, "/audio/transcriptions", body, kind,
            api_key=self._options.api_key, wait_s=self._options.wait_s, limit=_LONGEST_ANSWER,
        ) as answer:  # fmt: skip
            raw = b"".join(answer.pieces)
        try:
            found = json.loads(raw)
            return Heard(str(found["text"]).strip(), _sureness(found.get("segments") or []))
        except (ValueError, KeyError, TypeError, AttributeError) as exc:
            raise Unavailable(f"recogniser at {self._url}: expected JSON with `text`, got {raw[:80]!r}") from exc


def _wav(pcm: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, pcm, LISTEN_RATE_HZ, format="WAV", subtype="PCM_16")
    return file.getvalue()


def _sureness(segments: list[dict[str, Any]]) -> float:
    """Return the mean likelihood of a token; 0 where all is taken for silence, 1 where the engine does not say."""
    if segments and all(float(s.get("no_speech_prob") or 0.0) > _SILENT for s in segments):
        return 0.0
    logs = [float(s["avg_logprob"]) for s in segments if s.get("avg_logprob") is not None]
    return math.exp(min(0.0, sum(logs) / len(logs))) if logs else 1.0

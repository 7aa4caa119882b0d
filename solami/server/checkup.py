"""Which recogniser, voice and language model the settings name, how good they are, and whether they are there."""

import importlib.util
import urllib.error
import urllib.request
from pathlib import Path
from typing import Literal, NamedTuple

from solami.server.settings import ServerSettings
from solami.speech.options import is_endpoint
from solami.speech.whisper_ears import whisper_weights

__all__ = ["InUse", "parts_in_use"]


class InUse(NamedTuple):
    """A row of `solami doctor`: a part, its state, details and advice."""

    part: str
    state: Literal["ok", "absent", "fault"]
    detail: str
    advice: str = ""


def parts_in_use(settings: ServerSettings) -> list[InUse]:
    """Return a row each for what hears, what speaks and what answers. Waits two seconds at most for an endpoint."""
    return [_ears(settings), _voice(settings), _brain(settings)]


def _ears(settings: ServerSettings) -> InUse:
    part, speech = "in use: recogniser", settings.speech
    if is_endpoint(speech.recogniser):
        return _endpoint(part, speech.recogniser, "pocketsphinx hears while it fails")
    if speech.recogniser == "whisper":
        weights = whisper_weights(speech.recogniser_model)
        if importlib.util.find_spec("whisper") is None:
            return InUse(part, "fault", "whisper is not installed", "pip install 'solami[asr]'")
        if not weights.is_file():
            return InUse(part, "fault", f"no weights at {weights}", "fetch them with whisper.load_model")
        return InUse(part, "ok", f"whisper, {weights.name}")
    return InUse(
        part, "ok", "pocketsphinx: clear reading 1 word in 5 wrong, quick or noisy speech much worse",
        "speech.recogniser: an endpoint or whisper hears far better",
    )  # fmt: skip


def _voice(settings: ServerSettings) -> InUse:
    part, speech = "in use: voice", settings.speech
    if is_endpoint(speech.synthesiser):
        return _endpoint(part, speech.synthesiser, "espeak-ng speaks while it fails")
    if speech.synthesiser == "xtts":
        if importlib.util.find_spec("TTS") is None:
            return InUse(part, "fault", "coqui-tts is not installed", "pip install 'solami[tts]'")
        if not (Path(speech.synthesiser_model) / "config.json").is_file():
            return InUse(part, "fault", f"no weights in {speech.synthesiser_model or '(empty)'}", "synthesiser_model")
        return InUse(part, "ok", "xtts: unproven here; needs a GPU")
    return InUse(
        part, "ok", "espeak-ng: clear, instant, sounds like a machine", "speech.synthesiser: an endpoint sounds human"
    )


def _brain(settings: ServerSettings) -> InUse:
    part, brain = "in use: brain", settings.brain
    if not brain.url:
        return InUse(
            part, "ok", "the card's own answers, found by meaning: within what it holds", "brain.url: a chat endpoint"
        )
    if not brain.model:
        return InUse(part, "fault", f"{brain.url} without a model", "set brain.model")
    return _endpoint(part, brain.url, "the card answers while it fails")


def _endpoint(part: str, url: str, meanwhile: str) -> InUse:
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/models", timeout=2) as response:
            return InUse(part, "ok", f"{url} answers {response.status}")
    except urllib.error.HTTPError as exc:  # it is there; not every endpoint lists its models
        return InUse(part, "ok" if exc.code < 500 else "absent", f"{url} answers {exc.code}", meanwhile)
    except (OSError, ValueError) as exc:
        reason = getattr(exc, "reason", exc)
        return InUse(part, "absent", f"{url}: {reason}", f"start it; {meanwhile}")

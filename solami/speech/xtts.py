"""coqui-tts' XTTS as a voice (extra `tts`, CUDA builds): speaks like the reference recording that the card names.

Unproven: written against the signatures of coqui-tts 0.27 and 0.28 (a test compares them); the weights, which are not
ours to fetch, and a GPU were not there to run it.
"""

import importlib.util
import threading
from pathlib import Path
from typing import Any

import numpy as np

from solami.speech.interfaces import SPEECH_RATE_HZ, Voice
from solami.speech.options import EngineOptions
from solami_protocol.errors import MissingExtra, SettingsError

__all__ = ["XttsVoice"]


class XttsVoice:
    """Says phrases (see `Say`); one model for all sessions, one phrase at a time."""

    def __init__(self, options: EngineOptions, language: str = "en") -> None:
        """Load the model. Raises MissingExtra without the package or the weights."""
        if importlib.util.find_spec("TTS") is None:
            raise MissingExtra(
                "speech.synthesiser: coqui-tts is not installed: pip install 'solami[tts]' on a CUDA machine; "
                "espeak works without it"
            )
        folder = Path(options.model) if options.model else None
        if folder is None or not (folder / "config.json").is_file():
            raise MissingExtra(
                f"speech.synthesiser_model: {options.model or 'empty'}; expected the folder of XTTS' weights, with "
                "config.json, model.pth and vocab.json in it; espeak works without them"
            )
        from TTS.tts.configs.xtts_config import XttsConfig
        from TTS.tts.models.xtts import Xtts

        config = XttsConfig()
        config.load_json(str(folder / "config.json"))
        self._model: Any = Xtts.init_from_config(config)
        self._model.load_checkpoint(config, checkpoint_dir=str(folder), eval=True)
        if options.device == "cuda":
            self._model.cuda()
        self._rate_hz = int(getattr(config.audio, "output_sample_rate", SPEECH_RATE_HZ))
        self._fallback, self._language = options.voice, language
        self._known: dict[str, tuple[Any, Any]] = {}
        self._lock = threading.Lock()

    def __call__(self, phrase: str, voice: Voice) -> tuple[np.ndarray, int]:
        """Return the phrase's sound and its rate. Raises SettingsError for a card without a reference recording."""
        reference = voice.reference or self._fallback
        if not reference or not Path(reference).is_file():
            raise SettingsError(
                f"voice.reference: {reference or 'empty'}; XTTS copies a voice from a recording: name a wav of 6 to "
                "30 s in the card, or for all cards in speech.synthesiser_voice"
            )
        with self._lock:
            if reference not in self._known:
                self._known[reference] = self._model.get_conditioning_latents(audio_path=[reference])
            latent, speaker = self._known[reference]
            pieces = self._model.inference_stream(phrase, self._language, latent, speaker, speed=voice.rate)
            sound = [piece.squeeze().float().cpu().numpy() for piece in pieces]
        return np.concatenate(sound).astype(np.float32), self._rate_hz

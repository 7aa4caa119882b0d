"""Ears and voices: streaming recognisers and synthesisers behind two interfaces."""

from solami.speech.engines import open_recogniser, open_synthesiser
from solami.speech.interfaces import Recogniser, Spoken, Synthesiser, Transcript, Voice, Word

__all__ = [
    "Recogniser",
    "Spoken",
    "Synthesiser",
    "Transcript",
    "Voice",
    "Word",
    "open_recogniser",
    "open_synthesiser",
]

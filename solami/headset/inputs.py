"""What the simulated user says and does: recordings from files, or a synthesised utterance and an authored wave."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soxr

from solami.behaviour import Performance
from solami.headset.user import last_voiced_sample
from solami.speech import Voice, open_synthesiser
from solami.speech.recordings import read_recording
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS
from solami_tokenizers.motion import read_motion, resample

__all__ = ["DEFAULT_WORDS", "TurnInput", "authored_wave", "read_input", "synthesise"]

DEFAULT_WORDS = "good morning how old are you"
RATE_HZ = 16_000


@dataclass(frozen=True, slots=True)
class TurnInput:
    """One turn of the user: pcm (N,) int16 16 kHz and movement root_m (T, 3), rotations (T, 55, 4) at 30 fps.

    Either may be empty. `notes` says what was converted or made.
    """

    name: str
    pcm: np.ndarray
    root_m: np.ndarray | None
    rotations: np.ndarray | None
    notes: tuple[str, ...] = ()

    @property
    def sha256(self) -> str:
        """Checksum of what is sent."""
        digest = hashlib.sha256(self.pcm.tobytes())
        for part in (self.root_m, self.rotations):
            if part is not None:
                digest.update(np.ascontiguousarray(part).tobytes())
        return digest.hexdigest()

    @property
    def last_voiced(self) -> int:
        """End of the last voiced 10 ms, in samples."""
        return last_voiced_sample(self.pcm)


def read_input(audio: Path | None, motion: Path | None) -> TurnInput:
    """Return the user's turn from files; without any, our own utterance and wave. Raises InputError."""
    if audio is None and motion is None:
        root, rotations = authored_wave()
        note = f"no recording was given: {DEFAULT_WORDS!r} is synthesised, the wave is authored"
        return TurnInput("built-in", synthesise(DEFAULT_WORDS), root, rotations, (note,))
    pcm = np.zeros(0, np.int16)
    movement: tuple[np.ndarray | None, np.ndarray | None] = (None, None)
    notes: tuple[str, ...] = ()
    if audio is not None:
        recording = read_recording(audio)
        pcm, notes = recording.pcm, recording.notes
    if motion is not None:
        clip = resample(read_motion(motion), FPS)
        movement, notes = (clip.root_m, clip.rotations), (*notes, *clip.notes)
    if audio is not None and last_voiced_sample(pcm) == 0:
        raise InputError(f"{audio}: nothing in it is louder than -45 dBFS; is it the right file?")
    name = " + ".join(p.name for p in (audio, motion) if p is not None)
    return TurnInput(name, pcm, *movement, notes)


def synthesise(words: str, voice: Voice | None = None) -> np.ndarray:
    """Return `words` spoken by the embedded synthesiser as a user would sound: (N,) int16 16 kHz."""
    pieces = [spoken.pcm for spoken in open_synthesiser("espeak").speak(words, voice or Voice())]
    sound = np.concatenate(pieces).astype(np.float32) / 32768
    out = soxr.resample(sound, 24_000, RATE_HZ)
    return np.round(np.clip(out, -1, 1) * 32767).astype(np.int16)


def authored_wave(seconds: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    """Return an authored right-hand wave: root_m (T, 3), rotations (T, 55, 4)."""
    performance = Performance(seed=1)
    performance.cue("wave_right", 900.0)
    return performance.render(seconds * 1000)

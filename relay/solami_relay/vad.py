"""Voice activity: which 10 ms frames of a microphone hold a voice, exact to the frame.

Two witnesses. The silero network says whether there is speech, but ends late (a median of 99 ms on read English); the
level says where it ends. A frame is voiced when it is above the level threshold and the network agrees within its
window. The threshold is -45 dBFS, the definition of the last voiced sample; over steady noise it rises with the noise
floor, and for somebody who speaks softly it comes down. Frames below it are decided at once, so that the network's
32 ms windows do not delay an endpoint.
"""

from collections import deque
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import numpy as np
import onnxruntime

from solami_relay.vad_settings import VadSettings

__all__ = ["FRAME_SAMPLES", "RATE_HZ", "FrameHeard", "SpeechNetwork", "VoiceActivity", "level_of"]

RATE_HZ = 16_000
FRAME_SAMPLES = 160  # 10 ms
WINDOW_SAMPLES = 512  # 32 ms, fixed by the network
CONTEXT_SAMPLES = 64  # the network wants the end of the window before
MODEL = Path(__file__).parent / "data" / "silero_vad.onnx"


@dataclass(frozen=True, slots=True)
class FrameHeard:
    """10 ms of the microphone. `end_ms`: microphone time of its end; `level_db`: dBFS (RMS)."""

    end_ms: float
    voiced: bool
    level_db: float


@cache
def _session() -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(MODEL), options, providers=["CPUExecutionProvider"])


class SpeechNetwork:
    """The silero network with the state of one microphone (silero-vad 6.2.3, MIT, `data/silero_vad.LICENSE.txt`)."""

    def __init__(self) -> None:
        self._session = _session()
        self._state = np.zeros((2, 1, 128), np.float32)
        self._input = np.zeros((1, CONTEXT_SAMPLES + WINDOW_SAMPLES), np.float32)
        self._rate = np.array(RATE_HZ, np.int64)

    def probability(self, window: np.ndarray) -> float:
        """Return the probability of speech in (512,) int16 samples that follow those of the last call."""
        self._input[0, :CONTEXT_SAMPLES] = self._input[0, -CONTEXT_SAMPLES:]
        self._input[0, CONTEXT_SAMPLES:] = window / np.float32(32768)
        feed = {"input": self._input, "state": self._state, "sr": self._rate}
        found, self._state = self._session.run(None, feed)
        return float(found[0, 0])


class NoiseFloor:
    """Level that the quietest frames of the last seconds keep to: their low percentile, slowly forgotten."""

    def __init__(self, seconds: float, percentile: float) -> None:
        self._levels: deque[float] = deque(maxlen=int(seconds * 10))
        self._block: list[float] = []
        self._percentile = percentile
        self.level_db = -100.0

    def push(self, level_db: float) -> None:
        """Take in the level of 10 ms."""
        self._block.append(level_db)
        if len(self._block) == 10:
            self._levels.append(float(np.mean(self._block)))
            self._block.clear()
            self.level_db = float(np.percentile(self._levels, self._percentile))


class VoiceActivity:
    """The ear of one microphone."""

    def __init__(self, settings: VadSettings, network: SpeechNetwork | None = None) -> None:
        self._settings = settings
        self._network = network or SpeechNetwork()
        self._tail = np.zeros(0, np.int16)
        self._window = np.zeros(0, np.int16)
        self._waiting: deque[FrameHeard] = deque()
        self._frames = 0
        self._floor = NoiseFloor(settings.floor_s, settings.floor_percentile)
        self._speech = False
        self._voice_db = -100.0
        self.guard_db = -100.0
        """Levels below this are not the user: what our own voice may be worth in the microphone. Set from outside."""

    @property
    def threshold_db(self) -> float:
        """Level from which a frame may be voiced."""
        s = self._settings
        soft_db = max(s.soft_level_db, self._voice_db - s.below_voice_db)
        return max(min(s.level_db, soft_db), self._floor.level_db + s.above_floor_db, self.guard_db)

    def push(self, pcm: np.ndarray) -> list[FrameHeard]:
        """Return the frames that are decided now, in order, after (N,) int16 samples more; at most 32 ms are open."""
        pcm = np.concatenate([self._tail, pcm])
        count = len(pcm) // FRAME_SAMPLES
        self._tail = pcm[count * FRAME_SAMPLES :]
        decided: list[FrameHeard] = []
        for frame in pcm[: count * FRAME_SAMPLES].reshape(count, FRAME_SAMPLES):
            self._frame(frame, decided)
        return decided

    def _frame(self, frame: np.ndarray, decided: list[FrameHeard]) -> None:
        self._frames += 1
        level_db = level_of(frame)
        self._floor.push(level_db)
        loud = level_db > self.threshold_db
        self._waiting.append(FrameHeard(self._frames * 10.0, loud, level_db))
        self._window = np.concatenate([self._window, frame])
        if len(self._window) >= WINDOW_SAMPLES:
            window, self._window = self._window[:WINDOW_SAMPLES], self._window[WINDOW_SAMPLES:]
            probability = self._network.probability(window)
            s = self._settings
            self._speech = probability >= (s.stay_probability if self._speech else s.begin_probability)
            self._follow_voice(level_of(window))
            while self._waiting:
                heard = self._waiting.popleft()
                decided.append(heard if self._speech or not heard.voiced else replace(heard, voiced=False))
        while self._waiting and not self._waiting[0].voiced:
            decided.append(self._waiting.popleft())

    def _follow_voice(self, level_db: float) -> None:
        s = self._settings
        forgotten_db = self._voice_db - s.forget_voice_db_s * WINDOW_SAMPLES / RATE_HZ
        self._voice_db = max(level_db, forgotten_db) if self._speech else max(forgotten_db, -100.0)


def level_of(pcm: np.ndarray) -> float:
    """Return the RMS level of (N,) int16 in dBFS, -100 for silence."""
    power = float(np.mean(np.square(pcm.astype(np.float32)))) / 32768.0**2
    return 10 * float(np.log10(max(power, 1e-10)))

"""What has come of one reply: sound, body, face and words on one timeline, counted from its first sample.

24,000 samples and 30 frames a second: 800 samples a frame. Holes in what the services send are filled, so that the
three tracks stay on their grid.
"""

from dataclasses import dataclass

import numpy as np

from solami_protocol.arkit import FACE_NAMES
from solami_protocol.media import FACE_SHAPES, MediaFrame, audio_samples, face_weights, pose_frames
from solami_protocol.skeleton import JOINT_COUNT

__all__ = ["FRAME_MS", "SAMPLES_PER_FRAME", "CaptionLine", "Reply", "loudness_face"]

RATE_HZ = 24_000
FPS = 30
SAMPLES_PER_FRAME = RATE_HZ // FPS  # 800
FRAME_MS = 1000 / FPS
MAX_REPLY_S = 300
FIRST_FRAMES = 3
_JAW_OPEN = FACE_NAMES.index("jawOpen")


@dataclass(frozen=True, slots=True)
class CaptionLine:
    """Words and when they are spoken."""

    text: str
    at_ms: float
    d_ms: float


class _Track:
    """Rows that arrive in order and are read by frame number."""

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._rows = np.zeros((256, *shape), np.float32)
        self.count = 0

    def put(self, at: int, rows: np.ndarray) -> None:
        """Write rows from `at` on; a hole before them repeats the last row."""
        end = min(at + len(rows), MAX_REPLY_S * FPS)
        if end <= at:
            return
        while end > len(self._rows):
            self._rows = np.concatenate([self._rows, np.zeros_like(self._rows)])
        if at > self.count:
            self._rows[self.count : at] = self._rows[self.count - 1] if self.count else rows[0]
        self._rows[at:end] = rows[: end - at]
        self.count = max(self.count, end)

    def get(self, begin: int, end: int) -> np.ndarray:
        """Return the rows there are between two frames."""
        return self._rows[begin : min(end, self.count)]


class Reply:
    """One reply while it comes in. `number` names it on the face service's socket."""

    def __init__(self, turn: int, number: int, brain: str) -> None:
        self.turn = turn
        self.number = number
        self.brain = brain
        self.captions: list[CaptionLine] = []
        self.affect: dict[str, float] = {}
        self.face_begun = False
        self.face_lost = False
        """No (more) face frames will come."""
        self.face_ended = False
        """All face frames that belong to the sound are there."""
        self.ended = False
        self._cut_short = False
        self._pcm = np.zeros(RATE_HZ, np.int16)
        self.samples = 0
        self._arrivals: list[tuple[int, float]] = []
        self._root = _Track((3,))
        self._rotations = _Track((JOINT_COUNT, 4))
        self._face = _Track((FACE_SHAPES,))

    @property
    def pose_count(self) -> int:
        """Frames of body there are."""
        return self._rotations.count

    @property
    def face_count(self) -> int:
        """Frames of face there are."""
        return self._face.count

    @property
    def frames(self) -> int:
        """Frames that the reply lasts, as far as it is known: its sound, or its body where that is longer."""
        sound = -(-self.samples // SAMPLES_PER_FRAME)
        return max(sound, self.pose_count) if self.ended and not self._cut_short else sound

    @property
    def ready(self) -> bool:
        """Whether the first chunk could be sent (its face may still come)."""
        first = FIRST_FRAMES * SAMPLES_PER_FRAME
        return (self.ended and self.frames > 0) or (self.samples >= first and self.pose_count >= FIRST_FRAMES)

    def cut_short(self) -> None:
        """Nothing more will come: the reply ends with the sound that is there."""
        self.ended = self._cut_short = True

    def add_audio(self, frame: MediaFrame, now_ms: float) -> None:
        """Take in sound; a hole before it is silence."""
        pcm = audio_samples(frame)
        at = max(self.samples, round(frame.pts_us * RATE_HZ / 1e6))
        end = min(at + len(pcm), MAX_REPLY_S * RATE_HZ)
        if end <= at:
            return
        while end > len(self._pcm):
            self._pcm = np.concatenate([self._pcm, np.zeros_like(self._pcm)])
        self._pcm[at:end] = pcm[: end - at]
        self.samples = end
        self._arrivals.append((end, now_ms))

    def add_pose(self, frame: MediaFrame) -> None:
        """Take in body frames at their place."""
        root, rotations = pose_frames(frame)
        at = _frame_of(frame)
        self._root.put(at, root)
        self._rotations.put(at, rotations)

    def add_face(self, frame: MediaFrame) -> None:
        """Take in face frames at their place."""
        self._face.put(_frame_of(frame), face_weights(frame))

    def heard_at_ms(self, samples: int) -> float:
        """Return when the first `samples` samples were there."""
        return next((at_ms for count, at_ms in self._arrivals if count >= samples), 0.0)

    def pcm(self, begin: int, end: int) -> np.ndarray:
        """Return the sound of frames begin to end, silence where there is none."""
        piece = np.zeros((end - begin) * SAMPLES_PER_FRAME, np.int16)
        have = self._pcm[begin * SAMPLES_PER_FRAME : min(end * SAMPLES_PER_FRAME, self.samples)]
        piece[: len(have)] = have
        return piece

    def pose(self, begin: int, end: int) -> tuple[np.ndarray, np.ndarray]:
        """Return root (T, 3) and rotations (T, 55, 4) of the frames there are."""
        return self._root.get(begin, end), self._rotations.get(begin, end)

    def face(self, begin: int, end: int) -> np.ndarray:
        """Return weights (T, 52) of the frames there are."""
        return self._face.get(begin, end)


def _frame_of(frame: MediaFrame) -> int:
    return max(0, round(frame.pts_us * FPS / 1e6))


def loudness_face(pcm: np.ndarray) -> np.ndarray:
    """Return (T, 52) weights whose jaw follows the loudness of (T * 800,) samples: when no animator answers."""
    power = np.mean(np.square(pcm.reshape(-1, SAMPLES_PER_FRAME).astype(np.float32) / 32768), axis=1)
    level_db = 10 * np.log10(np.maximum(power, 1e-10))
    weights = np.zeros((len(level_db), FACE_SHAPES), np.float32)
    # -45 dBFS is silence, -15 a loud vowel: the jaw opens up to 0.6 in between
    weights[:, _JAW_OPEN] = np.clip((level_db + 45) / 30, 0, 1) * 0.6
    return weights

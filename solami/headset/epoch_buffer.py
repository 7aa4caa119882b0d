"""What has arrived of one epoch: sound by sample, pose and face by frame, all on the epoch's own timeline."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from solami_protocol.control import Place
from solami_protocol.media import Kind, MediaFrame, audio_samples, face_weights, pose_frames
from solami_protocol.quaternions import slerp
from solami_protocol.skeleton import FPS

__all__ = ["EpochBuffer", "Track"]

RATE_HZ = 24_000


@dataclass
class Track:
    """Frames at 30 fps from the epoch's start on, sampled between frames. `late` counts those that came too late."""

    rows: list[tuple[np.ndarray, ...]] = field(default_factory=list)
    late: int = 0
    first_at_ms: float | None = None

    def put(self, pts_us: int, rows: Sequence[tuple[np.ndarray, ...]], now_ms: float) -> None:
        """Take in consecutive frames; frames that are there already are ignored, a hole repeats the last frame."""
        if self.first_at_ms is None and rows:
            self.first_at_ms = now_ms
        index = round(pts_us * FPS / 1e6)
        for row in rows:
            while len(self.rows) < index:
                self.rows.append(self.rows[-1] if self.rows else row)
            if index == len(self.rows):
                self.rows.append(row)
            index += 1

    def newest_ms(self, head_ms: float) -> float | None:
        """Return the pts of the newest frame that has arrived and lies at most one frame after `head_ms`."""
        if not self.rows:
            return None
        index = min(len(self.rows) - 1, int(head_ms * FPS / 1000) + 1)
        return index * 1000 / FPS

    def around(self, at_ms: float) -> tuple[tuple[np.ndarray, ...], tuple[np.ndarray, ...], float] | None:
        """Return the frames before and after `at_ms` and the share of the way between them; None when empty."""
        if not self.rows:
            return None
        place = max(0.0, at_ms * FPS / 1000)
        low = min(int(place), len(self.rows) - 1)
        high = min(low + 1, len(self.rows) - 1)
        return self.rows[low], self.rows[high], min(1.0, place - low)


@dataclass
class EpochBuffer:
    """One epoch as it arrives. `head` is the next sample to play."""

    epoch: int
    kind: str
    place: Place = field(default_factory=Place)
    pcm: np.ndarray = field(default_factory=lambda: np.zeros(0, np.int16))
    pose: Track = field(default_factory=Track)
    face: Track = field(default_factory=Track)
    head: int = 0
    complete: bool = False
    first_audio_at_ms: float | None = None
    bytes_motion: int = 0
    bytes_all: int = 0
    expected: int | None = None

    def put(self, frame: MediaFrame, size: int, now_ms: float) -> None:
        """Take in a media frame that arrived as `size` bytes."""
        self.bytes_all += size
        if frame.kind == Kind.AUDIO:
            self._put_audio(frame, now_ms)
            return
        self.bytes_motion += size
        if frame.kind == Kind.POSE:
            self.pose.late += self._late(frame)
            self.pose.put(frame.pts_us, list(zip(*pose_frames(frame), strict=True)), now_ms)
        else:
            self.face.late += self._late(frame)
            self.face.put(frame.pts_us, [(row,) for row in face_weights(frame)], now_ms)

    def _late(self, frame: MediaFrame) -> int:
        ends_ms = frame.pts_us / 1000 + frame.count * 1000 / FPS
        return frame.count if ends_ms < self.head_ms else 0

    def _put_audio(self, frame: MediaFrame, now_ms: float) -> None:
        if self.first_audio_at_ms is None:
            self.first_audio_at_ms = now_ms
        start = round(frame.pts_us * RATE_HZ / 1e6)
        samples = audio_samples(frame)
        if start > len(self.pcm):  # a hole in the sound stays audible as silence, at its place
            self.pcm = np.concatenate([self.pcm, np.zeros(start - len(self.pcm), np.int16)])
        self.pcm = np.concatenate([self.pcm, samples[max(0, len(self.pcm) - start) :]])
        self.complete = self.complete or frame.last

    @property
    def head_ms(self) -> float:
        """Play head in milliseconds."""
        return self.head * 1000 / RATE_HZ

    @property
    def buffered_ms(self) -> float:
        """Sound that has arrived and was not played."""
        return (len(self.pcm) - self.head) * 1000 / RATE_HZ

    @property
    def finished(self) -> bool:
        """All of the epoch's sound was played."""
        return self.complete and self.head >= len(self.pcm)

    def take(self, count: int) -> np.ndarray:
        """Play up to `count` samples: return them and move the head."""
        out = self.pcm[self.head : self.head + count]
        self.head += len(out)
        return out

    def body_at(self, at_ms: float) -> tuple[np.ndarray, np.ndarray] | None:
        """Return root (3,) and rotations (55, 4) at `at_ms`, None when no pose has arrived."""
        found = self.pose.around(at_ms)
        if found is None:
            return None
        (root_a, rot_a), (root_b, rot_b), share = found
        return root_a + (root_b - root_a) * share, slerp(rot_a, rot_b, share)

    def face_at(self, at_ms: float) -> np.ndarray | None:
        """Return the weights (52,) at `at_ms`, None when no face has arrived."""
        found = self.face.around(at_ms)
        if found is None:
            return None
        (a,), (b,), share = found
        return a + (b - a) * share

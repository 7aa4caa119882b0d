"""One epoch on its way down: which chunks of a reply are due, in order, on the grid, paced by the play head.

Chunks are 100 ms first (3 frames of pose and face, 2,400 samples) and 166.67 ms then (5 frames, 4,000 samples), pose
before face before sound. No I/O: `poll` returns what to send.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np

from solami_protocol.control import Caption, EpochEnd, EpochKind, EpochStart, Place
from solami_protocol.media import MediaFrame, PoseCodec, audio_frame, face_frame, pose_frame
from solami_protocol.messages import Message
from solami_relay.playout import PlayHead
from solami_relay.reply_buffer import FRAME_MS, SAMPLES_PER_FRAME, Reply, loudness_face
from solami_relay.worker_settings import WorkerSettings

__all__ = ["EpochHead", "EpochPlayer", "FaceHealth"]

FIRST_CHUNK_FRAMES = 3
CHUNK_FRAMES = 5


class FaceHealth(Enum):
    """What `poll` saw of the face service."""

    UNKNOWN = "unknown"
    IN_TIME = "in time"
    LATE = "late"


@dataclass(frozen=True, slots=True, kw_only=True)
class EpochHead:
    """What `epoch.start` says."""

    epoch: int
    turn: int | None
    kind: EpochKind
    place: Place
    codec: PoseCodec
    with_face: bool


class EpochPlayer:
    """Sends one reply as one epoch."""

    def __init__(self, head: EpochHead, reply: Reply, settings: WorkerSettings, now_ms: float) -> None:
        self.head = head
        self.reply = reply
        self.playhead = PlayHead(now_ms)
        self.held = False
        self.paused = False
        self.ended = False
        self.face_health = FaceHealth.UNKNOWN
        self._settings = settings
        self._frame = 0
        self._captions = 0
        self._begun = False

    @property
    def sent_ms(self) -> float:
        """How much of the timeline was sent."""
        return self._frame * FRAME_MS

    def poll(self, now_ms: float) -> list[Message | MediaFrame]:
        """Return what is due at worker time `now_ms`, in order."""
        out: list[Message | MediaFrame] = []
        if self.ended:
            return out
        if not self._begun:
            self._begun = True
            h = self.head
            out.append(EpochStart(epoch=h.epoch, turn=h.turn, kind=h.kind, brain=self.reply.brain, space=h.place))
        out += self._new_captions()
        if self.held or self.paused:
            return out
        while (end := self._next_end(now_ms)) is not None:
            out += self._chunk(self._frame, end)
            self._frame = end
        if self.reply.ended and self._frame >= self.reply.frames:
            self.ended = True
            out.append(EpochEnd(epoch=self.head.epoch, audio_ms=round(self.sent_ms, 3)))
        return out

    def _new_captions(self) -> Iterator[Message]:
        for line in self.reply.captions[self._captions :]:
            yield Caption(epoch=self.head.epoch, text=line.text, at_ms=line.at_ms, d_ms=line.d_ms)
        self._captions = len(self.reply.captions)

    def _next_end(self, now_ms: float) -> int | None:
        """Return the frame behind the next chunk, None while it is not due or not there."""
        r, begin = self.reply, self._frame
        end = begin + (CHUNK_FRAMES if begin else FIRST_CHUNK_FRAMES)
        if r.ended:
            end = min(end, r.frames)
            if end <= begin:
                return None
        elif r.samples < end * SAMPLES_PER_FRAME:
            return None
        head_ms = self.playhead.at(now_ms)
        if end * FRAME_MS - head_ms > self._settings.lead_ms:
            return None
        due = begin * FRAME_MS - head_ms <= self._settings.safe_lead_ms
        waited_ms = now_ms - r.heard_at_ms(min(end * SAMPLES_PER_FRAME, r.samples))
        patient = not due or waited_ms < self._settings.face_late_ms
        if not r.ended and r.samples == end * SAMPLES_PER_FRAME and not due:
            return None  # it may be the last chunk, which wants its flag: there is time to know
        if patient and not self._complete(end):
            return None
        return end

    def _complete(self, end: int) -> bool:
        r = self.reply
        pose = r.ended or r.pose_count >= end
        face = not self.head.with_face or r.face_lost or r.face_ended or r.face_count >= end
        return pose and face

    def _chunk(self, begin: int, end: int) -> Iterator[MediaFrame]:
        r, h = self.reply, self.head
        last = r.ended and end >= r.frames
        pts_us = round(begin * 1_000_000 / 30)
        pcm = r.pcm(begin, end)
        root, rotations = r.pose(begin, end)
        if len(root):
            yield pose_frame(root, rotations, codec=h.codec, pts_us=pts_us, epoch=h.epoch, last=last)
        if h.with_face:
            face = r.face(begin, end)
            if len(face) < end - begin:
                if not r.face_ended:
                    self.face_health = FaceHealth.LATE
                face = np.concatenate([face, loudness_face(pcm)[len(face) :]])
            elif self.face_health is FaceHealth.UNKNOWN:
                self.face_health = FaceHealth.IN_TIME
            yield face_frame(face, pts_us=pts_us, epoch=h.epoch, last=last)
        yield audio_frame(pcm, pts_us=pts_us, epoch=h.epoch, last=last)

"""The behaviour pack of a character: what a client plays by itself between replies (DESIGN 3.3, 3.9).

`GET /v1/characters/{id}/behaviours` answers one JSON object. A clip's media are the same frames as on the wire, base64,
with pts from the clip's start. Clips of one state are played in turn, never the same loop twice in a row.
"""

import base64
from dataclasses import dataclass
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from solami_protocol.media import (
    MAX_FRAMES,
    Kind,
    PoseCodec,
    audio_frame,
    audio_samples,
    decode_media,
    face_frame,
    face_weights,
    pose_frame,
    pose_frames,
)
from solami_protocol.skeleton import FPS, JOINT_COUNT

__all__ = ["BehaviourPack", "Clip", "PackClip", "PackState"]

PackState = Literal["idle", "listen", "think", "apology", "turn", "assent", "filler"]
"""A client plays the first four by itself. The relay streams the others as epochs: `turn`, the character turns to face
the user; `assent`, it nods and hums in a pause of the user; `filler`, it fills a long thought."""
AUDIO_RATE_HZ = 24_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Clip:
    """One decoded clip: root_m (T, 3), rotations (T, 55, 4), face (T, 52), pcm (N,) int16 24 kHz (often empty)."""

    state: PackState
    name: str
    loop: bool
    root_m: np.ndarray
    rotations: np.ndarray
    face: np.ndarray
    pcm: np.ndarray


class PackClip(BaseModel):
    """One clip as it travels."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    state: PackState
    name: str
    loop: bool
    frames: list[str]

    @classmethod
    def pack(cls, clip: Clip) -> "PackClip":
        """Return the clip in protocol chunks (48-bit poses)."""
        out: list[bytes] = []
        for at in range(0, len(clip.root_m), MAX_FRAMES):
            part = slice(at, at + MAX_FRAMES)
            pts_us = at * 1_000_000 // FPS
            pose = pose_frame(clip.root_m[part], clip.rotations[part], codec=PoseCodec.S48, pts_us=pts_us)
            out += [pose.encode(), face_frame(clip.face[part], pts_us=pts_us).encode()]
        for at in range(0, len(clip.pcm), AUDIO_RATE_HZ):
            pts_us = at * 1_000_000 // AUDIO_RATE_HZ
            out.append(audio_frame(clip.pcm[at : at + AUDIO_RATE_HZ], pts_us=pts_us).encode())
        frames = [base64.b64encode(data).decode() for data in out]
        return cls(state=clip.state, name=clip.name, loop=clip.loop, frames=frames)

    def unpack(self) -> Clip:
        """Return the decoded clip. Raises ProtocolError for a broken frame."""
        media = [decode_media(base64.b64decode(frame)) for frame in self.frames]
        poses = [pose_frames(m) for m in media if m.kind == Kind.POSE]
        faces = [face_weights(m) for m in media if m.kind == Kind.FACE]
        audio = [audio_samples(m) for m in media if m.kind == Kind.AUDIO]
        return Clip(
            state=self.state,
            name=self.name,
            loop=self.loop,
            root_m=np.concatenate([np.zeros((0, 3), np.float32), *[p[0] for p in poses]]),
            rotations=np.concatenate([np.zeros((0, JOINT_COUNT, 4), np.float32), *[p[1] for p in poses]]),
            face=np.concatenate([np.zeros((0, 52), np.float32), *faces]),
            pcm=np.concatenate([np.zeros(0, np.int16), *audio]),
        )


class BehaviourPack(BaseModel):
    """All clips of a character."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    character: str
    fps: int = FPS
    clips: list[PackClip]

"""What the character does beside the turns, made of its behaviour pack: it turns to the user, nods, fills a silence."""

import math

import numpy as np

from solami_protocol.behaviours import BehaviourPack, Clip
from solami_protocol.control import Place
from solami_protocol.media import MAX_FRAMES, Flag, MediaFrame, PoseCodec, audio_frame, face_frame, pose_frame
from solami_relay.facing import Facing
from solami_relay.reply_buffer import RATE_HZ, SAMPLES_PER_FRAME, Reply
from solami_relay.turn_actions import Interlude
from solami_relay.worker_settings import WorkerSettings

__all__ = ["Interludes"]

FILLER_FRAMES = 36  # 1.2 s
PELVIS = 0


class Interludes:
    """The clips of one session's character, and when it is time to turn."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        self._facing = Facing(math.radians(settings.aside_deg), settings.aside_s, settings.aside_again_s)
        self._aside: tuple[MediaFrame, float] | None = None
        self._turns: list[tuple[float, Reply]] = []
        self._assents: list[Reply] = []
        self.filler: Reply | None = None
        """A sound of the character's own for a long thought."""

    def take(self, pack: BehaviourPack) -> frozenset[Interlude]:
        """Take in a character's pack; return what can be made of it and is wanted."""
        clips = [packed.unpack() for packed in pack.clips if packed.state in ("turn", "assent", "filler")]
        # a turn ends facing +z: it begins turned away by what it turns
        self._turns = [(-_yaw_rad(c.rotations[0, PELVIS]), _reply(c)) for c in clips if c.state == "turn"]
        heard = self._settings.backchannel == "voice"
        self._assents = [_reply(clip, heard=heard) for clip in clips if clip.state == "assent"]
        fillers = [clip for clip in clips if clip.state == "filler" and np.any(clip.pcm)]
        self.filler = _reply(fillers[0], FILLER_FRAMES) if fillers else None
        can: set[Interlude] = set()
        if self._turns and self._settings.face_user:
            can.add("turn")
        if self._assents and self._settings.backchannel != "off":
            can.add("assent")
        return frozenset(can)

    def aside(self, frame: MediaFrame, place: Place) -> bool:
        """Return whether it is time to turn, by this upward pose frame of the user."""
        if frame.flags & Flag.TRACKING_LOST:
            return False
        aside_rad = self._facing.aside_rad(frame, place)
        self._aside = None if aside_rad is None else (frame, aside_rad)
        return self._aside is not None

    def turn(self, place: Place) -> tuple[Reply, Place]:
        """Return the turn that comes nearest to the user's side, and the place where the character then stands."""
        assert self._aside is not None
        frame, aside_rad = self._aside
        self._facing.turned(frame)
        turned_rad, reply = min(self._turns, key=lambda turn: abs(math.remainder(turn[0] - aside_rad, math.tau)))
        return reply, place.model_copy(update={"yaw_rad": math.remainder(place.yaw_rad + turned_rad, math.tau)})

    def assent(self) -> Reply:
        """Return a nod, with a hum where that is wanted; never the same one twice in a row where there are more."""
        self._assents.append(self._assents.pop(0))
        return self._assents[-1]


def _yaw_rad(pelvis: np.ndarray) -> float:
    x, y, z, w = (float(v) for v in pelvis)
    return math.atan2(2 * (x * z + w * y), 1 - 2 * (x * x + y * y))


def _reply(clip: Clip, frames: int = 10_000, *, heard: bool = True) -> Reply:
    """Return the first frames of a clip as a reply, with silence where it has no sound or is not to be heard."""
    reply = Reply(0, 0, "behaviour")
    frames = min(frames, len(clip.root_m))
    pcm = np.zeros(frames * SAMPLES_PER_FRAME, np.int16)
    if heard:
        pcm[: len(clip.pcm)] = clip.pcm[: len(pcm)]
    for at in range(0, len(pcm), RATE_HZ):
        reply.add_audio(audio_frame(pcm[at : at + RATE_HZ], pts_us=at * 1_000_000 // RATE_HZ), 0.0)
    for at in range(0, frames, MAX_FRAMES):
        part, pts_us = slice(at, min(at + MAX_FRAMES, frames)), round(at * 1_000_000 / 30)
        reply.add_pose(pose_frame(clip.root_m[part], clip.rotations[part], codec=PoseCodec.F32, pts_us=pts_us))
        reply.add_face(face_frame(clip.face[part], pts_us=pts_us))
    reply.ended = reply.face_ended = True
    return reply

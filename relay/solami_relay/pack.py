"""The behaviour pack of a character, as far as the worker needs it: a sound of its own for a long thought."""

import asyncio
import math

import aiohttp
import numpy as np
from pydantic import ValidationError

from solami_protocol.behaviours import BehaviourPack, Clip
from solami_protocol.errors import InputError, ProtocolError, SolamiError, Unavailable
from solami_protocol.media import MAX_FRAMES, PoseCodec, audio_frame, face_frame, pose_frame
from solami_relay.reply_buffer import Reply

__all__ = ["Turnings", "fetch_pack", "filler_of"]

TIMEOUT_S = 5.0
TRIES = 6
MAX_PACK_BYTES = 16 << 20
FILLER_FRAMES = 36  # 1.2 s
PELVIS = 0


async def fetch_pack(http: aiohttp.ClientSession, model_url: str, character: str) -> BehaviourPack | SolamiError:
    """Return the character's pack, or the error that says why there is none (an unknown character among them)."""
    error: SolamiError = Unavailable("not asked")
    for attempt in range(TRIES):
        try:
            return await _fetch(http, f"{model_url}/v1/characters/{character}/behaviours", character)
        except Unavailable as exc:
            error = exc
            await asyncio.sleep(0.2 * 2**attempt)
        except SolamiError as exc:
            return exc
    return error


async def _fetch(http: aiohttp.ClientSession, url: str, character: str) -> BehaviourPack:
    try:
        async with asyncio.timeout(TIMEOUT_S), http.get(url) as response:
            if response.status == 404:
                raise InputError(f"there is no character {character!r}")
            if response.status != 200:
                raise Unavailable(f"{url} answered {response.status}")
            if (response.content_length or 0) > MAX_PACK_BYTES:
                raise ProtocolError(
                    "behaviours", f"{url} has {response.content_length} bytes, at most {MAX_PACK_BYTES}"
                )
            return BehaviourPack.model_validate_json(await response.read())
    except (aiohttp.ClientError, OSError, TimeoutError) as exc:
        raise Unavailable(f"{url}: {exc or 'no answer in time'}") from None
    except ValidationError as exc:
        raise ProtocolError("behaviours", f"{url} is no behaviour pack: {exc.errors()[0]['msg']}") from None


def filler_of(pack: BehaviourPack) -> Reply | None:
    """Return a reply made of the first thinking clip that has a sound, None when there is none."""
    for packed in pack.clips:
        if packed.state != "think":
            continue
        clip = packed.unpack()
        if np.any(clip.pcm):
            return _reply(clip, min(FILLER_FRAMES, len(clip.root_m)))
    return None


class Turnings:
    """The turns on the spot of a pack, chosen by their angle."""

    def __init__(self, pack: BehaviourPack) -> None:
        clips = [packed.unpack() for packed in pack.clips if packed.state == "turn"]
        # a clip ends facing +z: it begins turned away by what it turns
        self._replies = [(-_yaw_rad(clip.rotations[0, PELVIS]), _reply(clip, len(clip.root_m))) for clip in clips]

    def __bool__(self) -> bool:
        return bool(self._replies)

    def nearest(self, aside_rad: float) -> tuple[float, Reply]:
        """Return the turn that comes nearest to an angle (left is positive): what it turns by, and its media."""
        return min(self._replies, key=lambda turn: abs(math.remainder(turn[0] - aside_rad, math.tau)))


def _yaw_rad(pelvis: np.ndarray) -> float:
    x, y, z, w = (float(v) for v in pelvis)
    return math.atan2(2 * (x * z + w * y), 1 - 2 * (x * x + y * y))


def _reply(clip: Clip, frames: int) -> Reply:
    """Return the first frames of a clip as a reply, with silence where it has no sound."""
    reply = Reply(0, 0, "behaviour")
    pcm = np.zeros(frames * 800, np.int16)
    pcm[: len(clip.pcm)] = clip.pcm[: len(pcm)]
    for at in range(0, len(pcm), 24_000):
        reply.add_audio(audio_frame(pcm[at : at + 24_000], pts_us=at * 1_000_000 // 24_000), 0.0)
    for at in range(0, frames, MAX_FRAMES):
        part, pts_us = slice(at, min(at + MAX_FRAMES, frames)), round(at * 1_000_000 / 30)
        reply.add_pose(pose_frame(clip.root_m[part], clip.rotations[part], codec=PoseCodec.F32, pts_us=pts_us))
        reply.add_face(face_frame(clip.face[part], pts_us=pts_us))
    reply.ended = reply.face_ended = True
    return reply

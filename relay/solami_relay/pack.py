"""The behaviour pack of a character, as far as the worker needs it: a sound of its own for a long thought."""

import asyncio

import aiohttp
import numpy as np
from pydantic import ValidationError

from solami_protocol.behaviours import BehaviourPack
from solami_protocol.errors import InputError, ProtocolError, SolamiError, Unavailable
from solami_protocol.media import PoseCodec, audio_frame, face_frame, pose_frame
from solami_relay.reply_buffer import Reply

__all__ = ["fetch_pack", "filler_of"]

TIMEOUT_S = 5.0
TRIES = 6
MAX_PACK_BYTES = 16 << 20
FILLER_FRAMES = 36  # 1.2 s


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
        if not np.any(clip.pcm):
            continue
        reply = Reply(0, 0, "behaviour")
        frames = min(FILLER_FRAMES, len(clip.root_m))
        for at in range(0, min(len(clip.pcm), frames * 800), 24_000):
            pcm = clip.pcm[at : min(at + 24_000, frames * 800)]
            reply.add_audio(audio_frame(pcm, pts_us=at * 1_000_000 // 24_000), 0.0)
        reply.add_pose(pose_frame(clip.root_m[:frames], clip.rotations[:frames], codec=PoseCodec.F32, pts_us=0))
        reply.add_face(face_frame(clip.face[:frames], pts_us=0))
        reply.ended = reply.face_ended = True
        return reply
    return None

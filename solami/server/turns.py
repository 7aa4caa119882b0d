"""`POST /v1/turns`: one whole turn over plain HTTP, answered as NDJSON while the reply is made."""

import asyncio
import base64
import json
import tempfile
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import numpy as np
from aiohttp import MultipartReader, web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from solami.brain import Act, Exchange, Turn
from solami.perception import Perception
from solami.server.engines import Engines
from solami.server.faults import Faults
from solami.server.live import ENGINES
from solami.server.seen import describe, pose_times_us
from solami.server.tape import Outgoing, Tape
from solami.speech import Transcript
from solami.speech.recordings import read_recording
from solami_protocol.errors import InputError
from solami_protocol.live import Exchange as WireExchange
from solami_protocol.live import PerceptSeen, TranscriptSeen, WordTime
from solami_protocol.messages import Message
from solami_protocol.skeleton import FPS, JOINT_COUNT
from solami_tokenizers.motion import read_motion, resample

__all__ = ["TurnRequest", "post_turn"]

MAX_PART_BYTES = 24 * 2**20
MAX_BODY_BYTES = 32 * 2**20
BODY_S = 5.0


class TurnRequest(BaseModel):
    """The `turn` part: JSON. `text` stands for words when there is no audio."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    character: str
    text: str = Field("", max_length=4000)
    brain: str | None = None
    user_name: str = Field("", max_length=64)
    locale: str = Field("en", max_length=16)
    history: list[WireExchange] = Field(default=[], max_length=64)


async def post_turn(request: web.Request) -> web.StreamResponse:
    """Answer one turn. 400 names what was wrong; 503 with Retry-After when the server is full."""
    engines = request.app[ENGINES]
    async with _slot(engines):
        parts = await _parts(request)
        asked = _asked(parts.get("turn"))
        messages = _answer(engines, asked, parts)
        if "application/json" in request.headers.get("Accept", ""):
            return web.json_response({"events": [_event(m) async for m in messages]})
        # the first event is made before the status is sent, so that bad input still gets its 400
        first = await anext(messages)
        response = web.StreamResponse(headers={"Content-Type": "application/x-ndjson"})
        await response.prepare(request)
        try:
            await response.write(_line(first))
            async for message in messages:
                await response.write(_line(message))
        finally:
            await messages.aclose()
        engines.metrics.turns.inc()
        await response.write_eof()
        return response


@asynccontextmanager
async def _slot(engines: Engines) -> AsyncIterator[None]:
    if engines.turns >= engines.settings.max_turns:
        raise web.HTTPServiceUnavailable(text="all turns are taken; try again", headers={"Retry-After": "1"})
    engines.turns += 1
    try:
        yield
    finally:
        engines.turns -= 1


async def _parts(request: web.Request) -> dict[str, bytes]:
    if (request.content_length or 0) > MAX_BODY_BYTES:
        limit = MAX_BODY_BYTES >> 20
        raise InputError(f"the request claims {request.content_length} bytes, the limit is {limit} MB")
    if not request.content_type.startswith("multipart/"):
        raise InputError("the body must be multipart/form-data with a part `turn` (JSON), and `audio` or `motion`")
    try:
        async with asyncio.timeout(BODY_S):
            return {name: data async for name, data in _read_parts(await request.multipart())}
    except TimeoutError:
        raise InputError(f"the body did not arrive within {BODY_S:.0f} s") from None
    except ValueError as exc:
        raise InputError(f"the body is not readable multipart: {exc}") from None


async def _read_parts(reader: MultipartReader) -> AsyncIterator[tuple[str, bytes]]:
    async for part in reader:
        name = getattr(part, "name", None)
        if name not in ("turn", "audio", "motion"):
            raise InputError(f"unknown part {name!r}; expected turn, audio, motion")
        data = bytearray()
        while chunk := await part.read_chunk(65536):  # type: ignore[union-attr]
            data += chunk
            if len(data) > MAX_PART_BYTES:
                raise InputError(f"part {name}: larger than {MAX_PART_BYTES >> 20} MB")
        yield name, bytes(data)


def _asked(raw: bytes | None) -> TurnRequest:
    if raw is None:
        raise InputError('part `turn` is missing: JSON with at least {"character": ...}')
    try:
        return TurnRequest.model_validate_json(raw)
    except ValidationError as exc:
        error = exc.errors()[0]
        raise InputError(f"turn.{'.'.join(map(str, error['loc']))}: {error['msg']}") from None


async def _answer(engines: Engines, asked: TurnRequest, parts: dict[str, bytes]) -> AsyncGenerator[Outgoing, None]:
    card = engines.character(asked.character)
    loop = asyncio.get_running_loop()
    text, other = asked.text, ""
    acts: tuple[Act, ...] = ()
    if "audio" in parts:
        heard = await loop.run_in_executor(engines.ear_threads, _transcribe, engines, asked, parts["audio"])
        text, other = heard.text, heard.other
        words = [WordTime(w=w.w, t_ms=w.t_ms, d_ms=w.d_ms) for w in heard.words]
        yield TranscriptSeen(turn=1, text=text, words=words, complete=heard.complete, confidence=heard.confidence)
    if "motion" in parts:
        seen = await loop.run_in_executor(None, _perceive, parts["motion"])
        acts = tuple(Act(a.name, a.confidence, a.side) for a in seen.acts if a.phase == "began")
        yield seen
    if not (text or acts):
        raise InputError("nothing to answer: no words were heard and no act was seen; send audio, motion or text")
    turn = Turn(
        number=1,
        cause="voice" if "audio" in parts else "text" if text else "act",
        text=text,
        other=other,
        acts=acts,
        history=_history(asked),
        user_name=asked.user_name,
        locale=asked.locale,
    )
    tape = Tape(engines.brain(card, asked.brain), turn)
    tape.begin(engines.settings.turn_limit_s, lambda exc: engines.failed("brain", exc))
    faults = Faults()
    try:
        async for message in tape.play():
            if faults.news(message):
                yield message
    finally:
        await tape.stop()


def _history(asked: TurnRequest) -> tuple[Exchange, ...]:
    return tuple(Exchange(e.user, e.character, e.interrupted) for e in asked.history)


def _transcribe(engines: Engines, asked: TurnRequest, data: bytes) -> Transcript:
    recording = read_recording(data)
    brain = engines.brain(engines.character(asked.character), asked.brain)
    recogniser = engines.open_recogniser(brain, _history(asked))
    try:
        for at in range(0, len(recording.pcm), 3200):
            recogniser.feed(recording.pcm[at : at + 3200])
        return recogniser.pause()
    finally:
        recogniser.close()


def _perceive(data: bytes) -> PerceptSeen:
    suffix = ".npz" if data[:2] == b"PK" else ".bvh"
    with tempfile.NamedTemporaryFile(suffix=suffix) as file:  # the readers look into files, not into memory
        file.write(data)
        file.flush()
        clip = resample(read_motion(Path(file.name)), FPS)
    perception = Perception()
    measured = np.full((len(clip.root_m), JOINT_COUNT), 2, np.uint8)
    percepts = perception.feed(pose_times_us(0, len(clip.root_m)), clip.root_m, clip.rotations, measured)
    percepts += perception.wait(int(clip.frames * 1e6 / FPS) + 1_000_000)
    acts, tracking = describe(percepts)
    return PerceptSeen(turn=1, acts=acts, tracking=tracking)


def _event(message: Outgoing) -> dict[str, Any]:
    if isinstance(message, Message):
        return json.loads(message.encode())
    return {"type": "media", "frame": base64.b64encode(message.encode()).decode()}


def _line(message: Outgoing) -> bytes:
    return json.dumps(_event(message)).encode() + b"\n"

"""The audio2face service: `python -m solami.server.face [CONFIG.yaml] [key=value ...]` (DESIGN 3.10).

`WS /v1/face` animates one session; `POST /v1/face` a whole file. The work is a few milliseconds for a second of sound,
so sockets are served in the loop; whole files, which may be long, in a thread.
"""

import asyncio
import io
import json
import sys
import time
from typing import Any

import numpy as np
import soxr
from aiohttp import BodyPartReader, WSCloseCode, WSMsgType, web
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from pydantic import Field, FiniteFloat, TypeAdapter, ValidationError

from solami.audio2face import FPS, animate, style_of
from solami.audio2face.live_link import live_link_csv
from solami.audio2face.session import FaceLimits, FaceSession, Out
from solami.server.process import bearer_middleware, serve_until_signal, set_up_logs
from solami.speech.recordings import read_recording
from solami_protocol.arkit import FACE_NAMES
from solami_protocol.errors import CLOSE_CODES, InputError, ProtocolError, SolamiError
from solami_protocol.face import FaceError
from solami_protocol.live import PhoneTime
from solami_protocol.media import MediaFrame
from solami_protocol.messages import MAX_MESSAGE_BYTES
from solami_protocol.phones import Phone
from solami_protocol.settings import Settings, load_settings

__all__ = ["FaceSettings", "build_face_app", "main"]

MAX_BODY_BYTES = 64 * 2**20
BODY_S = 20.0  # an upload that takes longer is given up
SEND_S = 5.0  # a client that does not read for so long is closed with 4408
CLOSE_S = 1.0


class FaceSettings(Settings):
    """Settings of the face service (`configs/face.yaml`, `SOLAMI_FACE_...`, `key=value`)."""

    host: str = "127.0.0.1"
    port: int = Field(8767, ge=0, le=65535)
    style: dict[str, float] = {}
    """Defaults of every session: jaw_gain, lip_gain, brow_gain, smile, blinks_per_min, seed."""
    max_sessions: int = Field(256, gt=0)
    max_epochs: int = Field(8, gt=0)
    """Epochs that one session may have open at a time."""
    max_epoch_s: float = Field(600.0, gt=0)
    max_files: int = Field(2, gt=0)
    """Whole files worked on at a time; more wait."""


class _Metrics:
    """`solami_face_<what>_<unit>` of one process."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        r: dict[str, Any] = {"registry": self.registry}
        self.sessions = Gauge("solami_face_sessions_open", "Sockets open.", **r)
        self.epochs = Counter("solami_face_epochs", "Epochs by how they ended.", ["end"], **r)
        self.no_phones = Counter("solami_face_epochs_without_phones", "Epochs animated from the sound alone.", **r)
        self.frames = Counter("solami_face_frames", "Face frames made.", **r)
        self.sound_s = Counter("solami_face_sound_seconds", "Sound taken in.", **r)
        self.errors = Counter("solami_face_errors", "Refused input by error code.", ["code"], **r)
        steps = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.04, 0.1, 0.5)
        self.message_s = Histogram("solami_face_message_seconds", "Work for one message.", buckets=steps, **r)

    def took(self, session: FaceSession) -> None:
        """Add what `session` has counted since the last call."""
        self.frames.inc(session.frames_sent)
        self.sound_s.inc(session.samples_heard / 24_000)
        self.epochs.labels("ended").inc(session.epochs_ended)
        self.epochs.labels("cancelled").inc(session.epochs_cancelled)
        self.no_phones.inc(session.epochs_without_phones)
        session.frames_sent = session.samples_heard = session.epochs_ended = 0
        session.epochs_cancelled = session.epochs_without_phones = 0


_SETTINGS = web.AppKey("settings", FaceSettings)
_METRICS = web.AppKey("metrics", _Metrics)
_FILES = web.AppKey("files", asyncio.Semaphore)
_SOCKETS = web.AppKey("sockets", set[web.WebSocketResponse])


def build_face_app(settings: FaceSettings) -> web.Application:
    """Return the service as an aiohttp application. Raises InputError for a style that cannot be used."""
    style_of(settings.style)
    app = web.Application(middlewares=[bearer_middleware, _errors_as_json], client_max_size=MAX_BODY_BYTES)
    app[_SETTINGS], app[_METRICS], app[_SOCKETS] = settings, _Metrics(), set()
    app[_FILES] = asyncio.Semaphore(settings.max_files)
    app.on_startup.append(_warm_up)
    app.on_shutdown.append(_close_sockets)
    app.add_routes(
        [
            web.get("/livez", _ok),
            web.get("/readyz", _ok),
            web.get("/metrics", _show_metrics),
            web.get("/v1/face", _socket),
            web.post("/v1/face", _whole_file),
        ]
    )
    return app


async def _warm_up(_app: web.Application) -> None:
    phones = [Phone("hh", 0, 60), Phone("eh", 60, 90), Phone("l", 150, 60), Phone("ow", 210, 150)]
    animate(np.zeros(12_000, np.int16), phones)


async def _close_sockets(app: web.Application) -> None:
    closing = [
        asyncio.create_task(ws.close(code=WSCloseCode.GOING_AWAY, message=b"the face service stops"))
        for ws in app[_SOCKETS]
    ]
    if closing:
        _, late = await asyncio.wait(closing, timeout=CLOSE_S)
        for task in late:
            task.cancel()


@web.middleware
async def _errors_as_json(request: web.Request, handler: Any) -> web.StreamResponse:
    try:
        return await handler(request)
    except (InputError, ProtocolError) as exc:
        request.app[_METRICS].errors.labels(exc.code).inc()
        return web.json_response({"error": {"code": exc.code, "message": str(exc)}}, status=400)


async def _ok(_request: web.Request) -> web.Response:
    return web.Response(text="ok\n")


async def _show_metrics(request: web.Request) -> web.Response:
    return web.Response(body=generate_latest(request.app[_METRICS].registry), content_type="text/plain")


# ---- one session


async def _socket(request: web.Request) -> web.StreamResponse:
    settings, sockets = request.app[_SETTINGS], request.app[_SOCKETS]
    if len(sockets) >= settings.max_sessions:
        return web.Response(status=503, headers={"Retry-After": "2"}, text=f"{len(sockets)} sessions are open\n")
    # larger than the contract allows, so that a message that is too large is answered instead of ending the session
    ws = web.WebSocketResponse(max_msg_size=16 * MAX_MESSAGE_BYTES, heartbeat=20.0, timeout=CLOSE_S)
    await ws.prepare(request)
    sockets.add(ws)
    request.app[_METRICS].sessions.set(len(sockets))
    limits = FaceLimits(epochs=settings.max_epochs, epoch_s=settings.max_epoch_s)
    session = FaceSession(style=style_of(settings.style), limits=limits)
    try:
        async for message in ws:
            if message.type in (WSMsgType.TEXT, WSMsgType.BINARY):
                await _send(ws, _answer(session, message.data, request.app[_METRICS]))
    except (TimeoutError, ConnectionError):
        slow = CLOSE_CODES["too_slow"]
        await ws.close(code=slow.code, message=slow.reason.encode(), drain=False)
    finally:
        sockets.discard(ws)
        request.app[_METRICS].sessions.set(len(sockets))
    return ws


def _answer(session: FaceSession, data: str | bytes, metrics: _Metrics) -> list[Out]:
    began = time.perf_counter()
    if len(data) > MAX_MESSAGE_BYTES:
        message = f"{len(data)} bytes, expected at most {MAX_MESSAGE_BYTES}"
        answers: list[Out] = [FaceError(code="too_large", message=message)]
    else:
        answers = session.text(data) if isinstance(data, str) else session.binary(data)
    for answer in answers:
        if isinstance(answer, FaceError):
            metrics.errors.labels(answer.code).inc()
    metrics.took(session)
    metrics.message_s.observe(time.perf_counter() - began)
    return answers


async def _send(ws: web.WebSocketResponse, answers: list[Out]) -> None:
    async with asyncio.timeout(SEND_S):
        for answer in answers:
            if isinstance(answer, MediaFrame):
                await ws.send_bytes(answer.encode())
            else:
                await ws.send_str(answer.encode())


# ---- a whole file

_PHONES: TypeAdapter[list[PhoneTime]] = TypeAdapter(list[PhoneTime])
_WEIGHTS: TypeAdapter[dict[str, float]] = TypeAdapter(dict[str, FiniteFloat])


async def _whole_file(request: web.Request) -> web.Response:
    """Answer a recording's face: npz (`face` (T, 52), `fps`, `names`), or Live Link Face CSV for `Accept: text/csv`."""
    kind = _accepted(request.headers.get("Accept", "*/*"))
    if (request.content_length or 0) > MAX_BODY_BYTES:
        raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, request.content_length or 0)
    try:
        async with asyncio.timeout(BODY_S):
            parts = await _parts(request)
    except TimeoutError:
        raise web.HTTPRequestTimeout(text=f"the upload took more than {BODY_S:g} s\n") from None
    async with request.app[_FILES]:
        body, mouth = await asyncio.to_thread(_animated, parts, request.app[_SETTINGS], kind)
    content_type = "text/csv" if kind == "csv" else "application/octet-stream"
    headers = {"X-Solami-Mouth": mouth, "Content-Disposition": f'attachment; filename="face.{kind}"'}
    return web.Response(body=body, content_type=content_type, headers=headers)


def _accepted(accept: str) -> str:
    wanted = {part.split(";")[0].strip().lower() for part in accept.split(",")}
    if "text/csv" in wanted:
        return "csv"
    if wanted & {"", "*/*", "application/*", "application/octet-stream", "application/x-npz", "application/zip"}:
        return "npz"
    raise web.HTTPNotAcceptable(text="this route answers text/csv or application/octet-stream (npz)\n")


async def _parts(request: web.Request) -> dict[str, bytes]:
    """Return the body's parts by name: `audio`, and `phones`, `style`, `affect` (JSON) where sent as multipart."""
    if not request.content_type.startswith("multipart/"):
        return {"audio": await request.read()}
    parts: dict[str, bytes] = {}
    try:
        async for part in await request.multipart():
            name = part.name if isinstance(part, BodyPartReader) else None
            if not isinstance(part, BodyPartReader) or name not in ("audio", "phones", "style", "affect"):
                raise InputError(f"part {str(name)[:40]!r}: expected audio, phones, style or affect")
            parts[name] = await _bounded(part, MAX_BODY_BYTES - sum(map(len, parts.values())))
    except ValueError as exc:
        raise InputError(f"multipart body: {exc}") from None
    if "audio" not in parts:
        raise InputError("multipart body: there is no part named 'audio'")
    return parts


async def _bounded(part: BodyPartReader, room: int) -> bytes:
    data = bytearray()
    while piece := await part.read_chunk():
        data += piece
        if len(data) > room:
            raise web.HTTPRequestEntityTooLarge(MAX_BODY_BYTES, MAX_BODY_BYTES + 1)
    return bytes(data)


def _animated(parts: dict[str, bytes], settings: FaceSettings, kind: str) -> tuple[bytes, str]:
    """Return the answer's body and what moved the mouth: `phones` or `sound`."""
    recording = read_recording(parts["audio"])
    pcm = np.clip(soxr.resample(recording.pcm.astype(np.float32), 16_000, 24_000), -32768, 32767).astype(np.int16)
    phones = [Phone(p.p, p.t_ms, p.d_ms) for p in _json(parts, "phones", _PHONES, [])]
    style = style_of(_json(parts, "style", _WEIGHTS, {}), style_of(settings.style))
    face = animate(pcm, phones, style, affect=_json(parts, "affect", _WEIGHTS, {}))
    if kind == "csv":
        return live_link_csv(face, FPS).encode(), "phones" if phones else "sound"
    packed = io.BytesIO()
    np.savez_compressed(packed, face=face, fps=np.array(FPS), names=np.array(FACE_NAMES))
    return packed.getvalue(), "phones" if phones else "sound"


def _json(parts: dict[str, bytes], name: str, adapter: TypeAdapter[Any], default: Any) -> Any:
    if name not in parts:
        return default
    try:
        return adapter.validate_python(json.loads(parts[name]))
    except ValidationError as exc:
        first = exc.errors()[0]
        raise InputError(f"{name}.{'.'.join(str(p) for p in first['loc'])}: {first['msg']}") from None
    except (ValueError, RecursionError) as exc:
        raise InputError(f"{name}: not JSON: {exc}") from None


def main(argv: list[str] | None = None) -> int:
    """Run the service until SIGTERM or Ctrl-C. Returns the exit status."""
    args = sys.argv[1:] if argv is None else argv
    path = args[0] if args and "=" not in args[0] else None
    set_up_logs()
    try:
        settings = load_settings(FaceSettings, "face", path, args[1:] if path else args)
        asyncio.run(serve_until_signal(build_face_app(settings), settings.host, settings.port))
    except SolamiError as exc:
        print(f"face service: {exc}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())

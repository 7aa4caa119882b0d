"""The first exchange on a socket: `hello` up, `ready` down, and what the client missed (DESIGN 3.2)."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import WSMsgType, web

from solami_protocol import control
from solami_protocol.arkit import FACE_NAMES
from solami_protocol.clock import wall_us
from solami_protocol.errors import ProtocolError
from solami_protocol.skeleton import JOINTS, PARENTS, REST_OFFSETS
from solami_relay.bus import Bus, DownEntry, NoSession, SessionMeta
from solami_relay.goodbye import Goodbye, PeerLeft
from solami_relay.replay import replay
from solami_relay.settings import RelaySettings
from solami_relay.tokens import TokenError, Tokens

__all__ = ["Opened", "read_hello", "shake_hands"]

PROTOCOL = 1
_JOINTS = list(JOINTS)
_PARENTS = [int(p) for p in PARENTS]
_REST_OFFSETS = [[round(float(x), 5) for x in row] for row in REST_OFFSETS]
_FACE_NAMES = list(FACE_NAMES)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A socket that said hello. `seq`: the last one covered by `missed`; `socket`: its number in the session."""

    sid: str
    socket: int
    hello: control.Hello
    ready: control.Ready
    missed: list[str | bytes]
    seq: int


async def read_hello(ws: web.WebSocketResponse, deadline_s: float) -> control.Hello:
    """Return the client's first message. Raises Goodbye when it is something else or does not come, PeerLeft."""
    try:
        async with asyncio.timeout(deadline_s):
            message = await ws.receive()
    except TimeoutError:
        raise Goodbye("bad_message", f"no hello within {deadline_s:g} s") from None
    if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
        raise PeerLeft("closed before hello")
    if message.type is WSMsgType.BINARY:
        raise Goodbye("bad_message", "the first message must be hello (JSON text), not a media frame")
    try:
        hello = control.read_up(message.data)
    except ProtocolError as exc:
        raise Goodbye("bad_message", str(exc)) from None
    if not isinstance(hello, control.Hello):
        raise Goodbye("bad_message", "the first message must be hello")
    if PROTOCOL not in hello.protocol:
        raise Goodbye("bad_message", f"this relay speaks protocol {PROTOCOL}, the client {hello.protocol}")
    return hello


async def shake_hands(hello: control.Hello, bus: Bus, tokens: Tokens, settings: RelaySettings) -> Opened:
    """Return the opened socket, which is now the session's newest. Raises Goodbye, BusDown."""
    try:
        sid = tokens.session_of(hello.token)
        number = await bus.claim_socket(sid, resumes=hello.resume is not None)
    except TokenError as exc:
        raise Goodbye("token", str(exc)) from None
    except NoSession:
        raise Goodbye("no_session") from None
    entries = await _missed_entries(bus, sid, hello.resume)
    meta = await bus.session(sid)
    if meta is None:
        raise Goodbye("no_session")
    await bus.touch(sid, settings.session_ttl_s)
    ready = _ready(meta, hello, settings, bus.incarnation, recovered=entries is not None)
    missed, seq = _what_follows(meta, hello.resume, entries)
    return Opened(sid=sid, socket=number, hello=hello, ready=ready, missed=list(missed), seq=seq)


async def _missed_entries(bus: Bus, sid: str, resume: control.Resume | None) -> list[DownEntry] | None:
    if resume is None or (resume.incarnation and resume.incarnation != bus.incarnation):
        return None
    return await bus.down_range(sid, resume.seq)


def _what_follows(
    meta: SessionMeta, resume: control.Resume | None, entries: list[DownEntry] | None
) -> tuple[Iterator[str | bytes], int]:
    if entries is not None:
        assert resume is not None
        return replay(entries, meta.over_epoch), entries[-1].seq if entries else resume.seq
    if meta.seq == 0:
        return iter(()), 0  # nothing has happened yet
    snapshot = control.Snapshot.model_validate(
        {"state": meta.state, "epoch": meta.epoch, "character": meta.character}
    )  # fmt: skip
    return iter((snapshot.encode(),)), meta.seq


def _ready(
    meta: SessionMeta, hello: control.Hello, settings: RelaySettings, incarnation: str, *, recovered: bool
) -> control.Ready:
    # the client names what it can decode in the order of its liking
    pose_codec = hello.capabilities.pose_codecs[0] if hello.capabilities.pose_codecs else "s48"
    codec = hello.capabilities.audio_codecs[0] if hello.capabilities.audio_codecs else "pcm16"
    audio = control.AudioPair(
        up=control.AudioFormat(rate=16_000, codec=codec), down=control.AudioFormat(rate=24_000, codec=codec)
    )
    return control.Ready(
        sid=meta.sid, protocol=PROTOCOL, audio=audio, joints=_JOINTS, parents=_PARENTS, rest_offsets=_REST_OFFSETS,
        face_names=_FACE_NAMES, pose_codec=pose_codec, server_time_us=wall_us(), incarnation=incarnation,
        recovered=recovered, up_seq=meta.up_seq, character=meta.character, ai_disclosure=settings.ai_disclosure,
    )  # fmt: skip

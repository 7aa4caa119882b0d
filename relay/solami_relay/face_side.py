"""The session's side of the audio2face service: phones and sound of replies go up, face frames come back.

The service is a pure function of what it is given, so speculative replies may use it. When it is away, replies know
that no face comes (`face_lost`).
"""

from collections.abc import Callable, Sequence

import aiohttp

from solami_protocol.face import (
    FaceCancel,
    FaceEnd,
    FaceEnded,
    FaceError,
    FaceOpen,
    FacePhones,
    FaceStart,
    read_face_server,
)
from solami_protocol.live import PhoneTime
from solami_protocol.media import MediaFrame
from solami_relay.health import Health
from solami_relay.reply_buffer import Reply
from solami_relay.upstream import Link, LinkDown, LinkEvent, LinkMessage, LinkUp
from solami_relay.worker_settings import WorkerSettings

__all__ = ["FaceSide"]

PART = "audio2face"


class FaceSide:
    """Replies that want a face, by their number on the service's socket."""

    def __init__(
        self,
        settings: WorkerSettings,
        http: aiohttp.ClientSession,
        health: Health,
        tell: Callable[[LinkEvent], None],
    ) -> None:
        self._health = health
        self._replies: dict[int, Reply] = {}
        self.link = Link(
            PART, f"{settings.face_url}/v1/face", settings.link, http,
            hello=FaceOpen, read=read_face_server, tell=tell,
        )  # fmt: skip

    def begin(self, reply: Reply) -> None:
        """A reply begins; its phones and sound will follow."""
        if self.link.up:
            self._replies[reply.number] = reply
        else:
            reply.face_lost = True

    def phones(self, reply: Reply, phones: Sequence[PhoneTime]) -> None:
        """Send phones of sound that is still to come."""
        self._start(reply, phones=True)
        self._send(reply, FacePhones(epoch=reply.number, phones=list(phones)))

    def sound(self, reply: Reply, frame: bytes) -> None:
        """Send sound; the frame's epoch is the reply's number."""
        self._start(reply, phones=False)
        self._send(reply, frame)

    def _start(self, reply: Reply, *, phones: bool) -> None:
        if not reply.face_begun and not reply.face_lost:
            reply.face_begun = True
            self._send(reply, FaceStart(epoch=reply.number, affect=reply.affect, phones=phones))

    def _send(self, reply: Reply, content: FacePhones | FaceStart | FaceEnd | bytes) -> None:
        if reply.number in self._replies and not self.link.send(content):
            self._lose(reply)

    def end(self, reply: Reply) -> None:
        """No more sound will come."""
        if reply.face_begun:
            self._send(reply, FaceEnd(epoch=reply.number))
        else:
            reply.face_ended = True

    def cancel(self, reply: Reply) -> None:
        """The reply is dropped."""
        if self._replies.pop(reply.number, None) is not None and reply.face_begun and not reply.face_ended:
            self.link.send(FaceCancel(epoch=reply.number))

    def _lose(self, reply: Reply) -> None:
        self._replies.pop(reply.number, None)
        reply.face_lost = not reply.face_ended

    def on(self, event: LinkEvent) -> None:
        """Take in what the service sent, or that it came or went."""
        match event:
            case LinkUp():
                self._health.restored(PART)
            case LinkDown(why=why):
                for reply in list(self._replies.values()):
                    self._lose(reply)
                self._health.degraded(PART, f"the face follows the loudness of the voice: {why}")
            case LinkMessage(content=MediaFrame() as frame):
                if frame.epoch in self._replies:
                    self._replies[frame.epoch].add_face(frame)
            case LinkMessage(content=FaceEnded(epoch=number)):
                if number in self._replies:
                    self._replies.pop(number).face_ended = True
            case LinkMessage(content=FaceError(epoch=failed, message=message)):
                if failed is not None and failed in self._replies:
                    self._lose(self._replies[failed])
                    self._health.degraded(PART, message)

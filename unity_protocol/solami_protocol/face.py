"""Messages between worker and audio2face service on `WS /v1/face` (DESIGN 3.10). One socket a session.

Media share the socket: audio frames PCM16 mono 24 kHz up, face frames down, epoch in the header, pts from the epoch's
first sample.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from solami_protocol.live import PhoneTime
from solami_protocol.messages import Message, read

__all__ = [
    "FaceCancel",
    "FaceClientMessage",
    "FaceEnd",
    "FaceEnded",
    "FaceError",
    "FaceOpen",
    "FaceOpened",
    "FacePhones",
    "FaceServerMessage",
    "FaceStart",
    "read_face_client",
    "read_face_server",
]

Epoch = Annotated[int, Field(ge=0, le=2**32 - 1)]


class FaceOpen(Message):
    """First message."""

    type: Literal["open"] = "open"
    fps: Literal[30] = 30
    style: dict[str, float] = {}


class FaceStart(Message):
    """An epoch begins. `affect`: weights 0 to 1 (joy, sadness, anger, surprise), held under the lips.
    `phones`: True promises phones before their audio; False means that the animator has the sound alone."""

    type: Literal["start"] = "start"
    epoch: Epoch
    affect: dict[str, float] = {}
    phones: bool = True


class FacePhones(Message):
    """Phones of coming audio, times from the epoch's first sample."""

    type: Literal["phones"] = "phones"
    epoch: Epoch
    phones: list[PhoneTime] = Field(max_length=2000)


class FaceEnd(Message):
    """No more audio; the rest of the frames follow, then `ended`."""

    type: Literal["end"] = "end"
    epoch: Epoch


class FaceCancel(Message):
    """Forget the epoch; nothing more of it is sent."""

    type: Literal["cancel"] = "cancel"
    epoch: Epoch


FaceClientMessage = FaceOpen | FaceStart | FacePhones | FaceEnd | FaceCancel
_CLIENT: TypeAdapter[FaceClientMessage] = TypeAdapter(Annotated[FaceClientMessage, Field(discriminator="type")])


class FaceOpened(Message):
    """The service is ready for this session; which animator answers."""

    type: Literal["opened"] = "opened"
    animator: str


class FaceEnded(Message):
    """All `frames` face frames of the epoch have been sent."""

    type: Literal["ended"] = "ended"
    epoch: Epoch
    frames: int


class FaceError(Message):
    """Something was wrong with what was sent; the connection lives on."""

    type: Literal["error"] = "error"
    code: str
    message: str
    epoch: Epoch | None = None


FaceServerMessage = FaceOpened | FaceEnded | FaceError
_SERVER: TypeAdapter[FaceServerMessage] = TypeAdapter(Annotated[FaceServerMessage, Field(discriminator="type")])


def _types(union: Any) -> frozenset[str]:
    return frozenset(model.model_fields["type"].default for model in union.__args__)


def read_face_client(text: str | bytes) -> FaceClientMessage | None:
    """Return the worker's message, None for an unknown type. Raises ProtocolError."""
    return read(text, _CLIENT, _types(FaceClientMessage))


def read_face_server(text: str | bytes) -> FaceServerMessage | None:
    """Return the service's message, None for an unknown type. Raises ProtocolError."""
    return read(text, _SERVER, _types(FaceServerMessage))

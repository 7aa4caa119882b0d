"""What a client of `/v1/realtime` may say: OpenAI's Realtime events (GA names), as far as a character follows them.

Source of names and shapes: the types of the official `openai` client. `solami.pose.append` is an extension.
"""

import base64
import binascii
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from solami_protocol.errors import SolamiError

__all__ = [
    "AudioAppend",
    "AudioClear",
    "AudioCommit",
    "ClientEvent",
    "EventError",
    "ItemCreate",
    "ItemTruncate",
    "PoseAppend",
    "ResponseCancel",
    "ResponseCreate",
    "SessionUpdate",
    "audio_of",
    "read_event",
]

RATE_HZ = 24_000


class EventError(SolamiError):
    """An event that cannot be followed; `param` names the field, `event_id` the client's own id."""

    def __init__(self, code: str, message: str, param: str = "", event_id: str = "") -> None:
        super().__init__(message)
        self.code = code
        self.param = param
        self.event_id = event_id


class _Part(BaseModel):
    model_config = ConfigDict(extra="ignore")
    event_id: str = Field("", max_length=512)


class _Format(_Part):
    type: Literal["audio/pcm"] = "audio/pcm"
    rate: Literal[24000] = 24000


class _Input(_Part):
    format: _Format = _Format()
    turn_detection: dict[str, Any] | None = None


class _Output(_Part):
    format: _Format = _Format()


class _Audio(_Part):
    input: _Input = _Input()
    output: _Output = _Output()


class _Session(_Part):
    type: Literal["realtime"] = "realtime"
    output_modalities: list[Literal["audio"]] = ["audio"]
    audio: _Audio = _Audio()

    @property
    def turn_detection(self) -> dict[str, Any] | Literal["as it is"] | None:
        """What the client wants: None (it commits by itself), a dict, or no change."""
        named = "turn_detection" in self.audio.input.model_fields_set
        return self.audio.input.turn_detection if named else "as it is"


class SessionUpdate(_Part):
    """Change the session. What a character cannot follow (instructions, tools, voice) is left out of the answer."""

    type: Literal["session.update"]
    session: _Session


class AudioAppend(_Part):
    """24 kHz PCM16 mono, base64."""

    type: Literal["input_audio_buffer.append"]
    audio: str


class AudioCommit(_Part):
    """The buffer is a user message; needed without turn detection only."""

    type: Literal["input_audio_buffer.commit"]


class AudioClear(_Part):
    """Forget the buffer."""

    type: Literal["input_audio_buffer.clear"]


class _Content(_Part):
    type: Literal["input_text", "input_audio"]
    text: str = Field("", max_length=4000)
    audio: str = ""


class _Item(_Part):
    id: str = Field("", max_length=64)
    type: Literal["message"] = "message"
    role: Literal["user"]
    content: list[_Content] = Field(min_length=1, max_length=16)


class ItemCreate(_Part):
    """A user message in words or sound."""

    type: Literal["conversation.item.create"]
    item: _Item


class ItemTruncate(_Part):
    """Of this reply only so much was heard."""

    type: Literal["conversation.item.truncate"]
    item_id: str
    content_index: int = 0
    audio_end_ms: int = Field(ge=0)


class ResponseCreate(_Part):
    """Answer what was added."""

    type: Literal["response.create"]


class ResponseCancel(_Part):
    """Stop the answer."""

    type: Literal["response.cancel"]
    response_id: str = ""


class PoseAppend(_Part):
    """The user's body: one media frame of protocol version 1 with validity, base64."""

    type: Literal["solami.pose.append"]
    frame: str


ClientEvent = (
    SessionUpdate | AudioAppend | AudioCommit | AudioClear | ItemCreate | ItemTruncate | ResponseCreate
    | ResponseCancel | PoseAppend
)  # fmt: skip
_EVENT: TypeAdapter[ClientEvent] = TypeAdapter(Annotated[ClientEvent, Field(discriminator="type")])


def read_event(text: str) -> ClientEvent:
    """Return the event of a JSON text. Raises EventError, which says what was wrong with which field."""
    try:
        return _EVENT.validate_json(text)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"][1:])
        known = first["type"] not in ("union_tag_invalid", "union_tag_not_found", "json_invalid")
        code = "invalid_value" if known else "invalid_event"
        raise EventError(code, f"{where or 'event'}: {first['msg']}", where) from None


def audio_of(text: str, param: str) -> bytes:
    """Return PCM16 bytes of base64. Raises EventError."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise EventError("invalid_value", f"{param}: expected base64", param) from None
    if len(data) % 2:
        raise EventError("invalid_value", f"{param}: {len(data)} bytes, expected 16-bit samples", param)
    return data

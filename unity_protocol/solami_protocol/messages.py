"""How JSON messages are modelled and read: a frozen pydantic model a type, unknown types and fields ignored."""

import json
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from solami_protocol.errors import ProtocolError

__all__ = ["MAX_MESSAGE_BYTES", "Message", "encode", "read"]

MAX_MESSAGE_BYTES = 64 * 1024


class Message(BaseModel):
    """A control message. Fields that are not known are ignored, so that newer peers can add some."""

    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    type: str

    def encode(self) -> str:
        """Return the JSON text; fields that are None are left out."""
        return self.model_dump_json(exclude_none=True)


M = TypeVar("M")


def read(text: str | bytes, adapter: TypeAdapter[M], known: frozenset[str]) -> M | None:
    """Return the message of `text`, or None when its type is not one of `known`.

    Raises ProtocolError that names the field.
    """
    if len(text) > MAX_MESSAGE_BYTES:
        raise ProtocolError("message", f"{len(text)} bytes, expected at most {MAX_MESSAGE_BYTES}")
    try:
        raw: Any = json.loads(text)
    except (ValueError, RecursionError) as exc:
        raise ProtocolError("message", f"not JSON: {exc}") from None
    if not isinstance(raw, dict) or not isinstance(raw.get("type"), str):
        raise ProtocolError("type", "a control message is a JSON object with a text field 'type'")
    if raw["type"] not in known:
        return None
    try:
        return adapter.validate_python(raw)
    except ValidationError as exc:
        first = exc.errors()[0]
        # loc starts with the discriminator's value, which the reader knows already
        where = ".".join(str(p) for p in first["loc"][1:]) or "message"
        raise ProtocolError(f"{raw['type']}.{where}", first["msg"]) from None


def encode(message: Message) -> str:
    """Return the JSON text of a message."""
    return message.encode()

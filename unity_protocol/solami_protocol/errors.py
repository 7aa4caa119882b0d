"""The errors that cross a process border, and the WebSocket close codes of DESIGN 3.11.

SolamiError               anything we raise on purpose; `code` is its name on the wire
+-- ProtocolError         bytes or JSON from outside that break the contract; names the field
+-- SettingsError         a config file, variable or argument that cannot be used
+-- MissingExtra          a part that is not installed; says what to install
+-- InputError            a user's file (audio, motion, card) that cannot be used
+-- Unavailable           an upstream that does not answer; `retry_after_s` says when to come back
"""

from dataclasses import dataclass

__all__ = [
    "CLOSE_CODES",
    "CloseCode",
    "InputError",
    "MissingExtra",
    "ProtocolError",
    "SettingsError",
    "SolamiError",
    "Unavailable",
]


class SolamiError(Exception):
    """An error with a name for the wire (`code`) and a sentence a person can read."""

    code = "error"


class ProtocolError(SolamiError):
    """Bytes or JSON that break the wire contract. `field` is the part of the message at fault."""

    code = "protocol"

    def __init__(self, field: str, message: str) -> None:
        super().__init__(f"{field}: {message}")
        self.field = field


class SettingsError(SolamiError):
    """A setting that cannot be used: says the file or source, the key, and what was expected."""

    code = "settings"


class MissingExtra(SolamiError):
    """A part that is not installed. The message holds the pip command and what works without it."""

    code = "missing_extra"


class InputError(SolamiError):
    """A user's file that cannot be used. The message names the file, the fault and what was expected."""

    code = "bad_input"


class Unavailable(SolamiError):
    """An upstream that did not answer in time."""

    code = "unavailable"

    def __init__(self, message: str, retry_after_s: float = 1.0) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


@dataclass(frozen=True, slots=True)
class CloseCode:
    """Why a WebSocket was closed, and whether the client should come back by itself."""

    code: int
    name: str
    reason: str
    reconnect: bool


CLOSE_CODES: dict[str, CloseCode] = {
    c.name: c
    for c in (
        CloseCode(4400, "bad_message", "a message broke the protocol", False),
        CloseCode(4401, "token", "the token is missing, wrong or has expired", False),
        CloseCode(4403, "origin", "pages from this origin may not connect", False),
        CloseCode(4404, "no_session", "there is no such session", False),
        CloseCode(4408, "too_slow", "the client does not read fast enough; resume after a pause", True),
        CloseCode(4409, "replaced", "a newer connection took over this session", False),
        CloseCode(4410, "ended", "the session has ended", False),
        CloseCode(4413, "too_large", "a message was too large", False),
        CloseCode(4429, "too_fast", "the client sends faster than allowed; resume after a pause", True),
        CloseCode(4503, "draining", "the server is draining or full; come back later", True),
    )
}

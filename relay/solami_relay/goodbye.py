"""Why a socket ends: an exception that carries the close code and the sentence that the client gets."""

from solami_protocol.errors import CLOSE_CODES, CloseCode, SolamiError

__all__ = ["Goodbye", "PeerLeft"]

MAX_REASON_BYTES = 123  # RFC 6455, 5.5: a control frame holds 125 bytes, two of them the code


class Goodbye(SolamiError):
    """We end the connection. `why` is a name of CLOSE_CODES, `sentence` is for a person (default: the table's)."""

    code = "goodbye"

    def __init__(self, why: str, sentence: str = "") -> None:
        self.close: CloseCode = CLOSE_CODES[why]
        self.sentence = sentence or self.close.reason
        super().__init__(f"{self.close.code} {why}: {self.sentence}")

    @property
    def reason(self) -> bytes:
        """The sentence as it fits into a close frame, cut between characters."""
        return self.sentence.encode()[:MAX_REASON_BYTES].decode(errors="ignore").encode()


class PeerLeft(SolamiError):
    """The client closed the connection, or it broke."""

    code = "peer_left"

"""What a session was told of parts that work worse than they should, so that it is told once when that is over."""

from solami_protocol.live import LiveDegraded, LiveRestored
from solami_protocol.media import MediaFrame
from solami_protocol.messages import Message

__all__ = ["Faults"]


class Faults:
    """The degraded parts of one session."""

    def __init__(self) -> None:
        self._parts: set[str] = set()

    def news(self, message: Message | MediaFrame) -> bool:
        """Return False for a `restored` of a part that never was degraded; call it with every message that leaves."""
        match message:
            case LiveDegraded(part=part):
                self._parts.add(part)
            case LiveRestored(part=part):
                if part not in self._parts:
                    return False
                self._parts.discard(part)
        return True

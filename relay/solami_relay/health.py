"""What works worse than it should, said once when it begins and once when it is over (DESIGN 3.8)."""

from collections.abc import Callable

from solami_protocol.control import Degraded, Restored
from solami_protocol.messages import Message

__all__ = ["Health"]


class Health:
    """Parts of one session that are degraded."""

    def __init__(self, say: Callable[[Message], None]) -> None:
        self._say = say
        self._degraded: dict[str, str] = {}

    def degraded(self, part: str, why: str) -> None:
        """Say that `part` is degraded, unless that was said."""
        if part not in self._degraded:
            self._degraded[part] = why
            self._say(Degraded(part=part, why=why))

    def restored(self, part: str) -> None:
        """Say that `part` works again, if it was degraded."""
        if self._degraded.pop(part, None) is not None:
            self._say(Restored(part=part))

    def say_again(self) -> None:
        """Tell a client that knows nothing what is degraded."""
        for part, why in self._degraded.items():
            self._say(Degraded(part=part, why=why))

"""What the user is making: a turn that is not confirmed yet, the voice over an answer, and the acts in memory."""

from dataclasses import dataclass, field

from solami_protocol.live import Cause
from solami_relay.turn_events import Words
from solami_relay.turn_settings import TurnSettings

__all__ = ["ActMemory", "Overlap", "UserTurn"]


@dataclass(slots=True, kw_only=True)
class UserTurn:
    """A turn that is being made and not yet confirmed."""

    turn: int
    cause: Cause
    began_ms: float
    acts: list[str] = field(default_factory=list)
    words: Words | None = None
    """The words up to the pause; None while the voice goes on."""
    ready: bool = False
    failure: tuple[str, str] | None = None
    act_ended: bool = False
    forced_ms: float | None = None
    """When the turn was ended although the voice goes on: it had grown too long."""


@dataclass(slots=True)
class Overlap:
    """A voice over the answer that is not decided yet."""

    since_ms: float
    rejoins: bool
    """The answer has only just begun: who goes on now was cut off."""
    released: bool = False


class ActMemory:
    """Acts of the user's body that were not answered, and when each last ended."""

    def __init__(self, settings: TurnSettings) -> None:
        self._settings = settings
        self._seen_ms: dict[str, float] = {}
        self._ended_ms: dict[str, float] = {}

    def began(self, name: str, now_ms: float) -> None:
        """An act began, or was given back unanswered."""
        self._seen_ms[name] = now_ms

    def ended(self, name: str, now_ms: float) -> None:
        """An act ended."""
        self._ended_ms[name] = now_ms
        if name in self._seen_ms:
            self._seen_ms[name] = now_ms

    def again(self, name: str, now_ms: float) -> bool:
        """Return whether an act that begins now goes on where one has just ended."""
        return now_ms - self._ended_ms.get(name, -1e9) < self._settings.act_again_ms

    def recent(self, now_ms: float) -> list[str]:
        """Return the acts that belong to words which begin now."""
        return [name for name, at_ms in self._seen_ms.items() if now_ms - at_ms <= self._settings.act_memory_ms]

    def answered(self, names: list[str]) -> None:
        """These acts have their answer."""
        for name in names:
            self._seen_ms.pop(name, None)

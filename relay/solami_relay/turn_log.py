"""What was given to the model server for one turn, so that it can be given again when that server comes back."""

from dataclasses import dataclass, field

from solami_protocol.live import LiveConfirm, LiveEnd, LiveStart, LiveText
from solami_protocol.messages import Message

__all__ = ["TurnLog"]

MAX_SOUND_BYTES = 65 * 32_000  # the longest turn, and its pre-roll


@dataclass(slots=True)
class TurnLog:
    """One turn. `stale`: resumes that the model server has not answered; replies before the answer are void."""

    start: LiveStart
    start_id: str
    sound: list[bytes] = field(default_factory=list)
    sound_bytes: int = 0
    text: str = ""
    heard: str = ""
    """What the user said or did, for the history."""
    ended: bool = False
    confirmed: bool = False
    stale: int = 0
    ready_told: bool = False
    known: bool = True
    """Whether the model server's present connection knows the turn."""

    def add_sound(self, frame: bytes) -> None:
        """Remember a frame; a turn that is longer than it may be is not remembered further."""
        if self.sound_bytes < MAX_SOUND_BYTES:
            self.sound.append(frame)
            self.sound_bytes += len(frame)

    def again(self) -> list[Message | bytes]:
        """Return all that must be sent to a model server that knows nothing of the turn."""
        number = self.start.turn
        out: list[Message | bytes] = [self.start, *self.sound]
        if self.text:
            out.append(LiveText(turn=number, text=self.text))
        if self.ended:
            out.append(LiveEnd(turn=number, eager=not self.confirmed))
        if self.confirmed:
            out.append(LiveConfirm(turn=number))
        return out

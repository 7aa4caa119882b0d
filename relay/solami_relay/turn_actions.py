"""What turn taking asks for. Values only; all times in milliseconds of the epoch's or the microphone's own clock."""

from dataclasses import dataclass
from typing import Literal

from solami_protocol.control import EpochKind, StateName
from solami_protocol.live import Cause

__all__ = [
    "Action",
    "CancelEpoch",
    "CancelTurn",
    "ConfirmTurn",
    "CountMissedReport",
    "EndTurn",
    "FailTurn",
    "FinishTurn",
    "HoldEpoch",
    "Interlude",
    "OpenEpoch",
    "PauseEpoch",
    "ReleaseEpoch",
    "ReplayTurn",
    "ReportHeard",
    "ResumeTurn",
    "SaySlow",
    "SendText",
    "SetState",
    "ShowTranscript",
    "StartTurn",
    "TruncateEpoch",
    "UnpauseEpoch",
]

Interlude = Literal["turn", "assent"]
"""What the character does beside the turns: it turns to face the user, or nods and hums while the user pauses."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StartTurn:
    """Begin a turn at the model server. `from_ms`: microphone time of its first sound, None without sound.

    joins: the turn that was cut off; its words come before those of this one.
    """

    turn: int
    cause: Cause
    acts: tuple[str, ...] = ()
    occasion: Literal["", "greeting", "silence", "leaving"] = ""
    joins: int | None = None
    from_ms: float | None = None


@dataclass(frozen=True, slots=True)
class EndTurn:
    """Tell the model server that the user paused: begin the reply speculatively."""

    turn: int


@dataclass(frozen=True, slots=True)
class ResumeTurn:
    """The user went on: the reply so far is stale. `from_ms`: first sound to send, None when none was left out."""

    turn: int
    from_ms: float | None = None


@dataclass(frozen=True, slots=True)
class ConfirmTurn:
    """The turn is over; its reply counts."""

    turn: int


@dataclass(frozen=True, slots=True)
class CancelTurn:
    """Stop all work for the turn and forget its reply."""

    turn: int


@dataclass(frozen=True, slots=True)
class SendText:
    """The words of a text turn."""

    turn: int
    text: str


@dataclass(frozen=True, slots=True)
class ReplayTurn:
    """Give the turn to the model server again, from its record."""

    turn: int


@dataclass(frozen=True, slots=True)
class ReportHeard:
    """Tell the model server how much of the reply was heard."""

    turn: int
    audio_ms: float
    final: bool = False
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class OpenEpoch:
    """Send the turn's reply (or, for kind filler, a filler) as this epoch; without a turn, an interlude."""

    epoch: int
    turn: int | None
    kind: EpochKind
    interlude: Interlude | None = None


@dataclass(frozen=True, slots=True)
class HoldEpoch:
    """The client pauses at the current sample; nothing more is sent."""

    epoch: int


@dataclass(frozen=True, slots=True)
class ReleaseEpoch:
    """The client goes on from the held sample."""

    epoch: int


@dataclass(frozen=True, slots=True)
class CancelEpoch:
    """The client drops the epoch; nothing of it is sent any more."""

    epoch: int


@dataclass(frozen=True, slots=True)
class PauseEpoch:
    """Send nothing more of the epoch for now (nobody listens)."""

    epoch: int


@dataclass(frozen=True, slots=True)
class UnpauseEpoch:
    """Go on sending."""

    epoch: int


@dataclass(frozen=True, slots=True)
class TruncateEpoch:
    """No more of the reply will come: end the epoch behind what is there."""

    epoch: int


@dataclass(frozen=True, slots=True)
class SetState:
    """What the character does now."""

    state: StateName


@dataclass(frozen=True, slots=True)
class ShowTranscript:
    """Words of the user, for the client."""

    turn: int
    text: str
    final: bool


@dataclass(frozen=True, slots=True)
class FinishTurn:
    """The turn was answered."""

    turn: int


@dataclass(frozen=True, slots=True)
class FailTurn:
    """The turn was not answered, or only in part (`heard_ms`)."""

    turn: int
    code: str
    message: str
    heard_ms: float | None = None


@dataclass(frozen=True, slots=True)
class SaySlow:
    """The reply takes long: say so."""

    turn: int


@dataclass(frozen=True, slots=True)
class CountMissedReport:
    """The client did not report that it obeyed."""

    epoch: int
    order: Literal["hold", "release", "cancel"]


Action = (
    StartTurn | EndTurn | ResumeTurn | ConfirmTurn | CancelTurn | SendText | ReplayTurn | ReportHeard | OpenEpoch
    | HoldEpoch | ReleaseEpoch | CancelEpoch | PauseEpoch | UnpauseEpoch | TruncateEpoch | SetState | ShowTranscript
    | FinishTurn | FailTurn | SaySlow | CountMissedReport
)  # fmt: skip

"""What turn taking is told (events) and what it asks for (actions). Values only; all times in milliseconds.

Two clocks: `end_ms` of a sound frame counts the session's microphone audio, everything else the worker's clock.
"""

from dataclasses import dataclass
from typing import Literal

from solami_protocol.control import EpochKind, PlaybackState, StateName
from solami_protocol.live import Cause

__all__ = [
    "Act",
    "Action",
    "CancelEpoch",
    "CancelTurn",
    "ClientConnected",
    "ClientGone",
    "ConfirmTurn",
    "CountMissedReport",
    "EndTurn",
    "EpochDrained",
    "Event",
    "FailTurn",
    "FinishTurn",
    "HoldEpoch",
    "ModelBack",
    "ModelLost",
    "OpenEpoch",
    "PauseEpoch",
    "Played",
    "ReleaseEpoch",
    "ReplayTurn",
    "ReplyFailed",
    "ReplyReady",
    "ReportHeard",
    "Reset",
    "ResumeTurn",
    "SaySlow",
    "SendText",
    "SetState",
    "ShowTranscript",
    "SoundFrame",
    "StartTurn",
    "Tick",
    "TruncateEpoch",
    "TypedText",
    "UnpauseEpoch",
    "UserLeft",
    "Words",
]


# ---- events -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class SoundFrame:
    """10 ms of the microphone that end at `end_ms`; `voiced`: a voice, and not our own."""

    end_ms: float
    voiced: bool


@dataclass(frozen=True, slots=True)
class Words:
    """Words of an open turn. `final`: they reach up to the pause and `complete` (0 to 1) judges them."""

    turn: int
    text: str
    final: bool = False
    complete: float = 0.0
    confidence: float = 1.0


@dataclass(frozen=True, slots=True)
class Act:
    """The user's body began or ended an act (`wave`, ...)."""

    name: str
    ended: bool = False


@dataclass(frozen=True, slots=True)
class TypedText:
    """A turn in words."""

    text: str


@dataclass(frozen=True, slots=True)
class Played:
    """A playback report of the client."""

    epoch: int
    state: PlaybackState
    audio_ms: float


@dataclass(frozen=True, slots=True)
class ReplyReady:
    """The first chunk of the turn's reply could be sent."""

    turn: int


@dataclass(frozen=True, slots=True)
class ReplyFailed:
    """The turn's reply will not come, or not to its end."""

    turn: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class EpochDrained:
    """All media of the epoch, `audio_ms` of sound, were sent."""

    epoch: int
    audio_ms: float


@dataclass(frozen=True, slots=True)
class ClientConnected:
    """A socket of the client is up. `recovered`: it holds everything that was sent before."""

    recovered: bool


@dataclass(frozen=True, slots=True)
class ClientGone:
    """The client's socket is down."""


@dataclass(frozen=True, slots=True)
class ModelLost:
    """The model server's socket is down."""

    why: str


@dataclass(frozen=True, slots=True)
class ModelBack:
    """The model server's socket is up (again)."""


@dataclass(frozen=True, slots=True)
class UserLeft:
    """The user walked out of the character's view."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Another character stands there: whatever runs is dropped, and the new one greets."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = (
    SoundFrame | Words | Act | TypedText | Played | ReplyReady | ReplyFailed | EpochDrained | ClientConnected
    | ClientGone | ModelLost | ModelBack | UserLeft | Reset | Tick
)  # fmt: skip


# ---- actions ------------------------------------------------------------------------------------------------------


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
    """Send the turn's reply (or, for kind filler, a filler) as this epoch."""

    epoch: int
    turn: int
    kind: EpochKind


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

"""What turn taking is told. Values only; all times in milliseconds.

Two clocks: `end_ms` of a sound frame counts the session's microphone audio, everything else the worker's clock.
"""

from dataclasses import dataclass

from solami_protocol.control import PlaybackState

__all__ = [
    "Act",
    "ClientConnected",
    "ClientGone",
    "EpochDrained",
    "Event",
    "ModelBack",
    "ModelLost",
    "Played",
    "ReplyFailed",
    "ReplyReady",
    "Reset",
    "SoundFrame",
    "Tick",
    "TypedText",
    "UserAside",
    "UserLeft",
    "Words",
]


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
    """The user's body began or ended an act (`wave`, ...). `answers`: the character asked, and this is an answer."""

    name: str
    ended: bool = False
    answers: bool = False


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
class UserAside:
    """The user has walked around the character: it may turn now, if it does nothing else."""


@dataclass(frozen=True, slots=True)
class Reset:
    """Another character stands there: whatever runs is dropped, and the new one greets."""


@dataclass(frozen=True, slots=True)
class Tick:
    """Time has passed."""


Event = (
    SoundFrame | Words | Act | TypedText | Played | ReplyReady | ReplyFailed | EpochDrained | ClientConnected
    | ClientGone | ModelLost | ModelBack | UserAside | UserLeft | Reset | Tick
)  # fmt: skip

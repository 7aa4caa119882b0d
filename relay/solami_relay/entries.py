"""What lies on the bus: entries of the two streams, a session's meta, leases, open turns, and the bus' errors."""

from dataclasses import dataclass
from typing import Literal

from solami_protocol.errors import SolamiError, Unavailable

__all__ = [
    "BusDown",
    "DownEntry",
    "EpochCancelled",
    "Entry",
    "EntryKind",
    "Fenced",
    "Lease",
    "NoSession",
    "Replaced",
    "SessionMeta",
    "TurnRecord",
]

EntryKind = Literal["json", "media", "note"]


class Fenced(SolamiError):
    """The lease is not ours any more (or the session is gone): stop writing, drop the session."""

    code = "fenced"


class EpochCancelled(SolamiError):
    """All that was to be written is media of a cancelled epoch: drop it."""

    code = "epoch_cancelled"


class NoSession(SolamiError):
    """There is no such session: it was deleted or has expired."""

    code = "no_session"


class Replaced(SolamiError):
    """A newer socket took over the session; what the older one sends is not taken."""

    code = "replaced"


class BusDown(Unavailable):
    """Redis does not answer."""

    code = "bus_down"


@dataclass(frozen=True, slots=True)
class Entry:
    """One entry of the up stream. `at_us`: when the gateway took it in (wall clock, microseconds)."""

    id: str
    kind: EntryKind
    data: bytes
    at_us: int


@dataclass(frozen=True, slots=True)
class DownEntry:
    """One entry of the down stream. `epoch` is 0 where the entry belongs to none."""

    seq: int
    kind: EntryKind
    data: bytes
    epoch: int


@dataclass(frozen=True, slots=True)
class Lease:
    """The right of one worker to write for a session. A higher `fence` makes lower ones void."""

    sid: str
    worker: str
    fence: int

    @property
    def holder(self) -> str:
        """The value of the lease key while this lease is good."""
        return f"{self.fence}:{self.worker}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SessionMeta:
    """The meta hash of a session.

    seq, up_seq: last numbers given down and taken up; epoch: newest that was written; cancelled_epoch, done_epoch: no
    media up to these are wanted any more (the worker sets `done_epoch` when the client reported that it played the
    epoch to its end); socket: number of the newest socket; state: what the character does; play_epoch, play_ms: the
    play head.
    """

    sid: str
    character: str
    brain: str = ""
    user_name: str = ""
    locale: str = "en"
    recording: bool = False
    created_us: int = 0
    ttl_s: float = 0.0
    fence: int = 0
    seq: int = 0
    up_seq: int = 0
    epoch: int = 0
    cancelled_epoch: int = 0
    done_epoch: int = 0
    socket: int = 0
    state: str = "idle"
    play_epoch: int = 0
    play_ms: float = 0.0

    @property
    def over_epoch(self) -> int:
        """Media of epochs up to this one are never replayed: cancelled, played, or followed by a newer one."""
        return max(self.cancelled_epoch, self.done_epoch, self.epoch - 1)


@dataclass(frozen=True, slots=True)
class TurnRecord:
    """A turn as it stands in `turns`: `start_id` is its first entry in the up stream."""

    turn: int
    start_id: str
    cause: str
    state: str

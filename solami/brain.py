"""What a brain is: a turn goes in, reply events come out, in the order in which they can be played.

A brain (`solami.agent`, later `solami.vla`) knows nothing of sockets; the model server turns its events into messages.
All times are milliseconds from the reply's first audio sample.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

from solami_protocol.phones import Phone

__all__ = [
    "Act",
    "Affect",
    "Brain",
    "Degraded",
    "Exchange",
    "Gesture",
    "Phones",
    "Playing",
    "Pose",
    "ReplyEvent",
    "Seen",
    "Speech",
    "Text",
    "Turn",
    "View",
    "Works",
]

Cause = Literal["voice", "act", "text", "timer"]


@dataclass(frozen=True, slots=True)
class Act:
    """What the user did with the body (`wave`, ...), seen with `confidence` 0 to 1 on `side` left, right or both."""

    name: str
    confidence: float = 1.0
    side: Literal["left", "right", "both", ""] = ""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One past turn as it was perceived: what the user said or did, and what of the answer was heard."""

    user: str
    character: str
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """One frame of the user: `root_m` (3,), `rotations` (55, 4) x y z w, `validity` (55,) 0 absent, 1 inferred,
    2 measured."""

    root_m: np.ndarray
    rotations: np.ndarray
    validity: np.ndarray


class View(Protocol):
    """What the character sees of the user while it answers. Times are those of `time.monotonic`."""

    def latest(self) -> Seen | None:
        """Return the newest frame; None when none came lately."""
        ...

    def head_m(self) -> np.ndarray | None:
        """Return the place (3,) of the user's head from where the character stands: x to its left, y up, z ahead of it;
        None where it is not known."""
        ...

    def acts_since(self, since_s: float) -> list[str]:
        """Return the acts that were seen from `since_s` on, in order."""
        ...


class Playing(Protocol):
    """The reply as it is heard. Times are those of `time.monotonic`."""

    def began_s(self) -> float | None:
        """Return when the reply's first sample was heard, as far as its play head tells; None before its turn is
        confirmed."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """All that a brain is told about the turn it answers."""

    number: int
    cause: Cause
    text: str = ""
    other: str = ""
    """What else may have been said, where two hearings of the same sound differ."""
    acts: tuple[Act, ...] = ()
    occasion: Literal["", "greeting", "silence", "leaving"] = ""
    """For cause `timer`: why the character speaks unasked."""
    history: tuple[Exchange, ...] = ()
    user_name: str = ""
    locale: str = "en"
    start_pose: "Pose | None" = None
    """The last frame that the character showed, where known; the reply starts from it."""
    view: View | None = field(default=None, compare=False)
    """The user while the reply is made; None where nobody is seen (text over HTTP)."""
    playing: Playing | None = field(default=None, compare=False)
    """The reply while it is heard; None where nobody says (text over HTTP)."""


@dataclass(frozen=True, slots=True)
class Text:
    """A caption: `text` is spoken from `at_ms` on, for `d_ms`."""

    text: str
    at_ms: float
    d_ms: float


@dataclass(frozen=True, slots=True)
class Phones:
    """Phones of coming speech; leaves before the `Speech` that it belongs to."""

    phones: tuple[Phone, ...]


@dataclass(frozen=True, slots=True)
class Speech:
    """`pcm` (N,) int16 mono at 24 kHz, played from `t_ms` on; pieces follow each other without gaps."""

    pcm: np.ndarray
    t_ms: float


@dataclass(frozen=True, slots=True)
class Pose:
    """Body and hands at 30 fps from `t_ms` on: `root_m` (T, 3) float32, `rotations` (T, 55, 4) float32 x y z w."""

    root_m: np.ndarray
    rotations: np.ndarray
    t_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Gesture:
    """A gesture whose stroke (its peak) falls at `stroke_ms`; for reports, the pose already holds it.

    `aim_ms`: the middle of the stressed vowel that it was placed on. `word_ms`: that of the first stressed word from
    its mark on, which may be too early for an arm; `mark_ms`: that of the very word behind the mark. Both None for a
    beat.
    """

    name: str
    stroke_ms: float
    aim_ms: float
    word_ms: float | None = None
    mark_ms: float | None = None


@dataclass(frozen=True, slots=True)
class Affect:
    """How the reply feels, weights 0 to 1 by name (`joy`, `sadness`, `anger`, `surprise`, ...); for the face."""

    weights: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Degraded:
    """A part that the brain had to do without in this reply, and why (for a person)."""

    part: str
    why: str


@dataclass(frozen=True, slots=True)
class Works:
    """A part did its work in this reply: news where an earlier reply had to do without it."""

    part: str


ReplyEvent = Text | Phones | Speech | Pose | Gesture | Affect | Degraded | Works


class Brain(Protocol):
    """Answers turns for one session. `name` is what reports call it (`retrieval`, `llm`, `vla`)."""

    name: str

    def reply(self, turn: Turn) -> AsyncIterator[ReplyEvent]:
        """Yield the reply's events; closing the iterator stops all work for the turn. Speculation is allowed: a call
        has no effect that outlives it (the server keeps the history)."""
        ...

"""Messages between worker and model server on `WS /v1/live` (DESIGN 3.3). One socket a session.

Media frames share the socket: their epoch field holds the turn's number and seq counts per socket and direction.
Up: audio PCM16 16 kHz mono and pose with validity; pose is sent all the time, with turn 0 outside a turn, so that a
gesture without words is seen. Down: audio PCM16 24 kHz and pose of the reply, pts on the reply's timeline.

Order for a voice turn: `turn.start`, media, `turn.end {eager: true}` (the reply is begun, speculatively), then either
`turn.resume` (answered by `resumed`; reply messages of the turn before it are stale), or `turn.confirm`, or
`turn.cancel`. For text: `turn.start {cause: text}`, `text`, `turn.confirm`. For an act or a timer: `turn.start`,
`turn.end {eager: false}`, `turn.confirm`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from solami_protocol.control import Place
from solami_protocol.messages import Message, read

__all__ = [
    "ActSeen",
    "Exchange",
    "LiveCancel",
    "LiveClientMessage",
    "LiveConfirm",
    "LiveDegraded",
    "LiveEnd",
    "LiveError",
    "LiveHeard",
    "LiveOpen",
    "LiveRestored",
    "LiveResume",
    "LiveServerMessage",
    "LiveStand",
    "LiveStart",
    "LiveText",
    "Opened",
    "Partial",
    "PerceptSeen",
    "PhoneTime",
    "ReplyAffect",
    "ReplyEnd",
    "ReplyGesture",
    "ReplyPhones",
    "ReplyStart",
    "ReplyText",
    "Resumed",
    "TranscriptSeen",
    "WordTime",
    "read_live_client",
    "read_live_server",
]

TurnNo = Annotated[int, Field(ge=0, le=2**32 - 1)]
Cause = Literal["voice", "act", "text", "timer"]


class Exchange(Message):
    """A past turn: what the user said or did and what of the answer was heard."""

    type: Literal["exchange"] = "exchange"
    user: str = Field(max_length=4000)
    character: str = Field(max_length=8000)
    interrupted: bool = False


class LiveOpen(Message):
    """First message: the session, its character and, after a move, its history."""

    type: Literal["open"] = "open"
    session: str = Field(max_length=128)
    character: str = Field(max_length=64)
    brain: str | None = None
    history: list[Exchange] = Field(default=[], max_length=64)
    user_name: str = Field("", max_length=64)
    locale: str = Field("en", max_length=16)
    place: Place | None = None
    """Where the character stands in the space of the user's poses; None while that is not known."""


class LiveStand(Message):
    """The character stands elsewhere from now on: its poses are told from there, and the user is seen from there."""

    type: Literal["stand"] = "stand"
    place: Place


class LiveStart(Message):
    """A turn begins. `acts` says why for cause act, `occasion` for cause timer."""

    type: Literal["turn.start"] = "turn.start"
    turn: TurnNo
    cause: Cause
    acts: list[str] = []
    occasion: Literal["", "greeting", "silence", "leaving"] = ""


class LiveEnd(Message):
    """The user paused (eager: speculate until confirm or resume) or is done."""

    type: Literal["turn.end"] = "turn.end"
    turn: TurnNo
    eager: bool


class LiveResume(Message):
    """The user went on: drop the speculative reply, keep the audio, go on recognising."""

    type: Literal["turn.resume"] = "turn.resume"
    turn: TurnNo


class LiveConfirm(Message):
    """The turn is over; its reply will be played."""

    type: Literal["turn.confirm"] = "turn.confirm"
    turn: TurnNo


class LiveCancel(Message):
    """Stop all work of the turn and forget it (what was heard of it comes by `turn.heard`)."""

    type: Literal["turn.cancel"] = "turn.cancel"
    turn: TurnNo


class LiveHeard(Message):
    """The play head of the turn's reply. `final`: it was finished or cut there; the history takes what was heard."""

    type: Literal["turn.heard"] = "turn.heard"
    turn: TurnNo
    audio_ms: float = Field(ge=0)
    final: bool = False
    interrupted: bool = False


class LiveText(Message):
    """The words of a text turn."""

    type: Literal["text"] = "text"
    turn: TurnNo
    text: str = Field(min_length=1, max_length=4000)


LiveClientMessage = (
    LiveOpen | LiveStand | LiveStart | LiveEnd | LiveResume | LiveConfirm | LiveCancel | LiveHeard | LiveText
)  # fmt: skip
_CLIENT: TypeAdapter[LiveClientMessage] = TypeAdapter(Annotated[LiveClientMessage, Field(discriminator="type")])


class Opened(Message):
    """The session is open; what answers it."""

    type: Literal["opened"] = "opened"
    session: str
    character: str
    brain: str
    recogniser: str
    synthesiser: str


class Partial(Message):
    """Words so far."""

    type: Literal["partial"] = "partial"
    turn: TurnNo
    text: str


class WordTime(Message):
    """A word with its place in the turn's audio, milliseconds."""

    type: Literal["word"] = "word"
    w: str
    t_ms: float
    d_ms: float


class TranscriptSeen(Message):
    """The words of the turn up to the pause. `complete` 0 to 1: is this a finished sentence?"""

    type: Literal["transcript"] = "transcript"
    turn: TurnNo
    text: str
    words: list[WordTime] = []
    complete: float = Field(ge=0, le=1)
    confidence: float = Field(1.0, ge=0, le=1)


class ActSeen(Message):
    """An act of the user: name, side, and whether it goes on (`began`) or is over (`ended`)."""

    type: Literal["act"] = "act"
    name: str
    side: Literal["left", "right", "both", ""] = ""
    phase: Literal["began", "ended"] = "began"
    confidence: float = 1.0


class PerceptSeen(Message):
    """What was seen. Turn 0: outside a turn. `tracking`: False when the pose is frozen or all zero."""

    type: Literal["percept"] = "percept"
    turn: TurnNo
    acts: list[ActSeen] = []
    affect: dict[str, float] = {}
    tracking: bool | None = None


class Resumed(Message):
    """Reply messages of this turn that came before are stale."""

    type: Literal["resumed"] = "resumed"
    turn: TurnNo


class ReplyStart(Message):
    """A reply begins; which brain made it."""

    type: Literal["reply.start"] = "reply.start"
    turn: TurnNo
    brain: str


class ReplyText(Message):
    """Words of the reply with their place on its timeline."""

    type: Literal["reply.text"] = "reply.text"
    turn: TurnNo
    text: str
    at_ms: float
    d_ms: float


class PhoneTime(Message):
    """A phone on the reply's timeline."""

    type: Literal["phone"] = "phone"
    p: str
    t_ms: float
    d_ms: float


class ReplyPhones(Message):
    """Phones of coming speech, before their audio."""

    type: Literal["reply.phones"] = "reply.phones"
    turn: TurnNo
    phones: list[PhoneTime]


class ReplyAffect(Message):
    """How the reply feels, for the face."""

    type: Literal["reply.affect"] = "reply.affect"
    turn: TurnNo
    affect: dict[str, float]


class ReplyGesture(Message):
    """A gesture of the reply and its stroke, for reports; the pose holds it already."""

    type: Literal["reply.gesture"] = "reply.gesture"
    turn: TurnNo
    name: str
    stroke_ms: float


class ReplyEnd(Message):
    """All of the reply has been sent."""

    type: Literal["reply.end"] = "reply.end"
    turn: TurnNo
    audio_ms: float
    pose_frames: int


class LiveDegraded(Message):
    """A part of the server works worse than it should."""

    type: Literal["degraded"] = "degraded"
    part: str
    why: str


class LiveRestored(Message):
    """A part that was degraded works again."""

    type: Literal["restored"] = "restored"
    part: str


class LiveError(Message):
    """Something failed; `turn` when it concerns one turn, which then has no reply."""

    type: Literal["error"] = "error"
    code: str
    message: str
    turn: TurnNo | None = None


LiveServerMessage = (
    Opened | Partial | TranscriptSeen | PerceptSeen | Resumed | ReplyStart | ReplyText | ReplyPhones | ReplyAffect
    | ReplyGesture | ReplyEnd | LiveDegraded | LiveRestored | LiveError
)  # fmt: skip
_SERVER: TypeAdapter[LiveServerMessage] = TypeAdapter(Annotated[LiveServerMessage, Field(discriminator="type")])


def _types(union: Any) -> frozenset[str]:
    return frozenset(model.model_fields["type"].default for model in union.__args__)


CLIENT_TYPES = _types(LiveClientMessage)
SERVER_TYPES = _types(LiveServerMessage)


def read_live_client(text: str | bytes) -> LiveClientMessage | None:
    """Return the worker's message, None for an unknown type. Raises ProtocolError."""
    return read(text, _CLIENT, CLIENT_TYPES)


def read_live_server(text: str | bytes) -> LiveServerMessage | None:
    """Return the model server's message, None for an unknown type. Raises ProtocolError."""
    return read(text, _SERVER, SERVER_TYPES)

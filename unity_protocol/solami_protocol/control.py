"""Control messages between client and relay (DESIGN 3.2). JSON text on the WebSocket; media are `media.py`.

Down messages of the worker carry `seq`; those of the gateway (`ready`, `pong`, `gap`, `goaway`, `error`) do not.
Up messages carry `up_seq`.
"""

from typing import Annotated, Any, Literal

from pydantic import Field, TypeAdapter

from solami_protocol.messages import Message, read

__all__ = [
    "DOWN_TYPES",
    "UP_TYPES",
    "AudioFormat",
    "AudioPair",
    "Bye",
    "Cancel",
    "Capabilities",
    "Caption",
    "CharacterSet",
    "ClientInfo",
    "Degraded",
    "DownMessage",
    "EpochEnd",
    "EpochStart",
    "ErrorMessage",
    "Gap",
    "GoAway",
    "Hello",
    "Hold",
    "Ping",
    "Place",
    "Playback",
    "Percept",
    "Pong",
    "Ready",
    "Release",
    "Restored",
    "Resume",
    "Scene",
    "Snapshot",
    "Space",
    "State",
    "StateName",
    "TextInput",
    "TokenNew",
    "TokenRefresh",
    "Transcript",
    "TurnDone",
    "TurnFailed",
    "UpMessage",
    "read_down",
    "read_up",
]

StateName = Literal["idle", "listening", "thinking", "speaking", "held", "apology"]
EpochKind = Literal["reply", "filler", "greeting", "apology"]
PlaybackState = Literal["started", "playing", "held", "finished", "cut"]
UInt = Annotated[int, Field(ge=0, le=2**32 - 1)]


class Up(Message):
    """A message from the client."""

    up_seq: UInt = 0


class ClientInfo(Message):
    """Who connects: engine (`unity`, `browser`, `headset-sim`, ...) and its version."""

    type: Literal["client"] = "client"
    engine: str = Field(max_length=64)
    version: str = Field("", max_length=64)


class Capabilities(Message):
    """What the client can decode; the relay picks from it. `echo_cancelled`: its microphone is free of our voice."""

    type: Literal["capabilities"] = "capabilities"
    audio_codecs: list[Literal["pcm16", "opus"]] = ["pcm16"]
    pose_codecs: list[Literal["f32", "s48", "s32"]] = ["s48"]
    face: bool = True
    echo_cancelled: bool = False


class Resume(Message):
    """The last `seq` that the client holds, and the incarnation it belongs to."""

    type: Literal["resume"] = "resume"
    seq: UInt
    incarnation: str = ""


class Hello(Up):
    """First message up."""

    type: Literal["hello"] = "hello"
    protocol: list[int] = [1]
    token: str = Field(max_length=4096)
    client: ClientInfo
    capabilities: Capabilities = Capabilities()
    resume: Resume | None = None


class Ping(Up):
    """Clock probe; `t0` is the client's clock in microseconds."""

    type: Literal["ping"] = "ping"
    t0: int


class Playback(Up):
    """The play head of an epoch: what has been heard."""

    type: Literal["playback"] = "playback"
    epoch: UInt
    state: PlaybackState
    audio_ms: float = Field(ge=0, le=3_600_000)


class TextInput(Up):
    """A turn in words."""

    type: Literal["text"] = "text"
    text: str = Field(min_length=1, max_length=4000)


class CharacterSet(Up):
    """Another character, between turns."""

    type: Literal["character.set"] = "character.set"
    character: str = Field(max_length=64)


class Place(Message):
    """Where somebody stands in the shared space: position (metres) and turn about +y (radians)."""

    type: Literal["place"] = "place"
    x: float = 0.0
    y: float = 0.0
    z: float = 0.0
    yaw_rad: float = 0.0


class Space(Up):
    """A new space epoch: old coordinates = `transform` applied to new ones."""

    type: Literal["space"] = "space"
    epoch: UInt
    transform: Place = Place()


class TokenRefresh(Up):
    """Ask for (up, empty token) a fresh session token."""

    type: Literal["token.refresh"] = "token.refresh"


class Bye(Up):
    """The client leaves for good; the session ends."""

    type: Literal["bye"] = "bye"


UpMessage = Hello | Ping | Playback | TextInput | CharacterSet | Space | TokenRefresh | Bye
_UP: TypeAdapter[UpMessage] = TypeAdapter(Annotated[UpMessage, Field(discriminator="type")])


class Down(Message):
    """A message to the client; `seq` is stamped by the gateway from the down stream."""

    seq: UInt | None = None


class AudioFormat(Message):
    """Rate (Hz) and codec of one direction."""

    type: Literal["audio"] = "audio"
    rate: int
    codec: Literal["pcm16", "opus"]


class AudioPair(Message):
    """Audio formats of both directions."""

    type: Literal["audio_pair"] = "audio_pair"
    up: AudioFormat = AudioFormat(rate=16000, codec="pcm16")
    down: AudioFormat = AudioFormat(rate=24000, codec="pcm16")


class Ready(Message):
    """The gateway's answer to `hello`. Names, parents and rest offsets travel here once."""

    type: Literal["ready"] = "ready"
    sid: str
    protocol: int = 1
    audio: AudioPair = AudioPair()
    joints: list[str]
    parents: list[int]
    rest_offsets: list[list[float]]
    face_names: list[str]
    pose_codec: Literal["f32", "s48", "s32"] = "s48"
    fps: int = 30
    server_time_us: int
    incarnation: str
    recovered: bool
    up_seq: UInt
    """The client resends its messages after this one."""
    character: str = ""
    ai_disclosure: str


class Snapshot(Message):
    """The state after a connection that could not be recovered."""

    type: Literal["snapshot"] = "snapshot"
    state: StateName
    epoch: UInt
    character: str


class Pong(Message):
    """Answer of the gateway: t0 as sent, t1 received, t2 sent (server clock, microseconds)."""

    type: Literal["pong"] = "pong"
    t0: int
    t1: int
    t2: int


class Gap(Message):
    """Messages `from` to `to` are not replayed (media of an epoch that has ended)."""

    type: Literal["gap"] = "gap"
    from_seq: UInt = Field(serialization_alias="from", validation_alias="from")
    to_seq: UInt = Field(serialization_alias="to", validation_alias="to")

    def encode(self) -> str:
        """Return the JSON text with the wire names `from` and `to`."""
        return self.model_dump_json(exclude_none=True, by_alias=True)


class GoAway(Message):
    """The server drains; come back within `in_s`."""

    type: Literal["goaway"] = "goaway"
    in_s: float
    message: str


class ErrorMessage(Message):
    """Something the client sent was wrong; the session goes on unless the socket closes."""

    type: Literal["error"] = "error"
    code: str
    message: str


class State(Down):
    """What the character does now; the client plays the behaviour pack by it."""

    type: Literal["state"] = "state"
    state: StateName


class Transcript(Down):
    """What was heard of a turn."""

    type: Literal["transcript"] = "transcript"
    turn: UInt
    text: str
    final: bool


class Percept(Down):
    """What was seen of a turn: names of the user's acts."""

    type: Literal["percept"] = "percept"
    turn: UInt
    acts: list[str]


class EpochStart(Down):
    """An epoch begins; its media follow. `space`: the place in which its poses are told and the character is left.

    Kind filler is something short beside the turns, which gives way to a reply; without `turn` it belongs to none.
    """

    type: Literal["epoch.start"] = "epoch.start"
    epoch: UInt
    turn: UInt | None = None
    kind: EpochKind
    brain: str
    space: Place = Place()


class Caption(Down):
    """Words of an epoch, spoken from `at_ms` on for `d_ms`."""

    type: Literal["caption"] = "caption"
    epoch: UInt
    text: str
    at_ms: float
    d_ms: float


class Hold(Down):
    """Pause audio, body and face at the current sample."""

    type: Literal["hold"] = "hold"
    epoch: UInt


class Release(Down):
    """Go on from the held sample."""

    type: Literal["release"] = "release"
    epoch: UInt


class Cancel(Down):
    """Stop and forget the epoch."""

    type: Literal["cancel"] = "cancel"
    epoch: UInt


class EpochEnd(Down):
    """All media of the epoch have been sent; it lasts `audio_ms`."""

    type: Literal["epoch.end"] = "epoch.end"
    epoch: UInt
    audio_ms: float


class TurnDone(Down):
    """The turn was answered."""

    type: Literal["turn.done"] = "turn.done"
    turn: UInt


class TurnFailed(Down):
    """The turn could not be answered; `message` is for a person."""

    type: Literal["turn.failed"] = "turn.failed"
    turn: UInt
    code: str
    message: str
    heard_ms: float | None = None


class Degraded(Down):
    """A part works worse than it should; `why` is for a person."""

    type: Literal["degraded"] = "degraded"
    part: str
    why: str


class Restored(Down):
    """The part works again."""

    type: Literal["restored"] = "restored"
    part: str


class Scene(Down):
    """The scene changed: another character."""

    type: Literal["scene"] = "scene"
    rev: UInt
    character: str


class TokenNew(Message):
    """A fresh token (answer to `token.refresh`)."""

    type: Literal["token"] = "token"
    token: str
    expires_at: float


DownMessage = (
    Ready | Snapshot | Pong | Gap | GoAway | ErrorMessage | TokenNew | State | Transcript | Percept | EpochStart
    | Caption | Hold | Release | Cancel | EpochEnd | TurnDone | TurnFailed | Degraded | Restored | Scene
)  # fmt: skip
_DOWN: TypeAdapter[DownMessage] = TypeAdapter(Annotated[DownMessage, Field(discriminator="type")])


def _types(union: Any) -> frozenset[str]:
    return frozenset(model.model_fields["type"].default for model in union.__args__)


UP_TYPES = _types(UpMessage)
DOWN_TYPES = _types(DownMessage)


def read_up(text: str | bytes) -> UpMessage | None:
    """Return the client's message, None for an unknown type. Raises ProtocolError."""
    return read(text, _UP, UP_TYPES)


def read_down(text: str | bytes) -> DownMessage | None:
    """Return the relay's message, None for an unknown type. Raises ProtocolError."""
    return read(text, _DOWN, DOWN_TYPES)

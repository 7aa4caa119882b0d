"""Typed settings of the worker (`worker:` in the relay's YAML)."""

from typing import Literal

from pydantic import Field

from solami_protocol.settings import Settings
from solami_relay.turn_settings import TurnSettings
from solami_relay.vad_settings import VadSettings

__all__ = ["LinkSettings", "WorkerSettings"]


class LinkSettings(Settings):
    """How a socket to a service is kept up."""

    connect_s: float = Field(2.0, gt=0)
    opened_s: float = Field(3.0, gt=0)
    """How long the service may take to answer `open`."""
    heartbeat_s: float = Field(4.0, gt=0)
    """A service that answers no ping for about so long is gone."""
    backoff_first_s: float = 0.1
    backoff_most_s: float = 2.0
    breaker_failures: int = Field(6, ge=1)
    """So many failures in a row open the breaker: one try every `breaker_s`."""
    breaker_s: float = 5.0
    queued_messages: int = 8192
    """To the service; when it reads no more the connection is dropped and made again."""


class WorkerSettings(Settings):
    """Settings of the worker. The model server's URL is the relay's `model_server_url`."""

    face_url: str = "http://127.0.0.1:8767"
    """The audio2face service; empty: none, the jaw follows the loudness."""
    turn: TurnSettings = TurnSettings()
    vad: VadSettings = VadSettings()
    link: LinkSettings = LinkSettings()
    preroll_ms: float = 300.0
    """Sound before the first voiced sample that belongs to the turn."""
    lead_ms: float = 1500.0
    """Media are sent at most so far ahead of playout."""
    face_late_ms: float = 60.0
    """How long a chunk whose sound is there waits for its face and pose when it is due."""
    safe_lead_ms: float = 400.0
    """A chunk is due when playout is so close before it."""
    echo_loss_db: float = 12.0
    """How much softer our own voice comes back into an open microphone, at least."""
    lease_poll_s: float = 0.5
    """How often waiting sessions are looked for, besides being told of them."""
    place_ahead_m: float = 1.5
    """Where the character stands: so far before the user, facing."""
    leave_m: float = 4.0
    """A user farther from the character than this for `leave_s` has left, until nearer than `near_m`."""
    near_m: float = 3.0
    leave_s: float = 1.0
    face_user: bool = True
    """Whether the character turns by steps to a user who has walked around it."""
    aside_deg: float = Field(30.0, ge=20, le=180)
    """A user farther aside than this for `aside_s` is turned to, at most once in `aside_again_s`."""
    aside_s: float = 0.5
    aside_again_s: float = 3.0
    backchannel: Literal["voice", "nod", "off"] = "voice"
    """What a listening character does in the user's pauses: nods and hums, only nods, or nothing."""

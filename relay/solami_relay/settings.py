"""Typed settings of the relay: `configs/relay.yaml`, `SOLAMI_RELAY_...` variables, `key=value` arguments."""

import ipaddress
from typing import Literal

from pydantic import Field, field_validator

from solami_protocol.errors import SettingsError
from solami_protocol.settings import Settings
from solami_relay.worker_settings import WorkerSettings

__all__ = ["LanSettings", "Limits", "RelaySettings", "TokenSettings", "check_exposure", "is_loopback"]


class TokenSettings(Settings):
    """Session tokens. In place of an empty key a random one is made at each start, which no other relay knows."""

    key: str = ""
    ttl_s: float = Field(600, gt=0)


class Limits(Settings):
    """What one client may do (DESIGN 3.11)."""

    message_bytes: int = Field(64 * 1024, ge=1024)
    queued_bytes: int = Field(2_000_000, ge=10_000)
    """Of one socket, on our side; a client that lets it grow beyond is closed with 4408."""
    media_speed: float = Field(2.0, gt=0)
    """Seconds of audio (and of pose) a client may send in a second, in the long run."""
    media_burst_s: float = Field(10.0, gt=0)
    """Seconds of media at once: what a network stall holds back and then delivers."""
    messages_per_s: float = Field(200.0, gt=0)
    bad_messages: int = Field(8, ge=0)
    """Broken messages in a minute that are answered by `error`; the next one closes with 4400."""
    hello_s: float = Field(5.0, gt=0)
    sockets: int = Field(512, ge=1)
    sessions: int = Field(2048, ge=1)


class LanSettings(Settings):
    """A second listener for other machines of the network: TLS, and only paired devices get a session."""

    host: str = "0.0.0.0"
    port: int = Field(8443, ge=0, le=65535)
    certificate: str = ""
    """PEM file; empty: there is no such listener. `solami up --lan` makes one."""
    key: str = ""
    """PEM file of the certificate's private key."""
    device_ttl_s: float = Field(12 * 3600, gt=0)
    """How long a device stays paired."""


class RelaySettings(Settings):
    """All settings of the relay process."""

    host: str = "127.0.0.1"
    port: int = Field(8765, ge=0, le=65535)
    roles: list[Literal["gateway", "worker"]] = ["gateway", "worker"]
    redis_url: str = ""
    """Empty: an embedded Redis of our own."""
    tenant: str = Field("default", pattern=r"^[A-Za-z0-9_-]{1,32}$")
    model_server_url: str = "http://127.0.0.1:8766"
    characters_timeout_s: float = Field(2.0, gt=0)
    behaviours_timeout_s: float = Field(15.0, gt=0)
    """The model server speaks a character's behaviour pack when it is asked for the first time."""
    characters_cache_s: float = Field(30.0, ge=0)
    public_url: str = ""
    """How clients reach the relay (`https://host`), where it is not what their request says."""
    allowed_origins: list[str] = []
    """Origins of pages, besides our own, that may connect: `https://play.example.org`."""
    web_root: str = ""
    """Folder of the built page; empty: none."""
    session_ttl_s: float = Field(3600, gt=0)
    """A session without a socket ends after so long."""
    lan: LanSettings = LanSettings()
    token: TokenSettings = TokenSettings()
    limits: Limits = Limits()
    ai_disclosure: str = "You are talking with an AI character, not with a person."
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    worker: WorkerSettings = WorkerSettings()

    @field_validator("roles")
    @classmethod
    def _some_role(cls, roles: list[str]) -> list[str]:
        if not roles:
            raise ValueError("expected gateway, worker or both")
        return roles

    @field_validator("public_url", "model_server_url")
    @classmethod
    def _http_url(cls, url: str) -> str:
        if url and not url.startswith(("http://", "https://")):
            raise ValueError("expected http://host:port or https://host")
        return url.rstrip("/")


def is_loopback(host: str) -> bool:
    """Return True for names and addresses that only this machine can reach."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def check_exposure(settings: RelaySettings, service_token: str) -> None:
    """Raise SettingsError when the relay would be reachable from elsewhere without a service token."""
    exposed = settings.lan.host if settings.lan.certificate else settings.host
    if not (is_loopback(settings.host) and is_loopback(exposed)) and not service_token:
        raise SettingsError(
            f"host {exposed}: to be reachable from other machines, set SOLAMI_SERVICE_TOKEN "
            "(the same for relay, model server and face service), or use host=127.0.0.1"
        )

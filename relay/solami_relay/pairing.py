"""Pairing: a six-digit code from the screen of the machine that serves, for a token that lets a device talk to it.

One code at a time; it lives two minutes, works once, and dies of five wrong tries (DESIGN 3.14). It is kept by this
process: pairing is for one machine in a home, not for a fleet behind a balancer.
"""

import hmac
import secrets
import time
from collections.abc import Callable

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from solami_protocol.errors import SolamiError
from solami_relay.answers import bearer, error_response
from solami_relay.origins import origin_allowed
from solami_relay.settings import RelaySettings
from solami_relay.tokens import IssuedToken, TokenError, Tokens

__all__ = ["Pairing", "PairingCode", "PairingError"]

CODE_S = 120.0
TRIES = 5
HOW = "enter the code that `solami up --lan` shows"


class PairingError(SolamiError):
    """The code is not the one that is shown, or none is shown."""

    code = "pairing"


class PairingCode:
    """The code that is shown now, if there is one."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._code = ""
        self._expires_at = 0.0
        self._tries = 0

    def renew(self) -> tuple[str, float]:
        """Return a new code and its end in seconds since 1970; the one before is worth nothing any more."""
        self._code = f"{secrets.randbelow(1_000_000):06d}"
        self._expires_at = self._clock() + CODE_S
        self._tries = TRIES
        return self._code, self._expires_at

    def redeem(self, code: str) -> None:
        """Use the code up. Raises PairingError with what to do next."""
        if not self._code or self._clock() >= self._expires_at:
            self._code = ""
            raise PairingError("no pairing code is shown now; press Enter where `solami up --lan` runs")
        if not hmac.compare_digest(code.encode(), self._code.encode()):
            self._tries -= 1
            if self._tries <= 0:
                self._code = ""
                raise PairingError("five wrong codes: press Enter where `solami up --lan` runs for a new one")
            raise PairingError(f"this is not the code that is shown; tries left: {self._tries}")
        self._code = ""


class _PairRequest(BaseModel):
    model_config = ConfigDict(extra="ignore")
    code: str = Field(pattern=r"^[0-9]{6}$")


class Pairing:
    """`POST /v1/pair`, the code's renewal, and the question whether a request may have a session."""

    def __init__(self, settings: RelaySettings, service_token: str) -> None:
        self._settings = settings
        self._service_token = service_token
        self._shown = PairingCode()
        self._devices = Tokens(settings.token.key, settings.lan.device_ttl_s, audience="solami-device", remedy=HOW)

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of pairing."""
        return [web.post("/v1/pair", self._pair), web.post("/v1/pair/codes", self._renew)]

    def refusal(self, request: web.Request) -> web.Response | None:
        """Return why the request gets no session: it came from the network and shows no token of a paired device."""
        if not request.secure:
            return None  # this machine, or a cable to it; TLS ends here only for the network
        try:
            self._devices.session_of(bearer(request))
        except TokenError as exc:
            return error_response(401, PairingError.code, f"this device is not paired with the server: {exc}")
        return None

    async def _pair(self, request: web.Request) -> web.Response:
        origin = request.headers.get("Origin")
        if not origin_allowed(origin, request.host, self._settings.allowed_origins):
            return error_response(403, "origin", f"pages from {origin} may not pair; see allowed_origins")
        try:
            asked = _PairRequest.model_validate_json(await request.read())
        except ValidationError:
            return error_response(400, "bad_input", 'code: expected six digits, {"code": "123456"}')
        try:
            self._shown.redeem(asked.code)
        except PairingError as exc:
            return error_response(403, exc.code, str(exc))
        issued: IssuedToken = self._devices.issue(f"device-{secrets.token_urlsafe(6)}")
        return web.json_response({"token": issued.token, "expires_at": issued.expires_at})

    async def _renew(self, request: web.Request) -> web.Response:
        shown = bearer(request)
        if not (self._service_token and hmac.compare_digest(shown.encode(), self._service_token.encode())):
            return error_response(401, "token", "only the machine that serves makes pairing codes")
        code, expires_at = self._shown.renew()
        return web.json_response({"code": code, "expires_at": expires_at}, status=201)

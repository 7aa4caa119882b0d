"""HTTP routes of the relay: sessions, characters (passed on), and how errors look in JSON (DESIGN 3.2)."""

import hmac
import logging
import re
import secrets

from aiohttp import web
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from solami_protocol.errors import SolamiError, Unavailable
from solami_relay.answers import bearer, error_response
from solami_relay.bus import Bus
from solami_relay.characters import Characters, Passed
from solami_relay.gateway import Gateway
from solami_relay.metrics import RelayMetrics
from solami_relay.origins import origin_allowed
from solami_relay.pairing import Pairing
from solami_relay.settings import RelaySettings
from solami_relay.tokens import IssuedToken, TokenError, Tokens

__all__ = ["SessionRoutes", "errors_as_json"]

log = logging.getLogger(__name__)
_CHARACTER = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class Consent(BaseModel):
    """What the user agreed to."""

    model_config = ConfigDict(extra="ignore")
    recording: bool = False


class SessionRequest(BaseModel):
    """Body of `POST /v1/sessions`."""

    model_config = ConfigDict(extra="ignore")
    character: str = Field(min_length=1, max_length=64)
    brain: str = Field("", max_length=32)
    user_name: str = Field("", max_length=64)
    locale: str = Field("en", max_length=16, pattern=r"^[A-Za-z0-9-]*$")
    consent: Consent = Consent()


class SessionRoutes:
    """The handlers; their effects are on the bus."""

    def __init__(
        self,
        bus: Bus,
        gateway: Gateway,
        tokens: Tokens,
        characters: Characters,
        settings: RelaySettings,
        metrics: RelayMetrics,
        service_token: str,
        pairing: Pairing,
    ) -> None:
        self._bus = bus
        self._gateway = gateway
        self._tokens = tokens
        self._characters = characters
        self._settings = settings
        self._metrics = metrics
        self._service_token = service_token
        self._pairing = pairing

    def routes(self) -> list[web.RouteDef]:
        """Return the routes of the gateway."""
        return [
            web.post("/v1/sessions", self.create),
            web.delete("/v1/sessions/{sid}", self.delete),
            web.get("/v1/characters", self.characters),
            web.get("/v1/characters/{id}", self.characters),
            web.get("/v1/characters/{id}/behaviours", self.characters),
            web.get("/v1/ws", self._gateway.handle),
        ]

    async def create(self, request: web.Request) -> web.Response:
        """`POST /v1/sessions`: 201 with sid, token, ws_url and expires_at."""
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        try:
            wanted = SessionRequest.model_validate_json(await request.read())
        except ValidationError as exc:
            first = exc.errors()[0]
            where = ".".join(str(p) for p in first["loc"]) or "body"
            return error_response(400, "bad_input", f"{where}: {first['msg']}")
        opened = await self._open(wanted)
        if isinstance(opened, web.Response):
            return opened
        sid, issued = opened
        body = {"sid": sid, "token": issued.token, "ws_url": self._ws_url(request), "expires_at": issued.expires_at}
        return web.json_response(body, status=201)

    async def open_for(self, request: web.Request, character: str) -> tuple[str, str] | web.Response:
        """Return sid and token of a new session for whoever asks by `request`, or why there is none."""
        refusal = await self._refusal(request)
        if refusal is not None:
            return refusal
        try:
            wanted = SessionRequest(character=character)
        except ValidationError:
            return error_response(400, "bad_input", "model: expected the id of a character of GET /v1/characters")
        opened = await self._open(wanted)
        return opened if isinstance(opened, web.Response) else (opened[0], opened[1].token)

    async def _open(self, wanted: SessionRequest) -> tuple[str, IssuedToken] | web.Response:
        unknown = await self._unknown_character(wanted.character)
        if unknown is not None:
            return unknown
        sid = secrets.token_urlsafe(12)
        await self._bus.create_session(
            sid, character=wanted.character, brain=wanted.brain, user_name=wanted.user_name, locale=wanted.locale,
            recording=wanted.consent.recording, ttl_s=self._settings.session_ttl_s,
        )  # fmt: skip
        self._metrics.sessions.inc()
        log.info("session created", extra={"sid": sid})
        return sid, self._tokens.issue(sid)

    async def _refusal(self, request: web.Request) -> web.Response | None:
        origin = request.headers.get("Origin")
        if not origin_allowed(origin, request.host, self._settings.allowed_origins):
            return error_response(403, "origin", f"pages from {origin} may not create sessions; see allowed_origins")
        unpaired = self._pairing.refusal(request)
        if unpaired is not None:
            return unpaired
        if self._gateway.draining:
            return error_response(503, "draining", "the relay is going down; come back shortly", 5)
        if await self._bus.session_count() >= self._settings.limits.sessions:
            return error_response(503, "full", "the relay holds as many sessions as it may; come back later", 30)
        return None

    async def _unknown_character(self, character: str) -> web.Response | None:
        timeout_s = self._settings.characters_timeout_s
        if await self._characters.has(character, timeout_s):
            return None
        names = ", ".join(sorted(await self._characters.names(timeout_s)))
        return error_response(404, "no_character", f"there is no character {character!r}; there are: {names}")

    def _ws_url(self, request: web.Request) -> str:
        base = self._settings.public_url or f"{request.scheme}://{request.host}"
        return "ws" + base.removeprefix("http") + "/v1/ws"

    async def delete(self, request: web.Request) -> web.Response:
        """`DELETE /v1/sessions/{sid}`, with the session's token (or the service token) as bearer: 204."""
        sid = request.match_info["sid"]
        shown = bearer(request)
        if not (self._service_token and hmac.compare_digest(shown.encode(), self._service_token.encode())):
            try:
                named = self._tokens.session_of(shown)
            except TokenError as exc:
                return error_response(401, exc.code, str(exc))
            if named != sid:
                return error_response(403, "token", "this token is of another session")
        if await self._bus.session(sid) is None:
            return error_response(404, "no_session", f"there is no session {sid}")
        await self._gateway.end_session(sid)
        return web.Response(status=204)

    async def characters(self, request: web.Request) -> web.Response:
        """`GET /v1/characters...`, passed on from the model server."""
        card_id = request.match_info.get("id")
        if card_id is not None and not _CHARACTER.fullmatch(card_id):
            return error_response(404, "no_character", f"there is no character {card_id[:64]!r}")
        slow = request.path.endswith("/behaviours")
        timeout_s = self._settings.behaviours_timeout_s if slow else self._settings.characters_timeout_s
        return _pass_on(await self._characters.get(request.path, timeout_s), self._settings.characters_cache_s)


def _pass_on(passed: Passed, cache_s: float) -> web.Response:
    headers = {}
    if passed.status == 200:
        headers["Cache-Control"] = "no-store" if passed.stale else f"public, max-age={cache_s:g}"
    return web.Response(status=passed.status, body=passed.body, content_type=passed.content_type, headers=headers)


@web.middleware
async def errors_as_json(request: web.Request, handler) -> web.StreamResponse:  # type: ignore[no-untyped-def]
    """Turn what we raise into JSON errors, and unforeseen faults into a plain 500 that is logged."""
    try:
        return await handler(request)
    except Unavailable as exc:
        return error_response(503, exc.code, str(exc), exc.retry_after_s)
    except SolamiError as exc:
        return error_response(500, exc.code, str(exc))
    except web.HTTPException as exc:
        if exc.status < 400:
            raise
        return error_response(exc.status, exc.reason.lower().replace(" ", "_"), f"{exc.reason}: {request.path}")
    except Exception:
        log.exception("%s %s", request.method, request.path)
        return error_response(500, "internal", "something went wrong here; it is in the relay's log")

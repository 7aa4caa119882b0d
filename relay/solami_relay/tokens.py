"""Short-lived, signed JSON Web Tokens (HS256): of a session, or of a device that was paired."""

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass

import jwt

from solami_protocol.errors import SettingsError, SolamiError

__all__ = ["IssuedToken", "TokenError", "Tokens"]

ALGORITHM = "HS256"
MIN_KEY_BYTES = 32  # RFC 7518, 3.2: a key of the same size as the hash output or larger


class TokenError(SolamiError):
    """A token that is missing, forged, meant for something else, or has expired."""

    code = "token"


@dataclass(frozen=True, slots=True)
class IssuedToken:
    """A token and its end in seconds since 1970."""

    token: str
    expires_at: float


class Tokens:
    """Signs and checks tokens. An empty key means a random one.

    audience: what the tokens are for, so that one kind is never taken for another; remedy: how to get one, for errors.
    """

    def __init__(
        self,
        key: str,
        ttl_s: float,
        clock: Callable[[], float] = time.time,
        *,
        audience: str = "solami-session",
        remedy: str = "ask for a session at POST /v1/sessions",
    ) -> None:
        if key and len(key.encode()) < MIN_KEY_BYTES:
            raise SettingsError(f"token.key: {len(key.encode())} bytes, expected at least {MIN_KEY_BYTES}")
        self._key = key or secrets.token_hex(MIN_KEY_BYTES)
        self._ttl_s = ttl_s
        self._clock = clock
        self._audience = audience
        self._remedy = remedy

    def issue(self, sid: str) -> IssuedToken:
        """Return a fresh token of the session (or device)."""
        now_s = self._clock()
        expires_at = now_s + self._ttl_s
        claims = {"sid": sid, "aud": self._audience, "iat": now_s, "exp": expires_at}
        return IssuedToken(jwt.encode(claims, self._key, ALGORITHM), expires_at)

    def session_of(self, token: str) -> str:
        """Return the sid (or device) that the token names. Raises TokenError."""
        if not token:
            raise TokenError(f"a token is missing; {self._remedy}")
        # PyJWT reads the wall clock by itself; ours is checked here so that it can be given
        options = {"require": ["exp", "sid"], "verify_exp": False, "verify_iat": False}
        try:
            claims = jwt.decode(token, self._key, [ALGORITHM], options=options, audience=self._audience)  # type: ignore[arg-type]
            expires_at, sid = float(claims["exp"]), claims["sid"]
        except (jwt.InvalidTokenError, TypeError, ValueError):
            raise TokenError(f"the token was not signed by this relay; {self._remedy}") from None
        if expires_at <= self._clock():
            raise TokenError(f"the token has expired; {self._remedy}")
        if not isinstance(sid, str):
            raise TokenError("the token names no session")
        return sid

"""Session tokens."""

import jwt
import pytest

from solami_protocol.errors import SettingsError
from solami_relay.tokens import TokenError, Tokens

KEY = "k" * 64


def test_a_token_names_its_session_until_it_expires():
    now = [1000.0]
    tokens = Tokens(KEY, 60, clock=lambda: now[0])
    issued = tokens.issue("s1")
    assert issued.expires_at == 1060
    now[0] = 1059.9
    assert tokens.session_of(issued.token) == "s1"
    now[0] = 1060
    with pytest.raises(TokenError, match="expired"):
        tokens.session_of(issued.token)


def test_two_relays_with_one_key_know_each_others_tokens_two_without_do_not():
    assert Tokens(KEY, 60).session_of(Tokens(KEY, 60).issue("s1").token) == "s1"
    with pytest.raises(TokenError, match="not signed"):
        Tokens("", 60).session_of(Tokens("", 60).issue("s1").token)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        jwt.encode({"sid": "s1", "aud": "solami-session", "exp": 2e9}, "", "none"),
        jwt.encode({"sid": "s1", "aud": "somebody else", "exp": 2e9}, KEY, "HS256"),
        jwt.encode({"sid": "s1", "aud": "solami-session"}, KEY, "HS256"),
        jwt.encode({"aud": "solami-session", "exp": 2e9}, KEY, "HS256"),
        jwt.encode({"sid": "s1", "aud": "solami-session", "exp": "soon"}, KEY, "HS256"),
        jwt.encode({"sid": 7, "aud": "solami-session", "exp": 2e9}, KEY, "HS256"),
        jwt.encode({"sid": "s1", "aud": "solami-session", "exp": 2e9}, KEY, "HS512"),
    ],
)
def test_what_is_not_our_token_is_refused(token):
    with pytest.raises(TokenError):
        Tokens(KEY, 60).session_of(token)


def test_a_short_key_is_refused_at_the_start():
    with pytest.raises(SettingsError, match="at least 32"):
        Tokens("secret", 60)

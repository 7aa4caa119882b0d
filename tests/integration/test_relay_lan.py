"""The relay for other machines of the network: TLS by its own certificate, and sessions for paired devices only."""

import asyncio
import socket
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from solami_protocol.errors import SettingsError
from solami_relay.app import run_relay
from solami_relay.certificate import Certificate, ensure_certificate
from solami_relay.pairing import PairingCode, PairingError
from solami_relay.settings import RelaySettings

SERVICE_TOKEN = "the service token of a test"


def test_a_code_lives_two_minutes_works_once_and_dies_of_five_tries():
    now = [1000.0]
    shown = PairingCode(lambda: now[0])
    with pytest.raises(PairingError, match="no pairing code"):
        shown.redeem("000000")
    code, expires_at = shown.renew()
    assert (len(code), code.isdigit(), expires_at) == (6, True, 1120)
    now[0] = 1119.9
    shown.redeem(code)
    with pytest.raises(PairingError, match="no pairing code"):
        shown.redeem(code)
    code, _ = shown.renew()
    now[0] += 120
    with pytest.raises(PairingError, match="no pairing code"):
        shown.redeem(code)
    code, _ = shown.renew()
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    for left in (4, 3, 2, 1):
        with pytest.raises(PairingError, match=f"tries left: {left}"):
            shown.redeem(wrong)
    with pytest.raises(PairingError, match="five wrong codes"):
        shown.redeem(wrong)
    with pytest.raises(PairingError, match="no pairing code"):
        shown.redeem(code)


def test_a_certificate_stays_until_an_address_is_new(tmp_path: Path):
    first = ensure_certificate(tmp_path, ["192.0.2.7"])
    assert first.key_path.stat().st_mode & 0o777 == 0o600
    assert ensure_certificate(tmp_path, ["192.0.2.7"]) == first
    assert ensure_certificate(tmp_path, []) == first
    second = ensure_certificate(tmp_path, ["192.0.2.7", "192.0.2.8"])
    assert second.fingerprint != first.fingerprint
    first.path.write_text("no certificate")
    assert ensure_certificate(tmp_path, []).fingerprint not in (first.fingerprint, second.fingerprint)


@dataclass
class Lan:
    url: str
    lan_url: str
    http: aiohttp.ClientSession
    certificate: Certificate

    async def post(self, url: str, body: dict, token: str = "") -> tuple[int, dict]:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with self.http.post(url, json=body, headers=headers) as reply:
            return reply.status, await reply.json()

    async def code(self) -> str:
        status, shown = await self.post(f"{self.url}/v1/pair/codes", {}, SERVICE_TOKEN)
        assert status == 201
        return shown["code"]


async def characters(_request: web.Request) -> web.Response:
    return web.json_response({"characters": [{"id": "copper"}]})


@pytest.fixture
async def lan(tmp_path: Path) -> AsyncIterator[Lan]:
    made = ensure_certificate(tmp_path, [])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    cards = web.Application()
    cards.router.add_get("/v1/characters", characters)
    runner = web.AppRunner(cards, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    settings = RelaySettings.model_validate(
        {
            "port": 0, "roles": ["gateway"], "model_server_url": f"http://127.0.0.1:{runner.addresses[0][1]}",
            "lan": {"host": "127.0.0.1", "port": port, "certificate": str(made.path), "key": str(made.key_path)},
        }
    )  # fmt: skip
    stop, listening = asyncio.Event(), asyncio.get_running_loop().create_future()
    relay = asyncio.create_task(run_relay(settings, stop, listening.set_result, SERVICE_TOKEN))
    await asyncio.wait({relay, listening}, return_when=asyncio.FIRST_COMPLETED)
    context = ssl.create_default_context(cafile=made.path)  # whoever trusts this very certificate
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http:
        yield Lan(listening.result(), f"https://localhost:{port}", http, made)
    stop.set()
    await relay
    await runner.cleanup()


async def test_only_a_paired_device_gets_a_session_and_talks_over_wss(lan: Lan):
    ask = {"character": "copper"}
    status, refused = await lan.post(f"{lan.lan_url}/v1/sessions", ask)
    assert (status, refused["error"]["code"]) == (401, "pairing")
    assert "solami up --lan" in refused["error"]["message"]
    status, paired = await lan.post(f"{lan.lan_url}/v1/pair", {"code": await lan.code()})
    assert status == 200
    status, session = await lan.post(f"{lan.lan_url}/v1/sessions", ask, paired["token"])
    assert status == 201
    assert session["ws_url"] == lan.lan_url.replace("https", "wss") + "/v1/ws"
    async with lan.http.ws_connect(session["ws_url"]) as ws:
        await ws.send_json({"type": "hello", "token": session["token"], "client": {"engine": "test"}})
        assert (await ws.receive_json(timeout=3))["type"] == "ready"
    # one kind of token is never taken for the other
    status, _ = await lan.post(f"{lan.lan_url}/v1/sessions", ask, session["token"])
    assert status == 401
    async with lan.http.get(f"{lan.lan_url}/v1/realtime?model=copper") as reply:
        assert reply.status == 401
    headers = {"Authorization": f"Bearer {paired['token']}"}
    async with lan.http.ws_connect(f"{lan.lan_url}/v1/realtime?model=copper", headers=headers) as ws:
        assert (await ws.receive_json(timeout=3))["type"] == "session.created"
    # this machine itself needs no code
    status, _ = await lan.post(f"{lan.url}/v1/sessions", ask)
    assert status == 201


async def test_wrong_codes_and_strangers_are_refused(lan: Lan):
    await lan.code()
    for body, status, code in (
        ({"code": "12"}, 400, "bad_input"),
        ({}, 400, "bad_input"),
        ({"code": "x"}, 400, "bad_input"),
    ):
        got, answer = await lan.post(f"{lan.lan_url}/v1/pair", body)
        assert (got, answer["error"]["code"]) == (status, code)
    real = await lan.code()
    got, answer = await lan.post(f"{lan.lan_url}/v1/pair", {"code": f"{(int(real) + 1) % 1_000_000:06d}"})
    assert (got, answer["error"]["code"]) == (403, "pairing")
    for token in ("", "guess"):
        got, _ = await lan.post(f"{lan.lan_url}/v1/pair/codes", {}, token)
        assert got == 401, "codes are made by the machine that serves alone"
    async with lan.http.post(
        f"{lan.lan_url}/v1/pair", json={"code": real}, headers={"Origin": "https://elsewhere.example"}
    ) as reply:
        assert reply.status == 403


async def test_the_network_is_not_served_without_a_service_token_or_with_a_broken_certificate(tmp_path: Path):
    made = ensure_certificate(tmp_path, [])
    for key, token, why in ((made.key_path, "", "SOLAMI_SERVICE_TOKEN"), (made.path, SERVICE_TOKEN, "lan.certificate")):
        settings = RelaySettings.model_validate(
            {"port": 0, "roles": ["gateway"], "lan": {"port": 0, "certificate": str(made.path), "key": str(key)}}
        )
        with pytest.raises(SettingsError, match=why):
            await run_relay(settings, asyncio.Event(), lambda _: None, token)

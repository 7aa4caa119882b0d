"""The network side of `solami up --lan`: certificate, addresses, pairing codes, and what the terminal shows of them."""

import asyncio
import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Lan", "open_lan"]

REQUEST_S = 5.0


@dataclass(frozen=True, slots=True)
class Lan:
    """Where other machines reach the relay, and by which certificate."""

    addresses: list[str]
    port: int
    certificate: Path
    key: Path
    fingerprint: str

    @property
    def url(self) -> str:
        """The address for the QR code."""
        return f"https://{self.addresses[0]}:{self.port}"

    def relay_args(self) -> list[str]:
        """Return the relay's settings for it."""
        return [f"lan.port={self.port}", f"lan.certificate={self.certificate}", f"lan.key={self.key}"]

    async def pair(self, relay_url: str, service_token: str) -> None:
        """Show a pairing code, and a new one whenever Enter is pressed; runs until cancelled."""
        await _show_code(self, relay_url, service_token)
        if not sys.stdin.isatty():
            await asyncio.Event().wait()
        pressed = asyncio.Event()

        def take_line() -> None:
            sys.stdin.readline()
            pressed.set()

        loop = asyncio.get_running_loop()
        loop.add_reader(sys.stdin, take_line)
        try:
            while True:
                await pressed.wait()
                pressed.clear()
                await _show_code(self, relay_url, service_token)
        finally:
            loop.remove_reader(sys.stdin)


def open_lan(port: int) -> Lan:
    """Return addresses and certificate of this machine. Raises Unavailable without a network."""
    from solami_protocol.errors import Unavailable
    from solami_relay.certificate import ensure_certificate, lan_addresses

    addresses = lan_addresses()
    if not addresses:
        raise Unavailable("--lan: this machine is in no network; connect it, or leave --lan out")
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local/share")
    made = ensure_certificate(data / "solami" / "lan", addresses)
    return Lan(addresses, port, made.path, made.key_path, made.fingerprint)


async def _show_code(lan: Lan, relay_url: str, service_token: str) -> None:
    from solami.cli.console import console

    code = await _new_code(relay_url, service_token)
    others = "".join(f" or https://{address}:{lan.port}" for address in lan.addresses[1:])
    console.print(
        f"\nHeadset or phone in this network: {lan.url}{others}\n"
        f"Pairing code {code[:3]} {code[3:]}, good for two minutes and one device"
        f"{'; Enter shows a new one' if sys.stdin.isatty() else ''}.",
        markup=False,
    )
    _print_qr(f"{lan.url}/#pair={code}")
    console.print(
        "The browser warns once, for this machine made the certificate itself. Its SHA-256 is\n"
        f"{lan.fingerprint[:47]}\n{lan.fingerprint[48:]}\n"
        f"By cable instead: adb reverse tcp:{relay_url.rpartition(':')[2]} tcp:{relay_url.rpartition(':')[2]}, "
        f"then open http://localhost:{relay_url.rpartition(':')[2]} on the Quest.",
        markup=False,
    )


def _print_qr(text: str) -> None:
    import segno

    with contextlib.suppress(UnicodeEncodeError):  # a terminal without block characters: the address is above
        segno.make(text, error="l").terminal(compact=True, border=2)


async def _new_code(relay_url: str, service_token: str) -> str:
    import aiohttp

    from solami_protocol.errors import Unavailable

    headers = {"Authorization": f"Bearer {service_token}"}
    timeout = aiohttp.ClientTimeout(total=REQUEST_S)
    try:
        async with (
            aiohttp.ClientSession(headers=headers, timeout=timeout, raise_for_status=True) as http,
            http.post(f"{relay_url}/v1/pair/codes") as response,
        ):
            return (await response.json())["code"]
    except (aiohttp.ClientError, TimeoutError) as exc:
        raise Unavailable(f"the relay at {relay_url} made no pairing code: {exc}") from None

"""A certificate of our own for the local network: browsers give microphone and VR to encrypted pages only.

Nobody signs for it, so a browser warns once a device; the fingerprint on the server's screen is there to compare.
"""

import datetime as dt
import ipaddress
import os
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

__all__ = ["Certificate", "ensure_certificate", "lan_addresses"]

LIFE = dt.timedelta(days=397)  # what browsers accept at most of any certificate
MIN_LEFT = dt.timedelta(days=14)
ANYWHERE = ("198.51.100.1", 9)  # RFC 5737: an address for documentation; a UDP socket that "connects" sends nothing


@dataclass(frozen=True, slots=True)
class Certificate:
    """PEM files, and the SHA-256 of the certificate as browsers show it."""

    path: Path
    key_path: Path
    fingerprint: str


def lan_addresses() -> list[str]:
    """Return this machine's IPv4 addresses in its networks, the one of the default route first; loopback apart."""
    found = [
        each.address
        for entries in psutil.net_if_addrs().values()
        for each in entries
        if each.family is socket.AF_INET and _is_reachable(each.address)
    ]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(ANYWHERE)
            first = probe.getsockname()[0]
        except OSError:  # no route to anywhere
            first = ""
    return sorted(set(found), key=lambda address: (address != first, address))


def _is_reachable(address: str) -> bool:
    ip = ipaddress.ip_address(address)
    return not (ip.is_loopback or ip.is_link_local)


def ensure_certificate(folder: Path, addresses: Sequence[str]) -> Certificate:
    """Return the certificate in `folder` for localhost, this host's name and `addresses`.

    It is made anew when there is none, when it ends within 14 days, or when it lacks an address: the same one stays as
    long as it can, for every new one makes browsers warn again.
    """
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    path, key_path = folder / "certificate.pem", folder / "key.pem"
    certificate = _read(path) if key_path.is_file() else None
    if certificate is None or not _serves(certificate, addresses):
        certificate = _make(path, key_path, addresses)
    digest = certificate.fingerprint(hashes.SHA256()).hex(":").upper()
    return Certificate(path, key_path, digest)


def _read(path: Path) -> x509.Certificate | None:
    try:
        return x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError):
        return None


def _serves(certificate: x509.Certificate, addresses: Sequence[str]) -> bool:
    if certificate.not_valid_after_utc - dt.datetime.now(dt.UTC) < MIN_LEFT:
        return False
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    known = {str(ip) for ip in names.get_values_for_type(x509.IPAddress)}
    return known >= set(addresses)


def _make(path: Path, key_path: Path, addresses: Sequence[str]) -> x509.Certificate:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "solami on this network")])
    hosts = dict.fromkeys(["localhost", socket.gethostname(), f"{socket.gethostname()}.local"])
    ips = dict.fromkeys(["127.0.0.1", *addresses])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))  # headsets whose clock is slow
        .not_valid_after(now + LIFE)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(
            x509.SubjectAlternativeName(
                [*(x509.DNSName(h) for h in hosts), *(x509.IPAddress(ipaddress.ip_address(a)) for a in ips)]
            ),
            critical=False,
        )
        .sign(key, hashes.SHA256())
    )
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )  # fmt: skip
    with os.fdopen(os.open(key_path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as out:
        out.write(pem)
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return certificate

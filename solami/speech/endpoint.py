"""One request to an OpenAI-compatible speech endpoint, read as it comes; blocking, for worker threads.

Everything that can go wrong with an endpoint ends in `Unavailable` with its address: no connection, another status than
200, silence for longer than asked, an answer that breaks off, one that is too long.
"""

import http.client
import socket
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from urllib.parse import urlsplit

from solami_protocol.errors import SettingsError, Unavailable

__all__ = ["Answer", "answer_to", "multipart"]

_PIECE = 16 * 1024
_ERROR_TEXT = 200


@dataclass(frozen=True, slots=True)
class Answer:
    """The answer of an endpoint: its content type and its body in pieces as they arrive."""

    content_type: str
    pieces: Iterator[bytes]


@contextmanager
def answer_to(
    what: str, url: str, path: str, body: bytes, content_type: str, *, api_key: str, wait_s: float, limit: int
) -> Iterator[Answer]:
    """Post `body` to `url` + `path` and give its answer; the connection closes with the context.

    what: the endpoint's part, for messages ("voice"); wait_s: for all of the answer; limit: of its bytes. Raises
    Unavailable, SettingsError for an address that is none.
    """
    base = urlsplit(url)
    if not base.hostname:
        raise SettingsError(f"{what}: {url!r} has no host; expected an address such as http://127.0.0.1:8000/v1")
    full = base.path.rstrip("/") + path
    where = f"{what} at {base.scheme}://{base.netloc}{full}"
    kind = http.client.HTTPSConnection if base.scheme == "https" else http.client.HTTPConnection
    headers = {"Content-Type": content_type}
    if api_key:
        headers["Authorization"] = f"Bearer {api_key}"
    until = time.monotonic() + wait_s
    connection = kind(base.hostname, base.port, timeout=wait_s)
    try:
        connection.request("POST", full, body, headers)
        response = connection.getresponse()
        if response.status != 200:
            text = " ".join(response.read(4 * _ERROR_TEXT).decode(errors="replace").split())
            raise Unavailable(f"{where}: HTTP {response.status}: {text[:_ERROR_TEXT]}")
        pieces = _pieces(response, connection.sock, where, until, limit)
        yield Answer(response.headers.get("Content-Type") or "", pieces)
    except TimeoutError:
        raise Unavailable(f"{where}: no whole answer within {wait_s:g} s") from None
    except (OSError, http.client.HTTPException) as exc:
        raise Unavailable(f"{where}: {exc or type(exc).__name__}") from exc
    finally:
        connection.close()


def _pieces(
    response: http.client.HTTPResponse, sock: socket.socket | None, where: str, until: float, limit: int
) -> Iterator[bytes]:
    size = 0
    while True:
        left_s = until - time.monotonic()
        if left_s <= 0:
            raise TimeoutError
        if sock is not None:
            sock.settimeout(left_s)
        piece = response.read1(_PIECE)
        if not piece:
            break
        size += len(piece)
        if size > limit:
            raise Unavailable(f"{where}: the answer is longer than {limit >> 20} MB")
        yield piece
    if response.length:  # what the header promised and did not come
        raise Unavailable(f"{where}: the answer broke off after {size} bytes, {response.length} are missing")


def multipart(fields: Mapping[str, str], name: str, file_name: str, file_type: str, data: bytes) -> tuple[bytes, str]:
    """Return a form with text fields and one file (part `name`), and its content type."""
    border = uuid.uuid4().hex
    parts = [
        f'--{border}\r\nContent-Disposition: form-data; name="{key}"\r\n\r\n{value}\r\n'.encode()
        for key, value in fields.items()
    ]
    head = f'--{border}\r\nContent-Disposition: form-data; name="{name}"; filename="{file_name}"\r\n'
    parts += [f"{head}Content-Type: {file_type}\r\n\r\n".encode(), data, f"\r\n--{border}--\r\n".encode()]
    return b"".join(parts), f"multipart/form-data; boundary={border}"

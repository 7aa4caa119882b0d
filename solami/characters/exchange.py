"""Character Card V2 and V3, the JSON and PNG that other tools read and write: into a card of ours and back.

What those formats lack lies in their `extensions.solami`; what ours lacks lies in our `extensions.chara_card`, so that
either way nothing is lost. Nothing is ever fetched: addresses in a card are kept as text.
Sources: the published specifications "chara_card_v2" and "chara_card_v3" (`ccv3`), and PNG (ISO/IEC 15948) chunks.
"""

import base64
import binascii
import json
import re
import struct
import zlib
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from solami_protocol.errors import InputError

from .card import Card
from .located import MAX_CARD_BYTES

__all__ = ["card_from_json", "card_to_json", "png_with_card", "read_foreign_card"]

MAX_PNG_BYTES = 16_000_000
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_OURS = ("language", "examples", "facts", "expects", "acts", "lines", "voice", "motion", "appearance", "affect")
_LONGEST = 600
_SENTENCES = re.compile(r"[^.!?]*[.!?]+[\"'”*)]*\s*|[^.!?]+$")


def read_foreign_card(path: Path) -> Card:
    """Return the card in a V2 or V3 `.json` or `.png` file. Raises InputError that says what is wrong with it."""
    limit = MAX_PNG_BYTES if path.suffix.lower() == ".png" else MAX_CARD_BYTES
    try:
        if path.stat().st_size > limit:
            raise InputError(f"{path}: {path.stat().st_size:,} bytes; at most {limit:,} are read")
        raw = path.read_bytes()
    except OSError as exc:
        raise InputError(f"{path}: cannot be read: {exc.strerror}") from exc
    if raw.startswith(_SIGNATURE):
        raw = _card_in_png(raw, str(path))
    try:
        data = json.loads(raw.decode("utf-8-sig"))
    except (UnicodeDecodeError, ValueError, RecursionError) as exc:
        raise InputError(f"{path}: neither a PNG nor JSON: {exc}") from exc
    return card_from_json(data, str(path), path.stem).found_in(path.parent)


def card_from_json(document: Any, source: str, card_id: str = "") -> Card:
    """Return the card in a V1, V2 or V3 document. Raises InputError."""
    if not isinstance(document, dict):
        raise InputError(f"{source}: expected a JSON object, as Character Card V2 has it")
    data = document.get("data", document)
    if not isinstance(data, dict) or not isinstance(data.get("name"), str) or not data["name"].strip():
        raise InputError(f"{source}: data.name is missing; a character card needs a name")
    extensions = _mapping(data.get("extensions"))
    ours = _mapping(extensions.pop("solami", None))
    kept = {**document, "data": {**data, "extensions": extensions}} if "data" in document else document
    name = data["name"].strip()
    fields: dict[str, Any] = {
        "id": card_id,
        "name": name,
        **{key: _text(data, key)[:8000] for key in ("description", "personality", "scenario")},
        "opening": ours.get("opening") or _openings(data, name),
        "examples": _examples(data, name),
        "facts": _facts(data),
        **{key: ours[key] for key in _OURS if key in ours},
        "extensions": extensions | {"chara_card": kept},
    }
    try:
        return Card.model_validate(fields)
    except ValidationError as exc:
        first = exc.errors()[0]
        where = ".".join(str(part) for part in first["loc"])
        raise InputError(f"{source}: {where}: {first['msg']}") from exc


def _mapping(value: Any) -> dict[str, Any]:
    return dict(value) if isinstance(value, dict) else {}


def _text(data: dict[str, Any], key: str) -> str:
    return data[key].strip() if isinstance(data.get(key), str) else ""


def _spoken(text: str) -> str:
    """Return whole sentences of `text` that can be said in one go; the rest stays in the original."""
    out = ""
    for sentence in _SENTENCES.findall(" ".join(text.split())):
        if len(out) + len(sentence) > _LONGEST:
            break
        out += sentence
    return out.strip() or text.strip()[:_LONGEST]


def _openings(data: dict[str, Any], name: str) -> list[str]:
    greetings = data.get("alternate_greetings")
    texts = [_text(data, "first_mes"), *(greetings if isinstance(greetings, list) else [])]
    spoken = [_spoken(text) for text in texts if isinstance(text, str) and text.strip()]
    return spoken[:16] or [f"Hello, I am {name}."]


def _examples(data: dict[str, Any], name: str) -> list[dict[str, Any]]:
    """Return the exchanges of `mes_example` (blocks that begin with <START>), and the three that every talk needs."""
    examples: list[dict[str, Any]] = []
    for block in re.split(r"<START>", _text(data, "mes_example"), flags=re.IGNORECASE):
        user = ""
        for line in re.split(r"\n(?=\s*(?:\{\{user\}\}|\{\{char\}\}|" + re.escape(name) + r")\s*:)", block):
            who, _, said = line.strip().partition(":")
            if who.strip().lower() == "{{user}}":
                user = _spoken(said)
            elif said.strip() and user:
                examples.append({"id": f"example_{len(examples) + 1}", "user": [user], "character": [_spoken(said)]})
                user = ""
    greeting = {"id": "hello", "user": ["hello", "hi", "hello there"], "character": [f"[wave] Hello! I am {name}."]}
    who = {"id": "name", "user": ["who are you", "what is your name"], "character": [f"I am {name}."]}
    bye = {"id": "goodbye", "user": ["goodbye", "bye", "see you"], "character": ["[wave] Goodbye!"], "waves": True}
    return [*examples[:500], greeting, who, bye]


def _facts(data: dict[str, Any]) -> list[str]:
    book = data.get("character_book")
    entries = book.get("entries") if isinstance(book, dict) else None
    texts = [entry.get("content") for entry in entries or [] if isinstance(entry, dict) and entry.get("enabled", True)]
    return [_spoken(text) for text in texts if isinstance(text, str) and text.strip()][:1000]


def card_to_json(card: Card) -> dict[str, Any]:
    """Return the card as a V2 document that V3 readers take too; what V2 lacks lies in `extensions.solami`."""
    document = _mapping(card.extensions.get("chara_card"))
    data = _mapping(document.get("data"))
    ours = {key: value for key, value in card.model_dump(mode="json", exclude_defaults=True).items() if key in _OURS}
    others = {key: value for key, value in card.extensions.items() if key != "chara_card"}
    blocks = [
        f"<START>\n{{{{user}}}}: {example.user[0]}\n{{{{char}}}}: {example.character[0].say}"
        for example in card.examples[:20]
    ]
    defaults = {
        "creator_notes": "", "system_prompt": "", "post_history_instructions": "", "tags": [], "creator": "",
        "character_version": "",
    }  # fmt: skip
    mine = {
        "name": card.name, "description": card.description, "personality": card.personality, "scenario": card.scenario,
        "extensions": others | {"solami": ours | {"opening": list(card.opening)}},
    }  # fmt: skip
    if not data:
        data = {
            "first_mes": card.opening[0],
            "alternate_greetings": list(card.opening[1:]),
            "mes_example": "\n".join(blocks),
        }
    return {"spec": "chara_card_v2", "spec_version": "2.0"} | document | {"data": defaults | data | mine}


# --- PNG


def _chunks(raw: bytes, source: str) -> list[tuple[bytes, bytes]]:
    """Return (kind, body) of each chunk up to IEND. Raises InputError for one that is cut off."""
    chunks, at = [], len(_SIGNATURE)
    while at + 8 <= len(raw):
        length, kind = struct.unpack(">I4s", raw[at : at + 8])
        body = raw[at + 8 : at + 8 + length]
        if len(body) < length or at + 12 + length > len(raw):
            raise InputError(f"{source}: the PNG is cut off in its chunk {kind.decode('latin-1')!r}")
        chunks.append((kind, body))
        at += 12 + length
        if kind == b"IEND":
            return chunks
    raise InputError(f"{source}: the PNG has no end; it is cut off")


def _card_in_png(raw: bytes, source: str) -> bytes:
    texts: dict[bytes, bytes] = {}
    for kind, body in _chunks(raw, source):
        key, found, value = body.partition(b"\0")
        if kind == b"tEXt" and found:
            texts.setdefault(key.lower(), value)
    encoded = texts.get(b"ccv3") or texts.get(b"chara")
    if encoded is None:
        raise InputError(f"{source}: the PNG holds no character (no text chunk `ccv3` or `chara`)")
    try:
        card = base64.b64decode(encoded, validate=True)
    except binascii.Error as exc:
        raise InputError(f"{source}: the character in the PNG is not base64: {exc}") from exc
    if len(card) > MAX_CARD_BYTES:
        raise InputError(f"{source}: the character in the PNG has {len(card):,} bytes; at most {MAX_CARD_BYTES:,}")
    return card


def png_with_card(card: Card, picture: bytes | None = None) -> bytes:
    """Return a PNG that holds the card (chunk `chara`). Without a `picture` it shows the card's colours.

    Raises InputError when `picture` is not a PNG.
    """
    raw = _stripes(list(card.appearance.colours.values()) or ["#888888"]) if picture is None else picture
    if not raw.startswith(_SIGNATURE):
        raise InputError("the picture is not a PNG; convert it first")
    text = b"chara\0" + base64.b64encode(json.dumps(card_to_json(card), ensure_ascii=False).encode())
    kept = [
        (kind, body)
        for kind, body in _chunks(raw, "the picture")
        if not (kind == b"tEXt" and body.split(b"\0")[0].lower() in (b"chara", b"ccv3"))
    ]
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in [*kept[:-1], (b"tEXt", text), kept[-1]])


def _chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def _stripes(colours: list[str]) -> bytes:
    """Return a PNG of 256 x 384 pixels with one stripe a colour."""
    width, height = 256, 384
    rows = []
    for y in range(height):
        colour = colours[y * len(colours) // height]
        rows.append(b"\0" + bytes.fromhex(colour[1:]) * width)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", header), (b"IDAT", zlib.compress(b"".join(rows))), (b"IEND", b"")]
    return _SIGNATURE + b"".join(_chunk(kind, body) for kind, body in parts)

"""Character Card V2/V3 in JSON and PNG, and the commands around cards."""

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from solami.characters import load_card, load_library
from solami.characters.exchange import card_from_json, card_to_json, png_with_card, read_foreign_card
from solami.cli.character import app
from solami_protocol.errors import InputError

V2: dict[str, Any] = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Mira",
        "description": "{{char}} keeps bees on a roof.",
        "personality": "calm",
        "scenario": "A roof in the evening.",
        "first_mes": "*looks up from a hive* Oh, hello {{user}}! " + "Mind the bees. " * 100,
        "mes_example": "<START>\n{{user}}: What is in the hive?\n{{char}}: *smiles* About forty thousand sisters.\n"
        "<START>\n{{user}}: Do they sting?\n{{char}}: Only when they must.",
        "alternate_greetings": ["Good evening."],
        "character_book": {
            "entries": [{"keys": ["honey"], "content": "The honey is dark this year.", "enabled": True}]
        },
        "system_prompt": "Stay calm.",
        "tags": ["bees"],
        "extensions": {"depth_prompt": {"depth": 4}, "fav": True},
        "a_field_of_tomorrow": {"x": [1, 2]},
    },
}


def chunk(kind: bytes, body: bytes) -> bytes:
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(*texts: tuple[str, bytes]) -> bytes:
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    body = b"".join(chunk(b"tEXt", key.encode() + b"\0" + value) for key, value in texts)
    return b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IDAT", zlib.compress(b"\0abc")) + chunk(b"IEND", b"")


def test_v2_becomes_a_card_and_goes_back_whole() -> None:
    card = card_from_json(V2, "mira.json", "mira")
    assert (card.id, card.name, card.personality) == ("mira", "Mira", "calm")
    assert card.opening[0].startswith("*looks up from a hive* Oh, hello {{user}}!")
    assert len(card.opening[0]) <= 600
    assert card.opening[1] == "Good evening."
    assert card.examples[0].user == ("What is in the hive?",)
    assert card.examples[1].character[0].say == "Only when they must."
    assert card.facts == ("The honey is dark this year.",)
    assert card.extensions["depth_prompt"] == {"depth": 4}
    back = card_to_json(card)
    for key, value in V2["data"].items():
        if key != "extensions":
            assert back["data"][key] == value
    assert back["data"]["extensions"]["fav"] is True
    # once more round: nothing grows, nothing is lost
    again = card_from_json(back, "mira.json", "mira")
    assert again.model_copy(update={"extensions": {}}) == card.model_copy(update={"extensions": {}})
    assert card_to_json(again) == back


def test_png_prefers_v3_and_survives(tmp_path: Path) -> None:
    v3 = {**V2, "spec": "chara_card_v3", "data": {**V2["data"], "name": "Mira Three"}}
    path = tmp_path / "mira.png"
    encoded = [base64.b64encode(json.dumps(document).encode()) for document in (V2, v3)]
    path.write_bytes(png(("chara", encoded[0]), ("ccv3", encoded[1])))
    card = read_foreign_card(path)
    assert card.name == "Mira Three"
    (tmp_path / "out.png").write_bytes(png_with_card(card, path.read_bytes()))
    assert read_foreign_card(tmp_path / "out.png").name == "Mira Three"
    assert b"ccv3" not in (tmp_path / "out.png").read_bytes()


def test_ours_goes_out_and_comes_back(tmp_path: Path) -> None:
    copper = load_library()["copper"]
    path = tmp_path / "copper.png"
    path.write_bytes(png_with_card(copper))
    back = read_foreign_card(path)
    assert back.model_copy(update={"extensions": {}}) == copper


def broken_pngs() -> dict[str, tuple[bytes, str]]:
    good = png(("chara", base64.b64encode(json.dumps(V2).encode())))
    return {
        "cut off": (good[: len(good) // 2], "cut off"),
        "no card": (png(), "no character"),
        "no base64": (png(("chara", b"%%%")), "not base64"),
        "no json": (png(("chara", base64.b64encode(b"hello"))), "JSON"),
        "huge length": (good[:33] + struct.pack(">I", 2**31 - 1) + good[37:], "cut off"),
        "no name": (png(("chara", base64.b64encode(b'{"data": {"description": "x"}}'))), "name is missing"),
        "big text": (png(("chara", base64.b64encode(b'{"data": {"name": "' + b"x" * 2_000_000 + b'"}}'))), "at most"),
    }


@pytest.mark.parametrize("name", broken_pngs())
def test_broken_pngs_are_refused_with_words(name: str, tmp_path: Path) -> None:
    data, words = broken_pngs()[name]
    path = tmp_path / "card.png"
    path.write_bytes(data)
    with pytest.raises(InputError, match=words):
        read_foreign_card(path)


@pytest.mark.parametrize("document", [[], 3, {"data": {"name": ""}}, {"data": []}, {"name": "x" * 500}])
def test_broken_documents_are_refused(document: Any) -> None:
    with pytest.raises(InputError, match="odd"):
        card_from_json(document, "odd")


def test_odd_types_inside_are_survived() -> None:
    data = {
        "name": "Odd",
        "first_mes": None,
        "alternate_greetings": "no",
        "mes_example": 7,
        "character_book": [1],
        "extensions": 3,
    }
    card = card_from_json({"data": data}, "odd")
    assert card.opening == ("Hello, I am Odd.",)


def run(*args: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(args))
    return result.exit_code, " ".join((result.output + (result.stderr or "")).split())


def test_commands(tmp_path: Path) -> None:
    code, text = run("list")
    assert code == 0
    assert "copper" in text
    card = tmp_path / "bolt.yaml"
    assert run("new", 'Bolt "the" O\'Cog', "--out", str(card))[0] == 0
    assert load_card(card).name == 'Bolt "the" O\'Cog'
    assert run("new", "Bolt", "--out", str(card))[0] == 1
    code, text = run("check", str(card))
    assert code == 0
    assert "is a valid card" in text
    card.write_text(card.read_text() + "openning: hi\nexpects: 3\n")
    code, text = run("check", str(card))
    assert code == 1
    assert "there twice" in text


def test_import_and_export(tmp_path: Path) -> None:
    source, out = tmp_path / "mira.json", tmp_path / "mira.yaml"
    source.write_text(json.dumps(V2))
    assert run("import", str(source))[0] == 0
    card = load_card(out)
    assert card.name == "Mira"
    for name in ("back.json", "back.png"):
        assert run("export", str(out), str(tmp_path / name))[0] == 0
        assert read_foreign_card(tmp_path / name).examples == card.examples
    assert run("export", "copper", str(tmp_path / "x.txt"))[0] == 1
    assert run("export", "nobody", str(tmp_path / "x.json"))[0] == 1
    # an imported card without answers of its own can still be talked to
    assert {"hello", "name", "goodbye"} <= {example.id for example in card.examples}


def test_check_names_misspelt_keys(tmp_path: Path) -> None:
    card = tmp_path / "bolt.yaml"
    card.write_text("name: Bolt\nopening: Hi!\nexpect: [hello]\n")
    code, text = run("check", str(card))
    assert code == 0
    assert "did you mean 'expects'?" in text
    assert "no examples" in text


def test_check_names_a_voice_that_is_not_there(tmp_path: Path) -> None:
    path = tmp_path / "card.yaml"
    path.write_text("name: Bolt\nopening: Hi!\nvoice: {speaker: nobody}\n")
    result = CliRunner().invoke(app, ["check", str(path)])
    assert result.exit_code == 0
    assert "no voice 'nobody'" in " ".join(result.output.split())

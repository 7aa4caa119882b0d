"""Cards: what loads, what is refused and with which line, and what ships."""

from pathlib import Path

import pytest

from solami.agent.card_parts import card_voice
from solami.characters import load_card, load_library, parse_card
from solami.characters.advice import advice
from solami.characters.card import unknown_keys
from solami.characters.located import MAX_CARD_BYTES
from solami_protocol.errors import InputError

SMALL = """\
name: Bolt
opening: Hello!
examples:
  - user: hello
    character: "[wave] Hello!"
  - user: [a riddle, tell me a riddle]
    character:
      - say: What am I?
        if_yes: Then say it.
"""


def test_small_card_and_defaults() -> None:
    card = parse_card(SMALL, "bolt.yaml", "bolt")
    assert (card.id, card.name, card.opening) == ("bolt", "Bolt", ("Hello!",))
    assert card.examples[0].user == ("hello",)
    assert card.examples[1].character[0].if_yes == ("Then say it.",)
    assert card.voice.rate == 1.0


@pytest.mark.parametrize(
    ("old", "new", "line", "words"),
    [
        ("name: Bolt", "nam: Bolt", 1, "name: is missing"),
        ("opening: Hello!", "opening: []", 2, "opening"),
        ("    character: \"[wave] Hello!\"", "    charakter: hi", 4, "character: is missing"),
        ("        if_yes: Then say it.", "        if_yes: {a: 1}", 9, "if_yes"),
        ("opening: Hello!", "opening: Hello!\nvoice: {rate: 9}", 3, "rate"),
        ("opening: Hello!", "opening: Hello!\nopening: Hi", 3, "there twice"),
        ("opening: Hello!", "opening: [Hello!", 3, "not valid YAML"),
        ("opening: Hello!", "opening: &a Hello!", 2, "anchors"),
        ("opening: Hello!", "opening: Hello!\nno: yes", 3, "not text"),
        ("opening: Hello!", "opening: Hello!\nappearance: {colours: {hair: red}}", 3, "hair"),
        ("opening: Hello!", "opening: Hello!\nlines: {ask: [what?]}", 3, "{a} and {b}"),
    ],
)  # fmt: skip
def test_faults_name_file_and_line(old: str, new: str, line: int, words: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_card(SMALL.replace(old, new), "bolt.yaml")
    assert f"bolt.yaml, line {line}:" in str(caught.value)
    assert words in str(caught.value)


def test_unknown_keys_survive_and_are_named() -> None:
    card = parse_card(SMALL + "mood: sunny\nextensions: {other: {x: 1}}\n", "bolt.yaml")
    assert card.extensions == {"other": {"x": 1}, "mood": "sunny"}
    assert unknown_keys({"openning": 1, "name": 2}) == [("openning", "opening")]


@pytest.mark.parametrize(
    "text",
    [
        "", "- a\n- b\n", "a: [" * 5000, "\x00", "a: !!python/object:os.system x",
        "name: " + "x" * 200 + "\nopening: hi", "name: B\nopening: " + "y" * 700,
    ],
)  # fmt: skip
def test_odd_input_is_refused_with_words(text: str) -> None:
    with pytest.raises(InputError, match=r"odd\.yaml"):
        parse_card(text, "odd.yaml")


def test_size_limit(tmp_path: Path) -> None:
    path = tmp_path / "big.yaml"
    path.write_text("name: Big\nopening: hi\nextensions: {x: '" + "z" * MAX_CARD_BYTES + "'}")
    with pytest.raises(InputError, match="at most"):
        load_card(path)
    with pytest.raises(InputError, match="at most"):
        parse_card(path.read_text(), "big")


def test_not_text_and_not_there(tmp_path: Path) -> None:
    (tmp_path / "latin.yaml").write_bytes(b"name: B\xf6lt\nopening: hi")
    with pytest.raises(InputError, match="UTF-8"):
        load_card(tmp_path / "latin.yaml")
    with pytest.raises(InputError, match="cannot be read"):
        load_card(tmp_path / "none.yaml")


def test_library_ships_copper_and_takes_a_directory(tmp_path: Path) -> None:
    (tmp_path / "bolt.yaml").write_text(SMALL)
    (tmp_path / "broken.yaml").write_text("name: [")
    library = load_library(tmp_path)
    assert {"bolt", "copper"} <= set(library.ids())
    assert "not valid YAML" in library.faults["broken.yaml"]
    with pytest.raises(InputError, match=r"bolt, .*copper"):
        library["nobody"]
    with pytest.raises(InputError, match="does not exist"):
        load_library(tmp_path / "nowhere")


@pytest.mark.parametrize("card_id", load_library().ids())
def test_shipped_cards_are_full(card_id: str) -> None:
    card = load_library()[card_id]
    assert len(card.examples) >= 60
    assert len(card.facts) >= 20
    assert len(card.expects) >= 20
    assert card.description
    assert card.personality
    assert all(example.id for example in card.examples)
    said = [answer.say for example in card.examples for answer in example.character]
    # spoken: one to three sentences, most of them leading on
    assert all(1 <= line.count(".") + line.count("!") + line.count("?") <= 5 for line in said)
    assert sum(line.endswith("?") for line in said) >= 0.6 * len(said)
    assert len(card.lines.confused) >= 5


def test_a_voice_reference_lies_beside_the_card(tmp_path: Path) -> None:
    text = SMALL + "voice: {engine: xtts, reference: voices/bolt.wav}\n"
    (tmp_path / "bolt.yaml").write_text(text, encoding="utf-8")
    sound = tmp_path / "voices" / "bolt.wav"
    card = load_card(tmp_path / "bolt.yaml")
    assert any(str(sound) in line for line in advice(card))
    sound.parent.mkdir()
    sound.touch()
    assert not any("reference" in line for line in advice(card))
    assert card_voice(card).reference == str(sound)
    assert load_library(tmp_path)["bolt"].reference == sound
    assert card.model_dump()["voice"]["reference"] == "voices/bolt.wav"  # what is shown and exported names no machine
    assert card_voice(parse_card(text.replace("voices/bolt.wav", str(sound)), "x")).reference == str(sound)
    assert card_voice(parse_card(SMALL, "x")).reference == ""

"""Every sound that the voice makes has a phone of ours."""

from pathlib import Path

import pytest

from solami.speech.espeak_library import EspeakLibrary, PhoneMark
from solami.speech.interfaces import Voice
from solami.speech.ipa import phones_of
from solami_protocol.phones import PHONES

pocketsphinx = pytest.importorskip("pocketsphinx")
WORDS_A_TEXT = 12
EVERY = 40  # of 126,000 words; all of them were tried once


@pytest.fixture(scope="module")
def dictionary() -> dict[str, str]:
    """Words and their phones, as the recogniser's dictionary has them."""
    path = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
    lines = path.read_text().splitlines()[::EVERY]
    return {line.split()[0]: line.split(maxsplit=1)[1] for line in lines if "(" not in line}


def test_a_big_vocabulary_maps(dictionary: dict[str, str]) -> None:
    words = list(dictionary)
    library = EspeakLibrary.shared()
    seen: set[str] = set()
    for at in range(0, len(words), WORDS_A_TEXT):
        _, marks = library.render(" ".join(words[at : at + WORDS_A_TEXT]), Voice())
        seen |= {mark.ipa for mark in marks if isinstance(mark, PhoneMark) and mark.ipa}
    assert len(seen) > 80
    used = {phone for ipa in seen for phone in phones_of(ipa)}
    assert used <= set(PHONES)
    assert len(used) >= 38, f"never made: {set(PHONES) - used}"


def test_common_words_sound_as_the_dictionary_says() -> None:
    library = EspeakLibrary.shared()
    for word, phones in {
        "map": "m ae p",
        "boy": "b oy",
        "church": "ch er ch",
        "judge": "jh ah jh",
        "thing": "th ih ng",
        "five": "f ay v",
        "vision": "v ih zh ax n",
        "cow": "k aw",
        "food": "f uw d",
        "more": "m ao r",
    }.items():
        _, marks = library.render(word, Voice())
        said = [p for m in marks if isinstance(m, PhoneMark) and m.ipa for p in phones_of(m.ipa)]
        assert " ".join(said) == phones, word


@pytest.mark.parametrize(
    ("ipa", "phones"), [("ˈɔːɹ", ("ao", "r")), ("aɪɚ", ("ay", "er")), ("n̩", ("n",)), ("ʔ", ("t",))]
)
def test_coloured_and_marked_symbols(ipa: str, phones: tuple[str, ...]) -> None:
    assert phones_of(ipa) == phones


def test_unknown_symbol_is_named() -> None:
    with pytest.raises(KeyError, match="ʘ"):
        phones_of("ʘ")

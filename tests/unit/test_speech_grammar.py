"""The language model of what is expected, and the recogniser that listens with it."""

from pathlib import Path

import numpy as np
import pocketsphinx
import pytest
import soxr

from solami.speech import Transcript, Voice, open_recogniser, open_synthesiser
from solami.speech.english import common_pairs, known_words
from solami.speech.grammar import LanguageModel, language_model, spellings

SENTENCES = [
    "tell me about the lamp", "do many boats come by", "how is it going", "shall we play a game",
    "do you like the whale", "what is that bell for", "yes please",
]  # fmt: skip


@pytest.fixture(scope="module")
def model() -> LanguageModel:
    return language_model([(sentence, 1.0) for sentence in SENTENCES])


@pytest.fixture(scope="module")
def loaded(model: LanguageModel, tmp_path_factory: pytest.TempPathFactory) -> pocketsphinx.NGramModel:
    path: Path = tmp_path_factory.mktemp("lm") / "words.arpa"
    path.write_text(model.arpa)
    return pocketsphinx.NGramModel(pocketsphinx.Config(), pocketsphinx.LogMath(), str(path))


def words_in(model: LanguageModel) -> list[str]:
    rows = model.arpa.split("\\1-grams:\n")[1].split("\n\n")[0].splitlines()
    return [row.split()[1] for row in rows]


def share(loaded: pocketsphinx.NGramModel, *words: str) -> float:
    """Return the share of the last word behind the others."""
    return float(1.0001 ** loaded.prob(list(reversed(words))))


@pytest.mark.parametrize(
    "history", [("tell",), ("tell", "me"), ("<s>",), ("whale",), ("of", "the"), ("zone",), ("bell", "for")]
)  # fmt: skip
def test_what_may_follow_sums_to_one(
    loaded: pocketsphinx.NGramModel, model: LanguageModel, history: tuple[str, ...]
) -> None:
    assert sum(share(loaded, *history, word) for word in words_in(model)) == pytest.approx(1.0, abs=0.01)


def test_expected_words_follow_each_other(loaded: pocketsphinx.NGramModel) -> None:
    assert share(loaded, "about", "the", "lamp") > 10 * share(loaded, "about", "the", "zone")
    assert share(loaded, "many", "boats") > 10 * share(loaded, "many", "lamp")
    # common English is there, too
    assert share(loaded, "thousand", "dollars") > 10 * share(loaded, "thousand", "lamp")


def test_short_forms_are_expected(loaded: pocketsphinx.NGramModel) -> None:
    assert spellings("how is it going") == ["how is it going", "how's it going"]
    assert share(loaded, "how's", "it", "going") > 0.1


def test_what_cannot_be_heard_is_left_out() -> None:
    made = language_model([("greet the xqzzt", 1.0), ("hello", 1.0)])
    assert "xqzzt" not in made.arpa
    assert "HELLO" not in made.dictionary
    assert "hello HH" in made.dictionary
    known = {line.split("(")[0].split()[0] for line in made.dictionary.split("\n") if line}
    assert set(words_in(made)) - {"<s>", "</s>"} <= known


def test_no_sentences_leave_plain_english() -> None:
    assert "\\end\\" in language_model([]).arpa


def test_common_pairs_are_shares() -> None:
    pairs = common_pairs()
    assert pairs.words[:2] == ("<s>", "</s>")
    assert 0.7 < pairs.share.sum() < 1.1
    behind = np.bincount(pairs.first, pairs.given, len(pairs.words))
    assert behind.max() < 1.05
    assert set(pairs.words[2:]) <= set(known_words())


def heard(text: str, expects: list[str], seen: list[tuple[Transcript, Transcript]]) -> str:
    """Return what is heard of a spoken text where the expecting transcript always stands; both go to `seen`."""

    def choose(free: Transcript, expecting: Transcript) -> Transcript:
        seen.append((free, expecting))
        return expecting

    pcm = np.concatenate([piece.pcm for piece in open_synthesiser().speak(text, Voice(speaker="plain", rate=0.95))])
    pcm = np.concatenate([np.zeros(4800, np.int16), pcm, np.zeros(7200, np.int16)])
    sound = (soxr.resample(pcm.astype(np.float32), 24_000, 16_000)).astype(np.int16)
    recogniser = open_recogniser("pocketsphinx", "", expects, choose)
    for at in range(0, len(sound), 1600):
        recogniser.feed(sound[at : at + 1600])
    text = recogniser.pause().text
    recogniser.close()
    recogniser.close()
    return text


def test_what_is_expected_is_heard() -> None:
    seen: list[tuple[Transcript, Transcript]] = []
    assert heard("Do many boats come by?", SENTENCES, seen) == "do many boats come by"
    assert heard("What is that bell for?", SENTENCES, seen) == "what is that bell for"
    assert len(seen) == 2
    # the free decoder heard the same sound
    assert all(free.text and expecting.confidence > 0 for free, expecting in seen)


def test_without_expectations_there_is_one_decoder() -> None:
    from solami.speech.sphinx import SphinxRecogniser

    recogniser = open_recogniser("pocketsphinx")
    assert isinstance(recogniser, SphinxRecogniser)
    recogniser.close()

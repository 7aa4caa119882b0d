"""Marks, sentences, short answers and likeness of sound: the small parts between text and speech."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solami.agent.marks import affect_of_mark, parse_marks
from solami.agent.sentences import SentenceCutter
from solami.agent.short_answers import short_answer
from solami.agent.sounds import SoundIndex, sound_key, words_of
from solami.behaviour import resolve


@pytest.mark.parametrize(
    ("raw", "text", "marks"),
    [
        ("[wave] Hello there!", "Hello there!", [("wave", "Hello")]),
        ("I am [shrug] not sure.", "I am not sure.", [("shrug", "not")]),
        ("*nods slowly* Yes, *really* good *smiles*", "Yes, really good", [("nods_slowly", "Yes"), ("smiles", "good")]),
        ("**Bold** words and [a page](http://x.y/z).", "Bold words and a page.", []),
        ("Really? [think]", "Really?", [("think", "Really")]),
        ("5 * 3 * 2 is 30", "5 * 3 * 2 is 30", []),
        ("[ point_self ]Me", "Me", [("point_self", "Me")]),
        ("[wave]", "", [("wave", "")]),
        ("*waves* *bows* Hi", "Hi", [("waves", "Hi"), ("bows", "Hi")]),
    ],
)  # fmt: skip
def test_marks(raw: str, text: str, marks: list[tuple[str, str]]) -> None:
    marked = parse_marks(raw)
    assert marked.text == text
    assert [
        (mark.name, text[mark.at : mark.at + len(word)]) for mark, (_, word) in zip(marked.marks, marks, strict=True)
    ] == marks


@given(st.text(alphabet="ab []().,!?\n", max_size=60))
@settings(max_examples=200, deadline=None)
def test_bracketed_marks_are_never_spoken(raw: str) -> None:
    marked = parse_marks(raw + "[wave] word [no such thing] *nods* end")
    assert "wave" not in marked.text
    assert "such" not in marked.text
    assert "nods" not in marked.text
    assert all(0 <= mark.at <= len(marked.text) for mark in marked.marks)


def test_chat_model_marks_mean_gestures_and_feelings() -> None:
    assert [resolve(mark.name) for mark in parse_marks("*waves at you* Hi *shakes head* no").marks] == [
        "wave_right",
        "shake",
    ]
    assert affect_of_mark("laughs_softly") == {"joy": 0.9}
    assert affect_of_mark("walks") == {}


TEXT = "Hello there! I am e.g. Dr. Cog, no. 3 of 5... [nod] Shall we? <think>not this. Never.</think>Yes"


@given(st.lists(st.integers(1, 9), max_size=40))
@settings(max_examples=100, deadline=None)
def test_sentences_do_not_depend_on_the_pieces(sizes: list[int]) -> None:
    cutter, at, sentences = SentenceCutter(), 0, []
    for size in sizes:
        sentences += cutter.feed(TEXT[at : at + size])
        at += size
    sentences += cutter.feed(TEXT[at:]) if at < len(TEXT) else []
    sentences += cutter.flush()
    assert sentences == ["Hello there!", "I am e.g. Dr. Cog, no. 3 of 5...", "[nod] Shall we?", "Yes"]


def test_a_sentence_leaves_when_it_is_complete() -> None:
    cutter = SentenceCutter()
    assert cutter.feed("One. Tw") == ["One."]
    assert cutter.feed("o is [nod. not] more") == []
    assert cutter.flush() == ["Two is [nod. not] more"]
    assert cutter.flush() == []


@pytest.mark.parametrize(
    ("text", "meaning"),
    [
        ("yes", ("yes", True)), ("Oh yes, please!", ("yes", True)), ("yeah sure", ("yes", True)),
        ("okay", ("yes", True)), ("yes I do", ("yes", True)), ("of course", ("yes", True)),
        ("yes tell me about it", ("yes", False)),
        ("no", ("no", True)), ("no thank you", ("no", True)), ("not really", ("no", True)),
        ("no I don't", ("no", True)),
        ("tell me more", ("more", True)), ("why?", ("more", True)), ("another one", ("another", True)),
        ("what did you say", ("repeat", True)), ("tell me a story", ("", False)),
        ("thank you", ("", False)), ("", ("", False)), ("thank you very much", ("", False)),
        ("yes thank you very much", ("yes", True)), ("I don't know", ("unsure", True)), ("no idea", ("unsure", True)),
        ("Yes, Copper!", ("yes", True)),
    ],
)  # fmt: skip
def test_short_answers(text: str, meaning: tuple[str, bool]) -> None:
    assert short_answer(text, "Copper") == meaning


def test_words_and_sounds() -> None:
    assert words_of("I'm sure you can't, what's THIS?") == "i am sure you can not what is this".split()
    assert sound_key("night") == sound_key("knight")
    index = SoundIndex(["how does the lamp work", "tell me about the whale", "who made you"])
    assert index.respelled("how does the lamb work") == "how does the lamp work"
    for heard, meant in (("how does the lamb work", 0), ("tell me a bout the wale", 1), ("who maid you", 2)):
        assert index.scores(heard).argmax() == meant
    assert index.scores("quantum chromodynamics").max() < 0.3
    assert not index.scores("").any()

"""The whole brain with its real voice and body: order, coverage, gestures on words, waves, cancelling."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import aclosing
from typing import Any

import numpy as np
import pytest

from solami.agent import AgentBrain, open_brain
from solami.agent.dialogue import Dialogue
from solami.agent.marks import parse_marks
from solami.agent.source import Sentence, WordSource
from solami.agent.strokes import strokes
from solami.brain import Act, Affect, Gesture, Phones, Pose, ReplyEvent, Speech, Text, Turn
from solami.characters import load_library
from solami.speech import Spoken, Synthesiser, Voice, open_synthesiser
from solami_protocol.errors import SettingsError
from solami_protocol.phones import VOWELS
from solami_protocol.skeleton import JOINT_INDEX

COPPER = load_library()["copper"]


@pytest.fixture(scope="module")
def brain() -> AgentBrain:
    return open_brain(COPPER, open_synthesiser())


async def events_of(brain: AgentBrain, **turn: Any) -> list[ReplyEvent]:
    turn = {"number": 1, "cause": "voice", **turn}
    return [event async for event in brain.reply(Turn(**turn))]


def of(kind: type, events: list[ReplyEvent]) -> list[Any]:
    return [event for event in events if isinstance(event, kind)]


@pytest.mark.parametrize(
    "turn",
    [
        {"text": "how does the lamp work"},
        {"text": "what is the capital of Brazil"},
        {"text": ""},
        {"cause": "timer", "occasion": "greeting"},
        {"cause": "act", "acts": (Act("wave", 0.9, "right"),)},
    ],
    ids=["question", "off topic", "nothing", "greeting", "wave"],
)  # fmt: skip
async def test_reply_can_be_played_in_order(brain: AgentBrain, turn: dict[str, Any]) -> None:
    events = await events_of(brain, **turn)
    speech, poses, phones = of(Speech, events), of(Pose, events), of(Phones, events)
    samples = 0
    for piece in speech:
        assert piece.pcm.dtype == np.int16
        assert piece.t_ms == pytest.approx(samples / 24, abs=0.01)
        samples += len(piece.pcm)
    assert samples > 0.5 * 24_000
    frames = 0
    for pose in poses:
        assert pose.t_ms == pytest.approx(frames * 1000 / 30, abs=0.01)
        assert pose.root_m.shape == (len(pose.rotations), 3)
        assert pose.rotations.shape[1:] == (55, 4)
        np.testing.assert_allclose(np.linalg.norm(pose.rotations, axis=-1), 1.0, atol=1e-4)
        frames += len(pose.root_m)
    assert frames == np.ceil(samples / 24_000 * 30)
    place = {id(event): i for i, event in enumerate(events)}
    assert place[id(poses[0])] < place[id(speech[0])]
    # the phones of a piece leave before it, lie inside it and hold a vowel
    for piece, sounds in zip(speech, phones, strict=True):
        assert place[id(sounds)] < place[id(piece)]
        assert sounds.phones[0].t_ms >= piece.t_ms - 1
        assert sounds.phones[-1].t_ms <= piece.t_ms + len(piece.pcm) / 24
        assert any(phone.p in VOWELS for phone in sounds.phones)
    assert isinstance(events[0], Affect)


async def test_captions_are_the_answer_without_marks(brain: AgentBrain) -> None:
    events = await events_of(brain, text="tell me about the whale")
    text = " ".join(caption.text for caption in of(Text, events))
    example = next(example for example in COPPER.examples if example.id == "whale")
    assert text == parse_marks(example.character[0].say).text
    assert "surprise" in [gesture.name for gesture in of(Gesture, events)]


async def test_body_moves_with_the_gesture(brain: AgentBrain) -> None:
    events = await events_of(brain, cause="act", acts=(Act("wave", 0.9, "right"),))
    gesture = of(Gesture, events)[0]
    assert gesture.name == "wave_right"
    assert gesture.stroke_ms < 900
    rotations = np.concatenate([pose.rotations for pose in of(Pose, events)])
    shoulder = rotations[:, JOINT_INDEX["right_shoulder"]]
    turned = 2 * np.arccos(np.clip(np.abs((shoulder * shoulder[0]).sum(axis=1)), 0, 1))
    # it has begun within 300 ms, and the arm is up at the stroke
    assert np.degrees(turned[9]) > 5
    assert np.degrees(turned[int(gesture.stroke_ms * 30 / 1000)]) > 30


def waves(events: list[ReplyEvent]) -> bool:
    return any(gesture.name.startswith("wave") for gesture in of(Gesture, events))


@pytest.mark.parametrize("text", ["the boy was there when the sun rose", "hello", "how are you", "tell me a joke", ""])
async def test_only_a_wave_is_waved_at(brain: AgentBrain, text: str) -> None:
    assert waves(await events_of(brain, text=text, acts=(Act("wave", 0.8, "left"),)))
    assert not waves(await events_of(brain, text=text, acts=(Act("approach", 0.8),)))
    assert not waves(await events_of(brain, text=text))


async def test_goodbye_and_greeting_wave_unasked(brain: AgentBrain) -> None:
    assert waves(await events_of(brain, text="goodbye"))
    assert waves(await events_of(brain, cause="timer", occasion="greeting"))
    assert not waves(await events_of(brain, cause="timer", occasion="silence"))


async def test_reply_starts_from_the_pose_that_was_shown(brain: AgentBrain) -> None:
    first = of(Pose, await events_of(brain, text="can you dance"))
    shown = Pose(first[0].root_m[-2:] + np.float32([0.4, 0, 0.2]), first[0].rotations[-2:])
    after = of(Pose, await events_of(brain, text="who are you", start_pose=shown))[0]
    assert np.abs(after.root_m[0] - shown.root_m[-1]).max() < 0.02
    dots = np.abs((after.rotations[0] * shown.rotations[-1]).sum(axis=-1)).clip(0, 1)
    assert np.degrees(2 * np.arccos(dots)).max() < 6


async def test_many_turns_at_once_equal_one_by_one(brain: AgentBrain) -> None:
    texts = ["who are you", "tell me a joke", "what about the storm", "how old are you"]
    alone = [await events_of(brain, text=text) for text in texts]
    together = await asyncio.gather(*(events_of(brain, text=text) for text in texts))
    for one, other in zip(alone, together, strict=True):
        assert [event.text for event in of(Text, one)] == [event.text for event in of(Text, other)]
        # espeak-ng carries a little state from one text to the next: lengths differ by some milliseconds
        for a, b in zip(of(Speech, one), of(Speech, other), strict=True):
            assert len(a.pcm) == pytest.approx(len(b.pcm), rel=0.02)


class Slow:
    """A voice that takes its time: the real one, with a pause before each phrase."""

    def __init__(self, inner: Synthesiser, wait_s: float) -> None:
        self.inner, self.wait_s, self.made = inner, wait_s, 0

    def speak(self, text: str, voice: Voice) -> Iterator[Spoken]:
        for spoken in self.inner.speak(text, voice):
            time.sleep(self.wait_s)
            self.made += 1
            yield spoken


async def test_slow_voice_leaves_phrase_by_phrase_with_its_pose() -> None:
    slow = Slow(open_synthesiser(), 0.15)
    speaks = AgentBrain(COPPER, WordSource(COPPER, Dialogue(COPPER, None), None), slow, name="retrieval")
    speech_ms = frames = 0.0
    checked = 0
    async for event in speaks.reply(Turn(number=1, cause="timer", occasion="greeting")):
        if isinstance(event, Affect | Gesture | Text | Phones) and speech_ms:
            # the body is never behind the voice while the next phrase is being made
            if frames * 1000 / 30 >= speech_ms - 34:
                checked += 1
        elif isinstance(event, Speech):
            speech_ms = event.t_ms + len(event.pcm) / 24
        elif isinstance(event, Pose):
            frames += len(event.root_m)
    assert checked >= 3
    assert slow.made >= 4


async def test_closing_stops_within_a_phrase() -> None:
    slow = Slow(open_synthesiser(), 0.05)
    speaks = AgentBrain(COPPER, WordSource(COPPER, Dialogue(COPPER, None), None), slow, name="retrieval")
    async with aclosing(speaks.reply(Turn(number=1, cause="timer", occasion="greeting"))) as events:
        async for event in events:
            if isinstance(event, Speech):
                break
        began = time.monotonic()
    assert time.monotonic() - began < 0.1
    await asyncio.sleep(0.2)
    assert slow.made <= 2


async def test_cancelling_the_task_ends_it(brain: AgentBrain) -> None:
    task = asyncio.create_task(events_of(brain, text="tell me a story"))
    await asyncio.sleep(0.005)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_strokes_fall_on_stressed_vowels_of_their_words() -> None:
    spoken = list(open_synthesiser().speak("We have seen 41 ships today, and a whale in the evening.", Voice()))
    marked = parse_marks("We have seen 41 ships [shrug] today, and a [surprise] whale in the evening.")

    class Placed:
        def __init__(self, phrase: Spoken, at_ms: float) -> None:
            self.text = phrase.text
            self.words = [(word.w, at_ms + word.t_ms, word.d_ms) for word in phrase.words]
            self.phones = [phone._replace(t_ms=at_ms + phone.t_ms) for phone in phrase.phones]

    placed, at_ms = [], 0.0
    for phrase in spoken:
        placed.append(Placed(phrase, at_ms))
        at_ms += len(phrase.pcm) / 24
    found = {stroke.gesture: stroke.times_ms[0] for stroke in strokes(marked, placed, 0, False, 1)}
    words = {word: (t_ms, t_ms + d_ms) for piece in placed for word, t_ms, d_ms in piece.words}
    for gesture, word in (("shrug", "today"), ("surprise", "whale")):
        low, high = words[word]
        assert low <= found[gesture] <= high


async def test_sentence_of_marks_alone_says_nothing(brain: AgentBrain) -> None:
    class Silent(WordSource):
        async def sentences(self, turn: Turn):  # type: ignore[no-untyped-def, override]
            yield Sentence("[wave]", True)
            yield Sentence("*nods*", True)

    silent = AgentBrain(COPPER, Silent(COPPER, Dialogue(COPPER, None), None), open_synthesiser(), name="retrieval")
    assert await events_of(silent, text="hello") == []


def test_settings_are_checked() -> None:
    class Settings:
        url, model, api_key_env, timeout_s, max_tokens = "127.0.0.1:1234", "m", "", 5.0, 100

    with pytest.raises(SettingsError, match="not an http address"):
        open_brain(COPPER, open_synthesiser(), Settings())
    Settings.url, Settings.model = "http://127.0.0.1:1234/v1", ""
    with pytest.raises(SettingsError, match="model is empty"):
        open_brain(COPPER, open_synthesiser(), Settings())


async def test_a_voice_that_is_not_there_is_told_and_another_speaks() -> None:
    from solami.brain import Degraded

    card = COPPER.model_copy(
        update={"voice": COPPER.voice.model_copy(update={"engine": "endpoint", "speaker": "alloy"})}
    )
    brain = open_brain(card, open_synthesiser())
    for number in (1, 2):
        events = [event async for event in brain.reply(Turn(number=number, cause="text", text="hello"))]
        told = [event for event in events if isinstance(event, Degraded)]
        assert [event.part for event in told] == ["voice"]
        assert "no voice 'alloy'" in told[0].why
        assert sum(len(event.pcm) for event in of(Speech, events)) > 12_000

"""The measurement of the ears, on a recogniser whose words are known."""

import numpy as np
import pytest

from solami.speech.evaluate import Reading, evaluate, pauses, readings
from solami.speech.interfaces import Transcript
from solami_protocol.errors import InputError

TONE = (np.sin(np.arange(16_000) / 8) * 8_000).astype(np.int16)  # 1 s
REST = np.zeros(4_800, np.int16)  # 300 ms


class Script:
    """Says its next line at each pause, and keeps how much it had heard by then."""

    def __init__(self, *lines: tuple[str, float]) -> None:
        self.lines = list(lines)
        self.fed = 0
        self.fed_at_pauses: list[int] = []
        self.closed = False

    def feed(self, pcm: np.ndarray) -> str | None:
        self.fed += len(pcm)
        return None

    def pause(self) -> Transcript:
        self.fed_at_pauses.append(self.fed)
        text, complete = self.lines.pop(0)
        return Transcript(text, (), complete, 1.0)

    def close(self) -> None:
        self.closed = True


def test_pauses_are_silences_between_voices() -> None:
    pcm = np.concatenate([REST, TONE, REST, TONE, REST[:1_600], TONE, REST])
    assert pauses(pcm) == [(20_800, 25_600)]


def test_turn_is_passed_on_as_turn_taking_does() -> None:
    script = Script(("one", 0.9), ("one too", 0.2))
    pcm = np.concatenate([TONE, REST, TONE])
    figures = evaluate([Reading("g", "r", pcm, "one two")], lambda: script)["g"]
    assert script.fed_at_pauses == [4_800 + 16_000 + 3_200, 4_800 + len(pcm) + 3_200]
    assert script.closed
    assert figures["wer"] == 0.5
    assert (figures["pauses"], figures["pauses_finished"], figures["ends_finished"]) == (1, 1.0, 0.0)


def test_folder_without_recordings_is_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(InputError, match="no folder `speech`"):
        list(readings(tmp_path))

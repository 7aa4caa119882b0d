"""Common English word pairs, as a floor under what is expected: `english_pairs.npz`, and the command that makes it.

The shares come from the general model in pocketsphinx' wheel (BSD licence): its most frequent words, and of their pairs
those that tell most against single words. `python -m solami.speech.english` writes the file anew (about 10 s).
"""

import os
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

import numpy as np

__all__ = ["Pairs", "common_pairs", "known_words"]

_WORDS = 2_500
_PAIRS = 40_000
_FILE = "english_pairs.npz"
_LOG_BASE = 1.0001
"""Of pocketsphinx' logarithms."""


@dataclass(frozen=True, slots=True)
class Pairs:
    """`words` with their shares (sum 1), and pairs of their places with the share of the second behind the first.

    words: the first is `<s>` (a sentence begins), the second `</s>`; share (W,); first, second (P,) int; given (P,).
    """

    words: tuple[str, ...]
    share: np.ndarray
    first: np.ndarray
    second: np.ndarray
    given: np.ndarray


@cache
def common_pairs() -> Pairs:
    """Return what ships."""
    with np.load(Path(str(files("solami.speech"))) / _FILE) as data:
        return Pairs(
            tuple(str(data["words"]).split(" ")),
            10.0 ** (-data["share"].astype(np.float64) / 30),
            np.repeat(np.arange(len(data["count"])), data["count"]),
            data["second"].astype(np.int64),
            10.0 ** (-data["given"].astype(np.float64) / 30),
        )


@cache
def known_words() -> dict[str, tuple[str, ...]]:
    """Return every word that can be heard with the lines of the dictionary that say how it sounds."""
    import pocketsphinx

    out: dict[str, list[str]] = {}
    path = Path(pocketsphinx.get_model_path()) / "en-us" / "cmudict-en-us.dict"
    for line in path.read_text(encoding="utf-8").splitlines():
        out.setdefault(line.split(maxsplit=1)[0].split("(")[0], []).append(line)
    return {word: tuple(lines) for word, lines in out.items()}


def _write(path: Path) -> None:
    import pocketsphinx

    model = os.path.join(pocketsphinx.get_model_path(), "en-us", "en-us.lm.bin")
    general = pocketsphinx.NGramModel(pocketsphinx.Config(), pocketsphinx.LogMath(), model)
    spoken = [word for word in known_words() if word.replace("'", "").isalpha()]
    words = ["<s>", "</s>", *sorted(spoken, key=lambda word: -general.prob([word]))[:_WORDS]]
    share = np.array([general.prob([word]) for word in words]) * np.log10(_LOG_BASE)
    # the second word stands first, its history behind it
    given = np.array([[general.prob([b, a]) for b in words] for a in words], np.float32) * np.log10(_LOG_BASE)
    gain = 10 ** share[:, None] * 10**given * (given - share[None, :])
    gain[0] = 10 ** given[0] * 0.01  # what begins a sentence counts as often as sentences begin
    gain[:, 0] = 0.0  # nothing is followed by a beginning, nothing follows an end
    gain[1] = 0.0
    gain[given - share[None, :] < np.log10(2.0)] = 0.0
    first, second = np.unravel_index(np.sort(np.argsort(-gain, axis=None)[:_PAIRS]), gain.shape)
    np.savez_compressed(
        path,
        words=np.array(" ".join(words)),
        share=np.clip(np.round(-share * 30), 0, 255).astype(np.uint8),
        count=np.bincount(first, minlength=len(words)).astype(np.uint16),
        second=second.astype(np.uint16),
        given=np.clip(np.round(-given[first, second] * 30), 0, 255).astype(np.uint8),
    )


if __name__ == "__main__":
    _write(Path(str(files("solami.speech"))) / _FILE)

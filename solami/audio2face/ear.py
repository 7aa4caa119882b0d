"""The mouth from the sound alone: a small network from the spectrum around a moment to the animator's controls.

It was trained (`solami.server.face_training`) on synthetic voices and on read speech, with noise, to give what the
phones would have given: the 15 controls, and how likely the lips are shut. Nothing else of the animator changes.
"""

import math
from functools import lru_cache
from importlib import resources

import numpy as np

from solami.audio2face.loudness import HOP_S
from solami.audio2face.spectrum import WINDOW_S, Spectrum
from solami.audio2face.visemes import CONTROLS
from solami_protocol.errors import MissingExtra

__all__ = ["AHEAD_S", "CONTEXT", "NEAR_S", "WEIGHTS", "Ear", "forward", "hop_time_s"]

CONTEXT: tuple[int, ...] = (-14, -10, -7, -5, -3, -2, -1, 0, 1, 2, 3, 5)
"""Which hops before and after a moment the network sees."""
WEIGHTS = "ear.npz"
SHUT = 0.4  # likely enough to shut the lips: a missed closure is seen sooner than a false one
_APART_S = 0.035  # of two shut moments nearer than this one counts
_REACH_S = 0.0334  # the two frames around a shut moment are shut
AHEAD_S = 0.18
"""Sound beyond a frame that it needs: context, window, and that no likelier shut moment is near."""
NEAR_S = 0.1
_LOUD_JAW = 0.26
_QUIET_JAW = 0.35  # share of the jaw that is left when the voice is hardly there


def hop_time_s(hop: int | np.ndarray) -> np.ndarray:
    """Return the middle of a hop's window."""
    return np.asarray(hop) * HOP_S + WINDOW_S / 2


def forward(weights: dict[str, np.ndarray], x: np.ndarray) -> np.ndarray:
    """Return (N, 16) raw outputs: 15 controls, then the logit of shut lips, for contexts x (N, 288)."""
    hidden = np.tanh((x - weights["mean"]) / weights["spread"] @ weights["w1"] + weights["b1"])
    hidden = np.tanh(hidden @ weights["w2"] + weights["b2"])
    out: np.ndarray = hidden @ weights["w3"] + weights["b3"]
    return out


@lru_cache(maxsize=1)
def _weights() -> dict[str, np.ndarray]:
    path = resources.files("solami.audio2face") / WEIGHTS
    if not path.is_file():
        raise MissingExtra(f"solami/audio2face/{WEIGHTS} is missing: run `python -m solami.server.face_training`")
    with path.open("rb") as file, np.load(file) as data:
        return {name: data[name].astype(np.float64) for name in data.files}


class Ear:
    """Listens to one epoch."""

    def __init__(self, weights: dict[str, np.ndarray] | None = None) -> None:
        self._weights = weights
        self._spectrum = Spectrum()
        self._known: list[np.ndarray] = []  # outputs by hop
        self._ended = False

    def feed(self, pcm: np.ndarray) -> None:
        """Take `pcm` (N,) int16 at 24 kHz."""
        self._spectrum.feed(pcm)

    def end(self) -> None:
        """Say that silence follows."""
        self._ended = True

    def at(self, times_s: np.ndarray, sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return controls (T, 15), 0 to 1, and how shut the lips are (T,), 0 or 1, at rising times.

        sound: (T, 3) level and hiss at the same times (`Loudness.at`), and the highest level within `NEAR_S`: the gap
        of a /k/ does not bring the mouth to rest. Needs the sound up to `AHEAD_S` beyond, or its end.
        """
        level, hiss, near_level = sound.T
        first = max(0, math.floor((float(times_s[0]) - _REACH_S - 2 * _APART_S - WINDOW_S / 2) / HOP_S))
        last = math.ceil((float(times_s[-1]) + _REACH_S + _APART_S + HOP_S - WINDOW_S / 2) / HOP_S)
        out = self._outputs(first, last)
        hop_s = hop_time_s(first + np.arange(len(out)))
        controls = np.stack([np.interp(times_s, hop_s, out[:, k]) for k in range(len(CONTROLS))], 1)
        controls = np.clip(controls, 0, 1)
        jaw = controls[:, 0] * (_QUIET_JAW + (1 - _QUIET_JAW) * np.clip(level / 0.7, 0, 1))
        # a loud voice opens the mouth, however strange it is
        controls[:, 0] = np.maximum(jaw, _LOUD_JAW * np.clip((level - 0.4) / 0.5, 0, 1) * (1 - hiss))
        controls *= np.clip(near_level / 0.25, 0, 1)[:, None]
        moments = hop_s[_peaks(out[:, -1])]
        near = np.abs(times_s[:, None] - moments).min(1, initial=np.inf)
        return controls, (near < _REACH_S).astype(float)

    def _outputs(self, first: int, stop: int) -> np.ndarray:
        """Return the outputs of hops `first` to `stop` (as far as there is sound), the last column 0 to 1."""
        if not self._ended:
            stop = min(stop, len(self._spectrum) - CONTEXT[-1])
        begin = len(self._known)
        if stop > begin:
            weights = self._weights or _weights()
            rows = self._spectrum.rows(begin + CONTEXT[0], stop + CONTEXT[-1])
            count = stop - begin
            x = np.concatenate([rows[c - CONTEXT[0] : c - CONTEXT[0] + count] for c in CONTEXT], axis=1)
            out = forward(weights, x)
            out[:, -1] = 1 / (1 + np.exp(-np.clip(out[:, -1], -30, 30)))
            self._known.extend(out)
        known = self._known[first:stop]
        return np.array(known) if known else np.zeros((1, len(CONTROLS) + 1))


def _peaks(shut: np.ndarray) -> np.ndarray:
    """Return the hops at which shut lips are likely, and likelier than at any hop within `_APART_S`."""
    reach = round(_APART_S / HOP_S)
    padded = np.pad(shut, reach, constant_values=-1.0)
    around = np.lib.stride_tricks.sliding_window_view(padded, 2 * reach + 1).max(1)
    return np.flatnonzero((shut >= SHUT) & (shut >= around))

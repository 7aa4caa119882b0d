"""How well the lips show what is heard: closures, openings, rounding, rest, and their time against the sound.

Judged as a client shows it: weights rounded to one byte, frames interpolated linearly, sampled at the display's rate.
The figures belong together: a mumbling mouth passes the closures alone, one that hangs open the vowels alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from solami_protocol.arkit import FACE_INDEX
from solami_protocol.phones import BILABIAL, OPEN_VOWELS, Phone

__all__ = ["SHUT", "LipReport", "aperture", "measure_lips", "merge", "shown"]

SHUT = 0.03
OPEN = 0.2
NEAR_S = 0.05  # a closure counts within 50 ms of its phone
HOLD_S = 1 / 30  # two frames at 30 fps: the time from one to the next
REST_WITHIN_S = 0.15
_ROUND = frozenset(["uw", "ow", "w"])
_ROUND_MARGIN = 0.05  # above the median by more than rounding noise
_CORE = (0.25, 0.75)  # the part of an open vowel in which no closure belongs
_SHORTEST_MS = 30.0  # a vowel shorter than a frame is not judged


@dataclass(frozen=True, slots=True, kw_only=True)
class LipReport:
    """Counts of one or more utterances. Rates are 0 to 1; where nothing was to judge 1, the false closures' 0."""

    closures: int = 0
    closures_found: int = 0
    open_vowels: int = 0
    open_found: int = 0
    false_closures: int = 0
    rounded: int = 0
    rounded_found: int = 0
    endings: int = 0
    endings_closed: int = 0
    skew_ms: tuple[float, ...] = ()
    """For each closure found: middle of the shut time minus middle of its phone; negative is early lips."""
    aperture_p95: float = 0.0

    @property
    def closure_rate(self) -> float:
        """Part of /m b p/ with shut lips for two frames."""
        return self.closures_found / self.closures if self.closures else 1.0

    @property
    def open_rate(self) -> float:
        """Part of open vowels whose aperture reaches 0.2."""
        return self.open_found / self.open_vowels if self.open_vowels else 1.0

    @property
    def false_closure_rate(self) -> float:
        """Part of open vowels in whose core the lips are shut."""
        return self.false_closures / self.open_vowels if self.open_vowels else 0.0

    @property
    def rounded_rate(self) -> float:
        """Part of /u o w/ whose pucker or funnel rises above the utterance's median."""
        return self.rounded_found / self.rounded if self.rounded else 1.0

    @property
    def rest_rate(self) -> float:
        """Part of utterances whose lips are shut from 150 ms after the last sound on."""
        return self.endings_closed / self.endings if self.endings else 1.0

    @property
    def skew_p50_ms(self) -> float:
        """Median of the closures' skew."""
        return float(np.median(self.skew_ms)) if self.skew_ms else 0.0

    @property
    def skew_p95_ms(self) -> float:
        """95th percentile of the closures' absolute skew."""
        return float(np.percentile(np.abs(self.skew_ms), 95)) if self.skew_ms else 0.0

    def as_dict(self) -> dict[str, float]:
        """Return the rates and skews by name, for a report."""
        names = "closures closure_rate open_vowels open_rate false_closure_rate rounded rounded_rate rest_rate".split()
        figures = {name: float(getattr(self, name)) for name in names}
        return figures | {
            "skew_p50_ms": self.skew_p50_ms,
            "skew_p95_ms": self.skew_p95_ms,
            "aperture_p95": self.aperture_p95,
        }


def aperture(face: np.ndarray) -> np.ndarray:
    """Return jawOpen minus mouthClose of face frames (T, 52), (T,)."""
    opened: np.ndarray = face[:, FACE_INDEX["jawOpen"]] - face[:, FACE_INDEX["mouthClose"]]
    return opened


def shown(face: np.ndarray, fps: float, sample_hz: float, phase: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Return (times_s (N,), samples (N, 52)): what a client at `sample_hz` shows of frames (T, 52) at `fps`.

    phase: 0 to 1, the first sample's place within one sample period. Weights are rounded to a byte first.
    """
    packed = np.round(np.clip(face, 0, 1) * 255) / 255
    times_s = np.arange(phase / sample_hz, (len(face) - 1) / fps + 1e-9, 1 / sample_hz)
    at = times_s * fps
    low = np.clip(np.floor(at + 1e-9).astype(int), 0, len(face) - 1)
    high = np.minimum(low + 1, len(face) - 1)
    part = np.clip(at - low, 0, 1)[:, None]
    return times_s, packed[low] * (1 - part) + packed[high] * part


def measure_lips(
    phones: Sequence[Phone], face: np.ndarray, fps: float = 30.0, *, sample_hz: float = 72.0, start_s: float = 0.0
) -> LipReport:
    """Return the lips' figures for one utterance.

    phones: ms on the utterance's timeline; face: (T, 52), frame k at start_s + k / fps on the same timeline.
    sample_hz: display rate; give `fps` here when `face` is what a display showed already.
    """
    times_s, samples = shown(np.asarray(face, dtype=np.float64), fps, sample_hz)
    times_s = times_s + start_s
    gap = aperture(samples)
    sounds = [p for p in phones if p.p != "sil" and p.d_ms > 0]
    skews = [_closure_skew_ms(p, times_s, gap, 1 / sample_hz) for p in sounds if p.p in BILABIAL]
    found = [s for s in skews if s is not None]
    vowels = [p for p in sounds if p.p in OPEN_VOWELS and p.d_ms >= _SHORTEST_MS]
    rounded = [p for p in sounds if p.p in _ROUND]
    during = _between(times_s, sounds[0].t_ms / 1000, _end_s(sounds[-1])) if sounds else np.zeros(len(times_s), bool)
    return LipReport(
        closures=len(skews),
        closures_found=len(found),
        open_vowels=len(vowels),
        open_found=sum(_most(gap, times_s, p.t_ms / 1000, _end_s(p)) >= OPEN for p in vowels),
        false_closures=sum(_least_in_core(gap, times_s, p) <= SHUT for p in vowels),
        rounded=len(rounded),
        rounded_found=_rounded_found(rounded, samples, times_s, during),
        endings=int(bool(sounds)),
        endings_closed=int(bool(sounds) and _rests(gap, times_s, _end_s(max(sounds, key=_end_s)))),
        skew_ms=tuple(found),
        aperture_p95=float(np.percentile(gap[during], 95)) if during.any() else 0.0,
    )


def merge(reports: Sequence[LipReport]) -> LipReport:
    """Return the figures of several utterances as one; `aperture_p95` is their mean."""
    counts = (
        "closures closures_found open_vowels open_found false_closures rounded rounded_found endings endings_closed"
    )
    return LipReport(
        **{name: sum(getattr(r, name) for r in reports) for name in counts.split()},
        skew_ms=tuple(s for r in reports for s in r.skew_ms),
        aperture_p95=float(np.mean([r.aperture_p95 for r in reports])) if reports else 0.0,
    )


def _end_s(phone: Phone) -> float:
    return (phone.t_ms + phone.d_ms) / 1000


def _between(times_s: np.ndarray, first_s: float, last_s: float) -> np.ndarray:
    inside: np.ndarray = (times_s >= first_s - 1e-9) & (times_s <= last_s + 1e-9)
    return inside


def _most(values: np.ndarray, times_s: np.ndarray, first_s: float, last_s: float) -> float:
    inside = values[_between(times_s, first_s, last_s)]
    return float(inside.max()) if len(inside) else 0.0


def _least_in_core(gap: np.ndarray, times_s: np.ndarray, phone: Phone) -> float:
    first_s, last_s = ((phone.t_ms + part * phone.d_ms) / 1000 for part in _CORE)
    inside = gap[_between(times_s, first_s, last_s)]
    if not len(inside):  # a core shorter than the display's period: judge its middle
        return float(np.interp((first_s + last_s) / 2, times_s, gap)) if len(gap) else 0.0
    return float(inside.min())


def _closure_skew_ms(phone: Phone, times_s: np.ndarray, gap: np.ndarray, period_s: float) -> float | None:
    """Return the skew of the phone's closure, None where the lips are not shut for two frames near it."""
    near = _between(times_s, phone.t_ms / 1000 - NEAR_S, _end_s(phone) + NEAR_S)
    shut = np.flatnonzero(near & (gap <= SHUT))
    if not len(shut):
        return None
    runs = np.split(shut, np.flatnonzero(np.diff(shut) > 1) + 1)
    spans = [(times_s[run[0]], times_s[run[-1]]) for run in runs]
    # the display cannot see when within its period a closure began or ended
    held = [(first, last) for first, last in spans if last - first >= HOLD_S - period_s - 1e-9]
    if not held:
        return None
    middle_s = phone.t_ms / 1000 + phone.d_ms / 2000
    return float(min(((first + last) / 2 - middle_s for first, last in held), key=abs)) * 1000


def _rounded_found(rounded: list[Phone], samples: np.ndarray, times_s: np.ndarray, during: np.ndarray) -> int:
    lips = np.maximum(samples[:, FACE_INDEX["mouthPucker"]], samples[:, FACE_INDEX["mouthFunnel"]])
    median = float(np.median(lips[during])) if during.any() else 0.0
    return sum(_most(lips, times_s, p.t_ms / 1000, _end_s(p)) > median + _ROUND_MARGIN for p in rounded)


def _rests(gap: np.ndarray, times_s: np.ndarray, end_s: float) -> bool:
    after = gap[times_s >= end_s + REST_WITHIN_S]
    return bool((after if len(after) else gap[-1:]).max() <= SHUT)

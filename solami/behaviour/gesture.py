"""What a gesture is: keys in time for arms, hands, head and torso, and the curve through them.

Arms and fingers *replace* what lies below (weighted by an envelope); head, torso, hips and the pelvis' place are
*added* to it. So breathing goes on below a gesture, a nod joins a wave, and a new gesture takes an arm over from the
old one without passing through rest.
"""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from solami.behaviour.arms import ARM_JOINTS, Arm
from solami.behaviour.stance import ARM_INDICES, arm_posture, rest_arm, stance
from solami.behaviour.style import Style
from solami_protocol.skeleton import JOINT_INDEX

__all__ = ["BODY_INDICES", "Gesture", "PEAK", "Key", "Track", "bake", "minimum_jerk", "mirrored"]

Angles = tuple[float, float, float]

BODY_INDICES: np.ndarray = np.array(
    [JOINT_INDEX[name] for name in ("pelvis", "spine1", "spine2", "spine3", "neck", "head")]
)
# How an angle of torso or head spreads over the joints above, in BODY_INDICES order.
_TORSO_SHARE = np.array([0.0, 0.38, 0.34, 0.28, 0.0, 0.0])
_HEAD_SHARE = np.array([0.0, 0.0, 0.0, 0.0, 0.4, 0.6])
# The far parts of the arm follow the near ones (overlapping action): collar, shoulder, elbow, wrist, fingers.
_LAG_MS = np.array([0.0, 0.0, 25.0, 55.0] + [80.0] * 15)


@dataclass(frozen=True, slots=True)
class Key:
    """One moment of a gesture, `at_ms` from its start. Angles in degrees: (pitch forwards, turn left, tilt right)."""

    at_ms: float
    right: Arm | None = None
    left: Arm | None = None
    head: Angles = (0.0, 0.0, 0.0)
    torso: Angles = (0.0, 0.0, 0.0)
    hips: Angles = (0.0, 0.0, 0.0)
    shift_m: Angles = (0.0, 0.0, 0.0)
    """Of the pelvis; the feet stay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Gesture:
    """An authored gesture. Phases: preparation, stroke(s), hold of the last key, retraction."""

    name: str
    prep_ms: float
    stroke_ms: float
    """From the start to the peak that falls on the word."""
    keys: tuple[Key, ...]
    """The first at `prep_ms`, where the preparation arrives; the last is what a hold holds."""
    retract_ms: float = 550.0
    holds: bool = False
    slack_ms: float = 300.0
    """How much later than asked the stroke may fall before the gesture is not worth making."""
    gaze: float = 1.0
    """0: looks away from the partner meanwhile."""
    channels: frozenset[str] = frozenset()
    """What it drives, of `right_arm`, `left_arm`, `head`, `torso`; derived from the keys where not given."""

    def __post_init__(self) -> None:
        times = [key.at_ms for key in self.keys]
        if times != sorted(set(times)) or not times or times[0] != self.prep_ms or self.stroke_ms not in times:
            raise ValueError(f"gesture {self.name}: keys must rise from prep_ms={self.prep_ms} and hold stroke_ms")
        if not self.channels:
            object.__setattr__(self, "channels", self._derived_channels())

    def _derived_channels(self) -> frozenset[str]:
        arms = {f"{side}_arm" for side in ("right", "left") if any(getattr(key, side) for key in self.keys)}
        if arms:
            return frozenset(arms)
        return frozenset({"torso" if any(key.hips != (0.0, 0.0, 0.0) for key in self.keys) else "head"})

    @property
    def last_ms(self) -> float:
        """The last key's time, from which on it can be held."""
        return self.keys[-1].at_ms

    @property
    def touches(self) -> bool:
        """Whether a hand is on the body or on the other hand: then its size is not varied."""
        return any(arm.touching for key in self.keys for arm in (key.right, key.left) if arm)

    def track(self, style: Style) -> "Track":
        """Return its curve for a style."""
        return bake(self, style)

    @property
    def duration_ms(self) -> float:
        """Preparation to the end of retraction, without a hold, at tempo 1."""
        return self.keys[-1].at_ms + self.retract_ms

    @property
    def joints(self) -> np.ndarray:
        """Indices of the joints that it drives, fingers included."""
        arms = [ARM_INDICES[side] for side in ("left", "right") if any(getattr(key, side) for key in self.keys)]
        body = [BODY_INDICES[np.abs(_body_values(self.keys, 1.0)).max(axis=(0, 2)) > 0]]
        return np.sort(np.concatenate(arms + body))


@dataclass(frozen=True)
class Track:
    """A gesture's curve for one style: quintics with zero acceleration at the keys."""

    times_ms: np.ndarray  # (K,)
    values: np.ndarray  # (K, D) postures of `arm_indices`, then of BODY_INDICES, then the pelvis' shift
    slopes: np.ndarray  # (K, D) per millisecond
    arm_indices: np.ndarray  # (A,)
    lag_ms: np.ndarray  # (A,)
    dense: bool = False  # a key each frame: between keys it moves evenly, not from rest to rest

    @property
    def arms(self) -> np.ndarray:
        """(K, A, 3) postures of the arms at the keys."""
        width = 3 * len(self.arm_indices)
        return self.values[:, :width].reshape(len(self.values), -1, 3)

    @property
    def fastest_rad_per_ms(self) -> float:
        """The highest angular speed of an arm's joint between the keys, at pace 1."""
        if len(self.arm_indices) == 0 or len(self.times_ms) < 2:
            return 0.0
        angle = np.linalg.norm(np.diff(self.arms, axis=0), axis=-1).max(axis=1)
        return float(((1.0 if self.dense else PEAK) * angle / np.diff(self.times_ms)).max())

    def way_rad(self, posture: np.ndarray) -> float:
        """The longest way of an arm's joint from a posture (55, 3) to the first key."""
        if len(self.arm_indices) == 0:
            return 0.0
        return float(np.linalg.norm(self.arms[0] - posture[self.arm_indices], axis=-1).max())

    def at(self, local_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return arms (T, A, 3), body (T, 6, 3) in radians and shift (T, 3) in metres; before and after it rests."""
        t = np.clip(local_ms, self.times_ms[0], self.times_ms[-1])
        if len(self.times_ms) == 1:
            flat = np.broadcast_to(self.values[0], (len(t), self.values.shape[1]))
        else:
            i = np.clip(np.searchsorted(self.times_ms, t, side="right") - 1, 0, len(self.times_ms) - 2)
            span = self.times_ms[i + 1] - self.times_ms[i]
            s = (t - self.times_ms[i]) / span
            s3 = s**3
            rise = s3 * (10 - 15 * s + 6 * s * s)
            out = (s - 6 * s3 + 8 * s3 * s - 3 * s3 * s * s) * span
            into = (-4 * s3 + 7 * s3 * s - 3 * s3 * s * s) * span
            flat = self.values[i] + rise[:, None] * (self.values[i + 1] - self.values[i])
            flat += out[:, None] * self.slopes[i] + into[:, None] * self.slopes[i + 1]
        arms = 3 * len(self.arm_indices)
        return flat[:, :arms].reshape(len(t), -1, 3), flat[:, arms:-3].reshape(len(t), -1, 3), flat[:, -3:]


PEAK = 1.875
"""Peak over mean speed of a minimum-jerk rise."""


def minimum_jerk(share: np.ndarray) -> np.ndarray:
    """Return the minimum-jerk rise 0 to 1 over share 0 to 1, clipped outside. Source: Flash and Hogan, 1985."""
    s = np.clip(share, 0.0, 1.0)
    return s * s * s * (10 - 15 * s + 6 * s * s)


def mirrored(gesture: Gesture, name: str) -> Gesture:
    """Return the gesture with left and right exchanged."""

    def turn(angles: Angles) -> Angles:
        return angles[0], -angles[1], -angles[2]

    keys = tuple(
        replace(
            key,
            right=key.left,
            left=key.right,
            head=turn(key.head),
            torso=turn(key.torso),
            hips=turn(key.hips),
            shift_m=(-key.shift_m[0], key.shift_m[1], key.shift_m[2]),
        )
        for key in gesture.keys
    )
    swap = {"right_arm": "left_arm", "left_arm": "right_arm"}
    return replace(gesture, name=name, keys=keys, channels=frozenset(swap.get(c, c) for c in gesture.channels))


@lru_cache(maxsize=512)
def bake(gesture: Gesture, style: Style) -> Track:
    """Return the gesture's curve for a style. An arm that only some keys name keeps its last posture between them."""
    columns, indices, lags = [], [], []
    rest = rest_arm(style)
    at_rest = stance(style).posture
    for side in ("left", "right"):
        arms: list[Arm | None] = [getattr(key, side) for key in gesture.keys]
        if not any(arms):
            continue
        columns.append(_arm_values(arms, side, rest, style, at_rest[ARM_INDICES[side]]))
        indices.append(ARM_INDICES[side])
        lags.append(_LAG_MS)
    columns.append(_body_values(gesture.keys, style.amplitude))
    shift = np.array([key.shift_m for key in gesture.keys]) * style.amplitude
    values = np.concatenate([c.reshape(len(gesture.keys), -1) for c in columns] + [shift], axis=1)
    times = np.array([key.at_ms for key in gesture.keys])
    none = np.zeros(0)
    return Track(
        times_ms=times,
        values=values,
        slopes=_slopes(times, values),
        arm_indices=np.concatenate(indices) if indices else none.astype(int),
        lag_ms=np.concatenate(lags) if lags else none,
    )


def _arm_values(arms: list[Arm | None], side: str, rest: Arm, style: Style, below: np.ndarray) -> np.ndarray:
    """Return (K, 19, 3); rotation vectors take the turn (of two) that is nearer to the one before."""
    last = next(arm for arm in arms if arm is not None)
    rows = []
    for arm in arms:
        last = arm or last
        solved = arm_posture(last.scaled(rest, style.reach, 0.05 * (style.openness - 1)), side)
        below = _nearest(solved, below)
        rows.append(below)
    return np.stack(rows)


def _nearest(rotvecs: np.ndarray, before: np.ndarray) -> np.ndarray:
    angle = np.linalg.norm(rotvecs, axis=-1, keepdims=True)
    other = rotvecs * (1 - 2 * np.pi / np.maximum(angle, 1e-6))
    nearer = np.linalg.norm(other - before, axis=-1) < np.linalg.norm(rotvecs - before, axis=-1)
    nearer[ARM_JOINTS.index("elbow")] = False  # not a rotation vector
    return np.where(nearer[:, None], other, rotvecs)


def _body_values(keys: tuple[Key, ...], amplitude: float) -> np.ndarray:
    """Return (K, 6, 3) radians in BODY_INDICES order."""
    out = np.zeros((len(keys), len(BODY_INDICES), 3))
    for row, key in zip(out, keys, strict=True):
        row += _TORSO_SHARE[:, None] * np.array(key.torso) + _HEAD_SHARE[:, None] * np.array(key.head)
        row[0] += key.hips
    return np.radians(out) * amplitude


def _slopes(times: np.ndarray, values: np.ndarray) -> np.ndarray:
    """Return slopes at the keys: 0 at the ends and where a value turns, else the harmonic mean of both sides.

    Source: Fritsch and Butland, 1984 (monotone interpolation: no overshoot between keys).
    """
    slopes = np.zeros_like(values)
    if len(times) > 2:
        rate = np.diff(values, axis=0) / np.diff(times)[:, None]
        before, after = rate[:-1], rate[1:]
        same = before * after > 0
        slopes[1:-1] = np.where(same, 2 * before * after / np.where(same, before + after, 1.0), 0.0)
    return slopes

"""Recorded gestures: phrases of the bank that ships, decoded once, played like authored ones.

A recording gives what keyframes lack: the arms' own way up and down, the trunk that goes along, no two sweeps alike.
Stance, breath, weight, gaze, fingers and feet stay ours: of the recording only arms, trunk and head are taken, the
latter two as differences from where the phrase begins.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from solami.behaviour.arms import ARM_JOINTS, mirror_posture
from solami.behaviour.gesture import BODY_INDICES, Track
from solami.behaviour.hands import hand_rotvecs
from solami.behaviour.stance import ARM_INDICES, stance
from solami.behaviour.style import Style
from solami_protocol import quaternions as q
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS, JOINT_INDEX
from solami_tokenizers.motion.features import pose_of, root_path
from solami_tokenizers.motion.gesture_bank import bank_file, read_bank, weights_mark
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.numpy_decoder import NumpyDecoder

__all__ = ["INSTEAD", "Recorded", "RecordedGesture", "load_recorded", "recorded_gesture", "recorded_gestures"]

INSTEAD: dict[str, str] = {
    "wave_both": "wave_right",
    "raise_right": "wave_right",
    "raise_left": "wave_left",
    "raise_both": "celebrate",
    "guide": "offer_right",
    "call": "welcome",
}
"""Gestures that were recorded and never authored, and the authored one where no recording is at hand or on time."""

_log = logging.getLogger(__name__)
_FRAME_MS = 1000.0 / FPS
_HANDS = {"bow": "flat", "guide": "soft", "call": "soft"}  # all others: open
_MOVES_M = 0.12  # an arm whose wrist goes less far hangs
_PREP_MS = 200.0  # from whatever the arms do to the recording's first frame, in which they hang
_FARTHEST_SHIFT_M = 0.12
_ELBOWS = {side: JOINT_INDEX[f"{side}_elbow"] for side in ("left", "right")}


@dataclass(frozen=True, eq=False, kw_only=True)
class RecordedGesture:
    """A recorded phrase in the shape that `Performance` plays, see `Gesture` for the common names."""

    name: str
    prep_ms: float
    stroke_ms: float
    last_ms: float
    curve: Track
    speed_m_s: float
    """Of the hands: how lively it is."""
    channels: frozenset[str]
    gaze: float = 1.0
    retract_ms: float = 550.0
    slack_ms: float = 120.0
    """Beyond that the authored one, whose way to the stroke is shorter, is on time."""
    holds: bool = False
    touches: bool = True
    """Played in full size."""

    def track(self, style: Style) -> Track:
        """Return its curve; a recording has the size that it has."""
        return self.curve


Recorded = Mapping[str, tuple[RecordedGesture, ...]]


def recorded_gesture(name: str, body: np.ndarray, stroke: int, speed_m_s: float) -> RecordedGesture:
    """Return the gesture of a phrase's features (T, 136) whose stroke falls in frame `stroke`."""
    path = root_path(body)
    still = np.zeros_like(path)
    still[:, :2] = path[:, :2]
    root_m, rotations = pose_of(body, still)
    turns = rotations.astype(np.float64)
    shoulders = forward(np.zeros_like(root_m), rotations, body_only=True)[0]
    sides = [side for side in ("left", "right") if _moves(shoulders, side)]
    hand = hand_rotvecs(_HANDS.get(name, "open"))
    columns = [_arm(turns, side, hand).reshape(len(body), -1) for side in sides]
    trunk = q.to_rotvec(q.multiply(turns[:, BODY_INDICES], q.conjugate(turns[:1, BODY_INDICES])))
    shift = np.clip(_returning(root_m.astype(np.float64)), -_FARTHEST_SHIFT_M, _FARTHEST_SHIFT_M)
    values = _smooth(np.concatenate([*columns, trunk.reshape(len(body), -1), shift], axis=1))
    times = _PREP_MS + np.arange(len(body)) * _FRAME_MS
    indices = np.concatenate([ARM_INDICES[side] for side in sides]) if sides else np.zeros(0, dtype=int)
    bows = name == "bow"
    return RecordedGesture(
        name=name,
        prep_ms=_PREP_MS,
        stroke_ms=float(times[stroke]),
        last_ms=float(times[-1]),
        curve=Track(times, values, np.gradient(values, times, axis=0), indices, np.zeros(len(indices)), dense=True),
        speed_m_s=speed_m_s,
        channels=frozenset([*(f"{side}_arm" for side in sides), *(("torso", "head") if bows else ())]),
        gaze=0.0 if bows else 1.0,
    )


def _moves(places: np.ndarray, side: str) -> bool:
    """Whether an arm does something: its wrist seen from its shoulder."""
    way = places[:, JOINT_INDEX[f"{side}_wrist"]] - places[:, JOINT_INDEX[f"{side}_shoulder"]]
    return float(np.linalg.norm(way - way[:1], axis=-1).max()) > _MOVES_M


def _arm(turns: np.ndarray, side: str, hand: np.ndarray) -> np.ndarray:
    """Return postures (T, 19, 3) of one arm and its fingers (see `arms`: an elbow is a roll and a hinge)."""
    joints = [JOINT_INDEX[f"{side}_{name}"] for name in ARM_JOINTS]
    arm = q.to_rotvec(turns[:, joints])
    rest = stance(Style()).posture[joints]
    before = rest
    for frame in range(len(arm)):
        arm[frame] = before = _nearest(arm[frame], before)
    elbow = turns[:, _ELBOWS[side]]
    roll = np.unwrap(2 * np.arctan2(elbow[:, 0], elbow[:, 3]))
    roll = roll - 2 * np.pi * np.round(roll[:1] / (2 * np.pi))
    zero = np.zeros(len(roll))
    swing = q.multiply(elbow, q.conjugate(np.stack([np.sin(roll / 2), zero, zero, np.cos(roll / 2)], axis=-1)))
    hinge = 2 * np.arctan2(swing[:, 1], swing[:, 3])
    arm[:, ARM_JOINTS.index("elbow")] = np.stack([roll, hinge, zero], axis=-1)
    fingers = hand if side == "left" else mirror_posture(hand)
    return np.concatenate([arm, np.broadcast_to(fingers, (len(arm), *fingers.shape))], axis=1)


def _nearest(rotvecs: np.ndarray, before: np.ndarray) -> np.ndarray:
    """Return of the two vectors of each turn the one that is nearer to the one before."""
    angle = np.linalg.norm(rotvecs, axis=-1, keepdims=True)
    other = rotvecs * (1 - 2 * np.pi / np.maximum(angle, 1e-6))
    nearer = np.linalg.norm(other - before, axis=-1) < np.linalg.norm(rotvecs - before, axis=-1)
    return np.where(nearer[:, None], other, rotvecs)


def _returning(root_m: np.ndarray) -> np.ndarray:
    """Return the pelvis' way (T, 3) without the drift from the first frame to the last."""
    share = np.linspace(0, 1, len(root_m))[:, None]
    return root_m - root_m[:1] - share * (root_m[-1:] - root_m[:1])


def _smooth(values: np.ndarray) -> np.ndarray:
    padded = np.concatenate([values[:1], values, values[-1:]])
    return (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4


def load_recorded(path: Path, tokenizer: Path | str | None = None) -> dict[str, tuple[RecordedGesture, ...]]:
    """Return the gestures of a bank by name, calm ones first; `tokenizer`: where its weights lie, else by its name.

    Raises InputError when bank or weights are damaged, or do not belong together.
    """
    bank = read_bank(path)
    name = tokenizer or bank.tokenizer
    if weights_mark(name) != bank.weights_sha256:
        raise InputError(f"{path}: was made with other weights than those of '{name}'; build it anew")
    decoder = NumpyDecoder.from_pretrained(name)
    found: dict[str, list[RecordedGesture]] = {}
    for entry in bank.gestures:
        made = recorded_gesture(entry.name, entry.decode(decoder), entry.stroke - entry.first, entry.speed_m_s)
        found.setdefault(entry.name, []).append(made)
    return {key: tuple(sorted(group, key=lambda g: g.speed_m_s)) for key, group in found.items()}


@lru_cache(maxsize=1)
def recorded_gestures() -> Recorded:
    """Return the recorded gestures that ship and look better than the authored ones; none where no weights are."""
    path = bank_file()
    if not path.exists():
        return {}
    try:
        return load_recorded(path)
    except InputError as exc:
        _log.warning("recorded gestures are not used: %s", exc)
        return {}

"""What is wrong with a recording, in plain words and in numbers: units, floor, knees, spikes, frozen stretches.

Checks run on the clip at 30 frames a second on our skeleton, so they see what a network would be trained on.
"""

from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.skeleton import JOINT_INDEX, rest_positions
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.contacts import CONTACT_JOINTS, contacts_of
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.metrics import foot_skate_cm_s

__all__ = ["Checked", "Finding", "check_clip", "put_on_floor"]

FASTEST_JOINT_M_S = 16.0  # against the pelvis; a hard kick reaches 14
FASTEST_ROOT_M_S = 13.0  # the fastest person alive runs 12.4
FASTEST_TURN_DEG = 75.0  # of one joint between two frames: 2250 degrees a second
_UNDER_FLOOR_M, _OVER_FLOOR_M = -0.04, 0.10
_FLOOR_QUANTILE = 0.02
_BENT_RAD = np.radians(12.0)
_REST_SOLES_M = rest_positions()[CONTACT_JOINTS, 1]


@dataclass(frozen=True, slots=True)
class Finding:
    """One remark: a code for machines, a sentence for people. A warning asks to be looked at."""

    level: Literal["note", "warning", "error"]
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class Checked:
    """What a clip's checks gave."""

    valid: np.ndarray
    """(T,) bool, False beside a spike."""
    findings: tuple[Finding, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)


def put_on_floor(*clips: Clip) -> list[Clip]:
    """Return the clips with their lowest steps at y = 0, people of one recording lifted by as much.

    Under 1 cm they are left as they are.
    """
    lowest_m = min(float(np.quantile(_soles(_places(clip)).min(axis=1), _FLOOR_QUANTILE)) for clip in clips)
    if abs(lowest_m) < 0.01:
        return list(clips)
    note = f"lifted by {-lowest_m:.3f} m onto the floor"
    way = np.array([0, lowest_m, 0], dtype=np.float32)
    return [replace(clip, root_m=clip.root_m - way, notes=(*clip.notes, note)) for clip in clips]


def check_clip(clip: Clip) -> Checked:
    """Return a clip's findings, the frames that count, and the numbers behind them."""
    places = _places(clip)
    spikes, numbers = _spikes(clip, places)
    valid = np.ones(clip.frames, dtype=bool)
    for frame in np.flatnonzero(spikes):
        valid[max(frame - 1, 0) : frame + 2] = False
    findings: list[Finding] = []
    if spikes.any():
        at = ", ".join(f"{f / clip.fps:.2f} s" for f in np.flatnonzero(spikes)[:5]) + (
            ", ..." if spikes.sum() > 5 else ""
        )
        count = "1 jump" if spikes.sum() == 1 else f"{int(spikes.sum())} jumps"
        findings.append(Finding("warning", "spike", f"{count} ({at}): {int((~valid).sum())} frames do not count"))
    findings += _size(clip, numbers)
    findings += _floor(clip, places, numbers)
    findings += _knees(clip, numbers)
    findings += _stillness(clip, numbers)
    standing = contacts_of(clip)
    numbers["stands_share"] = float(standing.any(axis=1).mean())
    numbers["foot_skate_cm_s"] = foot_skate_cm_s(places, standing, clip.fps)
    return Checked(valid, tuple(findings), {k: round(float(v), 4) for k, v in numbers.items()})


def _places(clip: Clip) -> np.ndarray:
    return forward(clip.root_m, clip.rotations, body_only=True)[0].astype(np.float64)


def _soles(places: np.ndarray) -> np.ndarray:
    return places[:, CONTACT_JOINTS, 1] - _REST_SOLES_M


def _spikes(clip: Clip, places: np.ndarray) -> tuple[np.ndarray, dict[str, float]]:
    """Return (T,) bool, the frames reached by a jump, and the fastest speeds."""
    spikes = np.zeros(clip.frames, dtype=bool)
    if clip.frames < 2:
        return spikes, {}
    own = places - places[:, :1]
    joint = np.linalg.norm(np.diff(own, axis=0), axis=-1).max(axis=1) * clip.fps
    root = np.linalg.norm(np.diff(clip.root_m.astype(np.float64), axis=0), axis=-1) * clip.fps
    body = clip.rotations[:, :22].astype(np.float64)
    turn = np.degrees(quat.angle_between(body[1:], body[:-1])).max(axis=1) * clip.fps / 30
    spikes[1:] = (joint > FASTEST_JOINT_M_S) | (root > FASTEST_ROOT_M_S) | (turn > FASTEST_TURN_DEG)
    return spikes, {
        "fastest_joint_m_s": float(joint.max()),
        "fastest_root_m_s": float(root.max()),
        "fastest_turn_deg_s": float(turn.max() * 30),
    }


def _size(clip: Clip, numbers: dict[str, float]) -> list[Finding]:
    """The pelvis of our skeleton stands at 0.95 m; files in other units put it elsewhere."""
    height = float(np.median(clip.root_m[:, 1]))
    numbers["pelvis_m"] = height
    found = []
    if height > 1.6:
        found.append(Finding("warning", "units", f"the pelvis is {height:.1f} m high: another unit than metres?"))
    if height < 0.3:
        found.append(Finding("warning", "low", f"the pelvis is {height:.2f} m high: lying, or the root is no pelvis?"))
    up = quat.rotate(clip.rotations[:, 0].astype(np.float64), np.array([0.0, 1.0, 0.0]))[:, 1]
    numbers["upright"] = float(up.mean())
    if up.mean() < 0.3:
        found.append(Finding("warning", "up", "the body is not upright for most of the clip: wrong up axis, or lying?"))
    return found


def _floor(clip: Clip, places: np.ndarray, numbers: dict[str, float]) -> list[Finding]:
    soles = _soles(places).min(axis=1)
    numbers["lowest_sole_m"] = float(soles.min())
    numbers["under_floor_share"] = float((soles < _UNDER_FLOOR_M).mean())
    found = []
    if numbers["under_floor_share"] > 0.02:
        share = 100 * numbers["under_floor_share"]
        message = f"feet are up to {-100 * soles.min():.0f} cm under the floor, in {share:.0f} % of the frames"
        found.append(Finding("warning", "under_floor", message))
    if soles.min() > _OVER_FLOOR_M:
        found.append(
            Finding("warning", "floats", f"no foot ever comes nearer than {100 * soles.min():.0f} cm to the floor")
        )
    return found


def _knees(clip: Clip, numbers: dict[str, float]) -> list[Finding]:
    """Knees bend backwards, about +x of our skeleton; a mirrored or wrongly turned skeleton bends them forwards."""
    joints = [JOINT_INDEX["left_knee"], JOINT_INDEX["right_knee"]]
    turns = quat.to_rotvec(clip.rotations[:, joints].astype(np.float64)).reshape(-1, 3)
    bent = np.linalg.norm(turns, axis=1) > _BENT_RAD
    if bent.sum() < 10:
        return []
    numbers["knees_backward_share"] = float((turns[bent, 0] > 0).mean())
    if numbers["knees_backward_share"] > 0.6:
        return []
    return [Finding("warning", "knees", "knees bend forwards: left-handed data, swapped sides or wrong joint axes")]


def _stillness(clip: Clip, numbers: dict[str, float]) -> list[Finding]:
    if clip.frames < 2:
        return [Finding("warning", "short", "one frame only")]
    same = np.abs(np.diff(clip.rotations, axis=0)).max(axis=(1, 2)) < 1e-7
    numbers["frozen_share"] = float(same.mean())
    if same.mean() > 0.1:
        message = f"{100 * same.mean():.0f} % of the frames repeat the one before: a lower true frame rate, or a freeze"
        return [Finding("warning", "frozen", message)]
    return []

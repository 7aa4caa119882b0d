"""Analytic arm: where the wrist goes, where the elbow points and where the palm looks become joint rotations.

Everything is solved for the left arm and mirrored for the right. Targets are written as (out, up, forward): `out` from
the body's midline to the arm's own side, `up` from the floor of the T-pose, `forward` along +z, in metres. They hold
for the upright chest; as the result is local to the chest, the arm goes along when the chest moves.

A *posture* holds three numbers a joint: a rotation vector, but for the elbows (forearm roll about x, hinge about y, 0),
so that whatever is mixed or interpolated stays a hinge and a roll.
"""

from dataclasses import dataclass, replace

import numpy as np

from solami_protocol import quaternions as q
from solami_protocol.skeleton import JOINT_INDEX, REST_OFFSETS, rest_positions
from solami_tokenizers.motion.rotations import from_matrix

__all__ = ["ARM_JOINTS", "Arm", "mirror_posture", "posture_rotations", "solve_arm"]

Vector = tuple[float, float, float]

ARM_JOINTS: tuple[str, ...] = ("collar", "shoulder", "elbow", "wrist")

_REST = rest_positions().astype(np.float64)
_COLLAR_M = _REST[JOINT_INDEX["left_collar"]]
_SHOULDER = REST_OFFSETS[JOINT_INDEX["left_shoulder"]].astype(np.float64)
_UPPER = REST_OFFSETS[JOINT_INDEX["left_elbow"]].astype(np.float64)
_FORE = REST_OFFSETS[JOINT_INDEX["left_wrist"]].astype(np.float64)
_UPPER_M = float(np.linalg.norm(_UPPER))  # 0.260
_FORE_M = float(np.linalg.norm(_FORE))  # 0.250
_UPPER_AXIS = _UPPER / _UPPER_M
_FORE_AXIS = _FORE / _FORE_M
_HINGE = np.array([0.0, -1.0, 0.0])  # the left elbow bends forward in the T-pose
_ELBOWS = [JOINT_INDEX["left_elbow"], JOINT_INDEX["right_elbow"]]
_REST_FLEX = float(np.arccos(np.clip(_UPPER_AXIS @ _FORE_AXIS, -1, 1)))

# Limits of a healthy adult's joints, degrees (forearm roll, wrist flexion and deviation), a little inside the norms
# of the American Academy of Orthopaedic Surgeons (80/80, 80/70, 20 radial/30 ulnar).
_ROLL_DEG = 80.0
_FLEX_DEG = 70.0
_DEVIATION_DEG = (-30.0, 20.0)
_STRAIGHT = 0.992  # of the arm's length: elbows of living people do not lock


@dataclass(frozen=True, slots=True)
class Arm:
    """One arm at one key. `wrist` and directions are (out, up, forward); see the module's first lines."""

    wrist: Vector
    palm: Vector = (-1.0, 0.0, -0.2)
    """The way the palm looks; met as well as the forearm's roll allows."""
    elbow: Vector = (0.5, -1.0, -0.5)
    """The way the elbow points from the line shoulder to wrist."""
    flex_deg: float = 0.0
    """Wrist towards the palm; negative bends it back."""
    deviation_deg: float = 0.0
    """Wrist towards the thumb; negative towards the little finger."""
    shrug_deg: float = 0.0
    hand: str = "relaxed"
    touching: bool = False
    """The target is a place on the body or on the other hand: style does not move it."""

    def scaled(self, rest: "Arm", reach: float, widen_m: float) -> "Arm":
        """Return the arm with its way from `rest` scaled by `reach` and moved out by `widen_m`, unless it touches."""
        if self.touching:
            return self
        out, up, forward = (r + reach * (w - r) for w, r in zip(self.wrist, rest.wrist, strict=True))
        return replace(self, wrist=(out + widen_m, up, forward))


def mirror_posture(posture: np.ndarray) -> np.ndarray:
    """Return the posture (..., 3) of the counterpart joints on the other side."""
    return posture * np.array([1.0, -1.0, -1.0])


def posture_rotations(posture: np.ndarray) -> np.ndarray:
    """Return local rotations (..., 55, 4) of a posture (..., 55, 3)."""
    out = q.from_rotvec(posture)
    roll, hinge = posture[..., _ELBOWS, 0] / 2, posture[..., _ELBOWS, 1] / 2
    sr, cr, sh, ch = np.sin(roll), np.cos(roll), np.sin(hinge), np.cos(hinge)
    out[..., _ELBOWS, :] = np.stack([ch * sr, sh * cr, -sh * sr, ch * cr], axis=-1)  # hinge after roll
    return out


def solve_arm(arm: Arm) -> np.ndarray:
    """Return the posture (4, 3) in radians of left collar, shoulder, elbow and wrist.

    A target out of reach is approached along its direction. The elbow only flexes; forearm roll is shared by elbow
    and wrist, so that a skinned forearm twists along its length.
    """
    target = np.asarray(arm.wrist, dtype=np.float64)
    collar = q.from_rotvec(np.zeros(3))
    # the collar lifts with the upper arm, and moves the shoulder: two rounds agree to a millimetre
    for _ in range(3):
        shoulder_m = _COLLAR_M + q.rotate(collar, _SHOULDER)
        upper, fore, flexion = _two_bones(target - shoulder_m, np.asarray(arm.elbow, dtype=np.float64))
        collar = _collar(upper, arm.shrug_deg)
    hinge = np.cross(upper, fore)
    hinge /= max(float(np.linalg.norm(hinge)), 1e-9)
    upper_world = _aligned(_UPPER_AXIS, _HINGE, upper, hinge)
    shoulder = q.multiply(q.conjugate(collar), upper_world)
    bend = q.from_rotvec(_HINGE * (flexion - _REST_FLEX))
    roll = _roll(q.multiply(upper_world, bend), np.asarray(arm.palm, dtype=np.float64))
    half_roll = q.from_rotvec(np.array([roll / 2, 0.0, 0.0]))
    flex = np.radians(np.clip(arm.flex_deg, -_FLEX_DEG, _FLEX_DEG))
    deviation = np.radians(np.clip(arm.deviation_deg, *_DEVIATION_DEG))
    hand = q.multiply(q.from_rotvec(np.array([0, 0, -flex])), q.from_rotvec(np.array([0, -deviation, 0])))
    first, second, last = q.to_rotvec(np.stack([collar, shoulder, q.multiply(half_roll, hand)]))
    return np.stack([first, second, np.array([roll / 2, _REST_FLEX - flexion, 0.0]), last])


def _two_bones(reach: np.ndarray, pole: np.ndarray) -> tuple[np.ndarray, np.ndarray, float]:
    """Return the unit directions of upper arm and forearm and the angle between them, for wrist minus shoulder."""
    distance = float(np.linalg.norm(reach))
    axis = reach / max(distance, 1e-9)
    distance = float(np.clip(distance, 0.12, _STRAIGHT * (_UPPER_M + _FORE_M)))
    along = (distance**2 + _UPPER_M**2 - _FORE_M**2) / (2 * distance)
    height = np.sqrt(max(_UPPER_M**2 - along**2, 0.0))
    side = pole - axis * (pole @ axis)
    side /= max(float(np.linalg.norm(side)), 1e-9)
    elbow = axis * along + side * height
    fore = axis * distance - elbow
    upper, fore = elbow / np.linalg.norm(elbow), fore / np.linalg.norm(fore)
    return upper, fore, float(np.arccos(np.clip(upper @ fore, -1, 1)))


def _collar(upper: np.ndarray, shrug_deg: float) -> np.ndarray:
    """Return the collar's rotation: it lifts a fifth of the arm's elevation above 40 degrees and follows it forward."""
    elevation = np.degrees(np.arccos(np.clip(-upper[1], -1, 1)))
    lift = np.radians(shrug_deg + 0.2 * max(0.0, elevation - 40.0))
    forward = np.radians(8.0) * float(np.clip(upper[2], -0.5, 1.0))
    return q.from_rotvec(np.array([0.0, -forward, lift]))


def _roll(forearm: np.ndarray, palm: np.ndarray) -> float:
    """Return the forearm's roll in radians that turns the palm (-y at rest) closest to `palm`, within the limits."""
    _, y, z = q.rotate(q.conjugate(forearm), palm)
    return float(np.clip(np.arctan2(-z, -y), -np.radians(_ROLL_DEG), np.radians(_ROLL_DEG)))


def _aligned(a0: np.ndarray, b0: np.ndarray, a1: np.ndarray, b1: np.ndarray) -> np.ndarray:
    """Return the rotation that takes the orthonormal pair (a0, b0) to (a1, b1)."""
    rest = np.stack([a0, b0, np.cross(a0, b0)], axis=1)
    now = np.stack([a1, b1, np.cross(a1, b1)], axis=1)
    return from_matrix(now @ rest.T)

"""How the character stands when it does nothing: arms down, fingers loose, feet flat, weight on both legs."""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from solami.behaviour.arms import ARM_JOINTS, Arm, mirror_posture, posture_rotations, solve_arm
from solami.behaviour.hands import FINGER_JOINTS, hand_rotvecs
from solami.behaviour.legs import plant_legs
from solami.behaviour.style import Style
from solami_protocol import quaternions as q
from solami_protocol.skeleton import JOINT_COUNT, JOINT_INDEX, PELVIS_HEIGHT_M, rest_positions

__all__ = ["ARM_INDICES", "REST_ARM", "Stance", "arm_posture", "rest_arm", "stance"]

REST_ARM = Arm(wrist=(0.268, 0.919, 0.042), palm=(-1.0, 0.0, -0.35), elbow=(0.55, 0.0, -1.0), hand="relaxed")

ARM_INDICES: dict[str, np.ndarray] = {
    side: np.array([JOINT_INDEX[f"{side}_{name}"] for name in ARM_JOINTS + FINGER_JOINTS]) for side in ("left", "right")
}
"""(19,) joint indices of one side: collar, shoulder, elbow, wrist, then the fingers."""

_SINK_M = 0.006  # below the T-pose's pelvis: knees loose, and slack for the pelvis to sway over planted feet
_FOOT_OUT_M = 0.108
_FOOT_TURN_DEG = 9.0


@dataclass(frozen=True)
class Stance:
    """The stance at the origin, facing +z."""

    posture: np.ndarray  # (55, 3) radians, see `arms`; legs zero: they come from the feet
    pelvis_m: np.ndarray  # (3,)
    ankle_m: np.ndarray  # (2, 3) left, right
    foot: np.ndarray  # (2, 4) world rotations of the feet

    def pose(self) -> tuple[np.ndarray, np.ndarray]:
        """Return (3,) root position and (55, 4) rotations of the stance, float32."""
        rotations = posture_rotations(self.posture)
        hip, knee, ankle = plant_legs(self.pelvis_m[None], rotations[None, 0], self.ankle_m[None], self.foot[None])
        for i, side in enumerate(("left", "right")):
            for name, value in (("hip", hip), ("knee", knee), ("ankle", ankle)):
                rotations[JOINT_INDEX[f"{side}_{name}"]] = value[0, i]
        return self.pelvis_m.astype(np.float32), rotations.astype(np.float32)


def rest_arm(style: Style) -> Arm:
    """Return the hanging arm of a character: an open one holds the hands further from the body."""
    out, up, forward = REST_ARM.wrist
    return Arm((out + 0.025 * (style.openness - 1), up, forward), REST_ARM.palm, REST_ARM.elbow, hand=REST_ARM.hand)


def arm_posture(arm: Arm, side: str) -> np.ndarray:
    """Return the posture (19, 3) of one arm and its fingers, in `ARM_INDICES` order."""
    left = np.concatenate([solve_arm(arm), hand_rotvecs(arm.hand)])
    return left if side == "left" else mirror_posture(left)


@lru_cache(maxsize=64)
def stance(style: Style) -> Stance:
    """Return the stance of a character; the same arrays for the same style, not to be written to."""
    posture = np.zeros((JOINT_COUNT, 3))
    for side, indices in ARM_INDICES.items():
        posture[indices] = arm_posture(rest_arm(style), side)
    chest = -1.5 * (style.openness - 0.5)
    for name, pitch_deg in (("spine1", -1.0), ("spine2", 1.5), ("spine3", chest), ("neck", 3.0), ("head", -2.5)):
        posture[JOINT_INDEX[name], 0] = np.radians(pitch_deg)
    ankle = rest_positions()[[JOINT_INDEX["left_ankle"], JOINT_INDEX["right_ankle"]]].astype(np.float64)
    ankle[:, 0] = _FOOT_OUT_M, -_FOOT_OUT_M
    foot = q.from_rotvec(np.radians([[0.0, _FOOT_TURN_DEG, 0.0], [0.0, -_FOOT_TURN_DEG, 0.0]]))
    # the ankles stand a little behind the pelvis: the balance lies over the middle of the foot
    pelvis = np.array([0.0, PELVIS_HEIGHT_M - _SINK_M, 0.01])
    return Stance(posture, pelvis, ankle, foot)

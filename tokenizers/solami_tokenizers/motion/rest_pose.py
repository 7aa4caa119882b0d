"""How a foreign skeleton's joints stand when its body stands in our T-pose.

For every mapped joint a constant turn C is found, so that (global rotation of the file's joint) * C is the global
rotation of ours, which is the identity in the T-pose. Two kinds of rigs are told apart:

- **upright rigs** (CMU, Mixamo, most exports): all rotations at zero show a standing person with arms out or down.
  The trunk, the head and flat feet are taken as they stand, each limb bone is swung onto our bone's direction.
- **axis rigs** (Bandai, Rokoko, 3ds Max): bones lie along a local axis and the zero pose shows no person; `axis_rig`.
"""

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.skeleton import JOINT_INDEX
from solami_tokenizers.motion.axis_rig import axis_corrections
from solami_tokenizers.motion.bvh import Bvh
from solami_tokenizers.motion.rig_bones import (
    SIDES,
    bone_direction,
    nearest_axis,
    needed_bone,
    our_direction,
    rest_places,
)
from solami_tokenizers.motion.rotations import between, from_matrix

__all__ = ["corrections", "upright_frame"]

_FORWARD = np.array([0.0, 0.0, 1.0])
_UP = np.array([0.0, 1.0, 0.0])
_LEAST_BEND_RAD = np.radians(3.0)
_HINGE_SHARE = 0.97  # of all bending is about one axis across the bone


def corrections(bvh: Bvh, joints: dict[str, int], places: np.ndarray, turns: np.ndarray) -> dict[str, np.ndarray]:
    """Return C (4,) float64 for each mapped joint.

    joints: our name -> index in the file; places (T, J, 3) and turns (T, J, 4): the clip's forward kinematics, y up.
    Raises InputError when an axis rig's clip does not show how its knees or elbows bend.
    """
    frame = upright_frame(bvh, joints)
    if frame is None:
        return axis_corrections(bvh, joints, places, turns)
    out: dict[str, np.ndarray] = {}
    for name in sorted(joints, key=JOINT_INDEX.__getitem__):  # parents first
        out[name] = _upright_correction(bvh, joints, name, from_matrix(frame), out)
    for side in SIDES:
        axis = _elbow_axis(*(quat.multiply(turns[:, joints[n]], out[n]) for n in (f"{side}_shoulder", f"{side}_elbow")))
        # the hand keeps its own: it stands as the zero pose shows it, however the forearm's hinge lies
        if axis is not None:
            out |= {n: quat.multiply(out[n], _twist_onto(n, axis)) for n in (f"{side}_shoulder", f"{side}_elbow")}
    return out


def _elbow_axis(upper: np.ndarray, lower: np.ndarray) -> np.ndarray | None:
    """Return the axis (3,), in our upper arm, about which a hinge of an elbow bends; None for one that is no hinge.

    Skeletons differ in where the axis lies: CMU's is 30 degrees off ours, which would split one and the same pose
    otherwise between shoulder and elbow.
    """
    bends = quat.to_rotvec(quat.multiply(quat.conjugate(upper), lower))
    sizes, total = np.linalg.norm(bends, axis=-1), bends.sum(axis=0)
    if sizes.max() < _LEAST_BEND_RAD or np.linalg.norm(total) < _HINGE_SHARE * sizes.sum():
        return None
    return total


def _twist_onto(name: str, axis: np.ndarray) -> np.ndarray:
    """Return the turn (4,) about the bone of shoulder or elbow that lays our elbow's hinge on an axis of the file's."""
    bone = our_direction(name) / np.linalg.norm(our_direction(name))
    hinge = -_UP if name.startswith("left") else _UP  # upper arm x forearm, when our elbow bends forward
    ours, theirs = (v - (v @ bone) * bone for v in (hinge, axis))
    return between(ours, theirs)


def upright_frame(bvh: Bvh, joints: dict[str, int]) -> np.ndarray | None:
    """Return (3, 3), columns left, up and forward of the person whom the zero pose shows, or None if it shows none."""
    rest = rest_places(bvh)
    left = nearest_axis(rest[joints["left_hip"]] - rest[joints["right_hip"]], 0.8)
    up = nearest_axis(rest[joints["head"]] - rest[joints["pelvis"]], 0.8)
    if left is None or up is None or abs(left @ up) > 0.5:
        return None
    for side in SIDES:
        leg = rest[joints[f"{side}_ankle"]] - rest[joints[f"{side}_hip"]]
        if leg @ up > -0.6 * np.linalg.norm(leg):
            return None
    return np.stack([left, up, np.cross(left, up)], axis=-1)


def _upright_correction(
    bvh: Bvh, joints: dict[str, int], name: str, frame: np.ndarray, done: dict[str, np.ndarray]
) -> np.ndarray:
    side, _, part = name.partition("_")
    if side not in SIDES or part == "foot":
        return frame
    bone = bone_direction(bvh, joints, name)
    if part == "ankle" and (bone is None or bone @ quat.rotate(frame, _FORWARD) > 0.5 * np.linalg.norm(bone)):
        return frame  # the zero pose stands on flat soles, whatever the slope from ankle to toes
    if bone is None and part == "wrist":  # a bare hand stands as its forearm
        return done[f"{side}_elbow"]
    if bone is None and part[-1].isdigit():  # a bare finger as the hand
        return done[f"{side}_wrist"]
    bone = needed_bone(bvh, joints, name)
    return quat.multiply(between(quat.rotate(frame, our_direction(name)), bone), frame)

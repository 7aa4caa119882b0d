"""Where bones point: ours in the T-pose, and those of a BVH file in its zero pose."""

import numpy as np

from solami_protocol.errors import InputError
from solami_protocol.skeleton import JOINT_INDEX, REST_OFFSETS
from solami_tokenizers.motion.bvh import Bvh

__all__ = ["FINGERS", "SIDES", "bone_direction", "nearest_axis", "needed_bone", "our_direction", "rest_places"]

SIDES = ("left", "right")
FINGERS = ("index", "middle", "pinky", "ring", "thumb")
# part of a limb -> the part that its bone leads to
_LIMB_CHILD = {
    "hip": "knee",
    "knee": "ankle",
    "ankle": "foot",
    "collar": "shoulder",
    "shoulder": "elbow",
    "elbow": "wrist",
}


def our_direction(name: str) -> np.ndarray:
    """Return where the bone of our limb or finger joint points in the T-pose, (3,) float64, not of unit length."""
    side, _, part = name.partition("_")
    if part == "wrist":
        child = f"{side}_middle1"
    elif part[-1] == "3":
        child = name  # a fingertip goes on as its bone came
    else:
        child = _child_name(JOINT_INDEX, name)
    return REST_OFFSETS[JOINT_INDEX[child]].astype(np.float64)


def bone_direction(bvh: Bvh, joints: dict[str, int], name: str) -> np.ndarray | None:
    """Return where the bone of our joint `name` points in the file's zero pose, (3,), or None if it has no bone."""
    here = joints[name]
    child = _child_name(joints, name)
    if child in joints:
        rest = rest_places(bvh)
        way = rest[joints[child]] - rest[here]
        return way if np.linalg.norm(way) > 1e-6 else None
    # a hand without fingers, a fingertip, toes: the longest of what the file hangs below it, the thumb apart
    thumbs = {joints.get(f"{side}_thumb1") for side in SIDES}
    below = [j.offset for i, j in enumerate(bvh.joints) if j.parent == here and i not in thumbs]
    end = bvh.joints[here].end
    if end is not None:
        below.append(end)
    longest = max(below, key=lambda offset: float(np.linalg.norm(offset)), default=np.zeros(3))
    return longest if np.linalg.norm(longest) > 1e-6 else None


def needed_bone(bvh: Bvh, joints: dict[str, int], name: str) -> np.ndarray:
    """Return `bone_direction`; raises InputError where the joint has no bone."""
    bone = bone_direction(bvh, joints, name)
    if bone is None:
        raise InputError(f"{bvh.path}: joint '{bvh.joints[joints[name]].name}' ({name}) has no bone of any length")
    return bone


def rest_places(bvh: Bvh) -> np.ndarray:
    """Return joint positions (J, 3) with all rotations at zero, from the OFFSETs alone."""
    places = np.zeros((len(bvh.joints), 3))
    for j, joint in enumerate(bvh.joints):
        places[j] = joint.offset + (places[joint.parent] if joint.parent >= 0 else 0)
    return places


def nearest_axis(v: np.ndarray, cosine: float) -> np.ndarray | None:
    """Return the signed unit axis nearest to v (3,), or None where the cosine between them is below `cosine`."""
    k = int(np.argmax(np.abs(v)))
    if abs(v[k]) < cosine * np.linalg.norm(v) or v[k] == 0:
        return None
    axis = np.zeros(3)
    axis[k] = np.sign(v[k])
    return axis


def _child_name(joints: dict[str, int], name: str) -> str:
    side, _, part = name.partition("_")
    if part in _LIMB_CHILD:
        return f"{side}_{_LIMB_CHILD[part]}"
    if part == "wrist":
        return next((f"{side}_{f}1" for f in ("middle", "ring", "index") if f"{side}_{f}1" in joints), "")
    if part[-1:] in ("1", "2"):
        return f"{side}_{part[:-1]}{int(part[-1]) + 1}"
    return ""

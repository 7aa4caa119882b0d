"""From any human BVH skeleton to our 55 joints.

Every mapped joint takes over the global turn of its counterpart (see `rest_pose`), so bones point where they pointed in
the file, on a body of other proportions. The root is placed so that the hips' middle moves as in the file, scaled by
the length of the legs, which also takes care of the unit; then the lowest steps are put on the floor.
"""

from pathlib import Path

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS, JOINT_COUNT, JOINT_INDEX, JOINTS, PARENTS, REST_OFFSETS, rest_positions
from solami_tokenizers.motion.bvh import Bvh, parse_bvh
from solami_tokenizers.motion.bvh_names import map_joints
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.kinematics import forward, local_rotations
from solami_tokenizers.motion.rest_pose import corrections, upright_frame
from solami_tokenizers.motion.rotations import between, continuous
from solami_tokenizers.motion.smplx_npz import Up

__all__ = ["read_bvh", "retarget"]

_HIPS_MIDDLE = (REST_OFFSETS[1] + REST_OFFSETS[2]).astype(np.float64) / 2
_UP = np.array([0.0, 1.0, 0.0])
_FLOOR_QUANTILE = 0.02  # the share of frames that may be below the floor: marker noise, a heel strike
# joints that the file may lack: our name -> (from, to, share), a turn between two that are known
_BETWEEN = {
    "spine1": ("pelvis", "spine3", 1 / 3),
    "spine2": ("spine1", "spine3", 1 / 2),
    "neck": ("spine3", "head", 1 / 2),
}


def read_bvh(path: Path, up: Up | None = None) -> Clip:
    """Return the clip of a BVH file on our 55 joints, at the file's own frame rate.

    up: the axis that points up in the file; None finds it from how the body stands.
    Raises InputError that names the file and the fault.
    """
    return retarget(parse_bvh(path), up)


def retarget(bvh: Bvh, up: Up | None = None) -> Clip:
    """Return the parsed file's motion on our 55 joints."""
    joints = map_joints(bvh)
    places, turns = bvh.forward()
    to_y_up, axis_note = _world(bvh, joints, places, up)
    places, turns = quat.rotate(to_y_up, places), quat.multiply(to_y_up, turns)
    fixed = corrections(bvh, joints, places, turns)
    globals_ = _globals(joints, turns, fixed)
    rotations = continuous(quat.normalise(local_rotations(globals_))).astype(np.float32)

    scale = _leg_length(rest_positions()[None], JOINT_INDEX) / _leg_length(places, joints, bvh)
    hips = (places[:, joints["left_hip"]] + places[:, joints["right_hip"]]) / 2
    root = scale * hips - quat.rotate(globals_[:, 0], _HIPS_MIDDLE)
    floor = _floor(root, rotations)
    root[:, 1] -= floor
    frames_a_second = 1 / bvh.frame_s
    # 0.0333333 s is 30 frames a second written short
    fps = round(frames_a_second) if abs(frames_a_second - round(frames_a_second)) < 2e-3 * FPS else frames_a_second
    return Clip(
        name=bvh.path.stem,
        root_m=root.astype(np.float32),
        rotations=rotations,
        fps=float(fps),
        notes=(axis_note, *_notes(bvh, joints, scale, floor), f"{fps:g} frames a second"),
    )


def _world(bvh: Bvh, joints: dict[str, int], places: np.ndarray, up: Up | None) -> tuple[np.ndarray, str]:
    """Return the turn (4,) that takes the file's up to y, and a note."""
    if up is not None:
        axis, how = {"y": 1, "z": 2}[up], "as told"
    else:
        feet = (places[:, joints["left_ankle"]] + places[:, joints["right_ankle"]]) / 2
        mean = (places[:, joints["head"]] - feet).mean(axis=0)
        axis, how = int(np.argmax(np.abs(mean))), "found from the body"
        if mean[axis] < 0.7 * np.linalg.norm(mean):
            raise InputError(f"{bvh.path}: cannot tell which axis is up (the body never stands); say up=y or up=z")
    way = np.zeros(3)
    way[axis] = 1.0
    return between(way, _UP), f"{'XYZ'[axis]} up ({how}){'' if axis == 1 else ', turned to Y up'}"


def _globals(joints: dict[str, int], turns: np.ndarray, fixed: dict[str, np.ndarray]) -> np.ndarray:
    """Return global rotations (T, 55, 4) of our joints; what the file lacks lies between, or follows its parent."""
    out = np.zeros((len(turns), JOINT_COUNT, 4))
    for i, name in enumerate(JOINTS):
        if name in fixed:
            out[:, i] = quat.multiply(turns[:, joints[name]], fixed[name])
    for i, name in enumerate(JOINTS):
        if name in fixed:
            continue
        above, below, share = _BETWEEN.get(name, ("", "", 0.0))
        if below in fixed:
            out[:, i] = quat.slerp(out[:, JOINT_INDEX[above]], out[:, JOINT_INDEX[below]], share)
        else:
            out[:, i] = out[:, PARENTS[i]]
    return out


def _leg_length(places: np.ndarray, joints: dict[str, int], bvh: Bvh | None = None) -> float:
    """Return the mean length of both legs, hip to knee to ankle, in the unit of `places` (T, J, 3)."""
    total = 0.0
    for side in ("left", "right"):
        for a, b in (("hip", "knee"), ("knee", "ankle")):
            way = places[:, joints[f"{side}_{a}"]] - places[:, joints[f"{side}_{b}"]]
            total += float(np.linalg.norm(way, axis=-1).mean()) / 2
    if total < 1e-6 and bvh is not None:
        raise InputError(f"{bvh.path}: the legs have no length; expected a human skeleton")
    return total


def _floor(root: np.ndarray, rotations: np.ndarray) -> float:
    """Return how high the lowest steps are above our soles' place in the T-pose, metres."""
    feet = [JOINT_INDEX[f"{side}_{part}"] for side in ("left", "right") for part in ("ankle", "foot")]
    heights = forward(root.astype(np.float32), rotations, body_only=True)[0][:, feet, 1]
    above = heights - rest_positions()[feet, 1]
    return float(np.quantile(above.min(axis=1), _FLOOR_QUANTILE))


def _notes(bvh: Bvh, joints: dict[str, int], scale: float, floor: float) -> tuple[str, ...]:
    kind = "zero pose shows a person" if upright_frame(bvh, joints) is not None else "bones lie along local axes"
    lacking = [n for n in JOINTS[:22] if n not in joints]
    fingers = sum(1 for n in joints if JOINT_INDEX[n] > 24)
    return (
        f"{len(bvh.joints)} joints, {len(joints)} mapped; {kind}",
        f"1 unit of the file = {scale:.5g} m (by leg length); lifted by {-floor:.3f} m onto the floor",
        f"not in the file: {' '.join(lacking) or 'nothing of the body'}; {fingers} of 30 finger joints",
    )

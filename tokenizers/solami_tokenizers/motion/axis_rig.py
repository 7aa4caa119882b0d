"""Rest-pose corrections for rigs whose bones lie along a local axis and whose zero pose shows no person.

Each joint's correction (see `rest_pose`) needs two of its local directions that are known in the T-pose. The first is
the bone. The second comes from the body: the fork of the hips, the chest's up for collars, and for legs and arms the
axis about which knee and elbow bend in the clip. Such rigs put that axis on a local axis exactly (measured on Bandai
and Rokoko: off by less than a degree in the upper arm and the thigh), so the mean is rounded to it.
"""

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_tokenizers.motion.bvh import Bvh
from solami_tokenizers.motion.rig_bones import (
    FINGERS,
    SIDES,
    bone_direction,
    nearest_axis,
    needed_bone,
    our_direction,
)
from solami_tokenizers.motion.rotations import frame_of, from_matrix

__all__ = ["axis_corrections"]

_LEFT = np.array([1.0, 0.0, 0.0])
_UP = np.array([0.0, 1.0, 0.0])
_FORWARD = np.array([0.0, 0.0, 1.0])
_ROUND_WITHIN = 0.72  # cosine: a mean direction this near to a local axis is taken for the axis
_FLAT_SHARE = 0.03  # a foot stands flat in this share of all steps: those in which an ankle is lowest


def axis_corrections(bvh: Bvh, joints: dict[str, int], places: np.ndarray, turns: np.ndarray) -> dict[str, np.ndarray]:
    """Return C (4,) float64 for each mapped joint; arguments and errors as in `rest_pose.corrections`."""
    rig = _AxisRig(bvh, joints, places, turns)
    out = rig.trunk()
    for side in SIDES:
        out |= rig.leg(side)
        out |= rig.arm(side, out)
        out |= rig.hand(side, out)
    return {name: turn for name, turn in out.items() if name in joints}


class _AxisRig:
    """The parsed file, its joints by our names, and the clip's forward kinematics."""

    def __init__(self, bvh: Bvh, joints: dict[str, int], places: np.ndarray, turns: np.ndarray) -> None:
        self._bvh = bvh
        self._joints = joints
        self._places = places
        self._turns = turns
        self._foot_slopes = {name: self._flat_slope(name) for name in ("ankle", "foot")}

    def trunk(self) -> dict[str, np.ndarray]:
        """Pelvis by the hips' fork, the others by their bone and by the pelvis' left as the first of them carries it.

        Joints whose bones share a local axis share the second one too: a head may look aside for a whole clip.
        """
        chain = [n for n in ("spine1", "spine2", "spine3", "neck", "head") if n in self._joints]
        axis = self._way("pelvis", chain[0])
        left = self._way("pelvis", "left_hip") - self._way("pelvis", "right_hip")
        out = {"pelvis": _turn(_LEFT, _UP, left, axis)}
        left_world = self._world("pelvis", out["pelvis"], _LEFT)
        second: np.ndarray | None = None
        for name, child in zip(chain, [*chain[1:], ""], strict=True):
            before = axis
            if child:  # the head, which has no bone, stands as the neck
                axis = _rounded(self._way(name, child))
            if second is None or axis @ before < _ROUND_WITHIN:
                second = self._carried(name, left_world)
            out[name] = _turn(_UP, _LEFT, axis, second)
        return out

    def leg(self, side: str) -> dict[str, np.ndarray]:
        """Thigh and shin by bone and knee axis; the foot by the knee axis and by how it slopes when it stands flat."""
        hip, knee, ankle, foot = (f"{side}_{p}" for p in ("hip", "knee", "ankle", "foot"))
        bend = self._bend(hip, knee, ankle)
        out = {}
        for name in (hip, knee):
            bone = needed_bone(self._bvh, self._joints, name)
            out[name] = _turn(our_direction(name), _LEFT, bone, self._carried(name, bend))
        left_world = self._world(knee, out[knee], _LEFT)
        bone = needed_bone(self._bvh, self._joints, ankle)
        for name in (n for n in (ankle, foot) if n in self._joints):
            across = self._carried(name, left_world)
            level = quat.rotate(quat.from_rotvec(-self._foot_slopes[name[len(side) + 1 :]] * across), bone)
            out[name] = _turn(_LEFT, _FORWARD, across, level)
        return out

    def arm(self, side: str, trunk: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Upper arm, forearm and hand by bone and elbow axis; the collar by bone and the chest's up."""
        collar, shoulder, elbow, wrist = (f"{side}_{p}" for p in ("collar", "shoulder", "elbow", "wrist"))
        out = {}
        if collar in self._joints:
            chest = next((n for n in ("spine3", "spine1") if n in self._joints), "pelvis")
            up = self._carried(collar, self._world(chest, trunk[chest], _UP))
            out[collar] = _turn(our_direction(collar), _UP, needed_bone(self._bvh, self._joints, collar), up)
        ours = -_UP if side == "left" else _UP  # upper arm x forearm, when our elbow bends forward
        # the forearm also twists, so its own mean would lie between two axes: the upper arm's serves all three
        axis = self._carried(shoulder, self._bend(shoulder, elbow, wrist))
        bone = needed_bone(self._bvh, self._joints, shoulder)
        for name in (shoulder, elbow, wrist):
            own = bone_direction(self._bvh, self._joints, name)
            bone = bone if own is None else own  # a hand without a bone goes on as the forearm
            out[name] = _turn(our_direction(name), ours, bone, axis)
        return out

    def hand(self, side: str, arm: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """The hand by its knuckles and the fingers by their bones, where the file has them."""
        wrist, index, middle, pinky = (f"{side}_{p}" for p in ("wrist", "index1", "middle1", "pinky1"))
        if any(n not in self._joints for n in (index, middle, pinky)):
            return {}
        across = self._way(wrist, index) - self._way(wrist, pinky)
        out = {wrist: _turn(our_direction(wrist), _FORWARD, self._way(wrist, middle), across)}
        ahead = self._world(wrist, out[wrist], _FORWARD)
        for name in (f"{side}_{finger}{number}" for finger in FINGERS for number in (1, 2, 3)):
            if name in self._joints:
                bone = bone_direction(self._bvh, self._joints, name)
                out[name] = (
                    arm[wrist]
                    if bone is None
                    else _turn(our_direction(name), _FORWARD, bone, self._carried(name, ahead))
                )
        return out

    def _flat_slope(self, part: str) -> float:
        """Return how far below level the foot's bone points, in radians, when a foot stands flat on the floor."""
        heights, slopes = [], []
        for side in SIDES:
            ankle = self._joints[f"{side}_ankle"]
            bone = needed_bone(self._bvh, self._joints, f"{side}_ankle")
            here = self._joints.get(f"{side}_{part}", ankle)
            way = quat.rotate(self._turns[:, here], bone / np.linalg.norm(bone))
            heights.append(self._places[:, ankle, 1])
            slopes.append(-np.arcsin(np.clip(way[:, 1], -1, 1)))
        height, slope = np.concatenate(heights), np.concatenate(slopes)
        return float(np.median(slope[height <= np.quantile(height, _FLAT_SHARE)]))

    def _bend(self, upper: str, joint: str, lower: str) -> np.ndarray:
        """Return the axis (T, 3) about which `joint` bends, in the world, as long as the bend's sine."""
        a, b, c = (self._places[:, self._joints[n]] for n in (upper, joint, lower))
        u, v = b - a, c - b
        return np.cross(u, v) / np.maximum(np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1), 1e-9)[:, None]

    def _carried(self, name: str, world: np.ndarray) -> np.ndarray:
        """Return world directions (T, 3) as the joint carries them, averaged and rounded to its axes, unit length."""
        local = quat.rotate(quat.conjugate(self._turns[:, self._joints[name]]), world).mean(axis=0)
        if np.linalg.norm(local) < 1e-3:
            raise InputError(
                f"{self._bvh.path}: no frame shows how '{self._bvh.joints[self._joints[name]].name}' is turned about "
                "its bone (knees or elbows stay straight and the zero pose shows no person); use a livelier clip"
            )
        return _rounded(local / np.linalg.norm(local))

    def _way(self, name: str, child: str) -> np.ndarray:
        """Return the direction from a joint to one below it, (3,) unit, as the joint carries it on average."""
        here, there = self._joints[name], self._joints[child]
        way = self._places[:, there] - self._places[:, here]
        mean = quat.rotate(quat.conjugate(self._turns[:, here]), way).mean(axis=0)
        return mean / max(float(np.linalg.norm(mean)), 1e-9)

    def _world(self, name: str, correction: np.ndarray, direction: np.ndarray) -> np.ndarray:
        """Return a direction of our body's joint in the world, (T, 3)."""
        return quat.rotate(quat.multiply(self._turns[:, self._joints[name]], correction), direction)


def _rounded(local: np.ndarray) -> np.ndarray:
    axis = nearest_axis(local, _ROUND_WITHIN)
    return local if axis is None else axis


def _turn(our_first: np.ndarray, our_second: np.ndarray, first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Return the turn (4,) that takes our two directions to the file's two, the first exactly."""
    return from_matrix(frame_of(first, second) @ frame_of(our_first, our_second).T)

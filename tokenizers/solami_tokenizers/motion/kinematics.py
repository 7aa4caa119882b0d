"""Forward kinematics on the 55 joints of the wire."""

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.skeleton import JOINT_COUNT, PARENTS, REST_OFFSETS

__all__ = ["forward", "local_rotations"]


def _levels(count: int) -> tuple[tuple[np.ndarray, np.ndarray], ...]:
    """Return (joints, their parents) for each depth below the root, so that one step serves a whole depth."""
    depth = np.zeros(count, dtype=int)
    for j in range(1, count):
        depth[j] = depth[PARENTS[j]] + 1
    joints = [np.flatnonzero(depth == d) for d in range(1, depth.max() + 1)]
    return tuple((j, PARENTS[j]) for j in joints)


BODY_JOINT_COUNT = 22  # pelvis to wrists, the joints before the face and the fingers
_LEVELS = {count: _levels(count) for count in (BODY_JOINT_COUNT, JOINT_COUNT)}


def forward(root_m: np.ndarray, rotations: np.ndarray, *, body_only: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return joint positions and global rotations of poses.

    root_m:    (T, 3) metres, the pelvis joint
    rotations: (T, 55, 4) local rotations relative to the T-pose, x y z w, unit length
    body_only: only the first 22 joints (pelvis to wrists), for what runs in every frame
    returns:   positions (T, J, 3) metres and global rotations (T, J, 4), J = 55 or 22, dtype of `rotations`
    Source: the kinematic chain; components lie first in memory, so that each product is a few array operations.
    """
    count = BODY_JOINT_COUNT if body_only else JOINT_COUNT
    frames = len(rotations)
    local = np.ascontiguousarray(np.moveaxis(rotations[:, :count], -1, 0))  # (4, T, J)
    turn = np.empty_like(local)
    place = np.empty((3, frames, count), dtype=local.dtype)
    turn[:, :, 0] = local[:, :, 0]
    place[:, :, 0] = root_m.T
    offsets = REST_OFFSETS.T.astype(local.dtype)  # (3, 55)
    for joints, parents in _LEVELS[count]:
        ax, ay, az, aw = turn[:, :, parents]
        bx, by, bz, bw = local[:, :, joints]
        turn[0][:, joints] = aw * bx + ax * bw + ay * bz - az * by
        turn[1][:, joints] = aw * by - ax * bz + ay * bw + az * bx
        turn[2][:, joints] = aw * bz + ax * by - ay * bx + az * bw
        turn[3][:, joints] = aw * bw - ax * bx - ay * by - az * bz
        ox, oy, oz = offsets[:, joints]
        # v + 2 w (u x v) + 2 u x (u x v), the turned offset
        cx, cy, cz = ay * oz - az * oy, az * ox - ax * oz, ax * oy - ay * ox
        px, py, pz = place[:, :, parents]
        place[0][:, joints] = px + ox + 2 * (aw * cx + ay * cz - az * cy)
        place[1][:, joints] = py + oy + 2 * (aw * cy + az * cx - ax * cz)
        place[2][:, joints] = pz + oz + 2 * (aw * cz + ax * cy - ay * cx)
    return np.moveaxis(place, 0, -1), np.moveaxis(turn, 0, -1)


def local_rotations(global_rotations: np.ndarray) -> np.ndarray:
    """Return rotations (T, 55, 4) relative to each joint's parent, from global ones; the inverse of `forward`."""
    out = global_rotations.copy()
    parents = global_rotations[:, PARENTS[1:]]
    out[:, 1:] = quat.multiply(quat.conjugate(parents), global_rotations[:, 1:])
    return out

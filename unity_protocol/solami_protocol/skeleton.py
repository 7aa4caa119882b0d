"""The 55 joints of the wire: SMPL-X's names and order, with rest offsets of our own.

One body for everybody: right-handed, y up, facing +z, the body's left at +x, metres, T-pose with palms down.
Height of the pelvis joint is 0.95 m; the soles are at y = 0; the top of the head is at about 1.73 m.
A pose is a root position (the pelvis joint's place) and 55 local rotations relative to this T-pose, so the identity
pose is the T-pose. Offsets are drawn from common human proportions, not taken from a body model.
"""

import numpy as np

__all__ = [
    "FPS",
    "JOINTS",
    "JOINT_COUNT",
    "JOINT_INDEX",
    "MIRROR",
    "PARENTS",
    "PELVIS_HEIGHT_M",
    "REST_OFFSETS",
    "rest_positions",
]

FPS = 30
PELVIS_HEIGHT_M = 0.95

_FINGERS = ("index", "middle", "pinky", "ring", "thumb")
_BODY: tuple[tuple[str, str | None, tuple[float, float, float]], ...] = (
    ("pelvis", None, (0.0, PELVIS_HEIGHT_M, 0.0)),
    ("left_hip", "pelvis", (0.085, -0.07, 0.0)),
    ("right_hip", "pelvis", (-0.085, -0.07, 0.0)),
    ("spine1", "pelvis", (0.0, 0.11, -0.01)),
    ("left_knee", "left_hip", (0.01, -0.40, 0.005)),
    ("right_knee", "right_hip", (-0.01, -0.40, 0.005)),
    ("spine2", "spine1", (0.0, 0.13, 0.0)),
    ("left_ankle", "left_knee", (0.0, -0.41, -0.015)),
    ("right_ankle", "right_knee", (0.0, -0.41, -0.015)),
    ("spine3", "spine2", (0.0, 0.06, 0.01)),
    ("left_foot", "left_ankle", (0.01, -0.055, 0.13)),
    ("right_foot", "right_ankle", (-0.01, -0.055, 0.13)),
    ("neck", "spine3", (0.0, 0.21, -0.015)),
    ("left_collar", "spine3", (0.06, 0.14, -0.01)),
    ("right_collar", "spine3", (-0.06, 0.14, -0.01)),
    ("head", "neck", (0.0, 0.09, 0.02)),
    ("left_shoulder", "left_collar", (0.11, 0.02, -0.01)),
    ("right_shoulder", "right_collar", (-0.11, 0.02, -0.01)),
    ("left_elbow", "left_shoulder", (0.26, 0.0, -0.005)),
    ("right_elbow", "right_shoulder", (-0.26, 0.0, -0.005)),
    ("left_wrist", "left_elbow", (0.25, 0.0, 0.005)),
    ("right_wrist", "right_elbow", (-0.25, 0.0, 0.005)),
    ("jaw", "head", (0.0, 0.005, 0.02)),
    ("left_eye", "head", (0.032, 0.062, 0.078)),
    ("right_eye", "head", (-0.032, 0.062, 0.078)),
)
# Left hand, wrist outwards; the right hand is its mirror image.
_HAND: dict[str, tuple[tuple[float, float, float], ...]] = {
    "index": ((0.093, 0.0, 0.025), (0.036, 0.0, 0.001), (0.023, 0.0, 0.0)),
    "middle": ((0.096, 0.002, 0.002), (0.041, 0.0, 0.0), (0.026, 0.0, 0.0)),
    "pinky": ((0.083, -0.004, -0.038), (0.028, 0.0, -0.002), (0.018, 0.0, 0.0)),
    "ring": ((0.091, 0.0, -0.019), (0.037, 0.0, -0.001), (0.025, 0.0, 0.0)),
    "thumb": ((0.028, -0.012, 0.028), (0.030, -0.006, 0.022), (0.026, -0.003, 0.014)),
}


def _table() -> list[tuple[str, str | None, tuple[float, float, float]]]:
    rows = list(_BODY)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        for finger in _FINGERS:
            parent = f"{side}_wrist"
            for i, (x, y, z) in enumerate(_HAND[finger], 1):
                rows.append((f"{side}_{finger}{i}", parent, (sign * x, y, z)))
                parent = f"{side}_{finger}{i}"
    return rows


_ROWS = _table()
JOINTS: tuple[str, ...] = tuple(row[0] for row in _ROWS)
JOINT_COUNT = len(JOINTS)  # 55
JOINT_INDEX: dict[str, int] = {name: i for i, name in enumerate(JOINTS)}
PARENTS: np.ndarray = np.array([-1 if p is None else JOINT_INDEX[p] for _, p, _ in _ROWS])
"""(55,) int, -1 for the root; a parent always stands before its children."""
REST_OFFSETS: np.ndarray = np.array([offset for _, _, offset in _ROWS], dtype=np.float32)
"""(55, 3) float32, metres, from the parent joint in the T-pose; row 0 is the pelvis' rest position."""


def _mirror(name: str) -> str:
    if name.startswith("left_"):
        return "right_" + name[5:]
    return "left_" + name[6:] if name.startswith("right_") else name


MIRROR: np.ndarray = np.array([JOINT_INDEX[_mirror(name)] for name in JOINTS])
"""(55,) index of each joint's counterpart. Mirrored rotation of x y z w is (x, -y, -z, w) of the counterpart."""


def rest_positions() -> np.ndarray:
    """Return the joints' positions in the T-pose, (55, 3) float32 metres, pelvis at its rest height."""
    out = REST_OFFSETS.copy()
    for i in range(1, JOINT_COUNT):
        out[i] += out[PARENTS[i]]
    return out

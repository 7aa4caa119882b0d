"""Which joint moves which point: smooth fields over the T-pose, shared by skin and every garment over it.

Two surfaces that lie on each other take their shares from the same field, so one never pokes through the other.
"""

import numpy as np

from solami.headset.avatar.mesh import Part, smoothstep
from solami_protocol.skeleton import JOINT_COUNT, JOINT_INDEX, MIRROR, rest_positions

__all__ = ["REST", "chain", "mirrored", "rigid", "trunk"]

REST: dict[str, np.ndarray] = {name: rest_positions()[i].astype(np.float64) for name, i in JOINT_INDEX.items()}
"""Each joint's place in the T-pose, metres."""


def rigid(count: int, joint: str) -> np.ndarray:
    """Return weights (count, 55) that follow one joint."""
    out = np.zeros((count, JOINT_COUNT))
    out[:, JOINT_INDEX[joint]] = 1
    return out


def chain(points: np.ndarray, joints: tuple[str, ...], half_width: tuple[float, ...]) -> np.ndarray:
    """Return weights (V, 55) along a chain of joints: the share passes on within +-half_width of each joint.

    half_width[k] belongs to joints[k + 1]. The plane of the change halves the angle between the two bones.
    """
    out = rigid(len(points), joints[0])
    for k, name in enumerate(joints[1:]):
        here = REST[name]
        before = here - REST[joints[k]]
        after = REST[joints[k + 2]] - here if k + 2 < len(joints) else before
        axis = before / np.linalg.norm(before) + after / np.linalg.norm(after)
        along = (points - here) @ (axis / np.linalg.norm(axis))
        share = smoothstep(-half_width[k], half_width[k], along)[:, None]
        out = out * (1 - share)
        out[:, JOINT_INDEX[name]] += share[:, 0]
    return out


def trunk(points: np.ndarray) -> np.ndarray:
    """Return weights (V, 55) for trunk, arms to the wrists and legs to the ankles."""
    out = chain(points, ("pelvis", "spine1", "spine2", "spine3"), (0.06, 0.05, 0.05))
    x, y, z = points.T
    neck = smoothstep(1.45, 1.51, y) * smoothstep(0.10, 0.075, np.hypot(x, z))
    _pass_on(out, "neck", neck)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        s = sign * x
        _pass_on(out, f"{side}_collar", smoothstep(0.03, 0.12, s) * smoothstep(1.29, 1.42, y))
        _pass_on(out, f"{side}_shoulder", smoothstep(0.115, 0.225, s) * smoothstep(1.27, 1.37, y))
        _pass_on(out, f"{side}_elbow", smoothstep(0.385, 0.475, s))
        # towards the middle both legs share, so that the crotch neither tears nor folds
        leg = smoothstep(0.93, 0.80, y) * smoothstep(-0.035, 0.035, s)
        _pass_on(out, f"{side}_hip", leg)
        knee = smoothstep(0.535, 0.43, y) * (s > 0)
        _pass_on(out, f"{side}_knee", knee)
        _pass_on(out, f"{side}_ankle", smoothstep(0.10, 0.05, y) * (s > 0))
    return out


def _pass_on(weights: np.ndarray, joint: str, share: np.ndarray) -> None:
    """Take `share` (V,) from all joints and give it to one."""
    weights *= (1 - share)[:, None]
    weights[:, JOINT_INDEX[joint]] += share


def mirrored(part: Part) -> Part:
    """Return the counterpart on the body's other side."""
    flip = np.array([-1.0, 1.0, 1.0])
    return Part(
        name=part.name.replace("left", "right"),
        positions=part.positions * flip,
        triangles=part.triangles[:, ::-1].copy(),
        swatches=list(part.swatches),
        weights=part.weights[:, MIRROR],
        shade=part.shade,
        morphs={_other_side(n): d * flip for n, d in part.morphs.items()},
    )


def _other_side(shape: str) -> str:
    if shape.endswith("Left"):
        return shape[:-4] + "Right"
    return shape[:-5] + "Left" if shape.endswith("Right") else shape

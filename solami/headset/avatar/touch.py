"""How far hands sink into the body while it moves: vertices of the hands inside the torso, measured on gestures.

The torso is the one that is drawn: the cross-sections of the top in the T-pose, each carried by its joint of the spine.
A point is brought back into the T-pose by the joint whose stretch of the spine it lies beside, and compared with the
cross-section at its height.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache

import numpy as np

from solami.behaviour import GESTURES, Performance
from solami.behaviour.recorded import RecordedGesture
from solami.behaviour.style import Style
from solami.headset.avatar.body import torso_share
from solami.headset.avatar.hands import hands
from solami.headset.avatar.skinning import REST
from solami_protocol.quaternions import conjugate, multiply, rotate
from solami_protocol.skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS, REST_OFFSETS

__all__ = ["SKIN_M", "Touch", "depth_in_torso", "gesture_touch", "hand_points", "recorded_touch", "world_joints"]

SKIN_M = 0.004
"""A hand that lies on the body presses in by this much before it counts: cloth gives way."""
_SPINE = ("pelvis", "spine1", "spine2", "spine3")
_FRAME_MS = 1000 / 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Touch:
    """What one gesture does, over all its frames. `vertices`: of both hands, beyond the wrists."""

    gesture: str
    frames: int
    vertices: int
    mean_inside: float
    """Vertices more than `SKIN_M` inside the torso, mean over the frames."""
    worst_inside: int
    deepest_m: float


def world_joints(root: np.ndarray, rotations: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return joints' places (T, 55, 3) and world rotations (T, 55, 4) of root (T, 3) and local rotations (T, 55, 4)."""
    turns = np.array(rotations, np.float64)
    places = np.zeros((len(turns), JOINT_COUNT, 3))
    places[:, 0] = root
    for i in range(1, JOINT_COUNT):
        parent = PARENTS[i]
        places[:, i] = places[:, parent] + rotate(turns[:, parent], REST_OFFSETS[i].astype(np.float64))
        turns[:, i] = multiply(turns[:, parent], rotations[:, i])
    return places, turns


@cache
def _hands() -> tuple[np.ndarray, np.ndarray]:
    """Return the hands' vertices beyond the wrists in the T-pose (V, 3) and their weights (V, 55)."""
    parts = hands()
    points = np.concatenate([p.positions for p in parts])
    weights = np.concatenate([p.weights for p in parts])
    beyond = np.abs(points[:, 0]) > REST["left_wrist"][0]
    return points[beyond], weights[beyond]


def hand_points(places: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Return the hands' vertices (T, V, 3) by linear blend skinning, as an engine draws them."""
    points, weights = _hands()
    out = np.zeros((len(places), *points.shape))
    for joint in np.flatnonzero(weights.any(0)):
        moved = np.flatnonzero(weights[:, joint])
        rest = np.array([REST[name] for name in REST])[joint]
        carried = places[:, None, joint] + rotate(turns[:, None, joint], points[moved] - rest)
        out[:, moved] += weights[moved, joint, None] * carried
    return out


def depth_in_torso(points: np.ndarray, places: np.ndarray, turns: np.ndarray) -> np.ndarray:
    """Return how deep points (T, V, 3) lie in the torso, metres (T, V); outside it is 0."""
    depth = np.zeros(points.shape[:2])
    heights = [-np.inf, *(REST[name][1] for name in _SPINE[1:]), np.inf]
    for k, name in enumerate(_SPINE):
        j = JOINT_INDEX[name]
        back = REST[name] + rotate(conjugate(turns[:, None, j]), points - places[:, None, j])
        here = (back[..., 1] >= heights[k]) & (back[..., 1] < heights[k + 1])
        share, half_m = torso_share(back)
        depth = np.where(here, np.maximum(depth, np.maximum(1 - share, 0) * half_m), depth)
    return depth


def gesture_touch(name: str, style: Style | None = None, seed: int = 0, *, every: int = 1) -> Touch:
    """Return what a gesture of `solami.behaviour` does, played from rest to rest; of frames, each `every`th."""
    authored = GESTURES[name]
    return _played(name, authored.stroke_ms, authored.duration_ms, Performance(style, seed=seed), every)


def recorded_touch(gesture: RecordedGesture, style: Style | None = None, seed: int = 0, *, every: int = 1) -> Touch:
    """Return what a recorded gesture does, played in the same way."""
    performance = Performance(style, seed=seed, recorded={gesture.name: (gesture,)})
    return _played(gesture.name, gesture.stroke_ms, gesture.last_ms + gesture.retract_ms, performance, every)


def _played(name: str, lead_ms: float, duration_ms: float, performance: Performance, every: int) -> Touch:
    stroke_ms = performance.cue(name, max(1_500.0, 1.3 * lead_ms))
    assert stroke_ms is not None, name
    root, rotations = performance.render(stroke_ms + duration_ms + 500.0)
    begin = int(max(0.0, stroke_ms - lead_ms - 300.0) / _FRAME_MS)
    places, turns = world_joints(root[begin::every].astype(np.float64), rotations[begin::every].astype(np.float64))
    depth = depth_in_torso(hand_points(places, turns), places, turns)
    inside = (depth > SKIN_M).sum(1)
    return Touch(
        gesture=name,
        frames=len(depth),
        vertices=depth.shape[1],
        mean_inside=float(inside.mean()),
        worst_inside=int(inside.max()),
        deepest_m=float(depth.max()),
    )


def main(names: Iterable[str] = ()) -> None:
    """Print a row for each gesture."""
    for name in names or GESTURES:
        touch = gesture_touch(name)
        print(f"{name:20} mean {touch.mean_inside:6.2f} worst {touch.worst_inside:4d} of {touch.vertices}, "
              f"deepest {touch.deepest_m * 1000:5.1f} mm")  # fmt: skip


if __name__ == "__main__":
    main()

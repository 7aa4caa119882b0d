"""What a headset without body tracking sends: head and wrists as they were, the rest made up from them.

The rules are those of the browser client (`relay/web/live/userbody.ts`): hips upright below the head that follow its
heading slowly, elbows bent outwards and down. It is for judging how much perception loses by it.
"""

import numpy as np

from solami.perception.features import INFERRED, MEASURED
from solami_protocol import quaternions as q
from solami_protocol.skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS, REST_OFFSETS
from solami_tokenizers.motion import Clip, forward

__all__ = ["three_points"]

_FOLLOW = 0.06  # share of the way that the hips turn after the head, a frame
_TRUNK = ("spine1", "spine2", "spine3", "neck", "head")
_SIDES = (("left", 1.0), ("right", -1.0))


def three_points(clip: Clip) -> tuple[Clip, np.ndarray]:
    """Return the clip as head and wrists alone give it, and its validity (T, 55) uint8."""
    places, turns = forward(clip.root_m.astype(np.float64), clip.rotations.astype(np.float64))
    head = JOINT_INDEX["head"]
    hips = _hips(turns[:, head])
    trunk_m = REST_OFFSETS[[JOINT_INDEX[n] for n in _TRUNK]].sum(axis=0)
    root_m = places[:, head] - q.rotate(hips, np.broadcast_to(trunk_m, places[:, 0].shape))
    world = np.repeat(hips[:, None], JOINT_COUNT, axis=1)
    world[:, head] = turns[:, head]
    at = _laid(root_m, world)
    for side, sign in _SIDES:
        shoulder, elbow, wrist = (JOINT_INDEX[f"{side}_{part}"] for part in ("shoulder", "elbow", "wrist"))
        pole = q.rotate(hips, np.broadcast_to([0.5 * sign, -0.7, -0.5], root_m.shape))
        bend_m = _bent(at[:, shoulder], places[:, wrist], pole, side)
        out = np.broadcast_to([sign, 0.0, 0.0], root_m.shape)
        world[:, shoulder] = _pointing(out, bend_m - at[:, shoulder], hips)
        world[:, elbow] = _pointing(out, places[:, wrist] - bend_m, hips)
        world[:, wrist] = turns[:, wrist]
        fingers = [i for name, i in JOINT_INDEX.items() if name.startswith(side) and name[-1].isdigit()]
        world[:, fingers] = turns[:, wrist][:, None]
    local = world.copy()
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            local[:, joint] = q.multiply(q.conjugate(world[:, parent]), world[:, joint])
    validity = np.full((len(root_m), JOINT_COUNT), INFERRED, np.uint8)
    validity[:, [head, JOINT_INDEX["left_wrist"], JOINT_INDEX["right_wrist"]]] = MEASURED
    rebuilt = Clip(
        name=clip.name, root_m=root_m.astype(np.float32), rotations=q.normalise(local).astype(np.float32), fps=clip.fps
    )
    return rebuilt, validity


def _hips(head: np.ndarray) -> np.ndarray:
    """Return upright hips (T, 4) that follow the heading of the head (T, 4)."""
    ahead = q.rotate(head, np.broadcast_to([0.0, 0.0, 1.0], (len(head), 3)))
    yaws = np.arctan2(ahead[:, 0], ahead[:, 2])
    level = np.hypot(ahead[:, 0], ahead[:, 2]) > 0.2
    yaw = float(yaws[0])
    out = np.empty(len(head))
    for i in range(len(head)):
        if level[i]:
            yaw += float(np.arctan2(np.sin(yaws[i] - yaw), np.cos(yaws[i] - yaw))) * _FOLLOW
        out[i] = yaw
    return np.stack([np.zeros_like(out), np.sin(out / 2), np.zeros_like(out), np.cos(out / 2)], axis=-1)


def _laid(root_m: np.ndarray, world: np.ndarray) -> np.ndarray:
    """Return the places (T, 55, 3) of joints by their world rotations."""
    at = np.zeros((*world.shape[:2], 3))
    at[:, 0] = root_m
    for joint, parent in enumerate(PARENTS):
        if parent >= 0:
            offset = np.broadcast_to(REST_OFFSETS[joint], root_m.shape)
            at[:, joint] = at[:, parent] + q.rotate(world[:, parent], offset)
    return at


def _bent(shoulder: np.ndarray, wrist: np.ndarray, pole: np.ndarray, side: str) -> np.ndarray:
    """Return the elbow's places (T, 3); an arm that is too short stretches."""
    a, b = (float(np.linalg.norm(REST_OFFSETS[JOINT_INDEX[f"{side}_{part}"]])) for part in ("elbow", "wrist"))
    way = wrist - shoulder
    length = np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-4)
    way = way / length
    short = length >= a + b
    along = np.where(short, length * a / (a + b), (a * a - b * b + length**2) / (2 * length))
    off = np.where(short, 0.0, np.sqrt(np.maximum(a * a - along**2, 0.0)))
    aside = pole - way * np.sum(pole * way, axis=-1, keepdims=True)
    aside /= np.maximum(np.linalg.norm(aside, axis=-1, keepdims=True), 1e-9)
    return np.asarray(shoulder + way * along + aside * off)


def _pointing(out: np.ndarray, way: np.ndarray, hips: np.ndarray) -> np.ndarray:
    """Return world rotations (T, 4) that turn the body's `out` axis to `way` by the shortest arc."""
    start, end = q.rotate(hips, out), way / np.maximum(np.linalg.norm(way, axis=-1, keepdims=True), 1e-9)
    w = 1 + np.sum(start * end, axis=-1, keepdims=True)
    return q.multiply(q.normalise(np.concatenate([np.cross(start, end), np.maximum(w, 1e-6)], axis=-1)), hips)

"""Reader for HumanML3D's 263 numbers a frame: joint positions, and rotations found from them. Approximate.

The numbers hold no rotations of the recording: the data set's own come from positions, too. Positions say where bones
point; a twist about a bone shows only where knee or elbow bend, and hands, feet' roll and the head's turn do not show
at all. Those follow their parents here.

Source of the layout: Guo et al. 2022, "Generating Diverse and Natural 3D Human Motions from Text":
0 half the yaw step, 1:3 velocity across the ground, 3 height, 4:67 21 joints in the frame's own heading, then
rotations, velocities and contacts, which are not needed here. The rate is 20 frames a second for the whole set.
"""

from pathlib import Path

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import JOINT_COUNT, JOINT_INDEX, PARENTS, REST_OFFSETS, rest_positions
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.heading import turn_xz
from solami_tokenizers.motion.kinematics import local_rotations
from solami_tokenizers.motion.rotations import between, continuous, frame_of, from_matrix

__all__ = ["HUMANML3D_FPS", "clip_of_positions", "positions_of", "read_humanml3d"]

HUMANML3D_FPS = 20.0
_WIDTH, _JOINTS = 263, 22
_MAX_FRAMES = 200_000
_LARGEST = 1e3
_LEFT, _UP = np.array([1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])
_REST = REST_OFFSETS.astype(np.float64)
# sine of the bend of knee or elbow from which it says how the limb is turned, and from which it alone says so
_BEND_FROM, _BEND_TO = 0.12, 0.35


def read_humanml3d(path: Path) -> Clip:
    """Return the clip of one `.npy` file of 263 features a frame, not normalised, or of positions (T, 22, 3).

    Raises InputError that names the file and the fault.
    """
    try:
        array = np.load(path, allow_pickle=False, mmap_mode="r")
    except (OSError, ValueError, EOFError) as exc:
        raise InputError(f"{path}: not a numpy file of numbers ({exc})") from exc
    if array.shape[1:] not in ((_WIDTH,), (_JOINTS, 3)) or not 0 < len(array) <= _MAX_FRAMES:
        raise InputError(f"{path}: holds {array.shape}; expected (T, {_WIDTH}) or (T, {_JOINTS}, 3)")
    values = np.array(array, dtype=np.float64)
    if not (np.abs(values) < _LARGEST).all():
        frame = int(np.argwhere(~(np.abs(values) < _LARGEST))[0][0])
        raise InputError(f"{path}: not finite or beyond reason in frame {frame}; expected metres")
    places = positions_of(values) if values.ndim == 2 else values
    height = np.median(places[:, 0, 1])
    if not 0.1 < height < 2.5:
        raise InputError(f"{path}: the pelvis is {height:.2f} m high; normalised features? Undo Mean.npy and Std.npy")
    return clip_of_positions(places, HUMANML3D_FPS, path.stem)


def positions_of(features: np.ndarray) -> np.ndarray:
    """Return the joints' places (T, 22, 3) in metres, y up, of features (T, 263); the first frame faces +z."""
    yaw = np.concatenate([[0.0], np.cumsum(-2 * features[:-1, 0])])
    steps = turn_xz(yaw[1:], features[:-1, 1:3])
    ground = np.concatenate([np.zeros((1, 2)), np.cumsum(steps, axis=0)])
    local = features[:, 4:67].reshape(len(features), _JOINTS - 1, 3)
    xz = turn_xz(yaw[:, None], local[..., [0, 2]]) + ground[:, None]
    out = np.empty((len(features), _JOINTS, 3))
    out[:, 0] = np.stack([ground[:, 0], features[:, 3], ground[:, 1]], axis=-1)
    out[:, 1:] = np.stack([xz[..., 0], local[..., 1], xz[..., 1]], axis=-1)
    return out


def clip_of_positions(places: np.ndarray, fps: float, name: str) -> Clip:
    """Return a clip whose bones point where those of positions (T, 22, 3) do; SMPL's joints, y up, metres."""
    turns = _global_turns(places)
    rotations = continuous(quat.normalise(local_rotations(turns)))
    scale = _leg_length(rest_positions()[None]) / _leg_length(places)
    hips = places[:, [JOINT_INDEX["left_hip"], JOINT_INDEX["right_hip"]]].mean(axis=1)
    root = scale * hips - quat.rotate(turns[:, 0], (_REST[1] + _REST[2]) / 2)
    notes = ("rotations found from positions: approximate, no twist of hands, feet and head", f"scaled by {scale:.3f}")
    return Clip(name=name, root_m=root.astype(np.float32), rotations=rotations.astype(np.float32), fps=fps, notes=notes)


def _leg_length(places: np.ndarray) -> float:
    legs = [("left_hip", "left_knee"), ("left_knee", "left_ankle"), ("right_hip", "right_knee")]
    legs.append(("right_knee", "right_ankle"))
    lengths = [np.linalg.norm(_way(places, a, b), axis=-1).mean() for a, b in legs]
    return float(max(sum(lengths) / 2, 1e-6))


def _way(places: np.ndarray, a: str, b: str) -> np.ndarray:
    return places[:, JOINT_INDEX[b]] - places[:, JOINT_INDEX[a]]


def _global_turns(places: np.ndarray) -> np.ndarray:
    """Return global rotations (T, 55, 4): forks by all their bones, the spine by least twist, limbs by their bend."""
    out = np.zeros((len(places), JOINT_COUNT, 4))

    def put(name: str, turn: np.ndarray) -> None:
        out[:, JOINT_INDEX[name]] = turn

    def get(name: str) -> np.ndarray:
        return out[:, JOINT_INDEX[name]]

    put("pelvis", _fork(places, "pelvis", ("left_hip", "right_hip", "spine1")))
    put("spine1", _swung(places, get("pelvis"), "spine1", "spine2"))
    put("spine2", _swung(places, get("spine1"), "spine2", "spine3"))
    put("spine3", _fork(places, "spine3", ("neck", "left_collar", "right_collar")))
    put("neck", _swung(places, get("spine3"), "neck", "head"))
    put("head", get("neck"))
    for side in ("left", "right"):
        hip, knee, ankle, foot = (f"{side}_{part}" for part in ("hip", "knee", "ankle", "foot"))
        upper, lower = _limb(places, get("pelvis"), (hip, knee, ankle), _LEFT)
        put(hip, upper)
        put(knee, lower)
        put(ankle, _framed(places, ankle, foot, _LEFT, quat.rotate(lower, _LEFT)))
        put(foot, get(ankle))
        collar, shoulder, elbow, wrist = (f"{side}_{part}" for part in ("collar", "shoulder", "elbow", "wrist"))
        put(collar, _swung(places, get("spine3"), collar, shoulder))
        hinge = -_UP if side == "left" else _UP  # upper arm x forearm, when our elbow bends forward
        upper, lower = _limb(places, get(collar), (shoulder, elbow, wrist), hinge)
        put(shoulder, upper)
        put(elbow, lower)
        put(wrist, lower)
    for j in range(_JOINTS, JOINT_COUNT):
        out[:, j] = out[:, PARENTS[j]]
    return out


def _fork(places: np.ndarray, name: str, children: tuple[str, ...]) -> np.ndarray:
    """Return the turn (T, 4) that best lays the rest bones of a fork on those seen (Kabsch 1976), unit lengths."""
    seen = np.stack([_way(places, name, child) for child in children], axis=1)  # (T, N, 3)
    rest = np.stack([_REST[JOINT_INDEX[child]] for child in children])
    seen = seen / np.maximum(np.linalg.norm(seen, axis=-1, keepdims=True), 1e-9)
    rest = rest / np.linalg.norm(rest, axis=-1, keepdims=True)
    u, _, vt = np.linalg.svd(np.swapaxes(seen, 1, 2) @ rest)
    sign = np.ones((len(seen), 3))
    sign[:, 2] = np.sign(np.linalg.det(u @ vt))
    return from_matrix((u * sign[:, None]) @ vt)


def _swung(places: np.ndarray, parent: np.ndarray, name: str, child: str) -> np.ndarray:
    """Return the parent's turn, swung the short way until the bone points where it is seen."""
    rest = np.broadcast_to(_REST[JOINT_INDEX[child]], (len(places), 3))
    return quat.multiply(between(quat.rotate(parent, rest), _way(places, name, child)), parent)


def _limb(
    places: np.ndarray, parent: np.ndarray, names: tuple[str, str, str], hinge: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Return the turns of both bones of a limb; `hinge` (3,) is the axis about which its middle joint bends at rest."""
    a, b = _way(places, names[0], names[1]), _way(places, names[1], names[2])
    cross = np.cross(a, b) / np.maximum(np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1), 1e-9)[:, None]
    sine = np.linalg.norm(cross, axis=1, keepdims=True)
    carried = quat.rotate(_swung(places, parent, names[0], names[1]), hinge)
    share = np.clip((sine - _BEND_FROM) / (_BEND_TO - _BEND_FROM), 0, 1)
    axis = share * cross / np.maximum(sine, 1e-9) + (1 - share) * carried
    return _framed(places, names[0], names[1], hinge, axis), _framed(places, names[1], names[2], hinge, axis)


def _framed(places: np.ndarray, name: str, child: str, rest_axis: np.ndarray, axis: np.ndarray) -> np.ndarray:
    """Return the turn (T, 4) that points the bone where it is seen, exactly, and the rest axis towards `axis`."""
    rest = frame_of(_REST[JOINT_INDEX[child]], rest_axis)
    return from_matrix(frame_of(_way(places, name, child), axis) @ rest.T)

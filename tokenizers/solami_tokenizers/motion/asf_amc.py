"""Reader for ASF/AMC: Acclaim's skeleton file and its motion, as CMU's data base has them.

A bone turns by C R C^-1, C from its `axis` and R from its `dof` values, and ends at start + turn * direction * length.
So the pair is the same as a BVH file with a joint at each bone's start, and is retargeted as one. AMC files state no
frame rate: it must be told. Source of the rule: the Acclaim ASF/AMC format, 1995.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_tokenizers.motion.bvh import Bvh, BvhJoint, BvhLimits
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.retarget import retarget
from solami_tokenizers.motion.rotations import from_euler, to_matrix
from solami_tokenizers.motion.smplx_npz import Up

__all__ = ["find_asf", "parse_asf_amc", "read_asf_amc"]

_ROTATIONS = {"rx", "ry", "rz"}
_CHANNELS = ("Xposition", "Yposition", "Zposition", "Zrotation", "Yrotation", "Xrotation")
_LARGEST = 1e7


@dataclass(frozen=True, slots=True)
class _Bone:
    name: str
    parent: str
    offset: np.ndarray  # (3,) direction * length
    axis: np.ndarray  # (4,) C
    dof: tuple[str, ...]  # rx, ry, rz in the order of the values


def read_asf_amc(amc: Path, fps: float, asf: Path | None = None, up: Up | None = None) -> Clip:
    """Return the clip of an AMC file on our 55 joints.

    fps: the recording's frame rate; asf: the skeleton, None finds it beside the file (`find_asf`).
    Raises InputError that names the file and the fault.
    """
    return retarget(parse_asf_amc(amc, fps, asf), up)


def find_asf(amc: Path) -> Path:
    """Return the skeleton of an AMC file: the same name up to `_` (`05_01.amc`: `05.asf`), or the folder's only one."""
    found = sorted(p for p in amc.parent.glob("*") if p.suffix.lower() == ".asf")
    for stem in (amc.stem, amc.stem.split("_")[0]):
        for path in found:
            if path.stem == stem:
                return path
    if len(found) != 1:
        names = ", ".join(p.name for p in found) or "none"
        raise InputError(f"{amc}: which skeleton? Expected {amc.stem}.asf or one .asf beside it; found {names}")
    return found[0]


def parse_asf_amc(amc: Path, fps: float, asf: Path | None = None, limits: BvhLimits | None = None) -> Bvh:
    """Return skeleton and frames in the form of a parsed BVH file, in the file's units."""
    limits = limits or BvhLimits()
    if not 0 < fps <= 1000:
        raise InputError(f"{amc}: {fps} frames a second; expected 0 to 1000")
    asf = asf or find_asf(amc)
    bones, degrees = _skeleton(asf, _text(asf, limits), limits)
    index = {bone.name: i for i, bone in enumerate(bones)}
    values = _frames(amc, _text(amc, limits), bones, limits, degrees)
    count = len(values[bones[0].name])
    frames = np.zeros((count, 6 + 3 * (len(bones) - 1)))
    joints = []
    for i, bone in enumerate(bones):
        column = 0 if i == 0 else 6 + 3 * (i - 1)
        turn = _turns(bone, values[bone.name][:, 3:] if i == 0 else values[bone.name])
        if i == 0:
            frames[:, :3] = bone.offset + values[bone.name][:, :3]
        frames[:, column + (3 if i == 0 else 0) : column + (6 if i == 0 else 3)] = _zyx_degrees(turn)
        parent = index[bone.parent] if i else -1
        offset = bones[parent].offset if parent > 0 else np.zeros(3)  # a bone starts where its parent's ends
        ends = not any(other.parent == bone.name for other in bones)
        channels = _CHANNELS if i == 0 else _CHANNELS[3:]
        joints.append(BvhJoint(bone.name, parent, offset, channels, column, bone.offset if ends else None))
    return Bvh(amc, tuple(joints), frames, 1 / fps)


def _turns(bone: _Bone, angles: np.ndarray) -> np.ndarray:
    """Return C R C^-1 (T, 4) of a bone's angles (T, D) in degrees; R applies the first angle first."""
    order = "".join(name[1].upper() for name in reversed(bone.dof))
    own = from_euler(order, angles[:, ::-1])
    return quat.multiply(quat.multiply(bone.axis, own), quat.conjugate(bone.axis))


def _zyx_degrees(turn: np.ndarray) -> np.ndarray:
    """Return the angles (T, 3) about z, y, x in degrees of Rz Ry Rx."""
    m = to_matrix(turn)
    y = np.arcsin(np.clip(-m[:, 2, 0], -1, 1))
    locked = np.abs(m[:, 2, 0]) > 1 - 1e-12  # z and x turn about one axis: z takes it all
    z = np.where(locked, np.arctan2(-m[:, 0, 1], m[:, 1, 1]), np.arctan2(m[:, 1, 0], m[:, 0, 0]))
    x = np.where(locked, 0.0, np.arctan2(m[:, 2, 1], m[:, 2, 2]))
    return np.degrees(np.stack([z, y, x], axis=-1))


def _text(path: Path, limits: BvhLimits) -> str:
    try:
        if path.stat().st_size > limits.file_bytes:
            raise InputError(f"{path}: {path.stat().st_size} bytes; at most {limits.file_bytes} are read")
        return path.read_text(encoding="latin-1")  # comments hold names in any code page
    except OSError as exc:
        raise InputError(f"{path}: cannot be read: {exc.strerror or exc}") from exc


def _skeleton(path: Path, text: str, limits: BvhLimits) -> tuple[list[_Bone], bool]:
    """Return the bones, the root first and parents before children, and whether angles are degrees."""
    parts = _sections(text)
    lacking = [name for name in ("root", "bonedata", "hierarchy") if name not in parts]
    if lacking:
        raise InputError(f"{path}: has no section :{' :'.join(lacking)}; expected an ASF skeleton")
    try:
        degrees = dict(line[:2] for line in parts.get("units", []) if len(line) > 1).get("angle", "deg") == "deg"
        root = _root(path, parts["root"], degrees)
        bones = {bone.name: bone for bone in _bones(path, parts["bonedata"], degrees)}
    except (ValueError, KeyError, IndexError) as exc:
        raise InputError(f"{path}: a bone is damaged ({type(exc).__name__}: {exc}); expected ASF bone data") from exc
    if len(bones) > limits.joints:
        raise InputError(f"{path}: {len(bones)} bones; at most {limits.joints} are read")
    ordered = [root]
    for parent, *children in (line for line in parts["hierarchy"] if line[0] not in ("begin", "end")):
        for child in children:
            if child not in bones or parent not in {bone.name for bone in ordered}:
                raise InputError(f"{path}: the hierarchy hangs '{child}' from '{parent}'; one of them is not known yet")
            bone = bones.pop(child)
            ordered.append(_Bone(child, parent, bone.offset, bone.axis, bone.dof))
    return ordered, degrees


def _sections(text: str) -> dict[str, list[list[str]]]:
    """Return the words of each line by section; words on the section's own line come first."""
    found: dict[str, list[list[str]]] = {}
    lines: list[list[str]] = []
    for line in text.splitlines():
        words = line.split("#", 1)[0].split()
        if words and words[0].startswith(":"):
            lines = found.setdefault(words[0][1:].lower(), [])
            words = words[1:]
        if words:
            lines.append(words)
    return found


def _root(path: Path, lines: list[list[str]], degrees: bool) -> _Bone:
    words = {line[0].lower(): line[1:] for line in lines}
    order = tuple(word.lower() for word in words["order"])
    if order[:3] != ("tx", "ty", "tz") or set(order[3:]) != _ROTATIONS:
        raise InputError(f"{path}: the root's order is {' '.join(order)}; expected TX TY TZ and three rotations")
    turned = _angles(words.get("orientation", ["0", "0", "0"]), degrees)
    axis = _axis(words.get("axis", ["XYZ"])[0], turned)
    return _Bone("root", "", _vector(words.get("position", ["0", "0", "0"])), axis, order[3:])


def _bones(path: Path, lines: list[list[str]], degrees: bool) -> list[_Bone]:
    out: list[_Bone] = []
    words: dict[str, list[str]] = {}
    for line in lines:
        if line[0] == "begin":
            words = {}
        elif line[0] == "end":
            axis = words["axis"]
            dof = tuple(word.lower() for word in words.get("dof", []))
            if set(dof) - _ROTATIONS:
                raise InputError(f"{path}: bone '{words['name'][0]}' has dof {' '.join(dof)}; rx, ry, rz are read")
            offset = _vector(words["direction"]) * float(words["length"][0])
            turn = _axis(axis[3], _angles(axis[:3], degrees))
            out.append(_Bone(words["name"][0], "", offset, turn, dof))
        elif line[0][0].isalpha():
            words[line[0].lower()] = line[1:]
    return out


def _axis(order: str, degrees: np.ndarray) -> np.ndarray:
    """Return the turn of angles given as x, y, z and applied in the order's letters: XYZ is Rz Ry Rx."""
    picked = np.array([degrees["XYZ".index(letter)] for letter in reversed(order.upper())])
    return from_euler(order.upper()[::-1], picked)


def _vector(words: list[str]) -> np.ndarray:
    values = np.array([float(word) for word in words[:3]])
    if len(values) != 3 or not (np.abs(values) <= _LARGEST).all():
        raise ValueError(f"'{' '.join(words)}' is no place")
    return values


def _angles(words: list[str], degrees: bool) -> np.ndarray:
    return _vector(words) if degrees else np.degrees(_vector(words))


def _frames(path: Path, text: str, bones: list[_Bone], limits: BvhLimits, degrees: bool) -> dict[str, np.ndarray]:
    """Return each bone's values (T, D), angles in degrees; a bone that a frame leaves out stays at zero."""
    widths = {bone.name: len(bone.dof) + (3 if i == 0 else 0) for i, bone in enumerate(bones)}
    frames: list[dict[str, list[str]]] = []
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if not words:
            continue
        if words[0].startswith(":"):
            degrees = {":DEGREES": True, ":RADIANS": False}.get(words[0].upper(), degrees)
        elif len(words) == 1 and words[0].isdigit():
            frames.append({})
        elif not frames or len(words) - 1 != widths.get(words[0], -1):
            wanted = f"{widths[words[0]]} numbers" if words[0] in widths else "a bone of the skeleton"
            raise InputError(f"{path}: line {number}: '{line.strip()[:60]}'; expected a frame's number, then {wanted}")
        else:
            frames[-1][words[0]] = words[1:]
    if not 0 < len(frames) <= limits.frames:
        raise InputError(f"{path}: holds {len(frames)} frames; expected 1 to {limits.frames}")
    if bones[0].name not in frames[-1]:
        raise InputError(f"{path}: the last frame has no root; the file is truncated")
    out = {}
    for name, width in widths.items():
        try:
            values = np.array([frame.get(name, ["0"] * width) for frame in frames], dtype=np.float64)
        except ValueError as exc:
            raise InputError(f"{path}: '{name}' holds something that is no number ({exc})") from exc
        if values.size and not (np.abs(values) <= _LARGEST).all():
            frame = int(np.flatnonzero(~(np.abs(values) <= _LARGEST).all(axis=1))[0])
            raise InputError(f"{path}: '{name}' is not finite in frame {frame} (NaN or infinite)")
        angles = slice(3, None) if name == bones[0].name else slice(None)
        if not degrees:
            values[:, angles] = np.degrees(values[:, angles])
        out[name] = values
    return out

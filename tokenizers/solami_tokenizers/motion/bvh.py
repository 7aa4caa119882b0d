"""Parser for BVH files: the skeleton and its frames as they stand in the file, without any mapping.

Position channels replace a joint's OFFSET (they are the whole local translation), on any joint.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_tokenizers.motion.rotations import from_euler

__all__ = ["Bvh", "BvhJoint", "BvhLimits", "parse_bvh"]

_LARGEST = 1e7  # 100 km in centimetres; products of larger numbers overflow
_CHANNELS = {f"{axis}{kind}" for axis in "XYZ" for kind in ("position", "rotation")}


@dataclass(frozen=True, slots=True)
class BvhLimits:
    """What a file may hold. 200,000 frames are 28 minutes at 120 frames a second."""

    file_bytes: int = 256 << 20
    joints: int = 512
    frames: int = 200_000


@dataclass(frozen=True, slots=True)
class BvhJoint:
    """One joint: index of its parent (-1 for a root), OFFSET, channel names, and its first column in the frames."""

    name: str
    parent: int
    offset: np.ndarray
    channels: tuple[str, ...]
    column: int
    end: np.ndarray | None = None
    """OFFSET of its End Site, where it has one."""


@dataclass(frozen=True, slots=True)
class Bvh:
    """A parsed file: joints (parents first) and frames (T, C) float64 in the file's own units."""

    path: Path
    joints: tuple[BvhJoint, ...]
    frames: np.ndarray
    frame_s: float

    def forward(self) -> tuple[np.ndarray, np.ndarray]:
        """Return global positions (T, J, 3) and rotations (T, J, 4) in the file's axes and units."""
        count, joints = len(self.frames), len(self.joints)
        places = np.zeros((count, joints, 3))
        turns = np.zeros((count, joints, 4))
        for j, joint in enumerate(self.joints):
            move, turn = self._local(joint)
            if joint.parent < 0:
                places[:, j], turns[:, j] = move, turn
            else:
                places[:, j] = places[:, joint.parent] + quat.rotate(turns[:, joint.parent], move)
                turns[:, j] = quat.multiply(turns[:, joint.parent], turn)
        return places, turns

    def _local(self, joint: BvhJoint) -> tuple[np.ndarray, np.ndarray]:
        move = np.tile(joint.offset, (len(self.frames), 1))
        order, columns = "", []
        for i, channel in enumerate(joint.channels):
            if channel.endswith("position"):
                move[:, "XYZ".index(channel[0])] = self.frames[:, joint.column + i]
            else:
                order += channel[0]
                columns.append(joint.column + i)
        return move, from_euler(order, self.frames[:, columns])


def parse_bvh(path: Path, limits: BvhLimits | None = None) -> Bvh:
    """Return the parsed file. Raises InputError that names the file, the place and what was expected there."""
    limits = limits or BvhLimits()
    try:
        if path.stat().st_size > limits.file_bytes:
            raise InputError(f"{path}: {path.stat().st_size} bytes; at most {limits.file_bytes} are read")
        text = path.read_text(encoding="utf-8-sig")
    except OSError as exc:
        raise InputError(f"{path}: cannot be read: {exc.strerror or exc}") from exc
    except UnicodeDecodeError as exc:
        raise InputError(f"{path}: not a text file; expected BVH, which starts with HIERARCHY") from exc
    head, found, body = text.partition("MOTION")
    if not head.lstrip().startswith("HIERARCHY"):
        raise InputError(f"{path}: does not start with HIERARCHY; expected a BVH file")
    if not found:
        raise InputError(f"{path}: has no MOTION section; the file is truncated")
    joints = _Hierarchy(path, head, limits).joints()
    frames, frame_s = _motion(path, body, sum(len(j.channels) for j in joints), limits)
    return Bvh(path, joints, frames, frame_s)


class _Hierarchy:
    """Reads the tokens of the HIERARCHY section into joints."""

    def __init__(self, path: Path, text: str, limits: BvhLimits) -> None:
        self._path = path
        self._limits = limits
        self._tokens: Iterator[str] = iter(text.split()[1:])
        self._joints: list[BvhJoint] = []
        self._column = 0

    def joints(self) -> tuple[BvhJoint, ...]:
        stack: list[int] = []
        for token in self._tokens:
            match token.upper():
                case "ROOT" | "JOINT":
                    stack.append(self._joint(stack[-1] if stack else -1))
                case "END":
                    self._end_site(stack)
                case "}" if stack:
                    stack.pop()
                case _:
                    raise self._fault(f"unexpected '{token}' in the hierarchy; expected JOINT, End Site or '}}'")
        if stack:
            raise self._fault(f"the hierarchy ends inside joint '{self._joints[stack[-1]].name}'; it is truncated")
        if not self._joints:
            raise self._fault("the hierarchy holds no joints")
        return tuple(self._joints)

    def _joint(self, parent: int) -> int:
        words = []
        while (token := self._next()) != "{":  # names may hold spaces
            words.append(token)
        name = " ".join(words)
        self._expect("OFFSET", name)
        offset = self._vector(name)
        self._expect("CHANNELS", name)
        count = int(self._number(name))
        channels = tuple(self._next() for _ in range(max(0, min(count, 7))))
        if not 0 <= count <= 6 or set(channels) - _CHANNELS or len(set(channels)) != count:
            raise self._fault(f"joint '{name}' has channels {count} {' '.join(channels)}; expected 3 or 6 known names")
        if len(self._joints) >= self._limits.joints:
            raise self._fault(f"more than {self._limits.joints} joints")
        self._joints.append(BvhJoint(name, parent, offset, channels, self._column))
        self._column += count
        return len(self._joints) - 1

    def _end_site(self, stack: list[int]) -> None:
        name = self._joints[stack[-1]].name if stack else "End Site"
        self._expect("SITE", name)
        self._expect("{", name)
        self._expect("OFFSET", name)
        end = self._vector(name)
        self._expect("}", name)
        if not stack:
            raise self._fault("an End Site stands outside of any joint")
        j = self._joints[stack[-1]]
        self._joints[stack[-1]] = BvhJoint(j.name, j.parent, j.offset, j.channels, j.column, end)

    def _next(self) -> str:
        token = next(self._tokens, None)
        if token is None:
            raise self._fault("the hierarchy ends too early; it is truncated")
        return token

    def _expect(self, word: str, joint: str) -> None:
        token = self._next()
        if token.upper() != word:
            raise self._fault(f"'{token}' in joint '{joint}'; expected {word}")

    def _number(self, joint: str) -> float:
        token = self._next()
        try:
            value = float(token)
        except ValueError:
            value = np.nan
        if not abs(value) <= _LARGEST:  # also NaN
            raise self._fault(f"'{token}' in joint '{joint}'; expected a number up to {_LARGEST:g}")
        return value

    def _vector(self, joint: str) -> np.ndarray:
        return np.array([self._number(joint) for _ in range(3)])

    def _fault(self, what: str) -> InputError:
        return InputError(f"{self._path}: {what}")


def _motion(path: Path, text: str, columns: int, limits: BvhLimits) -> tuple[np.ndarray, float]:
    """Return frames (T, columns) and the frame time in seconds."""
    head = text.split(maxsplit=5)[:5]
    try:
        frames_word, count_text, frame_word, time_word, time_text = head
        count, frame_s = int(count_text), float(time_text)
    except ValueError as exc:
        raise InputError(f"{path}: after MOTION stands '{' '.join(head)}'; expected Frames: N, Frame Time: S") from exc
    if (frames_word, frame_word, time_word) != ("Frames:", "Frame", "Time:") or not 0.001 <= frame_s <= 10:
        raise InputError(f"{path}: after MOTION stands '{' '.join(head)}'; expected Frames: N and Frame Time: S > 0")
    if not 0 < count <= limits.frames:
        raise InputError(f"{path}: claims {count} frames; expected 1 to {limits.frames}")
    words = text.split()[5:]
    if len(words) != count * columns:
        whole = len(words) / max(columns, 1)
        fault = "the file is truncated" if len(words) < count * columns else "the header does not fit the data"
        raise InputError(f"{path}: claims {count} frames of {columns} numbers but holds {whole:g} frames; {fault}")
    try:
        values = np.array(words, dtype=np.float64)
    except ValueError as exc:
        raise InputError(f"{path}: the frames hold something that is no number ({exc})") from exc
    values = values.reshape(count, columns)
    if not np.isfinite(values).all():
        frame = int(np.flatnonzero(~np.isfinite(values).all(axis=1))[0])
        raise InputError(f"{path}: not finite in frame {frame} (NaN or infinite)")
    if values.size and np.abs(values).max() > _LARGEST:
        raise InputError(f"{path}: the frames reach {np.abs(values).max():g}; expected degrees and places")
    return values, frame_s

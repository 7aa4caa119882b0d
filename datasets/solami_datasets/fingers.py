"""Finger tracks for recordings of bodies without fingers: made from Leap recordings of other hands, and said to be so.

A track strings together pieces of recorded finger motion that suit what the body does (open hands for waving, closed
ones for running), within the limits of joints, each hand by itself. Angles of a hand, 25 numbers: four fingers
(index, middle, little, ring) of spread and three curls, then the thumb's three turns as rotation vectors.
"""

import zipfile
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from solami_protocol import quaternions as quat
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS, JOINT_INDEX, REST_OFFSETS
from solami_tokenizers.motion.features import HAND_WIDTH
from solami_tokenizers.motion.npz_header import Limits, read_arrays
from solami_tokenizers.motion.rotations import between, to_rot6d

__all__ = ["FingerLibrary", "load_fingers"]

HAND_ANGLES = 25
# which recordings show hands of a kind
_KINDS: dict[str, tuple[str, ...]] = {
    "relaxed": ("Waiting-110fps", "brian", "rollAndPitchWithEntry", "confidence-74fps"),
    "open": ("HandSplay-110fps", "wave", "three-claps", "flapping"),
    "closed": ("grab", "test-paddle-rightwards", "confidence2"),
    "lively": ("confidence-demo", "confidence-74fps", "brian", "pinch", "three-claps"),
    "point": ("gun", "brian", "Waiting-110fps"),
}
# the first word that is part of a content's name decides
_OF_CONTENT: tuple[tuple[str, str], ...] = (
    ("wave", "open"), ("bye", "open"), ("raise", "open"), ("clap", "open"), ("guide", "point"), ("call", "lively"),
    ("respond", "lively"), ("run", "closed"), ("dash", "closed"), ("punch", "closed"), ("kick", "closed"),
    ("slash", "closed"), ("dance", "lively"),
)  # fmt: skip
# degrees; spread, then the three curls. Source: ranges of healthy hands, Hume et al. 1990, rounded outwards.
_LEAST = np.radians([-18.0, -15.0, -2.0, -5.0])
_MOST = np.radians([18.0, 95.0, 108.0, 80.0])
_MOST_THUMB_RAD = np.radians([50.0, 55.0, 80.0])
_SPREADS, _MIDDLE_SPREAD = slice(0, 16, 4), 4
_LEAP_FINGERS = (1, 2, 4, 3, 0)  # Leap: thumb to little; ours: index, middle, little, ring, thumb
_FLAT_CURL_RAD = np.radians(9.0)  # a flat hand's knuckles read so against Leap's palm direction (HandSplay, wave)
_PIECE_S, _BLEND_S = (0.8, 2.6), (0.35, 0.7)
_SMOOTH_FRAMES = 1.5
_LIMITS = Limits(arrays=1024)


@dataclass(frozen=True)
class FingerLibrary:
    """Recorded finger motion at 30 frames a second by kind of hand; all as left hands."""

    pieces: dict[str, list[np.ndarray]]
    """Kind -> recordings (T, 25)."""

    def track(self, content: str, frames: int, seed: int) -> np.ndarray:
        """Return finger features (T, 180) float32, left hand first, for a body that does `content`."""
        kind = next((kind for word, kind in _OF_CONTENT if word in content), "relaxed")
        rng = np.random.default_rng([seed, 0xF1A6])
        hands = [_rotations(self._angles(kind, frames, rng)) for _ in range(2)]
        right = hands[1] * np.array([1, -1, -1, 1])
        both = np.concatenate([hands[0], right], axis=1)  # (T, 30, 4)
        return to_rot6d(both).reshape(frames, HAND_WIDTH).astype(np.float32)

    def _angles(self, kind: str, frames: int, rng: np.random.Generator) -> np.ndarray:
        """Return angles (T, 25): pieces of recordings, faded into one another, smoothed, within the limits."""
        out = self._piece(kind, rng)
        while len(out) < frames:
            following = self._piece(kind, rng)
            fade = int(min(rng.uniform(*_BLEND_S) * FPS, len(out), len(following)))
            share = np.arange(1, fade + 1)[:, None] / (fade + 1)
            share = share**3 * (10 - 15 * share + 6 * share**2)  # minimum jerk
            joined = (1 - share) * out[-fade:] + share * following[:fade]
            out = np.concatenate([out[:-fade], joined, following[fade:]])
        return limited(_smooth(out)[:frames])

    def _piece(self, kind: str, rng: np.random.Generator) -> np.ndarray:
        source = self.pieces[kind][int(rng.integers(len(self.pieces[kind])))]
        length = int(min(rng.uniform(*_PIECE_S) * FPS, len(source)))
        start = int(rng.integers(len(source) - length + 1))
        piece = source[start : start + length]
        return piece[::-1] if rng.random() < 0.5 else piece


@lru_cache(maxsize=2)
def load_fingers(path: Path) -> FingerLibrary:
    """Return the library of `leap_hands.npz`. Raises InputError that names the file and what is missing."""
    names = sorted({name for group in _KINDS.values() for name in group})
    try:
        with zipfile.ZipFile(path):
            pass
    except (OSError, zipfile.BadZipFile) as exc:
        raise InputError(f"{path}: not an npz file ({exc}); expected leap_hands.npz") from exc
    wanted = {
        f"{name}/{part}" for name in names for part in ("t_us", "valid", "palm_normal", "palm_direction", "joints")
    }
    arrays = read_arrays(path, wanted, _LIMITS)
    missing = sorted(wanted - set(arrays))
    if missing:
        raise InputError(f"{path}: has no array '{missing[0]}'; expected leap_hands.npz")
    hands = {name: _recording(arrays, name) for name in names}
    pieces = {kind: [hand for name in group for hand in hands[name]] for kind, group in _KINDS.items()}
    return FingerLibrary({kind: _calm(kind, found) for kind, found in pieces.items()})


def _calm(kind: str, pieces: list[np.ndarray]) -> list[np.ndarray]:
    """Keep of recordings that show several kinds of hands the stretches of this one, by the mean curl."""
    if kind not in ("open", "closed"):
        return pieces
    out = []
    for piece in pieces:
        bent = piece[:, :16].reshape(-1, 4, 4)[:, :, 1:].mean(axis=(1, 2)) > np.radians(
            40.0 if kind == "closed" else 22.0
        )
        fits = bent if kind == "closed" else ~bent
        edges = np.flatnonzero(np.diff(np.concatenate([[0], fits.astype(int), [0]])))
        out += [piece[a:b] for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= FPS // 2]
    return out or pieces


def _recording(arrays: dict[str, np.ndarray], name: str) -> list[np.ndarray]:
    """Return the longest stretch of each hand that is seen, as angles (T, 25) at 30 frames a second."""
    seconds = arrays[f"{name}/t_us"].astype(np.float64) / 1e6
    out = []
    for slot in (0, 1):
        seen = np.flatnonzero(arrays[f"{name}/valid"][:, slot])
        if len(seen) < 30:
            continue
        stretch = max(np.split(seen, np.flatnonzero(np.diff(seen) > 1) + 1), key=len)
        parts = [arrays[f"{name}/{part}"][stretch, slot].astype(np.float64) for part in _PARTS]
        angles = _angles(*parts, right=slot == 1)
        angles[:, _SPREADS] -= angles[:, _MIDDLE_SPREAD].mean()  # Leap's palm points a little past the little finger
        angles = limited(angles)
        at = seconds[stretch]
        times = np.arange(at[0], at[-1], 1 / FPS)
        if len(times) >= FPS // 2:
            out.append(_smooth(np.stack([np.interp(times, at, column) for column in angles.T], axis=-1)))
    return out


_PARTS = ("palm_direction", "palm_normal", "joints")


def _angles(direction: np.ndarray, normal: np.ndarray, joints: np.ndarray, *, right: bool) -> np.ndarray:
    """Return the angles (T, 25) of hands seen by Leap; right hands come out as their mirror image.

    direction, normal (T, 3); joints (T, 5, 4, 3). In our T-pose a left hand points along x, its back up along y, the
    index on the side of z.
    """
    back = -normal
    across = np.cross(direction, back) * (-1 if right else 1)
    frame = np.stack([direction, back, across], axis=-2)  # rows: a hand's x, y, z in the world
    bones = np.diff(joints, axis=2)[:, list(_LEAP_FINGERS)]  # (T, 5, 3 bones, 3)
    bones = np.einsum("tij,tfbj->tfbi", frame, bones)
    bones /= np.maximum(np.linalg.norm(bones, axis=-1, keepdims=True), 1e-9)
    out = np.zeros((len(joints), HAND_ANGLES))
    fingers = bones[:, :4]
    curl = np.arctan2(-fingers[..., 1], np.hypot(fingers[..., 0], fingers[..., 2]) * np.sign(fingers[..., 0]))
    spread = np.arcsin(np.clip(fingers[:, :, 0, 2], -1, 1))
    grid = out[:, :16].reshape(-1, 4, 4)
    grid[..., 0] = np.where(np.abs(curl[..., 0]) < np.radians(60), spread, 0)  # a fist has no spread
    grid[..., 1] = curl[..., 0] - _FLAT_CURL_RAD
    grid[..., 2:] = np.diff(np.unwrap(curl, axis=-1), axis=-1)
    out[:, 16:] = _thumb(bones[:, 4]).reshape(-1, 9)
    return out


def _thumb(bones: np.ndarray) -> np.ndarray:
    """Return rotation vectors (T, 3, 3) that swing our thumb's bones to those seen, joint by joint."""
    first = JOINT_INDEX["left_thumb1"]
    rest = [REST_OFFSETS[first + 1], REST_OFFSETS[first + 2], REST_OFFSETS[first + 2]]
    above = np.tile(quat.IDENTITY.astype(np.float64), (len(bones), 1))
    out = []
    for i, bone in enumerate(rest):
        here = np.broadcast_to(bone.astype(np.float64), (len(bones), 3))
        swing = between(here, quat.rotate(quat.conjugate(above), bones[:, i]))
        out.append(quat.to_rotvec(swing))
        above = quat.multiply(above, swing)
    return np.stack(out, axis=1)


def limited(angles: np.ndarray) -> np.ndarray:
    """Return angles (T, 25) within the limits of joints."""
    out = angles.copy()
    out[:, :16] = np.clip(angles[:, :16].reshape(-1, 4, 4), _LEAST, _MOST).reshape(-1, 16)
    thumb = angles[:, 16:].reshape(-1, 3, 3)
    size = np.linalg.norm(thumb, axis=-1)
    scale = np.minimum(1, _MOST_THUMB_RAD / np.maximum(size, 1e-9))
    out[:, 16:] = (thumb * scale[..., None]).reshape(-1, 9)
    return out


def _smooth(angles: np.ndarray) -> np.ndarray:
    """Return angles after a Gaussian window over time; the ends are held."""
    reach = int(np.ceil(3 * _SMOOTH_FRAMES))
    window = np.exp(-0.5 * (np.arange(-reach, reach + 1) / _SMOOTH_FRAMES) ** 2)
    padded = np.concatenate([np.repeat(angles[:1], reach, axis=0), angles, np.repeat(angles[-1:], reach, axis=0)])
    window /= window.sum()
    return np.stack([np.convolve(column, window, mode="valid") for column in padded.T], axis=-1)


def _rotations(angles: np.ndarray) -> np.ndarray:
    """Return local rotations (T, 15, 4) of a left hand's finger joints."""
    grid = angles[:, :16].reshape(-1, 4, 4)
    bend = quat.from_rotvec(grid[..., 1:, None] * np.array([0.0, 0.0, -1.0]))  # (T, 4, 3, 4)
    spread = quat.from_rotvec(grid[..., :1] * np.array([0.0, -1.0, 0.0]))  # towards the index, which lies at +z
    bend[:, :, 0] = quat.multiply(spread, bend[:, :, 0])
    thumb = quat.from_rotvec(angles[:, 16:].reshape(-1, 3, 3))
    return np.concatenate([bend.reshape(len(angles), 12, 4), thumb], axis=1)

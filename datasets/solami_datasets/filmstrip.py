"""A clip as a strip of pictures: the body from the front and the side, and both hands, drawn as sticks.

Pictures are made with numpy alone and written as PNG, so that a check needs neither a browser nor a drawing library.
The left side is drawn in red, the right in blue; frames that do not count have a grey ground.
"""

import struct
import zlib
from pathlib import Path

import numpy as np

from solami_protocol.skeleton import JOINT_COUNT, JOINTS, PARENTS
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.heading import heading, turn_xz
from solami_tokenizers.motion.kinematics import forward

__all__ = ["film_strip", "stacked", "write_png"]

CELL_W, CELL_H, HAND_H = 150, 260, 130
_SCALE = 120.0  # pixels a metre
_HAND_SCALE = 420.0
_FINGERS = 25
_PAPER, _GREY, _FLOOR = (255, 255, 255), (222, 222, 222), (170, 170, 170)
_COLOURS = {"left": (208, 58, 44), "right": (40, 96, 196), "": (48, 48, 48)}


def film_strip(clip: Clip, count: int = 12, valid: np.ndarray | None = None) -> np.ndarray:
    """Return a picture (H, W, 3) uint8 of `count` moments spread evenly over the clip.

    Rows: from the front (of the heading in each moment), from the body's left, left hand, right hand (both only where
    fingers move).
    """
    frames = np.unique(np.linspace(0, clip.frames - 1, min(count, clip.frames)).round().astype(int))
    places = forward(clip.root_m, clip.rotations)[0].astype(np.float64)
    yaw = heading(clip.rotations[:, 0])
    fingers = clip.rotations[:, _FINGERS:]
    with_hands = bool(np.abs(fingers - fingers[:1]).max() > 1e-3)
    columns = []
    for frame in frames:
        paper = _PAPER if valid is None or valid[frame] else _GREY
        columns.append(_column(places[frame], float(yaw[frame]), paper, with_hands))
    return np.concatenate(columns, axis=1)


def stacked(images: list[np.ndarray]) -> np.ndarray:
    """Return pictures (H, W, 3) one below the other, the narrower ones filled up with white."""
    width = max(image.shape[1] for image in images)
    filled = [np.pad(i, ((0, 0), (0, width - i.shape[1]), (0, 0)), constant_values=255) for i in images]
    return np.concatenate(filled)


def _column(places: np.ndarray, yaw: float, paper: tuple[int, int, int], with_hands: bool) -> np.ndarray:
    """Return one moment, (H, CELL_W, 3): the body turned so that it faces the viewer, then sideways, then hands."""
    own = places.copy()
    own[:, [0, 2]] = turn_xz(np.array(-yaw), places[:, [0, 2]] - places[0, [0, 2]])
    # the viewer stands in front: the body's left is on the right of the picture
    front = _body(own[:, [0, 1]], own[:, 2], paper)
    side = _body(np.stack([own[:, 2], own[:, 1]], axis=-1), own[:, 0], paper)
    hands = [_hand(own, name, paper) for name in ("left", "right") if with_hands]
    return np.concatenate([front, side, *hands])


def _body(flat_m: np.ndarray, depth: np.ndarray, paper: tuple[int, int, int]) -> np.ndarray:
    image = np.full((CELL_H, CELL_W, 3), paper, dtype=np.float64)
    floor = CELL_H - 20
    image[floor : floor + 1] = _FLOOR
    pixels = np.stack([CELL_W / 2 + flat_m[:, 0] * _SCALE, floor - flat_m[:, 1] * _SCALE], axis=-1)
    bones = [j for j in range(1, JOINT_COUNT) if j < 22 or j >= _FINGERS]
    for j in sorted(bones, key=lambda j: depth[j]):  # the far ones first
        _line(image, pixels[PARENTS[j]], pixels[j], _colour(j), 2.2 if j < 22 else 0.9)
    head = pixels[JOINTS.index("head")]
    _line(image, head, head - np.array([0, 0.1 * _SCALE]), _COLOURS[""], 7.0)
    return image.round().astype(np.uint8)


def _hand(own: np.ndarray, side: str, paper: tuple[int, int, int]) -> np.ndarray:
    """Return a hand as seen across its bones: forearm towards the viewer's bottom, its widest plane in the picture."""
    image = np.full((HAND_H, CELL_W, 3), paper, dtype=np.float64)
    first = _FINGERS + (0 if side == "left" else 15)
    wrist, joints = JOINTS.index(f"{side}_wrist"), list(range(first, first + 15))
    middle, index, pinky = (own[JOINTS.index(f"{side}_{f}1")] - own[wrist] for f in ("middle", "index", "pinky"))
    along = middle / max(float(np.linalg.norm(middle)), 1e-9)
    across = index - pinky
    across = across - (across @ along) * along
    across = across / max(float(np.linalg.norm(across)), 1e-9)
    # a little from the side, so that curled fingers show
    across = across + 0.45 * np.cross(along, across)
    way = own - own[wrist]
    pixels = np.stack([CELL_W / 2 + way @ across * _HAND_SCALE, HAND_H - 25 - way @ along * _HAND_SCALE], axis=-1)
    for j in joints:
        _line(image, pixels[PARENTS[j]], pixels[j], _COLOURS[side], 1.8)
        if (j - first) % 3 == 2:  # fingertips are no joints: as long again as two thirds of the last bone
            tip = pixels[j] + (pixels[j] - pixels[j - 1]) * 0.7
            _line(image, pixels[j], tip, _COLOURS[side], 1.3)
    return image.round().astype(np.uint8)


def _colour(joint: int) -> tuple[int, int, int]:
    return _COLOURS[JOINTS[joint].split("_")[0] if JOINTS[joint].startswith(("left_", "right_")) else ""]


def _line(image: np.ndarray, a: np.ndarray, b: np.ndarray, colour: tuple[int, int, int], radius: float) -> None:
    """Draw a line with round ends into an image (H, W, 3), in place, with soft edges."""
    reach = radius + 1.5
    low = np.maximum(np.floor(np.minimum(a, b) - reach).astype(int), 0)
    high = np.minimum(np.ceil(np.maximum(a, b) + reach).astype(int) + 1, [image.shape[1], image.shape[0]])
    if (high <= low).any():
        return
    x, y = np.meshgrid(np.arange(low[0], high[0]), np.arange(low[1], high[1]))
    way = b - a
    share = np.clip(((x - a[0]) * way[0] + (y - a[1]) * way[1]) / max(float(way @ way), 1e-9), 0, 1)
    away = np.hypot(x - a[0] - share * way[0], y - a[1] - share * way[1])
    cover = np.clip(radius + 0.5 - away, 0, 1)[..., None]
    part = image[low[1] : high[1], low[0] : high[0]]
    part[:] = (1 - cover) * part + cover * np.array(colour)


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a picture (H, W, 3) uint8 as PNG. Source of the format: W3C PNG specification, 2003."""
    height, width, _ = image.shape
    rows = np.concatenate([np.zeros((height, 1), np.uint8), image.reshape(height, width * 3)], axis=1)
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (b"IHDR", header), (b"IDAT", zlib.compress(rows.tobytes(), 6)), (b"IEND", b"")
    data = b"".join(struct.pack(">I", len(c)) + n + c + struct.pack(">I", zlib.crc32(n + c)) for n, c in chunks)
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + data)

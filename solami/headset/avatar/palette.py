"""All colours of a character as one small picture, for programs that do not draw vertex colours (most VRM programs).

A column is a swatch, a row how dark its shade is; a vertex points at the middle of its texel.
"""

import struct
import zlib

import numpy as np

from solami.headset.avatar.look import SWATCHES, Look

__all__ = ["SHADES", "palette_png", "palette_uv"]

SHADES = 32
_DARKEST = 0.4
_COLUMNS: dict[str, int] = {name: i for i, name in enumerate(sorted(SWATCHES))}
_WIDTH = 1 << (len(_COLUMNS) - 1).bit_length()  # a power of two, which old renderers ask for


def palette_uv(swatches: list[str], shade: np.ndarray) -> np.ndarray:
    """Return (V, 2) where in the picture a vertex of each swatch, darkened to `shade` (V,), finds its colour."""
    u = (np.array([_COLUMNS[name] for name in swatches]) + 0.5) / _WIDTH
    row = (1 - np.clip(shade, _DARKEST, 1)) / (1 - _DARKEST) * (SHADES - 1)
    return np.stack([u, (row + 0.5) / SHADES], 1)


def palette_png(look: Look) -> bytes:
    """Return the picture as PNG: `SHADES` rows, a column a swatch."""
    rows = np.linspace(1, _DARKEST, SHADES)[:, None, None]
    colours = np.zeros((1, _WIDTH, 3))
    colours[0, : len(_COLUMNS)] = [look.srgb(name) for name in _COLUMNS]
    return _png(np.rint(rows * colours * 255).astype(np.uint8))


def _png(pixels: np.ndarray) -> bytes:
    """Return (H, W, 3) bytes as PNG. Source: W3C PNG specification, 5.6 and 11.2."""
    height, width = pixels.shape[:2]
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(lines, 9)) + chunk(b"IEND", b"")

"""Smallest-three packing of unit quaternions: the largest component is left out and rebuilt.

The three others lie within +-1/sqrt(2) and are quantised to 15 bits (48-bit codec, error below 0.008 degrees) or
10 bits (32-bit codec, error below 0.25 degrees). Layout, from the least significant bit: a, b, c (the components in
order x y z w without the largest), then 2 bits with the index of the largest; the 48-bit form leaves one bit unused.
Source of the method: Glenn Fiedler, "Snapshot Compression" (2015).
"""

import numpy as np

__all__ = ["pack32", "pack48", "unpack32", "unpack48"]

_LIMIT = 1 / np.sqrt(2)
_OTHERS = np.array([[1, 2, 3], [0, 2, 3], [0, 1, 3], [0, 1, 2]])


def _pack(q: np.ndarray, bits: int) -> np.ndarray:
    q = np.asarray(q, dtype=np.float64)
    largest = np.argmax(np.abs(q), axis=-1)
    sign = np.where(np.take_along_axis(q, largest[..., None], -1) < 0, -1.0, 1.0)
    rest = np.take_along_axis(q * sign, _OTHERS[largest], -1)
    top = (1 << bits) - 1
    level = np.round((np.clip(rest, -_LIMIT, _LIMIT) / _LIMIT + 1) / 2 * top).astype(np.uint64)
    a, b, c = np.moveaxis(level, -1, 0)
    shift = np.uint64(bits)
    return a | b << shift | c << shift * np.uint64(2) | largest.astype(np.uint64) << shift * np.uint64(3)


def _unpack(word: np.ndarray, bits: int) -> np.ndarray:
    top = np.uint64((1 << bits) - 1)
    shift = np.uint64(bits)
    level = np.stack([word & top, word >> shift & top, word >> shift * np.uint64(2) & top], axis=-1)
    largest = (word >> shift * np.uint64(3) & np.uint64(3)).astype(np.int64)
    rest = (level.astype(np.float64) / float(top) * 2 - 1) * _LIMIT
    out = np.zeros((*word.shape, 4))
    np.put_along_axis(out, _OTHERS[largest], rest, -1)
    missing = np.sqrt(np.maximum(0, 1 - np.sum(rest**2, axis=-1, keepdims=True)))
    np.put_along_axis(out, largest[..., None], missing, -1)
    return (out / np.linalg.norm(out, axis=-1, keepdims=True)).astype(np.float32)


def pack48(q: np.ndarray) -> np.ndarray:
    """Return (..., 6) uint8 of unit quaternions (..., 4) x y z w."""
    word = np.ascontiguousarray(_pack(q, 15).astype("<u8"))
    return np.ascontiguousarray(word[..., None].view(np.uint8)[..., :6])


def unpack48(packed: np.ndarray) -> np.ndarray:
    """Return (..., 4) float32 unit quaternions of (..., 6) uint8; any bytes give a unit quaternion."""
    wide = np.zeros((*packed.shape[:-1], 8), np.uint8)
    wide[..., :6] = packed
    return _unpack(wide.view("<u8")[..., 0] & np.uint64((1 << 47) - 1), 15)


def pack32(q: np.ndarray) -> np.ndarray:
    """Return (..., 4) uint8 of unit quaternions (..., 4) x y z w."""
    word = np.ascontiguousarray(_pack(q, 10).astype("<u4"))
    return word[..., None].view(np.uint8)


def unpack32(packed: np.ndarray) -> np.ndarray:
    """Return (..., 4) float32 unit quaternions of (..., 4) uint8; any bytes give a unit quaternion."""
    word = np.ascontiguousarray(packed).view("<u4")[..., 0].astype(np.uint64)
    return _unpack(word, 10)

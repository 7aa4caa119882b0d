"""Clips as rows of Parquet files: what one row holds, and writing and reading them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from solami_protocol.errors import InputError, MissingExtra
from solami_tokenizers.motion.features import BODY_WIDTH, HAND_WIDTH
from solami_tokenizers.motion.relative import RELATIVE_WIDTH

try:
    import pyarrow as pa
    import pyarrow.parquet as pq
except ImportError as exc:
    raise MissingExtra(
        "collections of motion need pyarrow: pip install 'solami[train]'. Single files can be read without it"
    ) from exc

__all__ = ["COLUMNS", "Row", "read_rows", "write_rows"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One clip of a collection at 30 frames a second."""

    name: str
    """`source/file`, or `source/file/P1` of a pair."""
    source: str
    licence: str
    split: str
    take: str
    labels: Mapping[str, str] = field(default_factory=dict)
    captions: Sequence[str] = ()
    captions_from: str = "none"
    """`template`, `given` or `none`."""
    body_from: str = "recorded"
    """`recorded` or `authored`."""
    hands_from: str = "none"
    """`recorded`, `authored` or `none`."""
    partner: str = ""
    """Name of the other person's clip."""
    partner_from: str = "none"
    """`recorded`, `authored` or `none`."""
    notes: Sequence[str] = ()
    """What the reader did to the file."""
    body: np.ndarray
    """(T, 136) float32, see `solami_tokenizers.motion.features`."""
    contacts: np.ndarray
    """(T, 4) uint8, feet on the floor."""
    valid: np.ndarray
    """(T,) bool, frames that count."""
    hands: np.ndarray | None = None
    """(T, 180) float32."""
    relative: np.ndarray | None = None
    """(T, 5) float32, the partner seen by this person."""


_TEXT, _FRAMES = pa.string(), pa.int32()
_SCHEMA = pa.schema(
    [
        ("name", _TEXT),
        ("source", _TEXT),
        ("licence", _TEXT),
        ("split", _TEXT),
        ("take", _TEXT),
        ("labels", pa.map_(_TEXT, _TEXT)),
        ("captions", pa.list_(_TEXT)),
        ("captions_from", _TEXT),
        ("body_from", _TEXT),
        ("hands_from", _TEXT),
        ("partner", _TEXT),
        ("partner_from", _TEXT),
        ("notes", pa.list_(_TEXT)),
        ("frames", _FRAMES),
        ("body", pa.list_(pa.list_(pa.float32(), BODY_WIDTH))),
        ("contacts", pa.list_(pa.list_(pa.uint8(), 4))),
        ("valid", pa.list_(pa.bool_())),
        ("hands", pa.list_(pa.list_(pa.float32(), HAND_WIDTH))),
        ("relative", pa.list_(pa.list_(pa.float32(), RELATIVE_WIDTH))),
    ]
)
COLUMNS: tuple[str, ...] = tuple(_SCHEMA.names)
_ARRAYS = {"body": BODY_WIDTH, "contacts": 4, "valid": 0, "hands": HAND_WIDTH, "relative": RELATIVE_WIDTH}


def write_rows(path: Path, rows: Sequence[Row]) -> None:
    """Write rows as one Parquet file (zstd), whole or not at all; the same rows give the same bytes."""
    columns: dict[str, pa.Array] = {}
    for column in _SCHEMA:
        if column.name in _ARRAYS:
            columns[column.name] = _array([getattr(row, column.name) for row in rows], column.type)
        elif column.name == "frames":
            columns["frames"] = pa.array([len(row.body) for row in rows], _FRAMES)
        else:
            values = [getattr(row, column.name) for row in rows]
            if column.name == "labels":
                values = [sorted(value.items()) for value in values]
            columns[column.name] = pa.array(values, column.type)
    temporary = path.with_name(path.name + ".part")
    pq.write_table(pa.table(columns, schema=_SCHEMA), temporary, compression="zstd")
    temporary.replace(path)


def _array(values: list[np.ndarray | None], kind: pa.ListType) -> pa.Array:
    """Return a list column of arrays (T, W) or (T,); None becomes null."""
    lengths = [0 if value is None else len(value) for value in values]
    offsets = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32)
    present = [value for value in values if value is not None]
    inner = kind.value_type
    if pa.types.is_fixed_size_list(inner):
        flat = np.concatenate(present).reshape(-1) if present else np.zeros(0)
        items = pa.FixedSizeListArray.from_arrays(pa.array(flat, inner.value_type), inner.list_size)
    else:
        items = pa.array(np.concatenate(present) if present else [], inner)
    mask = pa.array([value is None for value in values])
    return pa.ListArray.from_arrays(pa.array(offsets, pa.int32()), items, mask=mask)


def read_rows(paths: Iterable[Path], columns: Sequence[str] = COLUMNS) -> Iterator[dict[str, object]]:
    """Yield rows as dicts of the chosen columns, arrays as numpy (T, W); one file in memory at a time.

    Raises InputError that names a file which is damaged or holds something else.
    """
    for path in paths:
        try:
            table = pq.read_table(path, columns=list(columns))
        except (OSError, pa.ArrowException, ValueError) as exc:
            raise InputError(f"{path}: not a shard of a motion collection ({exc})") from exc
        missing = [name for name in columns if name not in table.column_names]
        if missing:
            raise InputError(f"{path}: has no column {', '.join(missing)}; made by another version? Prepare it again")
        yield from _rows(table)


def _rows(table: pa.Table) -> Iterator[dict[str, object]]:
    plain = {name: table[name].to_pylist() for name in table.column_names if name not in _ARRAYS}
    arrays = {name: _numpy(table[name], width) for name, width in _ARRAYS.items() if name in table.column_names}
    for i in range(table.num_rows):
        row: dict[str, object] = {name: values[i] for name, values in plain.items()}
        if "labels" in row:
            row["labels"] = dict(plain["labels"][i])
        yield row | {name: values[i] for name, values in arrays.items()}


def _numpy(column: pa.ChunkedArray, width: int) -> list[np.ndarray | None]:
    out: list[np.ndarray | None] = []
    for chunk in column.chunks:
        offsets, known = chunk.offsets.to_numpy(), chunk.is_valid().to_pylist()
        items = chunk.values
        flat = items.flatten() if width else items
        flat = flat.to_numpy(zero_copy_only=False)
        flat = flat.reshape(-1, width) if width else flat
        out += [flat[a:b] if ok else None for a, b, ok in zip(offsets[:-1], offsets[1:], known, strict=True)]
    return out

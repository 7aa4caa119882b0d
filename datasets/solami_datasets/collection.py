"""A prepared collection from disk: its index, its statistics, and its clips as what training reads."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from solami_datasets.shards import read_rows
from solami_protocol.errors import InputError
from solami_tokenizers.motion.features import HAND_WIDTH
from solami_tokenizers.motion.motion_data import ClipEntry, MotionData
from solami_tokenizers.motion.normalise import Normaliser

__all__ = ["Collection"]

_KEPT = ("name", "split", "source", "licence", "labels", "hands_from", "body", "contacts", "valid", "hands")


@dataclass(frozen=True, slots=True)
class Collection:
    """A folder that `solami data prepare` wrote."""

    folder: Path
    info: dict[str, Any]
    index: list[dict[str, Any]]

    @classmethod
    def open(cls, folder: Path) -> "Collection":
        """Return the collection in a folder; raises InputError when it is none, or not whole."""
        try:
            info = json.loads((folder / "info.json").read_text())
            index = [json.loads(line) for line in (folder / "index.jsonl").read_text().splitlines()]
            missing = [shard["file"] for shard in info["shards"] if not (folder / shard["file"]).is_file()]
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise InputError(f"{folder}: not a prepared collection ({exc}); run `solami data prepare`") from exc
        if missing:
            raise InputError(f"{folder}: lacks {', '.join(missing)}; prepare it again")
        return cls(folder, info, index)

    @property
    def splits(self) -> tuple[str, ...]:
        """Return the splits that have clips."""
        return tuple(sorted({entry["split"] for entry in self.index}))

    def normaliser(self, part: str = "body") -> Normaliser:
        """Return the training splits' pooled statistics of `body` or `hands`; raises InputError when there are none."""
        try:
            stats = json.loads((self.folder / "stats.json").read_text())[part]
            return Normaliser(np.array(stats["mean"], np.float32), np.array(stats["deviation"], np.float32))
        except (OSError, ValueError, KeyError, TypeError) as exc:
            raise InputError(f"{self.folder}/stats.json: has no statistics of '{part}' ({exc})") from exc

    def row(self, name: str) -> dict[str, Any]:
        """Return one clip with all columns (see `shards.Row`); raises InputError with the nearest names."""
        for entry in self.index:
            if entry["name"] == name:
                rows = list(read_rows([self.folder / entry["shard"]]))
                return rows[entry["row"]]
        near = [entry["name"] for entry in self.index if name.lower() in entry["name"].lower()][:5]
        hint = f"; there are {', '.join(near)}" if near else ""
        raise InputError(f"{self.folder}: has no clip '{name}'{hint}")

    def relative(self, splits: Iterable[str]) -> np.ndarray:
        """Return the relative transforms (N, 5) float32 of some splits' frames; InputError when there are none."""
        wanted = set(splits)
        files = sorted({entry["shard"] for entry in self.index if entry["split"] in wanted})
        rows = read_rows((self.folder / file for file in files), ("split", "relative"))
        found = [np.asarray(r["relative"]) for r in rows if r["split"] in wanted and r["relative"] is not None]
        if not found:
            raise InputError(f"{self.folder}: no clip with a partner in {', '.join(sorted(wanted))}")
        return np.concatenate(found)

    def motion_data(self, splits: Iterable[str] | None = None, *, hands: bool = True) -> MotionData:
        """Return the clips of some splits (None: all) in the index's order, all in memory.

        hands: with finger features; frames of clips without fingers hold zeros there, and those clips' label
        `hands_from` says `none`. Raises InputError when no clip is in these splits.
        """
        wanted = set(self.splits if splits is None else splits)
        files = sorted({entry["shard"] for entry in self.index if entry["split"] in wanted})
        columns = _KEPT if hands else _KEPT[:-1]
        rows = [r for r in read_rows((self.folder / f for f in files), columns) if r["split"] in wanted]
        if not rows:
            raise InputError(f"{self.folder}: no clip in {', '.join(sorted(wanted))}; it has {', '.join(self.splits)}")
        return _stack(rows, hands)


def _stack(rows: list[dict[str, Any]], hands: bool) -> MotionData:
    entries, at = [], 0
    for row in rows:
        frames = len(row["body"])
        labels = {**row["labels"], "hands_from": row["hands_from"]}
        entries.append(
            ClipEntry(
                name=row["name"],
                start=at,
                frames=frames,
                split=row["split"],
                source=row["source"],
                licence=row["licence"],
                labels=labels,
            )
        )
        at += frames
    fingers = None
    if hands:
        empty = [np.zeros((len(r["body"]), HAND_WIDTH), np.float32) if r["hands"] is None else r["hands"] for r in rows]
        fingers = np.concatenate(empty)
    return MotionData(
        body=np.concatenate([row["body"] for row in rows]),
        contacts=np.concatenate([row["contacts"] for row in rows]),
        valid=np.concatenate([row["valid"] for row in rows]),
        hands=fingers,
        clips=tuple(entries),
    )

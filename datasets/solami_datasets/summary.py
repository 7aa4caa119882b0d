"""What stands beside the shards: `info.json`, `stats.json`, `index.jsonl`, `report.json` and `report.txt`."""

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from solami_datasets.chunks import Chunk
from solami_datasets.partners import DISTRIBUTION
from solami_datasets.recipe import Recipe
from solami_datasets.shards import read_rows
from solami_protocol.skeleton import FPS
from solami_tokenizers.motion.features import BODY_GROUPS, BODY_WIDTH, HAND_WIDTH
from solami_tokenizers.motion.normalise import CLAMP, Normaliser
from solami_tokenizers.motion.relative import RELATIVE_WIDTH

__all__ = ["write_summary"]

_INDEXED = (
    "name",
    "source",
    "licence",
    "split",
    "take",
    "frames",
    "labels",
    "captions",
    "captions_from",
    "body_from",
    "hands_from",
    "partner",
    "partner_from",
)
_TRAIN = ("train",)  # recorded motion: what is made up does not set the scale


class _Moments:
    """Mean and deviation of frames that come in parts, added up in double precision in the shards' order."""

    def __init__(self, width: int) -> None:
        self.count = 0
        self._sum = np.zeros(width)
        self._squares = np.zeros(width)

    def add(self, frames: np.ndarray) -> None:
        values = frames.astype(np.float64)
        self.count += len(values)
        self._sum += values.sum(axis=0)
        self._squares += (values**2).sum(axis=0)

    def normaliser(self) -> Normaliser:
        """Return the statistics with the floors of `Normaliser.fit`."""
        mean = self._sum / max(self.count, 1)
        deviation = np.sqrt(np.maximum(self._squares / max(self.count, 1) - mean**2, 0))
        return Normaliser.fit(np.stack([mean - deviation, mean + deviation]))  # two frames of that mean and deviation


def write_summary(
    folder: Path, recipe: Recipe, chunks: Iterable[Chunk], reports: list[dict[str, Any]], extra: dict[str, Any]
) -> dict[str, Any]:
    """Write the files beside the shards in `folder` and return `info.json`'s content."""
    body, hands = _Moments(BODY_WIDTH), _Moments(HAND_WIDTH)
    shards, index = [], []
    for path in sorted(folder / chunk.shard for chunk in chunks if (folder / chunk.shard).exists()):
        rows = list(read_rows([path], (*_INDEXED, "body", "hands", "valid")))
        for i, row in enumerate(rows):
            index.append({key: row[key] for key in _INDEXED} | {"shard": path.name, "row": i})
            if row["split"] in _TRAIN:
                _add(body, hands, row)
        shards.append({"file": path.name, "clips": len(rows), "sha256": _sha256(path)})
    stats = {"fps": FPS, "splits": list(_TRAIN), "clamp": CLAMP}
    stats |= {"body": _numbers(body), "hands": _numbers(hands) if hands.count else None}
    info = _info(recipe, index, shards, reports) | extra
    (folder / "plan.json").unlink(missing_ok=True)
    _write(folder / "stats.json", json.dumps(stats))
    _write(folder / "index.jsonl", "\n".join(json.dumps(entry, ensure_ascii=False) for entry in index))
    _write(folder / "report.json", json.dumps(reports, indent=1))
    _write(folder / "report.txt", _plain(info, reports))
    _write(folder / "info.json", json.dumps(info, indent=1))
    return info


def _add(body: _Moments, hands: _Moments, row: dict[str, Any]) -> None:
    valid = row["valid"]
    body.add(row["body"][valid])
    if row["hands"] is not None:
        hands.add(row["hands"][valid])


def _numbers(moments: _Moments) -> dict[str, Any]:
    found = moments.normaliser()
    return {"frames": moments.count, "mean": found.mean.tolist(), "deviation": found.deviation.tolist()}


def _info(recipe: Recipe, index: list[dict], shards: list[dict], reports: list[dict]) -> dict[str, Any]:
    return {
        "name": recipe.name,
        "fps": FPS,
        "features": {
            "body": {"width": BODY_WIDTH, "groups": {k: [s.start, s.stop] for k, s in BODY_GROUPS.items()}},
            "hands": {"width": HAND_WIDTH},
            "relative": {"width": RELATIVE_WIDTH},
            "contacts": ["left_ankle", "left_foot", "right_ankle", "right_foot"],
            "units": "metres, radians; rates a second; rotations as rot6d by columns",
        },
        "captions": "made from labels by templates; none is written by a person unless captions_from says 'given'",
        "authored": "rows with hands_from, partner_from or body_from = authored hold what no one has recorded",
        "authored_hands": "pieces of Leap recordings of other hands, chosen by content",
        "authored_partners": DISTRIBUTION,
        "clips": len(index),
        "minutes": _minutes(index),
        "splits": _counted(index, "split"),
        "sources": [
            {
                "name": source.name,
                "kind": source.kind,
                "licence": source.licence,
                "origin": source.origin,
                "authored": source.authored,
            }
            | _counted(index, "source").get(source.name, {"clips": 0, "minutes": 0.0})
            for source in recipe.sources
        ],
        "refused": sum(1 for said in reports if said["refused"]),
        "recipe": recipe.model_dump(mode="json", exclude={"processes", "engine", "out"}),
        "shards": shards,
    }


def _counted(index: list[dict], key: str) -> dict[str, dict[str, Any]]:
    groups: dict[str, list[dict]] = defaultdict(list)
    for entry in index:
        groups[entry[key]].append(entry)
    return {name: {"clips": len(part), "minutes": _minutes(part)} for name, part in sorted(groups.items())}


def _minutes(index: list[dict]) -> float:
    return round(sum(entry["frames"] for entry in index) / FPS / 60, 2)


def _plain(info: dict[str, Any], reports: list[dict[str, Any]]) -> str:
    """Return the report for people."""
    lines = [f"{info['name']}: {info['clips']} clips, {info['minutes']} minutes at {info['fps']} frames a second", ""]
    lines += [f"{name}: {part['clips']} clips, {part['minutes']} min" for name, part in info["splits"].items()]
    refused = [said for said in reports if said["refused"]]
    lines += ["", f"left out: {len(refused)} of {len(reports)} files"]
    lines += [f"  {said['name']}: {said['refused']}" for said in refused]
    remarks = [(said, f) for said in reports for f in said["findings"] if f["level"] != "note"]
    counts = Counter(finding["code"] for _, finding in remarks)
    total = ", ".join(f"{code} {n}" for code, n in counts.most_common()) or "nothing"
    lines += ["", f"to be looked at: {total}"]
    lines += [f"  {said['name']}: {finding['message']}" for said, finding in remarks]
    return "\n".join(lines)


def _write(path: Path, text: str) -> None:
    path.write_text(text + "\n")


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()

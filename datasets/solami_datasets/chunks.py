"""The work of one process: some recordings in, one shard and one report out."""

import json
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from solami_datasets.captions import captions_of
from solami_datasets.checks import Checked, Finding, check_clip, put_on_floor
from solami_datasets.fingers import load_fingers
from solami_datasets.items import Item
from solami_datasets.partners import authored_partner
from solami_datasets.reading import read_item
from solami_datasets.shards import Row, write_rows
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.contacts import contacts_of
from solami_tokenizers.motion.features import FIRST_FINGER, body_features, hand_features
from solami_tokenizers.motion.relative import relative_features
from solami_tokenizers.motion.resample import resample

__all__ = ["Chunk", "FileReport", "make_chunks", "work_chunk"]

_CHUNK_BYTES = 24 << 20
_CHUNK_ITEMS = 48


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Recordings that become one shard."""

    number: int
    items: tuple[Item, ...]
    splits: Mapping[str, str]
    seed: int = 0
    min_seconds: float = 0.0
    partners: bool = True
    fingers: Path | None = None

    @property
    def shard(self) -> str:
        """Return the shard's file name."""
        return f"motion-{self.number:05d}.parquet"

    @property
    def report(self) -> str:
        """Return the report's file name."""
        return f"report-{self.number:05d}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class FileReport:
    """What became of one recording. `refused` says why it gave no clip."""

    name: str
    file: str
    refused: str = ""
    clips: tuple[str, ...] = ()
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...] = ()
    numbers: dict[str, float] = field(default_factory=dict)


def make_chunks(items: Sequence[Item], splits: Mapping[str, str], **common: Any) -> list[Chunk]:
    """Return the items in chunks of bounded size; the same items give the same chunks, however many processes run."""
    chunks: list[Chunk] = []
    part: list[Item] = []
    for item in items:
        if part and (
            len(part) == _CHUNK_ITEMS
            or part[0].source.name != item.source.name
            or sum(i.bytes for i in part) + item.bytes > _CHUNK_BYTES
        ):
            chunks.append(_chunk(len(chunks), part, splits, common))
            part = []
        part.append(item)
    if part:
        chunks.append(_chunk(len(chunks), part, splits, common))
    return chunks


def _chunk(number: int, items: list[Item], splits: Mapping[str, str], common: dict[str, Any]) -> Chunk:
    return Chunk(number=number, items=tuple(items), splits={i.name: splits[i.name] for i in items}, **common)


def work_chunk(chunk: Chunk, folder: Path) -> list[dict[str, Any]]:
    """Write a chunk's shard and report into `folder` and return the report; a chunk that is done is not done again."""
    report = folder / chunk.report
    if report.exists():
        return json.loads(report.read_text())
    rows: list[Row] = []
    reports: list[FileReport] = []
    for item in chunk.items:
        made, said = _one(item, chunk)
        rows += made
        reports.append(said)
    if rows:
        write_rows(folder / chunk.shard, rows)
    found = [asdict(said) for said in reports]
    temporary = report.with_suffix(".part")
    temporary.write_text(json.dumps(found, indent=1))
    temporary.replace(report)  # last: it says that the shard is whole
    return found


def _one(item: Item, chunk: Chunk) -> tuple[list[Row], FileReport]:
    file = item.path.name
    try:
        clips = put_on_floor(*(resample(clip, FPS) for clip in read_item(item)))
    except InputError as exc:
        # the report travels with the data set: no folders of this machine in it
        reason = str(exc).replace(f"{item.path.parent}/", "")
        return [], FileReport(name=item.name, file=file, refused=reason)
    except (ArithmeticError, LookupError, TypeError, ValueError) as exc:
        # one odd file must not hide what is wrong with the others, nor go unsaid
        reason = f"the reader failed ({type(exc).__name__}: {exc}); this is a fault of the reader, please report it"
        return [], FileReport(name=item.name, file=file, refused=reason)
    seconds = min(clip.duration_s for clip in clips)
    if seconds < chunk.min_seconds:
        reason = f"{seconds:.2f} s long; clips under {chunk.min_seconds:g} s are left out"
        return [], FileReport(name=item.name, file=file, refused=reason, seconds=seconds)
    checked = [check_clip(clip) for clip in clips]
    rows = list(_rows(item, clips, checked, chunk))
    return rows, FileReport(
        name=item.name,
        file=file,
        clips=tuple(row.name for row in rows),
        seconds=round(seconds, 3),
        notes=clips[0].notes,
        findings=tuple(f for c in checked for f in c.findings),
        numbers=checked[0].numbers,
    )


def _rows(item: Item, clips: list[Clip], checked: list[Checked], chunk: Chunk) -> Iterator[Row]:
    sentences, sentences_from = captions_of(item.labels)
    frames = min(clip.frames for clip in clips)  # a pair ends together
    for i, (clip, found) in enumerate(zip(clips, checked, strict=True)):
        clip = replace(clip, root_m=clip.root_m[:frames], rotations=clip.rotations[:frames])
        hands, hands_from = _hands(clip, item, chunk)
        relative, partner_from = _relative(clip, clips[1 - i] if len(clips) == 2 else None, chunk)
        yield Row(
            name=clip.name,
            source=item.source.name,
            licence=item.source.licence,
            split=chunk.splits[item.name],
            take=item.take,
            labels=item.labels,
            captions=sentences,
            captions_from=sentences_from,
            body_from="authored" if item.source.authored else "recorded",
            hands_from=hands_from,
            partner=clips[1 - i].name if len(clips) == 2 else "",
            partner_from=partner_from,
            notes=clip.notes,
            body=body_features(clip),
            contacts=contacts_of(clip).astype(np.uint8),
            valid=found.valid[:frames],
            hands=hands,
            relative=relative,
        )


def _hands(clip: Clip, item: Item, chunk: Chunk) -> tuple[np.ndarray | None, str]:
    fingers = clip.rotations[:, FIRST_FINGER:]
    if np.abs(fingers - fingers[:1]).max() > 1e-3:
        return hand_features(clip), "authored" if item.source.authored else "recorded"
    if chunk.fingers is None:
        return None, "none"
    content = item.labels.get("content", "")
    track = load_fingers(chunk.fingers).track(content, clip.frames, clip_seed(clip.name, chunk.seed))
    return track, "authored"


def _relative(clip: Clip, partner: Clip | None, chunk: Chunk) -> tuple[np.ndarray | None, str]:
    if partner is not None:
        return relative_features(clip, partner), "recorded"
    if not chunk.partners:
        return None, "none"
    return authored_partner(clip, clip_seed(clip.name, chunk.seed)), "authored"


def clip_seed(name: str, seed: int) -> int:
    """Return a seed for what is made up for one clip, the same on every machine."""
    return zlib.crc32(f"{seed}/{name}".encode())

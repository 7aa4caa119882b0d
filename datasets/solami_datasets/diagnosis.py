"""What `solami data doctor` says: of a file of motion, of a folder of files, or of a prepared collection.

Each gives lines in plain words and, where a body can be drawn, clips with the frames that count.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from solami_datasets.checks import Checked, check_clip, put_on_floor
from solami_datasets.collection import Collection
from solami_datasets.reading import read_file
from solami_datasets.shards import read_rows
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.features import BODY_GROUPS, to_clip
from solami_tokenizers.motion.normalise import CLAMP
from solami_tokenizers.motion.resample import resample
from solami_tokenizers.motion.smplx_npz import Up

__all__ = ["Diagnosis", "Line", "clip_of_row", "diagnose"]

_SUFFIXES = (".bvh", ".amc", ".npz", ".npy")
_SHOWN_CLIPS = 4
_SHOWN_FILES = 40
_FAR_SHARE = 0.005
_TEST_SPLITS = ("unseen_takes", "held_out_style", "held_out_content", "other_source")


@dataclass(frozen=True, slots=True)
class Line:
    """One statement: `good`, `note`, `warning` (to be looked at) or `fault` (it cannot be used)."""

    level: Literal["good", "note", "warning", "fault"]
    text: str


@dataclass(frozen=True, slots=True)
class Diagnosis:
    """What was found, and what can be drawn: clips with (T,) bool frames that count."""

    what: str
    lines: tuple[Line, ...]
    pictures: tuple[tuple[Clip, np.ndarray], ...] = ()

    @property
    def healthy(self) -> bool:
        """Return whether nothing stands against using it."""
        return all(line.level != "fault" for line in self.lines)


def diagnose(
    path: Path, fps: float | None = None, up: Up | None = None, progress: Callable[[int, int], None] | None = None
) -> Diagnosis:
    """Return what is wrong with a file, a folder of recordings or a prepared collection.

    fps, up: what the files do not say. Raises InputError when there is nothing to look at.
    """
    if (path / "info.json").exists():
        return _collection(path)
    if path.is_dir():
        return _folder(path, fps, up, progress)
    if not path.exists():
        raise InputError(f"{path}: does not exist")
    try:
        clip, checked = _read(path, fps, up)
    except InputError as exc:
        return Diagnosis(path.name, (Line("fault", str(exc)),))
    return Diagnosis(path.name, tuple(_about(clip, checked)), ((clip, checked.valid),))


def _read(path: Path, fps: float | None, up: Up | None) -> tuple[Clip, Checked]:
    clip = put_on_floor(resample(read_file(path, fps, up), FPS))[0]
    return clip, check_clip(clip)


def _about(clip: Clip, checked: Checked) -> Iterable[Line]:
    yield Line("good", f"read: {clip.frames} frames at {clip.fps:g} a second, {clip.duration_s:.2f} s")
    for note in clip.notes:
        yield Line("note", note)
    for finding in checked.findings:
        yield Line("warning", finding.message)
    numbers = checked.numbers
    stands, skate = numbers.get("stands_share", 0.0), numbers.get("foot_skate_cm_s", np.nan)
    slides = "" if np.isnan(skate) else f", sliding at {skate:.1f} cm/s meanwhile"
    yield Line("note", f"the pelvis is {numbers['pelvis_m']:.2f} m high; a foot stands in {100 * stands:.0f} %{slides}")
    if "fastest_joint_m_s" in numbers:
        speeds = f"{numbers['fastest_joint_m_s']:.1f} m/s against the pelvis, {numbers['fastest_turn_deg_s']:.0f} deg/s"
        yield Line("note", f"fastest joint: {speeds}")
    if not checked.findings:
        yield Line("good", "nothing to remark")


def _folder(path: Path, fps: float | None, up: Up | None, progress: Callable[[int, int], None] | None) -> Diagnosis:
    files = sorted(p for p in path.rglob("*") if p.suffix.lower() in _SUFFIXES)
    if not files:
        raise InputError(f"{path}: holds neither info.json (a collection) nor {', '.join(_SUFFIXES)} files")
    lines: list[Line] = []
    pictures: list[tuple[Clip, np.ndarray]] = []
    rates, seconds, faults, remarks = Counter[str](), 0.0, 0, Counter[str]()
    for number, file in enumerate(files):
        try:
            clip, checked = _read(file, fps, up)
        except InputError as exc:
            faults += 1
            lines.append(Line("fault", str(exc)))
        else:
            rates[next((n for n in reversed(clip.notes) if "frames a second" in n), "30 frames a second")] += 1
            seconds += clip.duration_s
            remarks.update(f.code for f in checked.findings)
            lines += [Line("warning", f"{file.name}: {f.message}") for f in checked.findings]
            if checked.findings and len(pictures) < _SHOWN_CLIPS:
                pictures.append((clip, checked.valid))
        if progress is not None:
            progress(number + 1, len(files))
    hidden = len(lines) - _SHOWN_FILES
    lines = sorted(lines, key=lambda line: line.level != "fault")[:_SHOWN_FILES]
    if hidden > 0:
        lines.append(Line("note", f"and {hidden} more remarks; `solami data prepare` lists all of them in report.txt"))
    head = [Line("good", f"{len(files) - faults} of {len(files)} files can be read, {seconds / 60:.1f} minutes")]
    head += [Line("note", f"{count} files: {rate}") for rate, count in rates.most_common(4)]
    if remarks:
        counted = ", ".join(f"{k} {n}" for k, n in remarks.most_common())
        head.append(Line("warning", f"to be looked at: {counted}"))
    return Diagnosis(path.name, (*head, *lines), tuple(pictures))


def _collection(path: Path) -> Diagnosis:
    collection = Collection.open(path)
    index, lines = collection.index, list[Line]()
    minutes = sum(entry["frames"] for entry in index) / FPS / 60
    lines.append(
        Line("good", f"a collection of {len(index)} clips, {minutes:.1f} minutes, made by `solami data prepare`")
    )
    for name, part in collection.info["splits"].items():
        lines.append(Line("note", f"{name}: {part['clips']} clips, {part['minutes']:g} minutes"))
    lines += _leaks(index)
    lines += _lacking(collection)
    lines += _values(collection)
    refused = collection.info.get("refused", 0)
    if refused:
        lines.append(Line("warning", f"{refused} files were left out; report.txt says why"))
    if not any(line.level in ("warning", "fault") for line in lines):
        lines.append(Line("good", "nothing to remark"))
    firsts = {entry["split"]: entry["name"] for entry in reversed(index)}
    pictures = [clip_of_row(collection.row(name)) for _, name in sorted(firsts.items())]
    return Diagnosis(path.name, tuple(lines), tuple(pictures))


def _leaks(index: list[dict[str, Any]]) -> Iterable[Line]:
    """Takes and labels that stand on both sides of a border that should part them."""
    takes: dict[tuple[str, str], set[str]] = defaultdict(set)
    for entry in index:
        takes[entry["source"], entry["take"]].add(entry["split"])
    torn = [take for (_, take), splits in takes.items() if len(splits & {"train", "validation", "unseen_takes"}) > 1]
    if torn:
        yield Line(
            "fault", f"{len(torn)} take groups lie in more than one split, e.g. {torn[0]}: results would be too good"
        )
    for label in ("style", "content"):
        held = {(e["source"], e["labels"].get(label)) for e in index if e["split"] == f"held_out_{label}"}
        seen = {(e["source"], e["labels"].get(label)) for e in index if e["split"] == "train"}
        if held & seen:
            yield Line("fault", f"held-out {label} {sorted(held & seen)[0][1]} is in training, too")


def _lacking(collection: Collection) -> Iterable[Line]:
    missing = [name for name in ("train", "validation") if name not in collection.splits]
    if missing:
        yield Line("warning", f"no clips in {' and '.join(missing)}: nothing to train on or to choose by")
    if not any(name in collection.splits for name in _TEST_SPLITS):
        yield Line("warning", "no clips in any test split")
    hands = Counter(entry["hands_from"] for entry in collection.index)
    yield Line("note", "fingers: " + ", ".join(f"{n} clips {kind}" for kind, n in hands.most_common()))


def _values(collection: Collection) -> Iterable[Line]:
    """How far each split's features lie from the training's, in its deviations."""
    scale = collection.normaliser()
    worst: dict[str, dict[str, float]] = defaultdict(dict)
    counts, off, bad = Counter[str](), Counter[str](), 0
    files = [collection.folder / shard["file"] for shard in collection.info["shards"]]
    for row in read_rows(files, ("name", "split", "body", "valid")):
        split, body = str(row["split"]), np.asarray(row["body"])
        if not np.isfinite(body).all():
            bad += 1
            yield Line("fault", f"{row['name']}: holds numbers that are not finite")
            continue
        z = np.abs(scale.apply(body))
        counts[split] += len(z)
        off[split] += int((~np.asarray(row["valid"])).sum())
        for group, part in BODY_GROUPS.items():
            share = float((z[:, part] > CLAMP).mean(axis=1).sum())
            worst[split][group] = worst[split].get(group, 0.0) + share
    for split, groups in sorted(worst.items()):
        over = {group: 100 * n / counts[split] for group, n in groups.items() if n / counts[split] > _FAR_SHARE}
        if over:
            said = ", ".join(f"{group} {share:.1f} %" for group, share in over.items())
            yield Line(
                "warning",
                f"{split}: numbers beyond {CLAMP:g} deviations of training, which networks see clamped: {said}",
            )
        if off[split]:
            yield Line("note", f"{split}: {off[split]} of {counts[split]} frames do not count (jumps)")


def clip_of_row(row: dict[str, Any]) -> tuple[Clip, np.ndarray]:
    """Return a collection's clip from its features, standing at the origin and facing +z at first, and what counts."""
    return to_clip(row["body"], row["hands"], name=row["name"]), row["valid"]

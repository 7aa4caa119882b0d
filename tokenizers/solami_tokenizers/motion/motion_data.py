"""What training and evaluation read: frames of many clips in one array, and where each clip lies in it.

`solami data prepare` writes larger collections; anything that yields a `MotionData` can be trained on. The `.npz` form
is for small sets and tests.
"""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np

from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.contacts import contacts_of
from solami_tokenizers.motion.features import body_features, hand_features
from solami_tokenizers.motion.read import read_motion
from solami_tokenizers.motion.resample import resample

__all__ = ["SPLITS", "ClipEntry", "MotionData", "describe_plain", "load_clips"]

TRAIN, VALIDATION = "train", "validation"
SPLITS = (TRAIN, VALIDATION, "unseen_takes", "held_out_style", "held_out_content", "other_source")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClipEntry:
    """One clip of a collection and where its frames lie."""

    name: str
    start: int = 0
    frames: int = 0
    split: str = TRAIN
    source: str = ""
    licence: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionData:
    """Clips at 30 frames a second, one after the other along the first axis."""

    body: np.ndarray
    """(N, 136) float32, see `features`."""
    contacts: np.ndarray
    """(N, 4) uint8, feet on the floor."""
    valid: np.ndarray
    """(N,) bool, frames that count."""
    clips: tuple[ClipEntry, ...]
    hands: np.ndarray | None = None
    """(N, 180) float32 where fingers are known."""

    def __post_init__(self) -> None:
        frames = len(self.body)
        for name in ("contacts", "valid", "hands"):
            part = getattr(self, name)
            if part is not None and len(part) != frames:
                raise InputError(f"motion data: {name} holds {len(part)} frames, body {frames}; expected as many")
        ends = [clip.start + clip.frames for clip in self.clips]
        if ends and max(ends) > frames:
            raise InputError(f"motion data: the clips end at frame {max(ends)}, the arrays at {frames}")

    def of(self, *splits: str) -> tuple[ClipEntry, ...]:
        """Return the clips of some splits; raises InputError when there are none."""
        found = tuple(clip for clip in self.clips if clip.split in splits)
        if not found:
            known = ", ".join(sorted({clip.split for clip in self.clips})) or "no clips at all"
            raise InputError(f"motion data: no clip in split '{' '.join(splits)}'; it has {known}")
        return found

    def with_hands(self, *splits: str) -> tuple[ClipEntry, ...]:
        """Return the clips of some splits whose fingers are known (label `hands_from` says of others: none)."""
        found = tuple(clip for clip in self.of(*splits) if clip.labels.get("hands_from") != "none")
        if self.hands is None or not found:
            raise InputError(f"motion data: no clip with fingers in split '{' '.join(splits)}'; hands need some")
        return found

    def frames_of(self, clip: ClipEntry) -> slice:
        """Return where a clip's frames lie along the first axis."""
        return slice(clip.start, clip.start + clip.frames)

    @classmethod
    def from_clips(cls, clips: Iterable[Clip], describe: "Callable[[Clip], ClipEntry] | None" = None) -> "MotionData":
        """Return the data of clips (resampled to 30 frames a second); `describe` says split, source and labels."""
        describe = describe or describe_plain
        bodies, hands, contacts, entries, at = [], [], [], [], 0
        for clip in clips:
            clip = resample(clip, FPS)
            entry = describe(clip)
            bodies.append(body_features(clip))
            hands.append(hand_features(clip))
            contacts.append(contacts_of(clip))
            made = ClipEntry(**{**_fields(entry), "start": at, "frames": clip.frames})
            entries.append(made)
            at += clip.frames
        if not entries:
            raise InputError("motion data: no clips; expected at least one")
        return cls(
            body=np.concatenate(bodies),
            hands=np.concatenate(hands),
            contacts=np.concatenate(contacts).astype(np.uint8),
            valid=np.ones(at, dtype=bool),
            clips=tuple(entries),
        )

    def save(self, path: Path) -> None:
        """Write the data as `.npz` (arrays, and the clips as JSON)."""
        arrays: dict[str, Any] = {"body": self.body, "contacts": self.contacts, "valid": self.valid}
        if self.hands is not None:
            arrays["hands"] = self.hands
        index = json.dumps([_fields(clip) for clip in self.clips])
        temporary = path.with_name(path.name + ".part.npz")
        np.savez(temporary, index=np.array(index), **arrays)
        temporary.replace(path)

    @classmethod
    def load(cls, path: Path) -> "MotionData":
        """Return what `save` wrote; raises InputError that names the file and what is missing."""
        try:
            with np.load(path, allow_pickle=False) as arrays:
                clips = tuple(ClipEntry(**clip) for clip in json.loads(str(arrays["index"])))
                return cls(
                    body=arrays["body"],
                    contacts=arrays["contacts"],
                    valid=arrays["valid"],
                    hands=arrays.get("hands"),
                    clips=clips,
                )
        except (OSError, ValueError, KeyError, TypeError, EOFError, BadZipFile) as exc:
            raise InputError(f"{path}: not motion data ({exc}); expected a file written by MotionData.save") from exc


def _fields(entry: ClipEntry) -> dict:
    return {**asdict(entry), "labels": dict(entry.labels)}


def describe_plain(clip: Clip) -> ClipEntry:
    """Return an entry with nothing but the name, in the training split."""
    return ClipEntry(name=clip.name)


def load_clips(folders: Iterable[Path], progress: Callable[[int, int], None] | None = None) -> list[Clip]:
    """Return the BVH and npz files below folders as clips at 30 frames a second, sorted by path.

    progress: called with (done, total). Raises InputError when a file cannot be read, or when there is none.
    """
    paths = sorted(p for folder in folders for p in _files(Path(folder)))
    if not paths:
        raise InputError(f"no .bvh or .npz file below {', '.join(str(f) for f in folders)}")
    clips = []
    for done, path in enumerate(paths):
        clips.append(resample(read_motion(path), FPS))
        if progress is not None:
            progress(done + 1, len(paths))
    return clips


def _files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    return [p for p in folder.rglob("*") if p.suffix.lower() in (".bvh", ".npz")]

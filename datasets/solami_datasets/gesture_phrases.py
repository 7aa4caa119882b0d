"""Gestures in recordings: where the body leaves its rest, where the stroke falls, where it is back; and the best few.

A stroke is the first moment in which the hand (or, in a bow, the head) turns back after it has come nine tenths of its
farthest way from rest: what the eye takes for "there it is".
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS, JOINT_INDEX
from solami_tokenizers.motion.clip import Clip
from solami_tokenizers.motion.features import to_clip
from solami_tokenizers.motion.gesture_bank import BankedGesture
from solami_tokenizers.motion.heading import heading, turn_xz
from solami_tokenizers.motion.kinematics import forward
from solami_tokenizers.motion.metrics import mpjpe_mm
from solami_tokenizers.motion.motion_data import ClipEntry, MotionData

if TYPE_CHECKING:
    from solami_tokenizers.motion.tokenizer import MotionTokenizer

__all__ = ["GESTURES_OF", "Phrase", "bank_gestures", "phrase_of"]

# content of a recording -> what the character calls it, and the joints that make it
GESTURES_OF: dict[str, tuple[str, tuple[str, ...]]] = {
    "bye": ("wave_right", ("right_wrist",)),
    "wave-right-hand": ("wave_right", ("right_wrist",)),
    "wave-left-hand": ("wave_left", ("left_wrist",)),
    "byebye": ("wave_both", ("right_wrist",)),
    "wave-both-hands": ("wave_both", ("left_wrist", "right_wrist")),
    "bow": ("bow", ("head",)),
    "guide": ("guide", ("right_wrist",)),
    "call": ("call", ("right_wrist",)),
    "respond": ("raise_left", ("left_wrist",)),
    "raise-up-right-hand": ("raise_right", ("right_wrist",)),
    "raise-up-left-hand": ("raise_left", ("left_wrist",)),
    "raise-up-both-hands": ("raise_both", ("left_wrist", "right_wrist")),
}
# a character that is not said to be tired or angry does not bow so
_STYLES = frozenset({"", "active", "childish", "feminine", "happy", "masculine", "masculinity", "musical", "normal"})
_STYLES |= {"proud", "youthful"}
_AT_REST, _THERE = 0.08, 0.9  # shares of the farthest way
_EARLIER = 3  # frames: who is at eight hundredths of the way has begun to move
_LEAST_WAY_M = 0.15
_SHORTEST_S, _LONGEST_S, _LONGEST_AFTER_S = 0.8, 5.0, 2.4
_LATEST_STROKE_S = 1.3  # who needs longer begins before the sentence does
_FARTHEST_WALK_M = 0.35
_MARGIN_TOKENS = 2
_TOKEN = 4  # frames
_LIVELINESS = (0.25, 0.5, 0.75)  # quantiles of the hands' speed from which one variant each is taken
_TRIED = 8
_LEAST_REACH = 0.75
_JUDGED = 4  # candidates of each liveliness


@dataclass(frozen=True, slots=True)
class Phrase:
    """Frames of a clip."""

    first: int
    stroke: int
    last: int


def phrase_of(clip: Clip, joints: Iterable[str]) -> Phrase | None:
    """Return the gesture in a clip at 30 frames a second, or None where there is none that stands on its place.

    It ends when the body is back, or 2.4 s after the stroke; whoever plays it lets it fade then.
    """
    places = _own_places(clip)[:, [JOINT_INDEX[name] for name in joints]]
    away = np.linalg.norm(places - places[:1], axis=-1).mean(axis=1)
    most = float(away.max())
    if most < _LEAST_WAY_M:
        return None
    turns_back = np.append(np.diff(away) <= 0, True)
    stroke = int(np.argmax((away >= _THERE * most) & turns_back))
    low = away < _AT_REST * most
    before, after = np.flatnonzero(low[:stroke]), np.flatnonzero(low[stroke:])
    first = max(int(before[-1]) - _EARLIER, 0) if len(before) else 0
    # a gesture may pass its rest between two sweeps: the last return counts
    up = np.flatnonzero(away >= 0.5 * most)[-1]
    after = after[after + stroke > up]
    last = stroke + int(after[0]) if len(after) else clip.frames - 1
    last = min(last, stroke + round(_LONGEST_AFTER_S * FPS))  # who waves on and on stops in a talk
    seconds = (last - first) / FPS
    walked_m = float(np.linalg.norm(clip.root_m[last, [0, 2]] - clip.root_m[first, [0, 2]]))
    if not _SHORTEST_S <= seconds <= _LONGEST_S or walked_m > _FARTHEST_WALK_M:
        return None
    return Phrase(first, stroke, last)


def _own_places(clip: Clip) -> np.ndarray:
    """Return joints (T, 22, 3) seen from the pelvis' place on the ground, facing +z."""
    places = forward(clip.root_m, clip.rotations, body_only=True)[0].astype(np.float64)
    yaw = heading(clip.rotations[:, 0])
    xz = turn_xz(-yaw[:, None], (places - places[:, :1])[..., [0, 2]])
    return np.stack([xz[..., 0], places[..., 1], xz[..., 1]], axis=-1)


def bank_gestures(
    tokenizer: "MotionTokenizer",
    data: MotionData,
    worst_mm: float,
    accept: Callable[[BankedGesture], bool] | None = None,
    *,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[BankedGesture, ...]:
    """Return the gestures of a collection's recordings as codes: up to three of each content, calm to lively.

    Of the recordings of one liveliness that one is taken up that the tokenizer gives back best and that `accept` lets
    pass (is it fit for a character?). What is off by more than `worst_mm`, or too small, is left out. Raises
    InputError when nothing is left, or the tokenizer has no body.
    """
    if tokenizer.settings.features != "body":
        raise InputError(
            f"a gesture bank needs a body tokenizer; this one has '{tokenizer.settings.features}' features"
        )
    found: dict[str, list[_Found]] = {}
    for entry in data.clips:
        content, style = entry.labels.get("content", ""), entry.labels.get("style", "")
        if entry.split.startswith("authored") or style not in _STYLES:
            continue
        if content in GESTURES_OF and (made := _found(data, entry)) is not None:
            found.setdefault(content, []).append(made)
    quick = tokenizer.encoding_as("open")  # who is worth a closer look is seen at a glance
    near = [group for content in sorted(found) for group in _near(found[content])]
    chosen: dict[str, BankedGesture] = {}
    for number, group in enumerate(near):
        ranked = sorted(group, key=lambda one: _banked(quick, data, one).error_mm)[:_JUDGED]
        for gesture in sorted((_banked(tokenizer, data, one) for one in ranked), key=lambda made: made.error_mm):
            good = gesture.error_mm <= worst_mm and gesture.reach >= _LEAST_REACH
            if good and (accept is None or accept(gesture)):
                chosen[gesture.clip] = gesture
                break
        if progress is not None:
            progress(number + 1, len(near))
    if not chosen:
        raise InputError(
            f"no gesture in {len(data.clips)} clips that the tokenizer gives back within {worst_mm:g} mm; looked for "
            f"{', '.join(GESTURES_OF)}"
        )
    return tuple(chosen.values())


@dataclass(frozen=True, slots=True)
class _Found:
    entry: ClipEntry
    phrase: Phrase
    speed_m_s: float


def _found(data: MotionData, entry: ClipEntry) -> _Found | None:
    frames = data.frames_of(entry)
    _, joints = GESTURES_OF[entry.labels["content"]]
    clip = to_clip(data.body[frames], name=entry.name)
    phrase = phrase_of(clip, joints)
    if phrase is None or phrase.stroke - phrase.first > _LATEST_STROKE_S * FPS:
        return None
    if not data.valid[frames][phrase.first : phrase.last + 1].all():
        return None
    hands = _own_places(clip)[phrase.first : phrase.last + 1, [JOINT_INDEX[joint] for joint in joints]]
    return _Found(entry, phrase, float(np.linalg.norm(np.diff(hands, axis=0), axis=-1).mean() * FPS))


def _near(found: list[_Found]) -> list[list[_Found]]:
    """Return for each liveliness the recordings around that quantile of the hands' speed, at most `_TRIED`."""
    ranked = sorted(found, key=lambda one: one.speed_m_s)
    groups = []
    for share in _LIVELINESS:
        middle = share * (len(ranked) - 1)
        by_distance = sorted(range(len(ranked)), key=lambda i: abs(i - middle))
        reach = max(0.5, 0.1 * len(ranked))
        groups.append([ranked[i] for i in by_distance[:_TRIED] if abs(i - middle) <= reach])
    return groups


def _banked(tokenizer: "MotionTokenizer", data: MotionData, found: _Found) -> BankedGesture:
    entry, phrase = found.entry, found.phrase
    name, _ = GESTURES_OF[entry.labels["content"]]
    features = data.body[data.frames_of(entry)]
    begin = max(phrase.first // _TOKEN - _MARGIN_TOKENS, 0)
    end = min(phrase.last // _TOKEN + 1 + _MARGIN_TOKENS, -(-len(features) // _TOKEN))
    codes = tokenizer.encode(features[: _TOKEN * end])[begin:]
    shift = begin * _TOKEN
    made, true = _own_places(to_clip(tokenizer.decode(codes))), _own_places(to_clip(features[shift:]))
    part = slice(phrase.first - shift, phrase.last + 1 - shift)
    return BankedGesture(
        name=name,
        clip=entry.name,
        style=entry.labels.get("style", ""),
        codes=codes,
        begin=shift,
        first=phrase.first - shift,
        stroke=phrase.stroke - shift,
        last=phrase.last - shift,
        speed_m_s=round(found.speed_m_s, 3),
        error_mm=round(mpjpe_mm(made[part], true[part]), 2),
        reach=_reach(made[part], true[part], entry.labels["content"]),
    )


def _reach(made: np.ndarray, true: np.ndarray, content: str) -> float:
    """Return the farthest way of the gesture's joints, decoded over recorded: a frozen body has 0."""
    joints = [JOINT_INDEX[name] for name in GESTURES_OF[content][1]]
    ways = [np.linalg.norm(p[:, joints] - p[:1, joints], axis=-1).mean(axis=1).max() for p in (made, true)]
    return round(float(ways[0] / max(ways[1], 1e-6)), 3)

"""Which joint of a foreign skeleton stands for which of our 55, found by its name and its place in the tree.

Names are split into words, a side and a number (`Bip01 L UpperArm`, `mixamorig:LeftForeArm`, `Hand_R`, `lfemur`,
`LeftHandIndex2`, `leftIndexProximal`), then looked up in tables. The spine needs no names: it is the way from the
pelvis to the joint where the arms part.
"""

import re
from dataclasses import dataclass
from typing import Literal

from solami_protocol.errors import InputError
from solami_tokenizers.motion.bvh import Bvh

__all__ = ["JointName", "map_joints", "split_name"]

Side = Literal["left", "right", ""]

_WORDS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_SIDES: dict[str, Side] = {"left": "left", "l": "left", "lt": "left", "right": "right", "r": "right", "rt": "right"}
# parts of a limb from the body outwards; of several names that fit, the first one listed wins, and a joint serves once,
# so that `shoulder` is the upper arm beside a `collar`, and the collar beside an `arm`
_LIMBS: dict[str, tuple[str, ...]] = {
    "hip": ("upleg", "upperleg", "thigh", "femur", "hip", "legupper"),
    "knee": ("lowleg", "lowerleg", "leg", "shin", "calf", "tibia", "knee"),
    "ankle": ("ankle", "foot"),
    "foot": ("toebase", "toes", "toe", "toe0", "ball", "foot"),
    "shoulder": ("upperarm", "uparm", "humerus", "arm", "shoulder"),
    "collar": ("collar", "clavicle", "shoulder"),
    "elbow": ("forearm", "lowerarm", "lowarm", "radius", "elbow"),
    "wrist": ("wrist", "hand"),
}
_BOTH: tuple[Side, Side] = ("left", "right")
_NEEDED = ("hip", "knee", "ankle", "shoulder", "elbow", "wrist")
# words that carry the side as their first letter without a border: CMU's lfemur, lhipjoint
_GLUED = frozenset({w for words in _LIMBS.values() for w in words} | {"hipjoint", "fingers", "thumb"})
_PELVIS = ("hips", "pelvis", "hip", "root", "bip", "skeleton")
_FINGERS = {"index": "index", "middle": "middle", "ring": "ring", "pinky": "pinky", "little": "pinky", "thumb": "thumb"}
_BONES = {"proximal": 1, "intermediate": 2, "distal": 3}
_THUMB_BONES = {"metacarpal": 1, "proximal": 2, "distal": 3}
# words in front that name the rig, not the joint
_PREFIXES = frozenset({"mixamorig", "bip", "bip001", "j", "b", "c", "valvebiped", "def", "joint"})


@dataclass(frozen=True, slots=True)
class JointName:
    """A joint's name taken apart: `part` in lower case without side, prefix and number (-1 where there is none)."""

    side: Side
    part: str
    number: int = -1


def split_name(name: str) -> JointName:
    """Return the name's side, part and number."""
    words = [w.lower() for w in _WORDS.findall(name.rsplit(":", 1)[-1])]
    number = int(words.pop()) if len(words) > 1 and words[-1].isdigit() else -1
    side: Side = ""
    for word in words:
        if word in _SIDES:
            side = _SIDES[word]
            break
    parts = [w for w in words if w not in _SIDES and not w.isdigit()]
    while len(parts) > 1 and parts[0] in _PREFIXES:
        parts.pop(0)
    part = "".join(parts)
    if not side and part[:1] in ("l", "r") and part[1:] in _GLUED:
        side, part = _SIDES[part[0]], part[1:]
    return JointName(side, part, number)


def map_joints(bvh: Bvh) -> dict[str, int]:
    """Return our joint's name -> index of the file's joint, for those of the 55 that the file has.

    Raises InputError when the pelvis, a leg, an arm or the head cannot be found; it lists the file's names.
    """
    names = [split_name(j.name) for j in bvh.joints]
    found: dict[str, int] = {}
    for side in _BOTH:
        used: set[int] = set()
        for part, words in _LIMBS.items():
            j = _first(names, side, words, used)
            if j is not None:
                found[f"{side}_{part}"] = j
                used.add(j)
        _prefer_real_wrist(bvh, names, side, found)
    missing = [f"{side}_{part}" for side in _BOTH for part in _NEEDED if f"{side}_{part}" not in found]
    pelvis = _pelvis(bvh, names, found) if not missing else None
    head = next((j for j, n in enumerate(names) if n.part == "head" and not n.side), None)
    if missing or pelvis is None or head is None:
        lacking = ", ".join(missing or [n for n, j in (("pelvis", pelvis), ("head", head)) if j is None])
        has = " ".join(j.name for j in bvh.joints[:40])
        raise InputError(f"{bvh.path}: no joint found for {lacking}; expected a human skeleton, the file has: {has}")
    found |= {"pelvis": pelvis, "head": head}
    found |= _spine(bvh, found)
    found |= _fingers(names)
    return found


def ancestors(bvh: Bvh, joint: int) -> list[int]:
    """Return the joint and all above it, up to the root."""
    out = []
    while joint >= 0:
        out.append(joint)
        joint = bvh.joints[joint].parent
    return out


def _first(names: list[JointName], side: str, words: tuple[str, ...], used: set[int]) -> int | None:
    for word in words:
        for j, name in enumerate(names):
            if name.side == side and name.part == word and j not in used:
                return j
    return None


def _prefer_real_wrist(bvh: Bvh, names: list[JointName], side: Side, found: dict[str, int]) -> None:
    """CMU's `wrist` sits in mid-forearm (it twists the forearm) and `hand` at the wrist; its elbow is `radius`."""
    elbow, wrist = found.get(f"{side}_elbow"), found.get(f"{side}_wrist")
    if elbow is not None and wrist is not None and names[elbow].part == "radius":
        found[f"{side}_wrist"] = next(
            (j for j, n in enumerate(names) if n == JointName(side, "hand") and wrist in ancestors(bvh, j)), wrist
        )


def _pelvis(bvh: Bvh, names: list[JointName], found: dict[str, int]) -> int | None:
    """Return the joint that both legs and the head's side of the body hang from, by name, else the nearest fork."""
    over_left = ancestors(bvh, found["left_hip"])[1:]
    shared = [j for j in over_left if j in ancestors(bvh, found["right_hip"])[1:]]
    shared = [j for j in shared if j in ancestors(bvh, found["left_shoulder"])]
    for word in _PELVIS:
        for j in shared:
            if names[j].part == word and not names[j].side:
                return j
    return shared[0] if shared else None


def _spine(bvh: Bvh, found: dict[str, int]) -> dict[str, int]:
    """Return joints for spine1 to spine3 and the neck."""
    pelvis = found["pelvis"]
    arms = [found.get(f"{side}_collar", found[f"{side}_shoulder"]) for side in ("left", "right")]
    to_right = ancestors(bvh, arms[1])
    fork = next((j for j in ancestors(bvh, arms[0])[1:] if j in to_right), pelvis)
    way = ancestors(bvh, fork)
    spine = list(reversed(way[: way.index(pelvis)])) if pelvis in way else []
    out = {}
    if len(spine) == 1:
        out["spine3"] = spine[0]
    elif spine:
        out |= {"spine1": spine[0], "spine3": spine[-1]}
        if len(spine) > 2:
            out["spine2"] = spine[len(spine) // 2]
    over_head = ancestors(bvh, found["head"])[1:]
    neck = list(reversed(over_head[: over_head.index(fork)])) if fork in over_head else []
    # a joint in its parent's place (CMU's second rig) is no neck yet
    lifted = [j for j in neck if abs(bvh.joints[j].offset).max() > 0]
    if lifted:
        out["neck"] = lifted[0]
    return out


def _fingers(names: list[JointName]) -> dict[str, int]:
    out: dict[str, int] = {}
    for j, name in enumerate(names):
        for word, finger in _FINGERS.items():
            head, found, tail = name.part.partition(word)
            if not found or not name.side or head not in ("", "hand", "finger"):
                continue
            bones = _THUMB_BONES if finger == "thumb" else _BONES
            number = bones.get(tail, name.number if tail == "" else -1)
            if 1 <= number <= 3:
                out.setdefault(f"{name.side}_{finger}{number}", j)
    return out

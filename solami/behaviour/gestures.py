"""The authored gestures, written as tables of keys. After a change look at a
film strip from the front and the side.

Wrist targets are (out, up, forward) from the midline and the floor, see `arms`. Landmarks of the T-pose in metres:
hip 0.95, navel 1.06, chest 1.25 to 1.40 with its front at 0.11, shoulder (0.17, 1.41), chin (1.52, 0.10), eyes 1.61.
One-sided gestures are written for the right; the left ones are their mirror images.
"""

from dataclasses import replace

from solami.behaviour.arms import Arm
from solami.behaviour.gesture import Gesture, Key, mirrored

__all__ = ["GESTURES"]

_DOWN_ELBOW = (0.45, -1.0, -0.4)
_FRONT = (0.0, 0.0, 1.0)
_BACK = (0.0, 0.0, -1.0)
_IN = (-1.0, 0.0, 0.0)
_UP = (0.0, 1.0, 0.15)


def _wave() -> Gesture:
    def key(at_ms: float, out: float, deviation: float, tilt: float) -> Key:
        arm = Arm((out, 1.5 - 0.4 * abs(out - 0.36), 0.17), _FRONT, (0.75, -1.0, -0.15), 0, deviation, hand="open")
        return Key(at_ms, right=arm, head=(-2, -2, tilt), torso=(-1, 0, 1.5))

    sweep = [(400, 0.40, -6, 2), (560, 0.47, -14, 3), (760, 0.28, 13, 4), (960, 0.47, -14, 3), (1160, 0.29, 12, 4)]
    keys = [key(*row) for row in sweep] + [key(1360, 0.45, -11, 3), key(1520, 0.38, 0, 2)]
    return Gesture(name="wave_right", prep_ms=400, stroke_ms=560, retract_ms=620, keys=tuple(keys))


def _beat(name: str, *, right: bool, left: bool) -> Gesture:
    def arm(out: float, up: float, forward: float, flex: float) -> Arm:
        return Arm((out, up, forward), (-0.75, 0.35, 0.25), (0.4, -1.0, -0.55), flex, hand="beat")

    rows = [(300, (0.245, 1.195, 0.245, 12), -1.5), (440, (0.27, 1.085, 0.30, -10), 3.0)]
    rows += [(560, (0.268, 1.115, 0.29, -4), 1.0), (660, (0.268, 1.11, 0.29, -4), 0.5)]
    keys = tuple(
        Key(at, right=arm(*a) if right else None, left=arm(*a) if left else None, head=(nod, 0, 0))
        for at, a, nod in rows
    )
    return Gesture(name=name, prep_ms=300, stroke_ms=440, retract_ms=480, slack_ms=140, holds=True, keys=keys)


def _think() -> Gesture:
    hand = Arm((0.075, 1.412, 0.175), (-0.2, 0.35, -1.0), (0.6, -1.0, 0.2), 34, 4, hand="chin", touching=True)
    lower = replace(hand, wrist=(0.08, 1.395, 0.19))
    across = Arm((-0.07, 1.12, 0.21), (-0.2, -0.35, -1.0), (0.9, -0.8, 0.25), 8, hand="soft", touching=True)
    keys = (
        Key(600, right=lower, left=across, head=(2, 4, 4), torso=(2, 2, 0)),
        Key(850, right=hand, left=across, head=(3, 9, 6), torso=(2, 3, 1), shift_m=(-0.012, 0, 0)),
        Key(1900, right=hand, left=across, head=(-5, 14, 4), torso=(1, 3, 1), shift_m=(-0.014, 0, 0)),
        Key(2700, right=lower, left=across, head=(2, 7, 5), torso=(2, 2, 1), shift_m=(-0.012, 0, 0)),
    )
    return Gesture(name="think", prep_ms=600, stroke_ms=850, retract_ms=750, holds=True, gaze=0.1, keys=keys)


def _look_away() -> Gesture:
    keys = (
        Key(340, head=(-8, -17, -4), torso=(0, -4, -1)),
        Key(480, head=(-10, -20, -5), torso=(0, -5, -1)),
        Key(1000, head=(-9, -19, -5), torso=(0, -5, -1)),
        Key(1500, head=(-6, -15, -3), torso=(0, -4, -1)),
    )
    return Gesture(name="look_away", prep_ms=340, stroke_ms=480, retract_ms=520, gaze=0, holds=True, keys=keys)


def _shrug() -> Gesture:
    low = Arm((0.31, 1.08, 0.19), (0.1, 1.0, 0.3), (0.1, -1.0, -0.7), -6, -8, 5, hand="soft")
    high = Arm((0.42, 1.15, 0.17), (0.25, 1.0, 0.35), (0.1, -1.0, -0.7), -16, -12, 17, hand="open")
    held = replace(high, wrist=(0.415, 1.14, 0.17), shrug_deg=14)
    keys = (
        Key(330, right=low, left=low, head=(1, 0, 2)),
        Key(560, right=high, left=high, head=(-4, 3, 9), torso=(-2, 0, 1)),
        Key(900, right=held, left=held, head=(-2, 3, 8), torso=(-1, 0, 1)),
    )
    return Gesture(name="shrug", prep_ms=330, stroke_ms=560, retract_ms=600, holds=True, keys=keys)


def _bow() -> Gesture:
    side = Arm((0.268, 0.93, 0.13), (-1.0, 0.0, -0.3), (0.4, 0.1, -1.0), 4, hand="flat", touching=True)
    keys = (
        Key(350, right=side, left=side, head=(8, 0, 0), torso=(6, 0, 0), hips=(3, 0, 0), shift_m=(0, 0, -0.015)),
        Key(900, right=side, left=side, head=(12, 0, 0), torso=(24, 0, 0), hips=(22, 0, 0), shift_m=(0, -0.01, -0.09)),
        Key(1300, right=side, left=side, head=(11, 0, 0), torso=(24, 0, 0), hips=(22, 0, 0), shift_m=(0, -0.01, -0.09)),
    )
    channels = frozenset({"torso", "right_arm", "left_arm", "head"})
    return Gesture(
        name="bow", prep_ms=350, stroke_ms=900, retract_ms=900, gaze=0, keys=keys, channels=channels, slack_ms=600
    )


def _apology() -> Gesture:
    heart = Arm((0.06, 1.275, 0.157), (-0.1, 0.0, -1.0), (0.8, -1.0, 0.08), 36, 2, hand="flat", touching=True)
    off = replace(heart, wrist=(0.085, 1.25, 0.21))
    keys = (
        Key(450, right=off, head=(6, 0, 2), torso=(4, 0, 0), hips=(1, 0, 0)),
        Key(800, right=heart, head=(13, 3, 5), torso=(16, 0, 0), hips=(9, 0, 0), shift_m=(0, 0, -0.04)),
        Key(1500, right=heart, head=(10, 2, 5), torso=(15, 0, 0), hips=(9, 0, 0), shift_m=(0, 0, -0.04)),
    )
    channels = frozenset({"torso", "right_arm"})
    return Gesture(
        name="apology", prep_ms=450, stroke_ms=800, retract_ms=800, gaze=0.4, holds=True, keys=keys, channels=channels
    )


def _point_self() -> Gesture:
    on = Arm((0.085, 1.26, 0.168), (-0.1, 0.0, -1.0), (0.8, -1.0, 0.05), 31, 4, hand="soft", touching=True)
    off = replace(on, wrist=(0.11, 1.25, 0.22))
    keys = (Key(380, right=off, head=(2, 0, 0)), Key(540, right=on, head=(5, 0, 2)), Key(900, right=on, head=(2, 0, 2)))
    return Gesture(name="point_self", prep_ms=380, stroke_ms=540, retract_ms=560, holds=True, keys=keys)


def _point_you() -> Gesture:
    back = Arm((0.19, 1.26, 0.27), (-0.8, -0.6, 0.0), _DOWN_ELBOW, -4, hand="point")
    out = Arm((0.16, 1.31, 0.41), (-0.75, -0.65, 0.0), _DOWN_ELBOW, 6, hand="point")
    keys = (
        Key(380, right=back),
        Key(560, right=out, head=(3, 0, 0), torso=(3, 3, 0)),
        Key(860, right=replace(out, wrist=(0.162, 1.305, 0.395)), head=(1, 0, 1), torso=(2, 2, 0)),
    )
    return Gesture(name="point_you", prep_ms=380, stroke_ms=560, retract_ms=560, holds=True, keys=keys)


def _offer() -> Gesture:
    low = Arm((0.20, 1.10, 0.24), (-0.3, 1.0, -0.1), _DOWN_ELBOW, 0, hand="soft")
    out = Arm((0.33, 1.15, 0.36), _UP, _DOWN_ELBOW, -8, -6, hand="open")
    keys = (
        Key(380, right=low, head=(2, 0, 0)),
        Key(620, right=out, head=(3, -5, 3), torso=(2, -3, 0)),
        Key(1050, right=replace(out, wrist=(0.335, 1.14, 0.355)), head=(1, -3, 3), torso=(1, -2, 0)),
    )
    return Gesture(name="offer_right", prep_ms=380, stroke_ms=620, retract_ms=600, holds=True, keys=keys)


def _open_palms() -> Gesture:
    close = Arm((0.19, 1.12, 0.25), (-0.6, 0.9, -0.1), _DOWN_ELBOW, 0, hand="soft")
    wide = Arm((0.345, 1.145, 0.30), (-0.05, 1.0, 0.25), _DOWN_ELBOW, -8, -6, hand="open")
    rest = replace(wide, wrist=(0.335, 1.12, 0.295))
    keys = (
        Key(360, right=close, left=close, head=(2, 0, 0)),
        Key(620, right=wide, left=wide, head=(-1, 0, 3), torso=(-1, 0, 0)),
        Key(1050, right=rest, left=rest, head=(1, 0, 2)),
    )
    return Gesture(name="open_palms", prep_ms=360, stroke_ms=620, retract_ms=600, holds=True, keys=keys)


def _welcome() -> Gesture:
    close = Arm((0.20, 1.18, 0.25), (-0.7, 0.5, 0.3), _DOWN_ELBOW, 0, hand="soft")
    wide = Arm((0.52, 1.235, 0.22), (-0.25, 0.7, 0.8), (0.15, -1.0, -0.7), -8, -8, 3, hand="open")
    keys = (
        Key(420, right=close, left=close, head=(3, 0, 0), torso=(2, 0, 0)),
        Key(820, right=wide, left=wide, head=(-4, 0, 3), torso=(-4, 0, 0), shift_m=(0, 0, 0.012)),
        Key(1350, right=replace(wide, wrist=(0.51, 1.21, 0.23)), left=wide, head=(0, 0, 4), torso=(-2, 0, 0)),
    )
    return Gesture(name="welcome", prep_ms=420, stroke_ms=820, retract_ms=750, holds=True, keys=keys)


def _thumbs_up() -> Gesture:
    low = Arm((0.20, 1.17, 0.27), (-1.0, -0.1, 0.1), _DOWN_ELBOW, hand="thumb_up")
    up = Arm((0.205, 1.245, 0.33), (-1.0, 0.0, 0.15), _DOWN_ELBOW, 0, 6, hand="thumb_up")
    keys = (
        Key(360, right=low),
        Key(540, right=up, head=(5, 0, 3)),
        Key(1050, right=replace(up, wrist=(0.205, 1.235, 0.33)), head=(-1, 0, 3)),
    )
    return Gesture(name="thumbs_up", prep_ms=360, stroke_ms=540, retract_ms=560, holds=True, keys=keys)


def _hands_together() -> Gesture:
    right = Arm((0.085, 1.065, 0.252), (-0.25, 0.25, -1.0), (0.9, -0.6, -0.5), 18, hand="soft", touching=True)
    left = Arm((0.095, 1.05, 0.205), (-0.25, 0.35, -1.0), (0.9, -0.6, -0.5), 18, hand="soft", touching=True)
    keys = (
        Key(480, right=replace(right, wrist=(0.15, 1.07, 0.25)), left=replace(left, wrist=(0.15, 1.05, 0.22))),
        Key(680, right=right, left=left, head=(2, 0, 2)),
        Key(1700, right=right, left=left, head=(0, 0, 2)),
    )
    return Gesture(name="hands_together", prep_ms=480, stroke_ms=680, retract_ms=700, holds=True, keys=keys)


def _clap() -> Gesture:
    def arm(out: float) -> Arm:
        return Arm((out, 1.20, 0.27), (-1.0, 0.12, 0.1), (0.8, -1.0, -0.5), -34, 14, hand="flat", touching=True)

    rows = [(420, 0.15), (540, 0.04), (680, 0.13), (800, 0.038), (940, 0.13), (1060, 0.038), (1220, 0.12)]
    keys = tuple(Key(at, right=arm(out), left=arm(out), head=(-2, 0, 2)) for at, out in rows)
    return Gesture(name="clap", prep_ms=420, stroke_ms=540, retract_ms=620, keys=keys)


def _count(name: str, hand: str) -> Gesture:
    up = Arm((0.25, 1.44, 0.155), (-0.25, 0.1, 1.0), (0.5, -1.0, -0.1), -4, hand=hand)
    low = replace(up, wrist=(0.25, 1.38, 0.18))
    held = replace(up, wrist=(0.25, 1.43, 0.157))
    keys = (Key(380, right=low), Key(540, right=up, head=(3, 0, 0)), Key(950, right=held, head=(-1, 0, 0)))
    return Gesture(name=name, prep_ms=380, stroke_ms=540, retract_ms=560, holds=True, keys=keys)


def _no() -> Gesture:
    def key(at_ms: float, out: float, deviation: float, turn: float) -> Key:
        arm = Arm((out, 1.37, 0.22), _FRONT, (0.6, -1.0, -0.2), -22, deviation, hand="open")
        return Key(at_ms, right=arm, head=(2, turn, 0))

    rows = [(360, 0.20, 8, -4), (540, 0.31, -14, 9), (740, 0.18, 14, -9), (940, 0.30, -12, 7), (1120, 0.24, 0, 0)]
    return Gesture(name="no", prep_ms=360, stroke_ms=540, retract_ms=560, keys=tuple(key(*row) for row in rows))


def _stop() -> Gesture:
    back = Arm((0.21, 1.27, 0.25), _FRONT, _DOWN_ELBOW, -50, hand="flat")
    out = Arm((0.19, 1.36, 0.39), _FRONT, (0.7, -1.0, -0.2), -66, hand="flat")
    keys = (
        Key(360, right=back),
        Key(540, right=out, head=(1, 0, 0), torso=(-2, 3, 0)),
        Key(1000, right=replace(out, wrist=(0.19, 1.35, 0.38)), torso=(-1, 2, 0)),
    )
    return Gesture(name="stop", prep_ms=360, stroke_ms=540, retract_ms=560, holds=True, keys=keys)


def _surprise() -> Gesture:
    up = Arm((0.30, 1.36, 0.22), (-0.4, 0.1, 1.0), (0.6, -1.0, -0.3), -24, hand="spread")
    settled = replace(up, wrist=(0.30, 1.31, 0.23), flex_deg=-16, shrug_deg=2, hand="open")
    keys = (
        Key(230, right=replace(up, shrug_deg=8), left=replace(up, shrug_deg=8), head=(-8, 0, 0), torso=(-5, 0, 0)),
        Key(380, right=up, left=up, head=(-7, 0, 0), torso=(-6, 0, 0), shift_m=(0, -0.012, -0.028)),
        Key(950, right=settled, left=settled, head=(-2, 0, 3), torso=(-2, 0, 0), shift_m=(0, 0, -0.015)),
    )
    return Gesture(name="surprise", prep_ms=230, stroke_ms=380, retract_ms=650, holds=True, keys=keys)


def _celebrate() -> Gesture:
    def key(at_ms: float, up: float, lift: float, pitch: float) -> Key:
        arm = Arm((0.34, up, 0.10), (-0.8, 0.0, 0.6), (0.9, -0.4, 0.3), 0, hand="fist")
        return Key(at_ms, right=arm, left=arm, head=(pitch, 0, 0), torso=(pitch * 0.5, 0, 0), shift_m=(0, lift, 0))

    rows = [(450, 1.62, -0.03, 2), (640, 1.78, 0, -9), (840, 1.66, -0.025, -3), (1040, 1.79, 0, -9)]
    rows += [(1240, 1.68, -0.02, -4), (1450, 1.74, 0, -5)]
    return Gesture(name="celebrate", prep_ms=450, stroke_ms=640, retract_ms=800, keys=tuple(key(*r) for r in rows))


def _salute() -> Gesture:
    brow = Arm((0.205, 1.565, 0.135), (-0.2, -1.0, 0.45), (1.0, -0.35, 0.1), 4, 8, hand="flat", touching=True)
    off = replace(brow, wrist=(0.29, 1.54, 0.24), deviation_deg=-4)
    keys = (Key(500, right=brow, torso=(-2, 0, 0)), Key(850, right=brow, torso=(-2, 0, 0)), Key(1100, right=off))
    return Gesture(name="salute", prep_ms=500, stroke_ms=500, retract_ms=620, keys=keys)


def _hands_on_hips() -> Gesture:
    hip = Arm((0.262, 1.03, 0.02), (-1.0, 0.1, -0.2), (1.0, 0.1, -0.5), 14, hand="fist", touching=True)
    keys = (Key(520, right=hip, left=hip, head=(-2, 0, 2)), Key(1900, right=hip, left=hip, head=(0, 0, 4)))
    return Gesture(name="hands_on_hips", prep_ms=520, stroke_ms=520, retract_ms=650, holds=True, keys=keys)


def _sway() -> Gesture:
    keys = (
        Key(700, hips=(0, 3, 2), shift_m=(-0.03, -0.004, 0.004), torso=(0, -2, -2.5), head=(0, -1, 1)),
        Key(1500, hips=(0, 3, 2), shift_m=(-0.03, -0.004, 0.004), torso=(0, -2, -2.5), head=(1, 2, 2)),
        Key(2600, hips=(0, -2, -1), shift_m=(0.014, 0, 0), torso=(0, 1, 1), head=(0, 0, 0)),
    )
    return Gesture(name="idle", prep_ms=700, stroke_ms=1500, retract_ms=1100, keys=keys)


def _listen() -> Gesture:
    lean = {"torso": (5.0, 2.0, 0.0), "hips": (2.0, 0.0, 0.0), "shift_m": (0.0, 0.0, -0.008)}
    heads = [(480, (-2, -2, 5)), (660, (5, -2, 6)), (920, (-1, -2, 6)), (2000, (-2, -1, 6))]
    keys = tuple(Key(at, head=head, **lean) for at, head in heads)  # type: ignore[arg-type]
    channels = frozenset({"torso"})  # the head stays free to nod
    return Gesture(name="listen", prep_ms=480, stroke_ms=660, retract_ms=800, holds=True, keys=keys, channels=channels)


def _head(name: str, prep_ms: float, rows: list[tuple[float, tuple[float, float, float]]], stroke_ms: float) -> Gesture:
    keys = tuple(Key(at, head=head) for at, head in rows)
    return Gesture(name=name, prep_ms=prep_ms, stroke_ms=stroke_ms, retract_ms=320, slack_ms=200, keys=keys)


_ONE_SIDED = (
    _wave(),
    _offer(),
    _think(),
    _look_away(),
    _point_self(),
    _point_you(),
    _thumbs_up(),
    _no(),
    _stop(),
    _salute(),
    _count("count_one", "point"),
    _count("count_two", "two"),
    _count("count_three", "three"),
    _count("show_rock", "fist"),
    _count("show_paper", "flat"),
    _count("show_scissors", "two"),
    _beat("beat_right", right=True, left=False),
    _head("tilt", 320, [(320, (1, 2, 10)), (900, (0, 2, 9))], 320),
)
_TWO_SIDED = (
    _sway(),
    _listen(),
    _shrug(),
    _bow(),
    _apology(),
    _open_palms(),
    _welcome(),
    _hands_together(),
    _clap(),
    _surprise(),
    _celebrate(),
    _hands_on_hips(),
    _beat("beat_both", right=True, left=True),
    _head(
        "nod", 110, [(110, (-2, 0, 0)), (270, (12, 0, 0)), (450, (-3, 0, 0)), (610, (8, 0, 0)), (780, (0, 0, 0))], 270
    ),
    _head("nod_once", 90, [(90, (-2, 0, 0)), (240, (9, 0, 0)), (430, (0, 0, 0))], 240),
    _head(
        "shake",
        130,
        [
            (130, (1, 8, 0)),
            (300, (2, -16, 0)),
            (500, (2, 15, 0)),
            (700, (2, -12, 0)),
            (880, (1, 7, 0)),
            (1020, (0, 0, 0)),
        ],
        300,
    ),
)


def _left_name(name: str) -> str:
    return name.replace("_right", "_left") if "_right" in name else f"{name}_left"


GESTURES: dict[str, Gesture] = {
    gesture.name: gesture
    for gesture in (*_ONE_SIDED, *(mirrored(g, _left_name(g.name)) for g in _ONE_SIDED), *_TWO_SIDED)
}
"""Every gesture by name. One-sided ones come twice: `wave_right` and `wave_left`, `think` and `think_left`, ..."""

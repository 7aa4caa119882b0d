"""A character's body over one stretch of time: idle life, gestures on their words, gaze, feet on the ground.

Layers, from below: stance, idle life, gestures in the order in which they begin, gaze, the fading start pose, legs.
All but the last two are sums and weighted means of postures (see `arms`), so nothing can flip.
"""

from dataclasses import dataclass

import numpy as np

from solami.behaviour.arms import posture_rotations
from solami.behaviour.attention import Attention
from solami.behaviour.blend import BLEND_MS, Seam
from solami.behaviour.feet import Feet, Place, find_place
from solami.behaviour.gesture import BODY_INDICES, PEAK, Gesture, Track, minimum_jerk
from solami.behaviour.gestures import GESTURES
from solami.behaviour.idle import WEIGHT_M, Idle
from solami.behaviour.legs import LEG_JOINTS, plant_legs
from solami.behaviour.recorded import INSTEAD, Recorded, RecordedGesture
from solami.behaviour.stance import stance
from solami.behaviour.style import Style
from solami.behaviour.walk import Walk
from solami_protocol import quaternions as q
from solami_protocol.errors import InputError
from solami_protocol.skeleton import FPS

__all__ = ["Performance"]

_FRAME_MS = 1000.0 / FPS
_LEAST_PREP = 0.55  # a preparation may be squeezed to this share
_HASTE = 1.3  # and a gesture that is late may be so much quicker on its way from there to the stroke
# No joint of an arm is driven faster, whatever tempo and haste ask for: lively speakers' wrists peak at 3 to 4 m/s.
_FASTEST_RAD_PER_MS = np.radians(620.0) / 1000.0
_LONGEST_BLEND_MS = 550.0
_FARTHEST_M = 2.0
_STROKE_MS = 120.0  # after its peak a stroke is seen; then the arm may go elsewhere


@dataclass
class _Placed:
    """A gesture in time. Weight rises over the preparation from `start_ms` and falls from `release_ms` on."""

    gesture: Gesture | RecordedGesture
    track: Track
    pace: float  # this many local milliseconds pass in one of ours
    start_ms: float
    prep_ms: float
    stroke_ms: float
    release_ms: float
    retract_ms: float
    peak: float  # weight at the top: no two beats are of one size

    @property
    def end_ms(self) -> float:
        lag = self.track.lag_ms.max(initial=0.0)
        return self.release_ms + self.retract_ms + lag

    @property
    def busy_ms(self) -> float:
        """Until here it must be left alone; after it another may take over."""
        return min(self.release_ms, self.stroke_ms + _STROKE_MS / self.pace)

    def weights(self, t_ms: np.ndarray, lag_ms: np.ndarray) -> np.ndarray:
        """Return (T, L) weights 0 to 1, each column later by its lag."""
        t = t_ms[:, None] - lag_ms
        rise = minimum_jerk((t - self.start_ms) / self.prep_ms)
        return rise * (1 - minimum_jerk((t - self.release_ms) / self.retract_ms))

    def local_ms(self, t_ms: np.ndarray) -> np.ndarray:
        return self.gesture.prep_ms + (t_ms - self.start_ms - self.prep_ms) * self.pace


class Performance:
    """Frames of one character from time 0 on. Not thread-safe; nothing happens between calls.

    start: the last frame shown, (3,) and (55, 4), or the last few, (P, 3) and (P, 55, 4), whose velocity is then taken
    over; the character goes on from where these feet stand. None: the stance at the origin, facing +z.
    loop_ms: idle life repeats exactly after this time, for clips that are played in a circle
    recorded: gestures to play instead of the authored ones of their names, where they can be on time
    """

    def __init__(
        self,
        style: Style | None = None,
        start: tuple[np.ndarray, np.ndarray] | None = None,
        seed: int = 0,
        *,
        loop_ms: float | None = None,
        recorded: Recorded | None = None,
    ) -> None:
        self._style = style or Style()
        self._recorded: Recorded = recorded or {}
        self._last_recorded: RecordedGesture | None = None
        self._stance = stance(self._style)
        self._rng = np.random.default_rng([seed, 0xBEA7])
        self._frame = 0
        self._placed: list[_Placed] = []
        self._attention = Attention()
        self._walks: list[Walk] = []
        self._seam: Seam | None = None
        shown = None if start is None else (np.atleast_2d(start[0]), start[1].reshape(-1, *start[1].shape[-2:]))
        self._shown = shown
        if shown is None:
            origin = np.array([0.0, 0.0, self._stance.ankle_m[:, 2].mean()])
            self._place = Place(origin, np.array([0.0, 0.0, 0.0, 1.0]))
            self._feet = Feet(self._stance, self._place, None)
            self._idle = Idle(self._style, seed, period_ms=loop_ms)
        else:
            self._place = find_place(shown[0][-1], shown[1][-1])
            self._feet = Feet(self._stance, self._place, (shown[0][-1], shown[1][-1]))
            sideways_m = float(self._place.to_local(shown[0][-1].astype(np.float64))[0])
            weight = float(np.clip(sideways_m / WEIGHT_M, -1.1, 1.1))
            self._idle = Idle(self._style, seed, side=weight, period_ms=loop_ms)

    @property
    def rendered_ms(self) -> float:
        """The time of the next frame; all before it is rendered."""
        return self._frame * _FRAME_MS

    def cue(
        self, gesture: str, stroke_ms: float, *, hold_ms: float = 0.0, late_ms: float | None = None
    ) -> float | None:
        """Place a gesture so that its stroke falls at `stroke_ms`; return when it will fall, None if dropped.

        A late cue, or one whose arm is still busy, gets a shorter preparation, then a quicker pace, then a later
        stroke, up to `late_ms` (the gesture's `slack_ms` where not given); beyond that it is dropped. `hold_ms` keeps
        the last posture. Raises InputError for an unknown name (`solami.behaviour.resolve` finds one) and for a hold
        that the gesture does not allow.
        """
        found = GESTURES.get(INSTEAD.get(gesture, gesture))
        if found is None:
            raise InputError(f"no gesture {gesture!r}; known: {', '.join(sorted(GESTURES))}")
        if hold_ms > 0 and not found.holds:
            raise InputError(f"gesture {gesture!r} cannot be held; leave hold_ms out")
        placed = self._fitted_recorded(gesture, stroke_ms) if hold_ms == 0 else None
        placed = placed or self._fitted(found, stroke_ms, hold_ms, found.slack_ms if late_ms is None else late_ms)
        if placed is None:
            return None
        for other in self._placed:
            shared = other.gesture.channels & placed.gesture.channels
            if shared and other.start_ms <= placed.start_ms < other.release_ms:
                other.release_ms = max(placed.start_ms, self.rendered_ms)
        self._placed.append(placed)
        self._placed.sort(key=lambda p: p.start_ms)
        return placed.stroke_ms

    def look_at(self, target_m: np.ndarray | None) -> None:
        """From the next frame on look at a point (3,) of the world (usually the user's head); None lets go."""
        self._attention.aim(target_m, self.rendered_ms)

    def step(self, ahead_m: float, aside_m: float = 0.0, turn_rad: float = 0.0) -> float:
        """Walk to a place relative to where the character stands then; return when it has arrived.

        Left and turning left are positive. Behind a walk that goes on the next one begins; the way is at most 2 m.
        """
        start = self._walks[-1].goal if self._walks else self._place
        ankle_m, foot = self._standing()
        way_m = np.array([aside_m, 0.0, ahead_m])
        if np.linalg.norm(way_m) > _FARTHEST_M:
            raise InputError(f"a way of {np.linalg.norm(way_m):.2f} m; expected at most {_FARTHEST_M:g} m")
        turned = q.multiply(start.yaw, q.from_rotvec(np.array([0.0, turn_rad, 0.0])))
        goal = Place(start.to_world(way_m), turned)
        begin_ms = max(self._walks[-1].end_ms if self._walks else 0.0, self.rendered_ms, self._feet.settled_ms)
        self._walks.append(Walk(self._stance, start, goal, ankle_m, foot, begin_ms))
        return self._walks[-1].end_ms

    def _standing(self) -> tuple[np.ndarray, np.ndarray]:
        """Return the feet behind all steps that are planned: ankles (2, 3), rotations (2, 4)."""
        if not self._walks:
            return self._feet.ankle_m, self._feet.foot
        ankle_m, foot = self._walks[-1].feet(np.array([self._walks[-1].end_ms]))
        return ankle_m[0], foot[0]

    def _ground(self, t_ms: np.ndarray) -> Place:
        """Return where the stance is: one place, or one a frame where there are walks."""
        if not self._walks:
            return self._place
        origin_m, yaw = (np.repeat(part[None], len(t_ms), axis=0) for part in (self._place.origin_m, self._place.yaw))
        for walk in self._walks:
            if (on := t_ms >= walk.begin_ms).any():
                place = walk.place(t_ms[on])
                origin_m[on], yaw[on] = place.origin_m, place.yaw
        return Place(origin_m, yaw)

    def _feet_at(self, t_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return ankles (T, 2, 3) metres and the feet's world rotations (T, 2, 4)."""
        ankle_m, foot = self._feet.at(t_ms)
        for walk in self._walks:
            if (on := t_ms >= walk.begin_ms).any():
                ankle_m, foot = ankle_m.copy(), foot.copy()
                ankle_m[on], foot[on] = walk.feet(t_ms[on])
        return ankle_m, foot

    def settle(self, duration_ms: float = 600.0) -> float:
        """Drop what has not begun, ease the rest back to the stance; return the time from which only idle is left."""
        now = self.rendered_ms
        self._placed = [p for p in self._placed if p.start_ms < now]
        for placed in self._placed:
            if placed.release_ms > now:
                placed.release_ms = now
                placed.retract_ms = min(placed.retract_ms, duration_ms) if duration_ms > 0 else placed.retract_ms
        return max((p.end_ms for p in self._placed), default=now)

    def render(self, until_ms: float) -> tuple[np.ndarray, np.ndarray]:
        """Return the next frames before `until_ms`: root (T, 3) in metres, rotations (T, 55, 4), float32.

        Frame k lies at k * 1000 / 30 ms; T is 0 when all of them are rendered already.
        """
        last = int(np.ceil(until_ms / _FRAME_MS - 1e-6))
        frames = np.arange(self._frame, max(last, self._frame))
        if len(frames) == 0:
            return np.zeros((0, 3), np.float32), np.zeros((0, 55, 4), np.float32)
        t_ms = frames * _FRAME_MS
        root_m, rotations = self._upper_body(t_ms)
        if self._shown is not None:
            # built now and not earlier, so that a gaze set before the first frame fades in with the rest
            first = (root_m, rotations) if len(t_ms) > 1 else self._upper_body(np.array([0.0, _FRAME_MS]))
            self._seam, self._shown = _seam(self._shown, first), None
        if self._seam is not None:
            root_m, rotations = self._seam.apply(t_ms, root_m, rotations)
            if t_ms[-1] > self._seam.duration_ms:
                self._seam = None
        ankle_m, foot = self._feet_at(t_ms)
        for joints, turns in zip(LEG_JOINTS, plant_legs(root_m, rotations[:, 0], ankle_m, foot), strict=True):
            rotations[:, joints] = turns
        self._frame = int(frames[-1]) + 1
        self._placed = [p for p in self._placed if p.end_ms > t_ms[-1]]
        return root_m.astype(np.float32), rotations.astype(np.float32)

    def _upper_body(self, t_ms: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return root (T, 3) and rotations (T, 55, 4) without legs and before the start pose fades in."""
        posture = np.repeat(self._stance.posture[None], len(t_ms), axis=0)
        shift_m = np.zeros((len(t_ms), 3))
        free = np.ones(len(t_ms))
        for placed in self._placed:
            if placed.start_ms < t_ms[-1] and placed.end_ms > t_ms[0]:
                _lay(placed, t_ms, posture, shift_m, free)
        self._idle.apply(t_ms, posture, shift_m)
        rotations = posture_rotations(posture)
        ground = self._ground(t_ms)
        rotations[:, 0] = q.multiply(ground.yaw, rotations[:, 0])
        pelvis_m = self._stance.pelvis_m - [0.0, 0.0, self._stance.ankle_m[:, 2].mean()]
        root_m = ground.to_world(pelvis_m + shift_m)
        return root_m, self._attention.apply(t_ms, rotations, root_m, free)

    def _fitted_recorded(self, name: str, stroke_ms: float) -> _Placed | None:
        """Return a recording that can be on time: one about as lively as the character, not the same again."""
        choices = list(self._recorded.get(name, ()))
        if not choices:
            return None
        wanted = self._style.energy / 1.5 * (len(choices) - 1) + self._rng.normal(0, 0.7)
        order = sorted(choices, key=lambda one: abs(choices.index(one) - wanted))
        for one in sorted(order, key=lambda one: one is self._last_recorded):
            placed = self._fitted(one, stroke_ms, 0.0, one.slack_ms)
            if placed is not None:
                self._last_recorded = one
                return placed
        return None

    def _fitted(
        self, gesture: Gesture | RecordedGesture, stroke_ms: float, hold_ms: float, late_ms: float
    ) -> _Placed | None:
        """Return the gesture placed as near to the wish as what is rendered and what its limbs do allow."""
        track = gesture.track(self._style)
        rivals = [p for p in self._placed if p.gesture.channels & gesture.channels]
        pace = self._style.tempo**0.7 * float(self._rng.uniform(0.95, 1.06))
        fastest = _FASTEST_RAD_PER_MS / max(track.fastest_rad_per_ms, 1e-9)
        pace = min(pace, fastest)
        least_ms = PEAK * track.way_rad(self._posture_before(rivals, stroke_ms)) / _FASTEST_RAD_PER_MS
        least_ms = max(least_ms, _LEAST_PREP * gesture.prep_ms / pace)
        prep_ms = max(gesture.prep_ms / pace, least_ms)
        earliest_ms = max([self.rendered_ms] + [p.busy_ms for p in rivals if p.stroke_ms <= stroke_ms])
        way_ms = gesture.stroke_ms - gesture.prep_ms
        hurried_ms = max(stroke_ms - earliest_ms - least_ms, way_ms / min(_HASTE * pace, fastest))
        pace = max(pace, way_ms / hurried_ms) if way_ms > 0 else pace
        lead_ms = prep_ms + way_ms / pace
        after_ms = (gesture.last_ms - gesture.stroke_ms) / pace + hold_ms
        start_ms = stroke_ms - lead_ms
        if start_ms < earliest_ms:
            squeeze_ms = min(earliest_ms - start_ms, prep_ms - least_ms)
            prep_ms, lead_ms = prep_ms - squeeze_ms, lead_ms - squeeze_ms
            start_ms = max(stroke_ms - lead_ms, earliest_ms)
        actual_ms = start_ms + lead_ms
        if actual_ms - stroke_ms > late_ms:
            return None
        release_ms = actual_ms + after_ms
        following = min((p.start_ms for p in rivals if p.stroke_ms > stroke_ms), default=np.inf)
        if actual_ms + _STROKE_MS / pace > following:
            return None
        return _Placed(
            gesture=gesture,
            track=track,
            pace=pace,
            start_ms=start_ms,
            prep_ms=prep_ms,
            stroke_ms=actual_ms,
            release_ms=min(release_ms, max(following, actual_ms + _STROKE_MS / pace)),
            retract_ms=gesture.retract_ms / pace,
            peak=1.0 if gesture.touches else float(self._rng.uniform(0.94, 1.0)),
        )

    def _posture_before(self, rivals: list[_Placed], stroke_ms: float) -> np.ndarray:
        """Return the posture (55, 3) from which a gesture may have to start: rest, or what its rivals hold."""
        posture = self._stance.posture.copy()
        for rival in rivals:
            if rival.stroke_ms <= stroke_ms < rival.end_ms + 600.0:
                posture[rival.track.arm_indices] = rival.track.arms[-1]
        return posture


def _seam(shown: tuple[np.ndarray, np.ndarray], first: tuple[np.ndarray, np.ndarray]) -> Seam:
    """Return the fade from the frames shown to the first two of ours; far poses take longer: no arm is thrown."""
    before, after = shown[1][-2:].astype(np.float64), first[1][:2].copy()
    legs = LEG_JOINTS.ravel()  # they come from the feet, which fade by themselves
    before[:, legs] = after[:, legs] = after[:1, legs]
    farthest = float(q.angle_between(after[0], before[-1]).max())
    duration_ms = float(np.clip(BLEND_MS * farthest / np.radians(35.0), BLEND_MS, _LONGEST_BLEND_MS))
    return Seam(shown[0][-2:], before, first[0][:2], after, duration_ms=duration_ms)


def _lay(placed: _Placed, t_ms: np.ndarray, posture: np.ndarray, shift_m: np.ndarray, free: np.ndarray) -> None:
    """Lay a gesture over postures (T, 55, 3), shift (T, 3) and the gaze's freedom (T,), in place."""
    arms, body, shift = placed.track.at(placed.local_ms(t_ms))
    whole = placed.weights(t_ms, np.zeros(1))
    if len(placed.track.arm_indices):
        below = posture[:, placed.track.arm_indices]
        weight = placed.weights(t_ms, placed.track.lag_ms)[..., None] * placed.peak
        posture[:, placed.track.arm_indices] = below + weight * (arms - below)
    posture[:, BODY_INDICES] += whole[..., None] * body
    shift_m += whole * shift
    free *= 1 - whole[:, 0] * (1 - placed.gesture.gaze)

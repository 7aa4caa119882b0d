"""Waves: a raised hand that goes from side to side.

Built from swings of the fingertips away from and towards the body. A swing counts when the hand stays up all the way,
moves more sideways than forward or up and down, and shows its palm; three swings in a row are a wave. Raising and
lowering a hand makes two at most. Thresholds were chosen on the styles in `evaluate.CHOSEN_ON` and judged on others.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from solami.perception.features import BodyFrame, HandFrame
from solami.perception.percept import Percept, Side
from solami.perception.swings import Swing, SwingFinder

__all__ = ["WaveDetector"]

_SWINGS_NEEDED = 3
_TURN_BACK_M = 0.04
_SIZE_M = 0.05
_UP_M = -0.25  # fingertips above the shoulder: at least at chest height, all the way
_RISE_PER_SIZE = 1.3  # wide waves are arcs about the elbow and fall at one end
_AHEAD_PER_SIZE = 1.2
_DURATION_S = (0.06, 1.3)
_PAUSE_S = 1.5  # between the ends of two swings of one wave
_PALM = 0.3  # mean of the swing; talking, walking and boxing hands swing too, with palms in or down
_WALK_M_S, _WALK_UP_M = 0.3, -0.05  # hands swing with the steps: on the way only higher waves count
# over when the hand is down, still, or late for its next turn
_DOWN_M = -0.30
_DOWN_S = 0.06
_STILL_M, _STILL_S = 0.03, 0.35
_LATE_SHARE, _LATE_S = 1.5, 0.3
_MEMORY_FRAMES = 256  # 2.8 s at 90 frames a second


@dataclass(frozen=True, slots=True)
class _Run:
    """Swings in a row that count."""

    swings: int
    began_us: int
    last: Swing


class _Hand:
    """One hand's swings and what of them is a wave."""

    def __init__(self, side: Literal["left", "right"]) -> None:
        self.side = side
        self.reset()

    def reset(self) -> None:
        self._finder = SwingFinder(_TURN_BACK_M)
        self.run: _Run | None = None
        self._up_us = 0

    def feed(self, frame: BodyFrame, memory: deque[BodyFrame]) -> None:
        hand = _hand(frame, self.side)
        if not hand.seen:
            self.reset()
            return
        if hand.over_shoulder_m > _DOWN_M:
            self._up_us = frame.t_us
        swing = self._finder.feed(frame.t_us, hand.out_m)
        if swing is None:
            return
        if not self._counts(swing, memory):
            self.run = None
        elif self.run is None or (swing.to_us - self.run.last.to_us) / 1e6 > _PAUSE_S:
            self.run = _Run(1, swing.from_us, swing)
        else:
            self.run = replace(self.run, swings=self.run.swings + 1, last=swing)

    def is_over(self, frame: BodyFrame, memory: deque[BodyFrame]) -> bool:
        """Return whether a wave that this hand made has ended."""
        if self.run is None or (frame.t_us - self._up_us) / 1e6 >= _DOWN_S:
            return True
        last = self.run.last
        if (frame.t_us - last.to_us) / 1e6 > last.duration_s * _LATE_SHARE + _LATE_S:
            return True
        recent = [_hand(f, self.side) for f in _since(memory, frame.t_us - int(_STILL_S * 1e6))]
        long_enough = memory[0].t_us <= frame.t_us - int(_STILL_S * 1e6)
        spread = max(h.out_m for h in recent) - min(h.out_m for h in recent)
        return long_enough and spread < _STILL_M

    def _counts(self, swing: Swing, memory: deque[BodyFrame]) -> bool:
        frames = list(_since(memory, swing.from_us))
        hands = [_hand(f, self.side) for f in frames]
        inside = [h for f, h in zip(frames, hands, strict=True) if f.t_us <= swing.to_us]
        if len(inside) < 2 or not _DURATION_S[0] < swing.duration_s < _DURATION_S[1]:
            return False
        up = min(h.over_shoulder_m for h in hands)
        if up < (_WALK_UP_M if _speed(memory) > _WALK_M_S else _UP_M) or swing.size < _SIZE_M:
            return False
        first, last = inside[0], inside[-1]
        if abs(last.up_m - first.up_m) > _RISE_PER_SIZE * swing.size:
            return False
        if abs(last.ahead_m - first.ahead_m) > _AHEAD_PER_SIZE * swing.size:
            return False
        return sum(h.palm_ahead for h in inside) / len(inside) > _PALM


class WaveDetector:
    """Waves of either hand or both; one at a time."""

    def __init__(self) -> None:
        self._hands = (_Hand("left"), _Hand("right"))
        self._memory: deque[BodyFrame] = deque(maxlen=_MEMORY_FRAMES)
        self._wave: Percept | None = None

    def feed(self, frame: BodyFrame) -> Iterator[Percept]:
        """Yield what this frame settled."""
        self._memory.append(frame)
        for hand in self._hands:
            hand.feed(frame, self._memory)
        if self._wave is None:
            yield from self._begin(frame)
        else:
            yield from self._go_on(frame)

    @property
    def waving(self) -> bool:
        """Return whether a wave is going on, or has begun to be one (two swings)."""
        runs = [hand.run for hand in self._hands if hand.run is not None]
        return self._wave is not None or any(run.swings >= _SWINGS_NEEDED - 1 for run in runs)

    def stop(self, t_us: int) -> Iterator[Percept]:
        """Yield the end of a wave that is going on, and forget what was: frames stopped or tracking was lost."""
        if self._wave is not None:
            yield replace(self._wave, phase="ended", t_us=t_us)
        self._wave = None
        self._memory.clear()
        for hand in self._hands:
            hand.reset()

    def _begin(self, frame: BodyFrame) -> Iterator[Percept]:
        runs = [(hand, hand.run) for hand in self._hands if hand.run is not None]
        sure = [run for _, run in runs if run.swings >= _SWINGS_NEEDED]
        if sure:
            # the other hand is part of it with one swing less: hands do not turn in the same frame
            side = _side([hand for hand, run in runs if run.swings >= _SWINGS_NEEDED - 1])
            began_us = min(run.began_us for run in sure)
            self._wave = Percept("wave", side, self._confidence(frame, side), frame.t_us, "began", began_us)
            yield self._wave

    def _go_on(self, frame: BodyFrame) -> Iterator[Percept]:
        assert self._wave is not None
        going = [hand for hand in self._hands if not hand.is_over(frame, self._memory)]
        going = [h for h in going if h.run is not None and h.run.swings >= _SWINGS_NEEDED - 1]
        if not going:
            ended = replace(self._wave, phase="ended", t_us=frame.t_us)
            self._wave = None
            for hand in self._hands:
                hand.reset()
            yield ended
            return
        side = _side(going)
        merged: Side = self._wave.side if side in ("", self._wave.side) else "both"
        confidence = max(self._wave.confidence, self._confidence(frame, merged))
        self._wave = replace(self._wave, side=merged, confidence=confidence)

    def _confidence(self, frame: BodyFrame, side: Side) -> float:
        """Half of what is left with every further swing; a tenth less for an arm that was not measured."""
        swings = max(hand.run.swings for hand in self._hands if hand.run is not None)
        hands = [h for h, s in ((frame.left, "left"), (frame.right, "right")) if side in (s, "both")]
        return (1 - 0.5 ** (swings - 1)) * (1.0 if all(h.certain for h in hands) else 0.9)


def _side(hands: list[_Hand]) -> Side:
    return "both" if len(hands) == 2 else hands[0].side if hands else ""


def _hand(frame: BodyFrame, side: str) -> HandFrame:
    return frame.left if side == "left" else frame.right


def _since(memory: deque[BodyFrame], t_us: int) -> Iterator[BodyFrame]:
    return (frame for frame in memory if frame.t_us >= t_us)


def _speed(memory: deque[BodyFrame]) -> float:
    """Return the root's speed over the ground in the last half second, m/s."""
    now = memory[-1]
    then = next(_since(memory, now.t_us - 500_000))
    dt = (now.t_us - then.t_us) / 1e6
    dx, dz = now.root_m[0] - then.root_m[0], now.root_m[1] - then.root_m[1]
    return (dx * dx + dz * dz) ** 0.5 / dt if dt > 0.05 else 0.0

"""The user's body as a stream of percepts."""

import itertools
from collections.abc import Iterator

import numpy as np

from solami.perception.features import BodyFrame, body_frames
from solami.perception.nods import HeadDetector
from solami.perception.percept import Percept
from solami.perception.places import LookDetector, StepDetector
from solami.perception.pointing import PointDetector
from solami.perception.postures import BowDetector, RaisedHandDetector
from solami.perception.tracking import TrackingWatch, usable
from solami.perception.wave import WaveDetector
from solami_protocol.errors import ProtocolError
from solami_protocol.skeleton import JOINT_COUNT

__all__ = ["Perception"]

_GAP_US = 500_000  # frames further apart are not one movement


class Perception:
    """Watches one user. Not thread safe; one instance a session."""

    def __init__(self) -> None:
        self._tracking = TrackingWatch()
        self._wave = WaveDetector()
        self._raised = RaisedHandDetector()
        self._bow = BowDetector()
        self._head = HeadDetector()
        self._point = PointDetector()
        self._step = StepDetector()
        self._looking = LookDetector()
        self._last_us: int | None = None

    def feed(self, t_us: np.ndarray, root_m: np.ndarray, rotations: np.ndarray, validity: np.ndarray) -> list[Percept]:
        """Return what these frames settled, in order of time.

        t_us: (T,) int64, rising; root_m: (T, 3); rotations: (T, 55, 4) x y z w local to the T-pose;
        validity: (T, 55) uint8, 0 absent, 1 inferred, 2 measured. Frames at or before the last one are dropped (a
        resumed client sends some twice). Raises ProtocolError when the shapes do not fit each other.
        """
        frames = len(t_us)
        for name, array, shape in (
            ("t_us", t_us, (frames,)),
            ("root_m", root_m, (frames, 3)),
            ("rotations", rotations, (frames, JOINT_COUNT, 4)),
            ("validity", validity, (frames, JOINT_COUNT)),
        ):
            if array.shape != shape:
                raise ProtocolError(name, f"has shape {array.shape}; expected {shape}")
        before = self._last_us if self._last_us is not None else np.iinfo(np.int64).min
        rising = t_us > np.maximum.accumulate(np.concatenate([[before], t_us]))[:-1]
        if not rising.all():
            t_us, root_m, rotations, validity = t_us[rising], root_m[rising], rotations[rising], validity[rising]
        if len(t_us) == 0:
            return []
        good = usable(rotations, validity)
        moments = iter(body_frames(t_us[good], root_m[good], rotations[good], validity[good]) if good.any() else ())
        out: list[Percept] = []
        for i, t in enumerate(t_us.tolist()):
            if self._last_us is not None and t - self._last_us > _GAP_US:
                out += self._stop(self._last_us)
            self._last_us = t
            was_lost = self._tracking.lost
            out += self._tracking.feed(t, root_m[i], rotations[i], validity[i])
            moment = next(moments) if good[i] else None
            if self._tracking.lost and not was_lost:
                out += self._stop(t)
            if moment is not None and not self._tracking.lost:
                out += self._look(moment)
        return out

    def wait(self, t_us: int) -> list[Percept]:
        """Return what ended because no frame has come for half a second before `t_us`; call it when frames stop."""
        if self._last_us is None or t_us - self._last_us <= _GAP_US:
            return []
        return list(self._stop(self._last_us))

    def _look(self, frame: BodyFrame) -> Iterator[Percept]:
        yield from self._wave.feed(frame)
        yield from self._raised.feed(frame, self._wave.waving)
        yield from self._bow.feed(frame)
        yield from self._head.feed(frame, self._wave.waving)
        yield from self._point.feed(frame, self._wave.waving)
        yield from self._step.feed(frame)
        yield from self._looking.feed(frame)

    def _stop(self, t_us: int) -> Iterator[Percept]:
        return itertools.chain.from_iterable(
            part.stop(t_us)
            for part in (self._wave, self._raised, self._bow, self._head, self._point, self._step, self._looking)
        )

"""The playout of a headset (DESIGN 3.5, 3.7, 3.9): audio is the clock, body and face are sampled at its position.

A model with no clock of its own: the caller moves it by `advance(now_ms)`. One tick is 1/120 s, 200 samples; all that
arrives between two ticks counts at the later one. `Shown` frames come out at 60 a second.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from solami.headset.epoch_buffer import RATE_HZ, EpochBuffer
from solami.headset.idle_layer import FADE_MS, Figure, IdleLayer, blend, ease
from solami.headset.standing import apart_m, seen_from
from solami_protocol.control import (
    Cancel,
    DownMessage,
    EpochEnd,
    EpochStart,
    Hold,
    Place,
    PlaybackState,
    Release,
    State,
)
from solami_protocol.media import MediaFrame

__all__ = ["Playout", "Report", "Shown"]

TICK_HZ = 120
TICK_MS = 1000 / TICK_HZ
TICK_SAMPLES = RATE_HZ // TICK_HZ  # 200
SHOWN_EVERY = 2  # ticks: 60 figures a second
BUFFER_MS, BUFFER_MIN_MS, BUFFER_MAX_MS, BUFFER_STEP_MS = 100.0, 60.0, 300.0, 40.0
CALM_MS = 10_000.0  # without an underrun for this long the buffer shrinks a step
EASE_AFTER_MS = 200.0  # a stall longer than this eases to idle
REPORT_MS = 200.0
STEP_M = 0.5


@dataclass(frozen=True, slots=True)
class Report:
    """A playback report for the relay."""

    epoch: int
    state: PlaybackState
    audio_ms: float


@dataclass(frozen=True, slots=True)
class Shown:
    """What is seen at `t_ms`: the epoch and play head that it belongs to (0 and 0 between epochs), and the figure.

    Poses are in the coordinates of the place where the character was put. `skew_ms`: distance from the play head to the
    newest pose and face samples; None while nothing plays.
    """

    t_ms: float
    epoch: int
    head_ms: float
    root_m: np.ndarray
    rotations: np.ndarray
    face: np.ndarray
    skew_ms: float | None


class Playout:
    """One character as a headset plays it. `report` is called for every playback report."""

    def __init__(self, idle: IdleLayer, report: Callable[[Report], None], output_latency_ms: float = 0.0) -> None:
        self.epochs: dict[int, EpochBuffer] = {}
        self.shown: list[Shown] = []
        self.heard: list[np.ndarray] = []
        self.stalls = 0
        self.dropped_frames = 0
        self.epoch_spans: dict[int, tuple[float, float]] = {}
        self._idle = idle
        self._report = report
        self._latency_ms = output_latency_ms
        self._ticks = 0
        self._order: list[int] = []
        self._dead: set[int] = set()
        self._mode = "waiting"  # waiting (for the buffer), playing, held, stalled
        self._target_ms = BUFFER_MS
        self._stalled_ms = 0.0
        self._last_stall_ms = 0.0
        self._reported_ms = 0.0
        self._weight = 0.0  # share of the epoch's figure over idle's
        self._last_figure: Figure | None = None
        self._home: Place | None = None
        self._stands: Place | None = None
        """Where the character stands while it is alone: as the last epoch left it."""

    @property
    def now_ms(self) -> float:
        """Time of the last tick."""
        return self._ticks * TICK_MS

    @property
    def current(self) -> EpochBuffer | None:
        """The epoch that is played or waits to be."""
        return self.epochs[self._order[0]] if self._order else None

    def on_message(self, message: DownMessage) -> None:
        """Take in a control message."""
        match message:
            case EpochStart(epoch=epoch, kind=kind, space=place):
                self.epochs[epoch] = EpochBuffer(epoch, kind, place)
                self._order.append(epoch)
                if self._stands is None or apart_m(self._stands, place) > STEP_M:
                    self._home = self._stands = place  # it was put elsewhere: nobody walked there
            case EpochEnd(epoch=epoch, audio_ms=audio_ms) if epoch in self.epochs:
                buffer = self.epochs[epoch]
                buffer.expected = round(audio_ms * RATE_HZ / 1000)
                buffer.complete = buffer.complete or len(buffer.pcm) >= buffer.expected - 1
            case Hold(epoch=epoch) if self._is_current(epoch) and self._mode != "held":
                self._mode = "held"
                self._say("held")
            case Release(epoch=epoch) if self._is_current(epoch) and self._mode == "held":
                self._mode = "playing"
                self._say("playing")
            case Cancel(epoch=epoch):
                self._cancel(epoch)
            case State(state=state):
                self._idle.set_state(state, self.now_ms)

    def _is_current(self, epoch: int) -> bool:
        return bool(self._order) and self._order[0] == epoch

    def _cancel(self, epoch: int) -> None:
        self._dead.add(epoch)
        if epoch not in self._order:
            return
        buffer = self.epochs[epoch]
        if self._is_current(epoch):
            self._leave("cut")
        else:
            self._order.remove(epoch)
            self._report(Report(epoch, "cut", buffer.head_ms))

    def on_media(self, frame: MediaFrame, size: int) -> None:
        """Take in a media frame; one of a cancelled or unknown epoch is dropped and counted."""
        if frame.epoch in self._dead or frame.epoch not in self.epochs:
            self.dropped_frames += 1
            return
        buffer = self.epochs[frame.epoch]
        buffer.put(frame, size, self.now_ms)
        if buffer.expected is not None and len(buffer.pcm) >= buffer.expected - 1:
            buffer.complete = True

    def advance(self, now_ms: float) -> None:
        """Play up to `now_ms`."""
        while self.now_ms + TICK_MS <= now_ms:
            self._tick()

    def _tick(self) -> None:
        self._ticks += 1
        samples = self._play()
        self.heard.append(np.concatenate([samples, np.zeros(TICK_SAMPLES - len(samples), np.int16)]))
        if self._ticks % SHOWN_EVERY == 0:
            self.shown.append(self._show())
        buffer = self.current
        if buffer is not None and self._mode == "playing":
            if buffer.finished:
                self._leave("finished")
            elif self.now_ms - self._reported_ms >= REPORT_MS:
                self._say("playing")

    def _play(self) -> np.ndarray:
        buffer = self.current
        nothing = np.zeros(0, np.int16)
        if buffer is None or self._mode == "held":
            return nothing
        if self._mode in ("waiting", "stalled"):
            if not (buffer.buffered_ms >= self._target_ms or (buffer.complete and buffer.buffered_ms > 0)):
                self._stalled_ms += TICK_MS if self._mode == "stalled" else 0.0
                if buffer.complete and buffer.finished:
                    self._leave("finished")
                return nothing
            first = self._mode == "waiting"
            self._mode = "playing"
            if first:
                self.epoch_spans[buffer.epoch] = (self.now_ms - TICK_MS, self.now_ms)
                self._say("started")
        samples = buffer.take(TICK_SAMPLES)
        self.epoch_spans[buffer.epoch] = (self.epoch_spans[buffer.epoch][0], self.now_ms)
        if len(samples) < TICK_SAMPLES and not buffer.complete:
            self._stall()
        return samples

    def _stall(self) -> None:
        self._mode = "stalled"
        self._stalled_ms = 0.0
        self.stalls += 1
        self._last_stall_ms = self.now_ms
        self._target_ms = min(BUFFER_MAX_MS, self._target_ms + BUFFER_STEP_MS)

    def _leave(self, state: PlaybackState) -> None:
        self._say(state)
        self._stands = self.epochs[self._order.pop(0)].place
        self._mode = "waiting"
        if self.now_ms - self._last_stall_ms > CALM_MS:
            self._target_ms = max(BUFFER_MIN_MS, self._target_ms - BUFFER_STEP_MS)
            self._last_stall_ms = self.now_ms

    def _say(self, state: PlaybackState) -> None:
        buffer = self.current
        assert buffer is not None
        self._reported_ms = self.now_ms
        self._report(Report(buffer.epoch, state, buffer.head_ms))

    def _show(self) -> Shown:
        buffer = self.current
        idle = self._placed(self._idle.at(self.now_ms), self._stands)
        playing = self._mode == "playing" or (self._mode == "stalled" and self._stalled_ms < EASE_AFTER_MS)
        step = SHOWN_EVERY * TICK_MS / FADE_MS
        target = 1.0 if buffer is not None and playing else 0.0
        self._weight += min(step, max(-step, target - self._weight))
        head_ms = 0.0
        skew: float | None = None
        if buffer is not None and self._mode != "waiting":
            head_ms = max(0.0, buffer.head_ms - self._latency_ms)
            self._last_figure = self._epoch_figure(buffer, head_ms, idle)
            if self._weight >= 1.0:
                self._stands = buffer.place
            if self._mode == "playing":
                skew = _skew(buffer, head_ms)
        figure = idle
        if self._last_figure is not None:
            figure = blend(idle, self._last_figure, ease(self._weight))
            if self._mode == "playing" and buffer is not None:
                # lips belong to the sound from its first sample on: they are not faded in
                figure = (figure[0], figure[1], self._last_figure[2])
        epoch = buffer.epoch if buffer is not None and self._mode != "waiting" else 0
        return Shown(self.now_ms, epoch, head_ms, *figure, skew)

    def _epoch_figure(self, buffer: EpochBuffer, head_ms: float, idle: Figure) -> Figure:
        body, face = buffer.body_at(head_ms), buffer.face_at(head_ms)
        shown = idle if body is None else self._placed((*body, idle[2]), buffer.place)
        return shown if face is None else (shown[0], shown[1], face)

    def _placed(self, figure: Figure, place: Place | None) -> Figure:
        return figure if self._home is None or place is None else seen_from(self._home, place, figure)


def _skew(buffer: EpochBuffer, head_ms: float) -> float:
    newest = [track.newest_ms(head_ms) for track in (buffer.pose, buffer.face)]
    return max(abs(head_ms - n) if n is not None else head_ms + 1000 for n in newest)

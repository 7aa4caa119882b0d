"""The answer to a confirmed turn: when its epoch opens, is held, released, cancelled, and when the turn is over.

One answer at a time. All decisions are made from what is passed in; what must happen is appended to `out`.
"""

from dataclasses import dataclass
from typing import Literal

from solami_protocol.control import EpochKind
from solami_protocol.live import Cause
from solami_relay.turn_actions import (
    Action,
    CancelEpoch,
    CancelTurn,
    CountMissedReport,
    FailTurn,
    FinishTurn,
    HoldEpoch,
    Interlude,
    OpenEpoch,
    PauseEpoch,
    ReleaseEpoch,
    ReplayTurn,
    ReportHeard,
    SaySlow,
    TruncateEpoch,
    UnpauseEpoch,
)
from solami_relay.turn_events import Played
from solami_relay.turn_settings import TurnSettings

__all__ = ["Answer", "Answering"]

FINISH_GRACE_MS = 2000  # without a report: how long after its computed end an epoch counts as played
START_DELAY_MS = 300  # what a client needs to buffer before it plays

Order = Literal["hold", "release", "cancel"]
_OBEYED: dict[Order, frozenset[str]] = {
    "hold": frozenset({"held", "cut", "finished"}),
    "release": frozenset({"started", "playing", "cut", "finished"}),
    "cancel": frozenset({"cut", "finished"}),
}


@dataclass(slots=True, kw_only=True)
class Answer:
    """A confirmed turn on its way to being done or failed."""

    turn: int
    cause: Cause
    kind: EpochKind
    since_ms: float
    acts: tuple[str, ...] = ()
    ready: bool = False
    epoch: int | None = None
    opened_ms: float = 0.0
    started_ms: float | None = None
    """When the client reported that it plays; None before."""
    head_ms: float = 0.0
    head_at_ms: float = 0.0
    held: bool = False
    drained_ms: float | None = None
    failure: tuple[str, str] | None = None
    filler: int | None = None
    filler_tried: bool = False
    said_slow: bool = False
    worded: bool = True
    """Whether the words of the turn are known."""

    @property
    def start_ms(self) -> float:
        """When the user heard the reply begin, as far as it is known."""
        return self.opened_ms if self.started_ms is None else self.started_ms


class Answering:
    """Keeps the answer, if there is one, and numbers epochs."""

    def __init__(self, settings: TurnSettings, next_epoch: int, out: list[Action]) -> None:
        self._settings = settings
        self._next_epoch = next_epoch
        self._out = out
        self._orders: dict[int, tuple[Order, float]] = {}
        self._connected = False
        self._model_up = True
        self.answer: Answer | None = None
        self.apology_until_ms = 0.0
        self.can_fill = False
        """Whether a filler can be made of the character's behaviour pack."""
        self.interludes: frozenset[Interlude] = frozenset()
        """What the behaviour pack has of those."""
        self._interlude: tuple[int, Interlude] | None = None
        self._interlude_until_ms: float | None = None

    # -- opening ------------------------------------------------------------------------------------------------------

    def begin(self, answer: Answer, now_ms: float) -> None:
        """A turn was confirmed."""
        self.answer = answer
        self._advance(now_ms)

    def reply_ready(self, turn: int, now_ms: float) -> None:
        """The reply's first chunk could be sent."""
        if self.answer is not None and self.answer.turn == turn:
            self.answer.ready = True
            self._advance(now_ms)

    def reply_failed(self, turn: int, code: str, message: str, now_ms: float) -> None:
        """No (more) reply will come."""
        a = self.answer
        if a is None or a.turn != turn or a.failure is not None or a.drained_ms is not None:
            return
        a.failure = (code, message)
        self._advance(now_ms)

    # -- beside the turns ---------------------------------------------------------------------------------------------

    def interlude(self, what: Interlude) -> None:
        """Open an interlude, if there is one and nothing else is on its way; it gives way to every answer."""
        if self._connected and self.answer is None and self._interlude is None and what in self.interludes:
            self._interlude, self._interlude_until_ms = (self._number(), what), None
            self._out.append(OpenEpoch(self._interlude[0], None, "filler", what))

    def drop_interlude(self, what: Interlude | None = None) -> None:
        """End the interlude that plays, or only one of this sort."""
        if self._interlude is not None and what in (None, self._interlude[1]):
            self._out.append(CancelEpoch(self._interlude[0]))
            self._interlude = None

    def _advance(self, now_ms: float) -> None:
        a = self.answer
        if a is None:
            return
        if a.epoch is not None:
            if a.failure is not None and a.drained_ms is None:
                self._out.append(TruncateEpoch(a.epoch))
        elif a.failure is not None:
            self._fail(a, now_ms)
        elif a.ready and self._connected:
            self._drop_filler(a)
            self.drop_interlude()
            a.epoch = self._number()
            a.opened_ms = a.head_at_ms = now_ms
            self._out.append(OpenEpoch(a.epoch, a.turn, a.kind))

    def _number(self) -> int:
        self._next_epoch += 1
        return self._next_epoch - 1

    def _drop_filler(self, a: Answer) -> None:
        if a.filler is not None:
            self._out.append(CancelEpoch(a.filler))
            a.filler = None

    # -- the floor is disputed ----------------------------------------------------------------------------------------

    def hold(self, now_ms: float) -> None:
        """Hold the epoch, if one is open and not held."""
        a = self.answer
        if a is not None and a.epoch is not None and not a.held:
            a.held = True
            self._order(HoldEpoch(a.epoch), a.epoch, "hold", now_ms)

    def release(self, now_ms: float) -> None:
        """Let the held epoch go on."""
        a = self.answer
        if a is not None and a.epoch is not None and a.held:
            a.held = False
            a.head_at_ms = now_ms
            self._order(ReleaseEpoch(a.epoch), a.epoch, "release", now_ms)

    def cut(self, now_ms: float) -> None:
        """The user takes the floor: the answer ends here, as far as it was heard."""
        a = self.answer
        if a is None:
            return
        self._drop_filler(a)
        if a.epoch is None:
            if a.cause in ("voice", "text"):
                a.failure = ("superseded", "something else was asked before the answer began")
            self._out += (CancelTurn(a.turn), self._verdict(a))
        else:
            self._order(CancelEpoch(a.epoch), a.epoch, "cancel", now_ms)
            self._out += (ReportHeard(a.turn, a.head_ms, True, True), self._verdict(a))
        self.answer = None

    def withdraw(self) -> None:
        """There is nothing to answer after all."""
        if (a := self.answer) is not None:
            self._drop_filler(a)
            self._out += (CancelTurn(a.turn), FinishTurn(a.turn))
            self.answer = None

    def take_back(self, now_ms: float) -> Answer | None:
        """The user was cut off: drop the epoch and return the answer, whose turn goes on."""
        a = self.answer
        if a is None:
            return None
        self._drop_filler(a)
        if a.epoch is not None:
            self._order(CancelEpoch(a.epoch), a.epoch, "cancel", now_ms)
        self.answer = None
        return a

    def _order(self, action: Action, epoch: int, order: Order, now_ms: float) -> None:
        self._out.append(action)
        self._orders[epoch] = (order, now_ms)

    # -- what the client and the upstreams report ---------------------------------------------------------------------

    def played(self, report: Played, now_ms: float) -> None:
        """Take in a playback report."""
        order = self._orders.get(report.epoch)
        if order is not None and report.state in _OBEYED[order[0]]:
            del self._orders[report.epoch]
        a = self.answer
        if a is not None and a.filler == report.epoch and report.state in ("finished", "cut"):
            a.filler = None
        if self._interlude is not None and self._interlude[0] == report.epoch and report.state in ("finished", "cut"):
            self._interlude = None
        if a is None or a.epoch != report.epoch:
            return
        if a.started_ms is None:
            a.started_ms = now_ms
        head_ms = report.audio_ms if a.drained_ms is None else min(report.audio_ms, a.drained_ms)
        a.head_ms, a.head_at_ms = max(a.head_ms, head_ms), now_ms
        if report.state == "finished" and a.drained_ms is not None:
            self._done(a, now_ms)
        elif report.state == "cut":  # the client dropped it by itself
            self._order(CancelEpoch(a.epoch), a.epoch, "cancel", now_ms)
            self._done(a, now_ms, interrupted=True)
        else:
            self._out.append(ReportHeard(a.turn, a.head_ms))

    def drained(self, epoch: int, audio_ms: float, now_ms: float) -> None:
        """All of an epoch was sent."""
        a = self.answer
        if a is not None and a.epoch == epoch:
            a.drained_ms = audio_ms
        elif a is not None and a.filler == epoch:
            a.filler = None
        elif self._interlude is not None and self._interlude[0] == epoch:
            self._interlude_until_ms = now_ms + audio_ms + FINISH_GRACE_MS  # should the client not say when

    def model_lost(self, why: str, now_ms: float) -> None:
        """An open epoch ends behind what is there; an unopened answer waits for the model server."""
        self._model_up = False
        a = self.answer
        if a is not None and a.epoch is not None and a.drained_ms is None:
            self.reply_failed(a.turn, "model_server", f"the model server was lost in mid-reply: {why}", now_ms)

    def model_back(self) -> None:
        """An answer of which nothing was sent is asked for again."""
        self._model_up = True
        a = self.answer
        if a is not None and a.epoch is None:
            a.ready = False
            self._out.append(ReplayTurn(a.turn))

    # -- the client's socket ------------------------------------------------------------------------------------------

    def client_gone(self) -> None:
        """Nobody listens: send nothing more, open nothing."""
        self._connected = False
        self._orders.clear()
        self.drop_interlude()
        if self.answer is not None and self.answer.epoch is not None:
            self._out.append(PauseEpoch(self.answer.epoch))

    def client_back(self, recovered: bool, now_ms: float) -> None:
        """Somebody listens again; a client that recovered goes on where it was."""
        self._connected = True
        a = self.answer
        if a is not None and a.epoch is not None:
            if recovered:
                a.head_at_ms = now_ms
                self._out.append(UnpauseEpoch(a.epoch))
            else:
                self.cut(now_ms)
        self._advance(now_ms)

    def client_lost(self, now_ms: float) -> None:
        """The client stayed away: the answer ends at the last play head."""
        a = self.answer
        if a is not None and a.epoch is None and a.cause != "timer":
            a.failure = ("client_gone", "the client did not come back in time")
            self._fail(a, now_ms)
        else:
            self.cut(now_ms)

    # -- time ---------------------------------------------------------------------------------------------------------

    def tick(self, now_ms: float) -> None:
        """Do what is due."""
        s = self._settings
        for epoch, (order, at_ms) in list(self._orders.items()):
            if now_ms - at_ms >= s.ack_ms:
                del self._orders[epoch]
                self._out.append(CountMissedReport(epoch, order))
        if self._interlude_until_ms is not None and now_ms >= self._interlude_until_ms:
            self._interlude = self._interlude_until_ms = None
        a = self.answer
        if a is None or not self._connected:
            return
        if a.epoch is None:
            self._wait(a, now_ms)
        elif a.drained_ms is not None and not a.held:
            left_ms = a.drained_ms - a.head_ms + (START_DELAY_MS if a.started_ms is None else 0)
            if now_ms - a.head_at_ms >= left_ms + FINISH_GRACE_MS:
                a.head_ms = a.drained_ms
                self._done(a, now_ms)

    def _wait(self, a: Answer, now_ms: float) -> None:
        s = self._settings
        waited_ms = now_ms - a.since_ms
        if waited_ms >= s.reply_timeout_ms:
            a.failure = (
                ("no_reply", f"no reply came within {s.reply_timeout_ms / 1000:.0f} s; say it again")
                if self._model_up
                else ("model_server", "I cannot think right now: the model server does not answer")
            )
            self._fail(a, now_ms)
            return
        if waited_ms >= s.slow_ms and not a.said_slow:
            a.said_slow = True
            self._out.append(SaySlow(a.turn))
        if waited_ms >= s.filler_ms and not a.filler_tried and a.kind == "reply":
            a.filler_tried = True
            if self.can_fill:
                self.drop_interlude()
                a.filler = self._number()
                self._out.append(OpenEpoch(a.filler, a.turn, "filler"))

    # -- the end ------------------------------------------------------------------------------------------------------

    def _fail(self, a: Answer, now_ms: float) -> None:
        self._drop_filler(a)
        self._out += (CancelTurn(a.turn), self._verdict(a))
        self.apology_until_ms = now_ms + self._settings.apology_ms
        self.answer = None

    def _done(self, a: Answer, now_ms: float, *, interrupted: bool = False) -> None:
        if a.held and a.epoch is not None:
            self._out.append(ReleaseEpoch(a.epoch))  # it ended while the hold was on its way
        if a.failure is None:
            self._out.append(ReportHeard(a.turn, a.head_ms, True, interrupted))
        else:
            self._out.append(CancelTurn(a.turn))  # a failed reply never enters the history
        self._out.append(self._verdict(a))
        if a.failure is not None:
            self.apology_until_ms = now_ms + self._settings.apology_ms
        self.answer = None

    def _verdict(self, a: Answer) -> Action:
        if a.failure is None:
            return FinishTurn(a.turn)
        code, message = a.failure
        return FailTurn(a.turn, code, message, None if a.epoch is None else a.head_ms)

"""Turn taking under random events: what must hold whatever happens, in whatever order."""

from collections.abc import Callable

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from solami_relay.turn import TICK_MS, TurnEngine
from solami_relay.turn_actions import (
    Action,
    CancelEpoch,
    CancelTurn,
    ConfirmTurn,
    EndTurn,
    FailTurn,
    FinishTurn,
    HoldEpoch,
    OpenEpoch,
    ReleaseEpoch,
    ReplayTurn,
    ResumeTurn,
    SendText,
    StartTurn,
)
from solami_relay.turn_events import (
    Act,
    ClientConnected,
    ClientGone,
    EpochDrained,
    Event,
    ModelBack,
    ModelLost,
    Played,
    ReplyFailed,
    ReplyReady,
    Reset,
    SoundFrame,
    Tick,
    TypedText,
    UserAside,
    UserLeft,
    Words,
)
from solami_relay.turn_settings import TurnSettings


class Observer:
    """Follows the actions and fails when one breaks a promise."""

    def __init__(self) -> None:
        self.started: set[int] = set()
        self.open_turns: set[int] = set()
        self.confirmed: set[int] = set()
        self.over: set[int] = set()
        self.epochs: list[int] = []
        self.epoch_turn: dict[int, int] = {}
        self.kinds: dict[int, str] = {}
        self.cancelled: set[int] = set()
        self.held: dict[int, float] = {}

    def see(self, action: Action, now_ms: float) -> None:
        match action:
            case StartTurn(turn=turn):
                assert not self.started or turn > max(self.started)
                self.started.add(turn)
                self.open_turns.add(turn)
            case EndTurn(turn=turn) | SendText(turn=turn):
                assert turn in self.open_turns
            case ReplayTurn(turn=turn):
                assert turn in self.open_turns | self.confirmed
            case ResumeTurn(turn=turn):
                assert turn in self.open_turns | self.confirmed
                assert turn not in self.over
                self.confirmed.discard(turn)
                self.open_turns.add(turn)
            case ConfirmTurn(turn=turn):
                assert turn in self.open_turns
                assert not self.confirmed, "one answer at a time"
                self.open_turns.discard(turn)
                self.confirmed.add(turn)
            case CancelTurn(turn=turn):
                self.open_turns.discard(turn)
            case FinishTurn(turn=turn) | FailTurn(turn=turn):
                assert turn in self.confirmed, "only a confirmed turn is done or failed, and once"
                self.confirmed.discard(turn)
                self.over.add(turn)
            case OpenEpoch(epoch=epoch, turn=None):
                assert not self.confirmed, "an interlude lies beside the turns"
                assert epoch > max(self.epochs, default=0), "epochs increase; 0 means none"
                self.epochs.append(epoch)
            case OpenEpoch(epoch=epoch, turn=int(turn), kind=kind):
                assert turn in self.confirmed, "nothing is sent before the confirmation"
                assert epoch > max(self.epochs, default=0), "epochs increase; 0 means none"
                if kind != "filler":
                    mine = [e for e, t in self.epoch_turn.items() if t == turn and self.kinds[e] != "filler"]
                    assert all(e in self.cancelled for e in mine), "a turn has one reply"
                self.epochs.append(epoch)
                self.epoch_turn[epoch], self.kinds[epoch] = turn, kind
            case HoldEpoch(epoch=epoch):
                assert epoch not in self.held
                self.held[epoch] = now_ms
            case ReleaseEpoch(epoch=epoch) | CancelEpoch(epoch=epoch):
                assert epoch in self.epochs
                since_ms = self.held.pop(epoch, None)
                assert since_ms is None or now_ms - since_ms <= 2000
                if isinstance(action, CancelEpoch):
                    self.cancelled.add(epoch)
        for since_ms in self.held.values():
            assert now_ms - since_ms <= 2000, "a hold is decided within two seconds"


class Rig:
    """An engine in simulated time, with a world that answers at random."""

    def __init__(self) -> None:
        self.now_ms = 0.0
        self.engine = TurnEngine(TurnSettings())
        self.engine.answering.can_fill = True
        self.engine.answering.interludes = frozenset({"turn", "assent"})
        self.observer = Observer()
        self.audio_ms = 0.0

    def send(self, event: Event) -> None:
        for action in self.engine.step(event, self.now_ms):
            self.observer.see(action, self.now_ms)

    def run(self, ms: int, voiced: bool | None) -> None:
        for _ in range(ms // 10):
            self.now_ms += 10
            if voiced is not None:
                self.audio_ms += 10
                self.send(SoundFrame(self.audio_ms, voiced))
            if self.now_ms % TICK_MS == 0:
                self.send(Tick())

    def converse(self, listen_ms: int) -> None:
        """A whole voice turn up to `listen_ms` of its reply: where most of what can go wrong begins."""
        self.run(600, True)
        self.run(210, False)
        self.send(Words(max(self.observer.started, default=1), "what is your name", True, 0.9))
        self.send(ReplyReady(max(self.observer.started, default=1)))
        self.run(300, False)
        if self.observer.epochs:
            self.send(Played(self.observer.epochs[-1], "started", 0))
        self.run(listen_ms, False)


Move = Callable[[Rig], None]
texts = st.sampled_from(["", "mhm", "stop", "hello there", "what is your name", "yeah", "uh"])


def _turn(rig: Rig, back: int) -> int:
    return max(1, max(rig.observer.started, default=1) - back)


def _epoch(rig: Rig, back: int) -> int:
    return max(1, (rig.observer.epochs[-1] if rig.observer.epochs else 1) - back)


back = st.integers(0, 2)
moves: st.SearchStrategy[Move] = st.one_of(
    st.sampled_from([100, 1000, 2500]).map(lambda ms: lambda rig: rig.converse(ms)),
    st.sampled_from([80, 300, 700, 3000]).map(lambda ms: lambda rig: rig.run(ms, True)),
    st.tuples(st.sampled_from([10, 50, 130, 300, 600]), st.booleans()).map(lambda a: lambda rig: rig.run(*a)),
    st.sampled_from([200, 500, 1000, 2500, 12_000]).map(lambda ms: lambda rig: rig.run(ms, False)),
    st.sampled_from([500, 1500, 31_000]).map(lambda ms: lambda rig: rig.run(ms, None)),
    st.tuples(texts, back, st.booleans(), st.sampled_from([0.1, 0.9]), st.sampled_from([0.0, 0.9])).map(
        lambda a: lambda rig: rig.send(Words(_turn(rig, a[1]), a[0], a[2], a[3], a[4]))
    ),
    back.map(lambda b: lambda rig: rig.send(ReplyReady(_turn(rig, b)))),
    back.map(lambda b: lambda rig: rig.send(ReplyFailed(_turn(rig, b), "brain", "it broke"))),
    st.tuples(back, st.sampled_from([0, 900, 4000])).map(
        lambda a: lambda rig: rig.send(EpochDrained(_epoch(rig, a[0]), a[1]))
    ),
    st.tuples(
        back, st.sampled_from(["started", "playing", "held", "finished", "cut"]), st.sampled_from([0, 200, 4000])
    ).map(lambda a: lambda rig: rig.send(Played(_epoch(rig, a[0]), a[1], a[2]))),
    st.tuples(st.sampled_from(["wave", "bow", "nod"]), st.booleans()).map(lambda a: lambda rig: rig.send(Act(*a))),
    st.sampled_from([TypedText("hi"), ClientGone(), ClientConnected(True), ClientConnected(False), ModelLost("x")]).map(
        lambda event: lambda rig: rig.send(event)
    ),
    st.sampled_from([ModelBack(), UserAside(), UserLeft(), Reset()]).map(lambda event: lambda rig: rig.send(event)),
)


@settings(max_examples=250, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(moves, max_size=25))
def test_promises_hold_for_any_sequence_of_events(sequence: list[Move]) -> None:
    rig = Rig()
    rig.send(ClientConnected(False))
    for move in sequence:
        move(rig)
    # whatever happened, some quiet with a client and a model server settles every turn that was open
    before = set(rig.observer.started)
    rig.send(ClientConnected(True))
    rig.send(ModelBack())
    for _ in range(3):
        for epoch in list(rig.observer.epochs):
            rig.send(EpochDrained(epoch, 1000))
        rig.run(7000, False)
    assert not rig.observer.held
    assert not before & (rig.observer.confirmed | rig.observer.open_turns)

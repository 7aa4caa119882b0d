"""What turn taking asks for, done: messages to the client, to the model server, to the bus."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from solami_protocol.control import (
    Cancel,
    Hold,
    PlaybackState,
    Release,
    State,
    Transcript,
    TurnDone,
    TurnFailed,
)
from solami_protocol.live import LiveHeard
from solami_protocol.media import Kind, MediaFrame
from solami_protocol.messages import Message
from solami_relay.bus import Bus, Lease
from solami_relay.downlink import Downlink
from solami_relay.epoch_player import EpochPlayer, FaceHealth
from solami_relay.health import Health
from solami_relay.microphone import MEMORY_MS, Microphone
from solami_relay.model_side import PART, ModelSide
from solami_relay.turn_actions import (
    Action,
    CancelEpoch,
    CancelTurn,
    ConfirmTurn,
    CountMissedReport,
    EndTurn,
    FailTurn,
    FinishTurn,
    HoldEpoch,
    OpenEpoch,
    PauseEpoch,
    ReleaseEpoch,
    ReplayTurn,
    ReportHeard,
    ResumeTurn,
    SaySlow,
    SendText,
    SetState,
    ShowTranscript,
    StartTurn,
    TruncateEpoch,
    UnpauseEpoch,
)
from solami_relay.worker_metrics import WorkerMetrics
from solami_relay.worker_settings import WorkerSettings

__all__ = ["SessionActions"]


class SessionActions:
    """Does the actions of one session, in order. `player` is the epoch that is being sent."""

    def __init__(
        self,
        bus: Bus,
        lease: Lease,
        down: Downlink,
        model: ModelSide,
        mic: Microphone,
        health: Health,
        metrics: WorkerMetrics,
        settings: WorkerSettings,
        open_epoch: Callable[[OpenEpoch, float], EpochPlayer | None],
    ) -> None:
        self._bus = bus
        self._lease = lease
        self._down = down
        self._model = model
        self._mic = mic
        self._health = health
        self._metrics = metrics
        self._settings = settings
        self._open_epoch = open_epoch
        self._entries: deque[tuple[float, str]] = deque()
        self._turns: dict[int, tuple[str, str]] = {}
        self._confirmed: set[int] = set()
        self._confirmed_ms = 0.0
        self._first_audio_due = False
        self.player: EpochPlayer | None = None
        """The epoch that is being sent."""
        self.sounding: EpochPlayer | None = None
        """The epoch that is being played, to its end at the client."""

    # -- what the loop tells ------------------------------------------------------------------------------------------

    def entry(self, entry_id: str, mic_ms: float) -> None:
        """An up entry holds the microphone from `mic_ms` on."""
        self._entries.append((mic_ms, entry_id))
        while self._entries[0][0] < mic_ms - 2 * MEMORY_MS:
            self._entries.popleft()

    def _entry_of(self, mic_ms: float | None) -> str:
        if mic_ms is not None:
            for at_ms, entry_id in reversed(self._entries):
                if at_ms <= mic_ms:
                    return entry_id
        return self._entries[-1][1] if self._entries else "0"

    def played(self, epoch: int, state: PlaybackState, audio_ms: float, now_ms: float) -> None:
        """The client reported its play head."""
        if self.sounding is not None and self.sounding.head.epoch == epoch:
            self.sounding.playhead.report(state, audio_ms, now_ms)
            if state in ("finished", "cut"):
                self.sounding = None
        if state == "finished":
            self.put_meta(done_epoch=epoch, play_epoch=epoch, play_ms=audio_ms)
        elif state in ("held", "cut"):
            self.put_meta(play_epoch=epoch, play_ms=audio_ms)

    def sent(self, contents: Sequence[Message | MediaFrame], now_ms: float) -> None:
        """These were queued for the client."""
        if self._first_audio_due and any(isinstance(c, MediaFrame) and c.kind is Kind.AUDIO for c in contents):
            self._first_audio_due = False
            self._metrics.first_audio_ms.observe(now_ms - self._confirmed_ms)

    def player_done(self) -> None:
        """All of the epoch was sent."""
        if self.player is not None and self.player.face_health is FaceHealth.LATE:
            self._metrics.face_late.inc()
        self.player = None

    def put_meta(self, **fields: Any) -> None:
        """Set fields of the session's meta."""
        self._down.do(lambda: self._bus.put_meta(self._lease, **fields))

    def _put_turn(self, turn: int, state: str) -> None:
        start_id, cause = self._turns[turn]
        self._down.do(lambda: self._bus.put_turn(self._lease, turn, start_id=start_id, cause=cause, state=state))
        if state in ("done", "failed"):
            del self._turns[turn]
            self._confirmed.discard(turn)

    # -- actions ------------------------------------------------------------------------------------------------------

    def do(self, action: Action, now_ms: float) -> None:
        """Do one action."""
        if not (self._do_turn(action, now_ms) or self._do_epoch(action, now_ms)):
            self._do_report(action)

    def _do_turn(self, action: Action, now_ms: float) -> bool:
        model = self._model
        match action:
            case StartTurn(turn=turn, cause=cause, from_ms=from_ms):
                start_id = self._entry_of(from_ms)
                self._turns[turn] = (start_id, cause)
                self._put_turn(turn, "open")
                model.start(action, start_id)
                if from_ms is not None:
                    self._mic.rewind(from_ms - self._settings.preroll_ms)
            case EndTurn(turn=turn):
                self._send_sound(turn)
                model.end(turn)
            case ResumeTurn(turn=turn, from_ms=from_ms):
                self._confirmed.discard(turn)
                model.resume(turn)
                if from_ms is not None:
                    self._mic.rewind(from_ms - self._settings.preroll_ms)
            case ConfirmTurn(turn=turn):
                self._confirmed_ms, self._first_audio_due = now_ms, True
                self._confirmed.add(turn)
                model.confirm(turn)
                self._put_turn(turn, "confirmed")
            case CancelTurn(turn=turn):
                model.cancel(turn)
                if turn in self._turns and turn not in self._confirmed:  # else its end is said by itself
                    self._put_turn(turn, "failed")
            case SendText(turn=turn, text=text):
                model.text(turn, text)
            case ReplayTurn(turn=turn):
                model.replay(turn)
            case ReportHeard(turn=turn, audio_ms=audio_ms, final=final, interrupted=cut):
                model.heard(LiveHeard(turn=turn, audio_ms=audio_ms, final=final, interrupted=cut))
            case _:
                return False
        return True

    def _send_sound(self, turn: int) -> None:
        log_ = self._model.turns.get(turn)
        if log_ is not None and log_.start.cause == "voice":
            self._model.sound(turn, self._mic.take(turn))

    def _do_epoch(self, action: Action, now_ms: float) -> bool:
        player = self.sounding
        match action:
            case OpenEpoch():
                self.player = self.sounding = self._open_epoch(action, now_ms)
                if action.kind != "filler":
                    self._health.restored(PART)
            case HoldEpoch(epoch=epoch):
                if player is not None:
                    player.held = True
                    player.playhead.stop(now_ms)
                self._order(Hold(epoch=epoch), epoch)
            case ReleaseEpoch(epoch=epoch):
                if player is not None:
                    player.held = False
                    player.playhead.go_on(now_ms)
                self._order(Release(epoch=epoch), epoch)
            case CancelEpoch(epoch=epoch):
                self.player = self.sounding = None
                self._down.cancel(epoch)
                self._order(Cancel(epoch=epoch), epoch)
            case PauseEpoch():
                if player is not None:
                    player.paused = True
            case UnpauseEpoch():
                if player is not None:
                    player.paused = False
            case TruncateEpoch():
                if player is not None:
                    player.reply.cut_short()
            case _:
                return False
        return True

    def _order(self, message: Message, epoch: int) -> None:
        self._metrics.orders.labels(message.type).inc()
        self._down.put(message, epoch)

    def _do_report(self, action: Action) -> None:
        match action:
            case SetState(state=state):
                self._down.put(State(state=state))
                self.put_meta(state=state)
            case ShowTranscript(turn=turn, text=text, final=final):
                self._down.put(Transcript(turn=turn, text=text, final=final))
            case FinishTurn(turn=turn):
                self._down.put(TurnDone(turn=turn))
                self._over(turn, "done")
            case FailTurn(turn=turn, code=code, message=message, heard_ms=heard_ms):
                self._down.put(TurnFailed(turn=turn, code=code, message=message, heard_ms=heard_ms))
                self._over(turn, "failed")
            case SaySlow():
                self._health.degraded(PART, "the answer takes longer than usual")
            case CountMissedReport(order=order):
                self._metrics.missed.labels(order).inc()

    def _over(self, turn: int, outcome: str) -> None:
        if turn in self._turns:
            self._metrics.turns.labels(self._turns[turn][1], outcome).inc()
            self._put_turn(turn, outcome)

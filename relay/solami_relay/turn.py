"""Turn taking (DESIGN 3.5) as a state machine: `step(event, now_ms)` returns what must happen. No I/O, no clock.

A voice opens a turn, a short pause begins its reply speculatively, a longer one confirms it; then `Answering` has it.
Over a playing reply a voice first holds it; words, or their absence, decide within two seconds.
"""

from typing import Literal

from solami_protocol.control import StateName
from solami_protocol.live import Cause
from solami_relay.answering import Answer, Answering
from solami_relay.assent import Assent
from solami_relay.endpoint import Endpointer, Signal, VoicePhase
from solami_relay.overlap_words import Verdict, judge
from solami_relay.turn_actions import (
    Action,
    CancelTurn,
    ConfirmTurn,
    EndTurn,
    ReplayTurn,
    ResumeTurn,
    SendText,
    SetState,
    ShowTranscript,
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
from solami_relay.user_turn import ActMemory, Overlap, UserTurn

__all__ = ["TICK_MS", "TurnEngine"]

TICK_MS = 20
"""How often the engine wants a `Tick` while it is busy."""


class TurnEngine:
    """Turn taking of one session."""

    def __init__(self, settings: TurnSettings, *, next_turn: int = 1, next_epoch: int = 1, now_ms: float = 0.0) -> None:
        self._settings = settings
        self._next_turn = next_turn
        self._out: list[Action] = []
        self._ear = Endpointer(settings)
        self.answering = Answering(settings, next_epoch, self._out)
        self._user: UserTurn | None = None
        self._overlap: Overlap | None = None
        self._acts = ActMemory(settings)
        self._assent = Assent(settings.complete_at)
        self._state: StateName = "idle"
        self._connected = False
        self._gone_ms = now_ms
        self._greeted = False
        self._noticed = False
        self._busy_ms = now_ms

    @property
    def busy(self) -> bool:
        """Whether time matters: somebody speaks, a turn is open or an answer is on its way."""
        return self._user is not None or self.answering.answer is not None or self._ear.phase is not VoicePhase.QUIET

    @property
    def state(self) -> StateName:
        """What the character does, as last said to the client."""
        return self._state

    @property
    def listening_turn(self) -> int | None:
        """The turn that takes the user's sound and movement."""
        return self._user.turn if self._user is not None and self._user.cause == "voice" else None

    @property
    def last_voiced_ms(self) -> float:
        """Microphone time of the last voiced sample."""
        return self._ear.last_voiced_ms

    def step(self, event: Event, now_ms: float) -> list[Action]:
        """Return what must happen, in order, because of `event` at worker time `now_ms`."""
        self._out.clear()
        match event:
            case SoundFrame(end_ms=end_ms, voiced=voiced):
                self._signal(self._ear.push(end_ms, voiced, now_ms), now_ms)
                self._look(now_ms)
            case Words():
                self._words(event, now_ms)
                self._look(now_ms)
            case Act(name=name, ended=ended, answers=answers):
                self._act(name, ended, answers, now_ms)
            case TypedText(text=text):
                self._typed(text, now_ms)
            case Played():
                self.answering.played(event, now_ms)
            case ReplyReady(turn=turn):
                self._reply(turn, None, now_ms)
            case ReplyFailed(turn=turn, code=code, message=message):
                self._reply(turn, (code, message), now_ms)
            case EpochDrained(epoch=epoch, audio_ms=audio_ms):
                self.answering.drained(epoch, audio_ms, now_ms)
            case ClientConnected(recovered=recovered):
                self._connect(recovered, now_ms)
            case ClientGone():
                self._connected, self._gone_ms = False, now_ms
                self.answering.client_gone()
            case ModelLost(why=why):
                self.answering.model_lost(why, now_ms)
            case ModelBack():
                if self._user is not None:
                    self._user.ready = False
                    self._out.append(ReplayTurn(self._user.turn))
                self.answering.model_back()
            case UserAside():
                self.answering.interlude("turn")
            case UserLeft():
                self._speak_unasked("leaving", now_ms)
            case Reset():
                self._drop_all(now_ms)
                self._speak_unasked("greeting", now_ms)
            case Tick():
                self._tick(now_ms)
        self._settle(now_ms)
        return list(self._out)

    # -- the voice ----------------------------------------------------------------------------------------------------

    def _signal(self, signal: Signal | None, now_ms: float) -> None:
        match signal:
            case Signal.STIR:
                self._stir(now_ms)
            case Signal.SPEECH:
                self._speech(now_ms)
            case Signal.PAUSE:
                self._pause(now_ms)
            case Signal.GO_ON:
                self._go_on()
            case Signal.DIED:
                self._let_go(now_ms)

    def _stir(self, now_ms: float) -> None:
        a = self.answering.answer
        if a is None or a.epoch is None:
            return
        self._overlap = Overlap(now_ms, self._rejoins(a, now_ms))
        self.answering.hold(now_ms)

    def _go_on(self) -> None:
        self.answering.drop_interlude("assent")
        u = self._user
        if u is None or u.forced_ms is not None:
            self._ear.force_pause()
            return
        u.words, u.ready, u.failure = None, False, None
        self._out.append(ResumeTurn(u.turn))

    def _rejoins(self, a: Answer, now_ms: float) -> bool:
        return (
            a.cause == "voice"
            and a.failure is None
            and (a.epoch is None or now_ms - self._ear.voiced_ms - a.start_ms <= self._settings.join_ms)
        )

    def _speech(self, now_ms: float) -> None:
        a = self.answering.answer
        if self._overlap is not None and self._overlap.rejoins:
            return  # `_look` decides by how long the voice lasts
        if a is not None and a.epoch is None:
            if self._rejoins(a, now_ms):
                self._rejoin(now_ms)
                return
            self.answering.cut(now_ms)
            for name in a.acts if a.cause == "act" else ():
                self._acts.began(name, now_ms)
        acts = self._acts.recent(now_ms)
        if self._user is not None:  # an act that the words join
            acts = list(dict.fromkeys([*self._user.acts, *acts]))
            self._out.append(CancelTurn(self._user.turn))
        self._open("voice", now_ms, acts, from_ms=self._ear.onset_ms)

    def _rejoin(self, now_ms: float) -> None:
        a = self.answering.take_back(now_ms)
        assert a is not None
        self._overlap = None
        self._user = UserTurn(turn=a.turn, cause="voice", began_ms=now_ms, acts=list(a.acts))
        self._out.append(ResumeTurn(a.turn, from_ms=self._ear.onset_ms))

    def _pause(self, now_ms: float) -> None:
        if self._overlap is not None and self._overlap.rejoins:
            self._let_go(now_ms)
        elif self._user is not None and self._user.cause == "voice":
            self._out.append(EndTurn(self._user.turn))

    def _look(self, now_ms: float) -> None:
        """Decide what needs no new signal: going on after a cut, the endpoint."""
        o = self._overlap
        if o is not None and o.rejoins:
            if self._ear.voiced_ms >= self._settings.rejoin_voiced_ms:
                self._rejoin(now_ms)
            return
        u = self._user
        if u is None or u.cause != "voice":
            return
        if self._ear.phase is VoicePhase.PAUSED and self._endpoint(u, now_ms):
            if u.words is not None and self._wordless(u) and not self._asks_back(o):
                self._let_go(now_ms)
            elif o is None:
                self._confirm(now_ms)
            else:  # over an answer, without words in time: the default is to let the character go on
                self._let_go(now_ms)
        elif self._ear.phase is VoicePhase.PAUSED and o is None and u.forced_ms is None:
            self._nod(u, now_ms)

    def _nod(self, u: UserTurn, now_ms: float) -> None:
        ear = self._ear
        if self._assent.due(now_ms, ear.silence_ms(now_ms), ear.voiced_ms, u.words):
            self.answering.interlude("assent")

    def _endpoint(self, u: UserTurn, now_ms: float) -> bool:
        s, silence_ms = self._settings, self._ear.silence_ms(now_ms)
        if u.words is None:
            waited_ms = silence_ms if u.forced_ms is None else now_ms - u.forced_ms
            return waited_ms >= s.transcript_wait_ms
        if u.forced_ms is not None or (self._wordless(u) and silence_ms >= s.confirm_ms):
            return True
        return silence_ms >= s.silence_for(u.words.complete)

    def _wordless(self, u: UserTurn) -> bool:
        w = u.words
        nothing = w is None or not w.text.strip() or w.confidence < self._settings.confidence_min
        return nothing and not u.acts

    def _asks_back(self, o: Overlap | None) -> bool:
        """Somebody spoke, at length and to a silent character, and nothing was understood: it is said, not ignored."""
        return o is None and self._ear.voiced_ms >= self._settings.ask_back_voiced_ms

    def _words(self, w: Words, now_ms: float) -> None:
        u = self._user
        if u is None or u.turn != w.turn:
            self._late_words(w, now_ms)
            return
        if not w.final:
            self._out.append(ShowTranscript(w.turn, w.text, False))
        elif self._ear.phase is VoicePhase.PAUSED:
            u.words = w
        else:
            return  # words up to a pause that is over
        if self._overlap is not None:
            self._decide(u, w, now_ms)

    def _late_words(self, w: Words, now_ms: float) -> None:
        """Words of a turn that was confirmed without them: none at all means that there is nothing to answer."""
        a = self.answering.answer
        if a is None or a.turn != w.turn or a.worded or not w.final:
            return
        a.worded = True
        self._out.append(ShowTranscript(w.turn, w.text, True))
        if a.epoch is None and not a.acts and (not w.text.strip() or w.confidence < self._settings.confidence_min):
            self.answering.withdraw()

    def _decide(self, u: UserTurn, w: Words, now_ms: float) -> None:
        verdict, content = judge(w.text)
        heard = w.confidence >= self._settings.confidence_min
        enough = 1 if w.final else self._settings.words_to_cut
        if verdict is Verdict.STOP or (heard and content >= enough):
            self._overlap = None
            self.answering.cut(now_ms)
        elif w.final:
            self._let_go(now_ms)

    def _let_go(self, now_ms: float) -> None:
        """It was no turn: a cough, a murmur, a knock. The character goes on."""
        if self._user is not None and self._user.cause == "voice":
            self._out.append(CancelTurn(self._user.turn))
            self._user = None
        self._overlap = None
        self._ear.reset()
        self.answering.release(now_ms)

    # -- turns --------------------------------------------------------------------------------------------------------

    def _open(
        self,
        cause: Cause,
        now_ms: float,
        acts: list[str],
        *,
        occasion: Literal["", "greeting", "silence", "leaving"] = "",
        from_ms: float | None = None,
    ) -> UserTurn:
        self._user = UserTurn(turn=self._next_turn, cause=cause, began_ms=now_ms, acts=acts)
        self._next_turn += 1
        self._out.append(
            StartTurn(turn=self._user.turn, cause=cause, acts=tuple(acts), occasion=occasion, from_ms=from_ms)
        )
        if self.answering.answer is not None and self._overlap is None:
            self._overlap = Overlap(now_ms, False)
        return self._user

    def _confirm(self, now_ms: float, kind: Literal["reply", "greeting"] = "reply") -> None:
        u = self._user
        assert u is not None
        self._user = None
        self._overlap = None
        if u.cause == "voice":
            self._ear.reset()
            if u.words is not None:
                self._out.append(ShowTranscript(u.turn, u.words.text, True))
        if u.cause != "timer":
            self._noticed = False
        self._acts.answered(u.acts)
        self._out.append(ConfirmTurn(u.turn))
        answer = Answer(turn=u.turn, cause=u.cause, kind=kind, since_ms=now_ms, ready=u.ready, acts=tuple(u.acts))
        answer.failure = u.failure
        answer.worded = u.cause != "voice" or u.words is not None
        self.answering.begin(answer, now_ms)

    def _typed(self, text: str, now_ms: float) -> None:
        self._drop_user()
        self.answering.cut(now_ms)
        u = self._open("text", now_ms, [])
        self._out += (SendText(u.turn, text), ShowTranscript(u.turn, text, True))
        self._confirm(now_ms)

    def _speak_unasked(self, occasion: Literal["greeting", "silence", "leaving"], now_ms: float) -> None:
        if self.busy or not self._connected:
            return
        u = self._open("timer", now_ms, [], occasion=occasion)
        self._out.append(EndTurn(u.turn))
        self._confirm(now_ms, "greeting" if occasion == "greeting" else "reply")

    def _act(self, name: str, ended: bool, answers: bool, now_ms: float) -> None:
        u = self._user
        if ended:
            self._acts.ended(name, now_ms)
            if u is not None and u.cause == "act" and name in u.acts:
                u.act_ended = True
                self._look_at_act(now_ms)
            return
        again = self._acts.again(name, now_ms)
        if u is not None and u.cause == "voice":
            if name not in u.acts:
                u.acts.append(name)
        elif not again and u is None and self.answering.answer is None:
            self._acts.began(name, now_ms)
            if answers or name in self._settings.answered_acts:
                self._out.append(EndTurn(self._open("act", now_ms, [name]).turn))

    def _look_at_act(self, now_ms: float) -> None:
        u = self._user
        if u is None or u.cause != "act" or self._ear.phase is not VoicePhase.QUIET:
            return  # a voice is about to join, or it dies within 200 ms
        if u.act_ended or now_ms - u.began_ms >= self._settings.act_max_ms:
            self._confirm(now_ms)

    def _reply(self, turn: int, failure: tuple[str, str] | None, now_ms: float) -> None:
        u = self._user
        if u is not None and u.turn == turn:
            u.ready, u.failure = failure is None, failure
        elif failure is None:
            self.answering.reply_ready(turn, now_ms)
        else:
            self.answering.reply_failed(turn, *failure, now_ms)

    def _drop_user(self) -> None:
        if self._user is not None:
            self._out.append(CancelTurn(self._user.turn))
        self._user = None
        self._overlap = None
        self._ear.reset()

    def _drop_all(self, now_ms: float) -> None:
        self._drop_user()
        self.answering.cut(now_ms)

    # -- time and the client ------------------------------------------------------------------------------------------

    def _connect(self, recovered: bool, now_ms: float) -> None:
        self._connected, self._busy_ms = True, now_ms
        self.answering.client_back(recovered, now_ms)
        if self._settings.greet and not self._greeted:
            self._speak_unasked("greeting", now_ms)
        self._greeted = True

    def _tick(self, now_ms: float) -> None:
        s = self._settings
        if self._connected:
            self._signal(self._ear.tick(now_ms), now_ms)
        elif now_ms - self._gone_ms >= s.gone_ms:
            self._drop_user()
            self.answering.client_lost(now_ms)
        o, u = self._overlap, self._user
        if o is not None and not o.released and now_ms - o.since_ms >= s.decide_ms - 2 * TICK_MS:
            self._late(o, now_ms)
        if u is not None and u.cause == "voice" and u.forced_ms is None and now_ms - u.began_ms >= s.max_turn_ms:
            u.forced_ms = now_ms
            if self._ear.phase is VoicePhase.SPEAKING:
                self._ear.force_pause()
                self._out.append(EndTurn(u.turn))
        self._look(now_ms)
        self._look_at_act(now_ms)
        self.answering.tick(now_ms)
        if self.busy:
            self._busy_ms = now_ms
        elif self._connected and not self._noticed and now_ms - self._busy_ms >= s.silence_ms:
            self._noticed = True
            self._speak_unasked("silence", now_ms)

    def _late(self, o: Overlap, now_ms: float) -> None:
        """Two seconds without a decision: the character goes on; a voice that goes on may still find its words."""
        if o.rejoins or self._user is None:
            self._let_go(now_ms)
        else:
            o.released = True
            self.answering.release(now_ms)

    def _settle(self, now_ms: float) -> None:
        a = self.answering.answer
        if a is None and self._overlap is not None:
            self._overlap = None  # the answer ended by itself: the voice is a turn like any other
        if self._user is None and self._overlap is None:
            if self._ear.phase is VoicePhase.SPEAKING:
                self._open("voice", now_ms, [], from_ms=self._ear.onset_ms)
            elif self._ear.phase is VoicePhase.PAUSED:
                self._ear.reset()
        if self.busy:
            self._busy_ms = now_ms
        state: StateName
        if a is not None and a.epoch is not None:
            state = "held" if a.held else "speaking"
        elif self._user is not None and self._user.cause == "voice":
            state = "listening"
        elif a is not None:
            state = "thinking"
        else:
            state = "apology" if now_ms < self.answering.apology_until_ms else "idle"
        if state != self._state:
            self._state = state
            self._out.append(SetState(state))

"""Turn taking on hand-made timelines: one behaviour of DESIGN 3.5 a test."""

from typing import TypeVar

import pytest

from solami_relay.turn import TurnEngine
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
from solami_relay.turn_events import (
    Act,
    ClientConnected,
    ClientGone,
    EpochDrained,
    Event,
    ModelBack,
    ModelLost,
    Played,
    ReplyReady,
    SoundFrame,
    Tick,
    TypedText,
    UserAside,
    UserLeft,
    Words,
)
from solami_relay.turn_settings import TurnSettings

A = TypeVar("A", bound=Action)


class Bench:
    """An engine with a clock: 10 ms of sound a step, and all that it asked for with the time."""

    def __init__(self, **settings: object) -> None:
        self.engine = TurnEngine(TurnSettings.model_validate({"greet": False, **settings}))
        self.now_ms = 0.0
        self.log: list[tuple[float, Action]] = []
        self.send(ClientConnected(False))

    def send(self, event: Event) -> None:
        self.log += [(self.now_ms, action) for action in self.engine.step(event, self.now_ms)]

    def sound(self, ms: int, voiced: bool) -> None:
        for _ in range(ms // 10):
            self.now_ms += 10
            self.send(SoundFrame(self.now_ms, voiced))
            if self.now_ms % 20 == 0:
                self.send(Tick())

    def say(self, ms: int) -> None:
        self.sound(ms, True)

    def hush(self, ms: int) -> None:
        self.sound(ms, False)

    def find(self, kind: type[A]) -> list[tuple[float, A]]:
        return [(at, a) for at, a in self.log if isinstance(a, kind)]

    def only(self, kind: type[A]) -> tuple[float, A]:
        found = self.find(kind)
        assert len(found) == 1, found
        return found[0]

    def none(self, *kinds: type[Action]) -> None:
        assert not [entry for entry in self.log if isinstance(entry[1], kinds)]

    def states(self) -> list[str]:
        return [a.state for _, a in self.find(SetState)]

    def speak_turn(self, text: str = "what is your name", complete: float = 0.9) -> int:
        """A whole voice turn until its reply plays; returns the epoch."""
        self.say(600)
        self.hush(200)
        turn = self.find(StartTurn)[-1][1].turn
        self.send(Words(turn, text, True, complete))
        self.send(ReplyReady(turn))
        self.hush(700)
        return self.find(OpenEpoch)[-1][1].epoch

    def play(self, epoch: int, until_ms: int, drained_ms: float = 3000) -> None:
        self.send(Played(epoch, "started", 0))
        for head in range(200, until_ms + 1, 200):
            self.hush(200)
            self.send(Played(epoch, "playing", head))
        self.send(EpochDrained(epoch, drained_ms))


def spoken(bench: Bench, complete: float) -> float:
    """Return the silence in ms at which a turn with such words was confirmed."""
    bench.say(800)
    end_ms = bench.now_ms
    bench.hush(250)
    turn = bench.only(StartTurn)[1].turn
    bench.send(Words(turn, "tell me about the sea", True, complete))
    bench.hush(1300)
    return bench.only(ConfirmTurn)[0] - end_ms


def test_pause_starts_the_reply_and_a_finished_sentence_is_confirmed_early() -> None:
    bench = Bench()
    assert spoken(bench, complete=0.8) == 490
    assert bench.only(EndTurn)[0] == 800 + 200
    assert bench.only(StartTurn)[1].from_ms == 0
    assert bench.states() == ["listening", "thinking"]


def test_unfinished_sentence_gets_more_time() -> None:
    assert spoken(Bench(), complete=0.2) == 1200


def test_the_less_finished_it_sounds_the_longer_is_waited() -> None:
    waits = [TurnSettings().silence_for(complete) for complete in (1.0, 0.6, 0.55, 0.5, 0.45, 0.0)]
    assert waits == pytest.approx([490, 490, 490 + 710 / 3, 490 + 710 * 2 / 3, 1200, 1200])
    assert spoken(Bench(), complete=0.55) == pytest.approx(730, abs=10)
    assert TurnSettings(complete_at=0.5, unfinished_at=0.5).silence_for(0.5) == 490


def test_missing_words_are_waited_for_up_to_a_bound() -> None:
    bench = Bench()
    bench.say(500)
    bench.hush(2400)
    bench.none(ConfirmTurn)
    bench.hush(200)
    assert bench.only(ConfirmTurn)[0] == 500 + 2500


def test_words_that_come_after_the_bound_are_shown_and_answered() -> None:
    bench = Bench()
    bench.say(500)
    bench.hush(2600)
    bench.none(ShowTranscript)
    bench.send(Words(1, "what is your name", True, 0.9))
    assert bench.only(ShowTranscript)[1].text == "what is your name"
    bench.send(ReplyReady(1))
    bench.only(OpenEpoch)


def test_late_news_that_there_were_no_words_ends_the_turn_quietly() -> None:
    bench = Bench()
    bench.say(500)
    bench.hush(2600)
    bench.send(Words(1, "", True, 0.0, 0.0))
    bench.only(FinishTurn)
    bench.hush(11_000)
    bench.none(FailTurn)
    assert bench.states()[-1] == "idle"


def test_no_audio_at_all_counts_as_silence() -> None:
    bench = Bench()
    bench.say(500)
    for _ in range(60):
        bench.now_ms += 20
        bench.send(Tick())
    bench.only(EndTurn)


def test_voice_after_the_pause_resumes_and_the_reply_of_the_first_half_is_stale() -> None:
    bench = Bench()
    bench.say(500)
    bench.hush(250)
    bench.send(Words(1, "what is", True, 0.9))
    bench.send(ReplyReady(1))
    bench.say(300)
    bench.only(ResumeTurn)
    bench.send(ReplyReady(1))  # of before the resume; the shell filters it, the engine must not confirm on it
    bench.hush(300)
    bench.send(Words(1, "what is your name", True, 0.9))
    bench.hush(300)
    bench.only(ConfirmTurn)
    bench.only(StartTurn)


def test_a_smack_of_the_lips_does_not_take_the_pause_back() -> None:
    bench = Bench()
    bench.say(500)
    bench.hush(210)
    bench.send(Words(1, "what is your name", True, 0.9))
    bench.hush(50)
    bench.say(20)
    bench.hush(220)
    bench.none(ResumeTurn)
    bench.only(ConfirmTurn)


@pytest.mark.parametrize("burst_ms", [10, 50, 110])
def test_a_noise_burst_makes_no_turn(burst_ms: int) -> None:
    bench = Bench()
    bench.say(burst_ms)
    bench.hush(2000)
    assert bench.log == []


def test_sound_without_words_is_not_answered() -> None:
    bench = Bench()
    bench.say(300)
    bench.hush(220)
    bench.send(Words(1, "", True, 1.0, 0.0))
    bench.hush(300)
    bench.only(CancelTurn)
    bench.none(ConfirmTurn)
    assert bench.states() == ["listening", "idle"]


def test_a_long_voice_without_a_word_is_asked_back() -> None:
    bench = Bench()
    bench.say(900)
    bench.hush(250)
    turn = bench.only(StartTurn)[1].turn
    bench.send(Words(turn, "", True, 0.5))
    bench.send(ReplyReady(turn))
    bench.hush(700)
    assert bench.only(ConfirmTurn)[1].turn == turn
    assert bench.only(OpenEpoch)


def test_an_act_seen_during_a_wordless_turn_is_answered() -> None:
    bench = Bench()
    bench.say(300)
    bench.send(Act("wave"))
    bench.hush(220)
    bench.send(Words(1, "", True, 1.0, 0.0))
    bench.hush(1000)
    bench.only(ConfirmTurn)


def test_nothing_is_opened_before_the_confirmation() -> None:
    bench = Bench()
    bench.say(600)
    bench.hush(210)
    bench.send(ReplyReady(1))
    bench.send(Words(1, "hello there", True, 0.9))
    bench.hush(200)
    bench.none(OpenEpoch)
    bench.hush(100)
    confirmed, opened = bench.only(ConfirmTurn)[0], bench.only(OpenEpoch)[0]
    assert opened == confirmed


def test_user_who_goes_on_after_a_fresh_reply_is_answered_once_for_both_halves() -> None:
    bench = Bench()
    epoch = bench.speak_turn("i would like")
    bench.send(Played(epoch, "started", 0))
    bench.hush(500)
    bench.say(700)
    held, cancelled, resumed = bench.only(HoldEpoch), bench.only(CancelEpoch), bench.only(ResumeTurn)
    assert held[0] < cancelled[0] == resumed[0]
    assert resumed[1] == ResumeTurn(1, from_ms=bench.now_ms - 700)
    bench.hush(210)
    bench.send(Words(1, "i would like to hear a story", True, 0.9))
    bench.send(ReplyReady(1))
    bench.hush(400)
    assert [a.turn for _, a in bench.find(OpenEpoch)] == [1, 1]
    second = bench.find(OpenEpoch)[1][1].epoch
    assert second > epoch
    bench.play(second, 3000)
    bench.send(Played(second, "finished", 3000))
    bench.only(FinishTurn)
    bench.none(FailTurn)


def test_user_who_goes_on_before_the_reply_begins_is_answered_once() -> None:
    bench = Bench()
    bench.say(600)
    bench.hush(220)
    bench.send(Words(1, "i would like", True, 0.9))
    bench.hush(400)
    bench.only(ConfirmTurn)
    bench.say(300)
    bench.only(ResumeTurn)
    bench.none(HoldEpoch, CancelTurn)


def test_cough_on_a_fresh_reply_is_let_go() -> None:
    bench = Bench()
    epoch = bench.speak_turn()
    bench.send(Played(epoch, "started", 0))
    bench.hush(300)
    bench.say(250)
    bench.hush(400)
    assert bench.only(ReleaseEpoch)[0] - bench.only(HoldEpoch)[0] <= 500
    bench.none(ResumeTurn, CancelEpoch)


def interrupted(voiced_ms: int = 500) -> tuple[Bench, int, float]:
    bench = Bench()
    epoch = bench.speak_turn()
    bench.play(epoch, 2000, drained_ms=9000)
    bench.log.clear()
    begin_ms = bench.now_ms
    bench.say(voiced_ms)
    return bench, epoch, begin_ms


def test_hold_comes_well_within_200_ms_and_words_take_the_floor() -> None:
    bench, epoch, begin_ms = interrupted()
    held_ms, held = bench.only(HoldEpoch)
    assert held == HoldEpoch(epoch)
    assert held_ms - begin_ms <= 100
    bench.send(Played(epoch, "held", 2100))
    second = bench.only(StartTurn)[1].turn
    bench.send(Words(second, "what about the rain"))
    bench.only(CancelEpoch)
    assert bench.find(ReportHeard)[-1][1] == ReportHeard(1, 2100, True, True)
    bench.only(FinishTurn)
    bench.hush(250)
    bench.send(Words(second, "what about the rain", True, 0.9))
    bench.send(ReplyReady(second))
    bench.hush(300)
    assert bench.only(OpenEpoch)[1].turn == second
    assert bench.states() == ["held", "listening", "speaking"]


@pytest.mark.parametrize("text", ["", "mhm", "yeah right", "okay", "uh-huh"])
def test_cough_and_backchannel_let_the_character_go_on(text: str) -> None:
    bench, epoch, _ = interrupted()
    bench.hush(220)
    bench.send(Words(bench.only(StartTurn)[1].turn, text, True, 0.9, 0.9 if text else 0.0))
    assert bench.only(ReleaseEpoch)[1] == ReleaseEpoch(epoch)
    bench.only(CancelTurn)
    bench.hush(1000)
    bench.none(ConfirmTurn, CancelEpoch)
    assert bench.states() == ["held", "speaking"]


@pytest.mark.parametrize("text", ["stop", "wait", "okay hold on", "yeah stop it"])
def test_stop_wins_at_once(text: str) -> None:
    bench, _, _ = interrupted()
    bench.send(Words(bench.only(StartTurn)[1].turn, text))
    bench.only(CancelEpoch)
    bench.none(ReleaseEpoch)


def test_without_a_word_the_default_is_release_within_two_seconds() -> None:
    bench, _, _ = interrupted()
    bench.say(2500)
    assert bench.only(ReleaseEpoch)[0] - bench.only(HoldEpoch)[0] <= 2000
    bench.none(CancelEpoch)
    bench.send(Words(bench.only(StartTurn)[1].turn, "listen to me"))  # the words come late, and still count
    bench.only(CancelEpoch)


def test_missing_playback_report_is_counted_and_the_turn_goes_on() -> None:
    bench, epoch, _ = interrupted()
    bench.hush(220)
    bench.send(Words(bench.only(StartTurn)[1].turn, "", True, 0.9, 0.0))
    bench.hush(3000)
    assert bench.only(CountMissedReport)[1] == CountMissedReport(epoch, "release")


def test_an_obeyed_order_is_not_counted() -> None:
    bench, epoch, _ = interrupted()
    bench.hush(220)
    bench.send(Words(bench.only(StartTurn)[1].turn, "", True, 0.9, 0.0))
    bench.send(Played(epoch, "playing", 2200))
    bench.hush(3000)
    bench.none(CountMissedReport)


def test_wave_is_answered_at_its_end_and_once() -> None:
    bench = Bench()
    bench.send(Act("wave"))
    assert bench.only(StartTurn)[1].cause == "act"
    bench.send(ReplyReady(1))
    bench.hush(800)
    bench.none(ConfirmTurn)
    bench.send(Act("wave", ended=True))
    bench.only(OpenEpoch)
    bench.hush(300)
    bench.send(Act("wave"))
    bench.send(Act("wave", ended=True))
    bench.only(StartTurn)


def test_a_nod_is_a_turn_only_where_it_answers_a_question() -> None:
    bench = Bench()
    bench.send(Act("nod"))
    bench.send(Act("nod", ended=True))
    bench.hush(2000)
    bench.none(StartTurn)
    bench.send(Act("nod", answers=True))
    assert bench.only(StartTurn)[1].acts == ("nod",)
    bench.send(ReplyReady(1))
    bench.send(Act("nod", ended=True, answers=True))
    bench.only(ConfirmTurn)


def test_long_wave_is_answered_while_it_lasts() -> None:
    bench = Bench()
    bench.send(Act("wave"))
    bench.hush(1600)
    bench.only(ConfirmTurn)


def test_wave_joins_the_words_that_follow() -> None:
    bench = Bench()
    bench.send(Act("wave"))
    bench.hush(200)
    bench.say(100)
    bench.send(Act("wave", ended=True))
    bench.say(400)
    bench.only(CancelTurn)
    assert bench.find(StartTurn)[1][1].acts == ("wave",)
    bench.hush(220)
    bench.send(Words(2, "hello", True, 0.9))
    bench.hush(400)
    assert bench.only(ConfirmTurn)[1].turn == 2


def test_text_is_a_turn_and_cuts_what_is_said() -> None:
    bench = Bench()
    epoch = bench.speak_turn()
    bench.play(epoch, 1000)
    bench.send(TypedText("hello"))
    bench.only(CancelEpoch)
    assert bench.only(SendText)[1] == SendText(2, "hello")
    assert [a.turn for _, a in bench.find(ConfirmTurn)] == [1, 2]


def test_greets_once_on_the_first_connection() -> None:
    bench = Bench(greet=True)
    assert bench.only(StartTurn)[1].occasion == "greeting"
    bench.send(ReplyReady(1))
    assert bench.only(OpenEpoch)[1].kind == "greeting"
    bench.send(ClientGone())
    bench.send(ClientConnected(True))
    bench.only(StartTurn)


def test_silence_is_noticed_once() -> None:
    bench = Bench()
    bench.hush(25_000)
    assert bench.only(StartTurn)[1].occasion == "silence"
    bench.send(ReplyReady(1))
    epoch = bench.only(OpenEpoch)[1].epoch
    bench.play(epoch, 1000, 1000)
    bench.send(Played(epoch, "finished", 1000))
    bench.hush(60_000)
    bench.only(StartTurn)


def test_leaving_is_noticed_but_not_in_the_middle_of_a_talk() -> None:
    bench = Bench()
    bench.say(300)
    bench.send(UserLeft())
    bench.hush(300)
    assert bench.only(StartTurn)[1].cause == "voice"
    bench = Bench()
    bench.send(UserLeft())
    assert bench.only(StartTurn)[1].occasion == "leaving"
    bench.send(ReplyReady(1))
    bench.only(OpenEpoch)


def test_slow_model_is_said_and_then_fails_with_words() -> None:
    bench = Bench()
    bench.say(500)
    bench.hush(220)
    bench.send(Words(1, "hello there", True, 0.9))
    bench.hush(14_000)
    confirmed = bench.only(ConfirmTurn)[0]
    assert bench.only(SaySlow)[0] - confirmed <= 5000
    failed = bench.only(FailTurn)[1]
    assert failed.code == "no_reply"
    assert failed.heard_ms is None
    assert bench.states() == ["listening", "thinking", "apology", "idle"]


def test_lost_model_before_the_reply_is_asked_again() -> None:
    bench = Bench()
    bench.say(500)
    bench.hush(220)
    bench.send(Words(1, "hello there", True, 0.9))
    bench.hush(300)
    bench.send(ModelLost("killed"))
    bench.hush(1000)
    bench.send(ModelBack())
    assert bench.only(ReplayTurn)[1].turn == 1
    bench.send(ReplyReady(1))
    bench.only(OpenEpoch)


def test_lost_model_in_mid_reply_ends_the_epoch_and_fails_with_what_was_heard() -> None:
    bench = Bench()
    epoch = bench.speak_turn()
    bench.send(Played(epoch, "started", 0))
    bench.send(ModelLost("killed"))
    bench.only(TruncateEpoch)
    bench.send(EpochDrained(epoch, 900))
    bench.send(Played(epoch, "finished", 900))
    assert bench.only(FailTurn)[1].heard_ms == 900
    assert not [a for _, a in bench.find(ReportHeard) if a.final], "a failed reply never enters the history"
    assert bench.states()[-1] == "apology"


def test_client_that_stays_away_loses_the_reply_at_the_play_head() -> None:
    bench = Bench()
    epoch = bench.speak_turn()
    bench.play(epoch, 1000, 8000)
    bench.send(ClientGone())
    assert bench.only(PauseEpoch)[1].epoch == epoch
    for _ in range(1600):
        bench.now_ms += 20
        bench.send(Tick())
    bench.only(CancelEpoch)
    assert bench.find(ReportHeard)[-1][1] == ReportHeard(1, 1000, True, True)
    bench.only(FinishTurn)


def test_client_that_comes_back_hears_the_rest() -> None:
    bench = Bench()
    epoch = bench.speak_turn()
    bench.play(epoch, 1000, 8000)
    bench.send(ClientGone())
    bench.now_ms += 5000
    bench.send(Tick())
    bench.send(ClientConnected(True))
    bench.only(UnpauseEpoch)
    bench.none(CancelEpoch)


def test_turn_without_end_is_ended() -> None:
    bench = Bench(max_turn_ms=3000)
    bench.say(3500)
    bench.only(EndTurn)
    bench.send(Words(1, "and so on and so on", True, 0.1))
    bench.only(ConfirmTurn)


def test_finished_epoch_without_reports_is_done_by_the_clock() -> None:
    bench = Bench()
    epoch = bench.speak_turn()
    bench.send(EpochDrained(epoch, 1000))
    bench.hush(4000)
    bench.only(FinishTurn)
    assert bench.states()[-1] == "idle"


def turnable() -> Bench:
    bench = Bench()
    bench.engine.answering.interludes = frozenset({"turn"})
    return bench


def test_a_turn_to_the_user_is_an_epoch_of_no_turn_one_at_a_time() -> None:
    bench = turnable()
    bench.send(UserAside())
    bench.send(UserAside())
    opened = bench.only(OpenEpoch)[1]
    assert (opened.turn, opened.kind, opened.interlude) == (None, "filler", "turn")
    bench.send(EpochDrained(opened.epoch, 1500))
    bench.send(UserAside())
    bench.send(Played(opened.epoch, "finished", 1500))
    bench.send(UserAside())
    assert len(bench.find(OpenEpoch)) == 2
    assert bench.states() == []
    assert not bench.engine.busy


def test_without_reports_a_turn_to_the_user_counts_as_over_by_the_clock() -> None:
    bench = turnable()
    bench.send(UserAside())
    bench.send(EpochDrained(bench.only(OpenEpoch)[1].epoch, 1500))
    bench.hush(3000)
    bench.send(UserAside())
    bench.only(OpenEpoch)
    bench.hush(1000)
    bench.send(UserAside())
    assert len(bench.find(OpenEpoch)) == 2


def test_nobody_turns_while_an_answer_is_on_its_way() -> None:
    bench = turnable()
    epoch = bench.speak_turn()
    bench.send(UserAside())
    bench.play(epoch, 400)
    bench.send(UserAside())
    assert bench.only(OpenEpoch)[1].epoch == epoch


def test_a_voice_does_not_stop_a_turn_to_the_user_but_its_answer_does() -> None:
    bench = turnable()
    bench.send(UserAside())
    bench.speak_turn()
    turning, reply = (action.epoch for _, action in bench.find(OpenEpoch))
    bench.none(HoldEpoch)
    cancelled_ms, cancelled = bench.only(CancelEpoch)
    assert cancelled.epoch == turning
    assert cancelled_ms == bench.find(OpenEpoch)[1][0]
    order = [action for _, action in bench.log if isinstance(action, CancelEpoch | OpenEpoch)]
    assert [action.epoch for action in order] == [turning, turning, reply]


def listening(text: str = "so yesterday i went to", complete: float = 0.1, speech_ms: int = 1400) -> Bench:
    bench = Bench()
    bench.engine.answering.interludes = frozenset({"assent"})
    bench.say(speech_ms)
    bench.hush(220)
    bench.send(Words(bench.find(StartTurn)[-1][1].turn, text, True, complete))
    return bench


def test_a_listener_nods_in_a_pause_that_is_not_the_end_once_in_four_seconds() -> None:
    bench = listening()
    bench.none(OpenEpoch)
    bench.hush(280)
    opened_ms, opened = bench.only(OpenEpoch)
    assert (opened.turn, opened.kind, opened.interlude) == (None, "filler", "assent")
    assert 250 <= opened_ms - 1400 <= 300
    bench.send(EpochDrained(opened.epoch, 1000))
    bench.say(1500)
    bench.send(Played(opened.epoch, "cut", 100))
    bench.hush(220)
    bench.send(Words(1, "so yesterday i went to the", True, 0.1))
    bench.hush(280)
    bench.only(OpenEpoch)  # too soon again
    bench.say(2500)
    bench.hush(220)
    bench.send(Words(1, "so yesterday i went to the sea and", True, 0.1))
    bench.hush(280)
    assert len(bench.find(OpenEpoch)) == 2
    bench.none(HoldEpoch, FinishTurn, ConfirmTurn)
    assert bench.states() == ["listening"]
    bench.only(StartTurn)


@pytest.mark.parametrize(
    ("text", "complete", "speech_ms"), [("what is your name", 0.9, 1400), ("so i", 0.1, 700), ("", 0.0, 1400)]
)
def test_nobody_nods_at_a_finished_sentence_a_short_word_or_noise(text: str, complete: float, speech_ms: int) -> None:
    bench = listening(text, complete, speech_ms)
    bench.hush(400)
    bench.none(OpenEpoch)


def test_who_goes_on_is_not_hummed_at() -> None:
    bench = listening()
    bench.hush(100)
    opened = bench.only(OpenEpoch)[1]
    bench.say(40)
    assert bench.only(CancelEpoch)[1].epoch == opened.epoch
    bench.only(StartTurn)
    assert bench.engine.listening_turn == 1


def test_the_answer_takes_over_from_a_nod() -> None:
    bench = listening()
    bench.hush(1000)
    bench.send(ReplyReady(1))
    nod, reply = (action.epoch for _, action in bench.find(OpenEpoch))
    assert [action.epoch for _, action in bench.find(CancelEpoch)] == [nod]
    assert reply > nod

"""Figures of the endpoint bench, on outcomes whose answer is known."""

import numpy as np
import pytest

from solami.cli.endpoint_trial import Item, Outcome, figures, silence_rule


def outcome(ends_ms: tuple[float, ...], silences_ms: tuple[float, ...], heard_end_ms: float = 3000) -> Outcome:
    return Outcome(Item("prose", "one", 500, np.zeros(0, np.int16), 3000), ends_ms, silences_ms, heard_end_ms)


def test_an_end_before_the_last_sound_is_a_cut_in_and_the_next_one_behind_it_is_the_delay() -> None:
    cut, whole, never = outcome((1500, 3400), ()), outcome((3600,), ()), outcome((), ())
    assert [o.cut_in for o in (cut, whole, never)] == [True, False, False]
    assert [o.delay_ms for o in (cut, whole, never)] == [400, 600, None]


def test_the_silence_rule_waits_as_long_as_half_of_our_ends_took() -> None:
    heard = [outcome((3000 + d,), (s,)) for d, s in ((400, 300), (500, 450), (900, 600), (500, 1100))]
    found = figures(heard)
    assert (found["delay_p50_ms"], found["delay_mean_ms"], found["cut_ins"]) == (500, 575, 0)
    assert found["silence_rule_cut_ins"] == silence_rule(heard, 500) == 0.5
    assert found["silence_rule_cut_ins_at_mean_delay"] == 0.5
    # voice activity that ends 100 ms late gives the rule 100 ms less to wait
    late = [outcome((3000 + d,), (s,), heard_end_ms=3100) for d, s in ((500, 300), (500, 410), (500, 450), (500, 900))]
    assert figures(late)["silence_rule_cut_ins"] == pytest.approx(0.75)


def test_turns_that_never_end_are_counted() -> None:
    assert figures([outcome((), ()), outcome((3500,), ())])["never_ended"] == 1

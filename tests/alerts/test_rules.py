"""What every kind of rule keeps, whoever wrote it; and what each kind says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from math import pi, sin

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from alerts.rules import evidently, nannyml, noted, presence, relative, threshold
from alerts.rules.base import RuleOptions, Side, Verdict
from core.plugins import PORTS, load, names
from core.windows import Grain, Window
from tests.alerts.series import point, series

OPTIONS = {"threshold": {"above": 10.0}}
QUIET = [10.0, 10.2, 9.8, 10.1, 9.9, 10.3, 9.7] * 4


def verdicts(kind, of, **options):
    chosen = kind.Options.model_validate(options)
    return [one.verdict for one in kind.judge(of, chosen)]


# --- the contract -------------------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=names(PORTS["rule"]))
def kind(request):
    module = load(PORTS["rule"], request.param)
    return module, module.Options.model_validate(OPTIONS.get(request.param, {}))


values = st.lists(st.one_of(st.none(), st.floats(0, 100, allow_nan=False)), max_size=60)


def test_it_is_a_known_shape(kind):
    module, options = kind
    assert isinstance(options, RuleOptions)
    assert module.__doc__


@settings(max_examples=40)
@given(found=values)
def test_it_answers_each_window_once_in_order_and_never_calls_the_unknown_ok(kind, found):
    module, options = kind
    answers = module.judge(series(found), options)
    assert [one.window for one in answers] == [one.window for one in series(found).points]
    for one, value in zip(answers, found, strict=True):
        if value is None:
            assert one.verdict is Verdict.UNKNOWN
        if one.verdict in (Verdict.UNKNOWN, Verdict.HARM):
            assert one.reason


@settings(max_examples=40)
@given(found=values, cut=st.integers(0, 60))
def test_it_does_not_look_into_the_future(kind, found, cut):
    module, options = kind
    whole = module.judge(series(found), options)
    assert module.judge(series(found[:cut]), options) == whole[:cut]


# --- threshold ----------------------------------------------------------------------------------------------


def test_it_fires_beyond_a_limit_and_not_on_it():
    found = verdicts(threshold, series([9.0, 10.0, 10.1, 1.9]), above=10, below=2)
    assert found == [Verdict.CALM, Verdict.CALM, Verdict.HARM, Verdict.HARM]


def test_it_wants_a_limit():
    with pytest.raises(ValidationError, match="needs a limit"):
        threshold.Options()


# --- relative -----------------------------------------------------------------------------------------------


def test_it_is_quiet_inside_the_normal_spread():
    assert set(verdicts(relative, series(QUIET, QUIET))) == {Verdict.CALM}


def test_it_fires_on_harm_and_tells_the_good():
    found = verdicts(relative, series([13.0, 7.0], QUIET, harm=Side.UP))
    assert found == [Verdict.HARM, Verdict.GOOD]


def test_it_leaves_trifles_below_the_floor_alone():
    far = [10.0 + 0.001 * (at % 2) for at in range(28)]
    assert verdicts(relative, series([10.4], far), floor=0.5) == [Verdict.CALM]
    assert verdicts(relative, series([10.6], far), floor=0.5) == [Verdict.HARM]
    assert verdicts(relative, series([10.4, 11.2], far), floor="10%") == [Verdict.CALM, Verdict.HARM]


def test_it_counts_the_windows_own_sampling_error():
    steady = [0.10 + 0.001 * (at % 3) for at in range(28)]
    assert verdicts(relative, series([0.2], steady, error=0.04)) == [Verdict.NEAR]
    assert verdicts(relative, series([0.2], steady, error=0.004)) == [Verdict.HARM]


def test_it_says_how_much_it_has_learnt():
    answers = relative.judge(series(QUIET[:16]), relative.Options())
    assert answers[9].verdict is Verdict.UNKNOWN
    assert answers[9].reason == "learning, 9 of 14"
    assert answers[14].verdict is Verdict.CALM


def test_it_learns_a_week_of_hours():
    answers = relative.judge(series(QUIET[:16], grain=Grain.HOUR), relative.Options())
    assert answers[9].reason == "learning, 9 of 168"


def test_it_speaks_from_the_first_window_where_one_level_is_enough():
    found = verdicts(relative, series([0.0, 0.3], [0.0], error=0.01), learn=1, floor=0.05)
    assert found == [Verdict.CALM, Verdict.HARM]


def test_it_gives_weekdays_their_own_level_where_the_reference_has_four_weeks():
    week = [100.0, 101, 99, 100, 102, 40, 38]
    reference = [value + (at // 7) % 2 for at, value in enumerate(week * 4)]
    assert verdicts(relative, series([*week[:5], 40, 100], reference)) == [Verdict.CALM] * 6 + [Verdict.HARM]


def test_it_compares_a_holiday_with_nothing():
    of = series([30.0], QUIET, holidays={point(0, 1).window.start.date(): "New Year"})
    (answer,) = relative.judge(of, relative.Options())
    assert (answer.verdict, answer.reason) == (Verdict.UNKNOWN, "holiday: New Year")


def test_it_lets_a_log_grow():
    growing = [1000 * 1.01**at for at in range(300)]
    found = verdicts(relative, series(growing), floor="100%", against="trailing", scale="log")
    assert Verdict.HARM not in found


def test_it_says_what_is_normal():
    (answer,) = relative.judge(series([0.2], [0.1] * 20, unit="percent", error=0.00101), relative.Options())
    assert answer.reason == "Value is 20.0\xa0%; normal is about 10.0\xa0% (9.5\xa0% to 10.5\xa0%)"


def test_it_refuses_a_floor_that_it_cannot_read():
    with pytest.raises(ValidationError, match="not a floor"):
        relative.Options.model_validate({"floor": "ten"})


# --- presence -----------------------------------------------------------------------------------------------


def test_it_sees_a_feed_that_stopped():
    found = verdicts(presence, series([500.0] * 14 + [0.0, 0.0, 0.0, 500.0]))
    assert found[14:] == [Verdict.NEAR, Verdict.HARM, Verdict.HARM, Verdict.CALM]


def test_it_lets_a_log_rest_on_weekends():
    found = verdicts(presence, series(([500.0] * 5 + [0.0, 0.0]) * 6))
    assert Verdict.HARM not in found


def test_it_waits_until_enough_rows_are_missing():
    found = verdicts(presence, series([6.0] * 14 + [0.0] * 6))
    assert found[14:] == [Verdict.NEAR] * 4 + [Verdict.HARM] * 2


# --- noted --------------------------------------------------------------------------------------------------


def test_it_repeats_what_the_collector_noted():
    of = series([0.0])
    noticed = point(1, 1.0, reason="The column age vanished.")
    answers = noted.judge(
        type(of)(key=of.key, title="Columns", points=(*of.points, noticed)), noted.Options()
    )
    assert [one.verdict for one in answers] == [Verdict.CALM, Verdict.HARM]
    assert answers[1].reason == "The column age vanished."


# --- against a past that moves ------------------------------------------------------------------------------


def rolling(days: int) -> Callable[[Window], tuple[datetime, datetime]]:
    return lambda window: (window.start - timedelta(days=days), window.start)


def last_year(window: Window) -> tuple[datetime, datetime]:
    return window.start - timedelta(days=364), window.end - timedelta(days=364)


def test_a_rolling_reference_gets_used_to_a_new_level():
    values = [*QUIET, *[12.0 + (at % 3 - 1) * 0.2 for at in range(40)]]
    fixed = verdicts(relative, series(values))
    moving = verdicts(relative, series(values, past=rolling(21)))

    assert fixed[28:] == [Verdict.HARM] * 40
    assert moving[28] is Verdict.HARM
    assert Verdict.HARM not in moving[28 + 21 :]


def test_a_rolling_reference_takes_only_the_windows_of_its_span():
    values = [*[20.0, 20.2, 19.8] * 10, *QUIET, *QUIET]
    found = relative.judge(series(values, past=rolling(28)), relative.Options())

    assert found[30].expected == pytest.approx(20.0, abs=0.1)
    assert found[-1].expected == pytest.approx(10.0, abs=0.5)


def test_a_step_in_the_first_weeks_is_seen():
    found = verdicts(relative, series([*QUIET[:20], *[40.0] * 20]))

    assert found[20:] == [Verdict.HARM] * 20


@pytest.mark.parametrize("step", [15.0, 40.0, 1000.0])
@pytest.mark.parametrize("moving", [{"past": rolling(28)}, {}], ids=["rolling", "trailing"])
def test_a_step_does_not_hide_itself_by_widening_what_is_normal(step, moving):
    options = {} if moving else {"against": "trailing"}
    found = verdicts(relative, series([*QUIET, *[step] * 40], **moving), **options)

    assert found[28 : 28 + 28] == [Verdict.HARM] * 28
    assert Verdict.HARM not in found[28 + 28 :]


def test_a_rolling_span_that_is_too_short_reaches_back_to_the_windows_it_has_to_learn_from():
    values = [50.0] * 10 + QUIET
    found = relative.judge(series(values, past=rolling(3)), relative.Options())

    assert [one.verdict for one in found[:14]] == [Verdict.UNKNOWN] * 14
    assert found[13].reason == "learning, 13 of 14"
    assert found[-1].expected == pytest.approx(sum(QUIET[-15:-1]) / 14)


def test_weeks_roll_in_weeks():
    values = [20.0] * 20 + QUIET
    past = rolling(26 * 7)
    found = relative.judge(series(values, grain=Grain.WEEK, past=past), relative.Options())

    assert found[-1].expected == pytest.approx(sum(QUIET[-27:-1]) / 26)


def test_the_same_period_of_last_year_is_learnt_from_the_four_weeks_around_it():
    season = [100.0 + 50 * sin(2 * pi * at / 364) + (at % 7 == 6) * 30 for at in range(2 * 364)]
    options = {"floor": "5%"}

    moving = verdicts(relative, series(season, past=last_year), **options)
    fixed = verdicts(relative, series(season), **options)
    fallen = [*season[:-2], 20.0, 20.0]

    assert Verdict.HARM in fixed[364:]
    assert Verdict.HARM not in moving[364:]
    assert verdicts(relative, series(fallen, past=last_year), **options)[-2:] == [Verdict.HARM] * 2


def test_a_first_year_is_compared_with_the_first_four_weeks():
    values = [*QUIET, 10.0, 12.0]
    assert verdicts(relative, series(values, past=last_year)) == verdicts(relative, series(values))


@settings(max_examples=40)
@given(found=values, cut=st.integers(0, 60), past=st.sampled_from([rolling(5), rolling(20), last_year]))
def test_a_moving_past_does_not_look_into_the_future(found, cut, past):
    options = relative.Options(learn=3)
    whole = relative.judge(series(found, past=past), options)
    assert relative.judge(series(found[:cut], past=past), options) == whole[:cut]


# --- what the field decides ---------------------------------------------------------------------------------


def test_nannyml_is_three_deviations_of_the_references_windows():
    base = np.random.default_rng(3).normal(0.1, 0.01, 30)
    low, high = base.mean() - 3 * base.std(), base.mean() + 3 * base.std()
    of = series([high - 1e-6, high + 1e-6, low - 1e-6, None], baseline=base.tolist())
    found = nannyml.judge(of, nannyml.Options())
    assert [one.verdict for one in found] == [Verdict.CALM, Verdict.HARM, Verdict.HARM, Verdict.UNKNOWN]
    assert (found[0].low, found[0].high) == (pytest.approx(low), pytest.approx(high))


def test_nannyml_without_a_reference_learns_from_the_first_windows():
    found = nannyml.judge(series([*QUIET, 10.0, 12.0]), nannyml.Options())
    assert [one.verdict for one in found[-2:]] == [Verdict.CALM, Verdict.HARM]
    assert {one.verdict for one in found[:28]} == {Verdict.UNKNOWN}


@pytest.mark.parametrize(
    ("metric", "limit"), [("drift.wasserstein", 0.1), ("drift.jensen_shannon", 0.1 / 0.83255)]
)
def test_evidently_is_a_distance_of_a_tenth_in_its_own_unit(metric, limit):
    of = series([limit - 1e-3, limit + 1e-3])
    of = replace(of, points=tuple(replace(one, metric=metric) for one in of.points))
    assert [one.verdict for one in evidently.judge(of, evidently.Options())] == [Verdict.CALM, Verdict.HARM]

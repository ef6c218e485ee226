"""The sequential rule: what it learns from, when it speaks, and when it cannot tell."""

from dataclasses import replace
from datetime import date, datetime, timedelta

import numpy as np
import pytest

from alerts.rules import sequential
from alerts.rules.base import Side, Trace, Verdict
from alerts.timeline import timeline
from core.values import MetricPoint, MetricValue
from core.windows import Grain
from metrics.intervals import wilson
from tests.alerts.series import days, point, series, window

OPTIONS = sequential.Options(threshold=1000, floor="5%")


def shares(values, n=2000, first=0, grain=Grain.DAY):
    found = []
    for at, value in enumerate(values):
        limits = wilson(value * n, n)
        answer = MetricValue(
            value=value,
            n=n,
            numerator=value * n,
            denominator=float(n),
            lower=limits.lower,
            upper=limits.upper,
        )
        found.append(MetricPoint(model="lead", metric="m", window=window(first + at, grain), value=answer))
    return tuple(found)


def kpi(values, baseline=(), n=2000, **more):
    of = series([], harm=more.pop("harm", Side.DOWN), unit="percent", **more)
    return replace(of, points=shares(values, n), baseline=shares(baseline, n, -len(baseline)))


def drawn(share, count, n=2000, seed=1):
    return list(np.random.default_rng(seed).binomial(n, share, count) / n)


def judged(of, options=OPTIONS):
    return sequential.judge(of, options)


def verdicts(of, options=OPTIONS):
    return [one.verdict for one in judged(of, options)]


def test_it_speaks_once_the_evidence_is_enough_and_says_since_when():
    of = kpi([*drawn(0.10, 20, seed=2), *drawn(0.08, 10, seed=3)], drawn(0.10, 28))

    found = judged(of)

    first = next(one for one in found if one.verdict is Verdict.HARM)
    assert window(20).start <= first.window.start <= window(23).start
    assert abs((first.began - window(20).start).days) <= 1
    assert "Value is 8." in first.reason
    assert "before 10." in first.reason
    assert first.evidence >= 1000


def test_a_move_the_good_way_is_good():
    of = kpi([*drawn(0.10, 20), *drawn(0.14, 5)], drawn(0.10, 28))
    assert Verdict.GOOD in verdicts(of)
    assert Verdict.HARM not in verdicts(of)


def test_a_fall_back_from_better_to_normal_is_no_harm():
    of = kpi([*drawn(0.10, 10), *drawn(0.14, 30, seed=5), *drawn(0.10, 30, seed=6)], drawn(0.10, 28))
    assert Verdict.HARM not in verdicts(of)


def test_an_effect_below_the_floor_is_calm_for_ever():
    of = kpi([0.098] * 60, [0.100, 0.1001] * 14, n=500_000)
    assert set(verdicts(of)) == {Verdict.CALM}
    assert Verdict.HARM in verdicts(of, sequential.Options(threshold=1000, floor="1%"))


def test_without_a_reference_it_learns_from_the_first_windows():
    found = judged(kpi([*drawn(0.10, 13)]))
    assert [one.verdict for one in found] == [Verdict.UNKNOWN] * 13
    assert found[9].reason == "learning, 9 of 14"
    later = verdicts(kpi([*drawn(0.10, 16), *drawn(0.05, 3)]))
    assert later[13:16] == [Verdict.UNKNOWN, Verdict.CALM, Verdict.CALM] or later[14] is Verdict.CALM
    assert Verdict.HARM in later[16:]


def test_weekdays_are_learnt_from_the_first_four_weeks():
    rng = np.random.default_rng(8)
    weekly = np.array([0.12, 0.12, 0.12, 0.12, 0.12, 0.08, 0.08])
    values = [rng.binomial(5000, weekly[at % 7]) / 5000 for at in range(120)]
    assert not timeline(judged(kpi(values, n=5000)), 1).episodes
    fallen = [value * (0.9 if at >= 60 else 1) for at, value in enumerate(values)]
    (episode,) = timeline(judged(kpi(fallen, n=5000)), 1).episodes
    assert (episode.raised - window(60).start).days <= 7


def test_a_weekday_that_was_never_seen_is_compared_with_all():
    values = drawn(0.10, 60, seed=31)
    of = kpi(values)
    first = tuple(
        one for one in of.points if one.window.start.weekday() < 5 or one.window.start >= window(45).start
    )
    found = judged(replace(of, points=first))
    assert {one.verdict for one in found[-10:]} == {Verdict.CALM}


def test_the_references_own_windows_are_not_judged_by_themselves():
    values = drawn(0.10, 28)
    of = kpi(values)
    of = replace(of, baseline=shares(values))
    assert set(verdicts(of)) == {Verdict.CALM}


def test_a_holiday_neither_alarms_nor_teaches():
    values = drawn(0.10, 40)
    values[30] = 0.0
    of = kpi(values, drawn(0.10, 28, seed=9), holidays={date(2026, 2, 4): "Rest"})
    found = judged(of)
    assert (found[30].verdict, found[30].reason) == (Verdict.UNKNOWN, "holiday: Rest")
    assert Verdict.HARM not in [one.verdict for one in found]


def test_too_few_rows_are_unknown():
    of = kpi(drawn(0.10, 10), drawn(0.10, 28))
    few = replace(of, points=(*of.points, point(10, None)))
    assert judged(few)[-1].verdict is Verdict.UNKNOWN
    assert judged(few)[-1].reason == "only 3 rows"
    tiny = replace(of, points=shares([0.0] * 40, n=20))
    assert {one.verdict for one in judged(tiny)} == {Verdict.UNKNOWN}


def test_rare_events_are_bet_on():
    normal, n = 0.004, 1000
    quiet = kpi(drawn(normal, 100, n, seed=11), drawn(normal, 30, n, seed=12), n=n)
    assert Verdict.HARM not in verdicts(quiet)
    gone = kpi([*drawn(normal, 10, n, seed=13), *[0.0] * 12], drawn(normal, 30, n, seed=12), n=n)
    assert Verdict.HARM in verdicts(gone)


def test_a_rolling_reference_gets_used_to_a_new_level():
    past = lambda w: (w.start - days(28), w.start)  # noqa: E731
    of = kpi([*drawn(0.10, 60, seed=14), *drawn(0.07, 120, seed=15)], past=past)
    line = timeline(judged(of), 1)
    assert len(line.episodes) == 1
    assert line.episodes[0].over is not None
    assert (line.episodes[0].over - window(60).start).days < 60


def test_a_year_ago_is_compared_with_the_same_week():
    year = timedelta(days=364)
    past = lambda w: (w.start - year, w.end - year)  # noqa: E731
    season = 0.10 + 0.05 * np.sin(np.arange(500) * 2 * np.pi / 364)
    rng = np.random.default_rng(16)
    values = rng.binomial(5000, season) / 5000
    assert Verdict.HARM not in verdicts(kpi(values, n=5000, past=past))
    assert judged(kpi(values, n=5000, past=past))[100].reason == "There is no window of a year earlier."
    values[450:] *= 0.85
    assert Verdict.HARM in verdicts(kpi(values, n=5000, past=past))[450:470]
    assert Verdict.HARM in verdicts(kpi(values, n=5000))[:450]  # the season itself, without that reference


def test_hours_of_a_week_are_compared_with_their_like():
    rng = np.random.default_rng(17)
    hours = 7 * 24 * 6
    level = np.where((np.arange(hours) % 168) // 24 >= 5, 0.03, 0.06) + 0.02 * (np.arange(hours) % 24 >= 18)
    values = rng.binomial(4000, level) / 4000
    of = replace(kpi([], harm=Side.UP), points=shares(values, 4000, grain=Grain.HOUR))
    found = judged(of)
    assert found[4 * 7 * 24 - 1].verdict is Verdict.UNKNOWN
    assert Verdict.HARM not in [one.verdict for one in found[7 * 24 * 4 :]]
    values[-12:] *= 1.5
    worse = replace(of, points=shares(values, 4000, grain=Grain.HOUR))
    assert Verdict.HARM in [one.verdict for one in judged(worse)[-12:]]


def trace(values, n=1000, base=None, names=("location",), shares=()):
    at = tuple(window(i) for i in range(len(values)))
    found = Trace(
        names=names, shares=shares, windows=at, values=np.asarray(values, dtype=float),
        n=np.full(len(values), float(n)),
    )  # fmt: skip
    if base is None:
        return found
    return replace(
        found, base=np.asarray(base, dtype=float), base_n=np.full(len(base), float(n)),
        base_windows=tuple(window(i - len(base)) for i in range(len(base))),
    )  # fmt: skip


def column(name, **more):
    of = series([])
    return replace(of, title=f"Drift in {name}", key=replace(of.key, column=name), trace=trace(**more))


def test_columns_share_one_chance_of_a_false_alarm_and_are_named_by_their_own_evidence():
    rng = np.random.default_rng(18)
    noise = lambda rows: rng.normal(0, 1000**-0.5, (rows, 1))  # noqa: E731
    family = [column(f"c{i}", values=noise(40), base=noise(30)) for i in range(20)]
    drifted = noise(40)
    drifted[30:] += 0.25
    family[4] = column("c4", values=drifted, base=noise(30))

    found = sequential.judge_together(family, sequential.Options(threshold=1000, floor=0.05))

    loud = [at for at, own in enumerate(found) if any(one.verdict is Verdict.HARM for one in own)]
    assert loud == [4]
    first = next(one for one in found[4] if one.verdict is Verdict.HARM)
    assert first.window == window(30)
    assert first.reason.startswith("c4 is higher since 4 February, by 0.1")


@pytest.mark.parametrize(("change", "says"), [(0.3, "age is higher"), (-0.3, "age is lower")])
def test_a_column_may_move_either_way(change, says):
    values = np.random.default_rng(26).normal(0, 1000**-0.5, (30, 1))
    values[20:] += change
    of = replace(column("age", values=values, base=values[:20]), harm=Side.UP)
    found = [one.reason for one in judged(of, sequential.Options(floor=0.05)) if one.verdict is Verdict.HARM]
    assert found[0].startswith(says)


def test_a_pair_is_told_by_its_correlations():
    values = np.zeros((30, 1))
    values[20:] = np.arctanh(0.3) - np.arctanh(0.6)
    of = column("", values=values, base=np.zeros((30, 1)), names=("age × income",), shares=(0.6,))
    of = replace(of, trace=replace(of.trace, pairs=True))
    first = next(one for one in judged(of, sequential.Options(floor=0.1)) if one.verdict is Verdict.HARM)
    assert first.reason.startswith("age × income: correlated by 0.30 since 25 January (0.2")
    assert first.reason.endswith("before by 0.60")


def test_a_level_is_told_by_its_shares():
    values = np.zeros((30, 1))
    values[20:] = (0.30 - 0.20) / np.sqrt(0.2 * 0.8)
    of = column("channel", values=values, base=np.zeros((30, 1)), names=("web",), shares=(0.2,))
    first = next(one for one in judged(of, sequential.Options(floor=0.05)) if one.verdict is Verdict.HARM)
    assert first.reason == ("channel: the share of web rose since 25 January, from 20.0\xa0% to 30.0\xa0%")


def test_a_column_that_cannot_be_compared_is_unknown():
    of = column("flag", values=np.zeros((20, 0)), names=())
    found = judged(of)
    assert {one.verdict for one in found} == {Verdict.UNKNOWN}
    assert "Too few values" in found[-1].reason


@pytest.mark.parametrize("until", [datetime(2026, 2, 20), datetime(2026, 3, 10)])
def test_what_comes_later_changes_no_verdict(until):
    values = [*drawn(0.10, 30, seed=20), *drawn(0.075, 15, seed=21), *drawn(0.10, 40, seed=22)]
    of = kpi(values, drawn(0.10, 28, seed=23))
    whole = judged(of)
    cut = replace(of, points=tuple(p for p in of.points if p.window.end.replace(tzinfo=None) <= until))
    raised = [one.window for one in whole if one.verdict is Verdict.HARM and one.began]
    again = [one.window for one in judged(cut) if one.verdict is Verdict.HARM and one.began]
    assert again == [one for one in raised if one.end.replace(tzinfo=None) <= until]

"""How a goal stands, and how far its forecast can be trusted."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from scipy.special import stdtrit

from core.config.model import Goal
from core.values import MetricPoint, MetricValue, ValueState
from core.windows import Grain, Window, window_at
from metrics.goals import GoalJudgement, GoalState, deadline_of, judge_goal
from metrics.intervals import mean, wilson
from metrics.trend import Seen, outlook

ZONE = ZoneInfo("Europe/Moscow")
START = datetime(2026, 1, 5, 12, tzinfo=UTC)
GOAL = Goal(kpi="conversion", baseline=0.10, target=0.15, since=date(2026, 1, 5), by=date(2026, 7, 1))


def day(at: int) -> Window:
    return window_at(START + timedelta(days=at), Grain.DAY, ZONE)


def share(
    at: int, hits: float, n: int, *, state: ValueState = ValueState.OK, final: bool = True
) -> MetricPoint:
    limits = wilson(hits, n)
    few = state is ValueState.NOT_ENOUGH_DATA
    value = MetricValue(
        value=None if few else hits / n, lower=None if few else limits.lower,
        upper=None if few else limits.upper,
        n=n, numerator=hits, denominator=n, state=state, reason="" if state is ValueState.OK else "because",
    )  # fmt: skip
    return MetricPoint(model="lead", metric="business.conversion", window=day(at), value=value, final=final)


def days(count: int, level: Callable[[int], float], n: int = 1000, seed: int = 0) -> list[MetricPoint]:
    rng = np.random.default_rng(seed)
    return [share(at, float(rng.binomial(n, level(at))), n) for at in range(count)]


def judged(points: list[MetricPoint], goal: Goal = GOAL, at: int | None = None) -> GoalJudgement:
    now = (points[-1].window.end if points else START) if at is None else day(at).start
    return judge_goal(goal, points, now=now, zone=ZONE)


def test_it_pools_the_last_28_days_of_mature_windows() -> None:
    points = days(60, lambda at: 0.02 if at < 32 else 0.12)
    young = [share(60, 900, 1000, state=ValueState.IMMATURE, final=False)]

    found = judged(points + young)

    hits = sum(point.value.numerator or 0 for point in points[32:])
    limits = wilson(hits, 28_000)
    assert (found.numerator, found.denominator, found.n) == (hits, 28_000, 28_000)
    assert found.value == hits / 28_000
    assert (found.lower, found.upper) == (limits.lower, limits.upper)


@pytest.mark.parametrize(
    ("level", "state"),
    [
        (lambda at: 0.17, GoalState.REACHED),
        (lambda at: 0.10 + 0.00045 * at, GoalState.ON_TRACK),
        (lambda at: 0.10, GoalState.OFF_TRACK),
    ],
)
def test_it_tells_how_a_goal_stands(level: Callable[[int], float], state: GoalState) -> None:
    found = judged(days(80, level))

    assert found.state is state
    assert (found.probability is None) is (state is GoalState.REACHED)


def test_it_is_at_risk_in_between() -> None:
    reaching = Goal(kpi="c", baseline=0.10, target=0.12, since=date(2026, 1, 5), by=date(2026, 4, 30))
    points = [share(at, 119 + 16 * (-1) ** at, 1000) for at in range(70)]

    found = judged(points, reaching)

    assert found.probability is not None
    assert 0.2 <= found.probability < 0.7
    assert found.state is GoalState.AT_RISK


def test_a_goal_can_point_down() -> None:
    down = Goal(kpi="c", baseline=0.15, target=0.10, since=date(2026, 1, 5), by=date(2026, 7, 1))

    assert judged(days(60, lambda at: 0.08), down).state is GoalState.REACHED
    falling = judged(days(60, lambda at: 0.15 - 0.0004 * at), down)
    assert falling.state is GoalState.ON_TRACK
    assert falling.needed is not None
    assert falling.needed < 0
    assert judged(days(60, lambda at: 0.15), down).state is GoalState.OFF_TRACK


def test_it_is_missed_once_the_deadline_has_passed() -> None:
    points = days(200, lambda at: 0.11)
    end = deadline_of(GOAL, ZONE)

    before = judge_goal(GOAL, points, now=end - timedelta(seconds=1), zone=ZONE)
    after = judge_goal(GOAL, points, now=end, zone=ZONE)

    assert before.state is GoalState.OFF_TRACK
    assert after.state is GoalState.MISSED
    assert after.reason == "The deadline has passed."
    assert after.needed is None
    assert end.isoformat() == "2026-07-02T00:00:00+03:00"


def test_what_comes_after_the_deadline_does_not_count() -> None:
    late = days(230, lambda at: 0.11 if at < 178 else 0.30)

    assert judged(late).state is GoalState.MISSED


def test_it_is_unknown_with_a_reason() -> None:
    assert judged([]).reason == "No window of this KPI is mature yet."
    few = [share(0, 3, 20, state=ValueState.NOT_ENOUGH_DATA)]
    assert judged(few).reason == "20 rows in the last mature windows, 30 are needed."
    learning = judged(days(9, lambda at: 0.12))
    assert learning.state is GoalState.UNKNOWN
    assert learning.reason == "Learning: 9 of 14 mature windows since 2026-01-05."
    assert learning.value is not None
    assert learning.needed is not None


def test_days_too_small_by_themselves_count_together() -> None:
    points = [share(at, 2.0, 20, state=ValueState.NOT_ENOUGH_DATA) for at in range(28)]

    found = judged(points)

    assert (found.value, found.n) == (0.1, 560)
    assert found.state is GoalState.OFF_TRACK


def test_it_says_what_is_needed_a_month() -> None:
    found = judged(days(60, lambda at: 0.11))

    assert found.value is not None
    assert found.needed is not None
    months = (deadline_of(GOAL, ZONE) - day(60).start) / timedelta(days=30.4375)
    assert found.needed == pytest.approx((0.15 - found.value) / months)


def test_a_mean_is_pooled_with_its_own_spread() -> None:
    rng = np.random.default_rng(3)
    goal = Goal(kpi="wait", baseline=6.0, target=4.0, since=date(2026, 1, 5), by=date(2026, 7, 1))
    rows = [rng.gamma(2, 2.5, 300) for _day in range(28)]
    points = []
    for at, values in enumerate(rows):
        limits = mean(float(values.sum()), float((values**2).sum()), 300)
        value = MetricValue(
            value=float(values.mean()), lower=limits.lower, upper=limits.upper, n=300,
            numerator=float(values.sum()), denominator=300.0,
        )  # fmt: skip
        points.append(MetricPoint(model="lead", metric="business.wait", window=day(at), value=value))
    everything = np.concatenate(rows)

    found = judged(points, goal)

    expected = mean(float(everything.sum()), float((everything**2).sum()), len(everything))
    assert found.value == pytest.approx(everything.mean())
    assert found.lower == pytest.approx(expected.lower, rel=0.01)
    assert found.upper == pytest.approx(expected.upper, rel=0.01)


def test_the_order_of_the_points_does_not_matter() -> None:
    points = days(50, lambda at: 0.11)

    shuffled = judge_goal(GOAL, points[::-1], now=day(50).start, zone=ZONE)

    assert shuffled == judge_goal(GOAL, points, now=day(50).start, zone=ZONE)


def test_it_knows_only_what_was_there_at_the_time() -> None:
    points = days(100, lambda at: 0.11 if at < 50 else 0.2)

    assert judged(points, at=50) == judged(points[:50], at=50)


@pytest.mark.parametrize(
    ("kind", "least"), [("flat", 0.90), ("linear", 0.90), ("hanging", 0.88), ("wandering", 0.78)]
)
def test_the_forecast_covers_as_its_docstring_says(kind: str, least: float) -> None:
    rng = np.random.default_rng(4)
    weekday = np.array([0, 0.05, 0.05, 0, -0.02, -0.05, -0.03])
    seen_days, all_days, runs, inside = 60, 120, 120, 0
    for _run in range(runs):
        at = np.arange(all_days)
        level = 0.12 + (0.0001 * at if kind == "linear" else 0.0 * at)
        if kind == "hanging":
            walk = np.zeros(all_days)
            for one in range(1, all_days):
                walk[one] = 0.6 * walk[one - 1] + rng.normal(0, 0.04)
            level = level * np.exp(walk)
        if kind == "wandering":
            level = level * np.exp(np.cumsum(rng.normal(0, 0.01, all_days)))
        n = rng.poisson(800, all_days) + 1
        hits = rng.binomial(n, np.clip(level * (1 + weekday[at % 7]), 0, 1))
        seen = [
            Seen(window=day(one), value=hits[one] / n[one], weight=float(n[one])) for one in range(seen_days)
        ]
        found = outlook(seen, [day(one) for one in range(all_days - 28, all_days)], ZONE)
        assert found is not None
        truth = hits[-28:].sum() / n[-28:].sum()
        inside += abs(truth - found.level) <= found.error * stdtrit(found.freedom, 0.975)
    assert inside / runs >= least


def test_windows_ahead_that_were_seen_carry_no_doubt() -> None:
    rng = np.random.default_rng(5)
    seen = [Seen(window=day(at), value=0.1 + rng.normal(0, 0.01), weight=100.0) for at in range(60)]

    half = outlook(seen, [day(at) for at in range(46, 74)], ZONE)
    none = outlook(seen, [day(at) for at in range(60, 88)], ZONE)
    whole = outlook(seen, [day(at) for at in range(32, 60)], ZONE)

    assert half is not None and none is not None and whole is not None
    assert 0 == whole.error < half.error < none.error
    assert whole.level == pytest.approx(np.mean([one.value for one in seen[32:]]))
    assert whole.probability_above(whole.level) == 1.0
    assert whole.probability_above(whole.level + 1e-9) == 0.0


def test_points_without_sums_are_left_out() -> None:
    points = days(40, lambda at: 0.11)
    bare = replace(points[5], value=MetricValue(value=0.9, n=1000))

    assert judged([*points[:5], bare, *points[6:]]) == judged([*points[:5], *points[6:]])

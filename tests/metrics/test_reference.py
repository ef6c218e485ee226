"""The level and spread of a metric over its reference."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest

from core.values import MetricPoint, MetricValue, ValueState
from core.windows import Grain, window_at
from metrics.reference import Baseline, baseline

ZONE = ZoneInfo("Europe/Moscow")
MONDAY = datetime(2026, 3, 2, 12, tzinfo=UTC)


def point(day: int, value: float | None, state: ValueState = ValueState.OK) -> MetricPoint:
    window = window_at(MONDAY + timedelta(days=day), Grain.DAY, ZONE)
    return MetricPoint(
        model="lead", metric="x", window=window, value=MetricValue(value=value, n=50, state=state)
    )


def test_it_sums_up_mean_spread_and_weekdays() -> None:
    values = [float(day % 7) + (day // 7) % 2 for day in range(28)]
    found = baseline([point(day, value) for day, value in enumerate(values)], ZONE)

    assert found.mean == pytest.approx(np.mean(values))
    assert found.sd == pytest.approx(np.std(values, ddof=1))
    assert (found.n, found.rows) == (28, 50)
    assert found.weekday == {day: pytest.approx(day + 0.5) for day in range(7)}
    assert found.residual == pytest.approx(np.sqrt(28 * 0.25 / 21))
    assert found.expected(3) == pytest.approx(3.5)


def test_it_does_not_depend_on_the_order() -> None:
    points = [point(day, day * 0.1) for day in range(20)]

    assert baseline(points[::-1], ZONE).mean == pytest.approx(baseline(points, ZONE).mean)
    assert baseline(points, ZONE).expected(0) == baseline(points, ZONE).mean, "no weekdays before 28 windows"


def test_it_leaves_out_what_has_no_value() -> None:
    points = [point(0, 1.0), point(1, None, ValueState.NOT_ENOUGH_DATA), point(2, 9.0, ValueState.IMMATURE)]

    found = baseline(points, ZONE)

    assert (found.mean, found.sd, found.n) == (1.0, None, 1)
    assert baseline([], ZONE) == Baseline()

"""Series for the tests of rules."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from alerts.rules.base import Series, Side
from core.rules import AlertKey
from core.values import MetricPoint, MetricValue, ValueState
from core.windows import Grain, Window

START = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday


def window(at: int, grain: Grain = Grain.DAY, start: datetime = START) -> Window:
    """The window number `at` since START."""
    begin = start + at * grain.length
    return Window(start=begin, end=begin + grain.length, grain=grain)


def point(
    at: int,
    value: float | None,
    *,
    n: int = 1000,
    error: float | None = None,
    grain: Grain = Grain.DAY,
    state: ValueState = ValueState.OK,
    reason: str = "",
    metric: str = "m",
    column: str = "",
    start: datetime = START,
) -> MetricPoint:
    """One value with its sampling error; None is not enough data."""
    if value is None:
        answer = MetricValue.missing(reason or "only 3 rows", n=3)
    else:
        half = None if error is None else 1.959964 * error
        answer = MetricValue(
            value=value,
            n=n,
            state=state,
            reason=reason,
            lower=None if half is None else value - half,
            upper=None if half is None else value + half,
        )
    return MetricPoint(
        model="lead", metric=metric, window=window(at, grain, start), value=answer, column=column
    )


def series(values: Sequence[float | None], baseline: Sequence[float] = (), **more: Any) -> Series:
    """A daily series; `baseline` lies before it."""
    known = {name: more.pop(name) for name in ("n", "error", "grain") if name in more}
    return Series(
        key=AlertKey(model="lead", rule="r"),
        title="Value",
        points=tuple(point(at, value, **known) for at, value in enumerate(values)),
        baseline=tuple(point(at - len(baseline), value, **known) for at, value in enumerate(baseline)),
        harm=more.pop("harm", Side.BOTH),
        **more,
    )


def days(count: int) -> timedelta:
    """So many days."""
    return timedelta(days=count)

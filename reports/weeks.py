"""The last week of a KPI whose outcomes are known: what digests and the page of goals begin with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.config import Model
from core.values import MetricPoint, MetricValue, ValueState
from metrics.intervals import wilson
from reports.query import Query

WEEK = timedelta(days=7)
_BACK = 100
"""Windows before now in which the newest complete one is looked for."""


@dataclass(frozen=True, kw_only=True)
class Week:
    """The seven days before `until`, the end of the newest window whose outcomes are complete."""

    until: datetime
    value: MetricValue


def last_week(
    query: Query, model: Model, kpi: str, now: datetime, *, as_of: datetime | None = None
) -> Week | None:
    """Return the last complete week at `now`, or as known `as_of` an earlier time; None without any."""
    metric, newest = f"business.{kpi}", as_of or now
    since = newest - _BACK * model.grain.length
    found = query.series(model.name, metric, since=since, until=newest, now=now, as_of=as_of)
    known = [point for point in found if point.value.state is ValueState.OK]
    if not known:
        return None
    until = known[-1].window.end
    week = [point for point in known if point.window.start >= until - WEEK]
    if as_of is None:  # from the profiles, where they are still kept
        value = query.value(model.name, metric, since=until - WEEK, until=until, now=now).value
        if value.value is not None:
            return Week(until=until, value=value)
    return Week(until=until, value=together(week))


def together(points: Sequence[MetricPoint]) -> MetricValue:
    """Return the value of several windows from their sums; none where one of them is no ratio.

    The interval is Wilson's for a share and left out for other ratios, whose spread sums do not tell.
    """
    sums = [(one.value.numerator, one.value.denominator) for one in points]
    above = [one for one, _below in sums if one is not None]
    below = [one for _above, one in sums if one is not None]
    total, weight = sum(above), sum(below)
    if len(above) < len(points) or len(below) < len(points) or not weight:
        return MetricValue(n=sum(one.value.n for one in points))
    is_share = all(
        one.value.upper is not None and one.value.upper <= 1 and 0 <= part <= whole == one.value.n
        for one, part, whole in zip(points, above, below, strict=True)
    )
    limits = wilson(total, weight) if is_share else None
    return MetricValue(
        value=total / weight, lower=limits.lower if limits else None, upper=limits.upper if limits else None,
        n=sum(one.value.n for one in points), numerator=total, denominator=weight,
    )  # fmt: skip

"""What is normal for a metric: its level and spread over the windows of the reference."""

import math
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean
from zoneinfo import ZoneInfo

from core.values import MetricPoint, ValueState
from core.windows import Grain


@dataclass(frozen=True, kw_only=True)
class Baseline:
    """A metric over the reference's windows.

    `mean` and `sd` (of single windows, n − 1; None with fewer than two) are in the metric's unit, `n` counts
    the windows and `rows` is their mean number of rows. `weekday` holds means by weekday (0 = Monday) where
    windows are days; `residual` is the spread around them. All None or empty where no window has a value.
    """

    mean: float | None = None
    sd: float | None = None
    n: int = 0
    rows: float = 0.0
    weekday: Mapping[int, float] = field(default_factory=dict)
    residual: float | None = None

    def expected(self, weekday: int, least: int = 28) -> float | None:
        """Return the level of a weekday; that of all windows while there are fewer than `least`."""
        return self.mean if self.n < least else self.weekday.get(weekday, self.mean)


def baseline(points: Sequence[MetricPoint], zone: ZoneInfo) -> Baseline:
    """Sum up the judged points of a reference; those without a value are left out.

    Args:
        points: one metric of one version, segment and column, in any order.
        zone: the project's zone, by which weekdays are told.
    """
    held = [
        (point, point.value.value)
        for point in points
        if point.value.value is not None and point.value.state is ValueState.OK
    ]
    if not held:
        return Baseline()
    days: defaultdict[int, list[float]] = defaultdict(list)
    for point, value in held:
        if point.window.grain is Grain.DAY:
            days[point.window.local_day(zone).weekday()].append(value)
    values = [value for _point, value in held]
    weekday = {day: fmean(found) for day, found in sorted(days.items())}
    left = [value - weekday[day] for day, found in days.items() for value in found]
    return Baseline(
        mean=fmean(values),
        sd=_spread(values, 1),
        n=len(values),
        rows=fmean(point.value.n for point, _value in held),
        weekday=weekday,
        residual=_spread(left, len(weekday)),
    )


def _spread(values: Sequence[float], spent: int) -> float | None:
    """Return the standard deviation with `spent` degrees of freedom taken by means."""
    if len(values) <= spent:
        return None
    middle = fmean(values)
    return math.sqrt(math.fsum((value - middle) ** 2 for value in values) / (len(values) - spent))

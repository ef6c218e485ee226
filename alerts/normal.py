"""What is normal: mean, weekday means and day-to-day spread of a metric over its baseline windows.

With baseline values x_i of windows i = 1…m and their own sampling errors e_i:

- Groups (weekdays; hours of the day for hourly windows) get means of their own when every group has at least
  four values and an F test asks for them (p < 0.01); else there is one mean.
- s² is the residual variance with df degrees of freedom. Fourteen windows know s² badly, so its upper 80 %
  limit is used: s² · df / χ²_.20(df) (DETECTION.md, step 2).
- The spread from day to day is what sampling does not explain: max(0, s² − mean e²).
- A window with sampling error e is expected within √(spread + e² + s²/m_g), m_g windows behind its mean.

Where a metric brings no interval, its sampling error is unknown: then s² as a whole is taken, larger by
n_baseline / n for a window with fewer rows. A distance (`Series.distance`) is not zero without drift either:
its expectation under noise grows as 1 / n, and the expected value is raised by that factor, never lowered.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import cast
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from scipy import special

from core.values import MetricPoint, MetricValue
from core.windows import Grain, Window

Floats = NDArray[np.float64]
Z95 = 1.959964
LEAST_IN_GROUP = 4
F_TEST = 0.01
UPPER = 0.20


@dataclass(frozen=True, kw_only=True)
class Expected:
    """What one window should show: the level and one standard deviation of a quiet window around it."""

    level: float
    sd: float


@dataclass(frozen=True, kw_only=True)
class Normal:
    """The baseline, summed up. `errors_known`: the sampling errors come with the values."""

    means: dict[int, tuple[float, int]]
    grouped: bool
    variance: float
    spread: float
    errors_known: bool
    n: float
    windows: int
    distance: bool
    group_of: Callable[[Window], int]

    def expect(self, window: Window, value: MetricValue, *, error: float | None = None) -> Expected:
        """Return what `window` should show, given the sampling error of its own value."""
        group = self.group_of(window) if self.grouped else 0
        level, behind = self.means.get(group) or self.means[min(self.means)]
        fewer = max(1.0, self.n / value.n) if value.n else 1.0
        own = sampling_error(value) if error is None else error
        known = self.errors_known and own is not None
        variance = self.spread + (own or 0.0) ** 2 if known else self.variance * fewer
        sd = sqrt(variance + self.variance / max(behind, 1))
        return Expected(level=level * fewer if self.distance else level, sd=sd)


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Baseline windows in numbers, one entry a window: values on the scale of judging, their sampling errors
    (NaN where unknown), rows, and the group (weekday, hour) of each.
    """

    values: Floats
    errors: Floats
    rows: Floats
    groups: NDArray[np.int64]
    group_of: Callable[[Window], int]

    def part(self, first: int, last: int) -> "Seen":
        """Return the windows from `first` to before `last`."""
        return Seen(
            values=self.values[first:last], rows=self.rows[first:last], groups=self.groups[first:last],
            errors=self.errors[first:last], group_of=self.group_of,
        )  # fmt: skip


def seen(
    points: Sequence[MetricPoint],
    *,
    zone: ZoneInfo,
    transform: Callable[[float], float] = lambda value: value,
    errors: Callable[[MetricValue], float | None] | None = None,
) -> Seen:
    """Take down windows; every point needs a number. `transform` maps values to the scale of judging."""
    found = [(errors or sampling_error)(point.value) for point in points]
    group_of = grouping(points[0].window.grain if points else Grain.DAY, zone)
    return Seen(
        values=np.array([transform(cast(float, point.value.value)) for point in points], dtype=np.float64),
        errors=np.array([np.nan if error is None else error for error in found], dtype=np.float64),
        rows=np.array([point.value.n for point in points], dtype=np.float64),
        groups=np.array([group_of(point.window) for point in points], dtype=np.int64),
        group_of=group_of,
    )


def learn(of: Seen, *, distance: bool = False) -> Normal:
    """Sum up the baseline."""
    values, size = of.values, len(of.values)
    grouped = asks_for_groups(values, of.groups)
    labels, at, counts = (
        np.unique(of.groups, return_inverse=True, return_counts=True)
        if grouped
        else (np.zeros(min(size, 1), np.int64), np.zeros(size, np.int64), np.full(min(size, 1), size))
    )
    levels = np.bincount(at, weights=values, minlength=len(labels)) / counts
    means = {int(g): (float(level), int(n)) for g, level, n in zip(labels, levels, counts, strict=True)}
    residual = values - levels[at]
    df = size - len(means)
    raw = float((residual**2).sum() / df) if df > 0 else 0.0
    variance = raw * df / float(special.chdtri(df, 1 - UPPER)) if df > 0 else 0.0
    known = not np.isnan(of.errors).any()
    noise = float((of.errors**2).mean()) if known and size else 0.0
    return Normal(
        means=means,
        grouped=grouped,
        variance=variance,
        spread=max(0.0, variance - noise),
        errors_known=known,
        n=float(of.rows.mean()) if size else 0.0,
        windows=size,
        distance=distance,
        group_of=of.group_of,
    )


def sampling_error(value: MetricValue) -> float | None:
    """Return the standard error of a value from its 95 % interval, None where it has none."""
    if value.lower is None or value.upper is None:
        return None
    return (value.upper - value.lower) / (2 * Z95)


def grouping(grain: Grain, zone: ZoneInfo) -> Callable[[Window], int]:
    """Return what tells windows of one kind apart: the weekday of a day, the hour of an hour."""
    if grain is Grain.DAY:
        return lambda window: window.local_day(zone).weekday()
    if grain is Grain.HOUR:
        return lambda window: window.start.astimezone(zone).hour
    return lambda _window: 0


def asks_for_groups(values: Floats, groups: NDArray[np.int64]) -> bool:
    """Tell by an F test (p < 0.01) whether the groups have means of their own, with four values in each."""
    if len(values) < LEAST_IN_GROUP * len(set(groups.tolist())):
        return False
    labels, at, counts = np.unique(groups, return_inverse=True, return_counts=True)
    if len(labels) < 2 or counts.min() < LEAST_IN_GROUP:
        return False
    means = np.bincount(at, weights=values) / counts
    within = float(((values - means[at]) ** 2).sum())
    between = float((counts * (means - values.mean()) ** 2).sum())
    if within <= 0:
        return between > 0
    df = (len(labels) - 1, len(values) - len(labels))
    return bool(special.fdtrc(*df, between / df[0] / (within / df[1])) < F_TEST)

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
    """Sum up the baseline, which must not be empty."""
    (whole,) = learn_spans(of, [(0, len(of.values))], distance=distance)
    return whole


def learn_spans(of: Seen, spans: Sequence[tuple[int, int]], *, distance: bool = False) -> list[Normal]:
    """Sum up several spans of the baseline at once, each from its first window to before its last."""
    first, last = np.array(spans, dtype=np.int64).T
    of = of.part(int(first.min()), int(last.max()))
    first, last = first - first.min(), last - first.min()
    at, base = np.arange(len(of.values)), float(of.values[0])
    values = of.values - base  # so that equal values have exactly their value as mean
    held = ((at >= first[:, None]) & (at < last[:, None])).astype(np.float64)
    size = held.sum(axis=1)
    labels, group = np.unique(of.groups, return_inverse=True)
    one_hot = (group[:, None] == np.arange(len(labels))).astype(np.float64)
    counts = held @ one_hot
    levels = (held @ (values[:, None] * one_hot)) / np.maximum(counts, 1)
    level = held @ values / size
    within = (held * (values - levels[:, group]) ** 2).sum(axis=1)
    around = (held * (values - level[:, None]) ** 2).sum(axis=1)
    grouped = _asks_for_groups(counts, ((levels - level[:, None]) ** 2 * counts).sum(axis=1), within)
    df = size - np.where(grouped, (counts > 0).sum(axis=1), 1)
    variance = np.where(grouped, within, around) / special.chdtri(np.maximum(df, 1), 1 - UPPER)
    variance[df <= 0] = 0.0
    unknown = np.isnan(of.errors)
    noise = held @ np.where(unknown, 0.0, of.errors**2) / size
    known = held @ unknown == 0
    spread = np.where(known, np.maximum(variance - noise, 0.0), variance)
    rows = held @ of.rows / size
    return [
        Normal(
            means=(
                {
                    int(g): (base + float(mean), int(n))
                    for g, mean, n in zip(labels, levels[i], counts[i], strict=True)
                    if n
                }
                if grouped[i]
                else {0: (base + float(level[i]), int(size[i]))}
            ),
            grouped=bool(grouped[i]),
            variance=float(variance[i]),
            spread=float(spread[i]),
            errors_known=bool(known[i]),
            n=float(rows[i]),
            windows=int(size[i]),
            distance=distance,
            group_of=of.group_of,
        )
        for i in range(len(spans))
    ]


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


def _asks_for_groups(counts: Floats, between: Floats, within: Floats) -> NDArray[np.bool_]:
    """Tell by an F test (p < 0.01) where the groups have means of their own, with four values in each."""
    present = (counts > 0).sum(axis=1)
    enough = (present >= 2) & (np.where(counts > 0, counts, LEAST_IN_GROUP).min(axis=1) >= LEAST_IN_GROUP)
    above, below = np.maximum(present - 1, 1), np.maximum(counts.sum(axis=1) - present, 1)
    ratio = between / above / (np.where(within > 0, within, 1.0) / below)
    differ = np.where(within > 0, special.fdtrc(above, below, ratio) < F_TEST, between > 0)
    return cast("NDArray[np.bool_]", enough & differ)

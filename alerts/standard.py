"""Series of stored values, or of contrasts, as standard scores: what metrics.sequential watches."""

from collections.abc import Sequence
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np

from alerts.rules.base import Series, has_number
from core.grid import Counts, Floats
from core.values import MetricPoint
from core.windows import Grain, Window
from metrics.calibration import LEAST, Calibration, calibrate
from metrics.contrasts import weights
from metrics.evidence import Bools, Scores
from metrics.intervals import Z95
from metrics.sequential import Member

LEAST_ROWS = 30
WEEKDAYS, HOURS_OF_WEEK = 7, 7 * 24
LEARN = {Grain.HOUR: 4 * HOURS_OF_WEEK, Grain.DAY: LEAST, Grain.WEEK: LEAST, Grain.MONTH: LEAST}
LEARN_WELL = {Grain.HOUR: 4 * HOURS_OF_WEEK, Grain.DAY: 28, Grain.WEEK: 26, Grain.MONTH: 24}
"""How many windows of the log are learnt from at first, and once there are enough for weekdays; hours make
no sense before those of a week are known."""
KNOWN = 1e9
"""Windows behind a level that is not estimated."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Part:
    """One series as numbers over the T windows of its family.

    `values` float64 [T, S], NaN where there is none; `rows` float64 [T] behind them; `usable` bool [T].
    `base`, `base_rows` the same over the R windows it is calibrated on, `base_windows`; R = 0 where that is
    learnt from the log. `units` and `base_units` float64 [windows, S] are what each window says of the
    sampling variance of one row, e² · rows; None where a window does not say.
    """

    series: Series
    windows: Sequence[Window]
    values: Floats
    rows: Floats
    usable: Bools
    base: Floats
    base_rows: Floats
    base_windows: Sequence[Window]
    units: Floats | None
    base_units: Floats | None


@dataclass(frozen=True, kw_only=True, eq=False)
class Fit:
    """What a part was calibrated on: its own first windows up to `start`, or (0) the reference.

    `level` float64 [S] is the mean, `behind` the number of windows.
    """

    calibration: Calibration
    weekly: bool
    units: Floats | None
    level: Floats
    start: int
    behind: float


def part_of(series: Series, windows: Sequence[Window]) -> Part:
    """Put a series on the windows of its family; what the reference itself holds is not judged."""
    place = {window: at for at, window in enumerate(windows)}
    trace = series.trace
    if trace is None:
        held = [point for point in series.baseline if has_number(point)]
        own: Sequence[Window] = [point.window for point in series.points]
        base_windows: Sequence[Window] = [point.window for point in held]
        values, rows, units = _numbers(series.points)
        base, base_rows, base_units = _numbers(held)
    else:
        own, values, rows, units = trace.windows, trace.values, trace.n, np.ones(trace.values.shape)
        base_windows, base, base_rows = trace.base_windows, trace.base, trace.base_n
        base_units = np.ones(base.shape)
    at = np.array([place[window] for window in own], dtype=np.int64)
    values, units = _placed(values, at, len(windows)), _placed(units, at, len(windows))
    rows = np.nan_to_num(_placed(rows[:, None], at, len(windows))[:, 0])
    known = not np.isnan(base_units).any() and not np.isnan(units[~np.isnan(values)]).any()
    usable = (rows >= LEAST_ROWS) & ~np.isnan(values).any(axis=1)
    ours = {window.start for window in base_windows} if len(base) >= LEAST else set()
    usable &= np.array([w.start not in ours and not series.holiday(w) for w in windows], dtype=bool)
    return Part(
        series=series, windows=windows, values=values, rows=rows, usable=usable, base=base,
        base_rows=base_rows, base_windows=base_windows, units=units if known else None,
        base_units=base_units if known else None,
    )  # fmt: skip


def fits_of(part: Part) -> list[Fit]:
    """Return what a part was calibrated on, one or (from the log: at first, and well) two; none as yet."""
    keep = np.array([not part.series.holiday(window) for window in part.base_windows], dtype=bool)
    keep &= part.base_rows >= LEAST_ROWS
    if keep.sum() >= LEAST:
        at = np.flatnonzero(keep)
        return [_fit(part, part.base_windows, part.base, part.base_rows, part.base_units, at, start=0)]
    if not part.windows:
        return []
    grain, at = part.windows[0].grain, np.flatnonzero(part.usable)
    return [
        _fit(
            part, part.windows, part.values, part.rows, part.units, at[:wanted], start=int(at[wanted - 1]) + 1
        )
        for wanted in sorted({LEARN[grain], LEARN_WELL[grain]})
        if len(at) >= wanted
    ]


def groups_of(windows: Sequence[Window], zone: ZoneInfo, weekly: bool) -> Counts:
    """Return which windows are of one kind, int64 [T]: weekdays; the hours of a day, or (`weekly`) a week."""
    if not windows or windows[0].grain not in (Grain.DAY, Grain.HOUR):
        return np.zeros(len(windows), dtype=np.int64)
    local = [window.start.astimezone(zone) for window in windows]
    if windows[0].grain is Grain.DAY:
        return np.array([one.weekday() for one in local], dtype=np.int64)
    return np.array([24 * one.weekday() * weekly + one.hour for one in local], dtype=np.int64)


def _kinds(grain: Grain, weekly: bool) -> int:
    """Return how many kinds of windows there are."""
    return {Grain.DAY: WEEKDAYS, Grain.HOUR: HOURS_OF_WEEK if weekly else 24}.get(grain, 1)


def scores_of(parts: Sequence[Part], fits: Sequence[Sequence[Fit]]) -> tuple[Scores, list[Member]]:
    """Return the scores of all series of a family, and which belong to which of its members."""
    columns: list[tuple[Floats, Floats, Bools, Floats]] = []
    members, width = [], 0
    for part, own in zip(parts, fits, strict=True):
        indexes = []
        for fit in own:
            columns.append(_scored(part, fit))
            indexes.append(np.arange(width, width + part.values.shape[1]))
            width += part.values.shape[1]
        members.append(
            Member(
                series=indexes[0] if indexes else np.zeros(0, dtype=np.int64),
                later=indexes[1] if len(indexes) > 1 else None,
                switch=own[1].start if len(own) > 1 else 0,
                weights=_weights(part),
            )
        )
    if not columns:
        none = np.zeros((len(parts[0].windows), 0))
        columns.append((none, none, none > 0, np.zeros((WEEKDAYS, 0))))
    y, sigma, usable, behind = (np.concatenate(some, axis=1) for some in zip(*columns, strict=True))
    by_weekday = groups_of(parts[0].windows, parts[0].series.zone, False)
    groups = by_weekday if parts[0].windows[0].grain is Grain.DAY else np.zeros_like(by_weekday)
    return Scores(
        y=y, sigma=sigma, usable=usable, normal=usable, groups=groups, behind=behind, oldest=_oldest(parts[0])
    ), members


def _weights(part: Part) -> Floats | None:
    trace = part.series.trace
    return None if trace is None or trace.shares or not trace.names else weights(trace.names)


def is_yearly(part: Part) -> bool:
    """Tell whether each window is compared with one a year earlier."""
    past = part.series.past
    span = past(part.windows[-1]) if past and part.windows else None
    return span is not None and span[1] < part.windows[-1].start


def _fit(
    part: Part, windows: Sequence[Window], values: Floats, rows: Floats, units: Floats | None, at: Counts,
    *, start: int,
) -> Fit:  # fmt: skip
    weekly = windows[0].grain is Grain.HOUR and len(at) >= 4 * HOURS_OF_WEEK
    groups = groups_of([windows[one] for one in at], part.series.zone, weekly)
    one_row = None if units is None else units[at].mean(axis=0)
    variances = None if one_row is None else one_row / rows[at][:, None]
    found = calibrate(values[at], variances, groups, _kinds(windows[0].grain, weekly))
    return Fit(
        calibration=found, weekly=weekly, units=one_row,
        level=values[at].mean(axis=0), start=start, behind=float(len(at)),
    )  # fmt: skip


def variances_of(part: Part, fit: Fit) -> Floats:
    """Return e² of each window, float64 [T, S]; 0 where it is not known."""
    if fit.units is None:
        return np.zeros(part.values.shape)
    found: Floats = fit.units / np.maximum(part.rows, 1)[:, None]
    return found


def _scored(part: Part, fit: Fit) -> tuple[Floats, Floats, Bools, Floats]:
    variances = variances_of(part, fit)
    sigma = fit.calibration.sigma(variances)
    usable = part.usable & (np.arange(len(part.windows)) >= fit.start)
    if is_yearly(part):
        y, usable = _against_last_year(part, sigma, usable)
        behind = np.zeros((WEEKDAYS, sigma.shape[1]))
        behind[0] = KNOWN
    else:
        groups = groups_of(part.windows, part.series.zone, fit.weekly)
        y = fit.calibration.scores(part.values, variances, groups)
        behind = _behind(fit, part.windows[0].grain)
        if part.windows[0].grain is Grain.HOUR:  # too many hours of a week to compare each with its like
            y = y / np.sqrt(1 + fit.calibration.grouped / fit.calibration.behind[groups])
    y = np.where(usable[:, None], y, 0.0)
    return y, sigma, np.repeat(usable[:, None], sigma.shape[1], axis=1), behind


def _behind(fit: Fit, grain: Grain) -> Floats:
    """Return the windows that a fit was made on by weekday, float64 [7, S]; all in one where alike."""
    calibration = fit.calibration
    found = np.zeros((WEEKDAYS, len(calibration.spread)))
    found[0] = fit.behind
    if grain is Grain.DAY:
        labels = len(calibration.behind)
        found[:labels] = np.where(calibration.grouped, calibration.behind, found[:labels])
    return found


def _against_last_year(part: Part, sigma: Floats, usable: Bools) -> tuple[Floats, Bools]:
    place = {window.start: at for at, window in enumerate(part.windows)}
    past = part.series.past
    assert past is not None
    spans = [past(window) for window in part.windows]
    then = np.array([-1 if span is None else place.get(span[0], -1) for span in spans])
    known = usable & (then >= 0) & ~np.isnan(part.values[then]).any(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        y = (part.values - part.values[then]) / np.sqrt(sigma**2 + sigma[then] ** 2)
    return y, known


def _oldest(part: Part) -> Counts | None:
    """Return the first window that counts as before a change at each; None where all do."""
    past = part.series.past
    if past is None or is_yearly(part):
        return None
    starts = np.array([window.start.timestamp() for window in part.windows])
    spans = [past(window) for window in part.windows]
    return np.searchsorted(starts, [0.0 if span is None else span[0].timestamp() for span in spans])


def _numbers(points: Sequence[MetricPoint]) -> tuple[Floats, Floats, Floats]:
    """Return values [T, 1], rows [T] and e² · rows [T, 1], NaN where there is none."""
    values = [point.value.value if has_number(point) else None for point in points]
    rows = np.array([point.value.n for point in points], dtype=np.float64)
    errors = [
        None if one.value.lower is None or one.value.upper is None else one.value.upper - one.value.lower
        for one in points
    ]
    squares = (np.array(errors, dtype=np.float64) / (2 * Z95)) ** 2 * rows
    return np.array(values, dtype=np.float64).reshape(-1, 1), rows, squares.reshape(-1, 1)


def _placed(values: Floats, at: Counts, windows: int) -> Floats:
    found = np.full((windows, values.shape[1]), np.nan)
    found[at] = values
    return found

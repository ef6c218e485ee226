"""Evidence that adds up from window to window: the default of KPIs, performance and drift.

A window by itself says little; a change that lasts is seen all the same, for its evidence is summed up until
it outweighs chance by `threshold` (metrics.evidence). A quiet model raises at most one false alarm in
`threshold` windows on average, however often one looks, all series of the family together: the columns of a
model are one family and share it, a KPI is one by itself. Where nothing else is said the threshold comes from
the model's `false_alarms`, times the number of families of the same class.

What is normal is learnt from the reference's windows, from 14 of them on (weekdays and day-to-day variation:
metrics.calibration); without so many, from the first 14 windows of the log, and once more when there are four
weeks. Until then the answer is 'learning, 9 of 14'. With a reference that moves, a change is compared with
the windows that the reference names; the spread stays that of the log's first windows.

Three things make it wait: an effect below `floor` does not count; a share of rare events (fewer than 25 in a
window) is tested by bets, which are exact for any number of rows; and a day that is like no other (a holiday)
neither alarms nor teaches.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from pydantic import Field

from alerts.floor import Floor, least
from alerts.rules.base import RECOVERY, Judgement, RuleOptions, Series, Side, Verdict, has_number, unknown
from alerts.shifts import told, told_of
from alerts.standard import (
    LEARN,
    LEAST_ROWS,
    Fit,
    Part,
    fits_of,
    groups_of,
    is_yearly,
    part_of,
    scores_of,
    variances_of,
)
from core.dates import local_time
from core.grid import Floats
from core.text import gettext as _
from core.values import MetricPoint, MetricValue, ValueState
from core.windows import Grain, Window
from metrics.calibration import LEAST
from metrics.evidence import Bools, Scores, Sought, bets
from metrics.intervals import wilson
from metrics.sequential import Alarm, Member, Path, watch

LONGEST = {Grain.HOUR: 7 * 24, Grain.DAY: 90, Grain.WEEK: 52, Grain.MONTH: 24}
"""Changes longer ago are no longer looked for."""
RARE = 25.0
NORMAL = 3.0
"""Standard deviations around the expected value that a chart calls normal for a single window."""
SIDES = {Side.UP: 1, Side.DOWN: -1, Side.BOTH: 0}


class Options(RuleOptions):
    """`threshold`: windows between two false alarms of the family; `floor`: the least effect that matters.

    The floor is in the metric's unit, or '5%' of the normal level; of drift in standard deviations.
    """

    threshold: float | None = Field(None, ge=10)
    floor: Floor = 0.0
    side: Side | None = None

    @property
    def row(self) -> int:
        """Return 1: the evidence adds up by itself."""
        return 1


@dataclass(frozen=True, kw_only=True, eq=False)
class _Member:
    """One series of the family, with what was found of it."""

    part: Part
    fits: Sequence[Fit]
    member: Member
    scores: Scores
    evidence: Floats
    alarms: Sequence[tuple[Alarm, Verdict]]


def judge(series: Series, options: Options) -> list[Judgement]:
    """Judge one series, a family of its own."""
    return judge_together([series], options)[0]


def judge_together(family: Sequence[Series], options: Options) -> list[list[Judgement]]:
    """Judge a family: for each series one judgement for each of its windows, in order."""
    windows = sorted({window for one in family for window in _windows(one)})
    if not windows:
        return [[] for _one in family]
    parts = [part_of(one, windows) for one in family]
    fits = [fits_of(part) for part in parts]
    scores, members = scores_of(parts, fits)
    grain = windows[0].grain
    sought = Sought(
        side=SIDES[Side.BOTH if family[0].trace is not None else options.side or family[0].harm],
        floor=max(
            (least(options.floor, level) for own in fits for fit in own for level in fit.level), default=0.0
        ),
        longest=LONGEST[grain],
        least=0 if scores.oldest is None else _least_before(parts[0]),
    )
    threshold, recovery = options.threshold or 1000.0, RECOVERY[grain]
    better: Sequence[Alarm] = ()
    if sought.side:
        other = replace(sought, side=-sought.side)
        wager = _wager(parts, fits, other)
        better = watch(scores, members, other, threshold=threshold, recovery=recovery, path=wager).alarms
        scores = replace(scores, normal=_without(scores.normal, better, members))
    wager = _wager(parts, fits, sought)
    worse = watch(scores, members, sought, threshold=threshold, recovery=recovery, path=wager)
    return [
        _judgements(
            _Member(
                part=part, fits=fits[at], member=members[at], scores=scores, evidence=worse.evidence[:, at],
                alarms=[(one, Verdict.GOOD) for one in better if one.member == at]
                + [(one, Verdict.HARM) for one in worse.alarms if one.member == at],
            ),
            recovery,
        )
        for at, part in enumerate(parts)
    ]  # fmt: skip


def _windows(series: Series) -> Sequence[Window]:
    return [point.window for point in series.points] if series.trace is None else series.trace.windows


def _least_before(part: Part) -> int:
    """Return how many windows a moving reference has to hold: 14, fewer where it spans fewer."""
    past = part.series.past
    span = past(part.windows[-1]) if past else None
    return (
        LEAST
        if span is None
        else max(2, min(LEAST, int((span[1] - span[0]) / part.windows[-1].grain.length)))
    )


def _without(normal: Bools, alarms: Sequence[Alarm], members: Sequence[Member]) -> Bools:
    """Leave the windows of some alarms out of what is normal."""
    found = normal.copy()
    for one in alarms:
        for series in filter(
            lambda own: own is not None, (members[one.member].series, members[one.member].later)
        ):
            found[one.since : None if one.over is None else one.over + 1, series] = False
    return found


def _wager(parts: Sequence[Part], fits: Sequence[Sequence[Fit]], sought: Sought) -> Path | None:
    """Return the way to the evidence of a share of rare events; None where events are not rare."""
    part = parts[0]
    if len(parts) > 1 or part.series.trace is not None or not fits[0] or part.series.past is not None:
        return None
    if not part.usable.any():
        return None
    fit = fits[0][-1]
    share, rows = float(fit.level[0]), float(np.median(part.rows[part.usable]))
    if not 0 < share < 1 or share * rows >= RARE or not all(_is_share(p) for p in part.series.points):
        return None
    events = np.nan_to_num(part.values[:, 0]) * part.rows
    known = wilson(share * rows * fit.behind, rows * fit.behind)
    apart = max(sought.floor, float(fit.calibration.spread[0]) ** 0.5)
    shares = (max(min(known.lower, share - apart), 1e-9), min(max(known.upper, share + apart), 1 - 1e-9))

    def path(_at: int, scores: Scores, start: int) -> Floats:
        usable = scores.usable[:, 0]
        return bets(events, part.rows, usable, shares, start=start, side=sought.side)

    return path


def _is_share(point: MetricPoint) -> bool:
    value = point.value
    if not has_number(point):
        return True
    return value.numerator is not None and value.denominator == value.n and 0 <= value.numerator <= value.n


def _judgements(one: _Member, recovery: int) -> list[Judgement]:
    part, verdicts = one.part, _verdicts(one, recovery)
    points = {point.window.start: point for point in part.series.points}
    own = set(_windows(part.series))
    found = []
    bands = [_Band.of(part, fit) for fit in one.fits]
    for at, window in enumerate(part.windows):
        if window not in own or not part.series.asks(window):
            continue
        point = points.get(window.start) or _pointless(part, at)
        why = _unusable(one, at, point)
        if why is not None:
            found.append(unknown(point, why))
            continue
        verdict, reason, began = verdicts.get(at, (Verdict.CALM, "", None))
        switched = len(bands) > 1 and at >= one.member.switch
        expected, low, high = bands[int(switched)].at(at) if bands else (None, None, None)
        value = point.value.value
        found.append(
            Judgement(
                window=window, verdict=verdict, reason=reason, value=value, expected=expected, low=low,
                high=high, effect=None if expected is None or value is None else value - expected,
                lower=point.value.lower, upper=point.value.upper, n=point.value.n, began=began,
                evidence=float(one.evidence[at]),
            )
        )  # fmt: skip
    return found


def _pointless(part: Part, at: int) -> MetricPoint:
    """Stand in for a value that was not read: the trace knows its rows."""
    return MetricPoint(
        model=part.series.key.model, metric="", window=part.windows[at],
        value=MetricValue(n=int(part.rows[at])),
    )  # fmt: skip


def _unusable(one: _Member, at: int, point: MetricPoint) -> str | None:
    """Return why a window cannot be judged; None where it can, or belongs to what is normal."""
    part, window = one.part, one.part.windows[at]
    holiday = part.series.holiday(window)
    if holiday:
        return _("holiday: {name}").format(name=holiday)
    if part.series.trace is not None and not part.series.trace.names:
        return _("Too few values in a window: 50 are needed.")
    if np.isnan(part.values[at]).any() or part.rows[at] < LEAST_ROWS:
        few = _("{n} rows, {minimum} are needed.").format(n=int(part.rows[at]), minimum=LEAST_ROWS)
        return (point.value.reason if point.value.state is not ValueState.OK else "") or few
    if one.fits and (at >= one.fits[0].start or not part.usable[at]):
        if is_yearly(part) and not one.scores.usable[at, one.member.series].any():
            return _("There is no window of a year earlier.")
        return None
    known = int(part.usable[:at].sum())
    return _("learning, {known} of {least}").format(known=known, least=LEARN[window.grain])


def _verdicts(one: _Member, recovery: int) -> dict[int, tuple[Verdict, str, datetime | None]]:
    """Return verdict, reason and begin of the windows of each alarm, from the one at which it was raised."""
    found: dict[int, tuple[Verdict, str, datetime | None]] = {}
    for alarm, verdict in one.alarms:
        reason = _reason(one, alarm)
        end = len(one.part.windows) if alarm.over is None else alarm.over + 1
        usable = [at for at in range(alarm.raised, end) if one.scores.usable[at, alarm.series]]
        calm = set(usable[-recovery:]) if alarm.over is not None else set()
        outside = {alarm.raised, *alarm.outside}
        for at in usable:
            own = Verdict.CALM if at in calm else verdict if at in outside else Verdict.NEAR
            began = one.part.windows[alarm.since].start if at == alarm.raised else None
            if own is verdict or at not in found:
                found[at] = (own, reason if own is verdict else "", began)
    return found


def _reason(one: _Member, alarm: Alarm) -> str:
    part = one.part
    since = local_time(part.windows[alarm.since].start, part.series.zone)
    span = slice(alarm.since, alarm.raised + 1)
    usable = one.scores.usable[span, alarm.series]
    sigma = float(one.scores.sigma[span, alarm.series][usable].mean())
    size, error = alarm.size * sigma, alarm.error * sigma
    trace = part.series.trace
    if trace is not None:
        first = (
            one.member.series
            if one.member.later is None
            else np.concatenate([one.member.series, one.member.later])
        )
        contrast = int(np.flatnonzero(first == alarm.series)[0]) % len(trace.names)
        return told_of(part.series, trace, contrast, size=size, error=error, since=since)
    now = float(part.values[span, 0][usable].mean())
    return told(part.series, before=now - size, now=now, error=error, since=since)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Band:
    """What a chart draws as normal: level and limits of each window, float64 [T]."""

    level: Floats
    low: Floats
    high: Floats

    @classmethod
    def of(cls, part: Part, fit: Fit) -> "_Band":
        groups = groups_of(part.windows, part.series.zone, fit.weekly)
        if part.series.trace is not None:
            none = np.full(len(part.windows), np.nan)
            return cls(level=none, low=none, high=none)
        level = fit.calibration.means[groups][:, 0]
        sigma = fit.calibration.sigma(variances_of(part, fit))[:, 0]
        half = NORMAL * sigma * np.sqrt(1 + 1 / fit.calibration.behind[groups][:, 0])
        return cls(level=level, low=level - half, high=level + half)

    def at(self, window: int) -> tuple[float | None, float | None, float | None]:
        """Return level, low and high of one window."""
        if np.isnan(self.level[window]):
            return None, None, None
        return float(self.level[window]), float(self.low[window]), float(self.high[window])

"""Whether a goal is being reached: its state, forecast and what is still needed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from core.config.model import Goal
from core.text import gettext as _
from core.values import MetricPoint, ValueState
from core.windows import Window, windows_between
from metrics.answers import LEAST_ROWS
from metrics.intervals import Z95, Limits, around, wilson
from metrics.trend import LEAST_WINDOWS, Seen, outlook

MONTH = timedelta(days=30.4375)
ON_TRACK, AT_RISK = 0.7, 0.2
_COUNTED = (ValueState.OK, ValueState.NOT_ENOUGH_DATA)


class GoalState(StrEnum):
    """How a goal stands (SPEC.md, KPIs, goals, experiments)."""

    REACHED = "reached"
    ON_TRACK = "on track"
    AT_RISK = "at risk"
    OFF_TRACK = "off track"
    MISSED = "missed"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class GoalJudgement:
    """A goal as of a time.

    `value` with its 95 % limits is the KPI pooled over the last mature windows, `n` their rows (units),
    `numerator` and `denominator` their sums. `forecast` is the level expected over the last `over` before the
    deadline, `probability` that it meets the target, `needed` the change a month still needed (in the KPI's
    unit, with its sign). None where not known; `reason` (translated) says why.
    """

    state: GoalState
    value: float | None = None
    lower: float | None = None
    upper: float | None = None
    n: int = 0
    numerator: float | None = None
    denominator: float | None = None
    probability: float | None = None
    forecast: float | None = None
    needed: float | None = None
    reason: str = ""


@dataclass(frozen=True, kw_only=True)
class _Sums:
    """One mature window: its sums, rows, standard error (None where unknown) and whether it is a share."""

    window: Window
    numerator: float
    denominator: float
    n: int
    error: float | None
    share: bool


def judge_goal(goal: Goal, points: Sequence[MetricPoint], *, now: datetime, zone: ZoneInfo) -> GoalJudgement:
    """Judge a goal on the windows of its KPI, as of `now`.

    Pooled level: Σ numerator / Σ denominator over the last `over` (28 d) of mature windows, with Wilson's
    interval for a share, else √(Σ d² v) / Σ d from the windows' own variances v and denominators d.
    Reached: the limit towards the baseline is at the target or beyond. Otherwise, once the deadline's day is
    over: missed. Before: the probability that the KPI, pooled over the last `over` before the deadline,
    meets the target by `metrics.trend.outlook` on the mature windows since `since`: on track from 0.7, at
    risk from 0.2, off track below; unknown with fewer than 30 rows or 14 windows. Needed a month:
    (target − level) / months left.

    Args:
        points: version and segment '' of `business.<kpi>` in one grain, in any order; points that are open,
            immature or in error are left out.
        now: aware.
    """
    deadline = deadline_of(goal, zone)
    upto = min(now, deadline)
    mature = sorted(
        (sums for point in points if point.window.end <= upto and (sums := _sums(point)) is not None),
        key=lambda sums: sums.window.start,
    )
    if not mature:
        return GoalJudgement(state=GoalState.UNKNOWN, reason=_("No window of this KPI is mature yet."))
    recent = [sums for sums in mature if sums.window.end > mature[-1].window.end - goal.over]
    n, numerator, denominator = (
        sum(sums.n for sums in recent),
        sum(sums.numerator for sums in recent),
        sum(sums.denominator for sums in recent),
    )
    if n < LEAST_ROWS or denominator == 0:
        reason = _("{n} rows in the last mature windows, {minimum} are needed.")
        return GoalJudgement(
            state=GoalState.UNKNOWN, n=n, reason=reason.format(n=n, minimum=LEAST_ROWS)
        )  # fmt: skip
    value, limits = numerator / denominator, _limits(recent, numerator, denominator)
    known = GoalJudgement(
        state=GoalState.UNKNOWN, value=value, lower=limits.lower, upper=limits.upper, n=n,
        numerator=numerator, denominator=denominator,
    )  # fmt: skip
    if limits.lower >= goal.target if goal.direction == "up" else limits.upper <= goal.target:
        return replace(known, state=GoalState.REACHED)
    if now >= deadline:
        return replace(known, state=GoalState.MISSED, reason=_("The deadline has passed."))
    needed = (goal.target - value) / ((deadline - now) / MONTH)
    return _foreseen(goal, replace(known, needed=needed), mature, deadline, zone)


def deadline_of(goal: Goal, zone: ZoneInfo) -> datetime:
    """Return the end of the deadline's day in the project's zone."""
    return datetime.combine(goal.by + timedelta(days=1), time(), tzinfo=zone)


def _foreseen(
    goal: Goal, known: GoalJudgement, mature: Sequence[_Sums], deadline: datetime, zone: ZoneInfo
) -> GoalJudgement:
    """Add the forecast, and the state that follows from it."""
    since = datetime.combine(goal.since, time(), tzinfo=zone)
    seen = [
        Seen(window=sums.window, value=sums.numerator / sums.denominator, weight=sums.denominator)
        for sums in mature
        if sums.window.start >= since and sums.denominator > 0
    ]
    grain = mature[-1].window.grain
    start = deadline - max(goal.over, grain.length)
    ahead = [window for window in windows_between(start, deadline, grain, zone) if window.end <= deadline]
    found = outlook(seen, ahead, zone)
    if found is None:
        reason = _("Learning: {n} of {least} mature windows since {since}.")
        return replace(
            known, reason=reason.format(n=len(seen), least=LEAST_WINDOWS, since=goal.since.isoformat())
        )
    above = found.probability_above(goal.target)
    probability = above if goal.direction == "up" else 1 - above
    state = GoalState.OFF_TRACK
    if probability >= AT_RISK:
        state = GoalState.ON_TRACK if probability >= ON_TRACK else GoalState.AT_RISK
    return replace(known, state=state, probability=probability, forecast=found.level)


def _sums(point: MetricPoint) -> _Sums | None:
    """Return what a mature window adds, None for a window that is not mature or has no sums."""
    value = point.value
    if not point.final or value.state not in _COUNTED:
        return None
    if value.numerator is None or value.denominator is None:
        return None
    part, whole = value.numerator, value.denominator
    share, error = 0 <= part <= whole == value.n, None
    if value.lower is not None and value.upper is not None:
        error = (value.upper - value.lower) / (2 * Z95)
        limits = wilson(part, whole) if share else None
        # Wilson's interval is the mark of a share; a mean of small numbers has the same sums
        share = limits is not None and math.isclose(limits.upper, value.upper, rel_tol=1e-9)
    return _Sums(window=point.window, numerator=part, denominator=whole, n=value.n, error=error, share=share)


def _limits(recent: Sequence[_Sums], numerator: float, denominator: float) -> Limits:
    if all(sums.share for sums in recent):
        return wilson(numerator, denominator)
    known = [(sums.denominator, sums.error) for sums in recent if sums.error is not None]
    # windows too small for an interval of their own vary by the unit like the others
    unit = sum(whole * error**2 for whole, error in known) / len(known) if known else 0.0
    variance = sum(
        (sums.denominator * sums.error) ** 2 if sums.error is not None else abs(sums.denominator) * unit
        for sums in recent
    )
    return around(numerator / denominator, variance / denominator**2)

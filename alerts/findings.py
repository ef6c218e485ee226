"""Freeze what is known about an alert, and about what surrounds it."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from alerts import why
from alerts.series import Judged, Known
from alerts.timeline import Episode
from core.config import Model
from core.dates import day_text, length_text
from core.evidence import Evidence, Finding, GoalFact, Release, SegmentFact
from core.messages import Severity
from core.text import gettext as _
from core.units import kpi_unit
from core.values import MetricPoint, ValueState
from core.windows import Grain, Window
from store import goals, metrics, models, references
from store.normal import is_moving

MOST = 5
UNVERSIONED = "unversioned"
"""What a log without a version column calls its only one: no release that could have done harm."""


def finding_of(judged: Judged, episode: Episode, *, silenced: bool = False) -> Finding:
    """Return one alert as a fact: the window with the largest effect speaks for it."""
    watch, one = judged.watch, episode.worst
    return Finding(
        rule=judged.key.rule,
        metric=watch.metric,
        title=judged.title,
        severity=severity_of(judged, episode),
        version=judged.key.version,
        segment=judged.key.segment,
        column=judged.key.column,
        unit=watch.unit,
        currency=watch.currency,
        harm=watch.harm.value,
        good=episode.good,
        silenced=silenced,
        since=episode.since,
        window_start=one.window.start,
        window_end=one.window.end,
        value=one.value,
        expected=one.expected,
        low=one.low,
        high=one.high,
        effect=one.effect,
        lower=one.lower,
        upper=one.upper,
        n=one.n,
        reason=one.reason,
    )


def severity_of(judged: Judged, episode: Episode) -> Severity:
    """Return how bad it is: a move the good way is a notice; when nothing is answered it is critical."""
    if episode.good:
        return Severity.NOTICE
    if judged.watch.metric == "service.error_share" and (episode.worst.value or 0.0) >= 0.99:
        return Severity.CRITICAL
    return judged.watch.severity


def evidence_of(
    session: Session, known: Known, judged: Sequence[Judged], findings: Sequence[Finding]
) -> Evidence:
    """Return all that a ticket keeps: its alerts, what drifted, segments, the goal, the last release."""
    worst = findings[0]
    split, carrier = why.split(session, known, worst)
    return Evidence(
        findings=tuple(findings),
        drifted=why.drifted(session, known, judged, worst.since),
        segments=_segments(session, known, worst),
        split=split,
        carrier=carrier,
        season=why.season(session, known, worst),
        goal=_goal(session, known.model, worst),
        release=_release(session, known.model.name),
        reference=_reference(session, known),
        as_of=known.now,
    )


def _segments(session: Session, known: Known, worst: Finding) -> tuple[SegmentFact, ...]:
    """Return the segments whose metric moved most the same way, against their own mean before the harm."""
    if not known.model.segments or worst.effect is None or worst.segment:
        return ()
    grain = known.model.grain
    points = metrics.points(
        session, known.model.name, metric=worst.metric, segment=None, column=worst.column, grain=grain
    )
    by_segment: dict[str, list[MetricPoint]] = {}
    for point in points:
        if point.segment and point.value.state is ValueState.OK and point.value.value is not None:
            by_segment.setdefault(point.segment, []).append(point)
    found = []
    for segment, own in by_segment.items():
        before = _mean([point for point in own if point.window.end <= worst.since][-28:])
        after = _mean([point for point in own if point.window.start >= worst.since])
        if after is None:
            continue
        moved = after - (before or 0.0)
        if (moved > 0) == (worst.effect > 0) and abs(moved) >= abs(worst.effect) / 2:
            n = sum(point.value.n for point in own if point.window.start >= worst.since)
            found.append((abs(moved), SegmentFact(segment=segment, value=after, before=before or 0.0, n=n)))
    return tuple(fact for _size, fact in sorted(found, key=lambda one: -one[0])[:MOST])


def _mean(points: Sequence[MetricPoint]) -> float | None:
    weight = sum(point.value.n for point in points)
    if not weight:
        return None
    return sum((point.value.value or 0.0) * point.value.n for point in points) / weight


def _goal(session: Session, model: Model, worst: Finding) -> GoalFact | None:
    """Return the goal that hangs on the KPI that fell, else the model's first."""
    if not model.goals:
        return None
    goal = next((one for one in model.goals if f"business.{one.kpi}" == worst.metric), model.goals[0])
    row = next((one for one in goals.current_goals(session, model.name) if one.kpi == goal.kpi), None)
    kpi = model.kpis[goal.kpi]
    unit, currency = kpi_unit(kpi)
    return GoalFact(
        kpi=goal.kpi,
        title=kpi.title or goal.kpi,
        unit=unit,
        currency=currency,
        state=row.state if row is not None else "unknown",
        value=row.value if row is not None else None,
        lower=row.lower if row is not None else None,
        upper=row.upper if row is not None else None,
        target=goal.target,
        by=goal.by,
    )


def _release(session: Session, model: str) -> Release | None:
    found = [row for row in models.versions(session, model) if row.version != UNVERSIONED]
    if not found:
        return None
    newest = max(found, key=lambda row: row.first_seen)
    return Release(version=newest.version, at=newest.first_seen)


def _reference(session: Session, known: Known) -> str:
    reference = known.model.reference
    if reference is not None and reference.rolling is not None:
        return _("the {length} before each window").format(length=length_text(reference.rolling))
    if is_moving(known.model):
        return _("the same period a year earlier")
    row = references.current_reference(session, known.model.name)
    if row is None:
        return _("the first windows of the log")
    what = row.description.rpartition("/")[2]  # no place of this machine
    if row.first is None or row.last is None:
        return what
    end = row.last - timedelta(microseconds=1)  # a range ends where the next day begins
    first, last = (moment.astimezone(known.zone).date() for moment in (row.first, end))
    if row.kind == "range":  # its description is the same two days
        return _("{first} to {last}").format(first=day_text(first), last=day_text(last, year=True))
    return _("{what}, {first} to {last}").format(
        what=what, first=day_text(first), last=day_text(last, year=True)
    )


def span_of(judged: Sequence[Judged]) -> tuple[datetime, datetime, int] | None:
    """Return start, end and number of the base windows that were judged; None without any."""
    windows: set[Window] = {
        each.window for one in judged for each in one.judgements if each.window.grain is not Grain.HOUR
    }
    if not windows:
        return None
    return min(window.start for window in windows), max(window.end for window in windows), len(windows)

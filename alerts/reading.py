"""Read from the store what a model's rules are judged on."""

from collections import defaultdict
from collections.abc import Mapping, Sequence, Set
from datetime import date, datetime
from typing import Any

from sqlalchemy.orm import Session

from alerts.baseline import Baseline, baseline_of
from alerts.days import holidays_of
from alerts.defaults import Watch
from alerts.rules.base import FOUR_WEEKS
from alerts.series import Accepted, Known, Note, is_live_log
from alerts.traces import Traces, read_traces
from core.config import Model, Project
from core.rules import AlertKey, Resolution
from core.text import gettext as _
from core.values import MetricPoint, ValueState
from core.windows import Grain, Window
from store import metrics, references, tickets, windows
from store.normal import is_moving
from store.retention import judged_from, reach


def read_known(
    session: Session,
    project: Project,
    model: Model,
    watches: Sequence[Watch],
    now: datetime,
    since: datetime | None = None,
) -> Known:
    """Return what a model's rules need, as of `now`, to judge the windows from `since` on (None: all)."""
    heard = [watch for watch in watches if not watch.muted]
    traced = any(watch.traced for watch in heard)
    reference = None if is_moving(model) else references.current_reference(session, model.name)
    baseline = Baseline() if reference is None else baseline_of(session, project, model, reference)
    accepted = accepted_keys(session, model.name)
    grains = sorted({model.grain, model.service_grain})
    read_from = _read_from(project, model, heard, accepted, since)
    notes = [note for grain in grains for note in _notes(session, model, grain, read_from.get(grain))]
    live, by_hours = is_live_log(model, notes), _by_hours(session, model, heard, now)
    judged_by = {watch.metric for watch in heard if not watch.traced}
    shown = {watch.metric for watch in heard if watch.traced} - judged_by  # contrasts are what is judged
    judging = [watch for watch in heard if watch.metric not in shown]
    points: defaultdict[str, list[MetricPoint]] = defaultdict(list)
    for grain in grains:
        wanted = {*by_hours, *(["service.requests"] if live else [])} if grain is not model.grain else None
        for point in _points(
            session, project, model, grain, judging, wanted, baseline.points, read_from.get(grain)
        ):
            points[point.metric].append(point)
    for point in metrics.points(
        session, model.name, metrics=sorted(shown), column=None, grain=model.grain, since=since
    ):
        points[point.metric].append(point)
    first = min(windows.first(session, model.name, grain) or now for grain in grains)
    judged = judged_from(session, model)
    if since is not None:
        judged = {grain: max(since, judged.get(grain, since)) for grain in grains}
    return Known(
        model=model,
        now=now,
        zone=project.zone,
        points=points,
        baseline=baseline,
        timed=reference is not None and reference.windows > 0,
        notes=notes,
        live=live,
        holidays=_holidays(
            project, first.astimezone(project.zone).date(), now.astimezone(project.zone).date()
        ),
        accepted=accepted,
        judged_from=judged,
        read_from=read_from,
        by_hours=by_hours,
        traces=read_traces(session, model, now, reference) if traced else Traces(),
        plugin_dirs=project.plugin_dirs,
    )


def _read_from(
    project: Project, model: Model, watches: Sequence[Watch], accepted: Mapping[AlertKey, Accepted],
    since: datetime | None,
) -> dict[Grain, datetime]:  # fmt: skip
    """Return from when on values of each grain are read; none where all of them are."""
    if since is None:
        return {}
    begun = min([since, *(level.since for level in accepted.values())])
    kinds = [_looks_back(project, watch) for watch in watches]
    return {
        grain: begun - max((kind[grain] for kind in kinds if kind), default=0) * grain.length - reach(model)
        for grain in (model.grain, model.service_grain)
    }


def _looks_back(project: Project, watch: Watch) -> Mapping[Grain, int] | None:
    """Return how many windows a rule looks back; None where it wants all of them."""
    found: Mapping[Grain, int] | None = getattr(watch.judge(project.plugin_dirs), "LOOKS_BACK", None)
    return found


def _points(
    session: Session, project: Project, model: Model, grain: Grain, watches: Sequence[Watch],
    wanted: Set[str] | None, baseline: Mapping[str, Sequence[MetricPoint]], since: datetime | None,
) -> list[MetricPoint]:  # fmt: skip
    """Read the values of a grain: of the whole, and of segments where judged; `wanted` names the metrics.

    With `since`, what lies before it is left out but for the first values, which rules learn from, and for
    those of rules that look at all of the past.
    """
    entire = {w.metric for w in watches if not w.traced and _looks_back(project, w) is None}
    whole = {watch.metric for watch in watches} | {"service.requests", "quality.rows"}
    parted = {watch.metric for watch in watches if watch.segments is not None and model.segments}
    if wanted is not None:
        entire, whole, parted = entire & wanted, whole & wanted, parted & wanted

    def read(since: datetime | None, until: datetime | None, some: set[str]) -> list[MetricPoint]:
        found = metrics.points(
            session, model.name, metrics=sorted(some), column=None, grain=grain, since=since, until=until
        )
        if parted & some:
            everywhere = metrics.points(
                session, model.name, metrics=sorted(parted & some), column=None, segment=None, grain=grain,
                since=since, until=until,
            )  # fmt: skip
            found += [point for point in everywhere if point.segment]
        return found

    if not whole:
        return []
    begun = windows.first(session, model.name, grain)
    if since is None or begun is None:
        return read(None, None, whole)
    learnt = begun + 2 * FOUR_WEEKS[grain] * grain.length
    if learnt >= since:
        return read(None, None, whole)
    some = whole - entire
    known = {(metric, one.segment, one.column) for metric, found in baseline.items() for one in found}
    starts = metrics.starts(session, model.name, sorted(some | parted), grain)
    begins_late = begun + FOUR_WEEKS[grain] * grain.length
    if any(place not in known and begins_late < start < since for place, start in starts.items()):
        return read(None, None, whole)
    return [*read(None, learnt, some), *read(since, None, some), *read(None, None, entire)]


def _by_hours(session: Session, model: Model, watches: Sequence[Watch], now: datetime) -> frozenset[str]:
    """Return the hourly metrics of which at least half of the rows fell into hours with enough of them.

    Requests are weighed, not windows: a log that rests at night has many empty hours and is judged hourly.
    """
    grain = model.service_grain
    asked = sorted({watch.metric for watch in watches if watch.hourly})
    found = metrics.rows_by_state(session, model.name, asked, grain, now - model.settle_of(grain))
    return frozenset(
        metric
        for metric in asked
        if (enough := found.get((metric, ValueState.OK), 0))
        and enough >= found.get((metric, ValueState.NOT_ENOUGH_DATA), 0)
    )


def accepted_keys(session: Session, model: str) -> Mapping[AlertKey, Accepted]:
    """Return the newest level of each key that a person accepted, or a new version was proven at."""
    found: dict[AlertKey, Accepted] = {}
    for ticket in tickets.tickets(session, model=model):
        if ticket.resolution not in (Resolution.ACCEPTED, Resolution.VERIFIED):
            continue
        for event in tickets.events(session, ticket.id):
            if event.action != ticket.resolution:
                continue
            level = Accepted(since=datetime.fromisoformat(event.detail["from"]), at=event.at)
            for place in event.detail["keys"]:
                key = AlertKey(model=model, **place)
                if key not in found or found[key].at < level.at:
                    found[key] = level
    return found


def _notes(session: Session, model: Model, grain: Grain, since: datetime | None) -> list[Note]:
    """Read what was collected; how columns changed is read of base windows, for it is the same by hour."""
    schema = grain is model.grain
    return [
        Note(
            window=Window(start=row.start, end=row.end, grain=grain),
            delay=row.collected_at - row.end,
            error=(row.reason or _("This window could not be collected.")) if row.state != "ok" else "",
            schema=schema_of(row.notes) if schema else {},
        )
        for row in windows.collected(session, model.name, grain, since, notes=schema)
    ]


def schema_of(notes: Mapping[str, Any]) -> dict[str, str]:
    """Return what the collector noted of the columns, by column, in words."""
    found = notes.get("schema") or {}
    if isinstance(found, Mapping):
        return {str(column): str(text) for column, text in found.items()}
    return {str(one.get("column", "")): str(one.get("text", "")) for one in found if isinstance(one, Mapping)}


def _holidays(project: Project, first: date, last: date) -> Mapping[date, str]:
    return holidays_of(project.calendar, first, last)

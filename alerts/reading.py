"""Read from the store what a model's rules are judged on."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from alerts.days import holidays_of
from alerts.defaults import Watch
from alerts.series import Accepted, Known, Note
from core.config import Model, Project, configuration_hash
from core.profile import Profile, ProfileKey, merge_all
from core.roles import SERVED
from core.rules import AlertKey, Resolution
from core.text import gettext as _
from core.values import MetricPoint
from core.windows import Grain, Window, window_at
from metrics.measure import Stage, measure, stage_of
from store import grids, metrics, references, tickets, windows
from store.normal import is_moving, maturity_of, window_of
from store.retention import judged_from
from store.tables import ReferenceRow, WindowRow

_baselines: dict[tuple[object, ...], Mapping[str, Sequence[MetricPoint]]] = {}


def read_known(
    session: Session, project: Project, model: Model, watches: Sequence[Watch], now: datetime
) -> Known:
    """Return everything that the rules of a model need, as of `now`."""
    wanted = {watch.metric for watch in watches if not watch.muted} | {"service.requests", "quality.rows"}
    points: defaultdict[str, list[MetricPoint]] = defaultdict(list)
    for point in metrics.points(session, model.name, metrics=sorted(wanted), column=None):
        points[point.metric].append(point)
    parted = sorted({watch.metric for watch in watches if watch.segments is not None and not watch.muted})
    if parted and model.segments:
        for point in metrics.points(session, model.name, metrics=parted, segment=None, column=None):
            if point.segment:
                points[point.metric].append(point)
    rows = [
        row
        for grain in sorted({model.grain, model.service_grain})
        for row in windows.windows(session, model.name, grain)
    ]
    days = [row.start.astimezone(project.zone).date() for row in rows] or [
        now.astimezone(project.zone).date()
    ]
    reference = None if is_moving(model) else references.current_reference(session, model.name)
    return Known(
        model=model,
        now=now,
        zone=project.zone,
        points=points,
        baseline={} if reference is None else baseline_of(session, project, model, reference),
        timed=reference is not None and reference.windows > 0,
        notes=[_note(row) for row in rows],
        holidays=_holidays(project, min(days), now.astimezone(project.zone).date()),
        accepted=accepted_keys(session, model.name),
        judged_from=judged_from(session, model),
        plugin_dirs=project.plugin_dirs,
    )


def baseline_of(
    session: Session, project: Project, model: Model, reference: ReferenceRow
) -> Mapping[str, Sequence[MetricPoint]]:
    """Measure the reference's windows (or its one level) like windows of the log; cached by its id.

    Windows have the model's grain. Where the reference is a part of the log, what was immature when it was
    counted is no baseline; it is counted once more when all of it is ripe.
    """
    maturity = maturity_of(session, model)
    key = (reference.id, reference.fingerprint, model.name, configuration_hash(model), maturity)
    if key in _baselines:
        return _baselines[key]
    grid_set = grids.grid_set(session, reference.grid_set)
    found = references.reference_profiles(session, reference)
    pooled = merge_all(
        (p for k, p in found if k.role in SERVED and not k.segment), grid_set=reference.grid_set
    )
    by_window: defaultdict[datetime, dict[ProfileKey, Profile]] = defaultdict(dict)
    for profile_key, profile in found:
        by_window[profile_key.start][profile_key] = profile
    points: defaultdict[str, list[MetricPoint]] = defaultdict(list)
    for start, cells in sorted(by_window.items()):
        window = _reference_window(start, reference, project, model.grain)
        for point in measure(
            model=model, grids=grid_set, cells=cells, reference=pooled, window=window,
            now=reference.created_at, zone=project.zone,
            stage=_stage(window, reference, model, maturity), maturity=maturity,
            plugin_dirs=project.plugin_dirs,
        ):  # fmt: skip
            if not point.version:
                points[point.metric].append(point)
    _baselines.clear()
    _baselines[key] = dict(points)
    return _baselines[key]


def accepted_keys(session: Session, model: str) -> Mapping[AlertKey, Accepted]:
    """Return the newest accepted level of each key."""
    found: dict[AlertKey, Accepted] = {}
    for ticket in tickets.tickets(session, model=model):
        if ticket.resolution != Resolution.ACCEPTED:
            continue
        for event in tickets.events(session, ticket.id):
            if event.action != "accepted":
                continue
            level = Accepted(since=datetime.fromisoformat(event.detail["from"]), at=event.at)
            for place in event.detail["keys"]:
                key = AlertKey(model=model, **place)
                if key not in found or found[key].at < level.at:
                    found[key] = level
    return found


def _reference_window(start: datetime, reference: ReferenceRow, project: Project, grain: Grain) -> Window:
    window = window_at(start, grain, project.zone)
    if reference.windows or reference.last is None or reference.last <= window.end:
        return window
    return Window(start=start, end=reference.last, grain=grain)


def _stage(window: Window, reference: ReferenceRow, model: Model, maturity: timedelta) -> Stage:
    of_log = reference.kind in ("range", "windows")
    return stage_of(window, model, maturity, reference.created_at) if of_log else "final"


def _note(row: WindowRow) -> Note:
    error = (row.reason or _("This window could not be collected.")) if row.state != "ok" else ""
    delay = row.collected_at - row.end
    return Note(window=window_of(row), delay=delay, error=error, schema=schema_of(row.notes))


def schema_of(notes: Mapping[str, Any]) -> dict[str, str]:
    """Return what the collector noted of the columns, by column, in words."""
    found = notes.get("schema") or {}
    if isinstance(found, Mapping):
        return {str(column): str(text) for column, text in found.items()}
    return {str(one.get("column", "")): str(one.get("text", "")) for one in found if isinstance(one, Mapping)}


def _holidays(project: Project, first: date, last: date) -> Mapping[date, str]:
    return holidays_of(project.calendar, first, last)

"""Read what pages show, once for each state of the store.

`mark` (the store's state and the configuration) is part of every key, so a page never shows what is no
longer so; arguments that begin with an underscore are not part of it.
"""

from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import streamlit as st
from sqlalchemy import Row

from alerts.backtest import Backtest, backtest
from core.config import Model
from core.errors import GoalkeeperError
from core.roles import Role
from core.rules import AlertState, TicketState
from core.text import gettext as _
from core.values import MetricPoint
from core.windows import Grain, Window, window_at
from dashboard.charts import SCORE
from dashboard.context import Context
from dashboard.scene import Moment, Shade
from dashboard.sections import COLUMN_DRIFT
from reports.moves import Move, moved
from reports.nowcasts import with_nowcasts
from reports.query import Heat, Part, Restated
from reports.sides import Sides
from reports.sides import sides as read_sides
from reports.slices import Slice
from reports.slices import slices as read_slices
from reports.standing import GoalStanding, Standing, goal_standing, histories, standings, with_sums
from reports.versions import Version
from reports.versions import versions as read_versions
from reports.weeks import Week, last_week
from store.alerts import alerts, rule_states
from store.goals import goal_history
from store.grids import grid_set
from store.marks import marks
from store.models import models
from store.models import versions as versions_seen
from store.normal import maturity_of
from store.profiles import roles
from store.references import current_reference
from store.retention import stretches
from store.retrainings import retrainings
from store.tables import GoalRow
from store.tickets import listed, tickets
from store.windows import last_end

FOREVER = datetime(9999, 1, 1, tzinfo=UTC)
_VERSIONS = 12
"""So many versions of a model are told of, the newest."""
_LATELY = timedelta(days=90)
"""So long before the newest window somebody must have answered in a role for it to be offered."""


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A range of a version and a segment, the part of it, and what it is held against (`reports.sides`)."""

    since: datetime
    until: datetime
    version: str = ""
    segment: str = ""
    against: str | None = ""
    part: Part = "both"


def overview(context: Context) -> list[Standing]:
    """Return every model's standing, worst first."""
    return _overview(context, context.mark)


def series(
    context: Context,
    model: str,
    metrics: Sequence[str],
    *,
    since: datetime,
    until: datetime,
    version: str = "",
    segment: str = "",
    column: str = "",
    grain: Grain | None = None,
    among: Sequence[str] = (),
) -> Mapping[str, list[MetricPoint]]:
    """Return the points of several metrics by name.

    `among` are those that the page draws of the same range, version, segment and column: they are read
    together, so that a page asks once and not for each chart.
    """
    wanted = tuple(dict.fromkeys([*among, *metrics]))
    found = _series(
        context, context.mark, model, wanted, since, until, version, segment, column, grain, context.as_of
    )
    return {metric: found[metric] for metric in metrics}


def heat(
    context: Context, model: str, metric: str, *, since: datetime, until: datetime, version: str, segment: str
) -> Heat:
    """Return a metric by column and window, what matters most and drifted most lately on top."""
    return _heat(context, context.mark, model, metric, since, until, version, segment, context.as_of)


def tickets_listed(context: Context) -> Sequence[Row[Any]]:
    """Return every ticket as a list shows it, the newest first."""
    return _tickets_listed(context, context.mark)


@st.cache_resource(show_spinner=False, max_entries=4)
def _tickets_listed(_context: Context, mark: str) -> Sequence[Row[Any]]:
    with _context.store.read() as session:
        return listed(session)


def weights(context: Context, model: str) -> Mapping[str, float]:
    """Return how much each column matters to the score, as the reference shows; empty where it does not."""
    return _weights(context, context.store.url, model, _reference(context, context.mark, model))


@st.cache_resource(show_spinner=False, max_entries=400)
def _reference(_context: Context, mark: str, model: str) -> tuple[int, datetime] | None:
    with _context.store.read() as session:
        row = current_reference(session, model)
    return None if row is None else (row.id, row.created_at)


@st.cache_resource(show_spinner=False, max_entries=400)
def _weights(
    _context: Context, store: str, model: str, reference: tuple[int, datetime] | None
) -> Mapping[str, float]:
    """Read what a reference shows; it stays as it is, whatever else is written."""
    return {} if reference is None else _context.query.weights(model)


def sides(context: Context, model: str, asked: Asked) -> Sides:
    """Return what a range holds, and what it is held against."""
    return _sides(context, context.mark, model, asked)


@st.cache_resource(show_spinner=False, max_entries=40)
def _sides(_context: Context, mark: str, model: str, asked: Asked) -> Sides:
    return read_sides(
        _context.query, _context.project.models[model], since=asked.since, until=asked.until,
        version=asked.version, segment=asked.segment, against=asked.against, part=asked.part,
    )  # fmt: skip


def slices(context: Context, model: str, metric: str, asked: Asked) -> list[Slice]:
    """Return a metric by segment, the worst first."""
    return _slices(context, context.mark, model, metric, asked)


@st.cache_resource(show_spinner=False, max_entries=100)
def _slices(_context: Context, mark: str, model: str, metric: str, asked: Asked) -> list[Slice]:
    return read_slices(
        _context.query, _context.project.models[model], metric, since=asked.since, until=asked.until,
        version=asked.version,
    )  # fmt: skip


@st.cache_resource(show_spinner=False, max_entries=8)
def _overview(_context: Context, mark: str) -> list[Standing]:
    return standings(_context.query, _context.now)


@st.cache_resource(show_spinner=False, max_entries=400)
def _series(
    _context: Context,
    mark: str,
    model: str,
    metrics: tuple[str, ...],
    since: datetime,
    until: datetime,
    version: str,
    segment: str,
    column: str,
    grain: Grain | None,
    as_of: datetime | None,
) -> dict[str, list[MetricPoint]]:
    found = _context.query.several(
        model, metrics, since=since, until=until, now=_context.now, version=version, segment=segment,
        column=column, grain=grain, as_of=as_of,
    )  # fmt: skip
    for metric, points in found.items():
        family, _dot, kpi = metric.partition(".")
        if family == "business" and as_of is None:
            found[metric] = with_nowcasts(_context.query, points, kpi, now=_context.now)
    return found


@st.cache_resource(show_spinner=False, max_entries=100)
def _heat(
    _context: Context,
    mark: str,
    model: str,
    metric: str,
    since: datetime,
    until: datetime,
    version: str,
    segment: str,
    as_of: datetime | None,
) -> Heat:
    return _context.query.heat(
        model, metric, since=since, until=until, version=version, segment=segment, as_of=as_of,
        weights=weights(_context, model),
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Ticket:
    """An open ticket, as a link needs it."""

    id: int
    severity: str
    incident: int
    kind: str
    state: str
    title: str


@dataclass(frozen=True, kw_only=True)
class Fired:
    """An alert as charts shade it; `until` is None while it still fires."""

    rule: str
    version: str
    segment: str
    column: str
    severity: str
    since: datetime
    until: datetime | None
    label: str
    good: bool


@dataclass(frozen=True, kw_only=True)
class Facts:
    """What a model's page needs beside numbers; `columns` by kind (numeric, categorical).

    `roles` are those in which anybody answered lately.
    """

    versions: tuple[str, ...]
    segments: tuple[str, ...]
    roles: Set[Role]
    columns: Mapping[str, str]
    newest: datetime | None
    moments: tuple[Moment, ...]
    fired: tuple[Fired, ...]
    tickets: tuple[Ticket, ...]


def facts(context: Context, model: str) -> Facts:
    """Return versions, segments, events and alerts of a model."""
    return _facts(context, context.mark, model)


def versions(context: Context, model: str, asked: Asked) -> list[Version]:
    """Return a model's newest versions, and what their registry promised of them."""
    return _versions(context, context.mark, model, asked.since, asked.until)


@st.cache_resource(show_spinner=False, max_entries=50)
def _versions(_context: Context, mark: str, model: str, since: datetime, until: datetime) -> list[Version]:
    return read_versions(
        _context.query, _context.project.models[model], since=since, until=until, now=_context.now,
        most=_VERSIONS,
    )  # fmt: skip


def move(context: Context, model: str, kpi: str, since: datetime, until: datetime) -> Move | None:
    """Return what moved a KPI since a day."""
    return _move(context, context.mark, model, kpi, since, until, context.as_of)


@st.cache_resource(show_spinner=False, max_entries=100)
def _move(
    _context: Context, mark: str, model: str, kpi: str, since: datetime, until: datetime,
    as_of: datetime | None,
) -> Move | None:  # fmt: skip
    config = _context.project.models[model]
    return moved(_context.query, config, kpi, since=since, until=until, now=_context.now, as_of=as_of)


@dataclass(frozen=True, kw_only=True)
class RuleAnswer:
    """What a rule says now of one column or segment."""

    rule: str
    column: str
    segment: str
    state: AlertState
    reason: str


def rule_answers(context: Context, model: str) -> list[RuleAnswer]:
    """Return what each rule of a model says now."""
    return _rule_answers(context, context.mark, model)


@st.cache_resource(show_spinner=False, max_entries=100)
def _rule_answers(_context: Context, mark: str, model: str) -> list[RuleAnswer]:
    with _context.store.read() as session:
        return [
            RuleAnswer(
                rule=row.rule, column=row.column, segment=row.segment, state=AlertState(row.state),
                reason=row.reason,
            )
            for row in rule_states(session, model)
        ]  # fmt: skip


def replayed(context: Context, model: str, rule: str, option: str, value: float) -> Backtest | str:
    """Return what a rule would have done with another option ('' as it is), or why that cannot be told."""
    return _replayed(context, context.mark, model, rule, option, value)


@st.cache_resource(show_spinner=False, max_entries=60)
def _replayed(
    _context: Context, mark: str, model: str, rule: str, option: str, value: float
) -> Backtest | str:
    knobs = {option: int(value) if value == int(value) else value} if option else {}
    config = _context.project.models[model]
    try:
        with _context.store.read() as session:
            return backtest(session, _context.project, config, _context.now, rule=rule, knobs=knobs)
    except GoalkeeperError as error:
        return error.message


def maturity(context: Context, model: str) -> timedelta:
    """Return how long the outcomes of a model take, as declared or as seen."""
    return _maturity(context, context.mark, model)


@st.cache_resource(show_spinner=False, max_entries=200)
def _maturity(_context: Context, mark: str, model: str) -> timedelta:
    with _context.store.read() as session:
        return maturity_of(session, _context.project.models[model])


def restated(context: Context, model: str, metric: str, since: datetime, until: datetime) -> list[Restated]:
    """Return the windows whose value was another one before."""
    return _restated(context, context.mark, model, metric, since, until)


@st.cache_resource(show_spinner=False, max_entries=100)
def _restated(
    _context: Context, mark: str, model: str, metric: str, since: datetime, until: datetime
) -> list[Restated]:
    return _context.query.restated(model, metric, since=since, until=until)


def goals(context: Context, model: str) -> tuple[GoalStanding, ...]:
    """Return how a model's goals stand, or stood at the earlier time that the address names."""
    return _goals(context, context.mark, model, context.as_of)


@st.cache_resource(show_spinner=False, max_entries=100)
def _goals(_context: Context, mark: str, model: str, as_of: datetime | None) -> tuple[GoalStanding, ...]:
    query, found = _context.query, standing(_context, model)
    if as_of is None and found is not None:
        return tuple(with_sums(query, model, one, _context.now) for one in found.goals)
    config, past = _context.project.models[model], dict[str, list[GoalRow]]()
    with _context.store.read() as session:
        for goal in config.goals:
            rows = goal_history(session, model, goal.kpi)
            past[goal.kpi] = [row for row in rows if as_of is None or row.as_of <= as_of][-1:]
    # without the sums of today, which would not fit
    return tuple(goal_standing(query, config, goal, past[goal.kpi]) for goal in config.goals)


def week(context: Context, model: str, kpi: str) -> Week | None:
    """Return a KPI's last complete week, as of the earlier time that the address names."""
    return _week(context, context.mark, model, kpi, context.as_of)


@st.cache_resource(show_spinner=False, max_entries=200)
def _week(_context: Context, mark: str, model: str, kpi: str, as_of: datetime | None) -> Week | None:
    return last_week(_context.query, _context.project.models[model], kpi, _context.now, as_of=as_of)


def standing(context: Context, model: str) -> Standing | None:
    """Return how a model stands now."""
    return _standing(context, context.mark, model)


@st.cache_resource(show_spinner=False, max_entries=100)
def _standing(_context: Context, mark: str, model: str) -> Standing | None:
    return next(iter(standings(_context.query, _context.now, model)), None)


def history(context: Context, models: Sequence[str]) -> Mapping[str, Sequence[float | None]]:
    """Return the last windows of each model's first KPI."""
    return _history(context, context.mark, tuple(models))


@st.cache_resource(show_spinner=False, max_entries=100)
def _history(_context: Context, mark: str, models: tuple[str, ...]) -> Mapping[str, Sequence[float | None]]:
    return histories(_context.query, models, _context.now)


def shades(facts: Facts, metric: str, primary: str, version: str, segment: str, column: str) -> list[Shade]:
    """Return the windows in which a rule on this metric fired, one shade for each alert."""
    ours = []
    for fired in facts.fired:
        rule = fired.rule.partition(":")[0]
        named = {metric, "performance.primary" if metric == primary else metric}
        if metric == COLUMN_DRIFT:
            named = {"drift.score" if column == SCORE else "drift.columns"}
        if (
            fired.column == column
            and rule in named
            and fired.version in ("", version)
            and fired.segment in ("", segment)
        ):
            ours.append(
                Shade(
                    since=fired.since,
                    until=fired.until or FOREVER,
                    label=fired.label,
                    severity=fired.severity,
                    good=fired.good,
                )
            )
    return ours


def kept_window(context: Context, model: Model, window: Window | None) -> Window | None:
    """Return a window as it is kept: the coarser one where it was rolled up."""
    if window is None:
        return None
    with context.store.read() as session:
        first = stretches(session, model, window.grain, window.start, window.end)[0]
    return window_at(window.start, first.grain, context.zone)


def column_points(
    context: Context, model: str, metric: str, since: datetime, until: datetime
) -> list[MetricPoint]:
    """Return a metric's points of every column."""
    return _column_points(context, context.mark, model, metric, since, until)


@st.cache_resource(show_spinner=False, max_entries=50)
def _column_points(
    _context: Context, mark: str, model: str, metric: str, since: datetime, until: datetime
) -> list[MetricPoint]:
    return _context.query.series(model, metric, since=since, until=until, now=_context.now, column=None)


@st.cache_resource(show_spinner=False, max_entries=200)
def _facts(_context: Context, mark: str, model: str) -> Facts:
    config = _context.project.models[model]
    with _context.store.read() as session:
        seen = sorted(versions_seen(session, model), key=lambda row: row.first_seen)
        row = next((row for row in models(session) if row.name == model), None)
        segments: tuple[str, ...] = ()
        if row is not None and row.grid_set:
            found = grid_set(session, row.grid_set).segments
            segments = tuple(f"{name}={level}" for name, levels in found.items() for level in levels)
        work = tickets(session, model=model)
        by_incident = {item.incident_id: item for item in work}
        fired = [
            Fired(
                rule=item.rule,
                version=item.version,
                segment=item.segment,
                column=item.column,
                severity=item.severity,
                since=item.since,
                until=item.until,
                good=bool(item.evidence.get("good")),
                label=_("better")
                if item.evidence.get("good")
                else _label(by_incident[item.incident_id].id if item.incident_id in by_incident else None),
            )
            for item in alerts(session, model=model)
            if item.state != AlertState.WITHDRAWN
        ]
        moments = [Moment(at=item.first_seen, label=item.version, kind="release") for item in seen]
        moments += [
            Moment(
                at=item.start, label=item.text, until=item.end,
                kind="configuration" if item.kind == "configuration" else "mark",
            )
            for item in marks(session, model)
            if item.kind != "release" or item.text not in {version.version for version in seen}
        ]  # fmt: skip
        moments += [Moment(at=item.opened_at, label=_label(item.id), kind="ticket") for item in work]
        moments += [
            Moment(
                at=item.claimed_at, label=item.version or _label(item.ticket_id), kind="retraining",
                until=item.ended_at,
            )
            for item in retrainings(session, model=model)
            if item.claimed_at is not None
        ]  # fmt: skip
        newest = last_end(session, model, config.grain)
        lately = (newest or _context.now) - _LATELY
        return Facts(
            roles=roles(session, model, config.grain, lately, _context.now),
            versions=tuple(item.version for item in seen),
            segments=segments,
            columns=dict(row.features.get("columns", {})) if row is not None else {},
            newest=newest,
            moments=tuple(moments),
            fired=tuple(fired),
            tickets=tuple(
                Ticket(
                    id=item.id,
                    severity=item.severity,
                    incident=item.incident_id,
                    kind=item.kind,
                    state=item.state,
                    title=item.title,
                )
                for item in work
                if item.state != TicketState.CLOSED
            ),
        )


def _label(ticket: int | None) -> str:
    return _("alert") if ticket is None else _("ticket {id}").format(id=ticket)

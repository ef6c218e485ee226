"""Prove a new version against the level that its ticket was opened at (metrics.proof says by which test)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import sqrt
from typing import Any

from sqlalchemy.orm import Session

from alerts import retraining
from alerts import tickets as desk
from alerts.defaults import primary_metric, rules_of
from alerts.floor import least
from alerts.incidents import worst_first
from alerts.normal import Z95, Normal, learn, sampling_error, seen
from alerts.readiness import harm_since
from alerts.tickets import ACTOR
from core.config import Model, Project
from core.evidence import Finding, LevelOf, ProofFact
from core.rules import Resolution, TicketState
from core.text import gettext as _
from core.values import MetricPoint, ValueState
from metrics.proof import LEAST_WINDOWS, Level, Outcome, difference, level, outcome, paired
from store import metrics, models, proofs, retrainings, tickets
from store.normal import maturity_of
from store.tables import ProofRow, TicketRow, VersionRow

BEFORE = timedelta(days=28)
LEAST_DEADLINE = timedelta(days=28)
LEAST_NORMAL = 7
"""Windows before the harm without which nothing is known of weekdays."""
FLOOR = 0.05
"""Share of the former level by which the new one may stay behind it, where the rule names no floor."""


@dataclass(frozen=True, kw_only=True)
class _Series:
    """Windows with mature outcomes, free of what weekdays do: value, sampling error and rows by start."""

    values: Mapping[datetime, float]
    errors: Mapping[datetime, float]
    rows: Mapping[datetime, int]

    def of(self, starts: Sequence[datetime]) -> "_Series":
        """Return some of them."""
        return _Series(
            values={at: self.values[at] for at in starts}, errors={at: self.errors[at] for at in starts},
            rows={at: self.rows[at] for at in starts},
        )  # fmt: skip


def advance(session: Session, project: Project, model: Model, ticket: TicketRow, now: datetime) -> None:
    """Look at the newest version since the ticket opened; close the ticket, or open it again by it."""
    if ticket.state != TicketState.VERIFYING and not desk.may_become(ticket, TicketState.VERIFYING):
        return
    tried = proofs.proofs(session, ticket.id)
    found = _candidate(session, model, ticket, tried)
    if found is not None:
        _take_over(session, model, ticket, tried, *found, now)
        tried = proofs.proofs(session, ticket.id)
    current = next((row for row in reversed(tried) if not row.outcome), None)
    if current is None:
        _wait_for_it(session, project, model, ticket, now)
        return
    fact, said = prove(session, project, model, ticket, current, now)
    if said is Outcome.OPEN and now >= current.deadline:
        told = fact.new is not None and fact.old is not None
        said = Outcome.NO_EFFECT if told else Outcome.NOT_ENOUGH_DATA
    proofs.answer(session, current, fact.model_dump(mode="json"), said.value, now)
    if said is not Outcome.OPEN:
        _conclude(session, project, ticket, current, fact, said, now)


def prove(
    session: Session, project: Project, model: Model, ticket: TicketRow, row: ProofRow, now: datetime
) -> tuple[ProofFact, Outcome]:
    """Return how a version stands beside the level that the ticket was opened at, and what that means."""
    finding = finding_of(session, model, ticket)
    since = harm_since(ticket)
    points = _points(session, model, finding, since - BEFORE)
    earlier = [point for point in points.get("", ()) if point.window.end <= since]
    normal = learn(seen(earlier, zone=project.zone)) if len(earlier) >= LEAST_NORMAL else None
    spread = 0.0 if normal is None else normal.spread
    before = finding.expected if normal is None else _middle(normal)
    if before is None:
        before = sum(point.value.value or 0.0 for point in earlier) / max(len(earlier), 1)
    facts: dict[str, Any] = {
        "metric": finding.metric, "title": finding.title, "unit": finding.unit, "version": row.version,
        "currency": finding.currency, "up": finding.harm != "up", "before": before,
        "floor": _floor(model, finding, before),
    }  # fmt: skip
    new, old, beside = _sides(points, row, since, normal)
    own, former = (level(list(one.values.values()), list(one.errors.values()), spread) for one in (new, old))
    facts |= {"beside": beside, "new": _told(own, new), "old": _told(former, old)}
    if own is None or former is None:
        return ProofFact(**facts, waits=_waits(new, old, row)), Outcome.OPEN
    harm = abs(former.value - before)
    apart = difference(own, former, harm)
    if beside:
        errors = [sqrt(new.errors[at] ** 2 + old.errors[at] ** 2) for at in new.values]
        apart = paired(list(new.values.values()), list(old.values.values()), errors, harm) or apart
    facts |= {"change": apart.value, "lower": apart.lower, "upper": apart.upper}
    fact = ProofFact(**facts)
    return fact, outcome(apart, own.value, before, fact.floor, up_is_good=fact.up)


def _sides(
    points: Mapping[str, Sequence[MetricPoint]], row: ProofRow, since: datetime, normal: Normal | None
) -> tuple[_Series, _Series, bool]:
    """Return the new version's windows and those it is compared with; whether they are the same windows."""
    new = _series(points.get(row.version, ()), normal)
    others = [_series(found, normal) for name, found in points.items() if name not in ("", row.version)]
    for other in sorted(others, key=lambda one: -len(new.values.keys() & one.values.keys())):
        both = sorted(new.values.keys() & other.values.keys())
        if len(both) >= LEAST_WINDOWS:
            return new.of(both), other.of(both), True
    before = [one for one in points.get("", ()) if since <= one.window.start and one.window.end <= row.since]
    return new, _series(before, normal), False


def finding_of(session: Session, model: Model, ticket: TicketRow) -> Finding:
    """Return what is proven: the worst finding by KPI or performance, else the primary performance."""
    found = worst_first(desk.findings_of(ticket, tickets.events(session, ticket.id)))
    realised = [one for one in found if one.metric.startswith(("business.", "performance."))]
    whole = [one for one in realised if not one.segment and one.expected is not None]
    if whole:
        return whole[0]
    watch = next(one for one in rules_of(model) if one.id == "performance.primary")
    return Finding(
        rule=watch.id, metric=primary_metric(model), title=watch.title, severity=watch.severity,
        unit=watch.unit, harm=watch.harm.value, since=harm_since(ticket), window_start=harm_since(ticket),
        window_end=ticket.opened_at,
    )  # fmt: skip


def _candidate(
    session: Session, model: Model, ticket: TicketRow, tried: Sequence[ProofRow]
) -> tuple[VersionRow, int | None] | None:
    """Return the newest version that came since, and the retraining that named it; None where it is known."""
    named = {
        row.version: row.id for row in retrainings.retrainings(session, ticket_id=ticket.id) if row.version
    }
    fresh = [
        row
        for row in models.versions(session, model.name)
        if row.version in named or row.first_seen > ticket.opened_at
    ]
    known = {row.version for row in tried}
    newest = max(fresh, key=lambda row: row.first_seen, default=None)
    return None if newest is None or newest.version in known else (newest, named.get(newest.version))


def _take_over(
    session: Session, model: Model, ticket: TicketRow, tried: Sequence[ProofRow], version: VersionRow,
    retraining_id: int | None, now: datetime,
) -> None:  # fmt: skip
    for row in tried:
        if not row.outcome:
            proofs.answer(session, row, row.result, Outcome.REPLACED.value, now)
    proofs.begin(
        session, ticket_id=ticket.id, version=version.version, retraining_id=retraining_id,
        since=version.first_seen, deadline=version.first_seen + _wait(session, model), now=now,
    )  # fmt: skip
    if ticket.state != TicketState.VERIFYING:
        tickets.set_state(session, ticket, TicketState.VERIFYING, now=now)
    detail = {"version": version.version, "since": version.first_seen.isoformat()}
    tickets.add_event(session, ticket.id, at=now, actor=ACTOR, action="verifying", detail=detail)


def _wait(session: Session, model: Model) -> timedelta:
    """Return how long a version has to prove itself, or to come."""
    return max(LEAST_DEADLINE, 3 * maturity_of(session, model))


def _wait_for_it(session: Session, project: Project, model: Model, ticket: TicketRow, now: datetime) -> None:
    """Open a ticket again whose retraining ended long ago without any new version in the log."""
    ended = [row.ended_at for row in retrainings.retrainings(session, ticket_id=ticket.id) if row.ended_at]
    if ticket.state != TicketState.VERIFYING or not ended:
        return
    if now - max(ended) >= _wait(session, model):
        detail = {"text": _("No new version has come into the log since the retraining ended.")}
        retraining.reopen(session, ticket, "reopened", detail, ACTOR, now)
        retraining.tell(session, project, ticket, "reopened", f"{max(ended):%Y%m%d}", detail, now)


def _conclude(
    session: Session, project: Project, ticket: TicketRow, row: ProofRow, fact: ProofFact, said: Outcome,
    now: datetime,
) -> None:  # fmt: skip
    detail: dict[str, Any] = {
        "version": row.version,
        "outcome": said.value,
        "proof": fact.model_dump(mode="json"),
    }
    if said is Outcome.VERIFIED:
        keys = [
            {"rule": one.rule, "version": one.version, "segment": one.segment, "column": one.column}
            for one in desk.alerts_of(session, ticket)
        ]
        detail |= {"from": row.since.isoformat(), "keys": keys}
        tickets.close_ticket(
            session, ticket, resolution=Resolution.VERIFIED, now=now, actor=ACTOR, detail=detail
        )
        desk.tell_resolved(session, ticket, now)
        return
    retraining.reopen(session, ticket, "reopened", detail, ACTOR, now)
    retraining.tell(session, project, ticket, "reopened", row.version, detail, now)


def _points(
    session: Session, model: Model, finding: Finding, since: datetime
) -> dict[str, list[MetricPoint]]:
    """Return a metric's windows with mature outcomes by version, in order."""
    found: dict[str, list[MetricPoint]] = {}
    for point in metrics.points(
        session, model.name, metric=finding.metric, version=None, column=finding.column, grain=model.grain,
        since=since,
    ):  # fmt: skip
        if point.final and point.value.state is ValueState.OK and point.value.value is not None:
            found.setdefault(point.version, []).append(point)
    return found


def _series(points: Sequence[MetricPoint], normal: Normal | None) -> _Series:
    values, errors, rows = {}, {}, {}
    for point in points:
        start, value, error = point.window.start, point.value.value, sampling_error(point.value)
        assert value is not None
        values[start], rows[start] = value, point.value.n
        if normal is not None:
            values[start] -= normal.expect(point.window, point.value).level - _middle(normal)
        unsaid = abs(value) if normal is None else sqrt(normal.variance)
        errors[start] = unsaid if error is None else error
    return _Series(values=values, errors=errors, rows=rows)


def _middle(normal: Normal) -> float:
    """Return the mean over all weekdays."""
    return sum(mean * n for mean, n in normal.means.values()) / sum(n for _mean, n in normal.means.values())


def _floor(model: Model, finding: Finding, before: float) -> float:
    watch = next((one for one in rules_of(model) if one.id == finding.rule), None)
    floor = getattr(watch.options, "floor", None) if watch is not None else None
    return least(floor, before) if floor else FLOOR * abs(before)


def _told(found: Level | None, of: _Series) -> LevelOf | None:
    if found is None:
        return None
    half, n = Z95 * found.error, sum(of.rows.values())
    return LevelOf(
        value=found.value, lower=found.value - half, upper=found.value + half, windows=found.windows, n=n
    )


def _waits(new: _Series, old: _Series, row: ProofRow) -> str:
    if len(old.values) < LEAST_WINDOWS:
        words = _("There are too few windows with mature outcomes from before {version} to compare with.")
        return words.format(version=row.version)
    return _("{version} has {n} of {least} windows with mature outcomes.").format(
        version=row.version, n=len(new.values), least=LEAST_WINDOWS
    )

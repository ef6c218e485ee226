"""Incidents, the tickets that they ask for, and the audit trail."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Row, select
from sqlalchemy.orm import Session

from core.rules import TicketState
from store.tables import IncidentRow, TicketEventRow, TicketRow


def incidents(session: Session, model: str | None = None, *, open_only: bool = False) -> list[IncidentRow]:
    """Return incidents, the earliest first."""
    query = select(IncidentRow).order_by(IncidentRow.id)
    if model is not None:
        query = query.where(IncidentRow.model == model)
    if open_only:
        query = query.where(IncidentRow.closed_at.is_(None))
    return list(session.scalars(query))


def open_incident(
    session: Session, *, model: str, cause: str, severity: str, since: datetime, now: datetime
) -> IncidentRow:
    """Write a new incident."""
    row = IncidentRow(
        model=model, cause=cause, severity=str(severity), opened_at=now, since=since, closed_at=None
    )
    session.add(row)
    session.flush()
    return row


def close_incident(session: Session, row: IncidentRow, *, now: datetime) -> None:
    """Note that an incident is over."""
    row.closed_at = now
    session.flush()


def tickets(session: Session, model: str | None = None) -> list[TicketRow]:
    """Return tickets, the newest first."""
    query = select(TicketRow).order_by(TicketRow.id.desc())
    if model is not None:
        query = query.where(TicketRow.model == model)
    return list(session.scalars(query))


def listed(session: Session) -> Sequence[Row[Any]]:
    """Return what a list shows of every ticket, the newest first: all but evidence and key."""
    row = TicketRow
    query = select(
        row.id, row.model, row.kind, row.state, row.severity, row.title, row.assignee, row.resolution,
        row.opened_at, row.closed_at,
    )  # fmt: skip
    return list(session.execute(query.order_by(row.id.desc())))


def open_tickets(session: Session, model: str | None = None) -> Sequence[Row[Any]]:
    """Return model, id and severity of the tickets that are not closed, the newest first."""
    query = select(TicketRow.model, TicketRow.id, TicketRow.severity)
    query = query.where(TicketRow.state != TicketState.CLOSED.value).order_by(TicketRow.id.desc())
    return list(session.execute(query if model is None else query.where(TicketRow.model == model)))


def any_open(session: Session, prefix: str) -> bool:
    """Tell whether a ticket is open whose key begins so."""
    query = select(TicketRow.id).where(
        TicketRow.key.startswith(prefix, autoescape=True), TicketRow.state != TicketState.CLOSED.value
    )
    return session.scalars(query.limit(1)).first() is not None


def ticket(session: Session, ticket_id: int) -> TicketRow | None:
    """Return one ticket; None where there is none of this number."""
    return session.get(TicketRow, ticket_id)


def open_ticket(
    session: Session, *, key: str, model: str, incident_id: int, kind: str, severity: str, title: str,
    evidence: Mapping[str, Any], acknowledge_by: datetime | None, now: datetime, actor: str,
) -> TicketRow:  # fmt: skip
    """Write a new ticket; its key must be free."""
    row = TicketRow(
        key=key, model=model, incident_id=incident_id, kind=str(kind), state=TicketState.OPEN.value,
        severity=str(severity), title=title, evidence=dict(evidence), assignee="", resolution="",
        dismissal="", opened_at=now, acknowledge_by=acknowledge_by, acknowledged_at=None, closed_at=None,
        updated_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    add_event(session, row.id, at=now, actor=actor, action="opened", detail={})
    return row


def set_state(session: Session, row: TicketRow, state: TicketState, *, now: datetime) -> None:
    """Move a ticket to another state."""
    row.state, row.updated_at = state.value, now
    if state is TicketState.ACKNOWLEDGED and row.acknowledged_at is None:
        row.acknowledged_at = now
    session.flush()


def set_assignee(session: Session, row: TicketRow, assignee: str, *, now: datetime) -> None:
    """Say who works on a ticket."""
    row.assignee, row.updated_at = assignee, now
    session.flush()


def set_severity(session: Session, row: TicketRow, severity: str, *, title: str, now: datetime) -> None:
    """Say how bad it is by now, and what is worst."""
    row.severity, row.title, row.updated_at = str(severity), title, now
    session.flush()


def set_kind(session: Session, row: TicketRow, kind: str, *, now: datetime) -> None:
    """Say what it asks for by what is known by now."""
    if row.kind != kind:
        row.kind, row.updated_at = str(kind), now
        session.flush()


def close_ticket(
    session: Session, row: TicketRow, *, resolution: str, now: datetime, actor: str, dismissal: str = "",
    action: str = "", detail: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Close a ticket, and its incident with it; the trail says how (`action`, by default the resolution)."""
    row.state, row.resolution, row.dismissal = TicketState.CLOSED.value, str(resolution), str(dismissal)
    row.closed_at, row.updated_at = now, now
    add_event(
        session, row.id, at=now, actor=actor, action=action or str(resolution), detail=dict(detail or {})
    )
    incident = session.get(IncidentRow, row.incident_id)
    if incident is not None and incident.closed_at is None:
        close_incident(session, incident, now=now)


def open_again(
    session: Session, row: TicketRow, *, acknowledge_by: datetime | None, now: datetime, actor: str,
    detail: Mapping[str, Any],
) -> IncidentRow | None:  # fmt: skip
    """Open a closed ticket again, and its incident with it; the trail says why. Return the incident."""
    row.state, row.resolution, row.closed_at = TicketState.OPEN.value, "", None
    row.acknowledge_by, row.acknowledged_at, row.updated_at = acknowledge_by, None, now
    add_event(session, row.id, at=now, actor=actor, action="back", detail=detail)
    incident = session.get(IncidentRow, row.incident_id)
    if incident is not None:
        incident.closed_at = None
    return incident


def events(session: Session, ticket_id: int) -> list[TicketEventRow]:
    """Return the audit trail of a ticket, in order."""
    query = select(TicketEventRow).where(TicketEventRow.ticket_id == ticket_id).order_by(TicketEventRow.id)
    return list(session.scalars(query))


def add_event(
    session: Session, ticket_id: int, *, at: datetime, actor: str, action: str, detail: Mapping[str, Any]
) -> None:
    """Write into the audit trail."""
    session.add(TicketEventRow(ticket_id=ticket_id, at=at, actor=actor, action=action, detail=dict(detail)))
    session.flush()

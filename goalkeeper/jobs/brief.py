"""What a pipeline needs to make a new version: the ticket, the windows, where the rows lie, what drifted."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from alerts.readiness import harm_since
from core.config import Model, Project, Source
from core.evidence import Evidence
from core.values import ValueState
from reports.wording import Links
from store import metrics, models, references
from store.tables import TicketRow

FORMAT = 1


def brief_of(session: Session, project: Project, ticket: TicketRow, now: datetime) -> Mapping[str, Any]:
    """Return the hand-over of a ticket as of `now`, as JSON holds it; no secret is in it."""
    evidence = Evidence.model_validate(ticket.evidence)
    model = project.models.get(ticket.model)
    seen = models.versions(session, ticket.model)
    reference = references.current_reference(session, ticket.model)
    told: dict[str, Any] = {
        "format": FORMAT,
        "as_of": now.isoformat(),
        "project": str(project.path),
        "ticket": {
            "id": ticket.id, "key": ticket.key, "kind": ticket.kind, "severity": ticket.severity,
            "title": ticket.title, "opened_at": ticket.opened_at.isoformat(),
            "link": Links(project.public_url, ticket.model, ticket.opened_at).ticket(ticket.id),
        },
        "model": ticket.model,
        "task": None if model is None else model.task.value,
        "versions": [
            {"version": row.version, "first": row.first_seen.isoformat(), "last": row.last_seen.isoformat()}
            for row in seen
        ],
        "harm": {
            "since": harm_since(ticket).isoformat(),
            "findings": [one.model_dump(mode="json") for one in evidence.findings],
            "drifted": [one.column for one in evidence.drifted],
            "season": evidence.season,
        },
        "reference": None if reference is None else {
            "kind": reference.kind, "description": reference.description, "first": _time(reference.first),
            "last": _time(reference.last),
        },
        "rows": f"goalkeeper export rows --ticket {ticket.id}",
    }  # fmt: skip
    if model is not None:
        told["windows"] = _windows(session, model, ticket)
        told["predictions"] = _source(model.predictions)
        told["ground_truth"] = None if model.ground_truth is None else _source(model.ground_truth)
    return told


def _windows(session: Session, model: Model, ticket: TicketRow) -> Mapping[str, Any]:
    """Return the windows to learn from: with mature outcomes, before and since the harm began."""
    since = harm_since(ticket)
    found = [
        point.window
        for point in metrics.points(session, model.name, metric="quality.join_coverage", grain=model.grain)
        if point.final and point.value.state in (ValueState.OK, ValueState.NOT_ENOUGH_DATA)
    ]
    before = [window.start.isoformat() for window in found if window.start < since]
    after = [window.start.isoformat() for window in found if window.start >= since]
    return {"grain": model.grain.value, "mature_before": before, "mature_since": after}


def _source(source: Source) -> Mapping[str, Any]:
    """Return where rows lie: the file's own keys, without what could be a secret."""
    shown = {
        key: getattr(source.declared[key], "shown", source.declared[key])
        for key in ("path", "table", "query")
        if key in source.declared
    }
    columns = source.columns.model_dump(exclude_none=True, mode="json")
    told = {"kind": source.kind, "connection": source.connection, "where": source.where, **shown}
    return {key: value for key, value in told.items() if value is not None} | {"columns": columns}


def _time(moment: datetime | None) -> str | None:
    return None if moment is None else moment.isoformat()

"""Work that pages ask a worker for."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from store.changes import unseen
from store.database import Store
from store.tables import RequestRow

PATIENCE = timedelta(minutes=15)
"""A request that no worker has spoken of for so long is taken up again."""


def ask(
    session: Session, kind: str, arguments: Mapping[str, Any], *, actor: str, now: datetime
) -> RequestRow:
    """Ask for work; the same that waits already is not asked for twice."""
    waiting = select(RequestRow).where(RequestRow.kind == kind, RequestRow.state == "queued")
    for row in session.scalars(waiting):
        if row.arguments == dict(arguments):
            return row
    row = RequestRow(
        kind=kind, arguments=dict(arguments), actor=actor, state="queued", progress=0.0, result={}, error="",
        created_at=now, updated_at=now,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def take(store: Store, now: datetime) -> RequestRow | None:
    """Take the oldest request that nobody works on; None where there is none."""
    with store.write() as session:
        free = or_(
            RequestRow.state == "queued",
            (RequestRow.state == "running") & (RequestRow.updated_at < now - PATIENCE),
        )
        query = select(RequestRow).where(free).order_by(RequestRow.id).limit(1)
        row = session.scalars(query.with_for_update(skip_locked=True)).first()
        if row is not None:
            row.state, row.updated_at = "running", now
        return row


def progress(store: Store, request_id: int, share: float, now: datetime) -> None:
    """Say how far the work is, as a share 0–1."""
    with store.write() as session, unseen(session):  # whoever asked looks at the row itself
        _set(session, request_id, now, progress=share)


def done(store: Store, request_id: int, result: Mapping[str, Any], now: datetime) -> None:
    """Note that the work is done."""
    with store.write() as session:
        _set(session, request_id, now, state="done", progress=1.0, result=dict(result), error="")


def fail(store: Store, request_id: int, error: str, now: datetime) -> None:
    """Note that the work failed, and why."""
    with store.write() as session:
        _set(session, request_id, now, state="failed", error=error)


def requests(session: Session, limit: int = 100) -> list[RequestRow]:
    """Return requests, the newest first."""
    return list(session.scalars(select(RequestRow).order_by(RequestRow.id.desc()).limit(limit)))


def request(session: Session, request_id: int) -> RequestRow | None:
    """Return one request; None where there is none of this number."""
    return session.get(RequestRow, request_id)


def _set(session: Session, request_id: int, now: datetime, **facts: Any) -> None:
    row = session.get(RequestRow, request_id, with_for_update=True)
    if row is not None and row.state not in {"done", "failed"}:  # what has ended stays as it ended
        row.updated_at = now
        for name, value in facts.items():
            setattr(row, name, value)

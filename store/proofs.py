"""Proofs: whether a new version is better than what a ticket was opened for."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import ProofRow


def proofs(session: Session, ticket_id: int) -> list[ProofRow]:
    """Return the versions that were tried for a ticket, the first seen first."""
    query = select(ProofRow).where(ProofRow.ticket_id == ticket_id)
    return list(session.scalars(query.order_by(ProofRow.since, ProofRow.id)))


def begin(
    session: Session, *, ticket_id: int, version: str, retraining_id: int | None, since: datetime,
    deadline: datetime, now: datetime,
) -> ProofRow:  # fmt: skip
    """Begin to look at a version."""
    row = ProofRow(
        ticket_id=ticket_id, version=version, retraining_id=retraining_id, since=since, deadline=deadline,
        outcome="", result={}, updated_at=now, ended_at=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def answer(session: Session, row: ProofRow, result: Mapping[str, Any], outcome: str, now: datetime) -> None:
    """Keep the newest answer; with an outcome the proof has ended. Only what differs is written."""
    if row.result == dict(result) and row.outcome == outcome:
        return
    row.result, row.outcome, row.updated_at = dict(result), outcome, now
    row.ended_at = now if outcome else None
    session.flush()

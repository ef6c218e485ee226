"""What is kept quiet, until when and why."""

from datetime import datetime

from sqlalchemy import or_, select
from sqlalchemy.orm import Session

from store.tables import SilenceRow


def add(
    session: Session, *, model: str, rule: str, segment: str, until: datetime, reason: str, actor: str,
    now: datetime,
) -> SilenceRow:  # fmt: skip
    """Keep a model, a rule or a segment ('' means any) quiet until a time."""
    row = SilenceRow(
        model=model, rule=rule, segment=segment, until=until, reason=reason, actor=actor, created_at=now,
        ended_at=None,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def active(session: Session, model: str, now: datetime) -> list[SilenceRow]:
    """Return the silences that hold for a model at `now`."""
    query = select(SilenceRow).where(
        SilenceRow.model.in_(["", model]),
        SilenceRow.created_at <= now,
        SilenceRow.until > now,
        or_(SilenceRow.ended_at.is_(None), SilenceRow.ended_at > now),
    )
    return list(session.scalars(query.order_by(SilenceRow.id)))


def silences(session: Session, model: str | None = None) -> list[SilenceRow]:
    """Return every silence, the newest first."""
    query = select(SilenceRow).order_by(SilenceRow.id.desc())
    if model is not None:
        query = query.where(SilenceRow.model.in_(["", model]))
    return list(session.scalars(query))


def end(session: Session, silence_id: int, *, now: datetime) -> SilenceRow | None:
    """End a silence before its time; None where there is none of this number."""
    row = session.get(SilenceRow, silence_id)
    if row is not None and row.ended_at is None:
        row.ended_at = now
        session.flush()
    return row

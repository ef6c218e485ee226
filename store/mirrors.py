"""Where tickets are mirrored."""

from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import MirrorRow


def mirror(session: Session, ticket_id: int, tracker: str) -> MirrorRow | None:
    """Return how a ticket is mirrored in a tracker; None where it was never tried."""
    return session.get(MirrorRow, (ticket_id, tracker))


def mirrors(session: Session, ticket_id: int) -> list[MirrorRow]:
    """Return every mirror of a ticket."""
    query = select(MirrorRow).where(MirrorRow.ticket_id == ticket_id).order_by(MirrorRow.tracker)
    return list(session.scalars(query))


def keep_mirror(session: Session, ticket_id: int, tracker: str, now: datetime, **facts: Any) -> MirrorRow:
    """Keep how a ticket is mirrored; what is not named stays."""
    row = mirror(session, ticket_id, tracker)
    if row is None:
        row = MirrorRow(
            ticket_id=ticket_id, tracker=tracker, handle="", link="", mark="", heard_until=now, heard={},
            attempts=0, not_before=now, error="",
        )  # fmt: skip
        session.add(row)
    for name, value in facts.items():
        setattr(row, name, value)
    session.flush()
    return row

"""Events on the time axis."""

from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.new_rows import insert_new
from store.tables import MarkRow


def marks(session: Session, model: str | None = None) -> list[MarkRow]:
    """Return a model's marks and those of every model, by time."""
    query = select(MarkRow).order_by(MarkRow.start, MarkRow.id)
    if model is not None:
        query = query.where(MarkRow.model.in_(["", model]))
    return list(session.scalars(query))


def add_mark(
    session: Session, *, model: str, kind: str, start: datetime, text: str, actor: str, now: datetime,
    end: datetime | None = None,
) -> bool:  # fmt: skip
    """Set a mark; False where it stands already."""
    values = {
        "model": model, "kind": kind, "start": start, "end": end, "text": text, "actor": actor,
        "created_at": now,
    }  # fmt: skip
    return insert_new(session, MarkRow, ("model", "kind", "start", "text"), values)


def with_reason(what: str, reason: str) -> str:
    """Return what was done, and why where it was said, as a mark tells it."""
    return f"{what} ({reason})" if reason else what

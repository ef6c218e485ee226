"""What drift of columns is told by: how it is counted, and what each window said."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select
from sqlalchemy.orm import Session

from store.new_rows import put_row
from store.tables import ContrastRow, TraceRow


@dataclass(frozen=True, kw_only=True)
class Kept:
    """One window's contrasts, encoded, and the mark of the inputs that they were counted from."""

    start: datetime
    inputs_mark: str
    body: bytes


def kept_contrasts(session: Session, model: str, mark: str) -> bytes | None:
    """Return how a model's drift is counted, as kept under a mark."""
    query = select(ContrastRow.body).where(ContrastRow.model == model, ContrastRow.mark == mark)
    return session.scalar(query)


def keep_contrasts(session: Session, model: str, mark: str, body: bytes) -> None:
    """Keep how a model's drift is counted, in place of what was kept under another mark."""
    put_row(session, ContrastRow, ("model",), {"model": model, "mark": mark, "body": body})


def kept_traces(session: Session, model: str, mark: str) -> Mapping[datetime, Kept]:
    """Return what was kept of each window under a mark, by its start."""
    query = select(TraceRow.start, TraceRow.inputs_mark, TraceRow.body).where(
        TraceRow.model == model, TraceRow.mark == mark
    )
    return {
        row.start: Kept(start=row.start, inputs_mark=row.inputs_mark, body=row.body)
        for row in session.execute(query)
    }


def keep_traces(session: Session, model: str, mark: str, fresh: Iterable[Kept]) -> None:
    """Keep windows under a mark; what stands under another one goes."""
    rows = list(fresh)
    session.execute(delete(TraceRow).where(TraceRow.model == model, TraceRow.mark != mark))
    starts = [row.start for row in rows]
    for at in range(0, len(starts), 400):
        some = TraceRow.start.in_(starts[at : at + 400])
        session.execute(delete(TraceRow).where(TraceRow.model == model, some))
    if rows:
        session.execute(insert(TraceRow), [{"model": model, "mark": mark, **vars(row)} for row in rows])

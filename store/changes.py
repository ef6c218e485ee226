"""Tell whether anything that a page shows has changed."""

from sqlalchemy import func, select, union_all
from sqlalchemy.orm import Session

from store.tables import (
    AlertChangeRow,
    GoalRow,
    MarkRow,
    MetricRow,
    OutboxRow,
    ReferenceRow,
    ReportRow,
    RequestRow,
    RunRow,
    SilenceRow,
    TicketEventRow,
    TicketRow,
    VersionRow,
)

_GROWING = (
    MetricRow, GoalRow, AlertChangeRow, TicketEventRow, MarkRow, ReportRow, ReferenceRow, RunRow, OutboxRow,
    SilenceRow, RequestRow,
)  # fmt: skip
_TIMES = (
    RunRow.finished_at, RequestRow.updated_at, OutboxRow.sent_at, SilenceRow.ended_at, TicketRow.updated_at,
    VersionRow.noticed_at,
)  # fmt: skip


def data_version(session: Session) -> str:
    """Return a text that changes whenever something visible was written."""
    newest = union_all(*(select(func.max(table.id)) for table in _GROWING))
    marks = [str(value or 0) for value in session.scalars(newest)]
    for column in _TIMES:
        latest = session.scalar(select(func.max(column)))
        marks.append("" if latest is None else latest.isoformat())
    return ":".join(marks)

"""Rendered reports; their files lie in the state folder."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from store.tables import ReportRow


def add_report(
    session: Session, *, model: str, kind: str, title: str, path: str, arguments: Mapping[str, Any],
    rows: int, actor: str, now: datetime,
) -> ReportRow:  # fmt: skip
    """Keep where a report lies; `path` is relative to the state folder."""
    row = ReportRow(
        model=model, kind=kind, title=title, path=path, arguments=dict(arguments), rows=rows, created_at=now,
        actor=actor,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def reports(session: Session, model: str | None = None, kind: str | None = None) -> list[ReportRow]:
    """Return reports, the newest first."""
    query = select(ReportRow).order_by(ReportRow.id.desc())
    if model is not None:
        query = query.where(ReportRow.model == model)
    if kind is not None:
        query = query.where(ReportRow.kind == kind)
    return list(session.scalars(query))


def report(session: Session, report_id: int) -> ReportRow | None:
    """Return one report; None where there is none of this number."""
    return session.get(ReportRow, report_id)

"""Rows that do not fit: a bounded number of them, with the reason and how many there were."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from store.tables import QuarantineRow

MOST = 200
"""How many rows are kept of one model; what comes later is counted only."""


def add(
    session: Session, model: str, *, source: str, reason: str, row: Mapping[str, Any], now: datetime,
    window_start: datetime | None = None, count: int = 1,
) -> bool:  # fmt: skip
    """Keep a row, or raise the count of its like; return False where the model has too many already."""
    same = session.scalars(
        select(QuarantineRow).where(
            QuarantineRow.model == model, QuarantineRow.source == source, QuarantineRow.reason == reason,
            QuarantineRow.window_start.is_(None) if window_start is None
            else QuarantineRow.window_start == window_start,
        )
    ).first()  # fmt: skip
    if same is not None:
        same.count, same.row, same.seen_at = count, dict(row), now
        return True
    held = session.scalar(select(func.count()).where(QuarantineRow.model == model)) or 0
    if held >= MOST:
        return False
    session.add(
        QuarantineRow(
            model=model, window_start=window_start, source=source, reason=reason, row=dict(row), count=count,
            seen_at=now,
        )
    )  # fmt: skip
    session.flush()
    return True


def quarantined(session: Session, model: str) -> list[QuarantineRow]:
    """Return what is kept of a model, the newest first."""
    query = select(QuarantineRow).where(QuarantineRow.model == model).order_by(QuarantineRow.id.desc())
    return list(session.scalars(query))

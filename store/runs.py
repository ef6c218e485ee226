"""The passes of the collectors."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from store.tables import RunRow


def start_run(
    session: Session, model: str, *, started_at: datetime, now: datetime, configuration: str, code: str,
    source: str, actor: str,
) -> RunRow:  # fmt: skip
    """Note that a pass over a model began; `started_at` by the clock, `now` as the pass sees it."""
    row = RunRow(
        model=model, started_at=started_at, finished_at=None, state="running", windows=0, rows=0, points=0,
        error="", hint="", now=now, configuration=configuration, code=code, source=source, sources={},
        actor=actor,
    )  # fmt: skip
    session.add(row)
    session.flush()
    return row


def newest_runs(session: Session) -> dict[str, RunRow]:
    """Return the newest pass over each model."""
    newest = select(func.max(RunRow.id)).group_by(RunRow.model)
    return {row.model: row for row in session.scalars(select(RunRow).where(RunRow.id.in_(newest)))}


def finish_run(
    session: Session, run_id: int, *, state: str, finished_at: datetime, windows: int = 0, rows: int = 0,
    points: int = 0, error: str = "", hint: str = "", sources: Mapping[str, Any] | None = None,
) -> None:  # fmt: skip
    """Note what collecting and computing came to: `state` is failed, or running while more is to be done."""
    row = session.get(RunRow, run_id)
    if row is None:
        return
    row.state, row.finished_at = state, finished_at
    row.windows, row.rows, row.points = windows, rows, points
    row.error, row.hint = error, hint
    row.sources = dict(sources or {})


def end_run(session: Session, model: str, *, finished_at: datetime) -> None:
    """Note that the open pass over a model is done; for whoever has its turn."""
    opened = update(RunRow).where(RunRow.model == model, RunRow.state == "running")
    session.execute(opened.values(state="done", finished_at=finished_at))


def fail_run(session: Session, run_id: int, *, finished_at: datetime, error: str, hint: str) -> None:
    """Note that a pass failed, in collecting or after it; what it had written stays counted."""
    row = session.get(RunRow, run_id)
    if row is not None:
        row.state, row.finished_at, row.error, row.hint = "failed", finished_at, error, hint


def end_left(session: Session, model: str, *, finished_at: datetime, error: str, hint: str) -> None:
    """Note of passes that never ended that they failed; for whoever has the model's turn now."""
    left = update(RunRow).where(RunRow.model == model, RunRow.state == "running")
    session.execute(left.values(state="failed", finished_at=finished_at, error=error, hint=hint))


def newest_run(session: Session, model: str, actor: str) -> RunRow | None:
    """Return the newest pass that `actor` began; None where there is none."""
    query = select(RunRow).where(RunRow.model == model, RunRow.actor == actor)
    return session.scalars(query.order_by(RunRow.id.desc()).limit(1)).first()


def runs(session: Session, model: str | None = None, limit: int = 100) -> list[RunRow]:
    """Return the newest passes, the newest first."""
    query = select(RunRow).order_by(RunRow.id.desc()).limit(limit)
    if model is not None:
        query = query.where(RunRow.model == model)
    return list(session.scalars(query))


def last_end(session: Session, model: str) -> datetime | None:
    """Return when the newest pass over a model that went well ended; None without any."""
    query = select(RunRow.finished_at).where(RunRow.model == model, RunRow.state == "done")
    return session.scalar(query.order_by(RunRow.id.desc()).limit(1))

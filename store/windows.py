"""What was collected for each window."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import Row, Table, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from core.windows import Grain
from store.tables import ModelRow, WindowRow

_TABLE = cast(Table, WindowRow.__table__)


def windows(
    session: Session,
    model: str,
    grain: Grain | str,
    since: datetime | None = None,
    until: datetime | None = None,
) -> list[WindowRow]:
    """Return a model's windows of a grain that start in [since, until), oldest first.

    To be read only: many are read often, so they are plain rows that the session does not follow.
    """
    query = select(*_TABLE.c).where(WindowRow.model == model, WindowRow.grain == str(grain))
    if since is not None:
        query = query.where(WindowRow.start >= since)
    if until is not None:
        query = query.where(WindowRow.start < until)
    return cast(list[WindowRow], list(session.execute(query.order_by(WindowRow.start))))


def collected(
    session: Session, model: str, grain: Grain | str, since: datetime | None = None, *, notes: bool = True
) -> Sequence[Row[Any]]:
    """Return start, end, state, reason, collected_at and, if asked for, notes of windows, oldest first."""
    asked = [_TABLE.c[name] for name in ("start", "end", "state", "reason", "collected_at")]
    query = select(*asked, *([_TABLE.c.notes] if notes else []))
    query = query.where(WindowRow.model == model, WindowRow.grain == str(grain))
    if since is not None:
        query = query.where(WindowRow.start >= since)
    return session.execute(query.order_by(WindowRow.start)).all()


def uncomputed(session: Session, model: str, grain: Grain | str, how: str) -> list[WindowRow]:
    """Return the windows whose values were not computed from what is stored, as `how` says."""
    query = select(*_TABLE.c).where(
        WindowRow.model == model, WindowRow.grain == str(grain),
        WindowRow.computed != WindowRow.profile_digest.concat(how),
    )  # fmt: skip
    return cast(list[WindowRow], list(session.execute(query.order_by(WindowRow.start))))


def counted_alike(
    session: Session,
    model: str,
    grain: Grain | str,
    span: tuple[datetime, datetime],
    inputs: str,
    outcomes: str,
) -> int:
    """Count the windows in a span that went well and whose marks begin with these texts."""
    query = select(func.count()).where(
        WindowRow.model == model, WindowRow.grain == str(grain), WindowRow.start >= span[0],
        WindowRow.end <= span[1], WindowRow.state == "ok",
        WindowRow.inputs_mark.startswith(inputs, autoescape=True),
        WindowRow.outcomes_mark.startswith(outcomes, autoescape=True),
    )  # fmt: skip
    return session.scalar(query) or 0


def first(session: Session, model: str, grain: Grain | str) -> datetime | None:
    """Return when a model's first window of a grain starts; None without any."""
    query = select(WindowRow.start).where(WindowRow.model == model, WindowRow.grain == str(grain))
    return session.scalar(query.order_by(WindowRow.start).limit(1))


def last_end(session: Session, model: str, grain: Grain | str) -> datetime | None:
    """Return when a model's newest window of a grain that went well ends; None without any."""
    query = select(WindowRow.end).where(
        WindowRow.model == model, WindowRow.grain == str(grain), WindowRow.state == "ok"
    )
    return session.scalar(query.order_by(WindowRow.start.desc()).limit(1))


def newest(session: Session, models: Mapping[str, Grain], until: datetime) -> dict[str, datetime]:
    """Return when the newest window of each model that went well and starts before `until` ends."""
    found = dict[str, datetime]()
    for grain in set(models.values()):
        last = (
            select(WindowRow.end)
            .where(
                WindowRow.model == ModelRow.name, WindowRow.grain == grain.value, WindowRow.state == "ok",
                WindowRow.start < until,
            )
            .order_by(WindowRow.start.desc())
            .limit(1)
            .scalar_subquery()
        )  # fmt: skip
        asked = [name for name, own in models.items() if own is grain]
        rows = session.execute(select(ModelRow.name, last).where(ModelRow.name.in_(asked)))
        found |= {row[0]: row[1] for row in rows if row[1] is not None}
    return found


def window(session: Session, model: str, grain: Grain | str, start: datetime) -> WindowRow | None:
    """Return one window, None if it was never collected."""
    return session.get(WindowRow, (model, str(grain), start))


def save_window(session: Session, row: WindowRow) -> None:
    """Write a window in place of what was there."""
    session.merge(row)


def save_windows(session: Session, rows: Sequence[WindowRow]) -> None:
    """Write many windows of one model and grain in place of what was there."""
    if not rows:
        return
    names = [column.name for column in WindowRow.__table__.columns]
    starts = [row.start for row in rows]
    for at in range(0, len(starts), 400):
        session.execute(
            delete(WindowRow).where(
                WindowRow.model == rows[0].model,
                WindowRow.grain == rows[0].grain,
                WindowRow.start.in_(starts[at : at + 400]),
            ),
            execution_options={"synchronize_session": False},
        )
    session.execute(insert(WindowRow), [{name: getattr(row, name) for name in names} for row in rows])


def mark_many(session: Session, model: str, marks: Sequence[tuple[Grain | str, datetime, str, str]]) -> None:
    """Note it for many windows: grain, start, from what they were computed, stage."""
    statement = (
        update(_TABLE)
        .where(_TABLE.c.model == model, _TABLE.c.grain == bindparam("g"), _TABLE.c.start == bindparam("s"))
        .values(computed=bindparam("c"), stage=bindparam("a"))
    )
    if marks:
        rows = [
            {"g": str(grain), "s": start, "c": computed, "a": stage}
            for grain, start, computed, stage in marks
        ]
        session.connection().execute(statement, rows)


def mark_computed(
    session: Session, model: str, grain: Grain | str, start: datetime, computed: str, stage: str
) -> None:
    """Note from what a window's stored metrics were computed."""
    place = (WindowRow.model == model, WindowRow.grain == str(grain), WindowRow.start == start)
    session.execute(update(WindowRow).where(*place).values(computed=computed, stage=stage))

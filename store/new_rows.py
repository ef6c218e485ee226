"""Rows that are written once, whoever comes first."""

from typing import Any, cast

from sqlalchemy import Table, Update, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from store.tables import Base


def insert_new(session: Session, kind: type[Base], by: tuple[str, ...], values: dict[str, Any]) -> bool:
    """Insert a row unless one with the same unique columns `by` is there; return whether it was inserted.

    Two writers at the same moment do not disturb each other: the second one finds the row of the first.
    """
    table = cast(Table, kind.__table__)
    same = [table.c[name] == values[name] for name in by]
    if session.execute(select(*table.primary_key).where(*same)).first() is not None:
        return False
    new = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = new(table).values(**values).on_conflict_do_nothing(index_elements=list(by))
    return session.execute(statement.returning(*table.primary_key)).first() is not None


def put_row(session: Session, kind: type[Base], by: tuple[str, ...], values: dict[str, Any]) -> None:
    """Insert a row, or give the one with the same unique columns `by` these values."""
    new = sqlite.insert if session.get_bind().dialect.name == "sqlite" else postgresql.insert
    statement = new(cast(Table, kind.__table__)).values(**values)
    rest = {name: value for name, value in values.items() if name not in by}
    session.execute(statement.on_conflict_do_update(index_elements=list(by), set_=rest))


def did_change(session: Session, statement: Update) -> bool:
    """Run an UPDATE; tell whether any row fitted it."""
    done = session.execute(statement)
    return bool(done.rowcount)  # type: ignore[attr-defined]  # an UPDATE's answer has it

"""Tell whether anything that a page shows has changed: every write that changed something counts one up."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from store.tables import SettingRow

NAME = "data_version"
_TOUCHED = "touched"
_COUNT = sa.text(
    "INSERT INTO setting (name, value) VALUES (:name, '1') ON CONFLICT (name) DO UPDATE"
    " SET value = CAST(CAST(setting.value AS BIGINT) + 1 AS TEXT)"
)


def data_version(session: Session) -> str:
    """Return a text that changes whenever something visible was written."""
    return session.scalar(sa.select(SettingRow.value).where(SettingRow.name == NAME)) or "0"


def watch(engine: sa.Engine) -> None:
    """Notice on each connection whether a statement changed rows."""

    @sa.event.listens_for(engine, "after_cursor_execute")
    def noticed(
        connection: sa.Connection, cursor: Any, statement: str, _parameters: Any, _context: Any, _many: bool
    ) -> None:
        verb = statement.lstrip()[:6].upper()
        # SQLite knows how many rows an INSERT … RETURNING made only when they have been read
        if verb == "INSERT" or (verb in {"UPDATE", "DELETE"} and cursor.rowcount != 0):
            connection.info[_TOUCHED] = True


def begin(session: Session) -> None:
    """Start to notice."""
    session.connection().info.pop(_TOUCHED, None)


def count(session: Session) -> None:
    """Count one up if the session changed anything; the last statement before the commit."""
    session.flush()
    if session.connection().info.pop(_TOUCHED, False):
        session.execute(_COUNT, {"name": NAME})


@contextmanager
def unseen(session: Session) -> Iterator[None]:
    """Write what no page needs to be drawn again for: signs of life, leases."""
    session.flush()
    info = session.connection().info
    before = info.get(_TOUCHED, False)
    yield
    session.flush()
    info[_TOUCHED] = before

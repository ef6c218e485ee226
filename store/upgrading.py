"""Bring a metric database to this version's form; one process at a time."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from core.errors import StoreError
from core.text import gettext as _
from store.database import HEAD, answering, connect, file_of, other_version, revision, shown
from store.tables import Base

if TYPE_CHECKING:
    from alembic.config import Config

_LOCK = 0x60A1_2026
"""The key of PostgreSQL's advisory lock."""
_SCRIPTS = Path(__file__).parent / "migrations"


def make(engine: sa.Engine) -> None:
    """Make all tables in an empty database; another process may be doing the same."""
    with _alone(engine) as connection:
        if revision(connection) is None:
            _refuse_others_tables(connection)
            migrate(connection)


def upgrade(url: str) -> str:
    """Bring a database to this version's form; say in one sentence what was done.

    Raises:
        StoreError: it cannot be reached, or a newer version wrote it.
    """
    engine = connect(url)
    try:
        with answering(engine), _alone(engine) as connection:
            found = revision(connection)
            if found == HEAD:
                return _("The store is up to date (revision {head}).").format(head=HEAD)
            if found is not None and found > HEAD:
                raise other_version(found)
            if found is None:
                _refuse_others_tables(connection)
            copy = None if found is None else _copied(engine, found)
            migrate(connection)
    finally:
        engine.dispose()
    if found is None:
        return _("The store was made (revision {head}).").format(head=HEAD)
    done = _("The store went from revision {found} to {head}.").format(found=found, head=HEAD)
    return done if copy is None else done + " " + _("The old file is kept as {path}.").format(path=copy)


def migrate(connection: sa.Connection, to: str = "head") -> None:
    """Run the migrations on an open connection."""
    from alembic import command

    command.upgrade(settings(connection), to)


def settings(connection: sa.Connection) -> "Config":
    """Return what Alembic needs to know, without a file of its own."""
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@contextmanager
def _alone(engine: sa.Engine) -> Iterator[sa.Connection]:
    """Hold the right to migrate; the changes are kept together at the end, or not at all."""
    with engine.connect() as connection:
        if engine.dialect.name == "sqlite":
            connection.exec_driver_sql("BEGIN IMMEDIATE")
        else:
            connection.execute(sa.text("SELECT pg_advisory_xact_lock(:key)"), {"key": _LOCK})
        yield connection
        connection.commit()


def _refuse_others_tables(connection: sa.Connection) -> None:
    taken = sorted(set(sa.inspect(connection).get_table_names()) & set(Base.metadata.tables))
    if taken:
        raise StoreError(
            _("The database {url} holds tables of something else: {names}.").format(
                url=shown(connection.engine.url), names=", ".join(taken)
            ),
            hint=_("Give the store a database of its own; `store:` says where it is."),
        )


def _copied(engine: sa.Engine, found: str) -> Path | None:
    database = file_of(engine.url)
    if database is None:
        return None
    copy, unfinished = Path(f"{database}.{found}"), Path(f"{database}.{found}.part")
    unfinished.unlink(missing_ok=True)
    try:
        with closing(sqlite3.connect(database)) as old, closing(sqlite3.connect(unfinished)) as new:
            old.backup(new)  # what still lies in the write-ahead log comes along
        unfinished.replace(copy)
    except (OSError, sqlite3.Error) as error:
        unfinished.unlink(missing_ok=True)
        raise StoreError(
            _("The store cannot be copied to {path}: {reason}").format(path=copy, reason=error),
            hint=_("It was left as it is. Make room there, then run `goalkeeper db upgrade` again."),
        ) from error
    return copy

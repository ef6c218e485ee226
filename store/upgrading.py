"""Bring a metric database to this version's form; one process at a time."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa

from core.errors import StoreError
from core.text import gettext as _
from store.database import HEAD, connect, revision

_LOCK = 0x60A1_2026
"""The key of PostgreSQL's advisory lock."""
_SCRIPTS = Path(__file__).parent / "migrations"


def make(engine: sa.Engine) -> None:
    """Make all tables in an empty database; another process may be doing the same."""
    with _alone(engine) as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            migrate(connection)


def upgrade(url: str) -> str:
    """Bring a database to this version's form; say in one sentence what was done.

    Raises:
        StoreError: it cannot be reached, or a newer version wrote it.
    """
    engine = connect(url)
    try:
        found = revision(engine)
        if found == HEAD:
            return _("The store is up to date (revision {head}).").format(head=HEAD)
        if found is not None and found > HEAD:
            raise StoreError(
                _("The store was written by a newer version (revision {found}).").format(found=found),
                hint=_("Install the newer version of Goalkeeper."),
            )
        copy = None if found is None else _copied(engine, found)
        with _alone(engine) as connection:
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
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(_SCRIPTS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, to)


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


def _copied(engine: sa.Engine, found: str) -> Path | None:
    database = engine.url.database
    if engine.dialect.name != "sqlite" or not database or database == ":memory:":
        return None
    with engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    copy = Path(f"{database}.{found}")
    shutil.copy2(database, copy)
    return copy

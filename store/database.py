"""Open the metric database, and hold reads and writes together."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.errors import StoreError
from core.text import gettext as _

HEAD = "0002"
"""The newest revision in store/migrations/versions."""
_BUSY = 10_000
"""How many milliseconds a writer of SQLite waits for another."""


class Store:
    """One metric database; `read` and `write` hand out sessions whose rows outlive them."""

    def __init__(self, engine: sa.Engine, url: str) -> None:
        self._engine = engine
        self.url = sa.make_url(url).render_as_string(hide_password=True)

    @classmethod
    def open(cls, url: str) -> "Store":
        """Open the database at a SQLAlchemy URL; an empty one is made.

        Raises:
            StoreError: it cannot be reached, or another version of Goalkeeper wrote it.
        """
        engine = connect(url)
        try:
            found = revision(engine)
            if found is None:
                from store.upgrading import make

                make(engine)
                found = revision(engine)
        except sa.exc.SQLAlchemyError as error:
            engine.dispose()
            raise _unreachable(engine, error) from error
        if found != HEAD:
            engine.dispose()
            raise _other_version(found)
        return cls(engine, url)

    @property
    def is_sqlite(self) -> bool:
        """Tell whether one file is the whole database."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Hand out a session for reading."""
        with self._session() as session:
            if self.is_sqlite:  # one state of the database for the whole block
                session.execute(sa.text("BEGIN"))
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Hand out a session whose changes are kept together at the end of the block, or not at all."""
        with self._session() as session:
            if self.is_sqlite:  # take the one writer's place now, waiting for it where needed
                session.execute(sa.text("BEGIN IMMEDIATE"))
            yield session
            session.commit()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        try:
            with Session(self._engine, expire_on_commit=False) as session:
                yield session
        except sa.exc.OperationalError as error:
            raise _unreachable(self._engine, error) from error

    def close(self) -> None:
        """Let go of every connection."""
        self._engine.dispose()


def connect(url: str) -> sa.Engine:
    """Return an engine for the metric database, as every part of Goalkeeper uses it.

    Raises:
        StoreError: the address is none, or of a database that cannot hold the store.
    """
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise StoreError(_("`store` is not the address of a database."), hint=_KNOWN()) from error
    family = parsed.get_backend_name()
    if family == "sqlite":
        return _sqlite(parsed)
    if family == "postgresql":
        if parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        return sa.create_engine(parsed, pool_pre_ping=True)
    raise StoreError(_("The store cannot be kept in {family}.").format(family=family), hint=_KNOWN())


def revision(engine: sa.Engine) -> str | None:
    """Return the revision of a database; None for an empty one."""
    with engine.connect() as connection:
        if not sa.inspect(connection).has_table("alembic_version"):
            return None
        return connection.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(url: str) -> str:
    """Bring a database to this version's form; say what was done."""
    from store.upgrading import upgrade as run

    return run(url)


def _sqlite(url: sa.URL) -> sa.Engine:
    if url.database and url.database != ":memory:":
        Path(url.database).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY / 1000})

    @sa.event.listens_for(engine, "connect")
    def settle(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the sessions say BEGIN themselves
        cursor = connection.cursor()
        for pragma in ("busy_timeout=10000", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _KNOWN() -> str:  # noqa: N802 - a constant in every language
    return _("Write sqlite:///goalkeeper.db or postgresql+psycopg://user:password@host/database.")


def _unreachable(engine: sa.Engine, error: sa.exc.SQLAlchemyError) -> StoreError:
    reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    return StoreError(
        _("The store {url} does not answer: {reason}").format(
            url=engine.url.render_as_string(hide_password=True), reason=reason
        ),
        hint=_("Is the server up, the address right, the folder writable? `store:` says where it is."),
    )


def _other_version(found: str | None) -> StoreError:
    if found is not None and found < HEAD:
        return StoreError(
            _("The store was written by an older version (revision {found}, this one needs {head}).").format(
                found=found, head=HEAD
            ),
            hint=_("Run `goalkeeper db upgrade`; a SQLite file is copied first."),
        )
    return StoreError(
        _("The store was written by a newer version (revision {found}, this one knows {head}).").format(
            found=found, head=HEAD
        ),
        hint=_("Install the newer version of Goalkeeper, or go back to a copy of the store."),
    )

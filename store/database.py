"""Open the metric database, and hold reads and writes together."""

import json
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import sqlalchemy as sa
from sqlalchemy.orm import Session

from core.errors import StoreError
from core.text import gettext as _
from store import changes

HEAD = "0006"
"""The newest revision in store/migrations/versions."""
_BUSY = 10_000
"""How many milliseconds a writer of SQLite waits for another."""
_ANSWER = 10
"""How many seconds a PostgreSQL server may take to answer the first time."""
_STILL = timedelta(seconds=60)
"""A writer who says nothing for so long stands still; PostgreSQL takes its locks away."""
_SAID_NOTHING = sa.text("SELECT set_config('idle_in_transaction_session_timeout', :ms, true)")


class Store:
    """One metric database; `read` and `write` hand out sessions whose rows outlive them."""

    def __init__(self, engine: sa.Engine, url: str) -> None:
        self._engine = engine
        self._guard: Callable[[Session], None] | None = None
        self.url = shown(sa.make_url(url))

    @classmethod
    def open(cls, url: str) -> "Store":
        """Open the database at a SQLAlchemy URL; an empty one is made.

        Raises:
            StoreError: it cannot be reached, or another version of Goalkeeper wrote it.
        """
        engine = connect(url)
        try:
            with answering(engine):
                found = revision(engine)
                if found is None:
                    from store.upgrading import make

                    make(engine)
                    found = revision(engine)
            if found != HEAD:
                raise other_version(found)
        except StoreError:
            engine.dispose()
            raise
        changes.watch(engine)
        return cls(engine, url)

    @property
    def is_sqlite(self) -> bool:
        """Tell whether one file is the whole database."""
        return self._engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Hand out a session for reading; it sees one state of the database for the whole block."""
        with self._session() as session:
            if self.is_sqlite:
                session.execute(sa.text("BEGIN"))
            else:
                session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
            yield session

    @contextmanager
    def write(self, *, still: timedelta = _STILL) -> Iterator[Session]:
        """Hand out a session whose changes are kept together at the end of the block, or not at all.

        On PostgreSQL a process that stands still inside the block loses its locks after a time, `still`, so
        that nobody waits for it; after zero never.
        """
        with self._session() as session:
            if self.is_sqlite:  # take the one writer's place now, waiting for it where needed
                session.execute(sa.text("BEGIN IMMEDIATE"))
            else:
                session.execute(_SAID_NOTHING, {"ms": str(still // timedelta(milliseconds=1))})
            changes.begin(session)
            if self._guard is not None:
                self._guard(session)
            yield session
            changes.count(session)
            session.commit()

    @contextmanager
    def _session(self) -> Iterator[Session]:
        with answering(self._engine), Session(self._engine, expire_on_commit=False) as session:
            yield session

    def guarded(self, guard: Callable[[Session], None]) -> "Store":
        """Return this store for one whose every write first asks `guard`, inside the write's transaction."""
        other = copy(self)
        other._guard = guard
        return other

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
        return _postgresql(parsed)
    raise StoreError(_("The store cannot be kept in {family}.").format(family=family), hint=_KNOWN())


def shown(url: sa.URL) -> str:
    """Return an address to show: passwords are stars, those among its options too."""
    secret = {name for name in url.query if "password" in name.lower()}
    stars = "&".join(f"{name}=***" for name in sorted(secret))
    text = url.difference_update_query(secret).render_as_string(hide_password=True)
    return text if not stars else text + ("&" if "?" in text else "?") + stars


def file_of(url: sa.URL) -> Path | None:
    """Return the file of a SQLite database; None where there is none on a disk."""
    name = url.database or ""
    if url.get_backend_name() != "sqlite" or name in {"", ":memory:"} or url.query.get("mode") == "memory":
        return None
    if name.startswith("file:") and url.query.get("uri"):
        name = unquote(urlsplit(name).path)
        return None if name in {"", ":memory:"} else Path(name)
    return Path(name)


def revision(database: sa.Engine | sa.Connection) -> str | None:
    """Return the revision of a database; None for an empty one."""
    if isinstance(database, sa.Engine):
        with database.connect() as connection:
            return revision(connection)
    if not sa.inspect(database).has_table("alembic_version"):
        return None
    return database.execute(sa.text("SELECT version_num FROM alembic_version")).scalar()


def upgrade(url: str) -> str:
    """Bring a database to this version's form; say what was done."""
    from store.upgrading import upgrade as run

    return run(url)


@contextmanager
def answering(engine: sa.Engine) -> Iterator[None]:
    """Say which store does not answer, without its password, where the database itself is the trouble."""
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InternalError, sa.exc.InterfaceError) as error:
        raise _unreachable(engine, error) from error
    except sa.exc.DatabaseError as error:
        if type(error) is not sa.exc.DatabaseError:  # a constraint, a type: a mistake of ours
            raise
        raise _unreachable(engine, error) from error


def _postgresql(url: sa.URL) -> sa.Engine:
    options = {} if "connect_timeout" in url.query else {"connect_timeout": _ANSWER}
    try:
        return sa.create_engine(url, pool_pre_ping=True, json_serializer=to_json, connect_args=options)
    except ImportError as error:  # another driver in the address than the one that comes along
        raise StoreError(
            _("The driver {driver} is not installed.").format(driver=url.drivername), hint=_KNOWN()
        ) from error


def to_json(value: Any) -> str:
    """Write JSON that every database takes: a number that is none becomes null."""
    try:
        return json.dumps(value, allow_nan=False)
    except ValueError:
        return json.dumps(_finite(value), allow_nan=False)


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {name: _finite(one) for name, one in value.items()}
    return [_finite(one) for one in value] if isinstance(value, list | tuple) else value


def _sqlite(url: sa.URL) -> sa.Engine:
    path = file_of(url)
    if path is not None:
        folder = path.parent
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise StoreError(
                _("The store's folder {folder} cannot be made: {reason}").format(
                    folder=folder, reason=error.strerror
                ),
                hint=_WHERE(),
            ) from error
    engine = sa.create_engine(url, connect_args={"timeout": _BUSY / 1000}, json_serializer=to_json)

    @sa.event.listens_for(engine, "connect")
    def settle(connection: Any, _record: object) -> None:
        connection.isolation_level = None  # the sessions say BEGIN themselves
        cursor = connection.cursor()
        for pragma in (f"busy_timeout={_BUSY}", "journal_mode=WAL", "synchronous=NORMAL", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    return engine


def _KNOWN() -> str:  # noqa: N802 - a constant in every language
    return _("Write sqlite:///goalkeeper.db or postgresql+psycopg://user:password@host/database.")


def _WHERE() -> str:  # noqa: N802 - a constant in every language
    return _("Is the server up, the address right, the folder writable? `store:` says where it is.")


def _unreachable(engine: sa.Engine, error: sa.exc.SQLAlchemyError) -> StoreError:
    reason = str(getattr(error, "orig", None) or error).strip().partition("\n")[0]
    if "database is locked" in reason:
        hint = _("Another process has been writing for over {n} s; let it end, then try again.").format(
            n=_BUSY // 1000
        )
    else:
        hint = _WHERE()
    return StoreError(
        _("The store {url} does not answer: {reason}").format(url=shown(engine.url), reason=reason),
        hint=hint,
    )


def other_version(found: str | None) -> StoreError:
    """Say that another version of Goalkeeper wrote the store, and what to do."""
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

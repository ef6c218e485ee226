"""Where statements run: DuckDB in process, and databases behind SQLAlchemy."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

import duckdb
import pyarrow as pa
import sqlalchemy as sa
from sqlglot import exp

from collectors.dialects import FAMILIES, Dialect, DuckDb, SqlDialect
from collectors.objects import ObjectFiles, ObjectStore
from core.errors import SourceError
from core.text import gettext as _
from store.database import shown

BESIDE = 384 * 2**20
"""Bytes that Python, its libraries and the answers take beside what DuckDB counts as its own."""
Explain = Callable[[str], None]
Made = TypeVar("Made", bound="Engine")


class Engine(ABC):
    """Runs statements; `key` is equal for two sources that can be joined."""

    dialect: Dialect
    key: str

    def __init__(self, explain: Explain | None = None) -> None:
        self._explain = explain

    def fetch(self, query: exp.Expression) -> pa.Table:
        """Run a statement and return its rows."""
        return self.run(self._told(query))

    def _told(self, query: exp.Expression) -> str:
        text = self.dialect.render(query)
        if self._explain is not None:
            self._explain(f"{text};")
        return text

    @abstractmethod
    def run(self, text: str) -> pa.Table:
        """Run SQL text and return its rows."""

    @abstractmethod
    def stream(self, query: exp.Expression, rows: int) -> Iterator[pa.Table]:
        """Run a statement and yield its rows in tables of at most `rows`."""

    @abstractmethod
    def close(self) -> None:
        """Let go of connections."""


class DuckEngine(Engine):
    """DuckDB in this process, bounded in memory and threads; `memory` is what the whole process may take."""

    def __init__(self, *, memory: int, threads: int = 2, explain: Explain | None = None) -> None:
        super().__init__(explain)
        self.dialect = DuckDb()
        self.key = "duckdb"
        own = max(memory - BESIDE, memory // 2)
        self.connection = duckdb.connect(config={"threads": threads, "memory_limit": f"{own // 2**20}MiB"})
        self.connection.execute("SET TimeZone='UTC'; SET preserve_insertion_order=false")
        self.connection.execute("SET enable_progress_bar_print=false")
        self._mounted: dict[ObjectStore, ObjectFiles] = {}
        self._aside: TemporaryDirectory[str] | None = None

    def aside(self) -> Path:
        """Return a folder for what has to lie somewhere while it is counted; it goes when this is closed."""
        if self._aside is None:
            self._aside = TemporaryDirectory(prefix="goalkeeper-")
        return Path(self._aside.name)

    def mount(self, store: ObjectStore) -> ObjectFiles:
        """Let statements open what lies in an object store."""
        if store not in self._mounted:
            made = ObjectFiles(store, f"gk{len(self._mounted)}")
            self.connection.register_filesystem(made.for_duckdb())
            self._mounted[store] = made
        return self._mounted[store]

    def run(self, text: str) -> pa.Table:
        """Run SQL text."""
        try:
            return self.connection.sql(text).to_arrow_table()
        except duckdb.Error as error:
            raise self._failed(error) from error

    def _failed(self, error: duckdb.Error) -> SourceError:
        text = str(error).strip()
        if text.startswith("Traceback"):  # from the files of an object store
            text = text.splitlines()[-1].partition(": ")[2]
        for store, files in self._mounted.items():
            text = store.masked(text.replace(f"{files.protocol}://", f"{store.scheme}://"))
        return SourceError(_("DuckDB: {error}").format(error=_first_line(text)))

    def stream(self, query: exp.Expression, rows: int) -> Iterator[pa.Table]:
        """Yield batches."""
        try:
            reader = self.connection.sql(self._told(query)).to_arrow_reader(rows)
            for batch in reader:
                yield pa.Table.from_batches([batch])
        except duckdb.Error as error:
            raise self._failed(error) from error

    def load(self, name: str, tables: Iterator[pa.Table]) -> None:
        """Keep rows that came from elsewhere in a temporary table."""
        made = False
        for part in tables:
            self.connection.register("gk_part", part)
            head = f'INSERT INTO "{name}"' if made else f'CREATE OR REPLACE TEMP TABLE "{name}" AS'
            self.connection.execute(f"{head} SELECT * FROM gk_part")
            self.connection.unregister("gk_part")
            made = True

    def close(self) -> None:
        """Close the database in memory, and forget what lay aside."""
        self.connection.close()
        if self._aside is not None:
            self._aside.cleanup()


def _parsed(url: str) -> tuple[sa.URL, SqlDialect]:
    try:
        parsed = sa.make_url(url)
    except sa.exc.ArgumentError as error:
        raise SourceError(
            _("This is not the address of a database that can be read here: {error}").format(error=error),
            hint=_("For example: {address}").format(address=FAMILIES["postgresql"].address),
        ) from error
    family = parsed.get_backend_name()
    if family not in FAMILIES:
        raise SourceError(
            _("The source kind sql does not know the database '{family}'.").format(family=family),
            hint=_("Known: {known}.").format(known=", ".join(sorted(FAMILIES))),
        )
    return parsed, FAMILIES[family]()


class SqlEngine(Engine):
    """A database behind a SQLAlchemy URL."""

    dialect: SqlDialect

    def __init__(self, url: str, *, explain: Explain | None = None) -> None:
        super().__init__(explain)
        parsed, self.dialect = _parsed(url)
        try:
            self.engine = sa.create_engine(parsed, pool_pre_ping=True)
        except (sa.exc.NoSuchModuleError, ModuleNotFoundError) as error:
            extra = self.dialect.extra
            raise SourceError(
                _("The driver of {database} is not installed: {error}").format(
                    database=shown(parsed), error=error
                ),
                hint=(
                    _("pip install 'goalkeeper[{extra}]'").format(extra=extra)
                    if extra
                    else _("For example: {address}").format(address=self.dialect.address)
                ),
            ) from error
        except Exception as error:  # a driver may look for credentials here, and fail in any way
            raise SourceError(
                _("{database}: {error}").format(database=shown(parsed), error=_first_line(error))
            ) from error
        self.key = url
        self.shown = shown(parsed)
        prepare = self.dialect.prepare
        sa.event.listen(self.engine, "connect", lambda connection, _record: prepare(connection))

    def run(self, text: str) -> pa.Table:
        """Run SQL text."""
        return table_of(*self.rows(text))

    def rows(self, text: str) -> tuple[list[str], Sequence[Sequence[Any]]]:
        """Return names and rows."""
        try:
            with self.engine.connect() as connection:
                result = connection.execution_options(no_parameters=True).exec_driver_sql(text)
                return _names(result), result.fetchall()
        except sa.exc.SQLAlchemyError as error:
            raise self.failed(error) from error

    def failed(self, error: Exception) -> SourceError:
        """Build the error of a failing statement."""
        cause = getattr(error, "orig", None) or error
        return SourceError(_("{database}: {error}").format(database=self.shown, error=_first_line(cause)))

    def stream(self, query: exp.Expression, rows: int) -> Iterator[pa.Table]:
        """Yield batches through a server-side cursor."""
        text = self._told(query)
        try:
            with self.engine.connect() as connection:
                options = {"no_parameters": True, "stream_results": True, "max_row_buffer": rows}
                result = connection.execution_options(**options).exec_driver_sql(text)
                names = _names(result)
                some = False
                while part := result.fetchmany(rows):
                    some = True
                    yield table_of(names, part)
                if not some:
                    yield table_of(names, [])
        except sa.exc.SQLAlchemyError as error:
            raise self.failed(error) from error

    def close(self) -> None:
        """Close the pool."""
        self.engine.dispose()


class Engines:
    """The engines of one pass: one DuckDB, one for each database address."""

    def __init__(self, *, memory: int = 2**30, threads: int = 2, explain: Explain | None = None) -> None:
        self.memory, self._threads, self._explain = memory, threads, explain
        self._duck: DuckEngine | None = None
        self._others: dict[str, Engine] = {}

    def duck(self) -> DuckEngine:
        """Return DuckDB, started on first use."""
        if self._duck is None:
            self._duck = DuckEngine(memory=self.memory, threads=self._threads, explain=self._explain)
        return self._duck

    def at(self, url: str) -> SqlEngine:
        """Return the engine behind an address."""
        return self.kept(url, SqlEngine, lambda explain: SqlEngine(url, explain=explain))

    def kept(self, key: str, kind: type[Made], make: Callable[[Explain | None], Made]) -> Made:
        """Return the engine of a key, made on first use and closed with the others."""
        found = self._others.get(key)
        if not isinstance(found, kind):
            found = make(self._explain)
            self._others[key] = found
        return found

    def close(self) -> None:
        """Close all of them."""
        for engine in [self._duck, *self._others.values()]:
            if engine is not None:
                engine.close()
        self._duck, self._others = None, {}


def _first_line(error: object) -> str:
    return str(error).strip().partition("\n")[0]


def _names(result: sa.CursorResult[Any]) -> list[str]:
    """Return the columns' names as the driver says them: SQLAlchemy changes those of some databases."""
    assert result.cursor is not None
    return [str(entry[0]) for entry in result.cursor.description]


def table_of(names: Sequence[str], rows: Sequence[Sequence[Any]]) -> pa.Table:
    """Make a table of rows of Python's values."""
    columns = list(zip(*rows, strict=True)) if rows else [() for _name in names]
    return pa.Table.from_arrays([_array(column) for column in columns], names=list(names))


def _array(values: Sequence[Any]) -> pa.Array:
    try:
        return pa.array(values, from_pandas=False)
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError):
        return pa.array([None if value is None else str(value) for value in values])

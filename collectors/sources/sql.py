"""A table or query behind any SQLAlchemy URL (PostgreSQL, SQLite); statements run there."""

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, model_validator
from sqlglot import exp

from collectors.dialects import DAY_US
from collectors.expressions import (
    both,
    call,
    cast,
    count,
    name,
    null,
    select,
    total,
    whole,
    within,
)  # fmt: skip
from collectors.parsing import parse_expression, parse_query, star
from collectors.sources.base import EARLIEST, ColumnInfo, Kind, Setting, Slice, Span, said_early
from collectors.sources.base import Source as Port
from collectors.zones import micros, moment
from core.config.secrets import Text
from core.errors import SourceError
from core.spelling import listed, nearest_of
from core.text import gettext as _

if TYPE_CHECKING:
    from collectors.engines import SqlEngine

_LOOKED_AT = 1000  # rows of SQLite whose values tell a column's type


class Options(BaseModel):
    """An address (`url`, or `connection` beside it) and a `table` (with its schema) or a `query`."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: Text
    table: str | None = None
    query: str | None = None

    @model_validator(mode="after")
    def _one(self) -> "Options":
        if (self.table is None) == (self.query is None):
            raise ValueError("either table or query is needed")
        return self


class Source(Port):
    """Rows of one table or query."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        assert isinstance(setting.options, Options)
        self._options = setting.options
        self._columns: tuple[ColumnInfo, ...] | None = None
        self._early = 0

    @property
    def engine(self) -> "SqlEngine":
        """Return the engine of the address."""
        return self.setting.engines.at(str(self._options.url))

    def describe(self) -> str:
        """Name the table and the database, the password masked."""
        return (self._options.table or _("a query")) + f" ({self.engine.shown})"

    def remarks(self) -> Sequence[str]:
        """Tell of rows from clocks that were not set."""
        return [said_early(self.setting.use, self.describe(), self._early)] if self._early else []

    def columns(self) -> tuple[ColumnInfo, ...]:
        """Ask the database."""
        if self._columns is None:
            query = star(self._rows())
            try:
                if self.engine.dialect.name == "sqlite":
                    self._columns = _sqlite_columns(self.engine, query.limit(_LOOKED_AT))
                else:
                    self._columns = _described(self.engine, query.limit(0))
            except SourceError as error:
                raise self._gone(error) from error
        return self._columns

    def slices(
        self, known: Mapping[str, Slice], now: datetime, since: datetime | None = None
    ) -> tuple[Slice, ...]:
        """Take each UTC day as a slice: count, newest arrival and a sum over a hash of (id, label)."""
        self._columns = None
        setting, dialect = self.setting, self.engine.dialect
        infos = {info.name: info for info in self.columns()}
        for column in (setting.time, setting.id, setting.label, setting.arrived):
            if column is not None and column not in infos:
                raise self.missing(column, list(infos))
        at: exp.Expression = cast(null(), "bigint")
        if setting.time is not None:
            at = dialect.micros(name(setting.time), infos[setting.time], setting.zone)
        marked = [
            dialect.text(name(one), infos[one]) for one in (setting.id, setting.label) if one is not None
        ]
        read = [(at, "t"), (dialect.mark(marked) if marked else whole(0), "m")]
        if setting.arrived is not None:
            read.append((dialect.micros(name(setting.arrived), infos[setting.arrived], setting.zone), "a"))
        begin = (
            None
            if since is None
            else since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        )
        limits: list[exp.Expression] = []
        if begin is not None and setting.time is not None:
            low = dialect.time_literal(begin - timedelta(days=1), infos[setting.time])
            limits += [] if low is None else [exp.GTE(this=name(setting.time), expression=low)]
        day = exp.Div(this=name("t"), expression=whole(DAY_US), typed=True)  # of whole numbers
        columns = [
            (day, "day"), (count(), "n"), (call("min", name("t")), "first"), (call("max", name("t")), "last"),
            (cast(total(name("m")), dialect.text_type), "sum"),
        ]  # fmt: skip
        if setting.arrived is not None:
            columns.append((call("max", name("a")), "arrived"))
        rows = dialect.apart(select(read, self.relation(), both(*limits) if limits else None))
        query = select(columns, within(rows, "rows"), group=1)
        try:
            found = self.engine.fetch(query).to_pylist()
        except SourceError as error:
            raise self._gone(error) from error
        slices = {one.name: one for row in found if (one := _slice(row)) is not None}
        early = {key for key, one in slices.items() if one.last is not None and one.last < EARLIEST}
        self._early = sum(slices.pop(key).rows for key in early)
        if begin is not None:
            slices = {key: one for key, one in slices.items() if one.last is None or one.last >= begin}
            old = {key: one for key, one in known.items() if one.last is not None and one.last < begin}
            slices = old | slices
        return tuple(slices[key] for key in sorted(slices))

    def relation(self, span: Span = (None, None)) -> exp.Expression:
        """Return the table or query, `where` applied."""
        rows = self._rows()
        if not self.setting.where:
            return rows
        where = f"{self.setting.use}.where"
        condition = parse_expression(where, self.setting.where, self.engine.dialect.name)
        return within(star(rows, condition), "source_rows")

    def sample(self, span: Span, columns: Sequence[str], limit: int) -> pa.Table:
        """Choose by the hash of the id."""
        infos = {info.name: info for info in self.columns()}
        dialect, setting = self.engine.dialect, self.setting
        read: list[tuple[exp.Expression, str]] = [(name(self.column(one).name), one) for one in columns]
        key = setting.id or columns[0]
        read.append((dialect.mark([dialect.text(name(key), infos[key])]), "gk:order"))
        tests: list[exp.Expression] = []
        if setting.time is not None:
            at = dialect.micros(name(setting.time), infos[setting.time], setting.zone)
            if span[0] is not None:
                tests.append(exp.GTE(this=at, expression=whole(micros(span[0]))))
            if span[1] is not None:
                tests.append(exp.LT(this=at.copy(), expression=whole(micros(span[1]))))
        query = select(read, self.relation(), both(*tests) if tests else None)
        ordered = query.order_by(name("gk:order"), copy=False).limit(limit)
        return self.engine.fetch(ordered).drop_columns(["gk:order"])

    def _rows(self) -> exp.Expression:
        if self._options.table is not None:
            parts = self._options.table.split(".")
            identifiers = [exp.to_identifier(part.strip('"'), quoted=True) for part in parts]
            return exp.Table(
                this=identifiers[-1], db=identifiers[-2] if len(identifiers) > 1 else None,
                catalog=identifiers[-3] if len(identifiers) > 2 else None,
            )  # fmt: skip
        key = f"{self.setting.use}.query"
        query = parse_query(key, str(self._options.query), self.engine.dialect.name)
        return within(query, "query_rows")

    def _gone(self, error: SourceError) -> SourceError:
        """Say which tables exist where the wanted one does not."""
        wanted = self._options.table
        if wanted is None:
            return error
        try:
            schema, _dot, bare = wanted.rpartition(".")
            inspector = sa.inspect(self.engine.engine)
            existing = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
        except sa.exc.SQLAlchemyError:
            return error
        if bare.strip('"') in existing:
            return error
        near = nearest_of(bare, existing)
        hint = (
            _("There are: {tables}.").format(tables=listed(existing))
            if existing
            else _("There are no tables.")
        )
        return SourceError(
            _("{use}: there is no table '{table}' in {database}.").format(
                use=self.setting.use, table=wanted, database=self.engine.shown
            ),
            hint=_("Did you mean {nearest}?").format(nearest=near) + " " + hint if near else hint,
        )


def _slice(row: Mapping[str, Any]) -> Slice | None:
    if row["day"] is None and not row["n"]:
        return None
    day = "-" if row["day"] is None else moment(int(row["day"]) * DAY_US).date().isoformat()
    return Slice(
        name=day,
        mark=f"{row['n']}-{row['sum']}-{row.get('arrived') or ''}",
        first=None if row["first"] is None else moment(row["first"]),
        last=None if row["last"] is None else moment(row["last"]),
        rows=int(row["n"]),
    )


def _described(engine: "SqlEngine", query: exp.Select) -> tuple[ColumnInfo, ...]:
    """Read PostgreSQL's description of a result."""
    from psycopg import postgres

    try:
        with engine.engine.connect() as connection:
            result = connection.execution_options(no_parameters=True).exec_driver_sql(query.sql("postgres"))
            assert result.cursor is not None
            described = [(str(one[0]), int(str(one[1]))) for one in result.cursor.description]
    except sa.exc.SQLAlchemyError as error:
        raise engine.failed(error) from error
    types = {column: postgres.types.get(oid) for column, oid in described}
    return tuple(_postgres_info(column, info.name if info else "unknown") for column, info in types.items())


def _postgres_info(column: str, kind: str) -> ColumnInfo:
    meaning: Kind = "other"
    if kind in ("int2", "int4", "int8", "numeric", "float4", "float8"):
        meaning = "numeric"
    elif kind == "bool":
        meaning = "boolean"
    elif kind in ("text", "varchar", "bpchar", "uuid", "name", "unknown"):
        meaning = "categorical"
    elif kind in ("timestamptz", "timestamp", "date"):
        meaning = "time"
    return ColumnInfo(
        name=column, type=kind, kind=meaning, is_text=kind in ("text", "varchar", "bpchar", "name"),
        aware=kind == "timestamptz", may_be_nan=kind in ("numeric", "float4", "float8"),
    )  # fmt: skip


def _sqlite_columns(engine: "SqlEngine", query: exp.Select) -> tuple[ColumnInfo, ...]:
    """Look at values: SQLite declares no types worth the name."""
    names, rows = engine.rows(query.sql("sqlite"))
    found = []
    for i, column in enumerate(names):
        values = [row[i] for row in rows if row[i] is not None]
        numbers = sum(isinstance(value, int | float) for value in values)
        numeric = bool(values) and numbers * 2 > len(values)
        kind: Kind = "numeric" if numeric else "categorical"
        found.append(
            ColumnInfo(name=column, type="number" if numeric else "text", kind=kind, is_text=not numeric)
        )
    return tuple(found)

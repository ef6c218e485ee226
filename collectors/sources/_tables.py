"""What the kinds of tables share: a UTC day is a part, told apart by counts and hashes."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
from sqlglot import exp

from collectors.dialects import DAY_US
from collectors.expressions import both, call, cast, count, name, null, select, total, whole, within
from collectors.parsing import parse_expression, parse_query, star
from collectors.sources.base import EARLIEST, ColumnInfo, Setting, Slice, Source, Span, between, said_early
from collectors.zones import moment
from core.errors import SourceError
from core.spelling import listed, nearest_of
from core.text import gettext as _


class TableSource(Source):
    """Rows that an engine of its own reads and counts."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._early = 0
        self._columns: tuple[ColumnInfo, ...] | None = None

    @abstractmethod
    def rows(self) -> exp.Expression:
        """Return the table or query, `where` not applied."""

    @abstractmethod
    def described(self, query: exp.Select) -> tuple[ColumnInfo, ...]:
        """Ask the engine for the columns of a query.

        Raises:
            SourceError: it cannot be run.
        """

    def columns(self) -> tuple[ColumnInfo, ...]:
        """Ask the engine, once."""
        if self._columns is None:
            try:
                self._columns = self.described(star(self.rows()))
            except SourceError as error:
                raise self.gone(error) from error
        return self._columns

    def forget(self) -> None:
        """Ask again what it holds when it is needed next."""
        self._columns = None

    def gone(self, error: SourceError) -> SourceError:
        """Return what to say of a statement that failed."""
        return error

    def no_table(self, wanted: str, bare: str, existing: Sequence[str], database: str) -> SourceError:
        """Return what to say of a table that does not exist, with the nearest one that does."""
        near = nearest_of(bare, existing)
        hint = (
            _("There are: {tables}.").format(tables=listed(existing))
            if existing
            else _("There are no tables.")
        )
        return SourceError(
            _("{use}: there is no table '{table}' in {database}.").format(
                use=self.setting.use, table=wanted, database=database
            ),
            hint=_("Did you mean {nearest}?").format(nearest=near) + " " + hint if near else hint,
        )

    def remarks(self) -> Sequence[str]:
        """Tell of rows from clocks that were not set."""
        return [said_early(self.setting.use, self.describe(), self._early)] if self._early else []

    def slices(
        self, known: Mapping[str, Slice], now: datetime, since: datetime | None = None
    ) -> tuple[Slice, ...]:
        """Take each UTC day as a slice: count, newest arrival and a sum over a hash of (id, label)."""
        self.forget()
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
        columns = [
            (dialect.days(name("t")), "day"), (count(), "n"),
            (call("min", name("t")), "first"), (call("max", name("t")), "last"),
            (cast(total(name("m")), dialect.text_type), "sum"),
        ]  # fmt: skip
        if setting.arrived is not None:
            columns.append((call("max", name("a")), "arrived"))
        rows = dialect.apart(select(read, self.relation(), both(*limits) if limits else None))
        query = select(columns, within(rows, "rows"), group=1)
        try:
            found = self.engine.fetch(query).to_pylist()
        except SourceError as error:
            raise self.gone(error) from error
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
        rows = self.rows()
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
        where = None
        if setting.time is not None and any(span):
            where = between(dialect.micros(name(setting.time), infos[setting.time], setting.zone), span)
        query = select(read, self.relation(), where)
        ordered = query.order_by(name("gk:order"), copy=False).limit(limit)
        return self.engine.fetch(ordered).drop_columns(["gk:order"])

    def table(self, text: str) -> exp.Table:
        """Refer to a table that is written with its schema and catalogue."""
        parts = text.split(".")
        identifiers = [exp.to_identifier(part.strip('"`'), quoted=True) for part in parts]
        return exp.Table(
            this=identifiers[-1], db=identifiers[-2] if len(identifiers) > 1 else None,
            catalog=identifiers[-3] if len(identifiers) > 2 else None,
        )  # fmt: skip

    def query(self, text: str) -> exp.Expression:
        """Use a query as the rows."""
        key = f"{self.setting.use}.query"
        return within(parse_query(key, text, self.engine.dialect.name), "query_rows")


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

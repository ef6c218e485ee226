"""Payloads that lie in a table of a database: each of its rows is a record, a day of it is a part."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from functools import cached_property
from io import BytesIO
from typing import Any, BinaryIO, ClassVar, Self

from pydantic import Field, model_validator
from sqlglot import exp

from collectors.expressions import name
from collectors.parsing import star
from collectors.sources import sql
from collectors.sources._payloads import PayloadOptions, PayloadSource, Place
from collectors.sources._scoring import table_records
from collectors.sources.base import EARLIEST, Setting, Slice, between
from core.config.secrets import Text
from core.errors import SourceError
from core.text import gettext as _

_AT_A_TIME = 2000
_DAY = timedelta(days=1)


class TableOptions(PayloadOptions):
    """`path` of the exported table, or where it lies: an address (`url`) and a `table` or a `query`."""

    path: Text | list[Text] = Field(default_factory=list)
    url: Text | None = None
    table: str | None = None
    query: str | None = None

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        places = [bool(self.path), self.table is not None, self.query is not None]
        if sum(places) != 1 or (self.url is None) != bool(self.path):
            raise ValueError("either path is needed, or url with table or query")
        return self


class TablePayloads(PayloadSource):
    """Rows of an exported table, or of the table itself."""

    days: ClassVar[tuple[str, ...]]
    """Columns that tell on which day a record belongs; the first one that is there is taken."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        self._parts: Mapping[str, Slice] = {}

    @cached_property
    def _table(self) -> sql.Source | None:
        options = self.options
        if options.url is None:
            return None
        where = sql.Options(url=options.url, table=options.table, query=options.query)
        bare = replace(self.setting, options=where, time=None, id=None, label=None, arrived=None, where=None)
        held = [info.name for info in sql.Source(bare).columns()]
        day = next((one for one in self.days if one in held), None)
        if day is None:
            raise SourceError(
                _("{use}: the table has none of the columns {columns}.").format(
                    use=self.setting.use, columns=", ".join(self.days)
                ),
                hint=_("Is it a table of this kind?"),
            )
        return sql.Source(replace(bare, time=day))

    @property
    def options(self) -> TableOptions:
        """Return what is configured of it."""
        assert isinstance(self.setting.options, TableOptions)
        return self.setting.options

    def describe(self) -> str:
        """Name the files or the table."""
        return super().describe() if self._table is None else self._table.describe()

    def records(self, file: BinaryIO, place: Place) -> Iterator[tuple[int, Any]]:
        """Cut the table into its rows."""
        if self._table is None:
            yield from table_records(file, place)
            return
        query, at = self._asked(self._table, place.path), 0
        for found in self._table.engine.stream(query, _AT_A_TIME):
            for row in found.to_pylist():
                yield at, row
                at += 1

    def _list(self, known: Mapping[str, str], now: datetime) -> dict[str, str]:
        if self._table is None:
            return super()._list(known, now)
        self._parts = {one.name: one for one in self._table.slices({}, now)}
        return {name: one.mark for name, one in self._parts.items()}

    def _opened(self, path: str) -> tuple[int, datetime, BinaryIO]:
        if self._table is None:
            return super()._opened(path)
        part = self._parts[path]
        return part.rows, part.last or EARLIEST, BytesIO()

    def _asked(self, table: sql.Source, part: str) -> exp.Select:
        """Select the rows of one UTC day; `-` are those without a time."""
        column = table.setting.time or ""
        at = table.engine.dialect.micros(name(column), table.column(column), self.setting.zone)
        if part == "-":
            return star(table.relation(), exp.Is(this=at, expression=exp.Null()))
        begin = datetime.combine(date.fromisoformat(part), datetime.min.time(), UTC)
        return star(table.relation(), between(at, (begin, begin + _DAY)))

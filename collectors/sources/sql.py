"""A table or query in a database behind a SQLAlchemy address; statements run there."""

from typing import TYPE_CHECKING

import sqlalchemy as sa
from pydantic import BaseModel, ConfigDict, model_validator
from sqlglot import exp

from collectors.sources._tables import TableSource
from collectors.sources.base import ColumnInfo, Kind, Setting
from core.config.secrets import Text
from core.errors import SourceError
from core.text import gettext as _

if TYPE_CHECKING:
    from collectors.engines import SqlEngine

_LOOKED_AT = 1000  # rows whose values tell a column's type where nothing declares it


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


class Source(TableSource):
    """Rows of one table or query."""

    def __init__(self, setting: Setting) -> None:
        super().__init__(setting)
        assert isinstance(setting.options, Options)
        self._options = setting.options

    @property
    def engine(self) -> "SqlEngine":
        """Return the engine of the address."""
        return self.setting.engines.at(str(self._options.url))

    def describe(self) -> str:
        """Name the table and the database, the password masked."""
        return (self._options.table or _("a query")) + f" ({self.engine.shown})"

    def described(self, query: exp.Select) -> tuple[ColumnInfo, ...]:
        """Ask the database."""
        if self.engine.dialect.typed:
            return _described(self.engine, query.limit(0))
        return _seen(self.engine, query.limit(_LOOKED_AT))

    def rows(self) -> exp.Expression:
        """Return the table or query."""
        if self._options.table is not None:
            return self.table(self._options.table)
        return self.query(str(self._options.query))

    def gone(self, error: SourceError) -> SourceError:
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
        return self.no_table(wanted, bare, existing, self.engine.shown)


def _described(engine: "SqlEngine", query: exp.Select) -> tuple[ColumnInfo, ...]:
    """Read the database's description of a result."""
    dialect = engine.dialect
    try:
        with engine.engine.connect() as connection:
            plain = connection.execution_options(no_parameters=True)
            result = plain.exec_driver_sql(dialect.render(query))
            assert result.cursor is not None
            return tuple(dialect.described(entry) for entry in result.cursor.description)
    except sa.exc.SQLAlchemyError as error:
        raise engine.failed(error) from error


def _seen(engine: "SqlEngine", query: exp.Select) -> tuple[ColumnInfo, ...]:
    """Look at values: no types are declared that are worth the name."""
    names, rows = engine.rows(engine.dialect.render(query))
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

"""PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlglot import exp

from collectors.dialects.base import NUMBER, OFFSET, SqlDialect, epoch, joined
from collectors.expressions import (
    both,
    call,
    cast,
    either,
    not_null,
    null,
    one_of,
    raw,
    string,
    times,
    whole,
)
from collectors.sources.base import ColumnInfo, Kind

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("int2", "int4", "int8", "numeric", "float4", "float8"), "numeric"),
    **dict.fromkeys(("text", "varchar", "bpchar", "uuid", "name", "unknown"), "categorical"),
    **dict.fromkeys(("timestamptz", "timestamp", "date"), "time"),
    "bool": "boolean",
}


class PostgreSql(SqlDialect):
    """PostgreSQL 13 and later."""

    name = "postgres"
    double = "double precision"
    text_type = "text"
    address = "postgresql+psycopg://user:password@host/database"
    session = ("SET TIME ZONE 'UTC'", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")

    def number(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a double; texts by pattern, since a failing cast would end the statement."""
        if column.kind == "boolean":
            return cast(cast(value, "integer"), self.double)
        if column.kind == "numeric" and not column.may_be_nan:
            return cast(value, self.double)
        if column.kind == "numeric":
            return call("nullif", cast(value, self.double), raw("'NaN'::double precision"))
        text = cast(value, self.text_type)
        matched = exp.RegexpLike(this=text, expression=string(NUMBER))
        read = call("nullif", cast(text.copy(), self.double), raw("'NaN'::double precision"))
        return either([(matched, read)], null())

    def loose_number(self, value: exp.Expression) -> exp.Expression:
        """Look at the text."""
        text = cast(value, self.text_type)
        one, zero = cast(whole(1), self.double), cast(whole(0), self.double)
        matched = exp.RegexpLike(this=text, expression=string(NUMBER))
        read = call("nullif", cast(text.copy(), self.double), raw("'NaN'::double precision"))
        truths = [(one_of(text.copy(), ["true", "t"]), one), (one_of(text.copy(), ["false", "f"]), zero)]
        return either([(matched, read), *truths], null())

    def no_number(self, text: exp.Expression) -> exp.Expression:
        """Match the pattern."""
        blank = exp.EQ(this=call("trim", text.copy()), expression=string(""))
        fits = exp.RegexpLike(this=text, expression=string(NUMBER))
        return both(not_null(text.copy()), exp.Not(this=blank), exp.Not(this=fits))

    def finite(self, value: exp.Expression) -> exp.Expression:
        """Drop infinities."""
        ends = [raw("'Infinity'::double precision"), raw("'-Infinity'::double precision")]
        return either([(exp.In(this=value, expressions=ends), null())], value.copy())

    def wall_micros(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a time."""
        if column.kind == "time":
            return _pg_micros(value)
        if column.is_text:
            zoned = _pg_micros(cast(value, "timestamptz"))
            return either(
                [(self.has_offset(value.copy()), zoned)], _pg_micros(cast(value.copy(), "timestamp"))
            )
        return epoch(cast(value, self.double), "bigint")

    def has_offset(self, value: exp.Expression) -> exp.Expression:
        """Look for a zone after the time of day."""
        return exp.RegexpLike(this=cast(value, "text"), expression=string(r"\d[T ]\d.*" + OFFSET))

    def distinct_key(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Join the texts."""
        return joined(texts)

    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash to 31 bits."""
        parts = [call("coalesce", text, string("\x02")) for text in texts]
        hashed = call("hashtextextended", joined(parts), whole(0))
        return exp.Paren(this=exp.BitwiseAnd(this=hashed, expression=whole(2**31 - 1)))

    def time_literal(self, moment: datetime, column: ColumnInfo) -> exp.Expression | None:
        """Write a timestamp."""
        if column.kind != "time":
            return None
        written = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        kind = "timestamptz" if column.aware else "timestamp"
        return raw(f"'{written}{'+00' if column.aware else ''}'::{kind}")

    def prepare(self, connection: Any) -> None:
        """Set up a connection; what it was told would end with the transaction."""
        super().prepare(connection)
        connection.commit()

    def described(self, entry: Sequence[Any]) -> ColumnInfo:
        """Look the type's number up."""
        from psycopg import postgres

        info = postgres.types.get(int(entry[1]))
        kind = info.name if info else "unknown"
        return ColumnInfo(
            name=str(entry[0]), type=kind, kind=_KINDS.get(kind, "other"),
            is_text=kind in ("text", "varchar", "bpchar", "name"), aware=kind == "timestamptz",
            may_be_nan=kind in ("numeric", "float4", "float8"),
        )  # fmt: skip


def _pg_micros(value: exp.Expression) -> exp.Expression:
    seconds = exp.Extract(this=raw("epoch"), expression=value)
    return cast(call("round", times(seconds, whole(1_000_000))), "bigint")

"""PostgreSQL."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlglot import exp

from collectors.dialects.base import NUMBER, SqlDialect, epoch, matches
from collectors.expressions import both, call, cast, either, null, raw, times, whole
from collectors.sources.base import ColumnInfo, Kind

_DAY = (  # of the calendar: a cast that fails would end the statement
    r"([0-9]{4}-(0?[13578]|1[02])-(0?[1-9]|[12][0-9]|3[01])|[0-9]{4}-(0?[469]|11)-(0?[1-9]|[12][0-9]|30)"
    r"|[0-9]{4}-0?2-(0?[1-9]|1[0-9]|2[0-8])|([0-9]{2}(0[48]|[2468][048]|[13579][26])"
    r"|([02468][048]|[13579][26])00)-0?2-29)"
)
_ZONE = r"([zZ]|[+-](0[0-9]|1[0-4])(:?[0-5][0-9])?)"
_WHEN = rf"^\s*{_DAY}([T ]([01]?[0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]+)?)?\s*{_ZONE}?)?\s*$"
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
    loose_pattern = NUMBER  # 1e400 would end the statement
    address = "postgresql+psycopg://user:password@host/database"
    session = ("SET TIME ZONE 'UTC'", "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY")

    def truth(self, value: exp.Expression) -> exp.Expression:
        """Read true and false as 1 and 0."""
        return cast(cast(value, "integer"), self.double)

    def no_nan(self, value: exp.Expression) -> exp.Expression:
        """Drop NaN, which equals itself here."""
        return call("nullif", value, raw("'NaN'::double precision"))

    def finite(self, value: exp.Expression) -> exp.Expression:
        """Drop infinities."""
        ends = [raw("'Infinity'::double precision"), raw("'-Infinity'::double precision")]
        return either([(exp.In(this=value, expressions=ends), null())], value.copy())

    def wall_micros(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a time."""
        if column.kind == "time":
            return _pg_micros(value)
        if column.is_text:
            fits = matches(value.copy(), _WHEN)
            zoned = _pg_micros(cast(value.copy(), "timestamptz"))
            naive = _pg_micros(cast(value.copy(), "timestamp"))
            named = both(fits, self.has_offset(value.copy()))
            return either([(named, zoned), (fits.copy(), naive)], null())
        return epoch(cast(value, self.double), "bigint")

    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash to 31 bits."""
        hashed = call("hashtextextended", self.joined_all(texts), whole(0))
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

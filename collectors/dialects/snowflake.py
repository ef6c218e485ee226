"""Snowflake; rendered and parsed again, not run against the service by our tests."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlglot import exp

from collectors.dialects.base import DAY_US, WHEN, SqlDialect, epoch, matches
from collectors.expressions import call, cast, either, minus, null, raw, whole
from collectors.sources.base import ColumnInfo, Kind

_NAN = "'NaN'::DOUBLE"
_ENDS = ("'inf'::DOUBLE", "'-inf'::DOUBLE")
_TYPES: dict[int, tuple[str, Kind]] = {
    0: ("NUMBER", "numeric"), 1: ("FLOAT", "numeric"), 2: ("VARCHAR", "categorical"), 3: ("DATE", "time"),
    4: ("TIMESTAMP_NTZ", "time"), 6: ("TIMESTAMP_LTZ", "time"), 7: ("TIMESTAMP_TZ", "time"),
    8: ("TIMESTAMP_NTZ", "time"), 13: ("BOOLEAN", "boolean"),
}  # fmt: skip
"""The connector's numbers of types."""


class Snowflake(SqlDialect):
    """Snowflake; names are taken as they are written, so those made without quotes are in capitals."""

    name = "snowflake"
    double = "DOUBLE"
    text_type = "VARCHAR"
    address = "snowflake://user:password@account/database/schema?warehouse=name"
    extra = "snowflake"
    session = ("ALTER SESSION SET TIMEZONE = 'UTC', QUOTED_IDENTIFIERS_IGNORE_CASE = FALSE",)

    def truth(self, value: exp.Expression) -> exp.Expression:
        """Read true and false as 1 and 0."""
        return cast(cast(value, "INTEGER"), self.double)

    def read(self, text: exp.Expression) -> exp.Expression:
        """Read a text that looks like a number."""
        return self.no_nan(call("try_to_double", call("trim", text)))

    def no_nan(self, value: exp.Expression) -> exp.Expression:
        """Drop NaN, which equals itself here."""
        return call("nullif", value, raw(_NAN))

    def finite(self, value: exp.Expression) -> exp.Expression:
        """Drop infinities."""
        ends = [raw(end) for end in _ENDS]
        return either([(exp.In(this=value, expressions=ends), null())], value.copy())

    def wall_micros(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a time; what names no zone is read as UTC."""
        if column.kind == "time":
            return _micros(value if column.aware else cast(value, "TIMESTAMP_NTZ"))
        if column.is_text:
            read = _micros(call("try_to_timestamp_tz", call("trim", value)))
            return either([(matches(value.copy(), WHEN), read)], null())
        return epoch(cast(value, self.double), "BIGINT")

    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash to 31 bits."""
        return call("mod", call("md5_number_lower64", self.joined_all(texts)), whole(2**31))

    def time_literal(self, moment: datetime, column: ColumnInfo) -> exp.Expression | None:
        """Write a timestamp."""
        if column.kind != "time":
            return None
        written = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        return raw(f"'{written} +00:00'::TIMESTAMP_TZ" if column.aware else f"'{written}'::TIMESTAMP_NTZ")

    def days(self, micros: exp.Expression) -> exp.Expression:
        """Divide what is left of whole days, since `/` rounds to six digits."""
        rest = call("mod", micros.copy(), whole(DAY_US))
        return cast(exp.Div(this=minus(micros, rest), expression=whole(DAY_US)), "BIGINT")

    def described(self, entry: Sequence[Any]) -> ColumnInfo:
        """Look the type's number up."""
        kind, meaning = _TYPES.get(int(entry[1]), ("unknown", "other"))
        return ColumnInfo(
            name=str(entry[0]), type=kind, kind=meaning, is_text=kind == "VARCHAR",
            aware=kind in ("TIMESTAMP_LTZ", "TIMESTAMP_TZ"), may_be_nan=kind == "FLOAT",
        )  # fmt: skip


def _micros(value: exp.Expression) -> exp.Expression:
    return call("date_part", raw("EPOCH_MICROSECOND"), value)

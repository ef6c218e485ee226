"""BigQuery; rendered and parsed again, not run against the service by our tests."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlglot import exp

from collectors.dialects.base import DAY_US, WHEN, SqlDialect, epoch, matches
from collectors.expressions import call, cast, either, null, raw, whole
from collectors.sources.base import ColumnInfo, Kind

_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("INTEGER", "INT64", "FLOAT", "FLOAT64", "NUMERIC", "BIGNUMERIC"), "numeric"),
    **dict.fromkeys(("TIMESTAMP", "DATETIME", "DATE"), "time"),
    **dict.fromkeys(("BOOLEAN", "BOOL"), "boolean"),
    "STRING": "categorical",
}


class BigQuery(SqlDialect):
    """BigQuery's GoogleSQL; TIMESTAMP names its zone, DATETIME does not."""

    name = "bigquery"
    double = "FLOAT64"
    text_type = "STRING"
    address = "bigquery://project/dataset"
    extra = "bigquery"

    def truth(self, value: exp.Expression) -> exp.Expression:
        """Read true and false as 1 and 0."""
        return cast(cast(value, "INT64"), self.double)

    def read(self, text: exp.Expression) -> exp.Expression:
        """Read a text that looks like a number."""
        return self.no_nan(cast(call("trim", text), self.double, attempt=True))

    def no_nan(self, value: exp.Expression) -> exp.Expression:
        """Drop NaN."""
        return either([(call("is_nan", value), null())], value.copy())

    def finite(self, value: exp.Expression) -> exp.Expression:
        """Drop infinities."""
        return either([(call("is_inf", value), null())], value.copy())

    def wall_micros(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a time; what names no zone is read as UTC."""
        if column.kind == "time":
            return call("unix_micros", cast(value, "TIMESTAMP"))
        if column.is_text:
            read = call("unix_micros", cast(call("trim", value), "TIMESTAMP", attempt=True))
            return either([(matches(value.copy(), WHEN), read)], null())
        return epoch(cast(value, self.double), "INT64")

    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash to 31 bits."""
        hashed = call("farm_fingerprint", self.joined_all(texts))
        return exp.Paren(this=exp.BitwiseAnd(this=hashed, expression=whole(2**31 - 1)))

    def time_literal(self, moment: datetime, column: ColumnInfo) -> exp.Expression | None:
        """Write a timestamp."""
        if column.kind != "time":
            return None
        written = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        return raw(f"TIMESTAMP '{written}+00'") if column.aware else raw(f"DATETIME '{written}'")

    def days(self, micros: exp.Expression) -> exp.Expression:
        """Divide whole numbers."""
        return call("div", micros, whole(DAY_US))

    def described(self, entry: Sequence[Any]) -> ColumnInfo:
        """Read the type, which is written out."""
        kind = str(entry[1])
        return ColumnInfo(
            name=str(entry[0]), type=kind, kind=_KINDS.get(kind, "other"), is_text=kind == "STRING",
            aware=kind == "TIMESTAMP", may_be_nan=kind.startswith("FLOAT"),
        )  # fmt: skip

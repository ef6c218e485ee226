"""Trino; rendered and parsed again, not run against a cluster by our tests."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlglot import exp

from collectors.dialects.base import CLOCK, OFFSET, WHEN, SqlDialect, clock_less_zone, epoch, matches
from collectors.expressions import both, call, cast, either, null, raw, string, times, whole
from collectors.sources.base import ColumnInfo, Kind

_CLOCK = rf"^[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}( {CLOCK})?"
_INFINITE = r"^\s*[-+]?[iI][nN][fF]"
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("tinyint", "smallint", "integer", "bigint", "real", "double", "decimal"), "numeric"),
    **dict.fromkeys(("varchar", "char", "uuid", "unknown"), "categorical"),
    **dict.fromkeys(("timestamp", "date"), "time"),
    "boolean": "boolean",
}


class Trino(SqlDialect):
    """Trino and Starburst."""

    name = "trino"
    double = "DOUBLE"
    text_type = "VARCHAR"
    address = "trino://user:password@host:443/catalog/schema"
    extra = "trino"

    def read(self, text: exp.Expression) -> exp.Expression:
        """Read a text that looks like a number; only the long word is infinite here."""
        behind = matches(text.copy(), r"^\s*-")
        endless = either([(behind, raw("-infinity()"))], call("infinity"))
        tried = self.no_nan(cast(call("trim", text.copy()), self.double, attempt=True))
        return either([(matches(text, _INFINITE), endless)], tried)

    def no_nan(self, value: exp.Expression) -> exp.Expression:
        """Drop NaN."""
        return either([(call("is_nan", value), null())], value.copy())

    def finite(self, value: exp.Expression) -> exp.Expression:
        """Drop infinities."""
        return either([(call("is_finite", value), value.copy())], null())

    def wall_micros(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a time; of a text its clock, less the zone it names."""
        if column.kind == "time":
            return _micros(value if column.aware else _utc(cast(value, "TIMESTAMP(6)")))
        if not column.is_text:
            return epoch(cast(value, self.double, attempt=True), "BIGINT")
        spaced = call("replace", call("trim", value), string("T"), string(" "))
        clock = call("regexp_extract", spaced, string(_CLOCK))
        wall = _micros(_utc(cast(clock, "TIMESTAMP(6)", attempt=True)))
        zoned = clock_less_zone(wall, call("regexp_extract", value.copy(), string(OFFSET)), "BIGINT")
        fits = matches(value.copy(), WHEN)
        named = both(fits, self.has_offset(value.copy()))
        return either([(named, zoned), (fits.copy(), wall.copy())], null())

    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash to 31 bits."""
        hashed = call("from_big_endian_64", call("xxhash64", call("to_utf8", self.joined_all(texts))))
        return call("bitwise_and", hashed, whole(2**31 - 1))

    def time_literal(self, moment: datetime, column: ColumnInfo) -> exp.Expression | None:
        """Write a timestamp."""
        if column.kind != "time":
            return None
        written = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        return raw(f"TIMESTAMP '{written}{' UTC' if column.aware else ''}'")

    def described(self, entry: Sequence[Any]) -> ColumnInfo:
        """Read the type, which is written out."""
        kind = str(entry[1])
        base = kind.partition("(")[0].partition(" ")[0]
        return ColumnInfo(
            name=str(entry[0]), type=kind, kind=_KINDS.get(base, "other"),
            is_text=base in ("varchar", "char"), aware=kind.endswith("with time zone"),
            may_be_nan=base in ("real", "double"),
        )  # fmt: skip


def _utc(value: exp.Expression) -> exp.Expression:
    return call("with_timezone", value, string("UTC"))


def _micros(value: exp.Expression) -> exp.Expression:
    return cast(call("round", times(call("to_unixtime", value), whole(1_000_000))), "BIGINT")

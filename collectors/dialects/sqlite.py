"""SQLite."""

import hashlib
import math
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any
from zoneinfo import ZoneInfo

from sqlglot import exp

from collectors.dialects.base import LOOSE, SqlDialect
from collectors.expressions import call, cast, either, null, raw, string, whole
from collectors.sources.base import ColumnInfo

_NUMBER = re.compile(LOOSE)
_ZONED = re.compile(r"\d[T ]\d.*([zZ]|[+-]\d{2}(:?\d{2})?)$")


class SQLite(SqlDialect):
    """SQLite; a column may hold anything, so values are looked at one by one."""

    name = "sqlite"
    double = "REAL"
    text_type = "TEXT"
    address = "sqlite:///file.db"
    typed = False

    def number(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a double."""
        kind = call("typeof", value)
        return either(
            [
                (
                    exp.In(this=kind, expressions=[string("integer"), string("real")]),
                    cast(value.copy(), "REAL"),
                ),
                (exp.EQ(this=kind.copy(), expression=string("text")), call("gk_number", value.copy())),
            ],
            null(),
        )

    def loose_number(self, value: exp.Expression) -> exp.Expression:
        """Look at the value."""
        return self.number(value, ColumnInfo(name="", type="", kind="other"))

    def may_not_fit(self, column: ColumnInfo) -> bool:
        """Say yes: any column may hold a text."""
        return True

    def no_number(self, text: exp.Expression) -> exp.Expression:
        """Ask our own function."""
        return exp.EQ(this=call("gk_no_number", text), expression=whole(1))

    def no_nan(self, value: exp.Expression) -> exp.Expression:
        """Return what is never NaN."""
        return value

    def finite(self, value: exp.Expression) -> exp.Expression:
        """Drop infinities."""
        return either(
            [(exp.LTE(this=call("abs", value), expression=raw("1.7976931348623157e308")), value.copy())],
            null(),
        )

    def wall_micros(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a time, or a number of seconds, milliseconds or microseconds."""
        return call("gk_micros", value, string(""))

    def micros(self, value: exp.Expression, column: ColumnInfo, zone: ZoneInfo | None) -> exp.Expression:
        """Read a time; a naive text is meant in `zone`."""
        return call("gk_micros", value, string("" if zone is None else str(zone)))

    def apart(self, query: exp.Select) -> exp.Select:
        """Keep SQLite from putting the expressions in place of the columns: it does not merge a LIMIT."""
        return query.limit(-1, copy=False)

    def has_offset(self, value: exp.Expression) -> exp.Expression:
        """Look for a zone after the time of day."""
        return exp.EQ(this=call("gk_zoned", value), expression=whole(1))

    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash to 31 bits."""
        return call("gk_hash", *texts)

    def time_literal(self, moment: datetime, column: ColumnInfo) -> exp.Expression | None:
        """Say that nothing can be compared."""
        return None

    def prepare(self, connection: Any) -> None:
        """Give it the functions that it lacks."""
        connection.create_function("gk_number", 1, _number, deterministic=True)
        connection.create_function("gk_no_number", 1, _no_number, deterministic=True)
        connection.create_function("gk_micros", 2, _micros, deterministic=True)
        connection.create_function("gk_zoned", 1, _zoned, deterministic=True)
        connection.create_function("gk_hash", -1, _hash, deterministic=True)
        connection.create_function("ln", 1, _ln, deterministic=True)

    def described(self, entry: Sequence[Any]) -> ColumnInfo:
        """Say that anything may be in it."""
        return ColumnInfo(name=str(entry[0]), type="", kind="other")


def _number(text: str) -> float | None:
    if _NUMBER.match(text) is None:
        return None
    value = float(text)
    return None if math.isnan(value) else value


def _no_number(text: str | None) -> int:
    return int(text is not None and bool(text.strip()) and _NUMBER.match(text) is None)


@lru_cache(maxsize=4096)
def _micros(value: object, zone: str = "") -> int | None:
    """Read a time of a text or number, as microseconds since 1970 UTC; None for anything else.

    A text that names no zone is meant in `zone` ('': UTC).
    """
    if isinstance(value, int | float):
        size = abs(value)
        return round(value if size > 1e14 else value * 1000 if size > 1e11 else value * 1_000_000)
    try:
        at = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=ZoneInfo(zone) if zone else UTC)
    at = at.astimezone(UTC)
    since = at - datetime(1970, 1, 1, tzinfo=UTC)
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def _zoned(value: object) -> int:
    return int(isinstance(value, str) and _ZONED.search(value) is not None)


def _hash(*values: object) -> int:
    text = "\x01".join("\x02" if value is None else str(value) for value in values)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest()) >> 1


def _ln(value: float | None) -> float | None:
    return math.log(value) if value is not None and value > 0 else None

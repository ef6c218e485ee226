"""Spark SQL."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlglot import exp

from collectors.dialects.base import DAY_US, WHEN, Dialect, Item, epoch
from collectors.expressions import (
    call,
    cast,
    either,
    is_null,
    minus,
    name,
    null,
    raw,
    real_text,
    string,
    whole,
)
from collectors.sources.base import ColumnInfo
from core.grid import Floats


class Spark(Dialect):
    """Spark 4 (Spark SQL), its session in UTC and minding case."""

    name = "spark"
    double = "DOUBLE"
    text_type = "STRING"
    samples = True

    def no_nan(self, value: exp.Expression) -> exp.Expression:
        """Drop NaN, which equals itself here."""
        return call("nullif", value, raw("double('NaN')"))

    def finite(self, value: exp.Expression) -> exp.Expression:
        """Drop infinities."""
        ends = [raw("double('Infinity')"), raw("double('-Infinity')")]
        return either([(exp.In(this=value, expressions=ends), null())], value.copy())

    def wall_micros(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a time; a text must bear a date, since '12:00' would be today."""
        if column.kind == "time":
            return call("unix_micros", cast(value, "TIMESTAMP"))
        if column.is_text:
            read = call("unix_micros", cast(value, "TIMESTAMP", attempt=True))
            return either([(exp.RegexpLike(this=value.copy(), expression=string(WHEN)), read)], null())
        return epoch(cast(value, self.double, attempt=True), "BIGINT")

    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash to 31 bits."""
        hashed = call("xxhash64", self.joined_all(texts))
        return exp.Paren(this=exp.BitwiseAnd(this=hashed, expression=whole(2**31 - 1)))

    def time_literal(self, moment: datetime, column: ColumnInfo) -> exp.Expression | None:
        """Write a timestamp."""
        if column.kind != "time":
            return None
        written = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        return raw(f"TIMESTAMP '{written}+00:00'") if column.aware else raw(f"TIMESTAMP_NTZ '{written}'")

    def days(self, micros: exp.Expression) -> exp.Expression:
        """Divide what is left of whole days, since `/` makes doubles."""
        rest = call("pmod", micros.copy(), whole(DAY_US))
        return cast(exp.Div(this=minus(micros, rest), expression=whole(DAY_US)), "BIGINT")

    def bin_of(self, column: str, edges: Floats) -> exp.Expression:
        """Halve a sorted array step by step: trees of comparisons outgrow what Java compiles."""
        steps = [2**i for i in reversed(range(len(edges).bit_length()))]
        filled = [real_text(edge) for edge in edges]
        filled += ["double('Infinity')"] * (2 ** len(steps) - 1 - len(edges))  # nothing lies above it
        value = name(column).sql(self.name)
        found = raw(
            f"aggregate(array({', '.join(map(str, steps))}), 0, "
            f"(at, step) -> at + IF(array({', '.join(filled)})[at + step - 1] < {value}, step, 0))"
        )
        return either([(is_null(name(column)), null())], found)

    def piled(self, items: Sequence[Item]) -> Sequence[exp.Expression]:
        """Unfold an array: a common query that is read thirty times would be computed thirty times."""
        structs = [
            call("named_struct", string("item"), whole(item), string("by"), cast(by, "INT"),
                 string("bin"), cast(number, "INT"))
            for item, by, number in items
        ]  # fmt: skip
        return [call("inline", call("array", *structs))]

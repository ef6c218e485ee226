"""What differs between engines: how they read numbers, texts and times, hash, and spell functions."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from sqlglot import exp

from collectors.expressions import (
    any_of,
    bin_of,
    both,
    call,
    cast,
    either,
    is_null,
    minus,
    name,
    not_null,
    null,
    one_of,
    raw,
    real_text,
    string,
    times,
    total,
    whole,
)
from collectors.sources.base import ColumnInfo
from collectors.zones import unsure_spans, wall_pieces
from core.grid import Floats

DAY_US = 86_400_000_000
_NUMBER = (
    r"^\s*[-+]?((\d+\.?\d*|\.\d+)([eE][-+]?\d{1,2})?|[nN][aA][nN]|[iI][nN][fF]([iI][nN][iI][tT][yY])?)\s*$"
)
_OFFSET = r"([zZ]|[+-]\d{2}(:?\d{2})?)$"
_WHEN = r"^\s*\d{4}-\d{1,2}-\d{1,2}([T ]\d{1,2}:\d{2}(:\d{2}(\.\d+)?)?\s*([zZ]|[+-]\d{2}(:?\d{2})?)?)?\s*$"


class Dialect(ABC):
    """One engine's way of saying things; values come in as trees and leave as trees."""

    name: str
    double: str
    text_type: str
    native = False
    samples = False
    """Whether rows can be drawn by `hash` and handed over in numbers; else the engine takes quantiles."""

    @abstractmethod
    def number(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a value as a double; NULL for NaN and for what is no number."""

    @abstractmethod
    def finite(self, value: exp.Expression) -> exp.Expression:
        """Keep a double unless it is infinite (NULL then)."""

    @abstractmethod
    def wall_micros(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a time as microseconds since 1970; what has no zone is read as if it were UTC."""

    @abstractmethod
    def distinct_key(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Make one value of some texts that is equal where they are."""

    @abstractmethod
    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash some texts (NULL allowed) to a whole number whose sum tells sets of rows apart."""

    @abstractmethod
    def time_literal(self, moment: datetime, column: ColumnInfo) -> exp.Expression | None:
        """Write a UTC moment to compare with the raw column; None where that makes no sense."""

    def text(self, value: exp.Expression, column: ColumnInfo | None = None) -> exp.Expression:
        """Read a value as text."""
        return cast(value, self.text_type)

    @abstractmethod
    def loose_number(self, value: exp.Expression) -> exp.Expression:
        """Read an expression of any type as a double, true and false as 1 and 0; else NULL."""

    def natural(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a column as what it means."""
        return self.number(value, column) if column.is_text and column.kind == "numeric" else value

    def micros(self, value: exp.Expression, column: ColumnInfo, zone: ZoneInfo | None) -> exp.Expression:
        """Read a time as microseconds since 1970 UTC; naive times are in `zone` (None: UTC)."""
        wall = self.wall_micros(value.copy(), column)
        number = column.kind == "numeric" and not column.is_text  # since 1970: no zone can move it
        if zone is None or str(zone) in ("UTC", "Etc/UTC") or column.aware or number:
            return wall
        bounds, offsets = wall_pieces(zone)
        moved = minus(wall, _piece(wall, bounds, offsets))
        if column.kind == "time":
            return moved
        has_zone = self.has_offset(value.copy())
        return either([(has_zone, wall.copy())], moved) if has_zone is not None else moved

    def has_offset(self, value: exp.Expression) -> exp.Expression | None:
        """Test whether a time written as text names its zone; None where the engine cannot tell."""
        return None

    def unsure(
        self, value: exp.Expression, column: ColumnInfo, zone: ZoneInfo | None, span: tuple[int, int]
    ) -> exp.Expression | None:
        """Test whether a naive time happens twice or never in its zone; None where that cannot be."""
        if zone is None or column.aware:
            return None
        spans = [(a, b) for a, b in unsure_spans(zone) if b > span[0] - DAY_US and a < span[1] + DAY_US]
        if not spans:
            return None
        wall = self.wall_micros(value, column)
        return any_of(
            *(
                both(
                    exp.GTE(this=wall.copy(), expression=whole(a)),
                    exp.LT(this=wall.copy(), expression=whole(b)),
                )
                for a, b in spans
            )
        )

    def apart(self, query: exp.Select) -> exp.Select:
        """Have a subquery computed once for each row, whatever reads its columns."""
        return query

    def may_not_fit(self, column: ColumnInfo) -> bool:
        """Tell whether a value of a numeric column may be no number."""
        return column.kind not in ("numeric", "boolean") or column.is_text

    def may_be_infinite(self, column: ColumnInfo) -> bool:
        """Tell whether a number may be infinite."""
        return column.may_be_nan or self.may_not_fit(column)

    @abstractmethod
    def no_number(self, text: exp.Expression) -> exp.Expression:
        """Test whether a text (not NULL, not blank) is neither a number nor NaN."""

    def exact_sum(self, value: exp.Expression) -> exp.Expression:
        """Sum doubles as exactly as the engine can; 0 without any."""
        return total(value)

    def days(self, micros: exp.Expression) -> exp.Expression:
        """Return the whole days in a whole number of microseconds."""
        return exp.Div(this=micros, expression=whole(DAY_US), typed=True)

    def bin_of(self, column: str, edges: Floats) -> exp.Expression:
        """Number the right-closed bin of a column; NULL stays NULL."""
        return bin_of(column, edges)

    def piled(self, items: Sequence[tuple[int, exp.Expression, exp.Expression]]) -> exp.Expression | None:
        """Make rows (item, by, bin) of one row, so that it is read once; None where the engine cannot."""
        return None


class DuckDb(Dialect):
    """DuckDB in process."""

    name = "duckdb"
    double = "DOUBLE"
    text_type = "VARCHAR"
    native = True
    samples = True

    def number(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a double."""
        if column.is_text:
            value = cast(call("nullif", call("trim", value), string("")), self.double, attempt=True)
        elif column.kind == "numeric" and not column.may_be_nan:
            return cast(value, self.double)
        elif column.kind in ("numeric", "boolean"):
            value = cast(value, self.double)
        else:
            value = cast(cast(value, self.text_type), self.double, attempt=True)
        return call("nullif", value, raw("'nan'::DOUBLE"))

    def loose_number(self, value: exp.Expression) -> exp.Expression:
        """Try a number, then a truth."""
        tried = cast(value, self.double, attempt=True)
        truth = cast(cast(value.copy(), "BOOLEAN", attempt=True), self.double)
        return call("nullif", call("coalesce", tried, truth), raw("'nan'::DOUBLE"))

    def no_number(self, text: exp.Expression) -> exp.Expression:
        """Try the cast."""
        kept = call("nullif", call("trim", text), string(""))
        return both(not_null(kept), is_null(cast(kept.copy(), self.double, attempt=True)))

    def exact_sum(self, value: exp.Expression) -> exp.Expression:
        """Sum with Kahan's correction, so that the order of threads hardly matters."""
        return call("coalesce", call("fsum", value), whole(0))

    def natural(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a column as what it means."""
        if column.is_text and column.kind == "boolean":
            return cast(value, "BOOLEAN", attempt=True)
        return super().natural(value, column)

    def finite(self, value: exp.Expression) -> exp.Expression:
        """Drop infinities."""
        return either([(call("isfinite", value), value.copy())], null())

    def wall_micros(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a time."""
        if column.kind == "time":
            return call("epoch_us", value)
        if column.is_text:
            zoned = call("epoch_us", cast(value, "TIMESTAMPTZ", attempt=True))
            naive = call("epoch_us", cast(value.copy(), "TIMESTAMP", attempt=True))
            return either([(self.has_offset(value.copy()), zoned)], naive)
        return _epoch(cast(value, self.double, attempt=True), "BIGINT")

    def has_offset(self, value: exp.Expression) -> exp.Expression:
        """Look for a zone after the time of day."""
        return call("regexp_matches", value, string(r"\d[T ]\d.*" + _OFFSET))

    def distinct_key(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash; NULL where the first text is."""
        hashed = call("hash", *texts)
        return either([(is_null(texts[0].copy()), null())], hashed)

    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash to 31 bits."""
        return cast(exp.Mod(this=call("hash", *texts), expression=whole(2**31)), "BIGINT")

    def time_literal(self, moment: datetime, column: ColumnInfo) -> exp.Expression | None:
        """Write a timestamp."""
        if column.kind != "time":
            return None
        written = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        return raw(f"TIMESTAMPTZ '{written}+00'") if column.aware else raw(f"TIMESTAMP '{written}'")


class PostgreSql(Dialect):
    """PostgreSQL 13 and later."""

    name = "postgres"
    double = "double precision"
    text_type = "text"

    def number(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a double; texts by pattern, since a failing cast would end the statement."""
        if column.kind == "boolean":
            return cast(cast(value, "integer"), self.double)
        if column.kind == "numeric" and not column.may_be_nan:
            return cast(value, self.double)
        if column.kind == "numeric":
            return call("nullif", cast(value, self.double), raw("'NaN'::double precision"))
        text = cast(value, self.text_type)
        matched = exp.RegexpLike(this=text, expression=string(_NUMBER))
        read = call("nullif", cast(text.copy(), self.double), raw("'NaN'::double precision"))
        return either([(matched, read)], null())

    def loose_number(self, value: exp.Expression) -> exp.Expression:
        """Look at the text."""
        text = cast(value, self.text_type)
        one, zero = cast(whole(1), self.double), cast(whole(0), self.double)
        matched = exp.RegexpLike(this=text, expression=string(_NUMBER))
        read = call("nullif", cast(text.copy(), self.double), raw("'NaN'::double precision"))
        truths = [(one_of(text.copy(), ["true", "t"]), one), (one_of(text.copy(), ["false", "f"]), zero)]
        return either([(matched, read), *truths], null())

    def no_number(self, text: exp.Expression) -> exp.Expression:
        """Match the pattern."""
        blank = exp.EQ(this=call("trim", text.copy()), expression=string(""))
        fits = exp.RegexpLike(this=text, expression=string(_NUMBER))
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
        return _epoch(cast(value, self.double), "bigint")

    def has_offset(self, value: exp.Expression) -> exp.Expression:
        """Look for a zone after the time of day."""
        return exp.RegexpLike(this=cast(value, "text"), expression=string(r"\d[T ]\d.*" + _OFFSET))

    def distinct_key(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Join the texts."""
        return _joined(texts)

    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash to 31 bits."""
        parts = [call("coalesce", text, string("\x02")) for text in texts]
        hashed = call("hashtextextended", _joined(parts), whole(0))
        return exp.Paren(this=exp.BitwiseAnd(this=hashed, expression=whole(2**31 - 1)))

    def time_literal(self, moment: datetime, column: ColumnInfo) -> exp.Expression | None:
        """Write a timestamp."""
        if column.kind != "time":
            return None
        written = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        kind = "timestamptz" if column.aware else "timestamp"
        return raw(f"'{written}{'+00' if column.aware else ''}'::{kind}")


class SQLite(Dialect):
    """SQLite; a column may hold anything, so values are looked at one by one."""

    name = "sqlite"
    double = "REAL"
    text_type = "TEXT"

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

    def distinct_key(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Join the texts."""
        return _joined(texts)

    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash to 31 bits."""
        return call("gk_hash", *texts)

    def time_literal(self, moment: datetime, column: ColumnInfo) -> exp.Expression | None:
        """Say that nothing can be compared."""
        return None


class Spark(Dialect):
    """Spark 4 (Spark SQL), its session in UTC and minding case."""

    name = "spark"
    double = "DOUBLE"
    text_type = "STRING"
    samples = True

    def number(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a double; texts by pattern, since Java reads '1d' and '0x1p3' too."""
        if column.kind == "boolean" or (column.kind == "numeric" and not column.is_text):
            read = cast(value, self.double)
            return call("nullif", read, raw("double('NaN')")) if column.may_be_nan else read
        text = cast(value, self.text_type)
        return either([(_fits(text), _spark_double(text.copy()))], null())

    def loose_number(self, value: exp.Expression) -> exp.Expression:
        """Look at the text."""
        text = cast(value, self.text_type)
        one, zero = cast(whole(1), self.double), cast(whole(0), self.double)
        truths = [(one_of(text.copy(), ["true", "t"]), one), (one_of(text.copy(), ["false", "f"]), zero)]
        return either([(_fits(text), _spark_double(text.copy())), *truths], null())

    def no_number(self, text: exp.Expression) -> exp.Expression:
        """Match the pattern."""
        blank = exp.EQ(this=call("trim", text.copy()), expression=string(""))
        return both(not_null(text.copy()), exp.Not(this=blank), exp.Not(this=_fits(text)))

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
            return either([(exp.RegexpLike(this=value.copy(), expression=string(_WHEN)), read)], null())
        return _epoch(cast(value, self.double, attempt=True), "BIGINT")

    def has_offset(self, value: exp.Expression) -> exp.Expression:
        """Look for a zone after the time of day."""
        return exp.RegexpLike(this=cast(value, "STRING"), expression=string(r"\d[T ]\d.*" + _OFFSET))

    def distinct_key(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Join the texts."""
        return _joined(texts)

    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash to 31 bits."""
        parts = [call("coalesce", text, string("\x02")) for text in texts]
        hashed = call("xxhash64", _joined(parts))
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

    def piled(self, items: Sequence[tuple[int, exp.Expression, exp.Expression]]) -> exp.Expression | None:
        """Unfold an array: a common query that is read thirty times would be computed thirty times."""
        structs = [
            call("named_struct", string("item"), whole(item), string("by"), cast(by, "INT"),
                 string("bin"), cast(number, "INT"))
            for item, by, number in items
        ]  # fmt: skip
        return call("inline", call("array", *structs))


def _fits(text: exp.Expression) -> exp.Expression:
    return exp.RegexpLike(this=text, expression=string(_NUMBER))


def _spark_double(text: exp.Expression) -> exp.Expression:
    return call("nullif", cast(text, "DOUBLE"), raw("double('NaN')"))


def _piece(wall: exp.Expression, bounds: Sequence[int], offsets: Sequence[int]) -> exp.Expression:
    def node(low: int, high: int) -> exp.Expression:
        if low == high:
            return whole(offsets[low])
        middle = (low + high) // 2
        test = exp.LT(this=wall.copy(), expression=whole(bounds[middle]))
        return either([(test, node(low, middle))], node(middle + 1, high))

    return node(0, len(bounds))


def _epoch(value: exp.Expression, whole_type: str) -> exp.Expression:
    """Read seconds, milliseconds or microseconds since 1970 by their size."""
    size = call("abs", value)
    return cast(
        call(
            "round",
            either(
                [
                    (exp.GT(this=size, expression=raw("1e14")), value.copy()),
                    (exp.GT(this=size.copy(), expression=raw("1e11")), times(value.copy(), whole(1000))),
                ],
                times(value.copy(), whole(1_000_000)),
            ),
        ),
        whole_type,
    )


def _joined(texts: Sequence[exp.Expression]) -> exp.Expression:
    joined = texts[0]
    for text in texts[1:]:
        joined = exp.DPipe(this=exp.DPipe(this=joined, expression=string("\x01")), expression=text)
    return joined


def _pg_micros(value: exp.Expression) -> exp.Expression:
    seconds = exp.Extract(this=raw("epoch"), expression=value)
    return cast(call("round", times(seconds, whole(1_000_000))), "bigint")


DIALECTS: dict[str, type[Dialect]] = {"duckdb": DuckDb, "postgresql": PostgreSql, "sqlite": SQLite}

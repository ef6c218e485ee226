"""DuckDB."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlglot import exp

from collectors.dialects.base import OFFSET, Dialect, epoch
from collectors.expressions import (
    both,
    call,
    cast,
    either,
    is_null,
    name,
    not_null,
    null,
    raw,
    real_text,
    string,
    whole,
)
from collectors.sources.base import ColumnInfo
from core.grid import Floats


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
            value = _tried(value)
        elif column.kind == "numeric" and not column.may_be_nan:
            return cast(value, self.double)
        elif column.kind in ("numeric", "boolean"):
            value = cast(value, self.double)
        else:
            value = cast(cast(value, self.text_type), self.double, attempt=True)
        return self.no_nan(value)

    def loose_number(self, value: exp.Expression) -> exp.Expression:
        """Try a number, then a truth."""
        tried = cast(value, self.double, attempt=True)
        truth = cast(cast(value.copy(), "BOOLEAN", attempt=True), self.double)
        return self.no_nan(call("coalesce", tried, truth))

    def no_number(self, text: exp.Expression) -> exp.Expression:
        """Try the cast."""
        kept = call("nullif", call("trim", text), string(""))
        return both(not_null(kept), is_null(_tried(text.copy())))

    def exact_sum(self, value: exp.Expression) -> exp.Expression:
        """Sum with Kahan's correction, so that the order of threads hardly matters."""
        return call("coalesce", call("fsum", value), whole(0))

    def bin_of(self, column: str, edges: Floats) -> exp.Expression:
        """Number the bin as text: a tree of that many nodes takes longer to write than to run."""
        place = name(column).sql(self.name)

        def node(low: int, high: int) -> str:
            if low == high:
                return str(low)
            middle = (low + high) // 2
            test = f"{place} <= {real_text(edges[middle])}"
            return f"CASE WHEN {test} THEN {node(low, middle)} ELSE {node(middle + 1, high)} END"

        return raw(f"CASE WHEN NOT {place} IS NULL THEN {node(0, len(edges))} END")

    def natural(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a column as what it means."""
        if column.is_text and column.kind == "boolean":
            return cast(value, "BOOLEAN", attempt=True)
        return super().natural(value, column)

    def no_nan(self, value: exp.Expression) -> exp.Expression:
        """Drop NaN, which equals itself here."""
        return call("nullif", value, raw("'nan'::DOUBLE"))

    def finite(self, value: exp.Expression) -> exp.Expression:
        """Drop infinities."""
        return either([(call("isfinite", value), value.copy())], null())

    def wall_micros(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a time."""
        if column.kind == "time":
            return call("epoch_us", cast(value, "TIMESTAMPTZ") if column.aware else value)  # nanoseconds too
        if column.is_text:
            zoned = call("epoch_us", cast(value, "TIMESTAMPTZ", attempt=True))
            naive = call("epoch_us", cast(value.copy(), "TIMESTAMP", attempt=True))
            return either([(self.has_offset(value.copy()), zoned)], naive)
        return epoch(cast(value, self.double, attempt=True), "BIGINT")

    def has_offset(self, value: exp.Expression) -> exp.Expression:
        """Look for a zone after the time of day."""
        return call("regexp_matches", value, string(r"[0-9][T ][0-9].*" + OFFSET))

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


def _tried(text: exp.Expression) -> exp.Expression:
    """Try the cast; '1_000' is no number elsewhere."""
    odd = call("contains", text, string("_"))
    kept = call("nullif", call("trim", text.copy()), string(""))
    return cast(either([(odd, null())], kept), "DOUBLE", attempt=True)

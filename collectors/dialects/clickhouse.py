"""ClickHouse."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlglot import exp

from collectors.dialects.base import DAY_US, WHEN, Dialect, Item, epoch, matches
from collectors.expressions import call, cast, either, name, null, raw, string, whole
from collectors.sources.base import ColumnInfo

_LETTERS = {"length": "lengthUTF8", "substr": "substringUTF8"}  # the plain ones count bytes
_WIDE = 2**32


class ClickHouse(Dialect):
    """ClickHouse 24 and later, its session in UTC; every cast is to a Nullable type."""

    name = "clickhouse"
    double = "Float64"
    text_type = "String"
    samples = True

    def render(self, query: exp.Expression) -> str:
        """Write a statement; some things have names of their own here."""
        return super().render(query.transform(_spelled))

    def read(self, text: exp.Expression) -> exp.Expression:
        """Read a text that looks like a number; a failing cast would end the statement, whatever the case."""
        bare = call("replaceRegexpAll", text, string(r"\s"), string(""))
        return self.no_nan(call("toFloat64OrNull", bare))

    def no_nan(self, value: exp.Expression) -> exp.Expression:
        """Drop NaN."""
        return either([(call("isNaN", value), null())], value.copy())

    def finite(self, value: exp.Expression) -> exp.Expression:
        """Drop infinities."""
        return either([(call("isFinite", value), value.copy())], null())

    def exact_sum(self, value: exp.Expression) -> exp.Expression:
        """Sum with Kahan's correction, so that the order of threads hardly matters."""
        return call("coalesce", call("sumKahan", value), whole(0))

    def wall_micros(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a time; a text must bear a date."""
        if column.kind == "time":
            return _micros(call("toDateTime64", value, whole(6), string("UTC")))
        if column.is_text:
            read = call("parseDateTime64BestEffortOrNull", call("trimBoth", value), whole(6), string("UTC"))
            return either([(matches(value.copy(), WHEN), _micros(read))], null())
        return epoch(cast(value, self.double), "Int64")

    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash to 31 bits."""
        return call("bitAnd", call("sipHash64", self.joined_all(texts)), whole(2**31 - 1))

    def time_literal(self, moment: datetime, column: ColumnInfo) -> exp.Expression | None:
        """Write a timestamp; the session speaks UTC."""
        if column.kind != "time":
            return None
        written = moment.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        return call("toDateTime64", string(written), whole(6), string("UTC"))

    def days(self, micros: exp.Expression) -> exp.Expression:
        """Divide whole numbers."""
        return call("intDiv", micros, raw(str(DAY_US)))

    def piled(self, items: Sequence[Item]) -> Sequence[exp.Expression]:
        """Unfold an array: a common query is computed wherever it is named."""
        rows = [call("tuple", whole(item), cast(by, "Int32"), cast(bin, "Int32")) for item, by, bin in items]
        made: list[exp.Expression] = [_named(call("arrayJoin", call("array", *rows)), "gk:item")]
        for i, alias in enumerate(("item", "by", "bin")):
            made.append(_named(call("tupleElement", name("gk:item"), whole(i + 1)), alias))
        return made


def _spelled(node: exp.Expression) -> exp.Expression:
    if isinstance(node, exp.Var) and node.name.isdigit() and int(node.name) >= _WIDE:
        return call("toInt64", exp.Literal.number(node.name))  # UInt64 mixes with nothing that has a sign
    if isinstance(node, exp.Anonymous) and node.name in _LETTERS:
        return call(_LETTERS[node.name], *node.expressions)
    if isinstance(node, exp.Anonymous) and node.name == "hash":
        return call("cityHash64", call("tuple", *node.expressions))  # as one value, which is never NULL
    return node


def _named(value: exp.Expression, alias: str) -> exp.Expression:
    return exp.Alias(this=value, alias=exp.to_identifier(alias, quoted=True))


def _micros(value: exp.Expression) -> exp.Expression:
    return call("toUnixTimestamp64Micro", value)

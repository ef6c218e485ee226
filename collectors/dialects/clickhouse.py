"""ClickHouse."""

from collections.abc import Sequence
from datetime import UTC, datetime

from sqlglot import exp

from collectors.dialects.base import DAY_US, NUMBER, OFFSET, WHEN, Dialect, Item, epoch, joined
from collectors.expressions import both, call, cast, either, name, not_null, null, one_of, raw, string, whole
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

    def number(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a double; texts by pattern, as elsewhere."""
        if column.kind == "boolean" or (column.kind == "numeric" and not column.is_text):
            return _no_nan(cast(value, self.double)) if column.may_be_nan else cast(value, self.double)
        text = cast(value, self.text_type)
        return either([(_matches(text, NUMBER), _no_nan(_read(text.copy())))], null())

    def loose_number(self, value: exp.Expression) -> exp.Expression:
        """Look at the text."""
        text = cast(value, self.text_type)
        truths = [
            (one_of(text.copy(), ["true", "t"]), cast(whole(1), self.double)),
            (one_of(text.copy(), ["false", "f"]), cast(whole(0), self.double)),
        ]
        pattern = NUMBER.replace("{1,2}", "{1,3}")
        return either([(_matches(text, pattern), _no_nan(_read(text.copy()))), *truths], null())

    def no_number(self, text: exp.Expression) -> exp.Expression:
        """Match the pattern."""
        blank = exp.EQ(this=call("trimBoth", text.copy()), expression=string(""))
        return both(not_null(text.copy()), exp.Not(this=blank), exp.Not(this=_matches(text, NUMBER)))

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
            return either([(_matches(value.copy(), WHEN), _micros(read))], null())
        return epoch(cast(value, self.double), "Int64")

    def has_offset(self, value: exp.Expression) -> exp.Expression:
        """Look for a zone after the time of day."""
        return _matches(cast(value, self.text_type), r"\d[T ]\d.*" + OFFSET)

    def distinct_key(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Join the texts."""
        return joined(texts)

    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash to 31 bits."""
        parts = [call("coalesce", text, string("\x02")) for text in texts]
        return call("bitAnd", call("sipHash64", joined(parts)), whole(2**31 - 1))

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


def _matches(text: exp.Expression, pattern: str) -> exp.Expression:
    return exp.RegexpLike(this=text, expression=string(pattern))


def _read(text: exp.Expression) -> exp.Expression:
    return call("toFloat64OrNull", call("replaceRegexpAll", text, string(r"\s"), string("")))


def _no_nan(value: exp.Expression) -> exp.Expression:
    return either([(call("isNaN", value), null())], value.copy())


def _micros(value: exp.Expression) -> exp.Expression:
    return call("toUnixTimestamp64Micro", value)

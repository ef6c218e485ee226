"""Spark SQL."""

import re
from collections.abc import Callable, Sequence
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

    def render(self, query: exp.Expression) -> str:
        """Write a statement; trees that outgrow what Java compiles become searches of an array."""
        return super().render(query.transform(_searched))

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
        """Search a sorted array: trees of comparisons outgrow what Java compiles."""
        value = name(column).sql(self.name)
        found = _place(
            [real_text(edge) for edge in edges], "double('Infinity')", lambda edge: f"{edge} < {value}"
        )
        return either([(is_null(name(column)), null())], raw(found))

    def piled(self, items: Sequence[Item]) -> Sequence[exp.Expression]:
        """Unfold an array: a common query that is read thirty times would be computed thirty times."""
        structs = [
            call("named_struct", string("item"), whole(item), string("by"), cast(by, "INT"),
                 string("bin"), cast(number, "INT"))
            for item, by, number in items
        ]  # fmt: skip
        return [call("inline", call("array", *structs))]


_WHOLE = re.compile(r"-?\d+|NULL")
MOST_LEAVES = 256
"""How large a tree of comparisons Java surely compiles; Spark would go on without, slowly and loudly."""


def _place(bounds: Sequence[str], above: str, passes: Callable[[str], str]) -> str:
    """Count the sorted bounds that pass a test by halving; none passes it after one that does not.

    `above` is a bound that passes for nothing but NULL, for which as many as can be are counted.
    """
    steps = [2**i for i in reversed(range(len(bounds).bit_length()))]
    filled = [*bounds, *[above] * (2 ** len(steps) - 1 - len(bounds))]
    passed = passes(f"array({', '.join(filled)})[at + step - 1]")
    return f"aggregate(array({', '.join(map(str, steps))}), 0, (at, step) -> at + IF({passed}, step, 0))"


def _searched(node: exp.Expression) -> exp.Expression:
    """Write a large tree of `value < bound` over whole numbers as the search of an array."""
    value, bounds = _step(node), list[str]()
    if value is None:
        return node
    leaves = [leaf.sql(Spark.name) for leaf in _leaves(node, value, bounds)]
    if len(leaves) <= MOST_LEAVES or not all(map(_WHOLE.fullmatch, [*leaves, *bounds])):
        return node
    leaves += leaves[-1:] * (2 ** len(bounds).bit_length() - len(leaves))
    compared = value.sql(Spark.name)
    place = _place(bounds, str(2**63 - 1), lambda bound: f"NOT coalesce({compared} < {bound}, false)")
    return raw(f"array({', '.join(leaves)})[{place}]")


def _leaves(node: exp.Expression, value: exp.Expression, bounds: list[str]) -> list[exp.Expression]:
    """Return a tree's leaves from left to right; add the bounds between them."""
    if _step(node) != value:
        return [node]
    choice = node.args["ifs"][0]
    low = _leaves(choice.args["true"], value, bounds)
    bounds.append(choice.this.expression.sql(Spark.name))
    return low + _leaves(node.args["default"], value, bounds)


def _step(node: exp.Expression) -> exp.Expression | None:
    """Return the value that one step of a tree compares; None for anything else."""
    if not isinstance(node, exp.Case) or node.this is not None or len(node.args["ifs"]) != 1:
        return None
    test = node.args["ifs"][0].this
    return test.this if isinstance(test, exp.LT) else None

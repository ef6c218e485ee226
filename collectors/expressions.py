"""Small pieces of SQL trees that every dialect shares."""

import math
from collections.abc import Sequence

from sqlglot import exp

from core.grid import Floats


def name(alias: str, table: str | None = None) -> exp.Column:
    """Refer to a column by its exact name."""
    return exp.column(alias, table, quoted=True)


def call(function: str, *arguments: exp.Expression) -> exp.Anonymous:
    """Call a function as it is spelled, without translation."""
    return exp.Anonymous(this=function, expressions=list(arguments))


def raw(text: str) -> exp.Var:
    """Take a piece of SQL as it is."""
    return exp.Var(this=text)


def real_text(value: float) -> str:
    """Write a finite number so that every engine reads the same double: '2.5e0'."""
    written = repr(float(value))
    return written if "e" in written else f"{written}e0"


def real(value: float) -> exp.Var:
    """Write a finite number as a literal."""
    if not math.isfinite(value):
        raise ValueError(value)
    return raw(real_text(value))


def whole(value: int) -> exp.Var:
    """Write a whole number as a literal."""
    return raw(str(int(value)))


def string(value: str) -> exp.Literal:
    """Write a text as a literal."""
    return exp.Literal.string(value)


def null() -> exp.Null:
    """Write NULL."""
    return exp.Null()


def cast(value: exp.Expression, kind: str, *, attempt: bool = False) -> exp.Expression:
    """Cast to a type that is spelled as the engine spells it."""
    kept = exp.DataType(this=exp.DataType.Type.USERDEFINED, kind=kind)
    return exp.TryCast(this=value, to=kept) if attempt else exp.Cast(this=value, to=kept)


def either(
    choices: Sequence[tuple[exp.Expression, exp.Expression]], default: exp.Expression
) -> exp.Expression:
    """Write CASE WHEN … THEN … ELSE … END; no choices give the default."""
    if not choices:
        return default
    return exp.Case(ifs=[exp.If(this=when, true=then) for when, then in choices], default=default)


def one_of(value: exp.Expression, texts: Sequence[str]) -> exp.Expression:
    """Test whether a text is one of some."""
    return exp.In(this=value, expressions=[string(text) for text in texts])


def is_null(value: exp.Expression) -> exp.Expression:
    """Test for NULL."""
    return exp.Is(this=value, expression=exp.Null())


def not_null(value: exp.Expression) -> exp.Expression:
    """Test for anything but NULL."""
    return exp.Not(this=is_null(value))


def both(*conditions: exp.Expression) -> exp.Expression:
    """Join conditions with AND."""
    made = _closed(conditions[0])
    for condition in conditions[1:]:
        made = exp.And(this=made, expression=_closed(condition))
    return made


def any_of(*conditions: exp.Expression) -> exp.Expression:
    """Join conditions with OR."""
    made = _closed(conditions[0])
    for condition in conditions[1:]:
        made = exp.Or(this=made, expression=_closed(condition))
    return made


def _closed(condition: exp.Expression) -> exp.Expression:
    return exp.Paren(this=condition) if isinstance(condition, exp.And | exp.Or) else condition


def add(*terms: exp.Expression) -> exp.Expression:
    """Sum terms up."""
    total = terms[0]
    for term in terms[1:]:
        total = exp.Add(this=total, expression=term)
    return total


def minus(left: exp.Expression, right: exp.Expression) -> exp.Expression:
    """Subtract."""
    return exp.Paren(this=exp.Sub(this=left, expression=exp.Paren(this=right)))


def times(left: exp.Expression, right: exp.Expression) -> exp.Expression:
    """Multiply."""
    return exp.Mul(this=exp.Paren(this=left), expression=exp.Paren(this=right))


def count(value: exp.Expression | None = None) -> exp.Expression:
    """Count rows, or the values that are not NULL."""
    return exp.Count(this=exp.Star() if value is None else value)


def total(value: exp.Expression) -> exp.Expression:
    """Sum the values that are not NULL; 0 without any."""
    return exp.Coalesce(this=exp.Sum(this=value), expressions=[whole(0)])


def bin_of(column: str, edges: Floats) -> exp.Expression:
    """Number the right-closed bin of a column by a balanced tree of comparisons; NULL stays NULL."""

    def node(low: int, high: int) -> exp.Expression:
        if low == high:
            return whole(low)
        middle = (low + high) // 2
        test = exp.LTE(this=name(column), expression=real(edges[middle]))
        return either([(test, node(low, middle))], node(middle + 1, high))

    return either([(is_null(name(column)), null())], node(0, len(edges)))


def span_of(column: str, bounds: Sequence[int], targets: Sequence[int | None]) -> exp.Expression:
    """Return targets[i] where bounds[i] <= column < bounds[i + 1] (whole numbers), NULL elsewhere."""
    starts = [*bounds]
    values = [None, *targets, None]

    def node(low: int, high: int) -> exp.Expression:
        if low == high:
            found = values[low]
            return null() if found is None else whole(found)
        middle = (low + high) // 2
        test = exp.LT(this=name(column), expression=whole(starts[middle]))
        return either([(test, node(low, middle))], node(middle + 1, high))

    return node(0, len(starts))


def select(
    columns: Sequence[tuple[exp.Expression, str]],
    source: exp.Expression,
    where: exp.Expression | None = None,
    group: int = 0,
) -> exp.Select:
    """Write SELECT … FROM …; `group` groups by that many first columns."""
    made = exp.Select(
        expressions=[
            exp.Alias(this=value, alias=exp.to_identifier(alias, quoted=True)) for value, alias in columns
        ]
    )
    made.set("from_", exp.From(this=source))
    if where is not None:
        made.set("where", exp.Where(this=where))
    if group:
        made.set("group", exp.Group(expressions=[whole(i + 1) for i in range(group)]))
    return made


def within(query: exp.Expression, alias: str) -> exp.Subquery:
    """Use a query as a table."""
    return exp.Subquery(this=query, alias=exp.TableAlias(this=exp.to_identifier(alias, quoted=True)))


def table(alias: str) -> exp.Table:
    """Refer to a table, or a query of a WITH."""
    return exp.Table(this=exp.to_identifier(alias, quoted=True))

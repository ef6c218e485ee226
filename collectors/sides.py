"""The log and the truth of a model as their engines see them: which column is what, and how to read it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlglot import exp

from collectors.engines import Engine
from collectors.expressions import both, cast, either, name, null, one_of, real, string, whole, within
from collectors.parsing import star
from collectors.sources.base import ColumnInfo, Source
from collectors.zones import micros
from core.config import Columns, Model, Role, Task

UNVERSIONED = "unversioned"
_TRUE = ("true", "True", "TRUE", "t", "1", "1.0")
_FALSE = ("false", "False", "FALSE", "f", "0", "0.0")
_SLACK = timedelta(days=1)


@dataclass(frozen=True, kw_only=True)
class Side:
    """A source with the uses of its columns, or a temporary table that took its place.

    `span` limits its rows to [start, end) exactly.
    """

    source: Source
    columns: Columns
    moved_to: str = ""
    span: tuple[datetime, datetime] | None = None

    @property
    def engine(self) -> Engine:
        """Where it can be read."""
        return self.source.setting.engines.duck() if self.moved_to else self.source.engine

    @property
    def names(self) -> list[str]:
        """Names of all columns."""
        return [column.name for column in self.source.columns()]

    def info(self, column: str) -> ColumnInfo:
        """Describe a column."""
        return self.source.column(column)

    def has(self, column: str | None) -> bool:
        """Tell whether there is such a column."""
        return column is not None and column in self.names

    def relation(self, first: datetime | None, end: datetime | None) -> exp.Expression:
        """Return what to write after FROM."""
        if self.moved_to:
            return exp.Table(this=exp.to_identifier(self.moved_to, quoted=True))
        if self.span is None:
            return self.source.relation((first, end))
        start, stop = self.span
        at = self.micros(self.columns.time)
        inside = both(
            exp.GTE(this=at, expression=whole(micros(start))),
            exp.LT(this=at.copy(), expression=whole(micros(stop))),
        )
        return within(star(self.source.relation(self.span), inside), "spanned")

    def text(self, column: str) -> exp.Expression:
        """Read as text."""
        return self.engine.dialect.text(name(column), self.info(column))

    def number(self, column: str) -> exp.Expression:
        """Read as a double."""
        return self.engine.dialect.number(name(column), self.info(column))

    def natural(self, column: str) -> exp.Expression:
        """Read as what the column means: a number, true or false, or as it is."""
        return self.engine.dialect.natural(name(column), self.info(column))

    def micros(self, column: str | None) -> exp.Expression:
        """Read as microseconds since 1970 UTC; NULL without a column."""
        if column is None:
            return cast(null(), "bigint")
        return self.engine.dialect.micros(name(column), self.info(column), self.source.setting.zone)

    def between(self, first: datetime | None, end: datetime | None) -> list[exp.Expression]:
        """Limit the raw time column roughly, so that an index or statistics can help."""
        column = self.columns.time
        if column is None:
            return []
        info, dialect = self.info(column), self.engine.dialect
        zone = self.source.setting.zone
        slack = timedelta() if info.aware or zone is None else _SLACK
        tests: list[exp.Expression] = []
        if first is not None and (low := dialect.time_literal(first - slack, info)) is not None:
            tests.append(exp.GTE(this=name(column), expression=low))
        if end is not None and (high := dialect.time_literal(end + slack, info)) is not None:
            tests.append(exp.LT(this=name(column), expression=high))
        return tests

    def version(self) -> exp.Expression:
        """Read the version."""
        if self.columns.version is None:
            return string(UNVERSIONED)
        return exp.Coalesce(this=self.text(self.columns.version), expressions=[string(UNVERSIONED)])

    def role(self, model: Model) -> tuple[exp.Expression, exp.Expression | None]:
        """Read the role, foreign words mapped (unknown ones: champion), and a test for unknown ones."""
        if self.columns.role is None:
            return string(Role.CHAMPION.value), None
        words: dict[str, list[str]] = {role.value: [role.value] for role in Role}
        for word, role in model.roles.items():
            words[role.value].append(word)
        text = self.text(self.columns.role)
        made = either(
            [
                (one_of(text.copy(), words[role.value]), string(role.value))
                for role in Role
                if role is not Role.CHAMPION
            ],
            string(Role.CHAMPION.value),
        )
        known = [word for found in words.values() for word in found]
        return made, exp.Not(this=one_of(text.copy(), known))

    def key_texts(self) -> list[exp.Expression]:
        """Read what makes a row's key together with its version: id, and row index."""
        kept = [one for one in (self.columns.id, self.columns.row_index) if one is not None]
        return [self.text(one) for one in kept]

    def moved(self, table: str) -> "Side":
        """Return this side as read from a temporary table of DuckDB."""
        return replace(self, moved_to=table)


def spellings(text: str, *, binary: bool) -> tuple[str, ...]:
    """Return how a class may be written: '1' also as '1.0', and of two classes also as true."""
    found = [text]
    if binary and text in _TRUE:
        found += _TRUE
    elif binary and text in _FALSE:
        found += _FALSE
    elif text.lstrip("-").isdigit():
        found.append(f"{text}.0")
    return tuple(dict.fromkeys(found))


def class_of(text: exp.Expression, classes: Sequence[str]) -> exp.Expression:
    """Number the class that a label's text names; NULL for none of them."""
    binary = len(classes) == 2
    return either(
        [(one_of(text.copy(), spellings(one, binary=binary)), whole(i)) for i, one in enumerate(classes)],
        null(),
    )


def predicted_class(text: exp.Expression, classes: Sequence[str]) -> exp.Expression:
    """Number the class that a prediction's text names; of two, true and false fit as well."""
    if len(classes) != 2:
        return class_of(text, classes)
    pairs = [(classes[0], _FALSE), (classes[1], _TRUE)]
    return either(
        [
            (one_of(text.copy(), tuple(dict.fromkeys((*spellings(one, binary=True), *more)))), whole(i))
            for i, (one, more) in enumerate(pairs)
        ],
        null(),
    )


SAYS_A_NUMBER = frozenset({Task.REGRESSION, Task.RANKING})
"""Tasks whose models say a number of any size and name no class."""


def score_columns(
    side: Side, model: Model, classes: Sequence[str]
) -> tuple[list[tuple[exp.Expression, str]], list[tuple[exp.Expression, str]]]:
    """Return the columns to read, and those made of them: s (score) and k (predicted class)."""
    columns, binary = side.columns, model.task is Task.BINARY
    score, prediction = columns.score, columns.prediction
    read: list[tuple[exp.Expression, str]] = []
    s: exp.Expression = cast(null(), side.engine.dialect.double)
    k: exp.Expression = cast(null(), "bigint")
    if isinstance(score, Mapping):
        by_class = [(i, score[one]) for i, one in enumerate(classes) if one in score and side.has(score[one])]
        read += [(side.number(column), f"s:{i}") for i, column in by_class]
        s, k = _of_several([i for i, _column in by_class])
    elif side.has(score):
        read.append((side.number(str(score)), "s:"))
        s = name("s:")
    elif model.task in SAYS_A_NUMBER and side.has(prediction):
        read.append((side.number(str(prediction)), "s:"))
        s = name("s:")
    if model.task in SAYS_A_NUMBER:
        return read, [(s, "s"), (k, "k")]
    if binary and not isinstance(score, Mapping):
        threshold = 0.5 if model.threshold is None else model.threshold
        k = either(
            [(exp.GTE(this=s.copy(), expression=real(threshold)), whole(1))],
            either([(exp.Is(this=s.copy(), expression=exp.Null()), null())], whole(0)),
        )
    if side.has(prediction):
        read.append((side.text(str(prediction)), "k:"))
        named = predicted_class(name("k:"), classes)
        if isinstance(score, Mapping):
            k = named
            s = either(
                [
                    (exp.EQ(this=named.copy(), expression=whole(int(alias[2:]))), name(alias))
                    for _value, alias in read
                    if alias.startswith("s:") and alias != "s:"
                ],
                null(),
            )
        else:
            k = exp.Coalesce(this=named, expressions=[k])
    return read, [(s, "s"), (k, "k")]


def _of_several(classes: Sequence[int]) -> tuple[exp.Expression, exp.Expression]:
    """Return the largest of several scores and the class that has it (the first of equal ones)."""
    largest: list[tuple[exp.Expression, exp.Expression]] = []
    which: list[tuple[exp.Expression, exp.Expression]] = []
    for i in classes:
        mine = name(f"s:{i}")
        tests = [exp.GTE(this=mine.copy(), expression=name(f"s:{j}")) for j in classes if j != i]
        test = both(*tests) if tests else exp.Not(this=exp.Is(this=mine.copy(), expression=exp.Null()))
        largest.append((test, mine.copy()))
        which.append((test.copy(), whole(i)))
    return either(largest, null()), either(which, null())


def visible(side: Side, now: datetime) -> list[exp.Expression]:
    """Test that a row of the log had happened (and arrived) by `now`; reads columns t and arr."""
    made: list[exp.Expression] = [exp.LTE(this=name("t"), expression=whole(micros(now)))]
    if side.has(side.columns.arrived):
        made.append(exp.LTE(this=name("arr"), expression=whole(micros(now))))
    return made

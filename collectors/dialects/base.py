"""What differs between engines: how they read numbers, texts and times, hash, and spell functions."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar
from zoneinfo import ZoneInfo

from sqlglot import exp

from collectors.expressions import (
    any_of,
    bin_of,
    both,
    call,
    cast,
    either,
    minus,
    not_null,
    null,
    one_of,
    raw,
    string,
    times,
    total,
    whole,
)
from collectors.sources.base import ColumnInfo
from collectors.zones import unsure_spans, wall_pieces
from core.grid import Floats

DAY_US = 86_400_000_000
NUMBER = (
    r"^\s*[-+]?(([0-9]+\.?[0-9]*|\.[0-9]+)([eE][-+]?[0-9]{1,2})?|[nN][aA][nN]"
    r"|[iI][nN][fF]([iI][nN][iI][tT][yY])?)\s*$"
)
"""What looks like a number to every engine; `\\d` would be digits of all scripts to some."""
LOOSE = NUMBER.replace("{1,2}", "{1,3}")
"""The same with larger exponents, for what cannot overflow."""
OFFSET = r"([zZ]|[+-][0-9]{2}(:?[0-9]{2})?)$"
CLOCK = r"[0-9]{1,2}:[0-9]{2}(:[0-9]{2}(\.[0-9]+)?)?"
WHEN = rf"^\s*[0-9]{{4}}-[0-9]{{1,2}}-[0-9]{{1,2}}([T ]{CLOCK}\s*([zZ]|[+-][0-9]{{2}}(:?[0-9]{{2}})?)?)?\s*$"


Item = tuple[int, exp.Expression, exp.Expression]
"""The number of a thing that is counted, by which whole numbers it is split, and the bin."""


class Dialect(ABC):
    """One engine's way of saying things; values come in as trees and leave as trees."""

    name: str
    double: str
    text_type: str
    native = False
    pattern = NUMBER
    """What a text looks like that is a number."""
    loose_pattern = LOOSE
    samples = False
    """Whether rows can be drawn by `hash` and handed over in numbers; else the engine takes quantiles."""

    def render(self, query: exp.Expression) -> str:
        """Write a statement as the engine reads it."""
        return query.sql(self.name)

    def number(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a value as a double; NULL for NaN and for what is no number.

        Texts go by pattern: a cast that fails ends the statement, and each engine's knows other spellings.
        """
        if column.is_text or column.kind not in ("numeric", "boolean"):
            text = self.text(value)
            return either([(matches(text, self.pattern), self.read(text.copy()))], null())
        read = cast(value, self.double) if column.kind == "numeric" else self.truth(value)
        return self.no_nan(read) if column.may_be_nan else read

    def read(self, text: exp.Expression) -> exp.Expression:
        """Read a text that looks like a number; NULL for NaN."""
        return self.no_nan(cast(text, self.double))

    def truth(self, value: exp.Expression) -> exp.Expression:
        """Read true and false as 1 and 0."""
        return cast(value, self.double)

    @abstractmethod
    def no_nan(self, value: exp.Expression) -> exp.Expression:
        """Keep a double unless it is NaN (NULL then)."""

    @abstractmethod
    def finite(self, value: exp.Expression) -> exp.Expression:
        """Keep a double unless it is infinite (NULL then)."""

    @abstractmethod
    def wall_micros(self, value: exp.Expression, column: ColumnInfo) -> exp.Expression:
        """Read a time as microseconds since 1970; what has no zone is read as if it were UTC."""

    def distinct_key(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Make one value of some texts that is equal where they are."""
        return self.joined(texts)

    def joined(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Join texts, with what is in none of them between; NULL where one is."""
        made = texts[0]
        for text in texts[1:]:
            made = exp.DPipe(this=exp.DPipe(this=made, expression=string("\x01")), expression=text)
        return made

    def joined_all(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Join texts of which some may be NULL."""
        return self.joined([call("coalesce", text, string("\x02")) for text in texts])

    @abstractmethod
    def mark(self, texts: Sequence[exp.Expression]) -> exp.Expression:
        """Hash some texts (NULL allowed) to a whole number whose sum tells sets of rows apart."""

    @abstractmethod
    def time_literal(self, moment: datetime, column: ColumnInfo) -> exp.Expression | None:
        """Write a UTC moment to compare with the raw column; None where that makes no sense."""

    def text(self, value: exp.Expression, column: ColumnInfo | None = None) -> exp.Expression:
        """Read a value as text."""
        return cast(value, self.text_type)

    def loose_number(self, value: exp.Expression) -> exp.Expression:
        """Read an expression of any type as a double, true and false as 1 and 0; else NULL."""
        text = self.text(value)
        truths = [
            (one_of(text.copy(), words), cast(whole(number), self.double))
            for words, number in ((["true", "t"], 1), (["false", "f"], 0))
        ]
        return either([(matches(text, self.loose_pattern), self.read(text.copy())), *truths], null())

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
        return either([(self.has_offset(value.copy()), wall.copy())], moved)

    def has_offset(self, value: exp.Expression) -> exp.Expression:
        """Test whether a time written as text names its zone."""
        return matches(self.text(value), r"^.*[0-9][T ][0-9].*" + OFFSET)

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
        inside = any_of(
            *(
                both(
                    exp.GTE(this=wall.copy(), expression=whole(a)),
                    exp.LT(this=wall.copy(), expression=whole(b)),
                )
                for a, b in spans
            )
        )
        if column.kind == "time":
            return inside
        return both(exp.Not(this=self.has_offset(value.copy())), inside)

    def apart(self, query: exp.Select) -> exp.Select:
        """Have a subquery computed once for each row, whatever reads its columns."""
        return query

    def may_not_fit(self, column: ColumnInfo) -> bool:
        """Tell whether a value of a numeric column may be no number."""
        return column.kind not in ("numeric", "boolean") or column.is_text

    def may_be_infinite(self, column: ColumnInfo) -> bool:
        """Tell whether a number may be infinite."""
        return column.may_be_nan or self.may_not_fit(column)

    def no_number(self, text: exp.Expression) -> exp.Expression:
        """Test whether a text (not NULL, not blank) is neither a number nor NaN."""
        blank = exp.EQ(this=call("trim", text.copy()), expression=string(""))
        return both(not_null(text.copy()), exp.Not(this=blank), exp.Not(this=matches(text, NUMBER)))

    def exact_sum(self, value: exp.Expression) -> exp.Expression:
        """Sum doubles as exactly as the engine can; 0 without any."""
        return total(value)

    def days(self, micros: exp.Expression) -> exp.Expression:
        """Return the whole days in a whole number of microseconds."""
        return exp.Div(this=micros, expression=whole(DAY_US), typed=True)

    def bin_of(self, column: str, edges: Floats) -> exp.Expression:
        """Number the right-closed bin of a column; NULL stays NULL."""
        return bin_of(column, edges)

    def piled(self, items: Sequence[Item]) -> Sequence[exp.Expression]:
        """Make rows (item, by, bin) of one row, so that it is read once; nothing where the engine cannot."""
        return ()


class SqlDialect(Dialect):
    """An engine behind a SQLAlchemy address."""

    address: ClassVar[str]
    """An example of its address."""
    extra = ""
    """What to install for its driver: an extra of this package."""
    typed = True
    """Whether it says what types a statement's columns have; else their values are looked at."""
    session: tuple[str, ...] = ()
    """What each connection is told first: to speak UTC and never to write."""

    def prepare(self, connection: Any) -> None:
        """Set up a new connection (one of the driver's)."""
        cursor = connection.cursor()
        for statement in self.session:
            cursor.execute(statement)
        cursor.close()

    @abstractmethod
    def described(self, entry: Sequence[Any]) -> ColumnInfo:
        """Read what a cursor's description (PEP 249) says of one column."""


def _piece(wall: exp.Expression, bounds: Sequence[int], offsets: Sequence[int]) -> exp.Expression:
    def node(low: int, high: int) -> exp.Expression:
        if low == high:
            return whole(offsets[low])
        middle = (low + high) // 2
        test = exp.LT(this=wall.copy(), expression=whole(bounds[middle]))
        return either([(test, node(low, middle))], node(middle + 1, high))

    return node(0, len(bounds))


def epoch(value: exp.Expression, whole_type: str) -> exp.Expression:
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


def matches(text: exp.Expression, pattern: str) -> exp.Expression:
    """Match a regular expression."""
    return exp.RegexpLike(this=text, expression=string(pattern))


def clock_less_zone(wall: exp.Expression, zone: exp.Expression, whole_type: str) -> exp.Expression:
    """Return the UTC microseconds of a wall clock whose text ends with `zone`: 'Z', '+02', '-0330'."""
    minutes = call("replace", call("substr", zone, whole(4)), string(":"), string(""))
    hours = call("substr", zone.copy(), whole(2), whole(2))
    parts = [
        call("coalesce", cast(call("nullif", part, string("")), whole_type), whole(0))
        for part in (hours, minutes)
    ]
    seconds = exp.Add(this=times(parts[0], whole(3600)), expression=times(parts[1], whole(60)))
    behind = exp.EQ(this=call("substr", zone.copy(), whole(1), whole(1)), expression=string("-"))
    sign = either([(behind, whole(-1))], whole(1))
    return minus(wall, times(sign, times(seconds, whole(1_000_000))))

"""The port of a source: where rows of a prediction log, a ground truth or a reference lie.

A plug-in is one module in this folder (or in a project's `sources/`) with `Options`, a pydantic model of its
own keys, and `Source`, a class made from a `Setting`. It tells which parts (slices) it consists of and when
each changed, so that unchanged ones are not read again, and hands out a relation that the engine it lies in
can sum up. Rows leave it only through `sample` (deep dives, and only where allowed).
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

import pyarrow as pa
from pydantic import BaseModel
from sqlglot import exp

from collectors.expressions import both, whole
from collectors.zones import micros
from core.errors import SourceError
from core.spelling import listed, nearest_of
from core.text import gettext as _
from core.text import ngettext

if TYPE_CHECKING:
    from collectors.engines import Engine, Engines

Kind = Literal["numeric", "categorical", "time", "boolean", "other"]
Span = tuple[datetime | None, datetime | None]
"""A half-open range of times; None is no limit."""


@dataclass(frozen=True, kw_only=True)
class ColumnInfo:
    """A column as its engine describes it.

    `is_text`: stored as text, whatever it means; `aware`: a time that names its zone; `may_be_nan`: a
    floating-point number; `own`: what the reader says of the row itself, so never a feature by itself.
    """

    name: str
    type: str
    kind: Kind
    is_text: bool = False
    aware: bool = False
    may_be_nan: bool = True
    own: bool = False


@dataclass(frozen=True, kw_only=True)
class Slice:
    """A file, or a day of a table.

    `mark` changes whenever its rows may have; `first` … `last` span its times (None: unknown); `columns` are
    its types by name where it has columns of its own; `error` says why it cannot be read.
    """

    name: str
    mark: str
    first: datetime | None = None
    last: datetime | None = None
    rows: int = 0
    columns: Mapping[str, str] = field(default_factory=dict)
    error: str = ""

    def touches(self, start: datetime, end: datetime) -> bool:
        """Tell whether rows of [start, end) may lie in it."""
        return (self.first is None or self.first < end) and (self.last is None or self.last >= start)


@dataclass(frozen=True, kw_only=True)
class Refusal:
    """Records of a part that are no rows, refused for one reason within a quarter of an hour from `at`.

    `example` is the beginning of the first of them.
    """

    part: str
    reason: str
    at: datetime
    count: int
    example: str = ""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What a source is made from: its options and what every source has.

    `time`, `id` and `label` are column names, `zone` that of naive times (None: UTC); `use` names the source
    in errors ('predictions', 'ground_truth', …).
    """

    options: BaseModel
    engines: "Engines"
    use: str
    time: str | None = None
    arrived: str | None = None
    id: str | None = None
    label: str | None = None
    where: str | None = None
    zone: ZoneInfo | None = None


def between(at: exp.Expression, span: Span) -> exp.Expression:
    """Test whether microseconds since 1970 lie in a span that is open at one end at most."""
    tests: list[exp.Expression] = []
    if span[0] is not None:
        tests.append(exp.GTE(this=at, expression=whole(micros(span[0]))))
    if span[1] is not None:
        tests.append(exp.LT(this=at.copy(), expression=whole(micros(span[1]))))
    return both(*tests)


EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""Rows dated earlier come from a clock that was not set (1970, 1980): they belong to no window."""


def said_early(use: str, part: str, count: int) -> str:
    """Say that rows of one part are dated before `EARLIEST`."""
    text = ngettext(
        "{use}: {n} row of {part} is dated before {year} and was left out: was a clock not set?",
        "{use}: {n} rows of {part} are dated before {year} and were left out: was a clock not set?",
        count,
    )
    return text.format(use=use, n=count, part=part, year=EARLIEST.year)


class Source(ABC):
    """One place where rows lie. Everything raises SourceError when it cannot be read."""

    def __init__(self, setting: Setting) -> None:
        self.setting = setting

    @property
    @abstractmethod
    def engine(self) -> "Engine":
        """Where its statements run; two sources with one engine can be joined there."""

    @abstractmethod
    def columns(self) -> tuple[ColumnInfo, ...]:
        """Return its columns in their order."""

    @abstractmethod
    def slices(
        self, known: Mapping[str, Slice], now: datetime, since: datetime | None = None
    ) -> tuple[Slice, ...]:
        """Return its parts; a part of `known` with an unchanged mark is not read again.

        Args:
            since: parts that lie wholly before it may be returned as they are known.
        """

    @abstractmethod
    def relation(self, span: Span = (None, None)) -> exp.Expression:
        """Return what to write after FROM; rows outside `span` may be left out, those inside may not."""

    @abstractmethod
    def sample(self, span: Span, columns: Sequence[str], limit: int) -> pa.Table:
        """Return at most `limit` rows of `span`, chosen by a hash of the id: the same ones each time."""

    @abstractmethod
    def describe(self) -> str:
        """Say in one line what it is, without secrets."""

    def kind_of(self, type_: str) -> Kind:
        """Return what a type of this source's engine means."""
        return "other"

    def remarks(self) -> Sequence[str]:
        """Return what a person should hear of the parts that were looked at last."""
        return ()

    def skipped(self) -> Mapping[str, str]:
        """Return the parts left out because they cannot be read, with the reason."""
        return {}

    def refused(self) -> Sequence[Refusal]:
        """Return the records of the parts that were read which are no rows."""
        return ()

    def recheck(self) -> bool:
        """Look, after a statement failed, for parts that cannot be read; True if some were found."""
        return False

    def column(self, name: str) -> ColumnInfo:
        """Return one column.

        Raises:
            SourceError: there is none of this name.
        """
        columns = self.columns()
        found = next((column for column in columns if column.name == name), None)
        if found is None:
            raise self.missing(name, [column.name for column in columns])
        return found

    def missing(self, name: str, existing: Sequence[str]) -> SourceError:
        """Build the error of a column that is not there."""
        near = nearest_of(name, existing)
        hint = _("It has: {columns}.").format(columns=listed(existing))
        if near:
            hint = _("Did you mean {nearest}?").format(nearest=near) + " " + hint
        return SourceError(
            _("{use}: there is no column '{column}' in {source}.").format(
                use=self.setting.use, column=name, source=self.describe()
            ),
            hint=hint,
        )

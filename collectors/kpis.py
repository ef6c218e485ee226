"""KPIs: columns or SQL expressions over the joined row, or over a table of their own."""

from collections.abc import Sequence
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from collectors.counting import Question
from collectors.expressions import (
    both,
    cast,
    count,
    either,
    name,
    not_null,
    null,
    one_of,
    real,
    select,
    string,
    times,
    total,
    whole,
    within,
)  # fmt: skip
from collectors.parsing import parse_expression
from collectors.sides import Side
from collectors.statement import OTHER, Column, Job, window_index
from collectors.zones import micros
from core.config import Kpi, Task
from core.errors import SourceError
from core.profile import KPI_SUMS, Role
from core.spelling import listed, nearest_of
from core.text import gettext as _

LABEL = "label"


@dataclass(frozen=True, kw_only=True)
class KpiColumns:
    """What KPIs need: columns to read on either side, and what becomes of them in the joined row.

    `weighted`: the joined row has the weight `wt`.
    """

    names: tuple[str, ...]
    log: tuple[Column, ...]
    truth: tuple[Column, ...]
    evaluated: tuple[Column, ...]
    weighted: bool = False

    def pairs(self) -> list[Column]:
        """Keep numerator and denominator only where both are known, times the row's weight."""
        made: list[Column] = []
        for i, _name in enumerate(self.names):
            known = both(not_null(name(f"kn{i}")), not_null(name(f"kd{i}")))
            for part in ("n", "d"):
                value: exp.Expression = name(f"k{part}{i}")
                if self.weighted:
                    value = times(value, name("wt"))
                made.append((either([(known.copy(), value)], null()), f"kp{part}{i}"))
        return made

    def sums(self) -> dict[str, exp.Expression]:
        """Return the aggregates of KPI_SUMS."""
        values: dict[str, exp.Expression] = {}
        for i, kpi in enumerate(self.names):
            n, d = name(f"kpn{i}"), name(f"kpd{i}")
            wanted = (
                count(n), total(n.copy()), total(d), total(times(n.copy(), n.copy())),
                total(times(d.copy(), d.copy())), total(times(n.copy(), d.copy())),
            )  # fmt: skip
            values |= {f"kpi:{kpi}:{one}": value for one, value in zip(KPI_SUMS, wanted, strict=True)}
        return values


class _Resolver:
    """Replaces the columns of an expression by what they are called in the joined row."""

    def __init__(self, job: Job) -> None:
        self.job = job
        self.log: dict[str, Column] = {}
        self.truth: dict[str, Column] = {}

    def evaluate(self, kpi: str, text: str) -> exp.Expression:
        dialect = self.job.log.engine.dialect
        label = self._label_name()
        if text == label and self._label_is_class():
            return cast(name("y"), dialect.double)
        known = self._known()
        tree = name(text) if text in known else parse_expression(f"kpis.{kpi}", text, dialect.name)
        made = tree.transform(lambda node: self._place(kpi, node) if isinstance(node, exp.Column) else node)
        return dialect.loose_number(made)

    def _known(self) -> list[str]:
        truth = self.job.truth
        names = self.job.log.names + ([] if truth is None else truth.names)
        label = self._label_name()
        return [*names, label] if label and label not in names else names

    def _label_name(self) -> str:
        truth = self.job.truth
        return "" if truth is None else truth.columns.label or LABEL

    def _label_is_class(self) -> bool:
        truth = self.job.truth
        if truth is None or self.job.model.task is not Task.BINARY:
            return False
        return truth.columns.label is None or truth.info(truth.columns.label).kind not in (
            "numeric",
            "boolean",
        )

    def _place(self, kpi: str, node: exp.Column) -> exp.Expression:
        wanted = node.name
        known = self._known()
        if wanted not in known:
            wanted = next((one for one in known if one.lower() == wanted.lower()), wanted)
        log, truth = self.job.log, self.job.truth
        if truth is not None and wanted == self._label_name():
            return self._label(truth)
        if truth is not None and truth.source is not log.source and not log.has(wanted) and truth.has(wanted):
            alias = f"kt{list(self.truth).index(wanted) if wanted in self.truth else len(self.truth)}:"
            self.truth.setdefault(wanted, (truth.natural(wanted), alias))
            return name(alias)
        if log.has(wanted):
            alias = f"kl{list(self.log).index(wanted) if wanted in self.log else len(self.log)}:"
            self.log.setdefault(wanted, (log.natural(wanted), alias))
            return name(alias)
        near = nearest_of(wanted, known)
        hint = _("There are: {columns}.").format(columns=listed(known))
        raise SourceError(
            _("kpis.{kpi}: there is no column '{column}'.").format(kpi=kpi, column=node.name),
            hint=_("Did you mean {nearest}?").format(nearest=near) + " " + hint if near else hint,
        )

    def _label(self, truth: Side) -> exp.Expression:
        column = truth.columns.label
        if column is None:
            return exp.EQ(this=name("y"), expression=whole(1))
        if truth.source is self.job.log.source:
            self.log.setdefault(column, (truth.natural(column), "kl_label"))
            return name("kl_label")
        self.truth.setdefault(column, (truth.natural(column), "kt_label"))
        config = self.job.model.ground_truth
        if config is None or config.absent == "unknown":
            return name("kt_label")
        kind = truth.info(column).kind
        double = self.job.log.engine.dialect.double
        absent: exp.Expression = cast(real(0.0), double)
        if kind == "boolean":
            absent = exp.false()
        elif kind != "numeric":
            absent = string(self.job.grids.classes[0])
        return either([(exp.EQ(this=name("neg"), expression=whole(1)), absent)], name("kt_label"))


def kpi_columns(job: Job, names: Sequence[str]) -> KpiColumns:
    """Resolve KPIs against the columns of log and truth."""
    resolver = _Resolver(job)
    evaluated: list[Column] = []
    for i, kpi in enumerate(names):
        config = job.model.kpis[kpi]
        numerator, denominator = _parts(config)
        evaluated.append((resolver.evaluate(kpi, numerator), f"kn{i}"))
        one = cast(real(1.0), job.log.engine.dialect.double)
        found = one if denominator is None else resolver.evaluate(kpi, denominator)
        evaluated.append((found, f"kd{i}"))
    return KpiColumns(
        names=tuple(names), log=tuple(resolver.log.values()), truth=tuple(resolver.truth.values()),
        evaluated=tuple(evaluated), weighted=job.log.has(job.log.columns.sampled),
    )  # fmt: skip


def _parts(config: Kpi) -> tuple[str, str | None]:
    if config.mean is not None:
        return config.mean, None
    return str(config.numerator), config.denominator


def columns_named(config: Kpi) -> set[str]:
    """Return the words of a KPI that may be columns."""
    found: set[str] = set()
    for text in (config.numerator, config.denominator, config.mean):
        if text is None:
            continue
        found.add(text)
        try:
            found |= {
                column.name for column in sqlglot.parse_one(text, dialect="duckdb").find_all(exp.Column)
            }
        except SqlglotError:
            continue
    return found


def table_question(job: Job, kpi: str, side: Side, segment: Sequence[str] = ()) -> Question:
    """Ask for a KPI that is counted from a table of its own, `side`; its segments only where it has them."""
    dialect = side.engine.dialect
    own = Job(
        model=job.model, log=side, truth=None, grids=job.grids, windows=job.windows, now=job.now,
    )  # fmt: skip
    resolver = _Resolver(own)
    numerator, denominator = _parts(job.model.kpis[kpi])
    top = resolver.evaluate(kpi, numerator)
    bottom = cast(real(1.0), dialect.double) if denominator is None else resolver.evaluate(kpi, denominator)
    read: list[Column] = [(side.micros(side.columns.time), "t"), *resolver.log.values()]
    for i, column in enumerate(segment):
        kept = job.grids.segments.get(column, ())
        text = side.text(column)
        read.append(
            (either([(one_of(text, kept), text.copy())], string(OTHER)) if kept else string(OTHER), f"g{i}")
        )
    tests = side.between(job.start, job.end)
    inner = select(read, side.relation(job.start, job.end), both(*tests) if tests else None)
    inner = dialect.apart(inner)
    groups: list[Column] = [(name(f"g{i}"), f"g{i}") for i in range(len(segment))]
    columns: list[Column] = [
        (window_index(job, "t"), "w"), (string("unversioned"), "v"), (string(Role.CHAMPION.value), "r"),
        *groups, (whole(0), "a"), (top, "kn0"), (bottom, "kd0"),
    ]  # fmt: skip
    seen = exp.LTE(this=name("t"), expression=whole(micros(job.now)))
    parts = KpiColumns(names=(kpi,), log=(), truth=(), evaluated=())
    rows = select(
        [
            *((name(one), one) for one in ("w", "v", "r", *(alias for _v, alias in groups), "a")),
            *parts.pairs(),
        ],
        within(select(columns, within(inner, "read"), seen), "seen"),
        not_null(name("w")),
    )
    keys = ("w", "v", "r", *(alias for _value, alias in groups), "a")
    return Question(rows=rows, sets=(keys,), values=parts.sums())

"""The aggregate statement of a model: the part of inputs (no join) and the questions it asks."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import numpy as np
from sqlglot import exp

from collectors.counting import Hist, Levels, Question, Tally
from collectors.dialects.base import Dialect
from collectors.expressions import (
    any_of,
    both,
    call,
    count,
    either,
    is_null,
    minus,
    name,
    not_null,
    null,
    one_of,
    real,
    select,
    span_of,
    string,
    times,
    total,
    whole,
    within,
)
from collectors.sides import SAYS_A_NUMBER, Side, score_columns, visible
from collectors.sources.base import ColumnInfo
from collectors.zones import micros
from core.config import Model
from core.grid import LATENCY, CategoricalGrid, GridSet, NumericGrid
from core.profile import CLIP, UNANSWERED
from core.windows import Window

LEAST_SHARE = 1e-9
"""Less is no share that anybody samples."""
OTHER = "other"
FINE = ("", "ok", "success", UNANSWERED)
"""Texts of a status that is no error."""
COARSE = 32
SCORE_BINS = 8
Column = tuple[exp.Expression, str]


@dataclass(frozen=True, kw_only=True)
class Job:
    """What to count: windows of a model, on grids, as of `now`.

    `windows` ascend and do not overlap; an empty tuple counts all rows as window 0 (a reference without
    time). `dedupe` says that ids repeat within a window, `repeated_labels` that the truth holds an id twice,
    `of_reference` that scores are summed up by the columns' values too.
    A label that became known longer than `horizon` after its prediction does not count (None: all do).
    """

    model: Model
    log: Side
    truth: Side | None
    grids: GridSet
    windows: tuple[Window, ...]
    now: datetime
    maturity: timedelta = timedelta()
    horizon: timedelta | None = None
    dedupe: bool = True
    repeated_labels: bool = True
    kpi_names: tuple[str, ...] = field(default=())
    of_reference: bool = False

    @property
    def start(self) -> datetime | None:
        """Begin of the first window."""
        return self.windows[0].start if self.windows else None

    @property
    def end(self) -> datetime | None:
        """End of the last window."""
        return self.windows[-1].end if self.windows else None

    @property
    def last_label(self) -> datetime | None:
        """When the last label that counts may have become known."""
        return None if self.end is None or self.horizon is None else self.end + self.horizon


def window_index(job: Job, column: str) -> exp.Expression:
    """Number the window that holds the microseconds in `column`; NULL for none."""
    if not job.windows:
        return whole(0)
    bounds: list[int] = []
    targets: list[int | None] = []
    for i, window in enumerate(job.windows):
        start = micros(window.start)
        if not bounds:
            bounds.append(start)
        elif bounds[-1] != start:
            targets.append(None)
            bounds.append(start)
        targets.append(i)
        bounds.append(micros(window.end))
    return span_of(column, bounds, targets)


def segment_level(job: Job, column: str) -> exp.Expression:
    """Read a segment column: a kept level, or other."""
    kept = job.grids.segments.get(column, ())
    text = job.log.text(column)
    return either([(one_of(text, kept), text.copy())], string(OTHER)) if kept else string(OTHER)


def log_rows(
    job: Job,
    extra: Sequence[Column],
    made: Sequence[Column],
    segment: Sequence[str],
    late: Sequence[Column] = (),
) -> exp.Select:
    """Return the log's rows of the job's windows.

    Columns: w, v, r, g0 …, t, then `made` of what `extra` reads, then `late` made of those.
    """
    log = job.log
    role, _unknown = log.role(job.model)
    read: list[Column] = [(log.micros(log.columns.time), "t"), (log.version(), "v"), (role, "r")]
    if log.has(log.columns.arrived):
        read.append((log.micros(log.columns.arrived), "arr"))
    read += [(segment_level(job, one), f"g{i}") for i, one in enumerate(segment)]
    read += list(extra)
    tests = log.between(job.start, job.end)
    inner = select(read, log.relation(job.start, job.end), both(*tests) if tests else None)
    inner = log.engine.dialect.apart(inner)
    groups = [name(f"g{i}") for i in range(len(segment))]
    columns: list[Column] = [(window_index(job, "t"), "w"), (name("v"), "v"), (name("r"), "r")]
    columns += [(one, one.name) for one in groups]
    columns += [(name("t"), "t"), *made]
    tests = visible(log, job.now) if job.windows else []
    kept = select(columns, within(inner, "read"), both(*tests) if tests else None)
    return all_and(late, within(kept, "seen"), not_null(name("w")))


def all_and(
    more: Sequence[Column], source: exp.Expression, where: exp.Expression | None = None
) -> exp.Select:
    """Return every column of a source and some more."""
    query = select(more, source, where)
    query.set("expressions", [exp.Star(), *query.expressions])
    return query


Segments = Sequence[Sequence[str]]
"""Segments that are counted in one go: the columns of each, none for all rows."""


def columns_of(segments: Segments) -> list[str]:
    """Return the columns of some segments, each once."""
    return list(dict.fromkeys(column for segment in segments for column in segment))


def sets_of(segments: Segments, *more: str, window: str = "w") -> tuple[tuple[str, ...], ...]:
    """Return what is grouped by for each segment: window, version, role, its levels and `more`."""
    place = {column: f"g{i}" for i, column in enumerate(columns_of(segments))}
    return tuple((window, "v", "r", *(place[one] for one in segment), *more) for segment in segments)


def inputs_question(job: Job, segments: Segments = ((),), *, service_only: bool = False) -> Question:
    """Ask for everything but outcomes; of segments with coarse columns."""
    log, grids = job.log, job.grids
    dialect = log.engine.dialect
    extra: list[Column] = []
    made: list[Column] = []
    late: list[Column] = []
    values: dict[str, exp.Expression] = {
        "rows": count(),
        "first": call("min", name("t")),
        "last": call("max", name("t")),
    }
    hists: dict[str, Hist] = {}
    levels: dict[str, Levels] = {}
    tallies: dict[str, Tally] = {}
    if log.has(log.columns.latency_ms):
        extra.append((log.number(str(log.columns.latency_ms)), "ms"))
        made.append((name("ms"), "ms"))
        hists["latency"] = Hist(column="ms", edges=LATENCY.edges)
        values["latency_sum"] = total(dialect.finite(name("ms")))
    if log.has(log.columns.status):
        extra.append((log.text(str(log.columns.status)), "st"))
        made.append((call("substr", name("st"), whole(1), whole(60)), "st"))
        tallies["status"] = Tally(column="st")
    if log.has(log.columns.sampled):
        read, weight = weight_columns(log)
        extra.append(read)
        made.append(weight)
        squares = times(name("wt"), name("wt"))
        values["weight"], values["weight_squares"] = total(name("wt")), total(squares)
        if log.has(log.columns.status):
            late.append((either([(failed(dialect), real(1.0))], real(0.0)), "er"))
            values["error_weight"] = total(times(name("wt"), name("er")))
            values["error_squares"] = total(times(squares.copy(), name("er")))
    if not service_only:
        if log.columns.id is not None:
            extra.append((dialect.distinct_key(log.key_texts()), "key"))
            made.append((name("key"), "key"))
            unique = exp.Count(this=exp.Distinct(expressions=[name("key")]))
            values["duplicates"] = exp.Sub(this=count(name("key")), expression=unique)
        _scores(job, extra, made, late, values, hists)
        for i, (column, grid) in enumerate(grids.columns.items()):
            if log.has(column):
                _column(job, i, column, grid, bool(segments[0]), extra, made, late, values, hists, levels)
        if not segments[0]:
            _marks(job, extra, made, values)
            _moments(job, late, values)
            if job.of_reference and "score_sum" in values:
                _scores_by(job, values)
    return Question(
        rows=log_rows(job, extra, made, columns_of(segments), late), sets=sets_of(segments),
        values=values, hists=hists, levels=levels, tallies=tallies,
    )  # fmt: skip


def weight_columns(log: Side) -> tuple[Column, Column]:
    """Return the share sampled as the log tells it, and a row's weight, 1 / share; 1 where it is no share."""
    share = name("share")
    known = both(
        exp.GTE(this=share, expression=real(LEAST_SHARE)), exp.LTE(this=share.copy(), expression=real(1.0))
    )
    weight = either([(known, exp.Div(this=real(1.0), expression=share.copy()))], real(1.0))
    return (log.number(str(log.columns.sampled)), "share"), (weight, "wt")


def failed(dialect: Dialect) -> exp.Expression:
    """Test the status `st` as `collectors.building.is_error` does."""
    status = name("st")
    number = dialect.number(status, ColumnInfo(name="st", type="", kind="categorical", is_text=True))
    word = exp.Lower(this=exp.Trim(this=status.copy()))
    return any_of(
        exp.GTE(this=number, expression=whole(500)),
        both(is_null(number.copy()), exp.Not(this=one_of(word, FINE))),
    )


def _scores(
    job: Job, extra: list[Column], made: list[Column], late: list[Column],
    values: dict[str, exp.Expression], hists: dict[str, Hist],
) -> None:  # fmt: skip
    classes, grid = job.grids.classes, job.grids.score
    read, scores = score_columns(job.log, job.model, classes)
    if not read:
        return
    extra += read
    made += scores
    if job.model.task in SAYS_A_NUMBER:
        classes = ()
    size = max(len(classes), 1)
    if grid is None:
        if classes:
            hists["class"] = Hist(column="k", edges=np.arange(size, dtype=np.float64))
        return
    hists["score"] = Hist(column="s", edges=grid.edges, by="k" if classes else None, size=size)
    late.append((job.log.engine.dialect.finite(name("s")), "sf"))
    values["score_sum"] = total(name("sf"))
    values["score_squares"] = total(times(name("sf"), name("sf")))
    values["score_variance"] = total(times(name("sf"), minus(real(1.0), name("sf"))))


def _column(
    job: Job, i: int, column: str, grid: NumericGrid | CategoricalGrid, light: bool,
    extra: list[Column], made: list[Column], late: list[Column], values: dict[str, exp.Expression],
    hists: dict[str, Hist], levels: dict[str, Levels],
) -> None:  # fmt: skip
    log, dialect = job.log, job.log.engine.dialect
    alias = f"x{i}"
    if isinstance(grid, CategoricalGrid):
        extra.append((log.text(column), alias))
        made.append((name(alias), alias))
        levels[column] = Levels(column=alias, levels=grid.levels, rare=grid.rare)
        return
    info = log.info(column)
    extra.append((log.number(column), alias))
    made.append((name(alias), alias))
    kept = grid.coarse(COARSE) if light else grid
    hists[column] = Hist(column=alias, edges=kept.edges)
    if dialect.may_not_fit(info):
        raw_text = dialect.text(name(column), info)
        extra.append((either([(dialect.no_number(raw_text), whole(1))], null()), f"b{i}"))
        made.append((name(f"b{i}"), f"b{i}"))
        values[f"invalid:{column}"] = count(name(f"b{i}"))
    finite: exp.Expression = name(alias)
    if dialect.may_be_infinite(info):
        late.append((dialect.finite(name(alias)), f"f{i}"))
        finite = name(f"f{i}")
    values[f"total:{column}"] = dialect.exact_sum(finite)
    values[f"squares:{column}"] = dialect.exact_sum(times(finite.copy(), finite.copy()))
    values[f"minimum:{column}"] = call("min", finite.copy())
    values[f"maximum:{column}"] = call("max", finite.copy())


def _moments(job: Job, late: list[Column], values: dict[str, exp.Expression]) -> None:
    """Sum up the products of numeric columns, centred and scaled by their grids."""
    present = [column for column in job.grids.moments if job.log.has(column)]
    for column in present:
        grid, alias = job.grids.columns[column], _alias(job, column)
        assert isinstance(grid, NumericGrid)
        centre, scale = grid.standard
        value = name(f"x{alias}")
        low, high = (real(centre + end * scale) for end in (-CLIP, CLIP))
        cut: list[tuple[exp.Expression, exp.Expression]] = [
            (exp.LT(this=value, expression=low), real(-CLIP)),
            (exp.GT(this=value.copy(), expression=high), real(CLIP)),
        ]
        inside = exp.Div(this=minus(value.copy(), real(centre)), expression=real(scale))
        late.append((either(cut, inside), f"z{alias}"))
        values[f"moment:{column}"] = total(name(f"z{alias}"))
    for i, one in enumerate(present):
        for other in present[i:]:
            product = times(name(f"z{_alias(job, one)}"), name(f"z{_alias(job, other)}"))
            values[pair_key("pair_sums", one, other)] = total(product)
            values[pair_key("pair_rows", one, other)] = count(product.copy())


def _scores_by(job: Job, values: dict[str, exp.Expression]) -> None:
    """Sum scores up by values of each column: of a number up to some edges, of a category by level."""
    for column, tests in score_bins(job.grids).items():
        if not job.log.has(column):
            continue
        value = name(f"x{_alias(job, column)}")
        for at, test in enumerate(tests):
            if test is None:
                held = not_null(value.copy())
            elif isinstance(test, str):
                held = exp.EQ(this=value.copy(), expression=string(test))
            else:
                held = exp.LTE(this=value.copy(), expression=real(test))
            score = either([(held, name("sf"))], null())
            values[f"by_sum:{column}\x1f{at}"] = total(score)
            values[f"by_rows:{column}\x1f{at}"] = count(score.copy())


def score_bins(grids: GridSet) -> dict[str, list[float | str | None]]:
    """Return by what scores are summed up: edges or levels; None, the last, stands for every value."""
    found: dict[str, list[float | str | None]] = {}
    for column, grid in grids.columns.items():
        if isinstance(grid, CategoricalGrid):
            found[column] = [*grid.levels[:SCORE_BINS], None]
        else:
            coarse = grid.coarse(SCORE_BINS + 2).edges[1:-1]
            found[column] = [*coarse.tolist(), None]
    return found


def _alias(job: Job, column: str) -> int:
    return list(job.grids.columns).index(column)


def pair_key(what: str, one: str, other: str) -> str:
    """Name a sum over the rows in which two columns are present."""
    return f"{what}:{one}\x1f{other}"


def _marks(job: Job, extra: list[Column], made: list[Column], values: dict[str, exp.Expression]) -> None:
    """Count what a person should hear of: roles that nobody explained, times that clocks make unsure."""
    log = job.log
    _role, unknown = log.role(job.model)
    if unknown is not None:
        extra.append((either([(unknown, whole(1))], null()), "odd_role"))
        made.append((name("odd_role"), "odd_role"))
        values["odd_roles"] = count(name("odd_role"))
    if job.start is None or job.end is None or log.columns.time is None:
        return
    time = log.columns.time
    unsure = log.engine.dialect.unsure(
        name(time), log.info(time), log.source.setting.zone, (micros(job.start), micros(job.end))
    )
    if unsure is not None:
        extra.append((either([(unsure, whole(1))], null()), "odd_time"))
        made.append((name("odd_time"), "odd_time"))
        values["odd_times"] = count(name("odd_time"))


def segment_key(segment: Sequence[str], levels: Sequence[object]) -> str:
    """Write a segment: 'region=north', 'region=north,campaign=a'."""
    return ",".join(f"{column}={level}" for column, level in zip(segment, levels, strict=True))

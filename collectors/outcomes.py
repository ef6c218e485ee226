"""The aggregate statement of a model: the part of outcomes, log and truth joined by id as text."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

import numpy as np
from sqlglot import exp

from collectors.counting import Hist, Question, SumsBy
from collectors.expressions import (
    any_of,
    bin_of,
    both,
    call,
    cast,
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
    string,
    table,
    times,
    total,
    whole,
    within,
)  # fmt: skip
from collectors.kpis import KpiColumns, kpi_columns
from collectors.sides import SAYS_A_NUMBER, Side, class_of, score_columns
from collectors.statement import (
    Column,
    Job,
    Segments,
    all_and,
    columns_of,
    log_rows,
    sets_of,
    weight_columns,
    window_index,
)
from collectors.zones import micros
from core.config import Task
from core.grid import AGES, NO_LABEL, Floats
from core.profile import ERROR_SUMS, SCORE_SUMS
from core.roles import SERVED, Role
from core.windows import Window

CLIP = float(np.finfo(np.float64).eps)  # scikit-learn's log_loss clips here too
AT_MATURITY = AGES.index(1.0)
EARLY = timedelta(days=1)  # labels may be dated a little before the prediction, never more

LOG, TRUTH = "gk:log", "gk:truth"  # no table of a source is called so


@dataclass(frozen=True, kw_only=True)
class _Joined:
    """`several` names the columns s:0, s:1, … that hold a score for each class."""

    rows: exp.Select
    ctes: tuple[tuple[str, exp.Expression], ...]
    several: tuple[str, ...] = ()


def outcomes_question(job: Job, segments: Segments, *, kpis: Sequence[str]) -> Question:
    """Ask for labels, performance, KPIs and the fingerprint."""
    parts = kpi_columns(job, kpis)
    joined = _joined(job, columns_of(segments), parts)
    values: dict[str, exp.Expression] = {
        "rows": count(),
        "labelled": count(name("y")),
        "unknown_labels": count(name("odd")),
        "duplicate_labels": count(name("twice")),
    }
    if parts.weighted:
        values["weight"] = total(name("wt"))
    hists: dict[str, Hist] = {}
    sums: dict[str, SumsBy] = {}
    if job.model.task is Task.REGRESSION:
        rows = _regression(job, joined.rows, parts, values, hists, sums)
    else:
        rows = _classes(job, joined, parts, values, hists)
    values |= parts.sums() | _mark_values()
    return Question(
        rows=rows, sets=sets_of(segments, "a"), values=values, hists=hists, sums=sums, ctes=joined.ctes
    )


def by_outcome_question(job: Job, segments: Segments, kpis: Sequence[str]) -> Question:
    """Ask for KPIs counted in the window in which the outcome became known."""
    assert job.windows
    reach = job.horizon or timedelta()
    first, last = job.windows[0], job.windows[-1]
    wide = Window(start=first.start - reach, end=last.end + EARLY, grain=first.grain)
    around = replace(job, windows=(wide,))
    parts = kpi_columns(around, kpis)
    joined = _joined(around, columns_of(segments), parts)
    known = all_and([(window_index(job, "kt"), "w2"), *parts.pairs()], within(joined.rows, "known"))
    kept = all_and([], within(known, "placed"), not_null(name("w2")))
    sets = sets_of(segments, "a", window="w2")
    return Question(rows=kept, sets=sets, values=parts.sums() | _mark_values(), ctes=joined.ctes)


def mark_question(job: Job) -> Question:
    """Ask for the fingerprint alone: how many labels are known in each window, and which."""
    joined = _joined(job, (), kpi_columns(job, ()))
    return Question(rows=joined.rows, sets=(("w",),), values=_mark_values(), ctes=joined.ctes)


def _mark_values() -> dict[str, exp.Expression]:
    return {"mark:n": count(name("m0")), "mark:sum": total(name("mark"))}


def units_question(job: Job, control: str, unit: str | None, kpis: Sequence[str]) -> Question:
    """Ask for sums of KPIs by unit, summed up by window and arm ('model', 'control').

    `control` is the role or version of the control arm, `unit` the column of who is assigned; None: each id.
    Values: units, those seen in both arms (`both`), and of each KPI Σx, Σy, Σx², Σy², Σxy over units.
    """
    parts = replace(kpi_columns(job, kpis), weighted=False)
    more: list[Column] = [] if unit is None else [(job.log.text(unit), "u")]
    joined = _joined(job, (), parts, more)
    where = name("r") if control in set(Role) else name("v")
    served = one_of(name("r"), [role.value for role in SERVED])
    arm = either(
        [(exp.EQ(this=where, expression=string(control)), string("control")), (served, string("model"))],
        null(),
    )
    placed = all_and([(arm, "arm"), *parts.pairs()], within(joined.rows, "aged"))
    who = name("id0" if unit is None else "u")
    sums: list[Column] = []
    for i in range(len(parts.names)):
        sums += [(total(name(f"kpn{i}")), f"x{i}"), (total(name(f"kpd{i}")), f"y{i}")]
    keys: list[Column] = [(name("w"), "w"), (name("arm"), "arm"), (who, "who")]
    by_unit = select(
        [*keys, *sums], within(placed, "placed"), both(not_null(name("arm")), not_null(who.copy())), group=3
    )
    arms = exp.Window(this=count(), partition_by=[name("w"), name("who")])
    values: dict[str, exp.Expression] = {
        "units": count(),
        "both": count(either([(exp.GT(this=name("arms"), expression=whole(1)), whole(1))], null())),
    }
    for i, kpi in enumerate(parts.names):
        x, y = name(f"x{i}"), name(f"y{i}")
        for key, value in (
            ("x", x), ("y", y), ("xx", times(x, x.copy())), ("yy", times(y, y.copy())), ("xy", times(x, y)),
        ):  # fmt: skip
            values[f"{key}:{kpi}"] = total(value.copy())
    return Question(
        rows=all_and([(arms, "arms")], within(by_unit, "units")), sets=(("w", "arm"),), values=values,
        ctes=joined.ctes,
    )  # fmt: skip


def _joined(job: Job, segment: Sequence[str], parts: KpiColumns, more: Sequence[Column] = ()) -> _Joined:
    """Give each row of the log lab, kt, m, neg, y, a, mark, s, k, the KPIs' kn0, kd0, … and `more` of it."""
    log, truth, dialect = job.log, job.truth, job.log.engine.dialect
    read, scores = score_columns(log, job.model, job.grids.classes)
    extra: list[Column] = [*read, *parts.log, *more]
    made: list[Column] = [*scores, *((name(alias), alias) for _value, alias in (*parts.log, *more))]
    several = tuple(alias for _value, alias in read if alias[:2] == "s:" and alias != "s:")
    made += [(name(alias), alias) for alias in several]
    if parts.weighted:
        share, weight = weight_columns(log)
        extra.append(share)
        made.append(weight)
    for i, text in enumerate(log.key_texts()):
        extra.append((text, f"id{i}"))
        made.append((name(f"id{i}"), f"id{i}"))
    inside = truth is not None and truth.source is log.source
    if inside and truth is not None:
        _inside(job, truth, extra, made)
    rows = log_rows(job, extra, made, segment)
    keys = [f"id{i}" for i in range(len(log.key_texts()))]
    if job.dedupe and keys:
        rows = _latest(rows, ["w", "v", *keys], ["t", "s"], keys[0])
    ctes: list[tuple[str, exp.Expression]] = [(LOG, rows)]
    source: exp.Expression = table(LOG)
    if truth is not None and not inside:
        ctes.append((TRUTH, _truth(job, truth, parts)))
        tests: list[exp.Expression] = [exp.EQ(this=name("id0", LOG), expression=name("tid0", TRUTH))]
        if truth.columns.row_index is not None and len(keys) > 1:
            tests.append(exp.EQ(this=name("id1", LOG), expression=name("tid1", TRUTH)))
        if (final := _is_final(job, name("t", LOG), name("kt", TRUTH))) is not None:
            tests.append(exp.Not(this=exp.Coalesce(this=exp.Paren(this=final), expressions=[exp.false()])))
        source = exp.Table(
            this=exp.to_identifier(LOG, quoted=True),
            joins=[exp.Join(this=table(TRUTH), side="LEFT", on=both(*tests))],
        )
    found = all_and(_known(job), source)
    if truth is not None and not inside and job.repeated_labels:
        found = _latest(found, ["w", "v", "r", *keys], ["kt", "lab0"], keys[0])
    labelled = all_and(_labels(job), within(found, "found"))
    ident = name("id0") if keys else string("")
    text = cast(name("lab"), dialect.text_type)
    mark = either(
        [(not_null(name("m0")), dialect.mark([ident, text, cast(name("kt"), dialect.text_type)]))], null()
    )
    aged = all_and([(_age(job), "a"), (mark, "mark"), *parts.evaluated], within(labelled, "labelled"))
    return _Joined(rows=aged, ctes=tuple(ctes), several=several)


def _inside(job: Job, truth: Side, extra: list[Column], made: list[Column]) -> None:
    """Read the label from the log's own row; one known later than `now` is not seen yet."""
    label = str(truth.columns.label)
    known = truth.columns.time if truth.columns.time != job.log.columns.time else None
    extra += [(_label(job, truth), "lab:"), (truth.text(label), "labt:"), (truth.micros(known), "kt:")]
    later = exp.GT(this=name("kt:"), expression=whole(micros(job.now)))
    hidden = any_of(later, *filter(None, [_is_final(job, name("t"), name("kt:"))]))
    seen = either([(hidden, null())], name("lab:"))
    marked = either([(hidden.copy(), null()), (not_null(name("labt:")), whole(1))], null())
    made += [(seen, "lab0"), (marked, "m0"), (marked.copy(), "has0"), (name("kt:"), "kt")]


def _is_final(job: Job, t: exp.Expression, known: exp.Expression) -> exp.Expression | None:
    """Test whether a label came after its row was final."""
    if job.horizon is None:
        return None
    span = whole(job.horizon // timedelta(microseconds=1))
    return exp.GT(this=known, expression=exp.Add(this=t, expression=span))


def _label(job: Job, truth: Side) -> exp.Expression:
    column = truth.columns.label
    if column is None:
        return string(job.grids.classes[1])
    return truth.number(column) if job.model.task is Task.REGRESSION else truth.text(column)


def _truth(job: Job, truth: Side, parts: KpiColumns) -> exp.Select:
    """Return what is known at `now`: tid0, lab0, has0, kt, m0, twice and the KPIs' columns."""
    column, dialect = truth.columns.label, truth.engine.dialect
    read: list[Column] = [
        (_label(job, truth), "lab0"),
        (truth.micros(truth.columns.time), "kt"),
        *parts.truth,
    ]
    read += [(text, f"tid{i}") for i, text in enumerate(truth.key_texts())]
    raw_label = whole(1) if column is None else either([(not_null(truth.text(column)), whole(1))], null())
    read += [(raw_label, "has0"), (whole(1), "m0")]
    first = None if job.start is None else job.start - EARLY
    query = exp.Select(
        expressions=[
            exp.Alias(this=value, alias=exp.to_identifier(alias, quoted=True)) for value, alias in read
        ]
    )
    query.set("from_", exp.From(this=truth.relation(first, job.last_label)))
    limits = truth.between(first, job.last_label)
    if limits and truth.columns.time is not None:
        query = query.where(any_of(both(*limits), is_null(name(truth.columns.time))), copy=False)
    late = exp.LTE(this=name("kt"), expression=whole(micros(job.now)))
    known = all_and(
        [],
        within(dialect.apart(query), "read"),
        both(not_null(name("tid0")), any_of(late, is_null(name("kt")))),
    )
    keys = [f"tid{i}" for i in range(len(truth.key_texts()))]
    if not job.repeated_labels:
        return all_and([(cast(null(), "bigint"), "twice")], within(known, "known"))
    counted = exp.Window(this=count(), partition_by=[name(key) for key in keys])
    repeated = either([(exp.GT(this=counted, expression=whole(1)), whole(1))], null())
    return all_and([(repeated, "twice")], within(known, "known"))


def _latest(rows: exp.Select, keys: Sequence[str], order: Sequence[str], ident: str) -> exp.Select:
    """Keep the latest row of each key; where there is no id (column `ident` is NULL) keep every row."""
    ordered = [exp.Ordered(this=name(one), desc=True, nulls_first=False) for one in order]
    number = exp.Window(
        this=exp.RowNumber(), partition_by=[name(key) for key in keys], order=exp.Order(expressions=ordered)
    )
    place = f"rn:{order[0]}"  # the log's rows and then the joined ones are numbered
    first = any_of(exp.EQ(this=name(place), expression=whole(1)), is_null(name(ident)))
    return all_and([], within(all_and([(number, place)], within(rows, "every")), "numbered"), first)


def _known(job: Job) -> list[Column]:
    """Add lab, m, has and neg: absent labels count as negative once mature, where configured so."""
    truth, config, dialect = job.truth, job.model.ground_truth, job.log.engine.dialect
    if truth is None:
        kind = dialect.double if job.model.task is Task.REGRESSION else dialect.text_type
        nothing = {"lab": kind, "kt": "bigint", "m": "bigint", "m0": "bigint", "has": "bigint",
                   "twice": "bigint", "neg": "bigint"}  # fmt: skip
        return [(cast(null(), kind), alias) for alias, kind in nothing.items()]
    made: list[Column] = []
    if truth.source is job.log.source:
        made.append((cast(null(), "bigint"), "twice"))
    plain: list[Column] = [(name("lab0"), "lab"), (name("m0"), "m"), (name("has0"), "has")]
    if config is None or config.absent == "unknown" or truth.source is job.log.source:
        return [*made, *plain, (cast(null(), "bigint"), "neg")]
    mature = sum(window.end + job.maturity <= job.now for window in job.windows)
    absent = both(is_null(name("m0")), exp.LT(this=name("w"), expression=whole(mature)))
    negative = string(job.grids.classes[0])
    return [
        *made,
        (either([(absent, negative)], name("lab0")), "lab"),
        (either([(absent.copy(), whole(1))], name("m0")), "m"),
        (either([(absent.copy(), whole(1))], name("has0")), "has"),
        (either([(absent.copy(), whole(1))], null()), "neg"),
    ]


def _labels(job: Job) -> list[Column]:
    """Add y (class number or value) and d (age in microseconds)."""
    y = name("lab") if job.model.task is Task.REGRESSION else class_of(name("lab"), job.grids.classes)
    return [(y, "y"), (minus(name("kt"), name("t")), "d")]


def _age(job: Job) -> exp.Expression:
    maturity = job.maturity / timedelta(microseconds=1)
    return either(
        [
            (is_null(name("m")), whole(NO_LABEL)),
            (not_null(name("neg")), whole(AT_MATURITY)),
            (is_null(name("d")), whole(0)),
        ],
        bin_of("d", np.array(AGES) * maturity),
    )


def _odd() -> Column:
    return either([(both(not_null(name("has")), is_null(name("y"))), whole(1))], null()), "odd"


def _classes(
    job: Job, joined: _Joined, parts: KpiColumns, values: dict[str, exp.Expression], hists: dict[str, Hist]
) -> exp.Select:
    dialect, size = job.log.engine.dialect, len(job.grids.classes)
    binary, several = size == 2, joined.several
    hit = (
        name("y") if binary else either([(exp.EQ(this=name("y"), expression=name("k")), whole(1))], whole(0))
    )
    labelled = not_null(name("y"))
    first: list[Column] = [
        _odd(),
        (either([(labelled, dialect.finite(name("s")))], null()), "pl"),
        (exp.Add(this=times(name("k"), whole(2)), expression=hit), "kh"),
        (exp.Add(this=times(name("y"), whole(size)), expression=name("k")), "yk"),
    ]
    for alias in several:
        first.append((either([(labelled.copy(), dialect.finite(name(alias)))], null()), f"q{alias[2:]}"))
        same = exp.EQ(this=name("y"), expression=whole(int(alias[2:])))
        first.append((either([(same, whole(1))], whole(0)), f"h{alias[2:]}"))
        hists[f"class_scores:{alias[2:]}"] = Hist(
            column=f"q{alias[2:]}", edges=_edges(job), by=f"h{alias[2:]}", size=2
        )
    own: exp.Expression = name("pl")
    brier = times(minus(name("pl"), name("y")), minus(name("pl"), name("y")))
    if not binary:
        pairs = [(exp.EQ(this=name("y"), expression=whole(int(a[2:]))), name(f"q{a[2:]}")) for a in several]
        own = either(pairs, null())
        brier = _brier(several)
    clipped = either(
        [
            (exp.LT(this=own, expression=real(CLIP)), real(CLIP)),
            (exp.GT(this=own.copy(), expression=real(1 - CLIP)), real(1 - CLIP)),
        ],
        own.copy(),
    )
    second: list[Column] = [
        (clipped, "pc"),
        (brier, "br"),
        (either([(not_null(name("pl")), hit.copy())], null()), "hl"),
    ]
    loss = _minus_ln(name("pc"))
    if binary:
        positive = exp.EQ(this=name("y"), expression=whole(1))
        loss = either([(positive, loss)], _minus_ln(minus(real(1.0), name("pc"))))
    third: list[Column] = [(loss, "ll"), *parts.pairs()]
    made = all_and(second, within(all_and(first, within(joined.rows, "aged")), "scored"))
    sums: tuple[exp.Expression, ...] = (
        count(name("pl")), total(name("ll")), total(name("br")), total(name("pl")),
        total(times(name("pl"), minus(real(1.0), name("pl")))), total(name("hl")),
        total(times(name("ll"), name("ll"))), total(times(name("br"), name("br"))),
    )  # fmt: skip
    if job.grids.score is not None and job.model.task not in SAYS_A_NUMBER:
        values |= {f"score:{one}": value for one, value in zip(SCORE_SUMS, sums, strict=True)}
        hists["score"] = Hist(column="pl", edges=_edges(job), by="kh", size=2 * size)
    if size:
        hists["confusion"] = Hist(column="yk", edges=np.arange(size * size, dtype=np.float64))
    return all_and(third, within(made, "clipped"))


def _edges(job: Job) -> Floats:
    return np.array([0.0]) if job.grids.score is None else job.grids.score.edges


def _minus_ln(value: exp.Expression) -> exp.Expression:
    return exp.Neg(this=call("ln", value))


def _brier(several: Sequence[str]) -> exp.Expression:
    made: exp.Expression = real(0.0)
    for alias in several:
        gap = minus(name(f"q{alias[2:]}"), name(f"h{alias[2:]}"))
        made = exp.Add(this=made, expression=times(gap, gap.copy()))
    return made if several else null()


def _regression(
    job: Job, rows: exp.Select, parts: KpiColumns, values: dict[str, exp.Expression],
    hists: dict[str, Hist], sums: dict[str, SumsBy],
) -> exp.Select:  # fmt: skip
    dialect = job.log.engine.dialect
    known = both(not_null(dialect.finite(name("s"))), not_null(dialect.finite(name("y"))))
    first: list[Column] = [
        _odd(),
        (either([(known, name("s"))], null()), "pl"),
        (either([(known.copy(), name("y"))], null()), "yl"),
        (either([(known.copy(), minus(name("s"), name("y")))], null()), "e"),
    ]
    ratio = either(
        [
            (
                exp.NEQ(this=name("yl"), expression=whole(0)),
                call("abs", exp.Div(this=name("e"), expression=name("yl"))),
            )
        ],
        null(),
    )
    second: list[Column] = [
        (call("abs", name("e")), "ea"), (times(name("e"), name("e")), "es"), (ratio, "er"), *parts.pairs()
    ]  # fmt: skip
    wanted = (
        count(name("e")), total(name("e")), total(name("ea")), total(name("es")), total(name("yl")),
        total(times(name("yl"), name("yl"))), total(name("er")), count(name("er")),
    )  # fmt: skip
    values |= {f"error:{one}": value for one, value in zip(ERROR_SUMS, wanted, strict=True)}
    if job.grids.errors is not None:
        hists["errors"] = Hist(column="e", edges=job.grids.errors.edges)
    if job.grids.score is not None:
        sums["error_bins"] = SumsBy(column="pl", edges=job.grids.score.edges, sums=("ea", "es"))
    return all_and(second, within(all_and(first, within(rows, "aged")), "erring"))

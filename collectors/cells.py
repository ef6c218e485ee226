"""Count the cells of windows: every window × version × role × segment, inputs and outcomes apart."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from sqlglot import exp

from collectors.building import Cell, build_inputs, build_outcomes
from collectors.counting import Counted, ask
from collectors.expressions import count, name, select, within
from collectors.kpis import kpi_columns, table_question
from collectors.outcomes import by_outcome_question, mark_question, outcomes_question
from collectors.sides import Side
from collectors.statement import Job, Segments, inputs_question
from core.errors import SourceError
from core.profile import Inputs, Outcomes
from core.text import gettext as _

Marks = dict[int, str]
"""A text by number of window that changes whenever what is known of its rows does."""


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What was counted of a job's windows (by their numbers); `odd` says what a person should hear of."""

    inputs: Mapping[Cell, Inputs] = field(default_factory=dict)
    outcomes: Mapping[Cell, Outcomes] = field(default_factory=dict)
    marks: Marks = field(default_factory=dict)
    odd: Mapping[int, Mapping[str, int]] = field(default_factory=dict)


def count_inputs(job: Job, *, service_only: bool = False) -> Answers:
    """Count what was predicted and how the service did."""
    (counted,) = ask(job.log.engine, inputs_question(job, service_only=service_only))
    found = build_inputs(job, counted, ())
    if job.model.segments and not service_only:
        parts = ask(job.log.engine, inputs_question(job, job.model.segments))
        for segment, part in zip(job.model.segments, parts, strict=True):
            found |= build_inputs(job, part, segment)
    return Answers(inputs=found, odd=_odd(counted))


def count_outcomes(
    job: Job, tables: Mapping[str, Side], inputs: Mapping[Cell, Inputs] | None = None
) -> Answers:
    """Count labels, performance and KPIs; where `inputs` were just counted they tell whether ids repeat.

    Args:
        tables: the KPIs that are counted from tables of their own.
    """
    rows = None
    if inputs is not None:
        job = replace(job, dedupe=any(part.duplicates for part in inputs.values()))
        rows = sum(part.rows for cell, part in inputs.items() if not cell.segment)
    kpis = job.model.kpis
    plain = [one for one in kpis if one not in tables and kpis[one].by == "prediction"]
    late = [one for one in kpis if one not in tables and kpis[one].by == "outcome"]
    segments = ((), *job.model.segments)
    found: dict[Cell, Outcomes] = {}
    own = replace(job, kpi_names=tuple(plain))
    marks: Marks = {}
    parts = _joined_once(own, segments, plain, None if job.dedupe else rows)
    for segment, counted in zip(segments, parts, strict=True):
        _add(found, build_outcomes(own, counted, segment))
        if not segment:
            marks = _marks(counted)
    if late and job.windows:
        own = replace(job, kpi_names=tuple(late), repeated_labels=_labels_repeat(job))
        parts = ask(job.log.engine, by_outcome_question(own, segments, late))
        for segment, counted in zip(segments, parts, strict=True):
            _add(found, build_outcomes(own, counted, segment))
            if not segment:
                marks = _joined(marks, _marks(counted))
    for kpi, side in tables.items():
        own, source = replace(job, kpi_names=(kpi,)), job.model.kpis[kpi].source
        for segment in segments:
            if not segment or (source is not None and set(segment) <= set(source.segments)):
                (counted,) = ask(side.engine, table_question(own, kpi, side, segment))
                _add(found, build_outcomes(own, counted, segment))
    return Answers(outcomes=found, marks=marks)


def _joined_once(job: Job, segments: Segments, kpis: Sequence[str], rows: int | None) -> Iterator[Counted]:
    """Count each row once, whatever the truth holds twice: of a log of so many `rows` the join tells."""
    if rows is not None:
        once = replace(job, repeated_labels=False)
        parts = ask(job.log.engine, outcomes_question(once, segments, kpis=kpis))
        first = next(parts)
        if first.values["rows"].sum() == rows:
            yield first
            yield from parts
            return
    job = replace(job, repeated_labels=_labels_repeat(job))
    yield from ask(job.log.engine, outcomes_question(job, segments, kpis=kpis))


def count_marks(job: Job) -> Marks:
    """Count only what tells whether the outcomes of the job's windows have changed."""
    job = replace(job, repeated_labels=_labels_repeat(job))
    marks = _marks(*ask(job.log.engine, mark_question(job)))
    late = [name for name, kpi in job.model.kpis.items() if kpi.by == "outcome" and kpi.source is None]
    if late:
        question = by_outcome_question(replace(job, kpi_names=tuple(late)), ((),), late)
        marks = _joined(marks, _marks(*ask(job.log.engine, question)))
    return marks


def fitting_kpis(job: Job, names: Sequence[str]) -> dict[str, str]:
    """Return why some KPIs cannot be counted from the job's rows, by name; those that can are not in it."""
    found: dict[str, str] = {}
    for one in names:
        try:
            kpi_columns(job, [one])
        except SourceError as error:
            found[one] = error.message
    return found


def _labels_repeat(job: Job) -> bool:
    truth = job.truth
    if truth is None or truth.source is job.log.source or not truth.key_texts():
        return False
    dialect = truth.engine.dialect
    read = [(dialect.distinct_key(truth.key_texts()), "key")]
    inner = within(select(read, truth.relation(job.start, job.last_label)), "rows")
    distinct = exp.Count(this=exp.Distinct(expressions=[name("key")]))
    found = truth.engine.fetch(select([(count(name("key")), "n"), (distinct, "d")], inner)).to_pylist()[0]
    return int(found["n"]) != int(found["d"])


def _add(found: dict[Cell, Outcomes], more: Mapping[Cell, Outcomes]) -> None:
    for cell, part in more.items():
        found[cell] = found[cell].merge(part) if cell in found else part


def _marks(counted: Counted) -> Marks:
    sums: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    for g, key in enumerate(counted.keys):
        for i, one in enumerate(("mark:n", "mark:sum")):
            value = counted.values[one][g]
            sums[int(key[0] or 0)][i] += 0 if np.isnan(value) else int(value)
    return {window: f"{n}-{total}" for window, (n, total) in sums.items()}


def _joined(a: Marks, b: Marks) -> Marks:
    return {window: f"{a.get(window, '')}+{b.get(window, '')}" for window in a.keys() | b.keys()}


def _odd(counted: Counted) -> dict[int, dict[str, int]]:
    words = {"odd_roles": _("rows with an unknown role"), "odd_times": _("times that clocks make unsure")}
    found: dict[int, dict[str, int]] = {}
    for value, said in words.items():
        for g, key in enumerate(counted.keys):
            n = counted.values[value][g] if value in counted.values else 0
            if n and not np.isnan(n):
                own = found.setdefault(int(key[0] or 0), {})
                own[said] = own.get(said, 0) + int(n)
    return found

"""Bring log and truth together where they lie in different engines: only what outcomes need travels."""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from collectors.expressions import both, name, select
from collectors.kpis import columns_named
from collectors.outcomes import EARLY
from collectors.sides import Side
from collectors.statement import Job
from core.config import Model

BATCH = 100_000
"""Rows that travel at a time."""


def together(job: Job) -> Job:
    """Return the job with log and truth in one engine: a side that has to move stands in DuckDB then.

    Of the log only id, time, version, role, score, prediction, segment and KPI columns of the job's windows
    travel, of the truth id, time, label and KPI columns; features never do.
    """
    log, truth = job.log, job.truth
    if truth is None or truth.engine.key == log.engine.key:
        return job
    duck = log.source.setting.engines.duck()
    if log.engine is not duck:
        log = _moved(job.model, log, "gk_log", job.start, job.end)
    if truth.engine is not duck:
        first = None if job.start is None else job.start - EARLY
        truth = _moved(job.model, truth, "gk_truth", first, job.last_label)
    return replace(job, log=log, truth=truth)


def travelling(model: Model, side: Side) -> list[str]:
    """Return the columns of a side that outcomes need, in its order."""
    wanted = {*side.columns.used(), *(column for segment in model.segments for column in segment)}
    if model.experiment is not None and model.experiment.unit is not None:
        wanted.add(model.experiment.unit)
    for kpi in model.kpis.values():
        wanted |= columns_named(kpi)
    unused = {side.columns.latency_ms, side.columns.status} - {
        column for kpi in model.kpis.values() for column in columns_named(kpi)
    }
    return [column for column in side.names if column in wanted - unused]


def _moved(model: Model, side: Side, table: str, first: datetime | None, end: datetime | None) -> Side:
    tests = side.between(first, end)
    columns: Iterable[str] = travelling(model, side)
    query = select(
        [(name(column), column) for column in columns],
        side.relation(first, end),
        both(*tests) if tests else None,
    )
    side.source.setting.engines.duck().load(table, side.engine.stream(query, BATCH))
    return side.moved(table)

"""Rows that do not fit, a few of each sort, for the quarantine: the value, whose it is, and why."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlglot import exp

from collectors.engines import Engine
from collectors.expressions import both, is_null, name, not_null, select, whole, within
from collectors.sides import class_of
from collectors.sources.base import Source
from collectors.statement import Job
from collectors.zones import micros
from core.config import Model, Task
from core.text import gettext as _
from core.windows import Window, window_at

MOST_LOOKED = 8
"""Windows × columns that are looked into in one go; what lies beyond is counted only."""


@dataclass(frozen=True, kw_only=True)
class Misfit:
    """One row that stands for `count` of its like."""

    source: str
    reason: str
    row: Mapping[str, Any]
    count: int
    window_start: datetime


def misfits_of(job: Job, notes: Sequence[Mapping[str, Any]]) -> list[Misfit]:
    """Fetch an example of what the windows' notes count; nothing where rows may not leave their place.

    Args:
        notes: those of the job's windows, in their order.
    """
    if job.model.raw_rows == "deny":
        return []
    found: list[Misfit] = []
    wanted = [
        (window, column, int(count))
        for window, one in zip(job.windows, notes, strict=True)
        for column, count in one.get("invalid", {}).items()
    ]
    for window, column, count in wanted[:MOST_LOOKED]:
        row = _invalid(job, window, column)
        if row is not None:
            reason = _("{column}: this is no number").format(column=column)
            found.append(
                Misfit(source="predictions", reason=reason, row=row, count=count, window_start=window.start)
            )
    unknown = [
        (window, int(one["unknown_labels"]))
        for window, one in zip(job.windows, notes, strict=True)
        if one.get("unknown_labels")
    ]
    label = _unknown(job) if unknown else None
    if label is not None:
        window, count = unknown[0][0], sum(n for _window, n in unknown)
        reason = _("this label is none of {classes}").format(classes=", ".join(job.grids.classes))
        found.append(
            Misfit(source="ground_truth", reason=reason, row=label, count=count, window_start=window.start)
        )
    return found


def refused_in(model: Model, sources: Mapping[str, Source], zone: ZoneInfo) -> list[Misfit]:
    """Return the records of some sources that are no rows, by the window that they stand in."""
    shows = model.raw_rows != "deny"
    found: dict[tuple[str, str, datetime], Misfit] = {}
    for use, source in sources.items():
        for one in source.refused():
            start = window_at(one.at, model.grain, zone).start
            row = {"record": one.example} if shows and one.example else {}
            new = Misfit(source=use, reason=one.reason, row=row, count=one.count, window_start=start)
            old = found.get((use, one.reason, start))
            found[use, one.reason, start] = replace(old, count=old.count + one.count) if old else new
    return list(found.values())


def _invalid(job: Job, window: Window, column: str) -> dict[str, Any] | None:
    log = job.log
    dialect = log.engine.dialect
    text = dialect.text(name(column), log.info(column))
    read = [(log.micros(log.columns.time), "t"), (text, column)]
    read += [(log.text(log.columns.id), log.columns.id)] if log.columns.id else []
    inner = dialect.apart(select(read, log.relation(window.start, window.end)))
    test = both(
        dialect.no_number(name(column)),
        exp.GTE(this=name("t"), expression=whole(micros(window.start))),
        exp.LT(this=name("t"), expression=whole(micros(window.end))),
    )
    return _first(job.log.engine, select(_kept(read[1:]), within(inner, "read"), test))


def _unknown(job: Job) -> dict[str, Any] | None:
    truth = job.truth
    if truth is None or truth.columns.label is None or job.model.task is Task.REGRESSION:
        return None
    label = truth.columns.label
    read = [(truth.text(label), label)]
    read += [(truth.text(truth.columns.id), truth.columns.id)] if truth.columns.id else []
    inner = truth.engine.dialect.apart(select(read, truth.relation(job.start, None)))
    test = both(not_null(name(label)), is_null(class_of(name(label), job.grids.classes)))
    return _first(truth.engine, select(_kept(read), within(inner, "read"), test))


def _kept(read: Sequence[tuple[exp.Expression, str]]) -> list[tuple[exp.Expression, str]]:
    return [(name(alias), alias) for _value, alias in read]


def _first(engine: Engine, query: exp.Select) -> dict[str, Any] | None:
    rows = engine.fetch(query.limit(1)).to_pylist()
    return (
        {key: None if value is None else str(value)[:200] for key, value in rows[0].items()} if rows else None
    )

"""The age at which a label counts as known: as configured, else learnt from the delays of labels."""

import math
from datetime import datetime, timedelta

from sqlglot import exp

from collectors.crossing import together
from collectors.engines import Engine
from collectors.expressions import call, count, minus, name, not_null, select, within
from collectors.opening import Opened
from collectors.outcomes import mark_question
from collectors.statement import Job
from core.grid import GridSet
from core.windows import Window

SHARE = 0.99
"""Of the labels that came, this share is known at maturity."""
LEAST_LABELS = 100
_DAY = timedelta(days=1)


def learnt_maturity(opened: Opened, windows: tuple[Window, ...], now: datetime) -> timedelta | None:
    """Return the delay within which 99 % of the labels came, in whole days; None with fewer than 100.

    The delays are those of the log's `windows`; young labels make it too short, so it is learnt again as
    long as the log is young.
    """
    truth = opened.truth
    if truth is None or truth.columns.time is None or not windows:
        return None
    job = together(
        Job(model=opened.model, log=opened.log, truth=truth, grids=GridSet(columns={}, classes=("0", "1")),
            windows=windows, now=now)
    )  # fmt: skip
    question = mark_question(job)
    rows = within(question.rows, "rows")
    days = exp.Div(this=minus(name("kt"), name("t")), expression=exp.Literal.number("8.64e10"))
    delays = select([(call("ceil", days), "days")], rows, not_null(name("m0")))
    query = select([(name("days"), "days"), (count(), "n")], within(delays, "delays"), group=1)
    return _share(job.log.engine, query, question.ctes)


def _share(
    engine: Engine, query: exp.Select, ctes: tuple[tuple[str, exp.Expression], ...]
) -> timedelta | None:
    for alias, body in ctes:
        query = query.with_(exp.to_identifier(alias, quoted=True), as_=body, copy=False)
    found = sorted(
        (max(float(row["days"]), 0.0), int(row["n"]))
        for row in engine.fetch(query).to_pylist()
        if row["days"] is not None
    )
    total = sum(n for _days, n in found)
    if total < LEAST_LABELS:
        return None
    reached = 0
    for days, n in found:
        reached += n
        if reached >= SHARE * total:
            return math.ceil(days) * _DAY
    return None

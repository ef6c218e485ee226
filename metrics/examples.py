"""Small profiles that the examples in docstrings look at."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np

from core.config.model import Task
from core.grid import LATENCY, CategoricalGrid, GridSet, NumericGrid
from core.profile import ColumnSummary, Inputs, Outcomes, Profile
from core.windows import Grain, Window
from metrics.base import KpiFacts, Subject

_DAY = Window(start=datetime(2026, 4, 1, tzinfo=UTC), end=datetime(2026, 4, 2, tzinfo=UTC), grain=Grain.DAY)
_GRIDS = GridSet(
    columns={
        "age": NumericGrid(edges=np.array([19.0, 30.0, 40.0, 50.0, 60.0])),
        "city": CategoricalGrid(levels=("Omsk", "Perm")),
    },
    score=NumericGrid(edges=np.array([0.0, 0.2, 0.4, 0.6, 0.8, 1.0])),
    errors=NumericGrid(edges=np.array([-4.0, -2.0, 0.0, 2.0, 4.0])),
    classes=("no", "yes"),
)


def served() -> Subject:
    """Return a day of 200 requests: 4 failed, 2 have no answer and 2 a repeated id, half took 200 ms."""
    latency = np.zeros(LATENCY.bins, dtype=np.int64)
    for value in (100.0, 200.0):
        latency[LATENCY.locate(np.array([value]))] = 100
    inputs = Inputs(
        rows=200, duplicates=2, errors=4, statuses={"unanswered": 2}, first=_DAY.start,
        last=_DAY.end - timedelta(hours=2), latency=latency,
    )  # fmt: skip
    return _subject(inputs=inputs)


def sampled() -> Subject:
    """Return the same day of a log that holds every second request."""
    one = served()
    inputs = replace(one.profile.inputs, weight=400.0, weight_squares=800.0)
    return replace(one, profile=replace(one.profile, inputs=inputs))


def column(name: str = "age") -> Subject:
    """Return 100 values of a column beside 100 of the reference: 'age' got older, 'city' a new level."""
    if name == "city":
        now = ColumnSummary(counts=np.array([50, 40, 0, 10]), missing=25)
        then = ColumnSummary(counts=np.array([60, 40, 0, 0]))
    else:
        now = ColumnSummary(
            counts=np.array([0, 10, 20, 30, 30, 10]), missing=25, total=4800.0, squares=245000.0,
            minimum=20.0, maximum=70.0,
        )  # fmt: skip
        then = ColumnSummary(
            counts=np.array([0, 25, 25, 25, 25, 0]), total=4000.0, squares=175000.0,
            minimum=20.0, maximum=60.0,
        )  # fmt: skip
    reference = Profile(grid_set=_GRIDS.id, inputs=Inputs(rows=100, columns={name: then}))
    return replace(_subject(inputs=Inputs(rows=125, columns={name: now})), reference=reference, column=name)


def together(r: float) -> Subject:
    """Return 100 rows of 'age' and 'tenure', correlated by r, beside a reference correlated by 0.8."""
    grids = GridSet(columns={"age": _GRIDS.columns["age"], "tenure": NumericGrid(edges=np.arange(5.0))})

    def correlated(r: float) -> Profile:
        pairs = np.array([100.0, 100.0 * r, 100.0])
        rows = np.full(3, 100)
        return Profile(
            grid_set=grids.id, inputs=Inputs(rows=100, sums=np.zeros(2), pair_sums=pairs, pair_rows=rows)
        )

    return Subject(profile=correlated(r), grids=grids, window=_DAY, now=_DAY.end, reference=correlated(0.8))


def binary() -> Subject:
    """Return 100 labels of a binary model, 40 of them positive, scored 0.1, 0.3, 0.5, 0.7 and 0.9."""
    rows, positive = np.array([0, 20, 20, 20, 20, 20, 0]), np.array([0, 1, 4, 7, 12, 16, 0])
    score = np.array([0.0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
    with np.errstate(divide="ignore", invalid="ignore"):
        loss = np.where(rows > 0, -np.log([1.0 - score, score]), 0.0)
    negative = rows - positive
    low = np.arange(len(rows)) < 4  # offered from 0.6 on
    by_class = np.array([np.where(low, rows, 0), np.where(low, 0, rows)])
    positive_by_class = np.array([np.where(low, positive, 0), np.where(low, 0, positive)])
    outcomes = Outcomes(
        rows=125, labelled=100, score_labelled=by_class, score_positive=positive_by_class,
        score_sums=np.array([
            100.0, (negative * loss[0] + positive * loss[1]).sum(),
            (negative * score**2 + positive * (1 - score) ** 2).sum(), (rows * score).sum(),
            (rows * score * (1 - score)).sum(), 40.0,
            (negative * loss[0] ** 2 + positive * loss[1] ** 2).sum(),
            (negative * score**4 + positive * (1 - score) ** 4).sum(),
        ]),
        confusion=np.array([[48, 12], [12, 28]]),
    )  # fmt: skip
    return _subject(outcomes=outcomes)


def multiclass() -> Subject:
    """Return 100 labels of three classes."""
    outcomes = Outcomes(
        rows=100, labelled=100, confusion=np.array([[40, 5, 5], [5, 20, 5], [0, 5, 15]]),
        score_sums=np.array([100.0, 62.0, 0.0, 0.0, 0.0, 0.0, 60.0, 0.0]),
    )  # fmt: skip
    return replace(_subject(outcomes=outcomes), task=Task.MULTICLASS)


def regression() -> Subject:
    """Return 100 labels from 5 to 15, half predicted 1 too high and half 2 too low."""
    outcomes = Outcomes(
        rows=100, labelled=100, errors=np.array([0, 50, 0, 50, 0, 0]),
        error_sums=np.array([100.0, -50.0, 150.0, 250.0, 1000.0, 11000.0, 17.0, 100.0]),
    )  # fmt: skip
    return replace(_subject(outcomes=outcomes), task=Task.REGRESSION)


def kpi(kind: str = "ratio") -> Subject:
    """Return a KPI over 400 rows: 36 of 300 answered calls converted ('mean': 3.0 with sd 1)."""
    sums = np.zeros((9, 6))
    ratio = kind == "ratio"
    sums[2] = [400, 36, 300, 36, 300, 36] if ratio else [400, 1200, 400, 3999, 400, 1200]
    facts = KpiFacts(
        name="call_conversion", kind="ratio" if ratio else "mean", amount=1200.0, currency="RUB",
        baseline=0.10, target=0.15,
    )  # fmt: skip
    outcomes = Outcomes(rows=400, labelled=300, kpis={"call_conversion": sums})
    return replace(_subject(outcomes=outcomes), kpi=facts)


def _subject(inputs: Inputs = Inputs(), outcomes: Outcomes = Outcomes()) -> Subject:  # noqa: B008 (frozen)
    profile = Profile(grid_set=_GRIDS.id, inputs=inputs, outcomes=outcomes)
    return Subject(profile=profile, grids=_GRIDS, window=_DAY, now=_DAY.end)

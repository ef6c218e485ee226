"""Profiles counted from raw rows with plain numpy: the other way to the same sums."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.grid import AGE_BINS, LATENCY, CategoricalGrid, GridSet, NumericGrid
from core.profile import ColumnSummary, Inputs, Outcomes, Profile
from core.windows import Grain, Window

Array = NDArray[Any]
DAY = Window(start=datetime(2026, 4, 1, tzinfo=UTC), end=datetime(2026, 4, 2, tzinfo=UTC), grain=Grain.DAY)
EPS = np.finfo(np.float64).eps


def numeric_grid(values: Array) -> NumericGrid:
    """Cut at the percentiles, further out at both tails, and in 16 equal steps between the ends.

    The steps are for the Wasserstein distance: without them one bin holds a long tail, and the departure
    delay of flights is off by up to 9 %.
    """
    held = values[np.isfinite(values)].astype(np.float64)
    shares = np.concatenate([np.arange(0, 101) / 100, [0.001, 0.005, 0.995, 0.999]])
    edges = np.quantile(held, np.unique(shares), method="inverted_cdf")
    steps = np.linspace(held.min(), held.max(), 17)
    below = [np.nextafter(held.min(), -np.inf)]
    return NumericGrid(edges=np.unique(np.concatenate([below, edges, steps])))


def score_grid(scores: Array, edges: int = 1000) -> NumericGrid:
    """Unite reference quantiles with equal steps in log-odds; 0 and 1 exact."""
    quantiles = np.quantile(scores, np.arange(1, edges // 2) / (edges // 2), method="inverted_cdf")
    steps = 1 / (1 + np.exp(-np.linspace(-12, 12, edges // 2)))
    inner = np.concatenate([quantiles, steps])
    return NumericGrid(edges=np.unique(np.concatenate([[0.0, 1.0], inner[(inner > 0) & (inner < 1)]])))


def categorical_grid(values: Array, keep: int = 50) -> CategoricalGrid:
    """Keep the most frequent levels."""
    levels, counts = np.unique(values.astype(str), return_counts=True)
    ordered = [str(level) for level in levels[np.argsort(-counts, kind="stable")]]
    return CategoricalGrid(levels=tuple(ordered[:keep]), rare=tuple(ordered[keep:]))


def column(values: Array, grid: NumericGrid | CategoricalGrid) -> ColumnSummary:
    """Count one column."""
    if isinstance(grid, CategoricalGrid):
        place = {level: at for at, level in enumerate(grid.levels)} | dict.fromkeys(grid.rare, grid.other)
        held = [place.get(str(value), grid.unseen) for value in values if value is not None]
        counts = np.bincount(held, minlength=grid.bins).astype(np.int64)
        return ColumnSummary(counts=counts, missing=len(values) - len(held))
    numbers = values.astype(np.float64)
    known = numbers[~np.isnan(numbers)]
    return ColumnSummary(
        counts=np.bincount(grid.locate(known), minlength=grid.bins).astype(np.int64),
        missing=int(np.isnan(numbers).sum()),
        total=float(known.sum()),
        squares=float((known**2).sum()),
        minimum=float(known.min()) if len(known) else None,
        maximum=float(known.max()) if len(known) else None,
    )


def columns(data: Mapping[str, Array], grids: GridSet) -> Profile:
    """Count feature columns."""
    rows = len(next(iter(data.values())))
    found = {name: column(values, grids.columns[name]) for name, values in data.items()}
    return Profile(grid_set=grids.id, inputs=Inputs(rows=rows, columns=found))


def latencies(values: Array) -> Inputs:
    """Count latencies in ms."""
    counts = np.bincount(LATENCY.locate(values), minlength=LATENCY.bins).astype(np.int64)
    return Inputs(rows=len(values), latency=counts, latency_sum=float(values.sum()))


def binary(scores: Array, labels: Array, grids: GridSet, threshold: float = 0.5) -> Profile:
    """Count scored and labelled rows of a binary model."""
    assert grids.score is not None
    offered = (scores >= threshold).astype(np.int64)
    bins, shape = grids.score.locate(scores), (2, grids.score.bins)
    everything, positive = np.zeros(shape, dtype=np.int64), np.zeros(shape, dtype=np.int64)
    np.add.at(everything, (offered, bins), 1)
    np.add.at(positive, (offered, bins), labels)
    cut = np.clip(scores, EPS, 1 - EPS)
    loss, brier = -np.log(np.where(labels == 1, cut, 1 - cut)), (scores - labels) ** 2
    sums = [len(scores), loss.sum(), brier.sum(), scores.sum(), (scores * (1 - scores)).sum(), labels.sum()]
    sums += [(loss**2).sum(), (brier**2).sum()]
    cells = np.zeros((2, 2), dtype=np.int64)
    np.add.at(cells, (labels, offered), 1)
    inputs = Inputs(
        rows=len(scores), score=everything, score_sum=float(scores.sum()),
        score_squares=float((scores**2).sum()), score_variance=float(sums[4]),
    )  # fmt: skip
    outcomes = Outcomes(
        rows=len(scores), labelled=len(scores), score_labelled=everything, score_positive=positive,
        score_sums=np.array(sums, dtype=np.float64), confusion=cells,
    )  # fmt: skip
    return Profile(grid_set=grids.id, inputs=inputs, outcomes=outcomes)


def multiclass(chances: Array, labels: Array, grids: GridSet) -> Profile:
    """Count labelled rows of a multiclass model; `chances` is [rows, classes]."""
    classes = len(grids.classes)
    said = chances.argmax(axis=1)
    cells = np.zeros((classes, classes), dtype=np.int64)
    np.add.at(cells, (labels, said), 1)
    loss = -np.log(np.clip(chances[np.arange(len(labels)), labels], EPS, 1 - EPS))
    sums = np.array([len(labels), loss.sum(), 0, 0, 0, 0, (loss**2).sum(), 0], dtype=np.float64)
    outcomes = Outcomes(rows=len(labels), labelled=len(labels), confusion=cells, score_sums=sums)
    inputs = Inputs(
        rows=len(labels), score=np.bincount(said, minlength=classes).astype(np.int64)[:, None]
    )  # fmt: skip
    return Profile(grid_set=grids.id, inputs=inputs, outcomes=outcomes)


def regression(predicted: Array, labels: Array, grids: GridSet) -> Profile:
    """Count labelled rows of a regression."""
    assert grids.errors is not None
    error, held = predicted - labels, labels != 0
    sums = [len(labels), error.sum(), np.abs(error).sum(), (error**2).sum(), labels.sum(), (labels**2).sum()]
    sums += [np.abs(error[held] / labels[held]).sum(), held.sum()]
    outcomes = Outcomes(
        rows=len(labels), labelled=len(labels), error_sums=np.array(sums, dtype=np.float64),
        errors=np.bincount(grids.errors.locate(error), minlength=grids.errors.bins).astype(np.int64),
    )  # fmt: skip
    return Profile(grid_set=grids.id, inputs=Inputs(rows=len(labels)), outcomes=outcomes)


def kpi(name: str, numerator: Array, denominator: Array, ages: Array | None = None) -> Outcomes:
    """Sum a KPI by label age."""
    ages = np.zeros(len(numerator), dtype=np.int64) if ages is None else ages
    sums = np.zeros((AGE_BINS, 6))
    each = [np.ones(len(numerator)), numerator, denominator]
    each += [numerator**2, denominator**2, numerator * denominator]
    np.add.at(sums, ages, np.stack(each, axis=1).astype(np.float64))
    return Outcomes(rows=len(numerator), labelled=len(numerator), kpis={name: sums})

"""Make the bins of a model from its reference, once."""

from collections.abc import Mapping, Sequence

import numpy as np
from sqlglot import exp

from collectors.expressions import call, count, name, not_null, select, whole, within
from collectors.features import Features, classes_of, level_counts
from collectors.native import floats_of
from collectors.sides import SAYS_A_NUMBER, Side, score_columns
from core.config import Model, Task
from core.grid import CategoricalGrid, ColumnGrid, Floats, GridSet, NumericGrid

BINS = 128
SCORE_BINS = 1000
PREDICTION_BINS = 256
ERROR_STEPS = 100
TOP_LEVELS = 50
RARE_LEVELS = 1000
SEGMENT_LEVELS = 20
SAMPLE = 200_000
TAILS = (0.001, 0.005, 0.01, 0.99, 0.995, 0.999)


def grid_set(model: Model, reference: Side, log: Side, truth: Side | None, features: Features) -> GridSet:
    """Make all grids of a model from the rows of `reference`."""
    numbers = _numbers(reference, features.numeric)
    columns: dict[str, ColumnGrid] = {
        column: NumericGrid(edges=numeric_edges(numbers[column])) for column in features.numeric
    }
    for column in features.categorical:
        columns[column] = levels_grid(level_counts(reference, column, TOP_LEVELS + RARE_LEVELS + 1))
    classes = classes_of(model, log, truth)
    score, errors = _score_grids(model, reference, log, classes)
    return GridSet(
        columns=columns,
        score=score,
        errors=errors,
        classes=classes,
        segments=segments_of(model, reference, log),
    )


def bare_grid_set(model: Model, log: Side, truth: Side | None) -> GridSet:
    """Make the grids that need no reference: service, KPIs and performance can be counted from day one."""
    classes = classes_of(model, log, truth)
    scored = bool(score_columns(log, model, classes)[0]) and log.columns.score is not None
    within_one = scored and bool(classes) and model.task not in SAYS_A_NUMBER
    score = NumericGrid(edges=score_edges(None)) if within_one else None
    return GridSet(columns={}, score=score, classes=classes, segments=segments_of(model, log, log))


def segments_of(model: Model, reference: Side, log: Side) -> dict[str, tuple[str, ...]]:
    """Return the kept levels of each segment column, by share in the reference."""
    found: dict[str, tuple[str, ...]] = {}
    for column in dict.fromkeys(one for segment in model.segments for one in segment):
        log.info(column)
        side = reference if reference.has(column) else log
        found[column] = tuple(level_counts(side, column, SEGMENT_LEVELS))
    return found


def numeric_edges(values: Floats, bins: int = BINS) -> Floats:
    """Return edges for a column from its values.

    Few distinct ones (≤ `bins`) get an edge each; otherwise quantiles and the tails at 0.1, 0.5, 1, 99, 99.5
    and 99.9 %. The first edge lies just below the minimum, the last is the maximum.
    """
    values = np.sort(values[np.isfinite(values)].astype(np.float64))
    if not len(values):
        return np.array([0.0])
    inner = np.unique(values)
    if len(inner) > bins:
        shares = np.unique(np.concatenate([np.linspace(0, 1, bins - len(TAILS)), TAILS]))
        inner = np.unique(np.quantile(values, shares, method="inverted_cdf"))
    return np.unique(np.concatenate([[np.nextafter(values[0], -np.inf)], inner]))


def score_edges(values: Floats | None, bins: int = SCORE_BINS) -> Floats:
    """Return edges for a probability: quantiles united with equal steps in log-odds; 0 and 1 are exact."""
    inside = np.zeros(0) if values is None else values[(values > 0) & (values < 1)]
    steps = bins // 2 if len(inside) else bins
    odds = 1 / (1 + np.exp(-np.linspace(-14.0, 14.0, steps - 4)))
    edges = [odds, np.array([0.0, 0.5, np.nextafter(1.0, 0.0), 1.0])]
    if len(inside):
        edges.append(np.quantile(inside, np.linspace(0, 1, bins - steps), method="inverted_cdf"))
    return np.unique(np.concatenate(edges))


def error_edges(values: Floats) -> Floats:
    """Return edges for errors: zero and log-spaced steps up to a hundred spreads of the prediction."""
    kept = values[np.isfinite(values)]
    spread = float(kept.std()) if len(kept) else 0.0
    steps = (spread or 1.0) * np.logspace(-4, 2, ERROR_STEPS)
    return np.concatenate([-steps[::-1], [0.0], steps])


def levels_grid(counts: Mapping[str, int]) -> CategoricalGrid:
    """Return the grid of a categorical column: the top levels by count, then the rare ones."""
    ordered = list(counts)
    return CategoricalGrid(
        levels=tuple(ordered[:TOP_LEVELS]),
        rare=tuple(sorted(ordered[TOP_LEVELS : TOP_LEVELS + RARE_LEVELS])),
        open_ended=len(ordered) > TOP_LEVELS + RARE_LEVELS,
    )


def _score_grids(
    model: Model, reference: Side, log: Side, classes: Sequence[str]
) -> tuple[NumericGrid | None, NumericGrid | None]:
    declared = log.columns.score
    if model.task in SAYS_A_NUMBER:
        column = declared if isinstance(declared, str) else log.columns.prediction
        if column is None:
            return None, None
        side = reference if reference.has(column) else log
        values = _numbers(side, (column,))[column]
        return (
            NumericGrid(edges=numeric_edges(values, PREDICTION_BINS)),
            NumericGrid(edges=error_edges(values)) if model.task is Task.REGRESSION else None,
        )
    if declared is None:
        return None, None
    if isinstance(declared, Mapping):
        return NumericGrid(edges=score_edges(None)), None
    found = _numbers(reference, (declared,))[declared] if reference.has(declared) else None
    if found is not None and len(found) and (found.min() < 0 or found.max() > 1):
        return NumericGrid(edges=numeric_edges(found, SCORE_BINS)), None
    return NumericGrid(edges=score_edges(found)), None


def _numbers(side: Side, columns: Sequence[str]) -> dict[str, Floats]:
    """Return values that stand for each column: a repeatable sample or quantiles, and both ends."""
    if not columns:
        return {}
    dialect = side.engine.dialect
    read = [(side.number(column), f"x{i}") for i, column in enumerate(columns)]
    if dialect.samples:
        return _sampled(side, columns, read)
    return {column: _quantiles(side, one) for column, one in zip(columns, read, strict=True)}


def _finite_range(side: Side, columns: Sequence[str], read: list[tuple[exp.Expression, str]]) -> list[Floats]:
    dialect = side.engine.dialect
    inner = within(select([(one.copy(), alias) for one, alias in read], side.relation(None, None)), "rows")
    ends: list[tuple[exp.Expression, str]] = [(count(), "n")]
    for i in range(len(columns)):
        finite = dialect.finite(name(f"x{i}"))
        ends += [(call("min", finite), f"a{i}"), (call("max", finite.copy()), f"b{i}")]
    found = side.engine.fetch(select(ends, inner)).to_pylist()[0]
    rows = np.array([float(found["n"])])
    return [
        rows,
        *(
            np.array([float(found[f"{end}{i}"]) for end in "ab" if found[f"{end}{i}"] is not None])
            for i in range(len(columns))
        ),
    ]


def _sampled(side: Side, columns: Sequence[str], read: list[tuple[exp.Expression, str]]) -> dict[str, Floats]:
    rows, *ends = _finite_range(side, columns, read)
    every = max(1, int(rows[0]) // SAMPLE)
    relation = side.relation(None, None)
    query = select(read, relation)
    if every > 1:
        keys = side.key_texts() or [one.copy() for one, _alias in read]
        chosen = exp.Mod(this=call("hash", *keys), expression=whole(every))
        query = query.where(exp.EQ(this=chosen, expression=whole(0)), copy=False)
    found = side.engine.fetch(query)
    kept = {}
    for i, column in enumerate(columns):
        values = floats_of(found[f"x{i}"])
        kept[column] = np.concatenate([values[np.isfinite(values)], ends[i]])
    return kept


def _quantiles(side: Side, one: tuple[exp.Expression, str]) -> Floats:
    """Let the database cut a column into a thousand parts; only their ends travel."""
    value, alias = one
    dialect = side.engine.dialect
    inner = within(select([(value, alias)], side.relation(None, None)), "rows")
    finite = within(select([(dialect.finite(name(alias)), "x")], inner), "finite")
    distinct = select([(name("x"), "x")], finite, not_null(name("x")), group=1).limit(BINS + 1)
    few = side.engine.fetch(distinct)
    if few.num_rows <= BINS:
        return floats_of(few["x"])
    part = exp.Window(
        this=call("ntile", whole(SCORE_BINS)), order=exp.Order(expressions=[exp.Ordered(this=name("x"))])
    )
    cut = within(select([(part, "q"), (name("x"), "x")], finite.copy(), not_null(name("x"))), "cut")
    ends = select(
        [(name("q"), "q"), (call("min", name("x")), "a"), (call("max", name("x")), "b")], cut, group=1
    )
    found = side.engine.fetch(ends)
    return np.concatenate([floats_of(found["b"]), floats_of(found["a"]).min(keepdims=True)])

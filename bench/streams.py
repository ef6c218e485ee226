"""Streams of windows to detect changes in: simulated from exact bin probabilities, or cut from real rows.

A simulated model has 16 numeric columns and 4 categorical ones, a score and a label. Every column hangs on a
standard normal number of its own, so that a shift of 0.25 is a shift of 0.25 standard deviations whatever the
column's shape; the first two of each four numeric ones are correlated by 0.6. Windows are drawn multinomially
from the probabilities of the product's own bins (`python -m bench.streams` compares them with raw rows),
second moments from the Wishart distribution. Of the seeds the even ones are a model with 10 % positives,
whose label is the KPI; the odd ones are right in 85 % of their answers.

Lifelike: weekends differ in six columns and in the KPI, and six columns wobble from day to day.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.special import expit, ndtr, ndtri

from collectors.grids import levels_grid, numeric_edges, score_edges
from core.grid import AGE_BINS, CategoricalGrid, Counts, Floats, GridSet, NumericGrid
from core.profile import CLIP, ColumnSummary, Inputs, Outcomes, Profile

if TYPE_CHECKING:
    from pandas import DataFrame

REFERENCE = 30
NUMERIC, CATEGORICAL = 16, 4
SAMPLE = 100_000
POINTS = 20_001
TIED = 0.6
"""Correlation of the first two of each four numeric columns."""
WEEKEND, WOBBLE, WEEKLY = 0.15, 0.03, (1.0, 1.03, 0.98, 1.02, 1.05, 0.93, 0.99)


@dataclass(frozen=True, kw_only=True)
class Change:
    """What happens from window `at` of the monitored ones on: `size` in the unit of what changes."""

    what: str  # shift | gradual | kpi | accuracy | correlation
    size: float
    at: int
    column: str = ""


@dataclass(frozen=True, kw_only=True, eq=False)
class Stream:
    """One model: `reference` windows, then `windows`; nothing has changed before `change`."""

    name: str
    grids: GridSet
    reference: Sequence[Profile]
    windows: Sequence[Profile]
    rows: int
    scored: bool = True
    change: Change | None = None


@dataclass(frozen=True, kw_only=True, eq=False)
class _Score:
    """What is known of each bin of the score: its probability, mean score and share of positives."""

    share: Floats
    middle: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class _World:
    """The columns' bins as cuts of a standard normal number: bin b holds cuts b to b + 1."""

    grids: GridSet
    cuts: dict[str, Floats]
    score: _Score = field(repr=False)


def simulated(seed: int, rows: int, *, lifelike: bool, count: int, change: Change | None = None) -> Stream:
    """Draw a stream of `count` monitored windows of `rows` rows."""
    world, rng = _world(seed % 2), np.random.default_rng([seed, rows, lifelike])
    names = list(world.cuts)
    weekend, wobbly = set(names[::3][:6]), set(names[1::3][:6])
    drawn = []
    for at in range(REFERENCE + count):
        day, since = at % 7, -1 if change is None else at - REFERENCE - change.at
        columns, shifts = {}, np.zeros(NUMERIC)
        for place, name in enumerate(names):
            shift = 0.0
            if lifelike:
                shift += WEEKEND * (day >= 5) * (name in weekend)
                shift += rng.normal(0, WOBBLE) if name in wobbly else 0.0
            if change is not None and change.column == name and since >= 0:
                shift += change.size * (min(1.0, (since + 1) / 30) if change.what == "gradual" else 1.0)
            if place < NUMERIC:
                shifts[place] = shift
            shares = np.maximum(np.diff(ndtr(world.cuts[name] - shift)), 0.0)
            columns[name] = ColumnSummary(counts=rng.multinomial(rows, shares / shares.sum()))
        factor = WEEKLY[day] if lifelike and seed % 2 == 0 else 1.0
        flipped = 0.0
        if change is not None and since >= 0:
            factor *= 1 + change.size if change.what == "kpi" else 1.0
            flipped = change.size if change.what == "accuracy" else 0.0
        tied = TIED if change is None or change.what != "correlation" or since < 0 else change.size
        moments = _drawn_moments(rng, rows, shifts, tied)
        drawn.append(_profile(world, columns, rows, rng, factor, flipped, moments))
    kind = "lifelike" if lifelike else "clean"
    return Stream(
        name=kind, grids=world.grids, reference=drawn[:REFERENCE], windows=drawn[REFERENCE:], rows=rows,
        change=change,
    )  # fmt: skip


def real(path: Path, rows: int, seed: int | None) -> Stream | None:
    """Cut a file of rows in time order into windows; `seed` permutes the rows, so that nothing drifts.

    Columns `label` and (if there is one) `score` are what their names say; None where there are fewer than 60
    windows.
    """
    import pandas as pd

    data = pd.read_parquet(path)
    count = len(data) // rows
    if count < 2 * REFERENCE:
        return None
    if seed is not None:
        data = data.iloc[np.random.default_rng(seed).permutation(len(data))].reset_index(drop=True)
    return stream_of(data, rows, path.stem if seed is None else f"{path.stem}, permuted")


def stream_of(data: "DataFrame", rows: int, name: str = "") -> Stream:
    """Cut rows in time order into windows, of which the first 30 are the reference; grids are theirs."""
    import pandas as pd

    count = len(data) // rows
    first = data.iloc[: REFERENCE * rows]
    columns: dict[str, NumericGrid | CategoricalGrid] = {}
    for column in data.columns.difference(["label", "score"], sort=False):
        held = first[column].dropna()
        if pd.api.types.is_numeric_dtype(held) and not pd.api.types.is_bool_dtype(held):
            columns[str(column)] = NumericGrid(edges=numeric_edges(held.to_numpy(dtype=np.float64)))
        elif held.nunique() <= len(first) / 2:
            columns[str(column)] = levels_grid(held.astype(str).value_counts().to_dict())
    scored = "score" in data
    grids = GridSet(
        columns=columns,
        score=NumericGrid(edges=score_edges(first["score"].to_numpy(dtype=np.float64))) if scored else None,
        classes=("0", "1"),
    )
    profiles = [_counted(data.iloc[at * rows : (at + 1) * rows], grids, scored) for at in range(count)]
    return Stream(
        name=name, grids=grids, reference=profiles[:REFERENCE], windows=profiles[REFERENCE:], rows=rows,
        scored=scored,
    )  # fmt: skip


def moments_of(data: Mapping[str, Floats], grids: GridSet) -> dict[str, Any]:
    """Sum up raw columns (NaN: missing) and their products, as the parts of Inputs that hold them."""
    scaled = []
    for name in grids.moments:
        grid = grids.columns[name]
        assert isinstance(grid, NumericGrid)
        centre, scale = grid.standard
        scaled.append(np.clip((data[name] - centre) / scale, -CLIP, CLIP))
    if not scaled:
        return {}
    z = np.column_stack(scaled)
    there, z = ~np.isnan(z), np.nan_to_num(z)
    upper = np.triu_indices(z.shape[1])
    rows = there.T.astype(np.int64) @ there.astype(np.int64)
    return {"sums": z.sum(axis=0), "pair_sums": (z.T @ z)[upper], "pair_rows": rows[upper]}


def _drawn_moments(rng: np.random.Generator, rows: int, shifts: Floats, tied: float) -> dict[str, Any]:
    """Draw the same of normal columns, by Bartlett's decomposition of a Wishart matrix."""
    k = len(shifts)
    normal = np.tril(rng.standard_normal((k, k)), -1)
    normal[np.diag_indices(k)] = np.sqrt(rng.chisquare(rows - 1 - np.arange(k)))
    correlated = np.eye(k)
    for at in range(0, k, 4):
        correlated[at, at + 1] = correlated[at + 1, at] = tied
    root = np.linalg.cholesky(correlated)
    means = shifts + root @ rng.standard_normal(k) / np.sqrt(rows)
    products = root @ normal @ normal.T @ root.T + rows * np.outer(means, means)
    upper = np.triu_indices(k)
    return {
        "sums": rows * means, "pair_sums": products[upper], "pair_rows": np.full(len(upper[0]), rows)
    }  # fmt: skip


@cache
def _world(kind: int) -> _World:
    rng = np.random.default_rng(kind)
    columns: dict[str, NumericGrid | CategoricalGrid] = {}
    cuts: dict[str, Floats] = {}
    for at in range(NUMERIC):
        latent = rng.normal(0, 1, SAMPLE)
        if at % 4 == 3:
            latent = ndtri(np.clip(np.round(ndtr(latent) * 12) / 12, 0.02, 0.98))  # few distinct values
        edges = numeric_edges(latent)  # of any increasing shape: only the ranks of its bins matter
        columns[f"x{at}"] = NumericGrid(edges=edges)
        middle = (edges[1:] + edges[:-1]) / 2 if at % 4 == 3 else edges[1:]
        cuts[f"x{at}"] = np.concatenate([[-np.inf], edges[:1], middle[:-1], edges[-1:], [np.inf]])
    for at in range(CATEGORICAL):
        shares = np.sort(rng.dirichlet(np.full(6 + 6 * at, 0.5)))[::-1]
        levels = {f"l{level:02}": int(1e6 * share) for level, share in enumerate(shares)}
        columns[f"c{at}"] = levels_grid(levels)
        bounds = ndtri(np.clip(np.cumsum(shares), 0, 1))
        cuts[f"c{at}"] = np.concatenate([[-np.inf], bounds[:-1], [np.inf, np.inf, np.inf]])
    level, width = (-2.64, 1.1) if kind == 0 else (0.0, 3.0)
    points = expit(level + width * ndtri((np.arange(POINTS) + 0.5) / POINTS))
    if kind == 1:
        points = expit(level + width * 1.2 * ndtri((np.arange(POINTS) + 0.5) / POINTS))
    grid = NumericGrid(edges=score_edges(points))
    bins = grid.locate(points)
    counts = np.bincount(bins, minlength=grid.bins)
    middle = np.bincount(bins, weights=points, minlength=grid.bins) / np.maximum(counts, 1)
    grids = GridSet(columns=columns, score=grid, classes=("0", "1"))
    return _World(grids=grids, cuts=cuts, score=_Score(share=counts / POINTS, middle=middle))


def _profile(
    world: _World, columns: dict[str, ColumnSummary], rows: int, rng: np.random.Generator, factor: float,
    flipped: float, moments: Mapping[str, Any],
) -> Profile:  # fmt: skip
    """Draw scores and labels; `factor` times as many positives, `flipped` points of accuracy lost."""
    share, middle = world.score.share, world.score.middle
    chance = np.clip(middle * factor, 0, 1)
    if flipped:
        right = float((share * np.maximum(middle, 1 - middle)).sum())
        often = flipped / (2 * right - 1)
        chance = chance * (1 - often) + (1 - chance) * often
    scored = rng.multinomial(rows, share)
    return _labelled(world.grids, columns, scored, rng.binomial(scored, chance), middle, rows, moments)


def _labelled(
    grids: GridSet,
    columns: dict[str, ColumnSummary],
    scored: Counts,
    positive: Counts,
    middle: Floats,
    rows: int,
    moments: Mapping[str, Any],
) -> Profile:
    negative, yes = scored - positive, middle >= 0.5
    cut = np.clip(middle, 2.2e-16, 1 - 2.2e-16)
    loss = positive * -np.log(cut) + negative * -np.log1p(-cut)
    squares = positive * np.log(cut) ** 2 + negative * np.log1p(-cut) ** 2
    brier = positive * (1 - middle) ** 2 + negative * middle**2
    sums = np.array([
        rows, loss.sum(), brier.sum(), (scored * middle).sum(), (scored * middle * (1 - middle)).sum(),
        positive.sum(), squares.sum(), (positive * (1 - middle) ** 4 + negative * middle**4).sum(),
    ])  # fmt: skip
    by_class = np.stack([np.where(yes, 0, scored), np.where(yes, scored, 0)])
    confusion = np.array(
        [[negative[~yes].sum(), negative[yes].sum()], [positive[~yes].sum(), positive[yes].sum()]]
    )
    inputs = Inputs(
        **moments, rows=rows, columns=columns, score=by_class, score_sum=float(sums[3]),
        score_squares=float((scored * middle**2).sum()), score_variance=float(sums[4]), weight=rows,
        weight_squares=rows,
    )  # fmt: skip
    outcomes = Outcomes(
        rows=rows, labelled=rows, score_labelled=by_class,
        score_positive=np.stack([np.where(yes, 0, positive), np.where(yes, positive, 0)]), score_sums=sums,
        confusion=confusion, kpis={"conversion": _kpi(int(positive.sum()), rows)},
    )  # fmt: skip
    return Profile(grid_set=grids.id, inputs=inputs, outcomes=outcomes)


def _counted(data: "DataFrame", grids: GridSet, scored: bool) -> Profile:
    columns = {}
    for name, grid in grids.columns.items():
        held = data[name].dropna()
        if isinstance(grid, NumericGrid):
            places = grid.locate(held.to_numpy(dtype=np.float64))
        else:
            known = {level: at for at, level in enumerate(grid.levels)} | dict.fromkeys(grid.rare, grid.other)
            places = held.astype(str).map(known).fillna(grid.unseen).to_numpy(dtype=np.int64)
        columns[name] = ColumnSummary(
            counts=np.bincount(places, minlength=grid.bins), missing=len(data) - len(held)
        )
    numbers = {name: data[name].to_numpy(dtype=np.float64) for name in grids.moments}
    moments = moments_of(numbers, grids)
    label = (data["label"] if "label" in data else data[data.columns[0]] * 0).to_numpy(dtype=np.int64)
    if not scored or grids.score is None:
        outcomes = Outcomes(
            rows=len(data), labelled=len(data), kpis={"conversion": _kpi(int(label.sum()), len(data))}
        )
        inputs = Inputs(
            **moments, rows=len(data), columns=columns, weight=len(data), weight_squares=len(data)
        )
        return Profile(grid_set=grids.id, inputs=inputs, outcomes=outcomes)
    score = data["score"].to_numpy(dtype=np.float64)
    bins = grids.score.locate(score)
    counts = np.bincount(bins, minlength=grids.score.bins)
    middle = np.bincount(bins, weights=score, minlength=grids.score.bins) / np.maximum(counts, 1)
    positive = np.bincount(bins, weights=label, minlength=grids.score.bins).astype(np.int64)
    return _labelled(grids, columns, counts, positive, middle, len(data), moments)


def _kpi(positive: int, rows: int) -> Floats:
    sums = np.zeros((AGE_BINS, 6))
    sums[0] = [rows, positive, rows, positive, rows, positive]
    return sums


def _check() -> Iterator[tuple[str, float]]:
    """Yield for each column the p-value of raw rows against the probabilities that windows are drawn from."""
    from scipy.stats import chisquare

    world, rng = _world(0), np.random.default_rng(5)
    for name, cuts in world.cuts.items():
        shares = np.diff(ndtr(cuts))
        counts = np.histogram(rng.normal(0, 1, 200_000), bins=np.unique(cuts))[0]
        held = shares[np.diff(cuts) > 0] if len(np.unique(cuts)) < len(cuts) else shares
        enough = held * 200_000 >= 5
        expected = held[enough] / held[enough].sum() * counts[enough].sum()
        yield name, float(chisquare(counts[enough], expected).pvalue)


if __name__ == "__main__":
    for column, p in _check():
        print(f"{column:>4} p = {p:.3f}")

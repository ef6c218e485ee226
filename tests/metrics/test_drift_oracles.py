"""Drift from counts is what scipy says of the raw rows."""

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon

from core.grid import CategoricalGrid, GridSet, NumericGrid
from metrics.base import SCORE, Subject
from metrics.distances import LEAST_SHARE
from metrics.registry import all_metrics
from tests.metrics import counted

Values = NDArray[np.float64]
NUMERIC = ("dep_delay", "distance", "air_time", "dep_time", "made")


def measured(name: str, now: Values, then: Values) -> float:
    grid: NumericGrid | CategoricalGrid = (
        counted.numeric_grid(then) if then.dtype.kind == "f" else counted.categorical_grid(then)
    )
    grids = GridSet(columns={"x": grid})
    subject = Subject(
        profile=counted.columns({"x": now}, grids),
        reference=counted.columns({"x": then}, grids),
        grids=grids,
        column="x",
    )
    found = all_metrics()[f"drift.{name}"].compute(subject).value
    assert found is not None
    return found


def shares(now: Values, then: Values) -> tuple[Values, Values]:
    """Return exact shares of the raw rows: below, between the deciles, above the reference."""
    cuts = np.quantile(then, np.arange(1, 10) / 10, method="inverted_cdf")
    edges = np.unique(np.concatenate([[np.nextafter(then.min(), -np.inf)], cuts, [then.max()]]))
    a, b = (np.bincount(np.searchsorted(edges, x), minlength=len(edges) + 1) / len(x) for x in (now, then))
    return a, b


def psi(a: Values, b: Values) -> float:
    a, b = np.maximum(a, LEAST_SHARE), np.maximum(b, LEAST_SHARE)
    return float(np.sum((a - b) * np.log(a / b)))


@pytest.fixture(scope="module", params=NUMERIC)
def winter_and_later(request: pytest.FixtureRequest, flights: pd.DataFrame) -> tuple[Values, Values]:
    """Return a column from January to March, and in June within its range."""
    if request.param == "made":
        rng = np.random.default_rng(5)
        then, now = rng.gamma(2.0, 3.0, 50_000), rng.gamma(2.2, 3.0, 20_000)
    else:
        values = flights[["month", request.param]].dropna()
        then = values.loc[values["month"] <= 3, request.param].to_numpy(dtype=np.float64)
        now = values.loc[values["month"] == 6, request.param].to_numpy(dtype=np.float64)
    return then, now[(now >= then.min()) & (now <= then.max())]


def test_it_equals_the_raw_rows_within_the_reference(winter_and_later: tuple[Values, Values]) -> None:
    then, now = winter_and_later
    a, b = shares(now, then)

    assert measured("psi", now, then) == pytest.approx(psi(a, b), abs=0.005)
    assert measured("jensen_shannon", now, then) == pytest.approx(jensenshannon(a, b, base=2), abs=0.005)
    assert measured("kolmogorov_smirnov", now, then) == pytest.approx(
        stats.ks_2samp(now, then).statistic, abs=0.005
    )
    assert measured("wasserstein", now, then) == pytest.approx(
        stats.wasserstein_distance(now, then) / then.std(), rel=0.05
    )


@pytest.mark.parametrize("how", ["shifted", "beyond"])
def test_it_equals_the_raw_rows_outside_the_reference(
    winter_and_later: tuple[Values, Values], how: str
) -> None:
    then, now = winter_and_later
    rng = np.random.default_rng(2)
    if how == "shifted":
        now = now + then.std()
    else:
        now = now.copy()
        out = rng.random(len(now)) < 0.1
        now[out] = then.max() + rng.exponential(then.std(), int(out.sum()))
    a, b = shares(now, then)

    assert measured("psi", now, then) == pytest.approx(psi(a, b), rel=0.1)
    assert measured("jensen_shannon", now, then) == pytest.approx(jensenshannon(a, b, base=2), rel=0.1)
    assert measured("hellinger", now, then) == pytest.approx(np.sqrt(1 - np.sqrt(a * b).sum()), rel=0.1)
    assert measured("kolmogorov_smirnov", now, then) == pytest.approx(
        stats.ks_2samp(now, then).statistic, abs=0.02
    )


def test_it_sees_levels_like_scipy(flights: pd.DataFrame) -> None:
    then = flights.loc[flights["month"] <= 3, "carrier"].to_numpy(dtype=str)
    now = flights.loc[flights["month"] == 9, "carrier"].to_numpy(dtype=str)
    levels = np.unique(np.concatenate([then, now]))
    counts = np.array([[(x == level).sum() for level in levels] for x in (now, then)])
    a, b = counts / counts.sum(axis=1, keepdims=True)

    assert measured("jensen_shannon", now, then) == pytest.approx(jensenshannon(a, b, base=2), abs=1e-9)
    assert measured("psi", now, then) == pytest.approx(psi(a, b), abs=1e-9)
    assert measured("hellinger", now, then) == pytest.approx(np.sqrt(1 - np.sqrt(a * b).sum()), abs=1e-9)
    expected = stats.chi2_contingency(counts[:, counts.sum(axis=0) > 0], correction=False)
    assert measured("chi_squared", now, then) == pytest.approx(expected.statistic, rel=1e-9)


def test_it_finds_chi_squared_of_numbers_like_scipy() -> None:
    rng = np.random.default_rng(4)
    then, now = rng.normal(size=10_000), rng.normal(0.1, 1.1, size=3_000)
    edges = np.quantile(then, np.arange(1, 10) / 10, method="inverted_cdf")
    edges = np.concatenate([[np.nextafter(then.min(), -np.inf)], edges, [then.max()]])
    table = np.array([np.bincount(np.searchsorted(edges, x), minlength=12) for x in (now, then)])

    expected = stats.chi2_contingency(table[:, table.sum(axis=0) > 0], correction=False)

    assert measured("chi_squared", now, then) == pytest.approx(expected.statistic, rel=1e-9)


def test_it_measures_distances_of_a_score() -> None:
    rng = np.random.default_rng(9)
    then, now = rng.beta(2, 5, 40_000), rng.beta(2.4, 5, 20_000)
    grids = GridSet(columns={}, score=counted.score_grid(then), classes=("no", "yes"))
    labels = np.zeros(40_000, dtype=np.int64)
    subject = Subject(
        profile=counted.binary(now, labels[:20_000], grids),
        reference=counted.binary(then, labels, grids),
        grids=grids,
        column=SCORE,
    )

    expected = stats.wasserstein_distance(now, then) / then.std()
    found = all_metrics()["drift.wasserstein"].compute(subject).value
    assert found == pytest.approx(expected, rel=0.05)
    gap = all_metrics()["drift.kolmogorov_smirnov"].compute(subject).value
    assert gap == pytest.approx(stats.ks_2samp(now, then).statistic, abs=0.005)
    a, b = shares(now, then)
    jensen = all_metrics()["drift.jensen_shannon"].compute(subject).value
    assert jensen == pytest.approx(jensenshannon(a, b, base=2), abs=0.005)


def test_it_compares_a_coarse_segment_with_a_fine_reference() -> None:
    rng = np.random.default_rng(1)
    then, now = rng.normal(size=50_000), rng.normal(0.5, 1, size=5_000)
    fine = counted.numeric_grid(then)
    grids = GridSet(columns={"x": fine})
    coarse = GridSet(columns={"x": fine.coarse(32)})
    profile = counted.columns({"x": now}, coarse)
    subject = Subject(
        profile=type(profile)(grid_set=grids.id, inputs=profile.inputs),
        reference=counted.columns({"x": then}, grids),
        grids=grids,
        column="x",
    )
    a, b = shares(now, then)

    found = all_metrics()["drift.jensen_shannon"].compute(subject).value

    assert found == pytest.approx(jensenshannon(a, b, base=2), abs=0.01)


def test_it_says_that_a_constant_reference_has_no_deviation() -> None:
    then, now = np.full(100, 7.0), np.full(100, 8.0)
    grids = GridSet(columns={"x": counted.numeric_grid(then)})
    subject = Subject(
        profile=counted.columns({"x": now}, grids),
        reference=counted.columns({"x": then}, grids),
        grids=grids,
        column="x",
    )

    assert "constant" in all_metrics()["drift.wasserstein"].compute(subject).reason
    assert all_metrics()["drift.kolmogorov_smirnov"].compute(subject).value == pytest.approx(1.0)


def test_what_a_multiclass_model_says_drifts_by_class() -> None:
    rng = np.random.default_rng(2)
    grids = GridSet(columns={}, score=NumericGrid(edges=np.linspace(0, 1, 101)), classes=("a", "b", "c"))
    labels = np.zeros(3000, dtype=np.int64)
    then, now = (rng.dirichlet(alpha, 3000) for alpha in ([2, 2, 2], [4, 2, 1]))
    said = [np.bincount(one.argmax(axis=1), minlength=3) / 3000 for one in (now, then)]
    subject = Subject(
        profile=counted.multiclass(now, labels, grids),
        reference=counted.multiclass(then, labels, grids),
        grids=grids,
        column=SCORE,
    )

    found = all_metrics()["drift.jensen_shannon"].compute(subject).value

    assert found == pytest.approx(jensenshannon(said[0], said[1], base=2), abs=1e-9)
    assert "a class, not a number" in all_metrics()["drift.wasserstein"].compute(subject).reason
    assert all_metrics()["quality.missing"].compute(subject).value == 0

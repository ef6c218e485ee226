"""Second moments: correlations and principal components from sums, beside numpy and scikit-learn on rows."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from bench.streams import moments_of
from collectors.grids import numeric_edges
from core.grid import GridSet, NumericGrid
from core.profile import ColumnSummary, Inputs, Profile, merge_all
from core.values import ValueState
from metrics.base import Subject
from metrics.moments import Components, Correlations, Moments
from metrics.registry import all_metrics

Rows = NDArray[np.float64]


def correlated(rng: np.random.Generator, n: int, r: float, columns: int = 6) -> Rows:
    """Return normal rows whose first two columns are correlated by r; the margins never change."""
    found = rng.standard_normal((n, columns))
    found[:, 1] = r * found[:, 0] + np.sqrt(1 - r**2) * found[:, 1]
    return found


def grids_of(rows: Rows) -> GridSet:
    return GridSet(
        columns={f"x{i}": NumericGrid(edges=numeric_edges(column)) for i, column in enumerate(rows.T)}
    )


def counted(rows: Rows, grids: GridSet) -> Profile:
    sums = moments_of({f"x{i}": column for i, column in enumerate(rows.T)}, grids)
    return Profile(grid_set=grids.id, inputs=Inputs(rows=len(rows), **sums))


def moments(rows: Rows, grids: GridSet) -> Moments:
    found = Moments.of(counted(rows, grids).inputs)
    assert found is not None
    return found


def drift(window: Profile, reference: Profile | None, grids: GridSet) -> Any:
    subject = Subject(profile=window, grids=grids, reference=reference)
    return all_metrics()["drift.multivariate"].compute(subject)


def test_correlations_are_those_of_numpy() -> None:
    rows = correlated(np.random.default_rng(1), 4000, 0.7) * [1, 20, 3, 4, 5, 6] + 100
    assert moments(rows, grids_of(rows)).correlations() == pytest.approx(np.corrcoef(rows.T), abs=2e-3)


def test_rows_in_which_one_of_a_pair_is_missing_leave_that_pair_alone() -> None:
    rng = np.random.default_rng(2)
    rows = correlated(rng, 20_000, 0.7)
    rows[rng.random(len(rows)) < 0.4, 0] = np.nan
    both = ~np.isnan(rows[:, 0])
    expected = np.corrcoef(rows[both].T)[0, 1]

    found = moments(rows, grids_of(rows[both]))

    assert found.rows[0, 1] == both.sum()
    assert found.rows[1, 2] == len(rows)
    assert found.correlations()[0, 1] == pytest.approx(expected, abs=0.01)


def test_what_components_cannot_tell_is_what_scikit_learn_leaves() -> None:
    rng = np.random.default_rng(3)
    mixing = rng.standard_normal((6, 6)) * [3, 2, 1, 0.5, 0.3, 0.2]
    then, now = (rng.standard_normal((5000, 6)) @ mixing.T for _at in range(2))
    now = now @ np.diag([1, 1.2, 1, 0.9, 1, 1]) + 0.3
    grids = grids_of(then)
    centre, spread = then.mean(axis=0), then.std(axis=0)
    held = PCA().fit((then - centre) / spread)
    count = int(np.searchsorted(np.cumsum(held.explained_variance_ratio_), 0.65)) + 1
    pca = PCA(count).fit((then - centre) / spread)
    rows = (now - centre) / spread
    left = rows - pca.inverse_transform(pca.transform(rows))

    found = drift(counted(now, grids), counted(then, grids), grids)

    assert found.value == pytest.approx(np.sqrt((left**2).sum(axis=1).mean()), rel=5e-3)
    assert found.n == 5000


def test_a_change_of_correlation_moves_it_though_no_column_moves() -> None:
    rng = np.random.default_rng(4)
    then = correlated(rng, 30_000, 0.8)
    grids = grids_of(then)
    reference = counted(then, grids)
    quiet = [drift(counted(correlated(rng, 1000, 0.8), grids), reference, grids).value for _at in range(60)]

    changed = drift(counted(correlated(rng, 1000, 0.2), grids), reference, grids).value

    assert abs(changed - np.mean(quiet)) > 4 * np.std(quiet)


def test_pairs_say_nothing_but_noise_of_one_over_n_while_nothing_changes() -> None:
    rng = np.random.default_rng(5)
    then = correlated(rng, 200_000, 0.8)
    grids = grids_of(then)
    pairs = Correlations.of(counted(then, grids).inputs, grids.moments)
    assert pairs is not None
    said = [pairs.said(counted(correlated(rng, 500, 0.8), grids).inputs) for _at in range(400)]
    seen = np.array([values * np.sqrt(n) for values, n in said])

    assert np.abs(seen.mean(axis=0)).max() < 4 * np.sqrt(1 / 400 + 500 / 200_000)  # windows, and reference
    assert seen.var(axis=0) == pytest.approx(1, abs=0.3)
    assert pairs.names[0] == "x0 × x1"
    assert pairs.shares[0] == pytest.approx(0.8, abs=0.01)


def test_a_pair_names_itself_when_its_correlation_changes() -> None:
    rng = np.random.default_rng(6)
    then = correlated(rng, 20_000, 0.8)
    grids = grids_of(then)
    pairs = Correlations.of(counted(then, grids).inputs, grids.moments)
    assert pairs is not None

    values, n = pairs.said(counted(correlated(rng, 2000, 0.2), grids).inputs)

    assert pairs.names[int(np.abs(values).argmax())] == "x0 × x1"
    assert n == 1997


def test_a_column_that_a_window_does_not_hold_says_nothing() -> None:
    rng = np.random.default_rng(7)
    then = correlated(rng, 5000, 0.5)
    grids = grids_of(then)
    pairs = Correlations.of(counted(then, grids).inputs, grids.moments)
    assert pairs is not None
    without = correlated(rng, 500, 0.5)
    without[:, 0] = np.nan

    values, n = pairs.said(counted(without, grids).inputs)

    assert (values[[name.startswith("x0 ") for name in pairs.names]] == 0).all()
    assert n == 497
    assert drift(counted(without, grids), counted(then, grids), grids).state is ValueState.NOT_ENOUGH_DATA


def test_columns_that_do_not_vary_have_no_correlation() -> None:
    rows = np.column_stack([np.full(100, 3.0), np.arange(100.0)])
    grids = grids_of(rows)
    assert grids.moments == ("x1",)
    assert Correlations.of(counted(rows, grids).inputs, grids.moments) is None
    assert Components.of(moments(rows, grids)) is None
    found = drift(counted(rows, grids), counted(rows, grids), grids)
    assert found.state is ValueState.NOT_ENOUGH_DATA
    assert "two numeric columns" in found.reason


@given(seed=st.integers(0, 2**32 - 1), cuts=st.lists(st.integers(1, 399), min_size=1, max_size=4))
def test_order_of_rows_and_of_merging_changes_nothing(seed: int, cuts: list[int]) -> None:
    rng = np.random.default_rng(seed)
    rows = correlated(rng, 400, 0.4, columns=3)
    grids = grids_of(rows)
    parts = np.split(rng.permutation(rows), sorted(cuts))
    merged = merge_all([counted(part, grids) for part in parts if len(part)], grid_set=grids.id)
    whole = counted(rows, grids)
    for name in ("sums", "pair_sums", "pair_rows"):
        assert getattr(merged.inputs, name) == pytest.approx(getattr(whole.inputs, name), abs=1e-8)


def test_pairs_of_which_a_window_holds_too_few_rows_are_left_out() -> None:
    rng = np.random.default_rng(8)
    rows = correlated(rng, 20_000, 0.5, columns=3)
    rows[:, 2] = rng.random(len(rows)) < 0.03
    grids = grids_of(rows)
    inputs = replace(
        counted(rows, grids).inputs,
        columns={
            name: ColumnSummary(counts=np.bincount(grid.locate(column), minlength=grid.bins))
            for (name, grid), column in zip(grids.columns.items(), rows.T, strict=True)
            if isinstance(grid, NumericGrid)
        },
    )

    few, many = (Correlations.of(inputs, grids.moments, n) for n in (500, 5000))

    assert few is not None and few.names == ("x0 × x1",)
    assert many is not None and len(many.names) == 3

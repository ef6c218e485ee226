"""Contrasts: what they say of raw rows, and what leaves them alone."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from collectors.grids import levels_grid, numeric_edges
from core.grid import CategoricalGrid, NumericGrid
from metrics.contrasts import ABOVE, BELOW, NEW, contrasts_of


def counted(grid, values):
    return np.bincount(grid.locate(values), minlength=grid.bins)


def numeric(values):
    return NumericGrid(edges=numeric_edges(values))


def test_a_shift_reads_as_standard_deviations_of_the_reference():
    rng = np.random.default_rng(1)
    reference = rng.normal(50, 8, 200_000)
    grid = numeric(reference)
    found = contrasts_of(grid, counted(grid, reference), 10_000)

    shifted = found.of(counted(grid, rng.normal(50 + 0.3 * 8, 8, 200_000))[None])[0]

    assert found.names == ("location", "spread", "skew", BELOW, ABOVE)
    assert shifted[0] == pytest.approx(0.3, abs=0.02)


def test_a_wider_spread_leaves_the_location_alone():
    rng = np.random.default_rng(2)
    reference = rng.normal(0, 1, 200_000)
    grid = numeric(reference)
    found = contrasts_of(grid, counted(grid, reference), 10_000)

    location, spread = found.of(counted(grid, rng.normal(0, 1.2, 200_000))[None])[0, :2]

    assert abs(location) < 0.01
    assert spread > 0.15


def test_without_drift_a_window_has_mean_zero_and_variance_one_over_n():
    rng = np.random.default_rng(3)
    reference, n = rng.lognormal(0, 2, 100_000), 500
    grid = numeric(reference)
    found = contrasts_of(grid, counted(grid, reference), n)
    shares = counted(grid, reference) / len(reference)

    seen = found.of(rng.multinomial(n, shares, 4000))[:, :3] * np.sqrt(n)

    assert np.abs(seen.mean(0)).max() < 4 / np.sqrt(4000)
    assert seen.var(0) == pytest.approx(1, abs=0.1)
    assert np.abs(np.corrcoef(seen.T) - np.eye(3)).max() < 0.08


def test_a_level_is_the_standard_score_of_its_share():
    rng = np.random.default_rng(4)
    shares = np.array([0.6, 0.3, 0.09, 0.008, 0.002])
    levels = dict(zip("abcde", (shares * 100_000).astype(int), strict=True))
    grid = levels_grid(levels)
    reference = np.array([*levels.values(), 0, 0])
    found = contrasts_of(grid, reference, 1000)
    window = np.array([*rng.multinomial(1000, shares), 0, 0])

    said = dict(zip(found.names, found.of(window[None])[0], strict=True))

    for at, level in enumerate("abc"):  # d and e expect fewer than 25: they join the rarest one
        p = shares[at]
        if level in said:
            assert said[level] == pytest.approx((window[at] / 1000 - p) / np.sqrt(p * (1 - p)), abs=1e-9)
    assert set(found.names) == {"a", "b", "", NEW}


def test_rare_bins_are_merged_until_a_window_expects_25_values_in_each():
    rng = np.random.default_rng(5)
    reference = rng.normal(0, 1, 50_000)
    grid = numeric(reference)

    few = contrasts_of(grid, counted(grid, reference), 60)

    assert few.names == ("location", BELOW, ABOVE)  # two bins: a sign test
    assert len(np.unique(few.weights[0].round(12))) == 2
    assert contrasts_of(grid, counted(grid, reference), 40) is None


def test_of_one_kind_of_value_only_another_one_can_be_told():
    grid = numeric(np.full(1000, 7.0))
    reference = np.array([0, 1000, 0])
    found = contrasts_of(grid, reference, 1000)

    assert found.names == (BELOW, ABOVE)
    assert found.of(reference[None])[0].tolist() == [0, 0]
    assert found.of(np.array([[0, 500, 500]]))[0].tolist() == [0, pytest.approx(3.2, abs=0.1)]
    assert contrasts_of(CategoricalGrid(levels=("a",)), np.array([900, 0, 0]), 1000).names == (NEW,)
    assert contrasts_of(CategoricalGrid(levels=("a",)), np.zeros(3, dtype=np.int64), 1000) is None


@pytest.mark.parametrize("n", [100, 500, 5000, 50_000])
def test_what_the_reference_hardly_ever_held_never_looks_like_more_than_chance(n):
    rng = np.random.default_rng(7)
    reference = rng.standard_t(3, 30 * n)
    grid = numeric(reference)
    found = contrasts_of(grid, counted(grid, reference), n)
    windows = np.array([counted(grid, rng.standard_t(3, n)) for _at in range(200)])

    seen = found.of(windows)[:, -2:] * np.sqrt(n)

    assert found.names[-2:] == (BELOW, ABOVE)
    assert np.abs(seen).max() < 1.5


@given(
    seed=st.integers(0, 2**32 - 1),
    scale=st.floats(0.01, 100),
    shape=st.sampled_from([np.exp, np.arctan, lambda x: x**3 + x]),
)
def test_a_strictly_increasing_rescaling_changes_nothing(seed, scale, shape):
    rng = np.random.default_rng(seed)
    reference, window = rng.normal(0, 1, 3000), rng.normal(0.2, 1.1, 600)
    values = []
    for change in (lambda x: x, lambda x: shape(x) * scale):
        grid = numeric(change(reference))
        found = contrasts_of(grid, counted(grid, change(reference)), 600)
        values.append(found.of(counted(grid, change(window))[None])[0])
    assert np.array_equal(*values)


@given(seed=st.integers(0, 2**32 - 1), cut=st.integers(1, 799))
def test_order_of_rows_and_of_merging_changes_nothing(seed, cut):
    rng = np.random.default_rng(seed)
    reference, window = rng.exponential(1, 3000), rng.exponential(1.3, 800)
    grid = numeric(reference)
    found = contrasts_of(grid, counted(grid, reference), 800)
    mixed = rng.permutation(window)
    whole = found.of(counted(grid, window)[None])
    parts = counted(grid, mixed[cut:]) + counted(grid, mixed[:cut])
    assert np.array_equal(whole, found.of(parts[None]))


def test_a_window_without_values_has_no_number():
    grid = numeric(np.arange(1000.0))
    found = contrasts_of(grid, counted(grid, np.arange(1000.0)), 500)
    assert np.isnan(found.of(np.zeros((1, grid.bins), dtype=np.int64))).all()


def test_squares_of_contrasts_tell_what_a_rank_test_tells():
    rng = np.random.default_rng(6)
    reference = rng.gumbel(0, 1, 40_000)
    grid = numeric(reference)
    found = contrasts_of(grid, counted(grid, reference), 400)
    ours, theirs = [], []
    for shift in np.linspace(0, 0.3, 12):
        window = rng.gumbel(shift, 1, 400)
        ours.append(found.of(counted(grid, window)[None])[0, 0] * np.sqrt(400))
        theirs.append(stats.mannwhitneyu(window, reference).pvalue)
    scores = -stats.norm.ppf(np.array(theirs) / 2)
    assert np.corrcoef(np.abs(ours), scores)[0, 1] > 0.95

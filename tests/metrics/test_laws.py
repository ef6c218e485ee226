"""Laws that hold for any counts."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from scipy import stats
from scipy.spatial.distance import jensenshannon

from core.grid import NumericGrid
from core.profile import ColumnSummary
from metrics import distances
from metrics.columns import Pair
from metrics.intervals import delong, wilson
from metrics.scores import average_precision, bands, calibration_error, roc_area

Counts = NDArray[np.int64]
GRID = NumericGrid(edges=np.arange(9, dtype=np.float64))
counts = arrays(np.int64, 10, elements=st.integers(0, 10**6)).filter(lambda found: found.sum() > 0)


def summary(found: Counts) -> ColumnSummary:
    return ColumnSummary(counts=found, minimum=-3.0, maximum=12.0)


def share(found: Counts) -> NDArray[np.float64]:
    return found / found.sum()


@given(a=counts, b=counts)
def test_distances_are_symmetric_and_bounded(a: Counts, b: Counts) -> None:
    p, q = share(a), share(b)
    for distance in (distances.jensen_shannon, distances.hellinger, distances.stability_index):
        assert distance(p, q) == pytest.approx(distance(q, p), abs=1e-9)
        assert distance(p, q) >= 0
    assert distances.jensen_shannon(p, q) <= 1 + 1e-9
    assert distances.hellinger(p, q) <= 1 + 1e-9
    assert distances.jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-7)


@given(a=counts, factor=st.integers(1, 9))
def test_nothing_is_far_from_itself(a: Counts, factor: int) -> None:
    p = share(a)
    assert distances.stability_index(p, p) == 0
    assert distances.jensen_shannon(p, p) == 0
    assert distances.hellinger(p, p) == 0
    assert distances.chi_squared(a, factor * a)[0] == pytest.approx(0, abs=1e-6 * a.sum())
    assert distances.kolmogorov_smirnov(GRID, summary(a), summary(factor * a)) == pytest.approx(0, abs=1e-12)
    assert distances.wasserstein(GRID, summary(a), summary(factor * a)) == pytest.approx(0, abs=1e-12)


@given(a=counts, b=counts, c=counts)
def test_they_keep_the_triangle(a: Counts, b: Counts, c: Counts) -> None:
    p, q, r = share(a), share(b), share(c)
    for distance in (distances.jensen_shannon, distances.hellinger):
        assert distance(p, r) <= distance(p, q) + distance(q, r) + 1e-7
    x, y, z = summary(a), summary(b), summary(c)
    for between in (distances.kolmogorov_smirnov, distances.wasserstein):
        assert between(GRID, x, z) <= between(GRID, x, y) + between(GRID, y, z) + 1e-9
        assert between(GRID, x, y) == pytest.approx(between(GRID, y, x))


@given(a=counts, b=counts)
def test_the_gap_and_the_area_are_those_of_evenly_spread_rows(a: Counts, b: Counts) -> None:
    """Against rows that lie evenly in their bins, the end bins reaching from −3 and to 12."""
    x, y = summary(a), summary(b)
    edges = np.concatenate([[-3.0], GRID.edges, [12.0]])
    at = np.linspace(-3, 12, 15 * 64 + 1)
    f, g = (np.interp(at, edges, np.concatenate([[0.0], np.cumsum(share(one))])) for one in (a, b))

    assert distances.kolmogorov_smirnov(GRID, x, y) == pytest.approx(np.abs(f - g).max(), abs=1e-9)
    assert distances.wasserstein(GRID, x, y) == pytest.approx(np.trapezoid(np.abs(f - g), at), abs=2e-2)


@given(a=counts, b=counts)
def test_coarse_bins_keep_every_row(a: Counts, b: Counts) -> None:
    pair = Pair(grid=GRID, current=summary(a), reference=summary(b))
    now, then = pair.binned()

    assert now.sum() == a.sum()
    assert then.sum() == b.sum()
    assert len(now) == len(then) <= 12
    assert (now[0], now[-1]) == (a[0], a[-1])
    assert [one.sum() for one in pair.shares()] == [pytest.approx(1), pytest.approx(1)]


@given(positive=counts, negative=counts)
def test_the_roc_area_is_that_of_the_rank_sum(positive: Counts, negative: Counts) -> None:
    positive, negative = positive % 50, negative % 50
    if not positive.sum() or not negative.sum():
        return
    bins = np.arange(10)
    u = stats.mannwhitneyu(np.repeat(bins, positive), np.repeat(bins, negative)).statistic

    area = roc_area(positive, negative)

    assert area == pytest.approx(u / (positive.sum() * negative.sum()), abs=1e-9)
    assert area + roc_area(negative, positive) == pytest.approx(1)
    assert 0 <= average_precision(positive, negative) <= 1 + 1e-12


@given(parts=st.lists(st.tuples(counts, counts), min_size=2, max_size=5), data=st.data())
def test_the_roc_area_does_not_depend_on_the_order_of_merging(
    parts: list[tuple[Counts, Counts]], data: st.DataObject
) -> None:
    order = data.draw(st.permutations(range(len(parts))))
    one = roc_area(sum(p for p, _n in parts), sum(n for _p, n in parts))  # type: ignore[arg-type]
    other = roc_area(sum(parts[at][0] for at in order), sum(parts[at][1] for at in order))  # type: ignore[arg-type]

    assert one == other


@given(positive=counts, negative=counts)
def test_its_interval_holds_the_area(positive: Counts, negative: Counts) -> None:
    if min(positive.sum(), negative.sum()) < 2:
        return
    limits = delong(positive, negative)
    assert 0 <= limits.lower <= roc_area(positive, negative) + 1e-12 <= limits.upper + 2e-12
    assert limits.upper <= 1


@given(n=st.integers(1, 10**9), part=st.floats(0, 1))
def test_wilson_holds_the_share(n: int, part: float) -> None:
    hits = round(n * part)
    limits = wilson(hits, n)
    assert 0 <= limits.lower <= hits / n <= limits.upper <= 1
    assert limits.upper > limits.lower


@given(positive=counts, negative=counts, count=st.integers(1, 20))
def test_the_calibration_error_is_a_share(positive: Counts, negative: Counts, count: int) -> None:
    grid = NumericGrid(edges=np.linspace(0, 1, 9))
    assert 0 <= calibration_error(positive, negative, grid, count) <= 1 + 1e-9
    band = bands(grid, count)
    assert (np.diff(band) >= 0).all()
    assert band.min() == 0
    assert band.max() < count

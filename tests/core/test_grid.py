"""Grids are immutable, put every value into one bin, and survive JSON bit for bit."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray

from core.grid import AGE_BINS, AGES, LATENCY, NO_LABEL, CategoricalGrid, GridSet, NumericGrid

finite = st.floats(-1e12, 1e12, allow_nan=False)
edges = arrays(np.float64, st.integers(1, 60), elements=finite, unique=True).map(np.sort)
values = arrays(np.float64, st.integers(0, 50), elements=st.floats(-1e13, 1e13))
words = st.text(st.characters(exclude_categories=("Cs",)), max_size=8)


@given(edges=edges, values=values)
def test_every_value_lies_in_its_right_closed_bin(
    edges: NDArray[np.float64], values: NDArray[np.float64]
) -> None:
    grid = NumericGrid(edges=edges)
    bounds = np.concatenate([[-np.inf], edges, [np.inf]])

    bins = grid.locate(values)

    assert ((bins >= 0) & (bins < grid.bins)).all()
    assert ((bounds[bins] < values) & (values <= bounds[bins + 1])).all()
    assert grid.bins == len(edges) + 1


@given(edges=edges, bins=st.integers(3, 40))
def test_a_coarse_grid_keeps_edges_and_both_ends(edges: NDArray[np.float64], bins: int) -> None:
    fine = NumericGrid(edges=edges)

    coarse = fine.coarse(bins)

    assert coarse.bins <= max(bins, 2)
    assert set(coarse.edges) <= set(edges)
    assert (coarse.edges[0], coarse.edges[-1]) == (edges[0], edges[-1])


@given(edges=edges, values=values, bins=st.integers(3, 40))
def test_coarse_counts_are_sums_of_fine_ones(
    edges: NDArray[np.float64], values: NDArray[np.float64], bins: int
) -> None:
    fine = NumericGrid(edges=edges)
    coarse = fine.coarse(bins)
    counts = np.bincount(fine.locate(values), minlength=fine.bins)
    starts = np.concatenate([[0], np.searchsorted(fine.edges, coarse.edges) + 1])

    summed = np.add.reduceat(counts, starts)

    assert summed.tolist() == np.bincount(coarse.locate(values), minlength=coarse.bins).tolist()


@pytest.mark.parametrize("bad", [[], [1.0, 1.0], [2.0, 1.0], [0.0, math.inf], [math.nan]])
def test_it_refuses_edges_that_do_not_rise(bad: list[float]) -> None:
    with pytest.raises(ValueError, match="strictly increasing"):
        NumericGrid(edges=np.array(bad, dtype=np.float64))


def test_edges_cannot_be_changed() -> None:
    grid = NumericGrid(edges=np.array([0.0, 1.0]))
    with pytest.raises(ValueError, match="read-only"):
        grid.edges[0] = 5.0


def test_levels_other_and_unseen_have_bins() -> None:
    grid = CategoricalGrid(levels=("a", "b"), rare=("c",))

    assert (grid.bins, grid.other, grid.unseen) == (4, 2, 3)


@given(
    numeric=edges, score=edges, errors=st.none() | edges, levels=st.lists(words, max_size=4, unique=True),
    names=st.lists(words, min_size=2, max_size=2, unique=True), open_ended=st.booleans(),
)  # fmt: skip
def test_a_set_survives_json_bit_for_bit(
    numeric: NDArray[np.float64],
    score: NDArray[np.float64],
    errors: NDArray[np.float64] | None,
    levels: list[str],
    names: list[str],
    open_ended: bool,
) -> None:
    grids = GridSet(
        columns={
            names[0]: NumericGrid(edges=numeric),
            names[1]: CategoricalGrid(levels=tuple(levels), rare=("x",), open_ended=open_ended),
        },
        score=NumericGrid(edges=score),
        errors=None if errors is None else NumericGrid(edges=errors),
        classes=("no", "yes"),
        segments={"region": tuple(levels)},
    )

    again = GridSet.from_json(grids.to_json())

    assert again.to_json() == grids.to_json()
    assert again.id == grids.id
    kept = again.columns[names[0]]
    assert isinstance(kept, NumericGrid)
    assert kept.edges.tobytes() == numeric.tobytes()
    assert again.columns[names[1]] == grids.columns[names[1]]
    assert (again.errors is None) == (errors is None)


def test_second_moments_are_of_the_same_columns_in_the_same_order_after_it_was_kept() -> None:
    grid = NumericGrid(edges=np.array([0.0, 1.0, 2.0]))
    flat = NumericGrid(edges=np.array([0.0, 1.0]))
    made = GridSet(columns={"b": grid, "a": grid, "c": CategoricalGrid(levels=("x",)), "d": flat})

    assert made.moments == GridSet.from_json(made.to_json()).moments == ("a", "b")


def test_the_id_follows_the_edges_and_not_the_order() -> None:
    a, b = NumericGrid(edges=np.array([0.0, 1.0])), NumericGrid(edges=np.array([0.0, np.nextafter(1.0, 2.0)]))

    assert GridSet(columns={"x": a, "y": b}).id == GridSet(columns={"y": b, "x": a}).id
    assert GridSet(columns={"x": a}).id != GridSet(columns={"x": b}).id
    assert len(GridSet(columns={}).id) == 16


@given(value=st.floats(0.0101, 1.0e7))
def test_a_latency_is_within_one_percent_of_its_bin(value: float) -> None:
    at = int(LATENCY.locate(np.array([value]))[0])

    middle = math.sqrt(LATENCY.edges[at - 1] * LATENCY.edges[at])

    assert abs(middle / value - 1) <= 0.01


def test_ages_have_a_bin_for_later_and_one_for_no_label() -> None:
    assert (len(AGES) + 2, len(AGES) + 1) == (AGE_BINS, NO_LABEL)
    assert LATENCY.edges[-1] > 3 * 3600 * 1000

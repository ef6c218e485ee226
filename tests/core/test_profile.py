"""Merging profiles is a sum: associative, commutative, with a neutral element."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from core.codec import encode
from core.errors import NotComparableError
from core.profile import ColumnSummary, Inputs, Outcomes, Profile, merge_all
from tests.core import made

GRID_SET = "0123456789abcdef"
many = settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)


def same(a: Profile, b: Profile) -> bool:
    """Compare every bit (the codec is exact and deterministic)."""
    return a.grid_set == b.grid_set and all(
        encode(getattr(a, part)) == encode(getattr(b, part)) for part in ("inputs", "outcomes")
    )


@many
@given(a=made.profiles, b=made.profiles)
def test_the_order_does_not_matter(a: Profile, b: Profile) -> None:
    assert same(a.merge(b), b.merge(a))


@many
@given(a=made.profiles, b=made.profiles, c=made.profiles)
def test_the_grouping_does_not_matter(a: Profile, b: Profile, c: Profile) -> None:
    assert same(a.merge(b).merge(c), a.merge(b.merge(c)))


@many
@given(a=made.profiles)
def test_the_empty_profile_changes_nothing(a: Profile) -> None:
    empty = Profile(grid_set=GRID_SET)

    assert same(a.merge(empty), a)
    assert same(empty.merge(a), a)
    assert same(merge_all([], grid_set=GRID_SET), empty)
    assert same(merge_all([a], grid_set=GRID_SET), a)


@many
@given(a=made.profiles, b=made.profiles)
def test_merging_changes_neither_part(a: Profile, b: Profile) -> None:
    before = [encode(one) for one in (a.inputs, a.outcomes, b.inputs, b.outcomes)]

    a.merge(b)

    assert [encode(one) for one in (a.inputs, a.outcomes, b.inputs, b.outcomes)] == before


@given(values=st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=3))
def test_sums_of_any_floats_agree_up_to_rounding(values: list[float]) -> None:
    a, b, c = (Inputs(latency_sum=value, score_sum=value / 3) for value in values)

    left, right = a.merge(b).merge(c), a.merge(b.merge(c))

    assert left.latency_sum == pytest.approx(right.latency_sum, abs=1e-6)
    assert left.score_sum == pytest.approx(right.score_sum, abs=1e-6)


def test_it_adds_counts_and_takes_the_outermost_times_and_values() -> None:
    a = ColumnSummary(counts=np.array([1, 2]), missing=3, minimum=-1.0, maximum=4.0, total=2.0)
    b = ColumnSummary(counts=np.array([10, 20]), missing=30, minimum=0.0, maximum=9.0, total=5.0)

    merged = Inputs(rows=1, statuses={"ok": 1}, columns={"x": a}).merge(
        Inputs(rows=2, statuses={"ok": 2, "500": 1}, columns={"x": b, "y": b})
    )

    assert merged.rows == 3
    assert merged.statuses == {"500": 1, "ok": 3}
    x = merged.columns["x"]
    assert (x.counts.tolist(), x.missing, x.minimum, x.maximum, x.total) == ([11, 22], 33, -1.0, 9.0, 7.0)
    assert merged.columns["y"].counts.tolist() == [10, 20]


def test_it_refuses_to_add_what_was_counted_on_other_grids() -> None:
    with pytest.raises(NotComparableError, match=r"0123456789abcdef and other are not comparable") as caught:
        Profile(grid_set=GRID_SET).merge(Profile(grid_set="other"))
    assert "goalkeeper regrid" in caught.value.hint


def test_every_field_of_a_part_is_merged() -> None:
    """A field added later may not be forgotten: two full parts differ from one in each field that sums."""
    ones = Outcomes(
        rows=1, labelled=1, unknown_labels=1, duplicate_labels=1,
        score_labelled=np.ones((2, 3), dtype=np.int64),
        score_positive=np.ones((2, 3), dtype=np.int64), score_sums=np.ones(8),
        confusion=np.ones((2, 2), dtype=np.int64), class_scores=np.ones((3, 2, 3), dtype=np.int64),
        error_sums=np.ones(8), errors=np.ones(5, dtype=np.int64), error_bins=np.ones((5, 3)),
        kpis={"k": np.ones((9, 6))}, ages=np.ones((9, 3, 2), dtype=np.int64),
    )  # fmt: skip
    twice = ones.merge(ones)

    for item in fields(Outcomes):
        once, two = getattr(ones, item.name), getattr(twice, item.name)
        once, two = (once["k"], two["k"]) if item.name == "kpis" else (once, two)
        assert np.array_equal(np.asarray(two), 2 * np.asarray(once)), item.name
    assert same(
        Profile(grid_set=GRID_SET, outcomes=twice), Profile(grid_set=GRID_SET, outcomes=replace(twice))
    )

"""The last complete week of a KPI: from sums, beside scipy on the same counts."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest

from core.values import MetricPoint, MetricValue
from reports.weeks import together
from tests.dashboard.made import day

DAY = timedelta(days=1)
Days = st.lists(
    st.tuples(st.integers(0, 500), st.integers(1, 500)).map(lambda one: (min(one), max(one))),
    min_size=1, max_size=7,
)  # fmt: skip


def points(days: list[tuple[int, int]], *, ratio: bool = True, upper: float = 1.0) -> list[MetricPoint]:
    return [
        MetricPoint(
            model="lead", metric="business.conversion", window=day(at),
            value=MetricValue(
                value=k / n, lower=0.0, upper=upper, n=n, numerator=k if ratio else None,
                denominator=n if ratio else None,
            ),
        )
        for at, (k, n) in enumerate(days)
    ]  # fmt: skip


@given(days=Days)
def test_a_week_is_its_counts_added_up_with_wilsons_interval(days: list[tuple[int, int]]) -> None:
    k, n = (sum(one[at] for one in days) for at in (0, 1))
    limits = binomtest(k, n).proportion_ci(method="wilson")
    found = together(points(days))
    assert (found.value, found.numerator, found.denominator, found.n) == (pytest.approx(k / n), k, n, n)
    assert (found.lower, found.upper) == (pytest.approx(limits.low, abs=1e-9), pytest.approx(limits.high))


def test_a_ratio_that_is_no_share_has_no_interval() -> None:
    found = together(points([(30, 10), (50, 10)], upper=6.0))
    assert found.value == pytest.approx(4.0)
    assert (found.lower, found.upper) == (None, None)


def test_means_without_sums_have_no_value() -> None:
    assert together(points([(1, 2), (1, 2)], ratio=False)).value is None

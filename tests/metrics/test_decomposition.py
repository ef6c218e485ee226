"""Mix and rate: exact on any tables, and the carrier is the smallest segment that tells the move."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from metrics.decomposition import carrier, split

counts = st.dictionaries(
    st.sampled_from("abcdefg"),
    st.tuples(st.floats(0, 1), st.integers(0, 100_000)).map(lambda one: (one[0] * one[1], float(one[1]))),
    min_size=1,
)


@given(before=counts, after=counts)
def test_mix_and_rate_are_all_of_the_move(before, after):
    found = split(before, after)
    if min(sum(sums[1] for sums in time.values()) for time in (before, after)) == 0:
        assert found is None
        return
    assert found.mix + found.rate == pytest.approx(found.after - found.before, abs=1e-12)
    assert sum(level.effect for level in found.levels) == pytest.approx(found.after - found.before, abs=1e-12)


@given(before=counts, factor=st.floats(0.1, 3))
def test_the_same_cases_in_other_numbers_move_nothing(before, factor):
    found = split(before, {name: (n * factor, d * factor) for name, (n, d) in before.items()})
    assume(found is not None)
    assert abs(found.mix) + abs(found.rate) < 1e-9


@given(before=counts, drop=st.floats(0.1, 0.9))
def test_other_rates_with_the_same_shares_are_all_rate(before, drop):
    found = split(before, {name: (n * drop, d) for name, (n, d) in before.items()})
    assume(found is not None)
    assert found.mix == pytest.approx(0, abs=1e-9)


def test_a_level_that_is_new_is_all_mix():
    found = split({"old": (100.0, 1000.0)}, {"old": (100.0, 1000.0), "new": (10.0, 1000.0)})
    new = next(level for level in found.levels if level.name == "new")
    assert (new.before, new.rate, new.after) == (None, 0.0, 0.01)
    assert found.rate == 0
    assert found.mix == pytest.approx(-0.045)


def test_the_carrier_is_the_smallest_level_with_most_of_the_move():
    region = split(
        {"north": (100.0, 1000.0), "south": (100.0, 1000.0)},
        {"north": (100.0, 1000.0), "south": (20.0, 1000.0)},
    )
    shop = split({"s1": (20.0, 200.0), "s2": (180.0, 1800.0)}, {"s1": (2.0, 200.0), "s2": (118.0, 1800.0)})
    assert carrier([region, shop]).name == "south"
    narrow = split({"s1": (60.0, 600.0), "s2": (140.0, 1400.0)}, {"s1": (0.0, 600.0), "s2": (120.0, 1400.0)})
    assert carrier([region, narrow]).name == "s1"


def test_what_falls_everywhere_has_no_carrier():
    found = split({"a": (100.0, 1000.0), "b": (200.0, 2000.0)}, {"a": (70.0, 1000.0), "b": (140.0, 2000.0)})
    assert carrier([found]) is None

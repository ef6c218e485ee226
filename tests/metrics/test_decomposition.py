"""Mix and rate: exact on any tables, and the carrier is the smallest segment that tells the move."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from metrics.decomposition import carrier, parts, split

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


def at(**levels):
    """A segment by its columns and levels."""
    return frozenset(levels.items())


def sums(table, *columns):
    """Add rows of (levels by column, numerator, denominator) up, by level of each column and all crossed."""
    found = {}
    for levels, numerator, denominator in table:
        places = [at(**{one: levels[one]}) for one in columns] + [at(**levels)] * (len(columns) > 1)
        for place in places:
            held = found.get(place, (0.0, 0.0))
            found[place] = (held[0] + numerator, held[1] + denominator)
    return found


def carried(before, after, *columns):
    whole = tuple((sum(one[1] for one in table), sum(one[2] for one in table)) for table in (before, after))
    found = parts(sums(before, *columns), sums(after, *columns), whole)
    return found, carrier(found)


def by_region_and_shop(rates, size=1000.0):
    return [
        ({"region": region, "shop": shop}, rates.get((region, shop), 0.1) * size, size)
        for region in ("north", "south", "west")
        for shop in ("a", "b")
    ]


def test_the_carrier_is_the_smallest_segment_with_most_of_the_move():
    before = by_region_and_shop({})
    _found, region = carried(
        before, by_region_and_shop({("south", "a"): 0.02, ("south", "b"): 0.02}), "region", "shop"
    )
    assert region.place == at(region="south")
    _found, cross = carried(before, by_region_and_shop({("south", "a"): 0.02}), "region", "shop")
    assert cross.place == at(region="south", shop="a")
    assert cross.part == pytest.approx(1)


def test_a_cross_that_does_what_its_whole_level_does_is_not_named_for_it():
    before = [
        ({"region": r, "shop": s}, 0.1 * n, n) for r in ("n", "s") for s, n in (("a", 600.0), ("b", 400.0))
    ]
    after = [(levels, n * (0.02 if levels["region"] == "s" else 0.1), n) for levels, _x, n in before]
    found, most = carried(before, after, "region", "shop")
    assert found[at(region="s", shop="a")].part == pytest.approx(0.6)
    assert most.place == at(region="s")


def test_a_segment_that_filled_the_list_carries_what_the_others_did_not_do():
    before = [({"campaign": "spring"}, 0.3, 10.0), ({"campaign": "usual"}, 138.6, 990.0)]
    after = [({"campaign": "spring"}, 18.0, 600.0), ({"campaign": "usual"}, 56.0, 400.0)]
    _found, most = carried(before, after, "campaign")
    assert most.place == at(campaign="spring")
    assert most.would == pytest.approx(0.1389)
    assert most.part == pytest.approx(1)


def test_a_segment_that_is_new_or_gone_is_weighed_by_what_the_others_do():
    before = [({"shop": "a"}, 50.0, 500.0), ({"shop": "b"}, 200.0, 500.0)]
    after = [({"shop": "a"}, 50.0, 500.0), ({"shop": "c"}, 5.0, 500.0)]
    found, _most = carried(before, after, "shop")
    gone, new = found[at(shop="b")], found[at(shop="c")]
    assert (gone.after, gone.would) == (None, pytest.approx(0.5 * 0.4 + 0.5 * 0.055))
    assert (new.before, new.would) == (None, pytest.approx(0.1))


@given(before=counts, drop=st.floats(0.1, 0.9), kept=st.sampled_from("abcdefg"))
def test_with_the_same_shares_the_parts_are_all_of_the_move_and_none_of_what_stayed(before, drop, kept):
    then = [({"x": name}, *pair) for name, pair in before.items()]
    now = [(level, n if level["x"] == kept else n * drop, d) for level, n, d in then]
    assume(sum(n for _level, n, _d in then) - sum(n for _level, n, _d in now) > 1e-3)
    found, _most = carried(then, now, "x")
    assert sum(one.part for one in found.values()) == pytest.approx(1, abs=1e-6)
    if at(x=kept) in found:
        assert found[at(x=kept)].part == pytest.approx(0, abs=1e-6)


def test_what_falls_everywhere_has_no_carrier():
    before = [({"shop": "a"}, 100.0, 1000.0), ({"shop": "b"}, 200.0, 2000.0)]
    after = [({"shop": "a"}, 70.0, 1000.0), ({"shop": "b"}, 140.0, 2000.0)]
    assert carried(before, after, "shop")[1] is None


def test_what_did_not_move_is_carried_by_nobody():
    before = [({"shop": "a"}, 100.0, 1000.0), ({"shop": "b"}, 200.0, 2000.0)]
    assert carried(before, before, "shop") == ({}, None)

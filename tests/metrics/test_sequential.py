"""Families: one alarm for all of them, named rightly, over when it is over."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from metrics.evidence import Scores, Sought
from metrics.sequential import Member, watch

SOUGHT = Sought(least=0)


def scores(y, sigma=1.0):
    behind = np.zeros((7, y.shape[1]))
    behind[0] = 30
    ones = np.ones(y.shape, dtype=bool)
    return Scores(
        y=y, sigma=np.full(y.shape, sigma), usable=ones, normal=ones,
        groups=np.zeros(len(y), dtype=np.int64), behind=behind,
    )  # fmt: skip


def members(count, each=1):
    return [Member(series=np.arange(at * each, (at + 1) * each)) for at in range(count)]


def watched(y, count, each=1, threshold=1000.0, recovery=3, sought=SOUGHT):
    return watch(scores(y), members(count, each), sought, threshold=threshold, recovery=recovery)


def test_a_quiet_family_alarms_less_than_once_in_its_threshold():
    rng = np.random.default_rng(1)
    alarms = sum(
        len(watched(rng.normal(0, 1, (500, 30)) - rng.normal(0, 30**-0.5, 30), 10, 3, 200.0).alarms)
        for _stream in range(12)
    )
    assert alarms <= 6000 / 200


def test_it_names_the_member_that_changed():
    rng = np.random.default_rng(2)
    y = rng.normal(0, 1, (120, 60))
    y[80:, 3 * 7 + 1] += 4

    (alarm,) = watched(y, 20, 3).alarms

    assert (alarm.member, alarm.series) == (7, 22)
    assert 80 <= alarm.raised <= 82
    assert alarm.since == 80
    assert alarm.size == pytest.approx(4, abs=1.5)
    assert alarm.over is None


def test_a_series_that_counts_more_is_seen_sooner():
    rng = np.random.default_rng(14)
    y = rng.normal(0, 1, (120, 8))
    y[40:, 0] += 1.5
    heavy = Member(series=np.arange(8), weights=np.array([0.93, *[0.01] * 7]))
    (first,) = watch(scores(y), [heavy], SOUGHT, threshold=1000.0, recovery=3).alarms
    (second,) = watched(y, 1, 8).alarms
    assert first.raised < second.raised


def test_it_is_over_after_calm_windows_that_cannot_be_the_change():
    rng = np.random.default_rng(3)
    y = rng.normal(0, 0.5, (120, 1))
    y[40:60] += 6
    (alarm,) = watched(y, 1).alarms
    assert (alarm.since, alarm.raised, alarm.over) == (40, 40, 62)
    assert set(alarm.outside) == set(range(41, 60))


def test_three_calm_windows_are_not_enough_against_a_small_change():
    y = np.zeros((80, 1))
    y[20:] = 1.0
    found = watched(y, 1).alarms
    assert len(found) == 1
    raised = found[0].raised
    y[raised + 1 :] = 0.0
    over = watched(y, 1).alarms[0].over
    assert over is not None
    assert over - raised > 3


def test_it_alarms_again_when_the_change_comes_back():
    y = np.zeros((120, 1))
    y[20:30] = 6
    y[60:70] = 6
    first, second = watched(y, 1).alarms
    assert (first.since, second.since) == (20, 60)
    assert first.over == 32


def test_the_windows_of_an_alarm_do_not_become_normal():
    y = np.zeros((200, 1))
    y[20:100] = 5
    y[120:] = 5
    found = watched(y, 1).alarms
    assert [one.since for one in found] == [20, 120]
    assert found[1].size == pytest.approx(5, abs=0.3)


def test_a_member_without_series_still_counts():
    y = np.zeros((40, 1))
    y[20:] = 2.3
    alone = watched(y, 1).alarms[0].raised
    beside = watch(
        scores(y), [*members(1), *[Member(series=np.zeros(0, dtype=np.int64))] * 30], SOUGHT,
        threshold=1000.0, recovery=3,
    ).alarms[0].raised  # fmt: skip
    assert beside > alone


def test_only_the_harmful_side_counts_where_one_is_named():
    y = np.zeros((40, 1))
    y[20:] = 5
    assert watched(y, 1, sought=Sought(side=1, least=0)).alarms
    assert not watched(y, 1, sought=Sought(side=-1, least=0)).alarms


@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), copies=st.integers(2, 8))
def test_a_family_of_identical_columns_alarms_like_one(seed, copies):
    y = np.random.default_rng(seed).normal(0, 1, (60, 1))
    y[30:] += 1.5
    one = watched(y, 1)
    many = watched(np.repeat(y, copies, axis=1), copies)
    firsts = {alarm.raised for alarm in many.alarms}
    assert firsts == {alarm.raised for alarm in one.alarms}
    assert len(many.alarms) == copies * len(one.alarms)


def test_what_comes_later_changes_no_alarm_that_was_raised():
    rng = np.random.default_rng(4)
    y = rng.normal(0, 1, (150, 6))
    y[60:, 2] += 2
    whole = watched(y, 6).alarms
    for until in (70, 90, 120):
        part = watched(y[:until], 6).alarms
        known = [(one.member, one.since, one.raised) for one in whole if one.raised < until]
        assert [(one.member, one.since, one.raised) for one in part] == known

"""The nowcast of young windows: what comes true, and when it is too early to say."""

import numpy as np
import pytest

from core.grid import AGE_BINS, AGES, NO_LABEL
from core.values import ValueState
from metrics.nowcast import curve, nowcast

MATURITY = 7.0
"""Days; windows are a day long."""


def sums_of(at, delay, positive, known, *, absent_negative=False):
    """Sum a window up as the collector does: by the label's age; rows of unknown outcome have none."""
    found = np.zeros((AGE_BINS, 6))
    age = np.searchsorted(AGES, delay / MATURITY)
    bins = np.where(known, age, NO_LABEL)
    np.add.at(found[:, 1], bins, np.where(known, positive, 0))
    counted = np.ones(len(at)) if absent_negative else known.astype(float)
    np.add.at(found[:, 2], bins, counted)
    return found


def window(rng, rows, rate, *, now=None, hang=1.0, absent_negative=False):
    """Draw a day; outcomes come after exponential delays, positives sooner than others."""
    at = rng.random(rows)
    positive = rng.random(rows) < rate
    delay = rng.exponential(np.where(positive, 1.2, 2.0) * hang * rng.lognormal(0, 0.1), rows)
    delay = np.minimum(delay, MATURITY * 0.999)
    known = np.ones(rows, dtype=bool) if now is None else at + delay <= now
    if absent_negative:
        known &= positive
    return sums_of(at, delay, positive, known, absent_negative=absent_negative), positive.mean()


@pytest.mark.parametrize("absent_negative", [False, True])
@pytest.mark.parametrize(("rows", "rate", "age"), [(300, 0.3, 1.5), (1000, 0.1, 2.5), (3000, 0.15, 4.0)])
def test_intervals_hold_what_came_as_often_as_they_say(rows, rate, age, absent_negative):
    rng, inside, tried = np.random.default_rng([rows, absent_negative]), 0, 500
    for _at in range(tried):
        known = curve([
            window(rng, rows, rate * rng.lognormal(0, 0.05), absent_negative=absent_negative)[0]
            for _day in range(28)
        ])  # fmt: skip
        young, final = window(rng, rows, rate, now=1 + age, absent_negative=absent_negative)
        said = nowcast(known, young, youngest=age / MATURITY, oldest=(1 + age) / MATURITY)
        inside += said.lower <= final <= said.upper

    assert 0.92 <= inside / tried <= 0.98


def test_it_is_not_biased_though_positives_come_first():
    rng = np.random.default_rng(5)
    known = curve([window(rng, 3000, 0.1)[0] for _day in range(28)])
    said, naive, true = [], [], []
    for _at in range(100):
        young, final = window(rng, 3000, 0.1, now=2.0)
        said.append(nowcast(known, young, youngest=1 / MATURITY, oldest=2 / MATURITY).value)
        naive.append(young[:NO_LABEL, 1].sum() / young[:NO_LABEL, 2].sum())
        true.append(final)

    assert np.mean(said) == pytest.approx(np.mean(true), rel=0.03)
    assert np.mean(naive) > 1.1 * np.mean(true)


def test_a_list_of_positives_alone_is_not_taken_for_a_low_rate():
    rng = np.random.default_rng(6)
    known = curve([window(rng, 2000, 0.1, absent_negative=True)[0] for _day in range(28)])
    young, _final = window(rng, 2000, 0.1, now=2.0, absent_negative=True)
    raw = young[:NO_LABEL, 1].sum() / young[:, 2].sum()

    said = nowcast(known, young, youngest=1 / MATURITY, oldest=2 / MATURITY)

    assert raw < 0.075
    assert said.value == pytest.approx(0.1, abs=0.02)
    assert said.state is ValueState.IMMATURE


def test_it_says_when_it_cannot_tell():
    rng = np.random.default_rng(7)
    mature = [window(rng, 500, 0.1)[0] for _day in range(28)]
    young = window(rng, 500, 0.1, now=1.01)[0]

    assert "14 windows" in nowcast(curve(mature[:13]), young, youngest=0.1, oldest=0.3).reason
    early = nowcast(curve(mature), young, youngest=0.0, oldest=0.0)
    assert early.value is None
    assert early.reason.startswith("Too early: ")
    assert nowcast(curve(mature), np.zeros((AGE_BINS, 6)), youngest=0.5, oldest=0.6).value is None
    assert curve([np.zeros((AGE_BINS, 6))] * 20) is None

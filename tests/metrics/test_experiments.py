"""Experiments: differences by unit, limits that hold whenever one looks, and the ratio of the arms."""

import numpy as np
import pytest

from core.trial import Arm
from metrics.experiments import balanced, effect, more_time, ratio_evidence, variance


def arm(x, y):
    x, y = np.asarray(x, dtype=float), np.asarray(y, dtype=float)
    return Arm(units=len(x), x=x.sum(), y=y.sum(), xx=(x * x).sum(), yy=(y * y).sum(), xy=(x * y).sum())


def clustered(rng, units, rate, visits=5):
    """Draw units of several rows each, whose rows are alike."""
    y = rng.poisson(visits, units) + 1
    own = rng.beta(rate * 4, (1 - rate) * 4, units)
    return rng.binomial(y, own), y


def test_the_variance_of_a_rate_is_that_of_units_drawn_again():
    rng = np.random.default_rng(1)
    x, y = clustered(rng, 2000, 0.1)
    again = [
        x[chosen].sum() / y[chosen].sum() for chosen in (rng.integers(0, 2000, 2000) for _at in range(800))
    ]
    assert variance(arm(x, y)) == pytest.approx(np.var(again), rel=0.12)
    by_row = 0.1 * 0.9 / y.sum()
    assert variance(arm(x, y)) > 1.5 * by_row


def test_units_that_are_rows_have_the_variance_of_a_share():
    rng = np.random.default_rng(2)
    x = rng.random(5000) < 0.1
    found = arm(x, np.ones(5000))
    assert variance(found) == pytest.approx(x.mean() * (1 - x.mean()) / 4999, rel=1e-9)


def test_looking_every_day_cries_wolf_in_less_than_one_of_twenty():
    rng, wrong, tried = np.random.default_rng(3), 0, 400
    for _at in range(tried):
        x1, y1 = clustered(rng, 12_000, 0.1)
        x0, y0 = clustered(rng, 3_000, 0.1)
        wrong += any(
            effect(arm(x1[: 4 * n], y1[: 4 * n]), arm(x0[:n], y0[:n])).is_clear for n in range(100, 3001, 100)
        )
    assert wrong / tried <= 0.05


def test_a_real_effect_is_told_and_lies_within_its_limits():
    rng = np.random.default_rng(4)
    found = effect(arm(*clustered(rng, 20_000, 0.14)), arm(*clustered(rng, 5_000, 0.10)))
    assert found.is_clear
    assert found.lower < 0.04 < found.upper


def test_it_says_how_much_longer_it_takes():
    rng = np.random.default_rng(5)
    model, control = arm(*clustered(rng, 900, 0.12)), arm(*clustered(rng, 300, 0.10))
    found = effect(model, control)
    assert not found.is_clear
    times = more_time(found, balanced(model, control))
    assert times > 1
    assert more_time(effect(arm(*clustered(rng, 900, 0.1)), arm(*clustered(rng, 900, 0.1))), 1800) != 1


def test_too_few_units_say_nothing():
    assert effect(arm([1] * 99, [1] * 99), arm([1] * 500, [1] * 500)) is None
    assert effect(Arm(), Arm()) is None


def test_a_share_off_the_plan_is_noticed_and_the_planned_one_is_not():
    rng = np.random.default_rng(6)
    wrong = 0
    for _at in range(300):
        control = (rng.random(20_000) < 0.1).cumsum()
        sizes = np.arange(200, 20_001, 200)
        wrong += any(ratio_evidence(int(n - control[n - 1]), int(control[n - 1]), 0.1) >= 1000 for n in sizes)
    assert wrong <= 1
    assert ratio_evidence(8800, 1200, 0.1) >= 1000
    assert ratio_evidence(880, 120, 0.1) < 1000

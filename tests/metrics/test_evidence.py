"""Evidence: the formula, its promise about false alarms, and what may not matter."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from metrics.evidence import BETS, TAUS, Scores, Sought, bets, change, evidence, likeliest

ALL = Sought(longest=10_000, least=0)


def scores(y, behind=30.0, groups=None, by_group=None, **more):
    y = np.atleast_2d(np.asarray(y, dtype=float).T).T
    held = np.zeros((7, y.shape[1]))
    held[0] = behind
    ones = np.ones(y.shape, dtype=bool)
    return Scores(
        y=y,
        sigma=more.pop("sigma", np.ones(y.shape)),
        usable=more.pop("usable", ones),
        normal=more.pop("normal", ones),
        groups=np.zeros(len(y), dtype=np.int64) if groups is None else groups,
        behind=held if by_group is None else by_group,
        **more,
    )


def by_hand(y, behind, side=0):
    """DETECTION.md's step 3, word for word."""
    found = []
    for t in range(len(y)):
        total = 0.0
        for k in range(t + 1):
            d = np.mean(y[k : t + 1]) - np.sum(y[:k]) / (behind + k)
            v = 1 / (t - k + 1) + 1 / (behind + k)
            for tau in TAUS:
                b = np.sqrt(v / (v + tau**2)) * np.exp(d**2 * tau**2 / (2 * v * (v + tau**2)))
                if side:
                    middle, sd = d * tau**2 / (v + tau**2), np.sqrt(v * tau**2 / (v + tau**2))
                    b *= 2 * stats.norm.cdf(side * middle / sd)
                total += b / len(TAUS)
        found.append(total)
    return np.array(found)


@pytest.mark.parametrize("side", [-1, 0, 1])
def test_it_is_the_sum_over_all_changes(side):
    y = np.random.default_rng(1).normal(0.3, 1, 25)
    found = evidence(scores(y), Sought(side=side, longest=10_000, least=0))[:, 0]
    assert found == pytest.approx(by_hand(y, 30, side))


def test_one_change_is_the_likelihood_ratio_of_a_prior_on_its_size():
    y, behind, tau = np.array([1.3]), 30, 2.0
    v = 1 + 1 / behind

    def weight(size):
        return stats.norm.pdf(size, 0, tau) * stats.norm.pdf(y[0], size, np.sqrt(v))

    ratio = integrate.quad(weight, -30, 30)[0] / stats.norm.pdf(y[0], 0, np.sqrt(v))
    mine = np.sqrt(v / (v + tau**2)) * np.exp(y[0] ** 2 * tau**2 / (2 * v * (v + tau**2)))
    assert mine == pytest.approx(ratio)


def test_without_a_change_the_evidence_grows_by_one_a_window():
    rng = np.random.default_rng(2)
    y = rng.normal(0, 1, (20, 40_000)) - rng.normal(0, 1 / np.sqrt(30), 40_000)
    found = evidence(scores(y), ALL)
    middle = found.mean(axis=1)
    error = found.std(axis=1) / np.sqrt(40_000)
    assert middle[0] == pytest.approx(1, abs=0.2)  # heavy tails: a mean of finitely many runs falls short
    assert np.all(middle < np.arange(1, 21) + 5 * error)


def test_weekdays_are_compared_with_their_like():
    rng = np.random.default_rng(3)
    groups = np.arange(20_000) % 7
    level = rng.normal(0, 3, 7)[groups % 7]
    by_group = np.full((7, 1), 4.0)
    y = (level + rng.normal(0, 1, 20_000))[:21, None] - level[:21, None]

    plain = scores(y, groups=groups[:21], by_group=by_group)
    shifted = scores(y + 1.0, groups=groups[:21], by_group=by_group)

    difference, variance = change(shifted, 0, 20)
    assert variance[0] == pytest.approx(1 / (7 * 3 * 4 / 7))  # a = 3, b = 4 for each of seven days
    assert difference[0] - change(plain, 0, 20)[0][0] == pytest.approx(1.0)


def test_the_weekday_estimate_is_that_of_least_squares():
    rng = np.random.default_rng(4)
    groups, k = np.arange(40) % 7, 17
    y = rng.normal(0, 1, 40)
    found = change(scores(y, groups=groups, by_group=np.full((7, 1), 1e-12)), k, 39)
    design = np.concatenate([np.eye(7)[groups], (np.arange(40) >= k)[:, None]], axis=1)
    inverse = np.linalg.inv(design.T @ design)
    assert found[0][0] == pytest.approx((inverse @ design.T @ y)[-1], abs=1e-6)
    assert found[1][0] == pytest.approx(inverse[-1, -1], abs=1e-6)


def test_it_finds_when_it_changed():
    y = np.r_[np.zeros(20), np.full(8, 3.0)]
    assert likeliest(scores(y), ALL, 27) == 20


def test_an_effect_below_the_floor_does_not_count():
    y = np.r_[np.zeros(20), np.full(20, 5.0)]
    sigma = np.full((40, 1), 0.004)  # five of them are 0.02
    assert evidence(scores(y, sigma=sigma), Sought(floor=0.05, least=0))[-1, 0] == 0
    assert evidence(scores(y, sigma=sigma), Sought(floor=0.015, least=0))[-1, 0] > 1e6


def test_a_window_that_cannot_be_used_is_as_if_it_were_not_there():
    y = np.random.default_rng(5).normal(0.5, 1, 30)
    usable = np.ones((30, 1), dtype=bool)
    usable[[4, 11, 12]] = False
    kept = y[usable[:, 0]]
    holed = np.where(usable[:, 0], y, 99.0)

    found = evidence(scores(holed, usable=usable, normal=usable), ALL)[usable[:, 0], 0]

    assert found == pytest.approx(evidence(scores(kept), ALL)[:, 0])


def test_a_moving_reference_compares_with_the_windows_it_names():
    y = np.r_[np.zeros(30), np.full(60, 4.0)]
    oldest = np.maximum(np.arange(90) - 20, 0)
    found = evidence(scores(y, oldest=oldest), Sought(longest=5, least=14))[:, 0]
    assert found[32] > 1e4
    assert found[-1] < 50  # the new level is what it is compared with by now


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32 - 1), copies=st.integers(2, 6))
def test_identical_columns_say_what_one_says(seed, copies):
    y = np.random.default_rng(seed).normal(0.2, 1, (15, 1))
    one = evidence(scores(y), ALL)
    many = evidence(scores(np.repeat(y, copies, axis=1)), ALL)
    assert many.mean(axis=1) == pytest.approx(one[:, 0])


def test_bets_are_worth_no_more_than_their_stake_while_nothing_changed():
    rng = np.random.default_rng(6)
    events = rng.binomial(400, 0.01, (30, 20_000))
    last = [
        bets(
            events[:, i].astype(float), np.full(30, 400.0), np.ones(30, bool), (0.01, 0.01), start=0, side=-1
        )[-1]
        for i in range(3000)
    ]
    assert np.mean(last) < 30 + 5 * np.std(last) / np.sqrt(len(last))


def test_bets_are_the_likelihood_ratio_of_binomials():
    events, rows = np.array([1.0]), np.array([400.0])
    found = bets(events, rows, np.ones(1, bool), (0.01, 0.02), start=0, side=-1)[0]
    ratios = [stats.binom.pmf(1, 400, 0.01 * bet) / stats.binom.pmf(1, 400, 0.01) for bet in BETS]
    assert found == pytest.approx(np.mean(ratios))


def test_bets_see_rare_events_vanish():
    events, rows = np.r_[np.full(30, 4.0), np.zeros(30)], np.full(60, 400.0)
    found = bets(events, rows, np.ones(60, bool), (0.008, 0.012), start=0, side=-1)
    assert found[29] < 100
    assert found[-1] > 1e6

"""Calibration: weekday levels and day-to-day variation, learnt from few windows."""

import numpy as np
import pytest
from scipy import stats

from metrics.calibration import calibrate

DAYS = np.arange(28)
WEEKDAY = DAYS % 7


def test_sampling_noise_alone_leaves_no_spread_from_day_to_day():
    rng = np.random.default_rng(1)
    values = rng.normal(0, 0.1, (28, 400))

    found = calibrate(values, np.full((28, 400), 0.01), WEEKDAY)

    assert (found.spread == 0).mean() > 0.85  # one in ten looks as if there were some
    assert found.sigma(np.full((1, 400), 0.01)).min() == pytest.approx(0.1)


def test_real_variation_is_taken_at_its_upper_limit():
    rng = np.random.default_rng(2)
    values = rng.normal(0, np.sqrt(0.01 + 0.09), (28, 400))

    found = calibrate(values, np.full((28, 400), 0.01), np.zeros(28, dtype=np.int64))

    raw = values.var(axis=0, ddof=1)
    wide = raw * 27 / stats.chi2.ppf(0.20, 27)
    assert found.spread == pytest.approx(wide - 0.01)
    assert (found.spread + 0.01 > 0.10).mean() > 0.7


def test_weekdays_get_levels_of_their_own_where_they_differ():
    rng = np.random.default_rng(3)
    weekend = np.where(WEEKDAY >= 5, 2.0, 0.0)
    values = np.stack([weekend + rng.normal(0, 0.1, 28), rng.normal(0, 0.1, 28)], axis=1)

    found = calibrate(values, np.full((28, 2), 0.01), WEEKDAY)

    assert found.grouped.tolist() == [True, False]
    assert found.means[5:, 0] == pytest.approx(2.0, abs=0.2)
    assert found.behind[:, 0].tolist() == [4.0] * 7
    assert found.behind[:, 1].tolist() == [28.0] * 7


def test_the_f_test_is_that_of_scipy():
    rng = np.random.default_rng(4)
    values = rng.normal(0, 1, (28, 300)) + np.outer(WEEKDAY == 6, rng.uniform(0, 3, 300))

    found = calibrate(values, None, WEEKDAY)

    p = [stats.f_oneway(*(values[day == WEEKDAY, i] for day in range(7))).pvalue for i in range(300)]
    assert found.grouped.tolist() == (np.array(p) < 0.01).tolist()


def test_two_weeks_are_too_few_for_weekdays():
    values = np.where(np.arange(14) % 7 >= 5, 9.0, 0.0)[:, None]
    assert not calibrate(values, None, np.arange(14) % 7).grouped.any()


def test_scores_of_quiet_windows_have_mean_zero_and_variance_one():
    rng = np.random.default_rng(5)
    found = calibrate(rng.normal(3, 0.2, (400, 50)), np.full((400, 50), 0.04), np.zeros(400, dtype=np.int64))
    y = found.scores(rng.normal(3, 0.2, (500, 50)), np.full((500, 50), 0.04), np.zeros(500, dtype=np.int64))
    assert y.mean() == pytest.approx(0, abs=0.05)
    assert y.std() == pytest.approx(1, abs=0.05)


def test_a_series_that_never_moved_scores_zero_where_it_stays_and_infinity_where_it_leaves():
    found = calibrate(np.full((20, 1), 4.0), None, np.zeros(20, dtype=np.int64))
    y = found.scores(np.array([[4.0], [5.0]]), np.zeros((2, 1)), np.zeros(2, dtype=np.int64))
    assert y[0, 0] == 0
    assert y[1, 0] == np.inf

"""How much a column matters: shares of the score's variance, beside a regression on raw rows."""

import numpy as np
import pytest
from sklearn.tree import DecisionTreeRegressor

from core.profile import Inputs
from metrics.importance import importance


def inputs(score, **columns):
    """Return a reference of some scores, summed up by ten bins of each column."""
    score_by = {}
    for name, values in columns.items():
        bins = np.digitize(values, np.quantile(values, np.arange(1, 10) / 10))
        score_by[name] = np.stack([np.bincount(bins), np.bincount(bins, score)], axis=1)
    return Inputs(
        score=np.array([[len(score)]]),
        score_sum=score.sum(),
        score_squares=(score**2).sum(),
        score_by=score_by,
    )


def test_it_is_the_share_of_the_variance_that_a_step_function_of_the_column_explains():
    rng = np.random.default_rng(1)
    age, noise = rng.normal(size=20_000), rng.normal(size=20_000)
    score = 1 / (1 + np.exp(-(age**2 - 1 + 0.7 * rng.normal(size=20_000))))
    steps = np.digitize(age, np.quantile(age, np.arange(1, 10) / 10))[:, None]
    explained = DecisionTreeRegressor().fit(steps, score).score(steps, score)

    found = importance(inputs(score, age=age, noise=noise))

    assert found["age"] == pytest.approx(explained, abs=2e-3)
    assert found["noise"] == pytest.approx(0, abs=2e-3)


def test_few_rows_make_no_column_matter_by_chance():
    rng = np.random.default_rng(2)
    found = [importance(inputs(rng.random(60), noise=rng.normal(size=60)))["noise"] for _at in range(200)]
    assert np.median(found) < 0.03


def test_a_score_that_never_varies_makes_nothing_matter():
    assert importance(inputs(np.full(100, 0.5), age=np.arange(100.0))) == {}
    assert importance(Inputs()) == {}

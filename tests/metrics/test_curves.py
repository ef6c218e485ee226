"""Curves from counts are those of scikit-learn on the rows themselves."""

import numpy as np
import pytest
from sklearn.metrics import precision_recall_curve, roc_curve

from core.grid import NumericGrid
from metrics.curves import precision_recall, reliability, roc


@pytest.fixture
def rows() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    score = rng.integers(1, 100, 4000) / 100
    return score, rng.uniform(size=4000) < score**2


def counts(score: np.ndarray, label: np.ndarray) -> tuple[NumericGrid, np.ndarray, np.ndarray]:
    grid = NumericGrid(edges=np.linspace(0, 1, 201))
    places = grid.locate(score)
    return (
        grid,
        np.bincount(places[label], minlength=grid.bins),
        np.bincount(places[~label], minlength=grid.bins),
    )


def test_the_roc_curve_is_that_of_the_rows(rows: tuple[np.ndarray, np.ndarray]) -> None:
    _grid, positive, negative = counts(*rows)
    ours = roc(positive, negative)
    x, y, _cuts = roc_curve(rows[1], rows[0], drop_intermediate=False)
    assert np.allclose(ours.x, x) and np.allclose(ours.y, y)


def test_precision_and_recall_are_those_of_the_rows(rows: tuple[np.ndarray, np.ndarray]) -> None:
    _grid, positive, negative = counts(*rows)
    ours = precision_recall(positive, negative)
    precision, recall, _cuts = precision_recall_curve(rows[1], rows[0])
    assert np.allclose(ours.y, precision[:-1][::-1]) and np.allclose(ours.x, recall[:-1][::-1])


def test_bands_hold_every_row_and_their_shares(rows: tuple[np.ndarray, np.ndarray]) -> None:
    grid, positive, negative = counts(*rows)
    bands = reliability(positive, negative, grid)
    assert sum(band.n for band in bands) == len(rows[0])
    assert sum(band.share * band.n for band in bands) == pytest.approx(rows[1].sum())
    assert all(band.lower <= band.share <= band.upper for band in bands)
    assert [band.score for band in bands] == sorted(band.score for band in bands)

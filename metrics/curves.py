"""Curves of a binary model from counts of labels by score bin: ROC, precision and recall, calibration.

Rows of one bin are ties, so a curve has as many points as there are bins in use; the areas under them are
`metrics.scores.roc_area` and `average_precision`. Fawcett, T. (2006), 'An introduction to ROC analysis',
Pattern Recognition Letters 27; Bröcker, J. & Smith, L. (2007), 'Increasing the reliability of reliability
diagrams', Weather and Forecasting 22.
"""

from dataclasses import dataclass

import numpy as np

from core.grid import Counts, Floats, NumericGrid
from core.profile import Outcomes
from metrics.intervals import wilson
from metrics.scores import bands, middles


@dataclass(frozen=True, kw_only=True, eq=False)
class Curve:
    """Points of a curve, both coordinates 0–1, float64 [points]."""

    x: Floats
    y: Floats


@dataclass(frozen=True, kw_only=True)
class Band:
    """Rows of one band of scores: their mean score, the share that came true with its interval, how many."""

    score: float
    share: float
    lower: float
    upper: float
    n: int


def labels_by_score(outcomes: Outcomes) -> tuple[Counts, Counts] | None:
    """Return positives and negatives by score bin, lowest first; None without one of both classes."""
    if outcomes.score_labelled is None or outcomes.score_positive is None:
        return None
    positive = outcomes.score_positive.sum(axis=0)
    negative = outcomes.score_labelled.sum(axis=0) - positive
    return (positive, negative) if positive.sum() > 0 and negative.sum() > 0 else None


def roc(positive: Counts, negative: Counts) -> Curve:
    """Return the true positive rate over the false positive rate, from the highest score down.

    >>> curve = roc(np.array([0, 1, 3]), np.array([3, 1, 0]))
    >>> curve.x.tolist(), curve.y.tolist()
    ([0.0, 0.0, 0.25, 1.0], [0.0, 0.75, 1.0, 1.0])
    """
    used = (positive + negative)[::-1] > 0
    hits, misses = np.cumsum(positive[::-1])[used], np.cumsum(negative[::-1])[used]
    return Curve(x=np.append(0.0, misses / misses[-1]), y=np.append(0.0, hits / hits[-1]))


def precision_recall(positive: Counts, negative: Counts) -> Curve:
    """Return precision (y) over recall (x), from the highest score down.

    >>> curve = precision_recall(np.array([0, 1, 3]), np.array([3, 1, 0]))
    >>> curve.x.tolist(), curve.y.tolist()
    ([0.75, 1.0, 1.0], [1.0, 0.8, 0.5])
    """
    used = (positive + negative)[::-1] > 0
    hits, seen = np.cumsum(positive[::-1])[used], np.cumsum((positive + negative)[::-1])[used]
    return Curve(x=hits / hits[-1], y=hits / seen)


def reliability(positive: Counts, negative: Counts, grid: NumericGrid, count: int = 10) -> list[Band]:
    """Return what came true in each of `count` bands of scores that holds rows, lowest first."""
    rows, band = positive + negative, bands(grid, count)
    n = np.bincount(band, weights=rows, minlength=count)
    hits = np.bincount(band, weights=positive, minlength=count)
    scores = np.bincount(band, weights=rows * middles(grid), minlength=count)
    found = []
    for at in np.flatnonzero(n):
        limits = wilson(float(hits[at]), float(n[at]))
        found.append(
            Band(
                score=float(scores[at] / n[at]), share=float(hits[at] / n[at]), lower=limits.lower,
                upper=limits.upper, n=int(n[at]),
            )
        )  # fmt: skip
    return found

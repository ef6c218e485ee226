"""Ranking and calibration from counts of labels by score bin."""

import numpy as np

from core.grid import Counts, Floats, NumericGrid


def roc_area(positive: Counts, negative: Counts) -> float:
    """Return the area under the ROC curve; rows of one bin are ties. Needs one of each class.

    >>> round(roc_area(np.array([0, 1, 3]), np.array([3, 1, 0])), 4)
    0.9688
    """
    below = np.cumsum(negative) - negative / 2
    return float((positive * below).sum() / (float(positive.sum()) * float(negative.sum())))


def average_precision(positive: Counts, negative: Counts) -> float:
    """Return Σ (Rₖ − Rₖ₋₁) Pₖ from the highest bin down; rows of one bin are ties. Needs a positive.

    >>> average_precision(np.array([0, 1, 3]), np.array([3, 1, 0]))
    0.95
    """
    hits = positive[::-1].astype(np.float64)
    found = np.cumsum(hits)
    seen = np.cumsum((positive + negative)[::-1].astype(np.float64))
    precision = np.divide(found, seen, out=np.zeros_like(found), where=seen > 0)
    return float((hits * precision).sum() / hits.sum())


def middles(grid: NumericGrid) -> Floats:
    """Return a value for each bin: its middle; for the end bins their edge, which is 0 or 1 for a score."""
    edges = grid.edges
    return np.concatenate([edges[:1], (edges[1:] + edges[:-1]) / 2, edges[-1:]])


def bands(grid: NumericGrid, count: int) -> Counts:
    """Return to which of `count` bands of about equal width between 0 and 1 each score bin belongs.

    The cuts are the grid's edges nearest to 1/count, 2/count, ….
    """
    cuts = np.arange(1, count) / count
    nearest = np.abs(grid.edges[None, :] - cuts[:, None]).argmin(axis=1)
    return np.searchsorted(nearest, np.arange(grid.bins), side="left").astype(np.int64)


def calibration_error(positive: Counts, negative: Counts, grid: NumericGrid, count: int = 10) -> float:
    """Return Σ_b n_b/n · |share of positives in b − mean score in b| over `count` bands (see `bands`)."""
    rows, band = positive + negative, bands(grid, count)
    gap = positive - rows * middles(grid)
    return float(np.abs(np.bincount(band, weights=gap, minlength=count)).sum() / rows.sum())

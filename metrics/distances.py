"""How far apart two distributions are: of shares by bin, or of counts on a fine grid."""

import numpy as np

from core.grid import Counts, Floats, NumericGrid
from core.profile import ColumnSummary

LEAST_SHARE = 1e-4
"""What the population stability index takes an emptier bin for, so that it stays finite."""


def stability_index(now: Floats, then: Floats) -> float:
    """Return Σ (a − b) ln(a / b) over the bins, shares below 0.0001 taken as 0.0001.

    >>> round(stability_index(np.array([0.5, 0.5]), np.array([0.8, 0.2])), 4)
    0.4159
    """
    a, b = np.maximum(now, LEAST_SHARE), np.maximum(then, LEAST_SHARE)
    return float(((a - b) * np.log(a / b)).sum())


def jensen_shannon(now: Floats, then: Floats) -> float:
    """Return the Jensen–Shannon distance in base 2: 0 … 1, the square root of the divergence in bits.

    >>> round(jensen_shannon(np.array([0.5, 0.5]), np.array([0.8, 0.2])), 4)
    0.2704
    """
    middle = (now + then) / 2
    return float(np.sqrt(max((_relative_entropy(now, middle) + _relative_entropy(then, middle)) / 2, 0.0)))


def hellinger(now: Floats, then: Floats) -> float:
    """Return √(1 − Σ √(a b)): 0 … 1.

    >>> round(hellinger(np.array([0.5, 0.5]), np.array([0.8, 0.2])), 4)
    0.2265
    """
    return float(np.sqrt(np.square(np.sqrt(now) - np.sqrt(then)).sum() / 2))


def chi_squared(now: Counts, then: Counts) -> tuple[float, int]:
    """Return the χ² statistic of homogeneity and its degrees of freedom; bins empty in both are left out.

    >>> chi_squared(np.array([50, 50, 0]), np.array([80, 20, 0]))[1]
    1
    """
    observed = np.vstack([now, then]).astype(np.float64)
    observed = observed[:, observed.sum(axis=0) > 0]
    expected = np.outer(observed.sum(axis=1), observed.sum(axis=0)) / observed.sum()
    return float(((observed - expected) ** 2 / expected).sum()), observed.shape[1] - 1


def kolmogorov_smirnov(grid: NumericGrid, now: ColumnSummary, then: ColumnSummary) -> float:
    """Return the largest gap between the two distribution functions: 0 … 1."""
    _knots, gap = _gaps(grid, now, then)
    return float(np.abs(gap).max())


def wasserstein(grid: NumericGrid, now: ColumnSummary, then: ColumnSummary) -> float:
    """Return the area between the two distribution functions, in the column's own unit."""
    knots, gap = _gaps(grid, now, then)
    width, a, b = np.diff(knots), np.abs(gap[:-1]), np.abs(gap[1:])
    crossing = np.sign(gap[:-1]) * np.sign(gap[1:]) < 0
    total = np.where(a + b > 0, a + b, 1.0)
    area = np.where(crossing, (a * a + b * b) / total, a + b) / 2
    return float((width * area).sum())


def _relative_entropy(a: Floats, b: Floats) -> float:
    held = a > 0
    return float((a[held] * np.log2(a[held] / b[held])).sum())


def _gaps(grid: NumericGrid, now: ColumnSummary, then: ColumnSummary) -> tuple[Floats, Floats]:
    """Return the knots of both piecewise linear distribution functions and their difference there."""
    ends = [
        end for one in (now, then) for end in _ends(grid, one)
    ]  # beyond the grid, rows lie evenly up to the smallest and largest value seen
    knots = np.unique(np.concatenate([grid.edges, ends]))
    return knots, _reached(grid, now, knots) - _reached(grid, then, knots)


def _ends(grid: NumericGrid, column: ColumnSummary) -> tuple[float, float]:
    low, high = float(grid.edges[0]), float(grid.edges[-1])
    return (
        low if column.minimum is None else min(column.minimum, low),
        high if column.maximum is None else max(column.maximum, high),
    )


def _reached(grid: NumericGrid, column: ColumnSummary, knots: Floats) -> Floats:
    """Return the share of rows at or below each knot, linear inside a bin."""
    low, high = _ends(grid, column)
    reached = np.cumsum(column.counts) / column.counts.sum()
    at, value = grid.edges, reached[:-1]
    if low < at[0]:
        at, value = np.concatenate([[low], at]), np.concatenate([[0.0], value])
    if high > at[-1]:
        at, value = np.concatenate([at, [high]]), np.concatenate([value, [1.0]])
    found: Floats = np.interp(knots, at, value, left=0.0, right=1.0)
    return found

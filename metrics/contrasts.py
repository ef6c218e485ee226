"""What a column's counts say, as numbers of mean zero while nothing drifts: contrasts with the reference.

With p_b the reference's share of bin b and u_b its mid-rank Σ_{j<b} p_j + p_b / 2, a_b = Φ⁻¹(u_b). A numeric
column has three contrasts, h₁, h₂, h₃: Gram–Schmidt of a, a², a³ under p (location, spread, skew). A
categorical one has a contrast for each level, h_k = (1[b = k] − p_k) / √(p_k (1 − p_k)). In a window with
counts c_b and n = Σ c_b

    L = Σ_b c_b / n · h_b

What the reference hardly ever held has contrasts of its own, for ranks do not tell a value beyond the last
from the last: a number below and one above its range, a new level. With p the share of those bins, which
expect fewer than one value in twenty windows each, h = (1[b rare] − p) / √(p̃ (1 − p̃)), p̃ at least that of
25 values.

L has mean 0 and variance 1 / n (of the rare ones: less) without drift; for h₁ it reads as a shift in standard
deviations of the reference. Only ranks of bins enter, so a strictly increasing re-scaling of a column changes
nothing.

Neyman, J. (1937), 'Smooth test for goodness of fit', Skandinavisk Aktuarietidskrift 20.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from core.grid import CategoricalGrid, ColumnGrid, Counts, Floats

LEAST_EXPECTED = 25
"""Bins that expect fewer values in a window are merged: rare ones are too far from normal."""
MOMENTS = ("location", "spread", "skew")
BELOW, ABOVE, NEW = "@below", "@above", "@new"
HARDLY_EVER = 0.05
"""Values that a window expects in a bin that the reference hardly ever held, at most."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Contrasts:
    """The contrasts of one column: `weights` float64 [contrasts, bins of its grid] and a name for each.

    Names are location, spread, skew, BELOW, ABOVE, or a categorical column's levels ('' for the merged rest)
    and NEW; `shares` are the reference's shares of those levels, empty for a numeric column.
    """

    names: tuple[str, ...]
    weights: Floats
    shares: tuple[float, ...] = ()

    def of(self, counts: Counts) -> Floats:
        """Return L, float64 [windows, contrasts], of int64 `counts` [windows, bins]; NaN without values."""
        n = counts.sum(axis=-1, keepdims=True)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Floats = (counts @ self.weights.T) / n
        return found


def contrasts_of(grid: ColumnGrid, reference: Counts, rows: float) -> Contrasts | None:
    """Return a column's contrasts; None where windows hold fewer than twice 25 values.

    Args:
        reference: int64 [bins], the reference's counts.
        rows: values to be expected in a window.

    >>> from core.grid import NumericGrid
    >>> grid = NumericGrid(edges=np.array([0.0, 1.0, 2.0, 3.0]))
    >>> found = contrasts_of(grid, np.array([0, 100, 200, 100, 0]), 400)
    >>> found.names, np.round(found.of(np.array([[0, 50, 200, 150, 0]])), 2).tolist()
    (('location', 'spread', '@below', '@above'), [[0.35, 0.0, 0.0, 0.0]])
    """
    total = int(reference.sum())
    if total == 0 or rows < 2 * LEAST_EXPECTED:
        return None
    share = reference / total
    found = _usual(grid, reference, share * rows)
    rare = _rare(grid, share * rows)
    p = np.array([share[bins].sum() for bins in rare.values()])
    unit = np.maximum(p, LEAST_EXPECTED / rows)
    new = (np.array(list(rare.values())) - p[:, None]) / np.sqrt(unit * (1 - unit))[:, None]
    names = (*found.names, *rare)
    return Contrasts(names=names, weights=np.vstack([found.weights, new]), shares=found.shares)


def _rare(grid: ColumnGrid, expected: Floats) -> dict[str, NDArray[np.bool_]]:
    """Return the bins that the reference hardly ever held: of a number, those beyond its range."""
    seldom = expected < HARDLY_EVER
    if isinstance(grid, CategoricalGrid):
        return {NEW: seldom}
    return {
        BELOW: np.logical_and.accumulate(seldom),
        ABOVE: np.logical_and.accumulate(seldom[::-1])[::-1],
    }


def weights(names: Sequence[str]) -> Floats:
    """Return how much each contrast of a numeric column counts, float64 [contrasts], sum 1.

    Location gets half: it is what moves most often.

    >>> weights(("location", "spread", "skew")).tolist()
    [0.5, 0.25, 0.25]
    """
    if "location" not in names or len(names) == 1:
        return np.full(len(names), 1 / max(len(names), 1))
    return np.where(np.array(names) == "location", 0.5, 0.5 / (len(names) - 1))


def _usual(grid: ColumnGrid, reference: Counts, expected: Floats) -> Contrasts:
    """Return the contrasts of what the reference held; none where fewer than two bins expect enough."""
    groups = _rare_levels(expected) if isinstance(grid, CategoricalGrid) else _neighbours(expected)
    kept = int(groups.max()) + 1
    if kept < 2:
        return Contrasts(names=(), weights=np.zeros((0, len(reference))))
    shares = np.bincount(groups, weights=reference, minlength=kept) / reference.sum()
    if isinstance(grid, CategoricalGrid):
        scores = (np.eye(kept) - shares[:, None]) / np.sqrt(shares * (1 - shares))[:, None]
        scores = scores[:1] if kept == 2 else scores  # the second of two says the same
        names = tuple(_level(grid, np.flatnonzero(groups == group)) for group in range(len(scores)))
        of_levels = tuple(shares[: len(scores)].tolist())
        return Contrasts(names=names, weights=scores[:, groups], shares=of_levels)
    scores = _smooth(shares)
    return Contrasts(names=MOMENTS[: len(scores)], weights=scores[:, groups])


def _level(grid: CategoricalGrid, bins: Counts) -> str:
    return grid.levels[bins[0]] if len(bins) == 1 and bins[0] < len(grid.levels) else ""


def _neighbours(expected: Floats) -> Counts:
    """Return the group of each bin: from the left, neighbours together until they expect enough."""
    groups, group, held = np.zeros(len(expected), dtype=np.int64), 0, 0.0
    for at, one in enumerate(expected):
        groups[at] = group
        held += one
        if held >= LEAST_EXPECTED and expected[at + 1 :].sum() >= LEAST_EXPECTED:
            group, held = group + 1, 0.0
    return groups


def _rare_levels(expected: Floats) -> Counts:
    """Return the group of each level: one of its own where it expects enough, else the last one.

    What is rare is not thrown together with its neighbour but with all that is rare, and with the rarest
    level of those kept where that is not enough.
    """
    order = np.argsort(-expected, kind="stable")
    kept = int((expected >= LEAST_EXPECTED).sum())
    if kept and 0 < expected[order[kept:]].sum() < LEAST_EXPECTED:
        kept -= 1
    if kept and expected[order[kept:]].sum() == 0:  # unseen so far: they join the rarest
        kept -= 1
    groups = np.full(len(expected), kept, dtype=np.int64)
    groups[order[:kept]] = np.arange(kept)
    return groups


def _smooth(shares: Floats) -> Floats:
    """Return float64 [up to 3, bins]: powers of the normal score, orthonormal under the shares."""
    score = ndtri(np.cumsum(shares) - shares / 2)
    found = [np.ones(len(shares))]
    for power in range(1, min(len(MOMENTS), len(shares) - 1) + 1):
        one = score**power
        for earlier in found:
            one = one - (shares * one * earlier).sum() * earlier
        length = float(np.sqrt((shares * one**2).sum()))
        if length < 1e-6:
            break
        found.append(one / length)
    return np.array(found[1:])

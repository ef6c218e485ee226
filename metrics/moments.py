"""How numeric columns hang together, from the sums of their products: correlations, principal components.

With z the columns centred and scaled by their grids (core.profile.Inputs), n_ij rows in which both of a pair
are there, and m_i the mean of a column over all of its rows,

    r_ij = (Σ z_i z_j / n_ij − m_i m_j) / (s_i s_j),    s_i² = Σ z_i² / n_i − m_i²

Fisher's arctanh r has a variance of about 1 / (n − 3), whatever r. Principal components are those of the
reference's correlations that hold 65 % of the variance or more; with x standardised by the reference and P
their directions, what they cannot tell is E‖x − P Pᵀ x‖² = tr C − tr Pᵀ C P, C = E x xᵀ: no row is needed.

Fisher, R. A. (1921), 'On the probable error of a coefficient of correlation', Metron 1; Jolliffe, I. T.
(2002), Principal Component Analysis, Springer; the share of 65 % as in NannyML's multivariate drift.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.grid import Counts, Floats
from core.profile import Inputs
from metrics.answers import LEAST_ROWS
from metrics.contrasts import LEAST_EXPECTED

HELD = 0.65
"""Share of the variance that the principal components hold at least."""
MOST = 0.995
"""Correlations beyond count as this one: columns that say the same say nothing when they go on doing so."""
LEAST_VARIANCE = 1e-6
"""Of a column in units of its grid; below, it is constant but for rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Moments:
    """Means float64 [k], products Σ z_i z_j / n_ij float64 [k, k] and rows int64 [k, k] of k columns."""

    means: Floats
    products: Floats
    rows: Counts

    @classmethod
    def of(cls, inputs: Inputs) -> "Moments | None":
        """Return what a profile says; None where it holds no second moments.

        Raises:
            ValueError: sums of columns and of pairs do not belong together.
        """
        if inputs.sums is None or inputs.pair_sums is None or inputs.pair_rows is None:
            return None
        rows, sums = (_square(one, len(inputs.sums)) for one in (inputs.pair_rows, inputs.pair_sums))
        with np.errstate(invalid="ignore", divide="ignore"):
            return cls(means=inputs.sums / np.diag(rows), products=sums / rows, rows=rows.astype(np.int64))

    @property
    def usable(self) -> NDArray[np.bool_]:
        """Tell of each column whether it has 30 rows and more than one value, bool [k]."""
        found: NDArray[np.bool_] = (np.diag(self.rows) >= LEAST_ROWS) & (self.variances > LEAST_VARIANCE)
        return found

    @property
    def variances(self) -> Floats:
        """Return the variance of each column, float64 [k]; NaN without rows."""
        found: Floats = np.diag(self.products) - self.means**2
        return found

    def correlations(self) -> Floats:
        """Return r, float64 [k, k], within −1 … 1; NaN of columns that are constant or missing."""
        with np.errstate(invalid="ignore", divide="ignore"):
            spread = np.sqrt(np.where(self.usable, self.variances, np.nan))
            found = (self.products - np.outer(self.means, self.means)) / np.outer(spread, spread)
        enough = self.rows >= LEAST_ROWS
        return np.clip(np.where(enough, found, np.nan), -1.0, 1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Components:
    """The reference's principal components: of the columns `kept` bool [k], `directions` float64 [kept, q].

    >>> from metrics.moments import Components, Moments
    >>> both = np.array([[1.0, 0.8], [0.8, 1.0]])
    >>> moments = Moments(means=np.zeros(2), products=both, rows=np.full((2, 2), 100))
    >>> round(Components.of(moments).unexplained(moments), 3)
    0.447
    """

    reference: Moments
    kept: NDArray[np.bool_]
    directions: Floats

    @classmethod
    def of(cls, reference: Moments) -> "Components | None":
        """Return the components of a reference; None where fewer than two columns vary."""
        kept = reference.usable
        if kept.sum() < 2:
            return None
        known = np.nan_to_num(reference.correlations()[np.ix_(kept, kept)])
        values, vectors = np.linalg.eigh(known)
        shares = np.cumsum(np.maximum(values[::-1], 0.0)) / np.maximum(values, 0.0).sum()
        count = int(np.searchsorted(shares, HELD)) + 1
        return cls(reference=reference, kept=kept, directions=vectors[:, ::-1][:, :count])

    def unexplained(self, window: Moments) -> float:
        """Return the root mean square of what components cannot tell of a row (≥ 0; NaN: rows missing)."""
        kept, then = self.kept, self.reference
        spread = np.sqrt(then.variances[kept])
        now, was = window.means[kept], then.means[kept]
        products = window.products[np.ix_(kept, kept)]
        moved = products - np.outer(was, now) - np.outer(now, was) + np.outer(was, was)
        second = moved / np.outer(spread, spread)
        told = float(np.einsum("iq,ij,jq->", self.directions, second, self.directions))
        return float(np.sqrt(max(float(np.trace(second)) - told, 0.0)))


@dataclass(frozen=True, kw_only=True, eq=False)
class Correlations:
    """Pairs of columns and what is normal of each: places `first`, `second` int64 [pairs] among the columns
    and `reference` float64 [pairs], arctanh r of the reference.

    What a window says of a pair has mean 0 without drift, and a variance of about 1 / n, as contrasts have;
    more where columns have heavy tails, which the reference's own windows tell. With q a column's share of
    values outside of its most frequent bin, pairs with n q q' < 25 are left out: so few rows say something of
    both that r is far from normal.
    """

    names: tuple[str, ...]
    first: Counts
    second: Counts
    reference: Floats

    @property
    def shares(self) -> tuple[float, ...]:
        """Return the reference's correlations."""
        return tuple(np.tanh(self.reference).tolist())

    @classmethod
    def of(cls, inputs: Inputs, columns: tuple[str, ...], rows: float = np.inf) -> "Correlations | None":
        """Return the pairs of those columns that vary enough in the reference; None without any.

        Args:
            rows: to be expected in a window.
        """
        moments = Moments.of(inputs)
        if moments is None:
            return None
        first, second = np.triu_indices(len(columns), 1)
        r = moments.correlations()[first, second]
        varied = np.array([_varied(inputs, column) for column in columns])
        held = ~np.isnan(r) & (rows * varied[first] * varied[second] >= LEAST_EXPECTED)
        if not held.any():
            return None
        first, second = first[held].astype(np.int64), second[held].astype(np.int64)
        names = tuple(f"{columns[i]} × {columns[j]}" for i, j in zip(first, second, strict=True))
        return cls(names=names, first=first, second=second, reference=_fisher(r[held]))

    def said(self, inputs: Inputs) -> tuple[Floats, float]:
        """Return how far each pair is from the reference, float64 [pairs], and the least rows behind one.

        A pair that a window does not hold says nothing: 0.
        """
        moments = Moments.of(inputs)
        if moments is None:
            return np.full(len(self.names), np.nan), 0.0
        found = _fisher(moments.correlations()[self.first, self.second]) - self.reference
        known = ~np.isnan(found)
        rows = moments.rows[self.first, self.second][known]
        return np.where(known, found, 0.0), float(rows.min(initial=rows.max(initial=3)) - 3)


def _varied(inputs: Inputs, column: str) -> float:
    """Return the share of values outside of the most frequent bin; 1 where the column is not counted."""
    held = inputs.columns.get(column)
    if held is None or not held.counts.sum():
        return 1.0
    return 1.0 - float(held.counts.max() / held.counts.sum())


def _fisher(r: Floats) -> Floats:
    found: Floats = np.arctanh(np.clip(r, -MOST, MOST))
    return found


def _square(upper: Floats | Counts, k: int) -> Floats:
    found = np.zeros((k, k))
    found[np.triu_indices(k)] = upper
    return np.maximum(found, found.T) if upper.dtype.kind == "i" else found + np.triu(found, 1).T

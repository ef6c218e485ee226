"""How much a quiet series moves from window to window: what turns its values into standard scores.

With values x_i of the calibration windows i = 1…R and the variance e_i² that sampling alone gives each:

- Groups of windows (weekdays; hours of the week) get means of their own where every group has four values and
  an F test asks for them (p < 0.01); else there is one mean. m windows lie behind a mean.
- s² is the residual variance on df degrees of freedom. Where s² / mean e² > χ²_.90(df) / df the days really
  differ: the spread from day to day is s² · df / χ²_.20(df) − mean e², for a few windows know it badly.
  Otherwise it is 0. Where the sampling variance is unknown the spread is s² · df / χ²_.20(df).
- Days that hang together say less than as many that do not. Where the correlation r of a window's residual
  with the next one's is more than chance (r √R > 1.645), σ² is taken (1 + r) / (1 − r) times: the variance
  that a mean of many such windows has (r at most 0.8).
- A window is expected at its mean with variance σ² = spread + e², and

    y = (x − mean) / σ

has mean 0 while all is quiet, and variance 1 but for what is not known of the mean: 1 / m more (DETECTION.md,
step 2). metrics.evidence counts that in.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import special

from core.grid import Counts, Floats

LEAST = 14
"""Windows without which the day-to-day variance is not known."""
LEAST_IN_GROUP = 4
F_TEST = 0.01
CHI_TEST, UPPER = 0.90, 0.20
CHANCE, HANG = 1.645, 0.8


@dataclass(frozen=True, kw_only=True, eq=False)
class Calibration:
    """What was learnt of S series over the same windows.

    `means` float64 [groups, S], `behind` float64 [groups, S] windows behind each, `spread` float64 [S] the
    variance from window to window that sampling does not explain. `grouped` bool [S]: the groups have means
    of their own, else all windows lie behind one mean. `known`: sampling variances were given. `hang` float64
    [S] ≥ 1: by how much variances are taken larger because windows hang together.
    """

    means: Floats
    behind: Floats
    spread: Floats
    grouped: NDArray[np.bool_]
    known: bool
    hang: Floats

    def scores(self, values: Floats, variances: Floats, groups: Counts) -> Floats:
        """Return standard scores, float64 [windows, S].

        Args:
            values: float64 [windows, S]; NaN stays NaN.
            variances: float64 [windows, S], e² of each value.
            groups: int64 [windows].
        """
        sigma = self.sigma(variances)
        with np.errstate(invalid="ignore", divide="ignore"):
            found: Floats = (values - self.means[groups]) / sigma
        return np.where(sigma > 0, found, np.where(values == self.means[groups], 0.0, found))

    def sigma(self, variances: Floats) -> Floats:
        """Return one standard deviation of a quiet window around its mean, float64 [windows, S]."""
        own = variances if self.known else np.zeros_like(variances)
        found: Floats = np.sqrt((self.spread + own) * self.hang)
        return found


def calibrate(values: Floats, variances: Floats | None, groups: Counts, labels: int = 1) -> Calibration:
    """Learn from R quiet windows what is normal for S series.

    Args:
        values: float64 [R, S] without NaN.
        variances: float64 [R, S], e² of each value; None where sampling variances are not known.
        groups: int64 [R], which windows are of one kind, counted from 0.
        labels: how many kinds there are at least, though none of these windows may be of the last ones.
    """
    labels = max(labels, int(groups.max(initial=0)) + 1)
    one = _means(values, np.zeros(len(values), dtype=np.int64), 1)
    asked = _asks_for_groups(values, groups, labels)
    own = _means(values, groups, labels) if asked.any() else np.repeat(one, labels, axis=0)
    counts = np.bincount(groups, minlength=labels).astype(np.float64)
    means = np.where(asked, own, one)
    behind = np.where(asked, counts[:, None], float(len(values)))
    freedom = len(values) - np.where(asked, (counts > 0).sum(), 1)
    residual = values - means[groups]
    raw = (residual**2).sum(axis=0) / np.maximum(freedom, 1)
    wide = raw * freedom / special.chdtri(freedom, 1 - UPPER)
    if variances is None:
        spread = wide
    else:
        noise = variances.mean(axis=0)
        real = raw * freedom > special.chdtri(freedom, 1 - CHI_TEST) * noise
        spread = np.where(real, np.maximum(wide - noise, 0.0), 0.0)
    return Calibration(
        means=means, behind=behind, spread=spread, grouped=asked, known=variances is not None,
        hang=_hang(residual),
    )  # fmt: skip


def _hang(residual: Floats) -> Floats:
    """Return (1 + r) / (1 − r) of the correlation from window to window, 1 where that may be chance."""
    squares = (residual**2).sum(axis=0)
    with np.errstate(invalid="ignore", divide="ignore"):
        r = np.nan_to_num((residual[1:] * residual[:-1]).sum(axis=0) / squares)
    r = np.where(r * np.sqrt(len(residual)) > CHANCE, np.minimum(r, HANG), 0.0)
    found: Floats = (1 + r) / (1 - r)
    return found


def _means(values: Floats, groups: Counts, labels: int) -> Floats:
    sums = np.zeros((labels, values.shape[1]))
    np.add.at(sums, groups, values)
    counts = np.bincount(groups, minlength=labels)
    found: Floats = sums / np.maximum(counts, 1)[:, None]
    return found


def _asks_for_groups(values: Floats, groups: Counts, labels: int) -> NDArray[np.bool_]:
    """Tell for each series by an F test (p < 0.01) whether the groups have means of their own."""
    counts = np.bincount(groups, minlength=labels)
    if labels < 2 or counts.min() < LEAST_IN_GROUP:
        return np.zeros(values.shape[1], dtype=bool)
    means = _means(values, groups, labels)
    within = ((values - means[groups]) ** 2).sum(axis=0)
    between = (counts[:, None] * (means - values.mean(axis=0)) ** 2).sum(axis=0)
    df = (labels - 1, len(values) - labels)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = between / df[0] / (within / df[1])
    asked: NDArray[np.bool_] = np.where(within > 0, special.fdtrc(*df, ratio) < F_TEST, between > 0)
    return asked

"""Performance without labels: what the calibrated scores of a window promise.

From the reference's labelled rows by score bin, k_b positives of n_b with score s_b, comes p_b, the chance of
a positive in each bin. Where the scores pass for calibrated they are taken as they are: Hosmer–Lemeshow's χ²,
over at most ten bands of equal expected variance Σ n s (1 − s), at the 5 % level. Elsewhere isotonic
regression is fitted, and each of its steps is drawn towards its own mean score as by one more row, so that
few labels never promise 0 or 1. Tried on five kinds of miscalibration at 300, 3,000 and 50,000 labels:
Spiegelhalter's Z let a shift of .4 in log-odds pass (accuracy off by .012 instead of .005 at 3,000), and
drawing every bin instead of every step kept too much of overconfident scores (.015 instead of .006).

With c_b rows of a window in bin b, Σ c_b p_b of them are expected to be positive: that gives the expected
confusion matrix, ranking and loss (CBPE). The interval is the noise of the labels to come,
Σ c_b p_b (1 − p_b), not the uncertainty of the calibration. It sees what the scores see: drift of the inputs.
It is blind to concept drift, a changed relation between inputs and label, by construction.

Białek, J., Kuberski, W., Perrakis, N., Bifet, A. (2024), Estimating model performance under covariate shift
without labels, arXiv:2401.08348; Zadrozny, B., Elkan, C. (2002), Transforming classifier scores into accurate
multiclass probability estimates, KDD; Hosmer, D. W., Lemeshow, S. (1980), Goodness of fit tests for the
multiple logistic regression model, Comm. Stat. A 9, 1043–1069.
"""

from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from scipy.optimize import isotonic_regression
from scipy.special import chdtrc

from core.errors import NotComparableError
from core.grid import Counts, Floats, NumericGrid
from core.profile import Profile
from core.text import gettext as _
from core.values import MetricValue
from metrics.answers import LEAST_OF_CLASS, LEAST_ROWS, answer, no_reference, too_few
from metrics.base import Subject
from metrics.intervals import around
from metrics.labels import score_counts
from metrics.scores import middles

BANDS = 10
LEAST_VARIANCE = 3.0
"""Expected variance that a band of the calibration test must hold for its χ² to be one."""
LEVEL = 0.05
_known: "WeakKeyDictionary[Profile, Floats | None]" = WeakKeyDictionary()


@dataclass(frozen=True, kw_only=True, eq=False)
class Promise:
    """A window's scores and what they promise, by bin.

    `said` int64 [2, bins] are rows by predicted class (negative, positive), `chance` float64 [bins] the
    probability of a positive, `score` float64 [bins] the score that the model gave, within (0, 1).
    """

    said: Counts
    chance: Floats
    score: Floats

    @property
    def n(self) -> int:
        """Number of scored rows."""
        return int(self.said.sum())

    def expected(self) -> Floats:
        """Return the expected confusion matrix [actual, predicted], float64 [2, 2]."""
        positive = self.said @ self.chance
        return np.stack([self.said.sum(axis=1) - positive, positive])

    def noise(self) -> Floats:
        """Return the variance of the number of positives among predicted negatives and positives."""
        found: Floats = self.said @ (self.chance * (1 - self.chance))
        return found


def promise(subject: Subject) -> Promise | MetricValue:
    """Return what a window's scores promise, or the answer why that cannot be said.

    Raises:
        NotComparableError: window and reference were counted on different grids.
    """
    reference, grid, said = subject.reference, subject.grids.score, subject.profile.inputs.score
    if reference is None:
        return no_reference()
    if reference.grid_set != subject.profile.grid_set:
        raise NotComparableError(_("The reference was counted on another grid set."))
    if grid is None or said is None:
        return too_few(0)
    if said.sum() < LEAST_ROWS:
        return too_few(int(said.sum()))
    chance = chances(reference, grid)
    if chance is None:
        return MetricValue.missing(
            _("The reference has too few labels: {least}, and {of_class} of each class, are needed.").format(
                least=LEAST_ROWS, of_class=LEAST_OF_CLASS
            ),
            n=int(said.sum()),
        )
    return Promise(said=said, chance=chance, score=np.clip(middles(grid), 2.2e-16, 1 - 2.2e-16))


def chances(reference: Profile, grid: NumericGrid) -> Floats | None:
    """Return the chance of a positive, float64 [bins], never falling; None where labels are too few.

    Learnt once for as long as the profile lives.
    """
    if reference not in _known:
        counts = score_counts(reference.outcomes)
        enough = counts.positive.sum() + counts.negative.sum() >= LEAST_ROWS
        few = min(counts.positive.sum(), counts.negative.sum()) < LEAST_OF_CLASS
        _known[reference] = (
            _learnt(counts.positive, counts.positive + counts.negative, np.clip(middles(grid), 0.0, 1.0))
            if enough and not few
            else None
        )
    return _known[reference]


def told(value: float, variance: float, n: int, high: float = 1.0) -> MetricValue:
    """Answer with an estimate within 0 … `high` and the interval of its label noise."""
    return answer(value, n=n, limits=around(value, variance).within(0.0, high))


def _learnt(positive: Counts, rows: Counts, score: Floats) -> Floats:
    if _calibrated(positive, rows, score):
        return score
    held = np.flatnonzero(rows)
    steps = isotonic_regression(positive[held] / rows[held], weights=rows[held]).blocks
    wide = np.diff(steps)
    n, k, s = (np.add.reduceat(one[held], steps[:-1]) for one in (rows, positive, rows * score))
    drawn = isotonic_regression((k + s / n) / (n + 1), weights=n + 1).x
    found: Floats = np.interp(np.arange(len(rows)), held, np.repeat(drawn, wide))
    return found


def _calibrated(positive: Counts, rows: Counts, score: Floats) -> bool:
    """Tell whether the positives of each band are as many as its scores say, but for noise."""
    noise = rows * score * (1 - score)
    whole = float(noise.sum())
    count = min(BANDS, int(whole / LEAST_VARIANCE))
    if not count:
        return False
    band = np.minimum(((np.cumsum(noise) - noise / 2) / whole * count).astype(int), count - 1)
    gap, variance = (np.bincount(band, one, count) for one in (positive - rows * score, noise))
    held = variance > 0
    return bool(chdtrc(held.sum(), (gap[held] ** 2 / variance[held]).sum()) >= LEVEL)

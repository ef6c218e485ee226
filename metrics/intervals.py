"""95 % intervals, one function for each kind of number."""

import math
from dataclasses import dataclass

import numpy as np

from core.grid import Counts

Z95 = 1.959963984540054
"""The two-sided 95 % point of the standard normal distribution."""


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Lower and upper limit of a 95 % interval, in the unit of the value."""

    lower: float
    upper: float

    def within(self, low: float, high: float) -> "Limits":
        """Return the interval cut to a range that the value cannot leave."""
        return Limits(lower=min(max(self.lower, low), high), upper=min(max(self.upper, low), high))

    def scaled(self, factor: float, shift: float = 0.0) -> "Limits":
        """Return the interval of factor × value + shift."""
        a, b = factor * self.lower + shift, factor * self.upper + shift
        return Limits(lower=min(a, b), upper=max(a, b))


def wilson(successes: float, n: float) -> Limits:
    """Return Wilson's score interval of a share; n > 0.

    (p + z²/2n ± z √(p(1−p)/n + z²/4n²)) / (1 + z²/n). Holds at 0 and 1, where the textbook interval is empty.
    Wilson, E. B. (1927), Probable inference, J. Am. Stat. Assoc. 22, 209–212.

    >>> limits = wilson(3, 30)
    >>> round(limits.lower, 4), round(limits.upper, 4)
    (0.0346, 0.2562)
    """
    p, z2 = successes / n, Z95 * Z95
    middle = (p + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 * math.sqrt(p * (1 - p) / n + z2 / (4 * n * n)) / (1 + z2 / n)
    # the exact limit at the ends is 0 and 1; rounding must not push the value out of its interval
    return Limits(lower=min(max(middle - half, 0.0), p), upper=max(min(middle + half, 1.0), p))


def weighted(part: float, whole: float, squares: tuple[float, float]) -> Limits:
    """Return the interval of a share Σ w x / Σ w of weighted rows, x = 0 or 1; Σ w > 0.

    Wilson's, of as many rows as a sample without weights needs to be as exact: n = p (1 − p) (Σw)² / V with
    V = Σ w² (x − p)², at p = 0 and 1 n = (Σw)² / Σw². `squares` are Σ w² x and Σ w². Equal weights give
    Wilson's interval of the rows themselves.
    Franco, C., Little, R. J. A., Louis, T. A., Slud, E. V. (2019), J. Surv. Stat. Methodol. 7, 334–364.

    >>> limits = weighted(6, 60, (12, 120))  # 3 of 30 rows, each of weight 2
    >>> round(limits.lower, 4), round(limits.upper, 4)
    (0.0346, 0.2562)
    """
    p, (ours, every) = part / whole, squares
    spread = ours * (1 - 2 * p) + p * p * every
    n = whole * whole / every
    if 0 < p < 1 and spread > 0:
        n = p * (1 - p) * whole * whole / spread
    return wilson(p * n, n)


def around(value: float, variance: float) -> Limits:
    """Return value ± z √variance, for an estimate that is about normal."""
    half = Z95 * math.sqrt(max(variance, 0.0))
    return Limits(lower=value - half, upper=value + half)


def mean(total: float, squares: float, n: float) -> Limits:
    """Return the interval of a mean from Σx, Σx² and n ≥ 2.

    >>> limits = mean(10.0, 40.0, 5)
    >>> round(limits.lower, 3), round(limits.upper, 3)
    (0.04, 3.96)
    """
    value = total / n
    return around(value, (squares - total * value) / (n - 1) / n)


def ratio(numerator: float, denominator: float, squares: tuple[float, float, float], n: float) -> Limits:
    """Return the interval of Σx / Σy by the delta method over n ≥ 2 rows; Σy ≠ 0.

    `squares` are Σx², Σy² and Σxy. Variance: n/(n−1) · Σ(x − R y)² / (Σy)².
    Cochran, W. G. (1977), Sampling Techniques, 3rd ed., ch. 6.
    """
    value = numerator / denominator
    residual = squares[0] - 2 * value * squares[2] + value * value * squares[1]
    return around(value, n / (n - 1) * residual / denominator**2)


def delong(positive: Counts, negative: Counts) -> Limits:
    """Return the interval of the area under the ROC curve from counts by score bin, ties within a bin.

    Variance: S₁₀/m + S₀₁/n of the placement values. Needs two of each class.
    DeLong, E. R., DeLong, D. M., Clarke-Pearson, D. L. (1988), Biometrics 44, 837–845.
    """
    p, q = positive.astype(np.float64), negative.astype(np.float64)
    m, n = p.sum(), q.sum()
    below = (np.cumsum(q) - q / 2) / n
    above = (m - np.cumsum(p) + p / 2) / m
    area = float((p * below).sum() / m)
    variance = (p * (below - area) ** 2).sum() / (m - 1) / m + (q * (above - area) ** 2).sum() / (n - 1) / n
    return around(area, float(variance)).within(0.0, 1.0)


def logit(value: float, n: float) -> Limits:
    """Return the interval of a value in (0, 1) with variance p(1−p)/n, taken on the logit scale.

    For average precision with n positives: Boyd, K., Eng, K. H., Page, C. D. (2013), Area under the
    precision-recall curve, ECML PKDD, 451–466. At 0 and 1 Wilson's interval is taken.
    """
    if not 0 < value < 1:
        return wilson(value * n, n)
    centre, half = math.log(value / (1 - value)), Z95 / math.sqrt(n * value * (1 - value))
    return Limits(lower=_expit(centre - half), upper=_expit(centre + half))


def ranks(n: int, share: float) -> tuple[int, int]:
    """Return the ranks (0 … n−1) of the order statistics that bound a quantile with 95 %.

    n q ± z √(n q (1−q)). David, H. A., Nagaraja, H. N. (2003), Order Statistics, 3rd ed., sec. 7.1.

    >>> ranks(1000, 0.95)
    (935, 963)
    """
    half = Z95 * math.sqrt(n * share * (1 - share))
    return max(math.floor(n * share - half) - 1, 0), min(math.ceil(n * share + half), n) - 1


def _expit(x: float) -> float:
    return 1 / (1 + math.exp(-x)) if x > -700 else 0.0

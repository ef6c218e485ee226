"""A straight line with weekday terms and a wandering level through a KPI's windows, and what it foresees."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
from scipy.linalg import cho_factor, cho_solve
from scipy.special import stdtr

from core.grid import Floats
from core.windows import Grain, Window

LEAST_WINDOWS = 14
LEAST_FOR_WEEKDAYS = 28
MOST_WINDOWS = 400
_WANDER = (0.0, *(float(ratio) for ratio in np.logspace(-4, 1, 16)))


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One window with its level and weight (rows, or the denominator)."""

    window: Window
    value: float
    weight: float


@dataclass(frozen=True, kw_only=True)
class Outlook:
    """A forecast level with its standard error and the degrees of freedom behind it."""

    level: float
    error: float
    freedom: int

    def probability_above(self, target: float) -> float:
        """Return the probability that the level comes out at `target` or above (Student's t)."""
        if self.error == 0:
            return float(self.level >= target)
        return float(stdtr(self.freedom, (self.level - target) / self.error))


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """Generalised least squares with one guess of how far the level wanders a day against the noise."""

    wander: float
    factor: tuple[Floats, bool]
    inverse: Floats
    coefficients: Floats
    residual: Floats
    variance: float
    likelihood: float


def outlook(seen: Sequence[Seen], ahead: Sequence[Window], zone: ZoneInfo) -> Outlook | None:
    """Forecast the mean level over the windows `ahead`; None with fewer than 14 windows.

    Model, a local linear trend: yₜ = a + b t + weekday term (from 28 daily windows on) + uₜ + eₜ, where eₜ is
    noise of variance s²/wₜ (w: the window's weight over the mean weight) and uₜ wanders, a random walk of
    variance s²·q a day; q comes from restricted maximum likelihood over a grid, 0 among it. With
    V = diag(1/w) + q·min(t, t′), X the terms, c and k the mean terms and covariances of the m windows ahead:

        level     c'β + k'V⁻¹(y − Xβ),   β = (X'V⁻¹X)⁻¹ X'V⁻¹ y
        variance  s² (1/m + q·mean min(t, t′) − k'V⁻¹k + d'(X'V⁻¹X)⁻¹d),   d = c − X'V⁻¹k

    Windows ahead that were seen already enter as seen, without variance. Student's t with the residuals'
    freedom. The newest 400 windows count.

    Coverage of the 95 % interval, simulated (28 to 120 days seen, 30 to 90 days ahead, 200 and 2,000 rows a
    day, weekday effects): a level that stays or rises evenly 95–99 %, days that hang together (0.6 from one
    to the next) 95–97 %, a level that wanders 1 % a day 82–96 %, lowest far ahead.

    Harvey, A. C. (1989), Forecasting, Structural Time Series Models and the Kalman Filter, ch. 2–3;
    Cressie, N. (1993), Statistics for Spatial Data, sec. 3.4 (the predictor).
    """
    seen = sorted(seen, key=lambda one: one.window.start)[-MOST_WINDOWS:]
    if len(seen) < LEAST_WINDOWS or not ahead:
        return None
    known = {one.window.start: one for one in seen}
    mean_weight = sum(one.weight for one in seen) / len(seen)
    past = [known[window.start] for window in ahead if window.start in known]
    to_come = [window for window in ahead if window.start not in known]
    seen_weight = sum(one.weight for one in past) / mean_weight
    told = sum(one.weight * one.value for one in past) / mean_weight / seen_weight if past else 0.0
    weekdays = seen[0].window.grain is Grain.DAY and len(seen) >= LEAST_FOR_WEEKDAYS
    origin = seen[0].window.start
    terms = _terms([one.window for one in seen], origin, zone, weekdays)
    freedom = len(seen) - int(np.linalg.matrix_rank(terms))
    if freedom < 1:
        return None
    if not to_come:
        return Outlook(level=told, error=0.0, freedom=freedom)
    days, later = _days([one.window for one in seen], origin), _days(to_come, origin)
    values = np.array([one.value for one in seen])
    noise = mean_weight / np.array([one.weight for one in seen])
    best = max(
        (_fit(wander, days, noise, terms, values, freedom) for wander in _WANDER),
        key=lambda fit: fit.likelihood,
    )
    share = len(to_come) / (len(to_come) + seen_weight)
    level, variance = _predicted(best, days, later, terms, _terms(to_come, origin, zone, weekdays))
    return Outlook(
        level=share * level + (1 - share) * told,
        error=share * math.sqrt(max(variance, 0.0)),
        freedom=freedom,
    )


def _fit(wander: float, days: Floats, noise: Floats, terms: Floats, y: Floats, freedom: int) -> _Fit:
    covariance = np.diag(noise) + wander * np.minimum.outer(days, days)
    factor = cho_factor(covariance, lower=True)
    weighed = cho_solve(factor, terms)
    information = terms.T @ weighed
    inverse: Floats = np.linalg.pinv(information).astype(np.float64)
    coefficients = inverse @ (weighed.T @ y)
    residual = y - terms @ coefficients
    variance = max(float(residual @ cho_solve(factor, residual)) / freedom, 1e-300)
    logs = 2 * float(np.log(np.diag(factor[0])).sum()) + float(np.linalg.slogdet(information)[1])
    return _Fit(
        wander=wander,
        factor=factor,
        inverse=inverse,
        coefficients=coefficients,
        residual=residual,
        variance=variance,
        likelihood=-(freedom * math.log(variance) + logs) / 2,
    )


def _predicted(fit: _Fit, days: Floats, later: Floats, terms: Floats, ahead: Floats) -> tuple[float, float]:
    """Return the mean level over the windows ahead and its variance."""
    mean_terms = ahead.mean(axis=0)
    shared = fit.wander * np.minimum.outer(days, later).mean(axis=1)
    weighed = cho_solve(fit.factor, shared)
    level = float(mean_terms @ fit.coefficients + weighed @ fit.residual)
    open_ = mean_terms - terms.T @ weighed
    own = 1 / len(later) + fit.wander * float(np.minimum.outer(later, later).mean())
    variance = own - float(shared @ weighed) + float(open_ @ fit.inverse @ open_)
    return level, fit.variance * variance


def _days(windows: Sequence[Window], origin: datetime) -> Floats:
    return np.array([(window.start - origin).total_seconds() / 86400 for window in windows])


def _terms(windows: Sequence[Window], origin: datetime, zone: ZoneInfo, weekdays: bool) -> Floats:
    days = _days(windows, origin)
    columns = [np.ones(len(days)), days / 30.0]  # in months: well conditioned
    if weekdays:
        weekday = np.array([window.local_day(zone).weekday() for window in windows])
        columns += [(weekday == day).astype(np.float64) - (weekday == 6) for day in range(6)]
    return np.stack(columns, axis=1)

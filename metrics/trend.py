"""A straight line with weekday terms through the windows of a KPI, and what it says of the future."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import numpy as np
from scipy.special import stdtr

from core.grid import Floats
from core.windows import Grain, Window

LEAST_WINDOWS = 14
LEAST_FOR_WEEKDAYS = 28
_DAY_SECONDS = 86400.0
_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


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


def outlook(seen: Sequence[Seen], ahead: Sequence[Window], zone: ZoneInfo) -> Outlook | None:
    """Forecast the weighted mean level over the windows `ahead`; None with fewer than 14 windows.

    Model: yₜ = a + b t + weekday term (from 28 daily windows on) + eₜ, weighted least squares with the
    windows' weights w. Variance of a weighted mean ȳ over the windows ahead, with c the mean of their terms:

        s² · κ · (cᵀ (XᵀWX)⁻¹ c + 1 / Σ w ahead),   κ = (1 + r) / (1 − r)

    s² is the weighted residual variance, r the residuals' correlation from one window to the next (0 … 0.9),
    so days that hang together count as fewer. Windows ahead that were seen already enter as seen, without
    variance; the others weigh what seen ones weigh on average. Student's t with the residuals' freedom.
    """
    known = {one.window.start: one for one in seen}
    if len(seen) < LEAST_WINDOWS or not ahead:
        return None
    with_weekdays = seen[0].window.grain is Grain.DAY and len(seen) >= LEAST_FOR_WEEKDAYS
    terms = _terms([one.window for one in seen], zone, with_weekdays)
    y = np.array([one.value for one in seen])
    weight = np.array([one.weight for one in seen])
    weight = weight / weight.mean()
    root = np.sqrt(weight)
    inverse = np.linalg.pinv(terms.T @ (weight[:, None] * terms))
    fitted = inverse @ (terms.T @ (weight * y))
    residual = (y - terms @ fitted) * root
    freedom = len(y) - int(np.linalg.matrix_rank(terms * root[:, None]))
    if freedom < 1:
        return None
    variance = float(residual @ residual) / freedom
    spread = float(residual @ residual)
    hang = float(residual[1:] @ residual[:-1]) / spread if spread > 0 else 0.0
    hang = min(max(hang, 0.0), 0.9)
    mean_weight = float(np.mean([one.weight for one in seen]))
    open_ = [window for window in ahead if window.start not in known]
    past = [known[window.start] for window in ahead if window.start in known]
    seen_weight = sum(one.weight for one in past) / mean_weight
    share = len(open_) / (len(open_) + seen_weight)
    told = sum(one.weight * one.value for one in past) / mean_weight / max(seen_weight, 1e-300)
    if not open_:
        return Outlook(level=told, error=0.0, freedom=freedom)
    mean_terms = _terms(open_, zone, with_weekdays).mean(axis=0)
    error = variance * (1 + hang) / (1 - hang) * (float(mean_terms @ inverse @ mean_terms) + 1 / len(open_))
    level = share * float(mean_terms @ fitted) + (1 - share) * told
    return Outlook(level=level, error=share * math.sqrt(max(error, 0.0)), freedom=freedom)


def _terms(windows: Sequence[Window], zone: ZoneInfo, with_weekdays: bool) -> Floats:
    days = np.array([(window.start - _EPOCH).total_seconds() / _DAY_SECONDS for window in windows])
    columns = [np.ones(len(days)), (days - 9500.0) / 30.0]  # about centred, in months: well conditioned
    if with_weekdays:
        weekday = np.array([window.local_day(zone).weekday() for window in windows])
        columns += [(weekday == day).astype(np.float64) - (weekday == 6) for day in range(6)]
    return np.stack(columns, axis=1)

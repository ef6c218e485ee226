"""Sums of a KPI, and its level."""

from dataclasses import dataclass, replace

import numpy as np

from core.profile import KPI_SUMS
from core.text import gettext as _
from core.values import MetricValue
from metrics.answers import LEAST_ROWS, answer, too_few
from metrics.base import Subject
from metrics.intervals import Limits, wilson
from metrics.intervals import ratio as ratio_limits


@dataclass(frozen=True, kw_only=True)
class KpiTotals:
    """A KPI's sums over all label ages: rows, Σx, Σy, Σx², Σy², Σxy; x numerator, y denominator."""

    rows: int = 0
    numerator: float = 0.0
    denominator: float = 0.0
    numerator_squares: float = 0.0
    denominator_squares: float = 0.0
    cross: float = 0.0

    @property
    def is_share(self) -> bool:
        """Tell whether every row adds 0 or 1 to both and the numerator counts a part of the denominator."""
        x, y = self.numerator, self.denominator
        return x == self.numerator_squares == self.cross and y == self.denominator_squares and 0 <= x <= y

    @property
    def units(self) -> int:
        """How many rows the level rests on: those in a share's denominator, else all."""
        return round(self.denominator) if self.is_share else self.rows

    def limits(self) -> Limits | None:
        """Return the interval of numerator / denominator; None where it has none."""
        if self.denominator == 0 or self.rows < 2:
            return None
        if self.is_share:
            return wilson(self.numerator, self.denominator)
        squares = (self.numerator_squares, self.denominator_squares, self.cross)
        return ratio_limits(self.numerator, self.denominator, squares, self.rows)


def totals(subject: Subject) -> KpiTotals:
    """Return the sums of the subject's KPI; zeros where the profile does not hold it."""
    found = subject.profile.outcomes.kpis.get(subject.kpi.name) if subject.kpi is not None else None
    if found is None:
        return KpiTotals()
    sums = dict(zip(KPI_SUMS, np.asarray(found).sum(axis=0).tolist(), strict=True))
    return KpiTotals(
        rows=round(sums["rows"]),
        numerator=sums["numerator"],
        denominator=sums["denominator"],
        numerator_squares=sums["numerator²"],
        denominator_squares=sums["denominator²"],
        cross=sums["cross"],
    )


def level(subject: Subject) -> MetricValue:
    """Answer with Σ numerator / Σ denominator and its interval."""
    found = totals(subject)
    if found.units < LEAST_ROWS:
        # its sums still count when windows are pooled
        few = too_few(found.units)
        return replace(few, numerator=found.numerator, denominator=found.denominator) if found.units else few
    if found.denominator == 0:
        return MetricValue.missing(_("The denominator adds up to zero."), n=found.units)
    return answer(
        found.numerator / found.denominator,
        n=found.units,
        limits=found.limits(),
        numerator=found.numerator,
        denominator=found.denominator,
    )

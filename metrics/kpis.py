"""Sums of a KPI, and its level."""

from dataclasses import dataclass, replace
from math import isclose

import numpy as np

from core.profile import KPI_SUMS
from core.text import gettext as _
from core.values import MetricValue
from metrics.answers import LEAST_ROWS, answer, too_few
from metrics.base import Subject
from metrics.intervals import Limits, weighted, wilson
from metrics.intervals import ratio as ratio_limits


@dataclass(frozen=True, kw_only=True)
class KpiTotals:
    """A KPI's sums over all label ages: rows, Σx, Σy, Σx², Σy², Σxy; x numerator, y denominator.

    Of a sampled log x and y of a row are what they are times the row's weight, 1 / share sampled.

    `summed`: a row may hold the sums of many units (a day's totals), as in a table of the KPI's own. Its
    units are then what the denominator counts, if that is whole numbers, however many rows they come in.
    """

    rows: int = 0
    numerator: float = 0.0
    denominator: float = 0.0
    numerator_squares: float = 0.0
    denominator_squares: float = 0.0
    cross: float = 0.0
    summed: bool = False

    @property
    def is_share(self) -> bool:
        """Tell whether the numerator counts a part of what the denominator counts.

        Where rows are units every row adds 0 or 1 to both. Where they are sums both are whole numbers and
        no row's numerator is above its denominator, as far as the sums tell: Σx² ≤ Σxy ≤ Σy².
        """
        x, y = self.numerator, self.denominator
        if self.summed:
            whole = self.counts_units and all(map(_is_whole, (x, self.numerator_squares, self.cross)))
            return (
                whole
                and 0 <= x <= y
                and x <= self.numerator_squares <= self.cross <= self.denominator_squares
            )
        return x == self.numerator_squares == self.cross and y == self.denominator_squares and 0 <= x <= y

    @property
    def is_weighted_share(self) -> bool:
        """Tell whether the numerator is a part of the denominator and rows have weights: Σ(wx)² = Σ(wx)w."""
        x, y, squares = self.numerator, self.denominator, self.numerator_squares
        part = isclose(squares, self.cross, rel_tol=1e-9) and squares <= self.denominator_squares
        return not self.summed and part and 0 <= x <= y and x <= squares

    @property
    def counts_units(self) -> bool:
        """Tell whether the denominator of summed rows counts: whole numbers, none negative."""
        y, squares = self.denominator, self.denominator_squares
        return self.summed and _is_whole(y) and _is_whole(squares) and 0 <= y <= squares

    @property
    def units(self) -> int:
        """How many units the level rests on: those that the denominator counts, else the rows."""
        return round(self.denominator) if self.is_share or self.counts_units else self.rows

    def limits(self) -> Limits | None:
        """Return the interval of numerator / denominator; None where it has none."""
        if self.denominator == 0:
            return None
        if self.is_share:
            return wilson(self.numerator, self.denominator)
        if self.is_weighted_share:
            return weighted(
                self.numerator, self.denominator, (self.numerator_squares, self.denominator_squares)
            )
        if self.rows < 2:
            return None
        squares = (self.numerator_squares, self.denominator_squares, self.cross)
        return ratio_limits(self.numerator, self.denominator, squares, self.rows)


def _is_whole(value: float) -> bool:
    return float(value).is_integer()


def totals(subject: Subject) -> KpiTotals:
    """Return the sums of the subject's KPI; zeros where the profile does not hold it."""
    if subject.kpi is None or subject.kpi.name not in subject.profile.outcomes.kpis:
        return KpiTotals()
    found = subject.profile.outcomes.kpis[subject.kpi.name]
    sums = dict(zip(KPI_SUMS, np.asarray(found).sum(axis=0).tolist(), strict=True))
    return KpiTotals(
        rows=round(sums["rows"]),
        numerator=sums["numerator"],
        denominator=sums["denominator"],
        numerator_squares=sums["numerator²"],
        denominator_squares=sums["denominator²"],
        cross=sums["cross"],
        summed=subject.kpi.own_table,
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

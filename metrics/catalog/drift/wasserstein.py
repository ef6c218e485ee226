"""Wasserstein distance in units of the reference's standard deviation."""

import math

from core.grid import NumericGrid
from core.text import N_
from core.text import gettext as _
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import Better, Kind, Metric, Need, Per, Subject, Unit
from metrics.columns import pair
from metrics.distances import wasserstein as distance


def wasserstein(subject: Subject) -> MetricValue:
    """Return the Wasserstein-1 distance / the reference's standard deviation (≥ 0, no interval).

    >>> from metrics.examples import column
    >>> round(wasserstein(column()).value, 3)
    0.496
    """
    found = pair(subject)
    if isinstance(found, MetricValue):
        return found
    if not isinstance(found.grid, NumericGrid):
        return MetricValue.missing(_("The prediction is a class, not a number."), n=found.n)
    then, n = found.reference, int(found.reference.counts.sum())
    variance = then.squares / n - (then.total / n) ** 2
    if variance <= 1e-12 * then.squares / n:  # below what a sum of squares can tell from zero
        return MetricValue.missing(
            _("The reference is constant: there is no deviation to measure by."), n=found.n
        )
    area = distance(found.grid, found.current, then)
    return answer(area / math.sqrt(variance), n=found.n, numerator=area, denominator=math.sqrt(variance))


METRIC = Metric(
    name="drift.wasserstein",
    title=N_("Normed Wasserstein distance"),
    unit=Unit.NONE,
    better=Better.LOWER,
    per=Per.COLUMN,
    kinds=frozenset({Kind.NUMERIC, Kind.SCORE}),
    formula=N_(
        "∫ |F(x) − G(x)| dx / standard deviation of the reference, on the finest bins, both distribution "
        "functions linear inside a bin and beyond the grid up to the smallest and largest value seen"
    ),
    source="Vallender, S. S. (1974), Theory Probab. Appl. 18, 784–786",
    misleads=N_(
        "One wild value can carry it, and the reference's deviation too. Rows beyond the reference's range "
        "are taken as spread evenly, so far outliers are overstated."
    ),
    compute=wasserstein,
    needs=frozenset({Need.REFERENCE}),
)

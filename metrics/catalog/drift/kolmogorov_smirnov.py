"""Kolmogorov–Smirnov distance."""

from core.grid import NumericGrid
from core.text import N_
from core.text import gettext as _
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import Better, Kind, Metric, Need, Per, Subject, Unit
from metrics.columns import pair
from metrics.distances import kolmogorov_smirnov as distance


def kolmogorov_smirnov(subject: Subject) -> MetricValue:
    """Return the largest gap between the distribution functions now and then (0–1, no interval).

    >>> from metrics.examples import column
    >>> round(kolmogorov_smirnov(column()).value, 3)
    0.2
    """
    found = pair(subject)
    if isinstance(found, MetricValue):
        return found
    if not isinstance(found.grid, NumericGrid):
        return MetricValue.missing(_("The prediction is a class, not a number."), n=found.n)
    return answer(distance(found.grid, found.current, found.reference), n=found.n)


METRIC = Metric(
    name="drift.kolmogorov_smirnov",
    title=N_("Kolmogorov–Smirnov distance"),
    unit=Unit.SCORE,
    better=Better.LOWER,
    per=Per.COLUMN,
    kinds=frozenset({Kind.NUMERIC, Kind.SCORE}),
    formula=N_("max |F(x) − G(x)| on the finest bins, both distribution functions linear inside a bin"),
    source="Smirnov, N. (1948), Ann. Math. Stat. 19, 279–281",
    misleads=N_("Nearly blind in the tails: one value in a hundred gone to infinity moves it by 0.01 only."),
    compute=kolmogorov_smirnov,
    needs=frozenset({Need.REFERENCE}),
)

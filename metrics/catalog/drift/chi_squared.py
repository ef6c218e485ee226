"""Pearson's χ² statistic."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import answer
from metrics.base import Better, Metric, Need, Per, Subject, Unit
from metrics.columns import pair
from metrics.distances import chi_squared as statistic


def chi_squared(subject: Subject) -> MetricValue:
    """Return the χ² statistic of homogeneity (≥ 0, no interval); numerator χ², denominator its freedom.

    Equals `scipy.stats.chi2_contingency(counts, correction=False)`.

    >>> from metrics.examples import column
    >>> round(chi_squared(column("city")).value, 3)
    10.909
    """
    found = pair(subject)
    if isinstance(found, MetricValue):
        return found
    value, freedom = statistic(*found.binned())
    return answer(value, n=found.n, numerator=value, denominator=freedom)


METRIC = Metric(
    name="drift.chi_squared",
    title=N_("χ² statistic"),
    unit=Unit.NONE,
    better=Better.LOWER,
    per=Per.COLUMN,
    formula=N_(
        "Σ (observed − expected)² / expected over the table (now, reference) × bins: ten between the "
        "reference's deciles, one below and one above it (categorical: the levels, other, unseen)"
    ),
    source="Pearson, K. (1900), Phil. Mag. (5) 50, 157–175",
    misleads=N_(
        "Grows with the number of rows: with very many, a difference of no account is 'significant'. Compare "
        "windows of like size only, and only where most bins hold five rows."
    ),
    compute=chi_squared,
    needs=frozenset({Need.REFERENCE}),
)

"""Which share of a column is empty."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import share, too_few
from metrics.base import Better, Metric, Per, Subject, Unit
from metrics.columns import grid_of, summary


def missing(subject: Subject) -> MetricValue:
    """Return empty / all rows (0–1) with Wilson's interval; '@score' is the share of rows without a score.

    >>> from metrics.examples import column
    >>> missing(column()).value
    0.2
    """
    found = summary(subject.profile, subject.column, grid_of(subject.grids, subject.column, subject.profile))
    if found is None:
        return too_few(0)
    return share(found.missing, int(found.counts.sum()) + found.missing + found.invalid)


METRIC = Metric(
    name="quality.missing",
    title=N_("Missing values"),
    unit=Unit.PERCENT,
    better=Better.LOWER,
    per=Per.COLUMN,
    formula=N_("rows with NULL or NaN in the column / rows"),
    source="Breck, E. et al. (2019), Data validation for machine learning, MLSys",
    misleads=N_("A default value written instead of nothing (0, −1, 'unknown') does not count as missing."),
    compute=missing,
    stored=True,
)

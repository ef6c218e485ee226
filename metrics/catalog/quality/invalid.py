"""Which share of a column could not be read."""

from core.text import N_
from core.values import MetricValue
from metrics.answers import share, too_few
from metrics.base import Better, Kind, Metric, Per, Subject, Unit


def invalid(subject: Subject) -> MetricValue:
    """Return values that are not of the column's type / rows (0–1) with Wilson's interval.

    >>> from metrics.examples import column
    >>> invalid(column()).value
    0.0
    """
    found = subject.profile.inputs.columns.get(subject.column)
    if found is None:
        return too_few(0)
    return share(found.invalid, int(found.counts.sum()) + found.missing + found.invalid)


METRIC = Metric(
    name="quality.invalid",
    title=N_("Values that cannot be read"),
    unit=Unit.PERCENT,
    better=Better.LOWER,
    per=Per.COLUMN,
    kinds=frozenset({Kind.NUMERIC, Kind.CATEGORICAL}),
    formula=N_("values that cannot be read as the column's type / rows"),
    source="Breck, E. et al. (2019), Data validation for machine learning, MLSys",
    misleads=N_("A number in another unit, or with a comma read as thousands, is valid and wrong."),
    compute=invalid,
)
